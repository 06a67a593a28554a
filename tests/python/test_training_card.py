"""The model card says what the file and the measured errors say, and what has not been measured."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("openmm")
from conftest import STAGED  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import evaluate, parity, train  # noqa: E402
from pbtrain.dataset import Frames  # noqa: E402
from pbtrain.modelfile import file_hash, save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

ROW = {"frames": 7, "force_mae": 0.4567, "force_rmse": 0.6, "force_max": 3.2, "mm_force_mae": 8.1, "mm_force_rmse": 11.0,
       "mm_force_max": 50.0, "relative_mae": 0.25, "mm_relative_mae": 2.5, "absolute_mae": 1.5}
PSI = [-180, -90, 0, 90]


MADE = {"minutes": 12.3, "steps": 45678, "frame_visits": 99999, "training_frames": {"dimer": 11, "residue": 33},
        "training_molecules": 33, "dropped_outliers": 5, "init": "0a1b", "command": "pbtrain.train data run"}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8)), "m", MADE)
    return path


def write_card(model, *arguments):
    return subprocess.run([sys.executable, "-m", "pbtrain.card", model, *arguments], text=True, capture_output=True,
                          env={"PYTHONPATH": f"{ROOT / 'training'}:{STAGED}", "PATH": "/usr/bin"})


def written(path, content):
    path.write_text(json.dumps(content))
    return path


def test_what_is_missing_is_said(model):
    found = write_card(model)
    assert found.returncode == 0, found.stderr
    text = model.with_name("README.md").read_text()
    for what, command in (("Whole proteins", "pbtrain.evaluate --whole"), ("Held-out fragments", "pbtrain.evaluate --data"),
                          ("Parity plots", "pbtrain.evaluate --parity"), ("Ramachandran surfaces", "pbtrain.ramachandran"),
                          ("Fragment schemes on whole proteins", "make accuracy"), ("Chignolin in water", "pbtrain.hairpin"),
                          ("Dynamics of every residue form", "pbtrain.stability"), ("Total energy", "pbtrain.nve")):
        line = next(line for line in text.splitlines() if line.startswith(f"*{what}"))
        assert "not measured for this file" in line and command in line


def test_the_card_has_the_figures(model):
    model.with_name("notes.md").write_text("## Limits\n\nNone that we know.\n")
    errors = written(model.with_name("errors.json"), {
        "model": file_hash(model), "held_out": {"residue": ROW, "ACE-ALA-NME": ROW},
        "whole": {"whole_chig": ROW | {"atoms": 175, "relative_per_atom_mae": 0.0065, "mm_relative_per_atom_mae": 0.0344}}})
    found = write_card(model, errors)
    assert found.returncode == 0, found.stderr
    text = model.with_name("README.md").read_text()
    for part in (file_hash(model), "2 layers, 16 channels", "45,678 steps", "`pbtrain.train data run`", "| residues | 33 | 75% |",
                 "33 molecules, begun with the network whose SHA-256 is `0a1b`",
                 "| dimers | 11 | 25% |", "5 frames with force components",
                 "| residue | 7 | 0.46 (8.10) | 0.60 (11.00) | 3.20 (50.00) | 0.25 (2.50) |  |  | 1.50 |",
                 "| chig | 175 | 7 | 0.46 (8.10) | 0.60 (11.00) | 3.20 (50.00) | 0.0065 (0.0344) |", "None that we know"):
        assert part in text, part
    assert "Held-out fragments: not measured" not in text


def test_all_sections_from_all_tools(model, tmp_path):
    digest = file_hash(model)
    rng = np.random.default_rng(0)
    values = parity.Parity()
    values.add("dimer", "energy", np.arange(5.0), np.arange(5.0) + 0.5, np.zeros(5))
    values.add("dimer", "force", *rng.normal(size=(3, 5, 4, 3)))
    values.save(tmp_path / "parity.npz", digest)
    ramachandran = written(tmp_path / "r.json", {"model": digest, "step_degrees": 90, "region": 10.0, "residues": {"GLY": {
        "phi": PSI, "psi": PSI, "energy": {key: [[1.0 * abs(i - j) for j in range(4)] for i in range(4)]
                                           for key in ("gfn2-xtb", "network", "ff14sb")},
        "network": {"points": 16, "missing": 0, "rmsd": 0.321, "rmsd_minima": 0.4, "largest": 1.0, "largest_at": [-90, 0]},
        "ff14sb": {"points": 16, "rmsd": 1.75}}}})
    run = {"name": "ACE-ALA-NME", "temperature": 300.0, "picoseconds": 100.0, "seed": 1, "steps": 100000, "failure": None,
           "detail": "", "largest_bond_ratio": 1.1, "largest_bond": "a-b", "flips": [], "temperature_mean": 301.0}
    runs = tmp_path / "runs.jsonl"
    runs.write_text("".join(json.dumps(run | {"hash": h}) + "\n" for h in (digest, "another")))
    hairpin = written(tmp_path / "h.json", {
        "model": digest, "kept": True, "picoseconds": 100.0, "temperature_mean": 300.2, "rmsd_mean_nm": 0.0561,
        "rmsd_largest_stretch_nm": 0.08, "native_contacts_mean": 0.94, "native_contacts_smallest_stretch": 0.91,
        "closed_mean": 0.84, "closed_smallest_stretch": 0.81, "longest_bond_ratio": 1.13,
        "hydrogen_bonds": {"ASP3:N-THR8:O": {"mean_nm": 0.3047, "closed": 0.98}},
        "criteria": {"stretch_ps": 10.0, "largest_rmsd_nm": 0.15, "smallest_native_contacts": 0.8, "smallest_closed": 0.5}})
    hairpin.with_suffix(".png").write_bytes(b"a picture")
    scheme = {"frames": 2, "failed": [], "force_mae": 1.25, "energy_mae_per_atom": 0.0123}
    accuracy = written(tmp_path / "summary.json", {"hash": digest, "structures": {"trpcage": {
        "atoms": 281, "frames": 2, "mm": scheme | {"force_mae": 7.5}, "exact": {"dipeptide": scheme},
        "network": {"whole": scheme | {"force_mae": 0.9}, "window2": {"frames": 0, "failed": ["x"]}}}}})
    nve = tmp_path / "nve.log"
    nve.write_text("ACE-ALA-NME: intact\n")
    (tmp_path / "card").mkdir()
    moved = tmp_path / "card" / model.name
    moved.write_bytes(model.read_bytes())
    found = write_card(moved, "--parity", tmp_path / "parity.npz", "--ramachandran", ramachandran, "--stability", runs,
                       "--hairpin", hairpin, "--accuracy", accuracy, "--nve", nve)
    assert found.returncode == 0, found.stderr
    text = moved.with_name("README.md").read_text()
    for part in ("| GLY | 16 | **0.32** | 0.40 | 1.00 | (-90, 0) | 1.75 |", "| vacuum, 300 K, 100 ps | 1 (1) | **0** | 1.10",
                 "hairpin **kept**", "0.056 nm on average", "ASP3:N-THR8:O 0.305 nm (98%)", "| ff14SB | 7.50; 0.0123 |",
                 "| GFN2-xTB fragments, `dipeptide` | 1.25; 0.0123 |", "| network, `whole` | 0.90; 0.0123 |",
                 "| network, `window2` | — (1 failed) |", "    ACE-ALA-NME: intact"):
        assert part in text, part
    for name in ("parity.png", "ramachandran.png", "hairpin.png"):
        assert f"({name})" in text and moved.with_name(name).is_file()
    assert moved.with_name("hairpin.png").read_bytes() == b"a picture"


def test_sections_without_new_results_are_kept(model, tmp_path):
    errors = written(tmp_path / "errors.json", {"model": file_hash(model), "held_out": {"residue": ROW}})
    nve = tmp_path / "nve.log"
    nve.write_text("ACE-ALA-NME: intact\n")
    assert write_card(model, errors).returncode == 0
    model.with_name("notes.md").write_text("## Limits\n\nNone.\n")
    assert write_card(model, "--nve", nve).returncode == 0
    both = model.with_name("README.md").read_text()
    assert "| residue | 7 |" in both and "Parity plots: not measured" in both
    assert "    ACE-ALA-NME: intact" in both and "Total energy in NVE dynamics: not measured" not in both
    assert write_card(model).returncode == 0
    assert model.with_name("README.md").read_text() == both
    save_model(model, ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8)), "m", MADE | {"minutes": 1.0})
    assert write_card(model).returncode == 0
    anew = model.with_name("README.md").read_text()
    assert "| residue | 7 |" not in anew and "ACE-ALA-NME" not in anew and "None." in anew


def test_every_input_keeps_what_the_others_gave(model, tmp_path):
    digest = file_hash(model)
    errors = written(tmp_path / "errors.json", {"model": digest, "held_out": {"residue": ROW}})
    scheme = {"frames": 2, "failed": [], "force_mae": 1.25, "energy_mae_per_atom": 0.0123}
    accuracy = written(tmp_path / "summary.json", {"hash": digest, "structures": {"trpcage": {
        "atoms": 281, "frames": 2, "mm": scheme, "exact": {}, "network": {"whole": scheme}}}})
    runs = written(tmp_path / "runs.jsonl", {
        "name": "ACE-ALA-NME", "temperature": 300.0, "picoseconds": 100.0, "seed": 1, "steps": 1, "failure": None, "hash": digest,
        "detail": "", "largest_bond_ratio": 1.1, "largest_bond": "a-b", "flips": [], "temperature_mean": 301.0})
    nve = tmp_path / "nve.log"
    nve.write_text(f"model {digest}\nACE-ALA-NME: intact\n")
    assert write_card(model, errors, "--nve", nve).returncode == 0
    assert write_card(model, "--accuracy", accuracy).returncode == 0
    assert write_card(model, "--stability", runs).returncode == 0
    apart = model.with_name("README.md").read_text()
    for part in ("| residue | 7 |", "    ACE-ALA-NME: intact", "| ff14SB | 1.25; 0.0123 |", "| vacuum, 300 K, 100 ps | 1 (1) |"):
        assert apart.count(part) == 1, part
    assert f"model {digest}" not in apart and "Ramachandran surfaces: not measured" in apart
    assert write_card(model, errors, "--nve", nve, "--accuracy", accuracy, "--stability", runs).returncode == 0
    assert model.with_name("README.md").read_text() == apart
    nve.write_text(f"model {'7' * 64}\nACE-ALA-NME: intact\n")
    found = write_card(model, "--nve", nve)
    assert found.returncode != 0 and "another model file (777777777777" in found.stderr and "pbtrain.nve" in found.stderr


@pytest.mark.parametrize("option, content, tool", [
    (None, {"model": "0" * 64}, "pbtrain.evaluate"), ("--ramachandran", {"residues": {}}, "pbtrain.ramachandran"),
    ("--accuracy", {"model": "m", "structures": {}}, "make accuracy"), ("--hairpin", {"model": "7" * 64}, "pbtrain.hairpin"),
    ("--stability", {"hash": "7" * 64}, "pbtrain.stability")])
def test_results_of_another_model_are_refused(model, tmp_path, option, content, tool):
    path = written(tmp_path / "results", content)
    found = write_card(model, *([option, path] if option else [path]))
    assert found.returncode != 0 and "model file" in found.stderr and tool in found.stderr
    assert not model.with_name("README.md").exists()


def test_a_missing_input_is_named(model):
    found = write_card(model, "--parity", "nowhere.npz")
    assert found.returncode == 2 and "nowhere.npz does not exist" in found.stderr


def test_parity_values_are_those_of_the_frames(tmp_path, monkeypatch):
    """E_QM, E_QM + the network's error, E_MM; energies from their molecule's mean; perturbed frames apart."""
    rng = np.random.default_rng(1)
    numbers, count = np.array([8, 1, 1]), 6
    energy, forces, mm_energy, mm_forces = [rng.normal(size=shape) for shape in ((count,), (count, 3, 3)) * 2]
    perturbed = np.array([False, False, False, False, True, True])
    target = 0.7 * energy - 3.0, 0.7 * forces  # some other base than ff14SB
    molecule = Frames("w", "dimer", numbers, 0, rng.normal(size=(count, 3, 3)), *target, energy - mm_energy,
                      forces - mm_forces, perturbed, energy, forces, energy * np.nan, forces * np.nan)
    wrong = rng.normal(size=count), rng.normal(size=(count, 3, 3))

    class OneMolecule:
        molecules = {"w": molecule}
        method = "GFN2-xTB"

        def __init__(self, *arguments, totals):
            assert totals

        def add_new(self):
            pass
    monkeypatch.setattr(evaluate, "DataSet", OneMolecule)
    monkeypatch.setattr(evaluate, "predictions", lambda *arguments: (target[0] + wrong[0], target[1] + wrong[1]))
    values = parity.Parity()
    evaluate.held_out(None, "E_QM - E_MM", "GFN2-xTB", [], None, values)
    values.save(tmp_path / "p.npz", "hash")
    digest, kinds = parity.load(tmp_path / "p.npz")
    assert digest == "hash" and set(kinds) == {"dimer", "perturbed"}
    keep = ~perturbed
    network = (energy + wrong[0])[keep]
    assert kinds["dimer"]["energy"]["reference"] == pytest.approx(energy[keep] - energy[keep].mean(), abs=1e-6)
    assert kinds["dimer"]["energy"]["network"] == pytest.approx(network - network.mean(), abs=1e-6)
    assert kinds["dimer"]["force"]["reference"] == pytest.approx(forces[keep].ravel(), abs=1e-6)
    assert kinds["dimer"]["force"]["mm"] == pytest.approx(mm_forces[keep].ravel(), abs=1e-6)
    assert kinds["perturbed"]["force"]["network"] == pytest.approx((forces + wrong[1])[perturbed].ravel(), abs=1e-6)


def test_kinds_without_mm_parameters_are_drawn(tmp_path):
    values, x = parity.Parity(), np.linspace(-1, 1, 60).reshape(5, 4, 3)
    values.add("pair", "force", x, x + 0.1, np.full_like(x, np.nan))
    values.save(tmp_path / "p.npz", "hash")
    parity.figure(parity.load(tmp_path / "p.npz")[1], tmp_path / "p.png", "title")
    assert (tmp_path / "p.png").stat().st_size > 3000
