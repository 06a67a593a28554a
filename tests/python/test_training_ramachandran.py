"""Relaxed (phi, psi) scans: independent of their start, resumable, symmetric where they must be; the comparison's numbers."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import ramachandran, torsion_scan  # noqa: E402
from pbtrain.constrained import numerical_hessian  # noqa: E402
from pbtrain.torsion_scan import Residue, Scan  # noqa: E402
from scanpotentials import ff14sb  # noqa: E402


def scan(residue, path, potential=None):
    model = ff14sb(residue)
    return Scan(residue, path, "ff14sb", potential or model, model)


@pytest.fixture(scope="module")
def glycine(tmp_path_factory):
    residue = Residue("GLY", step=60)
    found = scan(residue, tmp_path_factory.mktemp("scan") / "gly.npz")
    found.run([residue.start()])
    return found


def test_every_point_is_a_minimum_at_its_grid_values(glycine):
    assert np.isfinite(glycine.energy).all() and glycine.off_grid() < 1e-4 and glycine.gradient.max() < 0.05
    potential = ff14sb(glycine.residue)
    for point in [(0, 0), (2, 4), (5, 1)]:
        x = glycine.positions[point]
        assert potential(x)[0] == pytest.approx(glycine.energy[point], abs=1e-9)
        hessian = numerical_hessian(potential, x)
        free = np.linalg.svd(glycine.residue.held(point).jacobian(x))[2][2:]
        assert np.linalg.eigvalsh(free @ hessian @ free.T).min() > -1.0, "no saddle point"


def test_surface_of_glycine_is_symmetric(glycine):
    """E(phi, psi) = E(-phi, -psi), and the stored geometries are those of their points."""
    for i, j in np.ndindex(glycine.energy.shape):
        assert glycine.energy[i, j] == pytest.approx(glycine.energy[-i % 6, -j % 6], abs=torsion_scan.BETTER)


@pytest.mark.slow
def test_surface_does_not_depend_on_the_start(tmp_path):
    """Scans of capped serine begun in each rotamer at opposite corners end in the same surface."""
    residue = Residue("SER", step=120)
    starts = []
    for k, rotamer in enumerate(residue.rotamers):
        held = Scan(residue, tmp_path / f"rotamer{k}.npz", str(k), ff14sb(residue), ff14sb(residue), rotamer)
        held.run([residue.start()])
        assert abs(residue.held((1, 2), rotamer).deviations(held.positions[1, 2])).max() < 1e-6
        starts.append(held.positions)
    surfaces = []
    for k, order in enumerate((starts, starts[::-1])):
        found = scan(residue, tmp_path / f"{k}.npz")
        found.run([order[0][2 * k, 2 * k], *order])
        surfaces.append(found.energy)
    assert surfaces[0] == pytest.approx(surfaces[1], abs=2 * torsion_scan.BETTER)
    lowest = np.minimum.reduce([s for s in surfaces])
    for start in starts:  # no rotamer, relaxed by itself at any point, lies below
        single = scan(residue, tmp_path / "single.npz")
        for point in np.ndindex(lowest.shape):
            single._try(point, start[point])
        assert (single.energy > lowest - 2 * torsion_scan.BETTER).all()


def test_an_interrupted_scan_goes_on(glycine, tmp_path, monkeypatch):
    monkeypatch.setattr(torsion_scan, "SAVE_SECONDS", 0.0)
    residue, calls = glycine.residue, [0]
    real = ff14sb(residue)

    def stops(x):
        calls[0] += 1
        if calls[0] > 150:
            raise KeyboardInterrupt
        return real(x)
    first = scan(residue, tmp_path / "gly.npz", stops)
    with pytest.raises(KeyboardInterrupt):
        first.run([residue.start()])
    second = scan(residue, tmp_path / "gly.npz")
    reached = np.isfinite(second.energy).sum()
    assert 0 < reached < second.energy.size and second.count["gradients"] > 30
    second.run([residue.start()])
    assert second.energy == pytest.approx(glycine.energy, abs=2 * torsion_scan.BETTER)
    before = second.count["gradients"]
    third = scan(residue, tmp_path / "gly.npz")
    third.run([residue.start()])
    assert third.count["gradients"] == before, "a finished scan is not done again"
    with pytest.raises(ValueError, match="gly.npz is a scan of GLY ff14sb, not of GLY other"):
        Scan(residue, tmp_path / "gly.npz", "other", real, real)


def test_minima_of_another_potential_are_tried(glycine, tmp_path):
    """A scan that lacks a low basin gets it from the other one."""
    residue = glycine.residue
    poor = scan(residue, tmp_path / "poor.npz")
    poor.run([residue.start()])
    poor.identity, kept = "GLY poor", glycine.energy.copy()
    poor.energy = poor.energy + 1.0  # as if every minimum found were a higher one
    poor.positions = poor.positions + np.random.default_rng(0).normal(size=poor.positions.shape)
    assert poor.exchange(glycine, 5.0) > 0
    low = kept - kept.min() < 5.0
    assert poor.energy[low] == pytest.approx(kept[low], abs=torsion_scan.BETTER)
    assert poor.exchange(glycine, 5.0) == 0, "once is enough"


def test_unsound_geometries_are_refused(glycine):
    residue, x = glycine.residue, glycine.positions[2, 3]
    alanine = Residue("ALA")
    y = alanine.start()
    assert alanine.is_sound(y, y) and not alanine.is_sound(y * [1, 1, -1], y)
    assert residue.is_sound(x * [1, 1, -1], x), "glycine has no chirality"
    broken = x.copy()
    broken[0] += 5.0
    assert not residue.is_sound(broken, x)


def test_comparison_takes_out_a_constant_and_keeps_to_the_region():
    reference = np.array([[0.0, 2.0, 4.0], [9.9, 10.1, 30.0]])
    same = ramachandran.compare(reference, reference + 7.0)
    assert same["points"] == 4 and same["rmsd"] == same["rmsd_minima"] == pytest.approx(0.0, abs=1e-12)
    energy = reference + [[0.0, 1.0, -1.0], [2.0, 50.0, 50.0]]
    found = ramachandran.compare(reference, energy)
    assert found["rmsd"] == pytest.approx(np.std([0.0, 1.0, -1.0, 2.0]))
    assert found["rmsd_minima"] == pytest.approx(np.sqrt(np.mean(np.square([0.0, 1.0, -1.0, 2.0]))))
    assert found["largest"] == pytest.approx(1.5) and found["largest_at"] in ((0, 2), (1, 0))
    energy[0, 1] = np.nan
    assert ramachandran.compare(reference, energy)["missing"] == 1


def test_proline_keeps_to_its_ring_and_rotamers_are_known():
    proline, valine = Residue("PRO"), Residue("VAL")
    assert proline.phi.tolist() == list(range(-120, -29, 15)) and len(proline.psi) == 24
    assert proline.rotamers == [-30, 30] and valine.rotamers == [-60, 60, 180] and len(valine.phi) == 24
    atoms = list(valine.molecule.topology.atoms())
    assert [atoms[i].name for i in valine.chi[0]] == ["N", "CA", "CB", "CG1"]
    assert [[atoms[i].name for i in quad] for quad in valine.backbone] == [["C", "N", "CA", "C"], ["N", "CA", "C", "N"]]


def test_reference_in_the_tree_fits_the_grids():
    found = json.loads((ROOT / "training" / "reference" / "ramachandran_gfn2.json").read_text())["residues"]
    assert {"ALA", "GLY", "PRO"} <= set(found)
    for name, row in found.items():
        residue, energy = Residue(name), np.array(row["energy"], float)
        assert row["phi"] == residue.phi.tolist() and row["psi"] == residue.psi.tolist()
        assert energy.shape == (len(residue.phi), len(residue.psi)) and energy.min() == 0
    energy = np.array(found["GLY"]["energy"])
    mirrored = np.roll(energy[::-1, ::-1], 1, axis=(0, 1))  # (phi, psi) -> (-phi, -psi) on a grid that begins at -180
    assert energy == pytest.approx(mirrored, abs=0.02)


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["ramachandran", *map(str, arguments)])
    ramachandran.main()


def test_reference_of_a_file_is_used_and_the_figure_drawn(pb, network, tmp_path, monkeypatch, capsys):
    """A coarse grid; the network against ff14SB's surface as if it were the reference."""
    monkeypatch.setattr(ramachandran, "Residue", lambda name: Residue(name, step=90))
    psi = list(range(-180, 180, 90))
    reference = tmp_path / "reference.json"
    reference.write_text(json.dumps({"residues": {"GLY": {"phi": psi, "psi": psi, "energy": [[float(abs(i - j)) for j in
                                                          range(4)] for i in range(4)]}}}))
    out = tmp_path / "out.json"
    run_main(monkeypatch, network, "--residues", "GLY", "--scans", tmp_path / "scans", "--reference", reference,
             "--json", out, "--figure", tmp_path / "r.png")
    found = json.loads(out.read_text())
    assert found["model"] and found["residues"]["GLY"]["network"]["points"] == 16
    assert "| GLY | 16" in capsys.readouterr().out and (tmp_path / "r.png").stat().st_size > 5000
    assert {path.name.split("_")[1].removesuffix(".npz") for path in (tmp_path / "scans").iterdir()} >= {"ff14sb"}
    with pytest.raises(SystemExit):
        run_main(monkeypatch, network, "--residues", "VAL", "--reference", reference, "--scans", tmp_path / "scans")
    assert "has no VAL" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_main(monkeypatch, network, "--residues", "ALA", "NALA")
    assert "--residues NALA: choose from ALA" in capsys.readouterr().err
