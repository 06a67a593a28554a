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
    shutil.copy(ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb", tmp_path / "ala.pdb")
    out = tmp_path / "out"
    first = run(tmp_path / "ala.pdb", "--frames", 2, "--out", out)
    assert first.returncode == 0, first.stderr
    found = json.loads((out / "summary.json").read_text())["structures"]["ala"]
    assert found["frames"] == 2 and found["atoms"] == 22
    for scheme in ("dipeptide", "window2", "window3", "window2+pairs", "window3+pairs"):
        exact = found["exact"][scheme]
        assert exact["failed"] == [] and exact["force_max"] < 0.01 and exact["energy_mae_per_atom"] < 1e-5
        assert found["network"][scheme]["force_mae"] == pytest.approx(found["network"]["whole"]["force_mae"], rel=1e-3)
        # the one fragment is the molecule, so exact fragments are the reference
        assert found["network"][scheme]["force_from_exact"] == pytest.approx(found["network"][scheme]["force_mae"], rel=0.02)
    assert found["network"]["whole"]["force_mae"] < found["mm"]["force_mae"]
    assert set(found["mm"]["force_mae_by_residue"]) == {"ACE 1", "ALA 2", "NME 3"}
    assert "network, `whole`" in (out / "table.md").read_text() and (out / "force_errors.png").stat().st_size > 1000
    kept = {path: path.stat().st_mtime_ns for path in (out / "ala").iterdir()}
    assert run(tmp_path / "ala.pdb", "--frames", 2, "--out", out).returncode == 0
    assert kept == {path: path.stat().st_mtime_ns for path in (out / "ala").iterdir()}, "frames and references are kept"


@pytest.mark.parametrize("arguments, text", [(("nowhere",), "nowhere has no PDB files"),
                                             ((SCRIPT, "--frames", 1), "two or more are needed")])
def test_bad_options_are_named(arguments, text):
    result = run(*arguments)
    assert result.returncode == 2 and text in result.stderr
