"""Energy conservation: short versions of nve_drift.py, which runs 100 ps."""
import json
import subprocess
import sys

import numpy as np
import pytest

from conftest import STAGED

openmm = pytest.importorskip("openmm")
import nve_drift  # noqa: E402


@pytest.fixture(scope="module")
def start(plugin, alanine):
    control = nve_drift.systems(plugin, alanine.topology, "ff14sb", "whole")[nve_drift.CONTROL]
    return nve_drift.thermalised(control, alanine.positions, 1)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["whole", "dipeptide"])
def test_verlet_is_of_second_order(plugin, fast, alanine, start, scheme):
    """Half the step, a quarter of the fluctuation: the forces are the gradient of a smooth energy."""
    system = nve_drift.systems(plugin, alanine.topology, fast, scheme)[f"{fast} double"]
    coarse, fine = (nve_drift.summarize(*nve_drift.run(system, start, dt, 1.0, every), 22)["fluctuation"]
                    for dt, every in ((0.5, 2), (0.25, 4)))
    assert 3.3 < coarse / fine < 4.7


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_no_drift(plugin, fast, alanine, start, precision):
    """5 ps at 0.5 fs, without Verlet's wander, which is larger than this in so short a run (nve_drift.py)."""
    compared = nve_drift.systems(plugin, alanine.topology, fast, "whole")
    ours = nve_drift.summarize(*nve_drift.run(compared[f"{fast} {precision}"], start, 0.5, 5.0), 22)
    control = nve_drift.summarize(*nve_drift.run(compared[nve_drift.CONTROL], start, 0.5, 5.0), 22)
    assert abs(ours["trueDrift"]) < 5e-5  # kJ/mol/ps an atom; 0.02 kT/ns
    assert ours["fluctuation"] < 3 * control["fluctuation"]


@pytest.mark.slow
def test_a_chain_with_many_fragments(plugin, fast, pentapeptide):
    """Caps move with the chain: the sum over capped fragments conserves energy too."""
    control = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole")[nve_drift.CONTROL]
    begin = nve_drift.thermalised(control, pentapeptide.positions, 1, 1.0)
    system = nve_drift.systems(plugin, pentapeptide.topology, fast, "dipeptide")[f"{fast} double"]
    coarse, fine = (nve_drift.run(system, begin, dt, 0.3, every)[1].std() for dt, every in ((0.5, 2), (0.25, 4)))
    assert 3 < coarse / fine < 5


def test_the_fit_finds_a_drift():
    """The analysis itself, on a made-up energy that drifts."""
    times = np.arange(0, 10, 0.001)
    wander = 0.2 + 0.1 * np.sin(0.3 * times + 1)
    energies = 5 + 0.02 * 22 * times + 0.3 * np.sin(400 * times) - 0.98 * wander
    summary = nve_drift.summarize(times, energies, wander, 22)
    assert summary["trueDrift"] == pytest.approx(0.02, rel=0.005)
    assert summary["wanderCoefficient"] == pytest.approx(0.98, abs=0.02)
    assert abs(summary["drift"] - 0.02) > 2e-4
    assert summary["fluctuation"] == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


@pytest.mark.slow
def test_the_wander_of_constrained_bonds(plugin, pentapeptide):
    """Plain ff14SB at 1 fs: a slope that its acceleration explains, forces of constraints included."""
    system = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole", nve_drift.CONSTRAINTS["hbonds"])[nve_drift.CONTROL]
    start = nve_drift.thermalised(system, pentapeptide.positions, 3, 1.0)
    found = nve_drift.summarize(*nve_drift.run(system, start, 1.0, 5.0), pentapeptide.topology.getNumAtoms())
    assert 0.8 < found["wanderCoefficient"] < 1.2
    assert abs(found["trueDrift"]) < 0.25 * abs(found["drift"])


def test_energies_too_far_apart_are_refused(plugin):
    result = subprocess.run([sys.executable, nve_drift.__file__, "--dt", "1"], env={"PYTHONPATH": str(STAGED), "PATH": "/usr/bin:/bin"},
                            capture_output=True, text=True)
    assert result.returncode == 2 and "--every 5 steps of 1 fs are too far apart: 3 fs at most" in result.stderr


@pytest.mark.parametrize("constraints", nve_drift.CONSTRAINTS)
def test_a_run_that_was_ended_goes_on_bit_for_bit(plugin, pentapeptide, tmp_path, monkeypatch, constraints):
    monkeypatch.setattr(nve_drift, "KEEP_EVERY", 0)
    system = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole",
                               nve_drift.CONSTRAINTS[constraints])[nve_drift.CONTROL]
    begin = nve_drift.thermalised(system, pentapeptide.positions, 1, 0.05)

    def run(picoseconds, name, settings="a"):
        contacts = nve_drift.Contacts(pentapeptide.topology)
        curves = nve_drift.run(system, begin, 0.5, picoseconds, 5, contacts, nve_drift.Kept(tmp_path / name, settings))
        return curves, contacts.crossings

    straight = run(0.1, "straight.npz")
    run(0.05, "ended.npz")
    assert nve_drift.Kept(tmp_path / "ended.npz", "b").load() is None, "another run's"
    resumed = run(0.1, "ended.npz")
    assert resumed[1] == straight[1] and len(resumed[0][0]) == 40
    for a, b in zip(resumed[0], straight[0]):
        np.testing.assert_array_equal(a, b)


def test_finished_runs_are_not_repeated(plugin, tmp_path):
    out = tmp_path / "nve.json"
    command = [sys.executable, nve_drift.__file__, "--model", "ff14sb", "--kinds", "control", "--ps", "0.15", "--stretch", "0.05",
               "--dt", "0.5", "--seeds", "1", "--jobs", "1", "--json", str(out)]
    environment = {"PYTHONPATH": str(STAGED), "PATH": "/usr/bin:/bin"}
    first = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    found, = json.loads(out.read_text())["results"]
    assert found["kind"] == "control" and found["seed"] == 1 and 2 < found["ratio"] < 6
    assert len(np.load(tmp_path / "nve.control-1.npz")["energies"]) == 60, "the curve is kept"
    written = out.stat().st_mtime_ns
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.stdout == first.stdout and out.stat().st_mtime_ns == written
