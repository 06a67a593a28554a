"""The whole-protein benchmark at a size where the answer is known: one capped residue is its own only fragment."""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openmm")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "accuracy" / "whole_protein.py"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], text=True, capture_output=True)


@pytest.mark.slow
def test_fragments_of_one_residue_are_exact(gfn2, trained, tmp_path):
    if not (ROOT / "build" / "bin" / "pluginbridge").exists():
        pytest.skip("the command line program is not built: run make")
    source, out = tmp_path / "folder", tmp_path / "out"
    source.mkdir()
    shutil.copy(ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb", source / "ala.pdb")
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
    lines = [line for line in (ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb").read_text().splitlines()
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


@pytest.mark.parametrize("arguments, text", [(("nowhere",), "nowhere has no PDB files"),
                                             ((SCRIPT, "--frames", 1), "two or more are needed")])
def test_bad_options_are_named(arguments, text):
    result = run(*arguments)
    assert result.returncode == 2 and text in result.stderr
