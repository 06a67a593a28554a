"""The whole chain at dry-run size: sample, label, train, resume, export, evaluate."""
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("openmm")
pytest.importorskip("h5py")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import gradients, label, train  # noqa: E402
from pbtrain.dataset import DataSet, Frames, epoch_chunks, fit_reference, make_batch  # noqa: E402
from pbtrain.modelfile import load_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402


def run(module, *arguments, **kwargs):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "training")}
    return subprocess.run([sys.executable, "-m", module, *map(str, arguments)], env=environment, text=True,
                          capture_output=True, timeout=300, **kwargs)


def molecule(name, numbers, frames, seed=0, charge=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(frames, len(numbers), 3)).astype(np.float32) * 2
    energy = np.array([-100.0 * sum(numbers) + 3 * charge] * frames)
    forces = rng.normal(size=x.shape).astype(np.float32)
    return Frames(name, "residue", np.array(numbers), charge, x, energy, forces, energy, forces,
                  np.zeros(frames, bool))


def test_reference_energies_are_recovered_exactly():
    molecules = [molecule("a", [6, 1, 1], 3), molecule("b", [8, 1], 2, charge=-1), molecule("c", [7, 6, 1], 4),
                 molecule("d", [16, 6, 6, 1], 2, charge=1), molecule("e", [8, 6], 5), molecule("f", [7, 7, 16], 2)]
    elements, charge = fit_reference(molecules, train.ELEMENTS)
    for z in train.ELEMENTS:
        assert elements[z] == pytest.approx(-100.0 * z, abs=1e-6)
    assert charge == pytest.approx(3.0, abs=1e-6)
    batch = make_batch(molecules, [(1, np.array([0, 1])), (3, np.array([1]))], train.ELEMENTS, (elements, charge))
    assert batch.energy.abs().max() < 1e-3
    assert batch.molecule.tolist() == [0, 0, 1]


def test_an_epoch_visits_every_frame_once():
    molecules = [molecule("a", [6, 1], 7), molecule("b", [8, 1], 4)]
    chunks = epoch_chunks(molecules, 3, np.random.default_rng(0))
    for k, m in enumerate(molecules):
        assert sorted(i for owner, rows in chunks if owner == k for i in rows) == list(range(len(m)))


def shard(path, *, split="train"):
    """A shard with one molecule of two frames; the second has a force error beyond what is trained on."""
    rng = np.random.default_rng(5)
    stored = {f"f_{part}": rng.normal(size=(2, 3, 3)).astype(np.float32) for part in ("qm", "mm", "nb")}
    stored["f_qm"][1, 0, 0] += 1000
    stored |= {f"e_{part}": rng.normal(size=2) for part in ("qm", "mm", "nb")}
    with h5py.File(path, "w") as file:
        file.attrs["reference_method"] = "GFN2-xTB, vacuum"
        group = file.create_group("molecule")
        group.attrs.update(name="ACE-ALA-NME", kind="residue", charge=0, split=split)
        for name, value in {**stored, "numbers": np.array([6, 1, 1]), "perturbed": np.zeros(2, bool),
                            "positions": rng.normal(size=(2, 3, 3)).astype(np.float32)}.items():
            group[name] = value
    return stored


@pytest.mark.parametrize("target, base", [("E_QM - E_MM", "mm"), ("E_QM - E_nb", "nb"), ("E_QM", None)])
def test_targets_are_differences_of_what_is_stored(tmp_path, target, base):
    stored = shard(tmp_path / "shard_00000.h5")
    data = DataSet([tmp_path], "train", target)
    assert data.add_new() == 1 and data.outliers == 1, "a frame beyond all bounds is left out"
    frames, = data.molecules.values()
    expected = [stored[f"{kind}_qm"][:1] - (stored[f"{kind}_{base}"][:1] if base else 0) for kind in "ef"]
    assert np.allclose(frames.energy, expected[0]) and np.allclose(frames.forces, expected[1])
    assert np.allclose(frames.mm_force_error, (stored["f_qm"] - stored["f_mm"])[:1])


