"""Many steps need no more memory than a few."""
from pathlib import Path

import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402


def resident():
    """MB that the process has in memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("scheme, threads", [("whole", 1), ("dipeptide", 2)])
def test_a_hundred_thousand_steps(plugin, network, alanine, pentapeptide, scheme, threads):
    """Moving atoms, so that pairs come and go. A leak of 100 bytes a step would be 9 MB at the end."""
    pdb, steps = (alanine, 100_000) if scheme == "whole" else (pentapeptide, 5_000)
    potential = plugin.FragmentPotential(network, scheme, threads=threads)
    # random weights, evaluated in full and then scaled down: the host keeps the molecule together
    system = potential.createMixedSystem(pdb.topology, hosts.vacuumSystem(pdb.topology), lambda_value=1e-4)
    integrator = openmm.LangevinMiddleIntegrator(300, 5, 0.0005)
    integrator.setRandomNumberSeed(1)
    ctx = hosts.context(system, pdb.positions, integrator=integrator)
    integrator.step(steps // 10)
    before, start = resident(), ctx.getState(getPositions=True).getPositions(asNumpy=True)._value
    integrator.step(steps - steps // 10)
    assert resident() - before < 3
    moved = abs(ctx.getState(getPositions=True).getPositions(asNumpy=True)._value - start).max()
    assert 0.05 < moved < 50, "the molecule has to move, and to hold together"
