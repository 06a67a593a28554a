"""The whole-protein benchmark at a size where the answer is known: one capped residue is its own only fragment."""
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openmm")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "accuracy" / "whole_protein.py"
ALANINE = ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb"
sys.path.insert(0, str(SCRIPT.parent))
import frames as sampled  # noqa: E402
import whole_protein  # noqa: E402


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], text=True, capture_output=True)


@pytest.mark.slow
def test_fragments_of_one_residue_are_exact(gfn2, trained, tmp_path):
    if not (ROOT / "build" / "bin" / "pluginbridge").exists():
        pytest.skip("the command line program is not built: run make")
    source, out = tmp_path / "folder", tmp_path / "out"
    source.mkdir()
    shutil.copy(ALANINE, source / "ala.ENT")
    (source / "nothing.pdb").write_text("HEADER    NO ATOMS\nEND\n")
    first = run(source, "--frames", 2, "--out", out)
    assert first.returncode == 0, first.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["structures"]) == ["ala"] and "nothing.pdb" in summary["refused"]["nothing"]
    found = summary["structures"]["ala"]
    assert found["frames"] == 2 and found["atoms"] == 22
    for scheme in ("dipeptide", "window2", "window3", "window2+pairs", "window3+pairs"):
        exact = found["exact"][scheme]
        assert exact["failed"] == [] and exact["force_max"] < 0.01 and exact["energy_mae_per_atom"] < 1e-5
        assert found["network"][scheme]["force_mae"] == pytest.approx(found["network"]["whole"]["force_mae"], rel=1e-3)
        # the one fragment is the molecule, so exact fragments are the reference
        assert found["network"][scheme]["force_from_exact"] == pytest.approx(found["network"][scheme]["force_mae"], rel=0.02)
    assert found["network"]["whole"]["force_mae"] < found["mm"]["force_mae"]
    assert set(found["mm"]["force_mae_by_residue"]) == {"ACE 1", "ALA 2", "NME 3"}
    assert "network, `whole`" in (out / "table.md").read_text() and (out / "errors.png").stat().st_size > 1000
    kept = {path: path.stat().st_mtime_ns for path in (out / "ala").iterdir()}
    assert run(source, "--frames", 2, "--out", out).returncode == 0
    assert kept == {path: path.stat().st_mtime_ns for path in (out / "ala").iterdir()}, "frames and references are kept"


@pytest.mark.slow
def test_an_incomplete_file_is_prepared(gfn2, fast, tmp_path):
    """Two chains without hydrogens, and water: measured as what `pluginbridge prepare` makes of them."""
    if not (ROOT / "build" / "bin" / "pluginbridge").exists():
        pytest.skip("the command line program is not built: run make")
    pytest.importorskip("pdbfixer")
    lines = [line for line in ALANINE.read_text().splitlines()
             if line.startswith(("ATOM", "HETATM")) and line[76:78].strip() != "H"]
    chains = [f"{line[:21]}{chain}{line[22:30]}{float(line[30:38]) + shift:8.3f}{line[38:]}"
              for chain, shift in (("A", 0.0), ("B", 9.0)) for line in lines]
    water = "HETATM   99  O   HOH W   1      30.000  30.000  30.000  1.00  0.00           O"
    (tmp_path / "two.pdb").write_text("\n".join([*chains, water, "END", ""]))
    out = tmp_path / "out"
    result = run(tmp_path / "two.pdb", "--frames", 2, "--out", out, "--model", fast, "--schemes", "whole", "dipeptide")
    assert result.returncode == 0, result.stderr
    found = json.loads((out / "summary.json").read_text())["structures"]["two"]
    assert found["atoms"] == 44 and any("hydrogen" in change for change in found["prepared"])
    assert {"A:ALA 2", "B:ALA 2"} < set(found["mm"]["force_mae_by_residue"])
    errors = found["exact"]["dipeptide"]["force_mae"], found["network"]["whole"]["force_mae"]
    assert 0 < min(errors) and max(errors) < 0.3 * found["mm"]["force_mae"]
    prepared = out / "two" / "prepared.pdb"
    written = prepared.stat().st_mtime_ns
    assert sampled.Structure(tmp_path / "two.pdb", out / "two").changes == found["prepared"]
    assert prepared.stat().st_mtime_ns == written, "the prepared file is kept"
    (tmp_path / "two.pdb").write_text("\n".join([*chains[:len(lines)], "END", ""]))
    assert len(sampled.Structure(tmp_path / "two.pdb", out / "two").numbers) == 22, "the file has changed"