def test_batch_of_several_molecules_equals_single_evaluations():
    torch.manual_seed(0)
    model = ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8))
    molecules = [molecule("a", [6, 1, 1, 8], 3), molecule("b", [8, 1, 16], 2, seed=1)]
    zero = ({z: 0.0 for z in train.ELEMENTS}, 0.0)
    batch = make_batch(molecules, [(0, np.arange(3)), (1, np.arange(2))], train.ELEMENTS, zero)
    energy, forces = gradients.predict(model, batch, training=False)
    singles = [model.energy_forces(model.types_of(m.numbers), torch.from_numpy(m.positions), 0) for m in molecules]
    assert torch.allclose(energy, torch.cat([e for e, _ in singles]), atol=1e-4)
    assert torch.allclose(forces, torch.cat([f.reshape(-1, 3) for _, f in singles]), atol=1e-4)


def test_learning_rate_follows_the_budget():
    assert train.learning_rate(0.0, 1.0) < train.learning_rate(0.01, 1.0) < train.learning_rate(0.015, 1.0) == 1.0
    assert train.learning_rate(1.0, 1.0) == pytest.approx(0.005)
    assert train.learning_rate(2.0, 1.0) == pytest.approx(0.005)


def test_training_without_data_says_what_to_do(tmp_path):
    result = run("pbtrain.train", tmp_path, tmp_path / "run", "--processes", 1, "--minutes", 0.01, "--engine", "torch")
    assert result.returncode != 0 and "pbtrain.generate" in result.stderr


@pytest.mark.slow
def test_dry_run_of_the_whole_chain(tmp_path):
    """About 40 frames, two processes, a resume; the exported network must beat no network on its training data.  The budget
    is in frames, so that the outcome does not depend on how busy the machine is."""
    try:
        label._libxtb()
    except OSError:
        pytest.skip("libxtb.so.6 is not installed")
    data, export = tmp_path / "data", tmp_path / "model.safetensors"
    generated = run("pbtrain.generate", data, "--workers", 2, "--scale", 0.0, "--seed", 3, "--shards", "0:4")
    assert generated.returncode == 0, generated.stderr
    shards = {p: p.stat().st_mtime_ns for p in data.glob("shard_*.h5")}
    assert len(shards) == 4
    assert run("pbtrain.generate", data, "--workers", 2, "--scale", 0.0, "--seed", 3, "--shards", "0:4").returncode == 0
    assert shards == {p: p.stat().st_mtime_ns for p in data.glob("shard_*.h5")}, "finished shards are kept"
    small = ("--engine", "torch", "--processes", 2, "--channels", 16, "--layers", 2, "--heads", 4, "--rbf", 8, "--lr", 0.01,
             "--molecules-per-batch", 1, "--frames-per-molecule", 2, "--export", export)
    first = run("pbtrain.train", data, tmp_path / "run", "--visits", 600, *small)
    assert first.returncode == 0, first.stderr
    before = torch.load(tmp_path / "run/checkpoint.pt")
    second = run("pbtrain.train", data, tmp_path / "run", "--visits", 1200, "--resume", *small)
    assert second.returncode == 0, second.stderr
    after = torch.load(tmp_path / "run/checkpoint.pt")
    assert after["step"] > before["step"] and after["elapsed"] > before["elapsed"]

    model, header = load_model(export)
    assert header["target"] == "E_QM - E_MM" and header["provenance"]["steps"] == after["step"]
    frames = DataSet([data], "train")
    frames.add_new()
    errors, sizes = [], []
    for m in frames.molecules.values():
        _, forces = model.energy_forces(model.types_of(m.numbers), torch.from_numpy(m.positions), m.charge)
        errors.append(abs(forces.numpy() - m.forces).mean())
        sizes.append(abs(m.forces).mean())
    assert np.mean(errors) < 0.9 * np.mean(sizes)

    report = tmp_path / "errors.json"
    evaluated = run("pbtrain.evaluate", export, "--data", data, "--json", report)
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(report.read_text())["held_out"]
