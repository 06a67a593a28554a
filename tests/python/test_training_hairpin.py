"""The verdict on chignolin's hairpin: kept where it is, lost where it is not; times and contacts by independent routes."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

mdtraj = pytest.importorskip("mdtraj")
openmm = pytest.importorskip("openmm")
from openmm import app, unit  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import hairpin  # noqa: E402


@pytest.fixture(scope="module")
def native():
    return mdtraj.load(str(hairpin.NATIVE))


def frames(native, positions):
    return mdtraj.Trajectory(np.asarray(positions, np.float32), native.topology)


def unfolding(native, count):
    """The strands open like a hinge: residues 6 to 10 turn away about an axis in the loop."""
    x = native.xyz[0].astype(float)
    moving = [a.index for a in native.topology.atoms if a.residue.index >= 5]
    hinge = x[next(a.index for a in native.topology.atoms if a.residue.index == 5 and a.name == "N")]
    across, normal = np.linalg.svd(x - x.mean(0))[2][1:]
    result = []
    for angle in np.linspace(0, 2.0, count):
        y, p = x.copy(), x[moving] - hinge
        y[moving] = hinge + (p * np.cos(angle) + np.cross(normal, p) * np.sin(angle)
                             + np.outer(p @ normal, normal) * (1 - np.cos(angle)))
        result.append(y)
    return frames(native, result)


def test_hydrogen_bonds_are_those_of_the_hairpin(native):
    """The ones it was folded with (examples/fold_gydpetgtwg.py, HYDROGEN_BONDS)."""
    found = {(native.topology.atom(n).residue.index + 1, native.topology.atom(o).residue.index + 1)
             for n, o in hairpin.hydrogen_bonds(native)}
    assert {(3, 8), (7, 3), (10, 1), (1, 10)} <= found and len(found) < 9


def test_native_contacts_follow_the_formula(native):
    x = native.xyz[0] * 1.15
    atoms = [a for a in native.topology.atoms if a.element.symbol != "H"]
    terms = []
    for k, a in enumerate(atoms):
        for b in atoms[k + 1:]:
            folded = np.linalg.norm(native.xyz[0, a.index] - native.xyz[0, b.index])
            if abs(a.residue.index - b.residue.index) > 3 and folded < 0.45:
                terms.append(1 / (1 + np.exp(50 * (np.linalg.norm(x[a.index] - x[b.index]) - 1.8 * folded))))
    assert hairpin.native_contacts(frames(native, [x]), native)[0] == pytest.approx(np.mean(terms), abs=1e-4)


def test_a_folded_run_is_kept_and_an_unfolding_one_lost(native):
    times = np.linspace(0.5, 40.0, 80)
    noise = np.random.default_rng(0).normal(size=(80, native.n_atoms, 3)) * 0.01
    kept, _ = hairpin.measure(frames(native, native.xyz[0] + noise), native, native, times)
    assert kept["kept"] and kept["stretches"] == 4 and kept["native_contacts_mean"] > 0.95
    lost, curves = hairpin.measure(unfolding(native, 80), native, native, times)
    assert not lost["kept"] and lost["rmsd_largest_stretch_nm"] > 0.3 and lost["closed_smallest_stretch"] < 0.2
    assert curves["rmsd"][0] < 1e-3 and curves["q"][0] > 0.99 > 0.3 > curves["q"][-1]


def test_a_short_loss_is_not_averaged_away(native):
    """30 ps folded, 10 ps open: the mean over all looks fine, the stretch does not."""
    times = np.linspace(0.5, 40.0, 80)
    positions = np.repeat(native.xyz, 80, axis=0)
    positions[60:] = unfolding(native, 80).xyz[-1]
    found, _ = hairpin.measure(frames(native, positions), native, native, times)
    assert found["native_contacts_mean"] > 0.75 and not found["kept"]


@pytest.fixture
def folder(native, tmp_path):
    """A run's output as the example writes it: 30 frames, 0.25 ps apart."""
    pdb = app.PDBFile(str(hairpin.NATIVE))
    with open(tmp_path / "trajectory.dcd", "wb") as out:
        dcd = app.DCDFile(out, pdb.topology, 0.001 * unit.picosecond, firstStep=250, interval=250)
        for _ in range(30):
            dcd.writeModel(pdb.positions)
    with open(tmp_path / "topology.pdb", "w") as out:
        app.PDBFile.writeFile(pdb.topology, pdb.positions, out)
    (tmp_path / "log.csv").write_text("step,time_ps,temperature_K\r\n50,0.05,290\r\n100,0.1,310\r\n")
    (tmp_path / "safety.csv").write_text("step,longest bond ratio,bond,problems\n50,1.05,N to CA,\n100,1.12,N to CA,\n")
    (tmp_path / "system.xml").write_text('<System><Force modelHash="abc123" type="F"/></System>')
    return tmp_path


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "pbtrain.hairpin", *map(str, arguments)], text=True, capture_output=True,
                          env={"PYTHONPATH": str(ROOT / "training"), "PATH": "/usr/bin"})


def test_the_output_of_a_run_is_read(folder, tmp_path):
    assert hairpin.frame_times(folder / "trajectory.dcd", 30) == pytest.approx(0.25 * np.arange(1, 31), rel=1e-6)
    result = run(folder, "--json", tmp_path / "h.json", "--figure", tmp_path / "h.png")
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "h.json").read_text())
    assert found["kept"] and found["model"] == "abc123" and found["frames"] == 30
    assert found["picoseconds"] == pytest.approx(7.5, rel=1e-5)
    assert found["temperature_mean"] == 300 and found["longest_bond_ratio"] == 1.12
    assert (tmp_path / "h.png").stat().st_size > 5000


def test_a_folded_peptide_with_a_broken_bond_is_not_kept(folder, tmp_path):
    with open(folder / "safety.csv", "a") as file:
        file.write("150,1.61,N to CA,the bond N to CA is broken\n")
    result = run(folder, "--json", tmp_path / "h.json")
    assert result.returncode == 1 and "step 150: the bond N to CA is broken" in result.stdout
    found = json.loads((tmp_path / "h.json").read_text())
    assert not found["kept"] and len(found["problems"]) == 1


def test_missing_files_and_another_protein_are_named(folder):
    result = run(folder, "--native", ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb")
    assert result.returncode != 0 and "is not that of" in result.stderr
    (folder / "log.csv").unlink()
    result = run(folder)
    assert result.returncode != 0 and "log.csv does not exist" in result.stderr
