"""The total force of a System with our force is minus the gradient of its total energy (Reference, double)."""
import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402

SCHEMES = ["whole", "dipeptide", "window2", "window3"]


def worstDifference(system, positions, atoms, step):
    """max |F + dE/dr| / max |F| over some atoms."""
    ctx = hosts.context(system, positions)
    _, forces = hosts.evaluate(ctx)

    def energy(x):
        ctx.setPositions(x)
        return ctx.getState(getEnergy=True).getPotentialEnergy()._value

    numerical = hosts.numericalForces(energy, positions, atoms, step)
    return np.abs(forces[atoms] - numerical).max() / np.abs(forces).max()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_network(plugin, any_network, pentapeptide, scheme):
    system = plugin.FragmentPotential(any_network, scheme, "double").createSystem(pentapeptide.topology)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    atoms = np.random.default_rng(5).choice(len(positions), 15, replace=False)
    worst = worstDifference(system, positions, atoms, 2e-5)
    print(f"{scheme}: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_trained_network_on_chignolin(plugin, trained, chignolin, scheme):
    system = plugin.FragmentPotential(trained, scheme, "double").createSystem(chignolin.topology)
    positions = chignolin.getPositions(asNumpy=True)._value
    atoms = np.random.default_rng(6).choice(len(positions), 8, replace=False)
    worst = worstDifference(system, positions, atoms, 2e-5)
    print(f"{scheme}: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-6


def test_region_with_borders(plugin, any_network, pentapeptide):
    """A region that ends inside the chain: its cap hydrogens move with atoms outside it."""
    residues = list(pentapeptide.topology.residues())[2:4]
    region = [atom.index for residue in residues for atom in residue.atoms()]
    system = plugin.FragmentPotential(any_network, "dipeptide", "double").createMixedSystem(
        pentapeptide.topology, hosts.vacuumSystem(pentapeptide.topology), region)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    first, last = list(pentapeptide.topology.residues())[1], list(pentapeptide.topology.residues())[4]
    atoms = [a.index for a in first.atoms()] + [a.index for a in last.atoms() if a.name in ("N", "H", "CA", "HA", "CB")]
    assert worstDifference(system, positions, atoms, 2e-5) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["whole", "dipeptide"])
def test_gfn2(plugin, gfn2, pentapeptide, scheme):
    system = plugin.FragmentPotential(gfn2, scheme).createSystem(pentapeptide.topology)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    atoms = np.random.default_rng(7).choice(len(positions), 3, replace=False)
    worst = worstDifference(system, positions, atoms, 2e-4)
    print(f"gfn2-xtb, {scheme}: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-4