@pytest.mark.slow
def test_references_are_kept_when_frames_are_added(gfn2, tmp_path, monkeypatch, capsys):
    """The dynamics run again and give the same first frames."""
    monkeypatch.setattr(sampled, "LARGE", 21)
    structure = sampled.Structure(ALANINE, tmp_path / "ala")
    two = structure.frames(2, 11)
    written = [frame.pdb.with_suffix(".npz").stat().st_mtime_ns for frame in two]
    assert "ala has 22 atoms: whole-protein GFN2-xTB takes long" in capsys.readouterr().out
    three = structure.frames(3, 11)
    assert len(three) == 3 and [frame.pdb.with_suffix(".npz").stat().st_mtime_ns for frame in three[:2]] == written


def test_what_is_kept_is_of_the_frame_as_it_is(tmp_path):
    frame = tmp_path / "frame_11_000.pdb"
    shutil.copy(ALANINE, frame)
    positions, energies = sampled.readPositions(frame), iter(range(9))

    def energy():
        return sampled.kept(frame, ".method", lambda: (next(energies), positions))[0]

    assert [energy(), energy()] == [0, 0]
    text = frame.read_text()
    frame.write_text(f"REMARK   1 WRITTEN LATER\n{text}")
    assert energy() == 0
    frame.write_text(text.replace(f"{positions[0, 0]:8.3f}", f"{positions[0, 0] + 0.001:8.3f}", 1))
    assert [energy(), energy()] == [1, 1]


def killed(source, *_):
    """In place of a measurement: one structure ends its process, as libxtb or the kernel may."""
    if source.stem == "large":
        signal.raise_signal(signal.SIGKILL)
    return {"atoms": 22, "frames": 2, "mm": {"frames": 0, "failed": []}, "exact": {},
            "network": {"whole": {"frames": 0, "failed": []}}}


def test_a_crash_is_named_and_the_others_go_on(tmp_path, monkeypatch):
    for name in ("before", "large", "small"):
        shutil.copy(ALANINE, tmp_path / f"{name}.pdb")
    out = tmp_path / "out"
    monkeypatch.setattr(whole_protein, "measure", killed)
    monkeypatch.setattr(sampled, "withUnlimitedStack", lambda: None)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), "--schemes", "whole", "--out", str(out)])
    whole_protein.main()
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["structures"]) == ["before", "small"]
    assert list(summary["refused"]) == ["large"] and "SIGKILL" in summary["refused"]["large"]


def test_names_of_results_differ():
    files = [Path("folder", name) for name in ("a.ent", "a.pdb", "a.pdb.ent", "b.PDB")]
    assert list(whole_protein.named(files)) == ["a.ent", "a.pdb", "a.pdb.ent", "b"]


def test_files_passed_over_are_named(tmp_path):
    for name in ("a.cif", "b.pdb.gz"):
        (tmp_path / name).touch()
    result = run(tmp_path)
    assert result.returncode == 2 and "has no PDB files (.pdb, .ent), only a.cif, b.pdb.gz" in result.stderr


@pytest.mark.parametrize("arguments, text", [(("nowhere",), "nowhere has no PDB files"),
                                             ((SCRIPT, "--frames", 1), "two or more are needed")])
def test_bad_options_are_named(arguments, text):
    result = run(*arguments)
    assert result.returncode == 2 and text in result.stderr
