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
    coarse, fine = (nve_drift.summarize(*nve_drift.run(system, start, dt, 0.3, every), 22)["fluctuation"]
                    for dt, every in ((0.5, 4), (0.25, 8)))
    assert 3.3 < coarse / fine < 4.7


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_no_drift(plugin, fast, alanine, start, precision):
    """1.5 ps at 0.5 fs: the modified energy shows what 100 ps of the total energy do not (nve_drift.py)."""
    compared = nve_drift.systems(plugin, alanine.topology, fast, "whole")
    ours = nve_drift.summarize(*nve_drift.run(compared[f"{fast} {precision}"], start, 0.5, 1.5), 22)
    control = nve_drift.summarize(*nve_drift.run(compared[nve_drift.CONTROL], start, 0.5, 1.5), 22)
    assert abs(ours["trueDrift"]) < 2e-5  # kJ/mol/ps an atom; 0.008 kT/ns
    assert ours["fluctuation"] < 3 * control["fluctuation"] and ours["modifiedFluctuation"] < 0.2 * ours["fluctuation"]


@pytest.mark.slow
def test_a_chain_with_many_fragments(plugin, fast, pentapeptide):
    """Caps move with the chain: the sum over capped fragments conserves energy too."""
    control = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole")[nve_drift.CONTROL]
    begin = nve_drift.thermalised(control, pentapeptide.positions, 1, 1.0)
    system = nve_drift.systems(plugin, pentapeptide.topology, fast, "dipeptide")[f"{fast} double"]
    found = nve_drift.summarize(*nve_drift.run(system, begin, 0.5, 0.15), pentapeptide.topology.getNumAtoms())
    assert found["modifiedFluctuation"] < 0.05 * found["fluctuation"]
    assert abs(found["trueDrift"]) < 1e-4


def test_the_modified_energy_of_an_oscillator(plugin):
    """The analysis itself, on a bond whose modified energy is known in closed form."""
    mass, k, h = 12.0, 4e5, 0.001  # u, kJ/mol/nm^2, ps: 24 steps a period
    system = openmm.System()
    bond = openmm.HarmonicBondForce()
    for _ in range(2):
        system.addParticle(mass)
    bond.addBond(0, 1, 0.2, k)
    system.addForce(bond)
    start = np.array([[0, 0, 0], [0.21, 0, 0]]), np.zeros((2, 3))
    times, energies, modified = nve_drift.run(system, start, 1000 * h, 2.0, 3)
    u = h * np.sqrt(2 * k / mass)
    # Velocities are those of half a step before, where the bond was longer by its share of the amplitude.
    amplitude = 0.01 / np.cos(np.arcsin(u / 2))
    assert modified.mean() == pytest.approx(k / 2 * amplitude**2 * (1 - u**2 / 12), rel=u**4 / 10)
    assert modified.std() < u**2 / 5 * energies.std()


def test_the_fit_finds_a_drift():
    times = np.arange(0, 10, 0.005)
    energies = 5 + 0.3 * np.sin(40 * times) + 0.1 * np.sin(0.3 * times)
    modified = 5 + 0.02 * 22 * times + 0.005 * np.sin(40 * times)
    summary = nve_drift.summarize(times, energies, modified, 22)
    assert summary["trueDrift"] == pytest.approx(0.02, abs=1e-4) and summary["trueDriftError"] < 1e-4
    assert abs(summary["drift"]) < 0.005 and summary["driftError"] > 1e-4
    assert summary["fluctuation"] == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert summary["modifiedFluctuation"] == pytest.approx(0.005 / np.sqrt(2), rel=0.05)


def test_the_modified_energy_of_constrained_bonds(plugin, pentapeptide):
    """Plain ff14SB at 1 fs: the total energy swings and wanders about it, forces of constraints included."""
    system = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole", nve_drift.CONSTRAINTS["hbonds"])[nve_drift.CONTROL]
    start = nve_drift.thermalised(system, pentapeptide.positions, 3, 1.0)
    found = nve_drift.summarize(*nve_drift.run(system, start, 1.0, 2.0), pentapeptide.topology.getNumAtoms())
    assert found["modifiedFluctuation"] < 0.05 * found["fluctuation"]
    assert abs(found["trueDrift"]) < 3e-5


def test_a_spacing_without_room_for_the_modified_energy_is_refused(plugin):
    result = subprocess.run([sys.executable, nve_drift.__file__, "--every", "2"], env={"PYTHONPATH": str(STAGED), "PATH": "/usr/bin:/bin"},
                            capture_output=True, text=True)
    assert result.returncode == 2 and "--every 2: 3 or more" in result.stderr


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
    assert nve_drift.Kept(tmp_path / "ended.npz", "b").before is None, "another run's"
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
