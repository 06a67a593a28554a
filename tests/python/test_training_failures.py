"""Failed runs on GFN2-xTB's own surface: it starts where the network's run did, and says what it saw."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
pytest.importorskip("torch")
from conftest import STAGED  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import failures  # noqa: E402

ROWS = [{"name": "ACE-NME", "temperature": 300.0, "seed": 1, "step": 2.0, "hydrogen_mass": 3.0, "solvent": "obc2",
         "failure": "broken bond", "detail": "CH3-C after 900 steps", "model": "a network", "hash": "0"},
        {"name": "ACE-GLY-NME", "temperature": 500.0, "seed": 2, "failure": None, "detail": ""}]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("failures")
    path = folder / "runs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def call(*options):
        return subprocess.run([sys.executable, "-m", "pbtrain.failures", str(path), "--workers", "1", *map(str, options)],
                              env={**os.environ, "PYTHONPATH": f"{ROOT / 'training'}:{STAGED}"}, capture_output=True, text=True, timeout=300)
    return folder, call


@pytest.mark.slow
def test_only_failed_runs_are_run_and_only_once(run):
    folder, call = run
    first = call("--ps", 0.2, "--repeats", 2)
    assert first.returncode == 0, first.stderr
    fates = failures.lines(folder / "runs_gfn2.jsonl")
    assert [(f["name"], f["solvent"], f["failure"], f["noise"], f["steps"], f["hydrogen_mass"]) for f in fates] == [
        ("ACE-NME", "obc2", None, noise, 100, 3.0) for noise in (0, 1)]
    assert fates[0]["temperature_mean"] != fates[1]["temperature_mean"], "two runs from one start"
    assert "CH3-C after 900 steps | holds 0.2 ps; holds 0.2 ps |" in first.stdout and "GLY" not in first.stdout
    assert 1.0 < fates[0]["largest_bond_ratio"] < 1.3
    assert call("--ps", 0.2).stdout == first.stdout and len(failures.lines(folder / "runs_gfn2.jsonl")) == 2


def test_options_that_make_no_sense(run):
    _, call = run
    assert "--ps is above 0" in call("--ps", 0).stderr


def test_the_table_names_what_both_did():
    fates = [ROWS[0] | {"failure": kind, "detail": detail, "picoseconds": 0.4, "noise": noise}
             for noise, (kind, detail) in enumerate([("proton transfer", "H to OXT after 40 steps"), (None, "")])]
    lines = failures.table([ROWS[0]], [*fates, fates[0] | {"solvent": "vacuum"}]).splitlines()
    assert lines[2] == ("| ACE-NME, obc2, 300 K, seed 1 | broken bond, CH3-C after 900 steps | "
                        "proton transfer, H to OXT after 40 steps; holds 0.4 ps |")
