"""Frames harvested from dynamics where an ensemble disagrees."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
pytest.importorskip("openmm")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import harvest, label, plan_first, plan_wide  # noqa: E402
from pbtrain.dataset import DataSet  # noqa: E402
from pbtrain.ensemble import write_ensemble  # noqa: E402
from pbtrain.holdout import occurs_in  # noqa: E402
from pbtrain.langevin import BOLTZMANN, KCAL_PER_U, MASS, STEP, langevin  # noqa: E402
from pbtrain.modelfile import load_model, save_model  # noqa: E402

BASE = {"E_QM - E_MM": "f_mm", "E_QM - E_nb": "f_nb"}


def test_the_worst_frames_are_chosen_with_gaps_between_them():
    spreads = [1, 9, 8, 1, 1, 1, 7, 1, 2, 6.5]
    assert harvest.choose(spreads, 5.0, count=3, gap=3) == [1, 6, 9]
    assert harvest.choose(spreads, 5.0, count=1, gap=3) == [1]
    assert harvest.choose(spreads, 10.0) == []


@pytest.mark.slow
def test_nothing_that_is_held_out_is_harvested():
    specs = harvest.harvest_specs(77, 400, [])
    held_out = {s.chains for plan in (plan_first.make_plan(2024), plan_wide.make_plan(4048)) for s in plan
                if s.split == "test" and s.kind != "residue"}
    assert len(specs) == 400 and all(s.split == "train" for s in specs)
    assert not any(occurs_in(part, s.chains) for part in held_out for s in specs if s.kind != "residue")
    assert {s.kind for s in harvest.harvest_specs(77, 30, ["dimer"])} == {"dimer"}
    in_vacuo = harvest.harvest_specs(77, 30, [], 1.0)
    assert {s.permittivity for s in in_vacuo} == {1.0} and [s.chains for s in in_vacuo] == [s.chains for s in specs[:30]]


def test_langevin_dynamics_keeps_the_temperature_of_free_oscillators():
    """Harmonic oscillators: <x^2> = kT / k."""
    rng, k, kelvin = np.random.default_rng(4), 300.0, 300.0
    x, squares = np.zeros((300, 3)), []
    for x in langevin(x, np.full(300, 6), lambda x: -k * x, kelvin, [100] * 30, rng):
        squares.append((x * x).mean())
    assert np.mean(squares[10:]) == pytest.approx(BOLTZMANN * kelvin / k, rel=0.05)
    assert STEP ** 2 * k * KCAL_PER_U / MASS[6] < 1, "well below the stability limit"


@pytest.mark.slow
def test_a_round_at_dry_run_size(tmp_path):
    """Two networks, one molecule: frames are labelled as other shards are, can be trained on, and a second start adds
    nothing."""
    try:
        label._libxtb()
    except OSError:
        pytest.skip("libxtb.so.6 is not installed")
    shipped = ROOT / "models" / "visnet-gfn2" / "visnet-gfn2.safetensors"
    model, header = load_model(shipped)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.02)
    other_network = tmp_path / "other.safetensors"
    save_model(other_network, model, "other", {}, header["target"])
    write_ensemble(tmp_path / "two.json", [shipped, other_network])
    command = [sys.executable, "-m", "pbtrain.harvest", tmp_path / "two.json", tmp_path / "out", "--seed", "5", "--specs", "1",
               "--kinds", "residue", "--spread", "0.5", "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "training"), os.environ.get("PYTHONPATH", "")])}
    times = []
    for _ in range(2):
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
        times.append([path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.h5")])
    assert times[0] == times[1]
    other = subprocess.run([*map(str, command), "--spread", "0.7"], env=environment, capture_output=True, text=True, timeout=280)
    assert other.returncode != 0 and "made with another spread" in other.stderr
    report = json.loads((tmp_path / "out" / "yield.json").read_text())
    chosen, random = (report["all"][label]["frames"] for label in ("chosen", "random"))
    assert max(chosen, random) <= report["counts"]["frames"] <= chosen + random and report["counts"]["chosen"] == chosen
    assert random == report["counts"]["trajectories"]
    assert report["all"]["chosen"]["spread"] > 0.5
    shard, = (tmp_path / "out").glob("shard_harvest_*.h5")
    with h5py.File(shard) as file:
        group = next(iter(file.values()))
        x, forces, numbers = group["positions"][0].astype(float), group["f_qm"][0], group["numbers"][:].astype(int)
        charge = int(group.attrs["charge"])
        gfn2 = label.Gfn2(numbers, charge)
        assert np.abs(gfn2.label(x).forces - forces).max() < 0.02, "single precision of the stored positions"
        gfn2.close()
        pair = [m.energy_forces(m.types_of(numbers), torch.from_numpy(x[None]).float(), charge)[1][0].numpy()
                for m, _ in map(load_model, (shipped, other_network))]
        mean, apart = np.mean(pair, 0), np.linalg.norm(pair[0] - pair[1], axis=1) / 2 ** 0.5
        assert group["error"][0] == pytest.approx(np.abs(mean + group[BASE[header["target"]]][0] - forces).mean(), rel=1e-3)
        assert group["spread"][0] == pytest.approx(apart.max(), rel=1e-3)
    data = DataSet([tmp_path / "out"], "train")
    assert data.add_new() > 0 and data.method == "GFN2-xTB"
