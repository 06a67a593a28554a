"""Parts of the data, and comparisons of settings."""
import fcntl
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain import experiments, train  # noqa: E402
from pbtrain.dataset import DataSet, Selection  # noqa: E402
from pbtrain.modelfile import save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

KINDS = ("residue", "window", "dimer", "peptide")


def shards(folder, count=4, frames=10):
    """Shards with one molecule of each kind, every second frame distorted."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for k in range(count):
        with h5py.File(folder / f"shard_{k:05d}.h5", "w") as file:
            file.attrs["reference_method"] = "GFN2-xTB, vacuum"
            for kind in KINDS:
                group = file.create_group(kind)
                group.attrs.update(name=f"{kind}-{k}", kind=kind, charge=0, split="train", seed=100 * k + len(kind))
                for part in ("qm", "mm", "nb"):
                    group[f"f_{part}"] = rng.normal(size=(frames, 3, 3)).astype(np.float32)
                    group[f"e_{part}"] = rng.normal(size=frames)
                group["numbers"], group["perturbed"] = np.array([6, 1, 1]), np.arange(frames) % 2 == 1
                group["positions"] = rng.normal(size=(frames, 3, 3)).astype(np.float32)
    return folder


def frames_of(folder, **selection):
    data = DataSet([folder], "train", selection=Selection(**selection))
    data.add_new()
    return data.molecules


def test_a_share_of_the_shards_is_their_beginning(tmp_path):
    folder = shards(tmp_path / "data")
    assert {name[-1] for name in frames_of(folder, shards=0.5)} == {"0", "1"}
    assert len(frames_of(folder)) == 4 * len(KINDS)


def test_kinds_select_molecules(tmp_path):
    found = frames_of(shards(tmp_path / "data"), kinds=("residue", "dimer"))
    assert {m.kind for m in found.values()} == {"residue", "dimer"} and len(found) == 8


def test_distorted_frames_thin_out_the_same_way_every_time(tmp_path):
    folder = shards(tmp_path / "data", frames=60)
    some, again, none = (frames_of(folder, distorted=share) for share in (0.4, 0.4, 0.0))
    for name, molecule in some.items():
        assert (~molecule.perturbed).sum() == 30 == len(none[name]), "the others stay"
        assert 3 <= molecule.perturbed.sum() <= 21
        assert np.array_equal(molecule.energy, again[name].energy)
    assert sum(m.perturbed.sum() for m in some.values()) == pytest.approx(0.4 * 30 * len(some), rel=0.2)


@pytest.fixture
def done(tmp_path):
    """A plan with three runs, of which two are done; the folder."""
    output = tmp_path / "out"
    for name, visits, error in (("baseline", 100, 1.0), ("200 visits", 200, 0.5)):
        folder = experiments.folder_of(name, output)
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        save_model(folder / experiments.MODEL, ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8)), "x",
                   {"frame_visits": visits, "minutes": 0.5, "training_frames": {"residue": 7, "window": 5}})
        (folder / experiments.ERRORS).write_text(json.dumps({
            "held_out": {"residue": {"force_mae": error, "relative_mae": 0.3}},
            "whole": {"whole_chig": {"force_mae": 2 * error, "relative_per_atom_mae": 0.01}}}))
    plan = tmp_path / "plan.toml"
    plan.write_text(f'data = ["{tmp_path / "data"}"]\nwhole = []\nvisits = 100\n[runs]\nbaseline = ""\n'
                    '"200 visits" = "--visits 200"\nlate = "--lr 1"\n[curves]\nvisits = ["baseline", "200 visits"]\n')
    return plan, output


def test_the_table_tells_of_runs_that_are_done(done, monkeypatch, capsys):
    plan, output = done
    monkeypatch.setattr(sys, "argv", ["experiments", str(plan), str(output), "--only"])
    experiments.main()
    table = (output / experiments.TABLE).read_text()
    assert "| baseline |" in table and "| 200 visits |" in table and "late" not in table
    assert "2.000" in table and "1.000" in table and "| 3 |" in table, "whole error, frames a second"
    assert (output / experiments.CURVES).stat().st_size > 1000
    assert table.strip() in capsys.readouterr().out


def test_force_calls_are_timed(done, monkeypatch, pb):
    plan, output = done
    protein = Path(__file__).parent / "structures" / "capped_alanine.pdb"
    monkeypatch.setattr(sys, "argv", ["experiments", str(plan), str(output), "--only", "--time", str(protein)])
    experiments.main()
    header, _, *lines = (output / experiments.TABLE).read_text().strip().splitlines()
    column = [cell.strip() for cell in header.split("|")].index("ms a call")
    assert len(lines) == 2 and all(0 < float(line.split("|")[column]) < 1000 for line in lines)
    assert (output / experiments.SIZES).stat().st_size > 1000
    monkeypatch.setattr(sys, "argv", ["experiments", str(plan), str(output), "--only"])
    experiments.main()
    assert (output / experiments.TABLE).read_text().strip().splitlines() == [header, _, *lines], "times are kept"


def test_a_run_that_is_not_in_the_plan_is_named(done, monkeypatch, capsys):
    plan, output = done
    monkeypatch.setattr(sys, "argv", ["experiments", str(plan), str(output), "--only", "nothing"])
    with pytest.raises(SystemExit):
        experiments.main()
    assert "no run nothing" in capsys.readouterr().err


def test_all_runs_use_the_shards_of_the_first_start(tmp_path):
    folder = shards(tmp_path / "data", count=2)
    links = experiments.link_shards([str(folder)], tmp_path / "out")
    (folder / "shard_00009.h5").write_bytes(b"later")
    assert experiments.link_shards([str(folder)], tmp_path / "out") == links
    assert len(list(links[0].glob("*.h5"))) == 2 and len(frames_of(links[0])) == 8


def test_a_run_is_left_to_the_process_that_is_at_it(tmp_path, capsys):
    (tmp_path / "x").mkdir()
    with open(tmp_path / "x" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        experiments.run("x", "", {"visits": 1, "whole": []}, [], tmp_path / "x", 1)
    assert "another process is at it" in capsys.readouterr().out


def test_a_failed_run_names_its_log_and_an_interrupted_one_goes_on(tmp_path, monkeypatch):
    calls = []

    def subprocess_run(command, **options):
        calls.append(command[2:])
        done = command[2] == "pbtrain.train" and len(calls) > 1
        if done:
            Path(command[command.index("--export") + 1]).write_bytes(b"")
        return subprocess.CompletedProcess(command, 0 if done else 1)
    monkeypatch.setattr(subprocess, "run", subprocess_run)
    plan, folder = {"visits": 7, "whole": [], "common": "--lr 2"}, tmp_path / "x"
    with pytest.raises(SystemExit, match="x: pbtrain.train failed, see .*train.log"):
        experiments.run("x", "--layers 4", plan, [tmp_path], folder, 1)
    assert "--resume" not in calls[0] and calls[0][-4:] == ["--lr", "2", "--layers", "4"]
    (folder / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(SystemExit, match="pbtrain.evaluate failed"):
        experiments.run("x", "--layers 4", plan, [tmp_path], folder, 1)
    assert "--resume" in calls[1] and (folder / experiments.MODEL).exists()
    with pytest.raises(SystemExit, match="pbtrain.evaluate failed"):
        experiments.run("x", "--layers 4", plan, [tmp_path], folder, 1)
    assert [call[0] for call in calls] == ["pbtrain.train", "pbtrain.train", "pbtrain.evaluate", "pbtrain.evaluate"]


@pytest.mark.parametrize("wrong", [{"shards": 0.0}, {"shards": 25}, {"distorted": -0.1}, {"distorted": 1.2}])
def test_shares_beyond_their_bounds_are_refused(wrong):
    with pytest.raises(ValueError, match=f"--{next(iter(wrong))} is a share"):
        Selection(**wrong)
