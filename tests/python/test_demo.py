"""The examples run as a user would run them, and say what is wrong where something is."""
import csv
import os
import subprocess
import sys

import pytest

from conftest import ROOT, STAGED

EXAMPLES = ROOT / "examples"


def call(script, *arguments, timeout=600):
    environment = {**os.environ, "PYTHONPATH": str(STAGED)}
    return subprocess.run([sys.executable, str(EXAMPLES / script), *map(str, arguments)], env=environment,
                          capture_output=True, text=True, timeout=timeout)


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_chignolin_in_water(plugin, trained, tmp_path):
    short = ["--out", tmp_path, "--report", 2, "--equilibrate", 20, "--padding", 0.5]
    result = call("chignolin_in_water.py", "--steps", 20, *short)
    assert result.returncode == 0, result.stderr
    for name in ("trajectory.dcd", "log.csv", "safety.csv", "plot.png", "checkpoint.chk", "system.xml", "topology.pdb"):
        assert (tmp_path / name).stat().st_size > 0
        assert name in result.stdout or name in ("system.xml", "topology.pdb")
    assert "20 steps" in result.stdout and "138 protein atoms" in result.stdout and "ns/day" in result.stderr
    log = rows(tmp_path / "log.csv")
    assert [int(row["step"]) for row in log] == list(range(2, 21, 2))
    assert all(100 < float(row["temperature_K"]) < 500 for row in log)
    assert all(float(row["correction_kJ_mol"]) != 0 for row in log)
    looks = rows(tmp_path / "safety.csv")
    assert [int(row["step"]) for row in looks] == list(range(2, 21, 2))
    assert all(1 < float(row["longest bond ratio"]) < 1.3 and not row["problems"] for row in looks)

    result = call("chignolin_in_water.py", "--steps", 10, "--resume", *short)
    assert result.returncode == 0, result.stderr
    log = rows(tmp_path / "log.csv")
    assert [int(row["step"]) for row in log] == list(range(2, 31, 2))
    assert [int(row["step"]) for row in rows(tmp_path / "safety.csv")] == list(range(2, 31, 2))
    assert all(abs(float(row["time_ps"]) - int(row["step"]) / 1000) < 1e-6 for row in log)
    mdtraj = pytest.importorskip("mdtraj")
    trajectory = mdtraj.load(str(tmp_path / "trajectory.dcd"), top=str(tmp_path / "topology.pdb"))
    assert len(trajectory) == 3
    assert abs(trajectory.xyz).max() < 50

    result = call("chignolin_in_water.py", "--steps", 4, "--resume", "--timestep", 0.5, "--model", "ff14sb", "--lambda", 0.1, *short)
    assert result.returncode == 0, result.stderr
    assert f"on {trained} (GFN2-xTB" in result.stdout and "lambda 1;" in result.stdout, "what the run began with"
    for name, column in (("log.csv", "time_ps"), ("safety.csv", "time (ps)")):
        times = [float(row[column]) for row in rows(tmp_path / name)]
        assert times == pytest.approx([*(0.002 * k for k in range(1, 16)), 0.031, 0.032], abs=1e-6), "no line lost"


@pytest.mark.slow
def test_minimal_example(plugin, trained):
    result = call("minimal.py")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.strip().splitlines()) == 11


@pytest.mark.slow
@pytest.mark.parametrize("script, options", [("charmm36_host.py", ["--steps", 10]), ("amoeba_host.py", ["--steps", 5, "--waters", 6])])
def test_hosts_on_other_force_fields(plugin, trained, script, options):
    result = call(script, *options)
    assert result.returncode == 0, result.stderr
    rows = [line.split(",") for line in result.stdout.strip().splitlines()[1:]]
    assert len(rows) >= 5 and all(30 < float(row[2]) < 900 for row in rows), result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("script, says", [("qm_region.py", "30 atoms and 3 cap hydrogens"), ("ligand_gfn2.py", "Step")])
def test_quantum_chemistry_of_a_part(plugin, gfn2, script, says):
    result = call(script, "--steps", 10)
    assert result.returncode == 0, result.stderr
    assert says in result.stdout
    rows = [line.split(",") for line in result.stdout.strip().splitlines() if line[0].isdigit()]
    assert len(rows) == 10 and all(100 < float(row[2]) < 600 for row in rows), result.stdout


def test_a_residue_that_is_not_there_is_one_line(pb):
    result = call("qm_region.py", "--residue", 99)
    assert result.returncode != 0 and "residues 1 to 10" in result.stderr and "Traceback" not in result.stderr


def test_an_unknown_model_is_one_line(pb, tmp_path):
    result = call("chignolin_in_water.py", "--model", "no-such-model", "--out", tmp_path)
    assert result.returncode != 0
    assert "no-such-model" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--report", "--timestep"])
def test_an_interval_of_zero_is_one_line(pb, tmp_path, option):
    result = call("chignolin_in_water.py", option, 0, "--out", tmp_path)
    assert result.returncode == 2 and f"{option}" in result.stderr and "Traceback" not in result.stderr


def test_resume_without_a_checkpoint_is_one_line(pb, trained, tmp_path):
    result = call("chignolin_in_water.py", "--resume", "--out", tmp_path)
    assert result.returncode != 0
    assert "checkpoint.chk" in result.stderr and "Traceback" not in result.stderr


def test_the_peptide_is_a_hairpin(chignolin):
    """The shipped structure: sequence, and the hydrogen bonds on both sides of the turn."""
    import numpy as np

    residues = [r.name for r in chignolin.topology.residues()]
    assert residues == "GLY TYR ASP PRO GLU THR GLY THR TRP GLY".split()
    atoms = {(int(a.residue.id), a.name): a.index for a in chignolin.topology.atoms()}
    positions = chignolin.getPositions(asNumpy=True)._value
    for donor, acceptor in (((3, "N"), (8, "O")), ((7, "N"), (3, "O"))):
        assert np.linalg.norm(positions[atoms[donor]] - positions[atoms[acceptor]]) < 0.38


@pytest.mark.slow
def test_multiple_time_steps(plugin, trained, tmp_path):
    short = ["--ps", 0.02, "--outer", 2, "--inner", 2]
    result = call("multiple_time_steps.py", EXAMPLES.parent / "tests" / "python" / "structures" / "capped_alanine.pdb", *short)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.strip().splitlines()
    assert "22 atoms, bonds to hydrogen constrained" in lines[0] and "times as fast" in lines[-1]
    kelvin = [float(line.split(" s/fs")[1].split()[0]) for line in lines[1:3]]
    assert all(50 < value < 600 for value in kelvin), "a run has heated up or frozen"


def test_an_impossible_step_is_one_line(plugin, trained):
    result = call("multiple_time_steps.py", "--inner", 0)
    assert result.returncode != 0
    assert "inner" in result.stderr and "Traceback" not in result.stderr
