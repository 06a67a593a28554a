"""The total force of a System with our force is minus the gradient of its total energy (Reference, double)."""
import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app  # noqa: E402

SCHEMES = ["whole", "dipeptide", "window2", "window3", "window2+pairs:4-6"]


def worstDifference(system, positions, atoms, step):
    """max |F + dE/dr| / max |F| over some atoms."""
    return hosts.gradientError(hosts.context(system, positions), positions, atoms, step)


def worstAlongDirections(system, positions, directions, step):
    """max |F.d + dE/dd| / max |F| over directions of unit length in the space of all coordinates: every atom takes part."""
    ctx = hosts.context(system, positions)
    _, forces = hosts.evaluate(ctx)
    worst = 0.0
    for direction in directions:
        energies = []
        for sign in (1, -1):
            ctx.setPositions(positions + sign * step * direction)
            energies.append(ctx.getState(getEnergy=True).getPotentialEnergy()._value)
        slope = (energies[0] - energies[1]) / (2 * step)
        worst = max(worst, abs(slope + (forces * direction).sum()))
    return worst / np.abs(forces).max()


def checkNetwork(plugin, model, scheme, peptide, seed, count):
    """Some atoms of a peptide whose System is made by createSystem, network in double precision."""
    system = plugin.FragmentPotential(model, scheme, "double").createSystem(peptide.topology)
    positions = peptide.getPositions(asNumpy=True)._value
    atoms = np.random.default_rng(seed).choice(len(positions), count, replace=False)
    worst = worstDifference(system, positions, atoms, 2e-5)
    print(f"{scheme}: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-6


@pytest.mark.parametrize("scheme", SCHEMES)
def test_network(plugin, any_network, pentapeptide, scheme):
    checkNetwork(plugin, any_network, scheme, pentapeptide, seed=5, count=15)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_trained_network_on_chignolin(plugin, fast, chignolin, scheme):
    checkNetwork(plugin, fast, scheme, chignolin, seed=6, count=8)


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
@pytest.mark.parametrize("scheme", SCHEMES)
def test_gfn2(plugin, gfn2, pentapeptide, scheme):
    system = plugin.FragmentPotential(gfn2, scheme).createSystem(pentapeptide.topology)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    rng = np.random.default_rng(7)
    worst = worstDifference(system, positions, rng.choice(len(positions), 1, replace=False), 2e-4)
    directions = rng.normal(size=(2, *positions.shape))
    directions /= np.linalg.norm(directions, axis=(1, 2))[:, None, None]
    worst = max(worst, worstAlongDirections(system, positions, directions, 5e-4))
    print(f"gfn2-xtb, {scheme}: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-4


@pytest.mark.slow
def test_gfn2_of_a_planar_geometry_along_the_axes(plugin, gfn2):
    """Symmetric geometries along the axes are where a quantum-chemistry code's gradient may fail on its own."""
    topology, positions = planar_glycine()
    heavy = [a.index for a in topology.atoms() if a.element.symbol != "H" or a.name == "H"]
    assert len(heavy) == 11 and not positions[heavy, 2].any()
    bond = positions[atomIndex(topology, "ACE", "C")] - positions[atomIndex(topology, "ACE", "CH3")]
    assert not bond[1:].any()
    system = plugin.FragmentPotential(gfn2).createSystem(topology)
    atoms = [atomIndex(topology, *name) for name in (("ACE", "C"), ("GLY", "N"), ("GLY", "HA2"))]
    worst = worstDifference(system, positions, atoms, 5e-5)
    print(f"gfn2-xtb, planar: max|dF|/max|F| = {worst:.1e}")
    assert worst < 1e-4


def atomIndex(topology, residue, name):
    return next(a.index for a in topology.atoms() if (a.residue.name, a.name) == (residue, name))


def planar_glycine():
    """Fully extended ACE-GLY-NME: heavy atoms and amide hydrogens exactly in z = 0, the first bond along x.

    Returns
    -------
    topology : openmm.app.Topology
    positions : numpy.ndarray, shape (19, 3)
        nm; bond lengths and angles are ideal ones.
    """
    def turned(vector, degrees):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1], 0.0])

    # zigzag CH3-C-N-CA-C-N-CH3: the direction turns by the supplement of each angle, to alternate sides
    chain, direction = [np.zeros(3)], np.array([1.0, 0.0, 0.0])
    lengths, angles, side = [1.522, 1.335, 1.449, 1.522, 1.335, 1.449], [116.6, 121.9, 110.3, 116.6, 121.9], 1
    for k, length in enumerate(lengths):
        chain.append(chain[-1] + length * direction)
        if k < len(angles):
            direction = turned(direction, side * (180 - angles[k]))
            side = -side

    def outward(k, length):
        """A third substituent of chain atom k, in the plane."""
        a, b = ((chain[n] - chain[k]) / np.linalg.norm(chain[n] - chain[k]) for n in (k - 1, k + 1))
        return chain[k] - length * (a + b) / np.linalg.norm(a + b)

    def methyl(k, neighbour):
        """One hydrogen in the plane, two mirrored by it; tetrahedral."""
        axis = (chain[k] - chain[neighbour]) / np.linalg.norm(chain[k] - chain[neighbour])
        across, up = turned(axis, 90), np.array([0.0, 0.0, 1.0])
        radial = [across] + [-0.5 * across + sign * np.sqrt(0.75) * up for sign in (1, -1)]
        return [chain[k] + 1.09 * (axis / 3 + np.sqrt(8) / 3 * r) for r in radial]

    inward = outward(3, 1.0) - chain[3]  # of CA: its hydrogens stand on this side, above and below
    hydrogens = [chain[3] + 1.09 * (0.577 * inward + sign * 0.8167 * np.array([0.0, 0.0, 1.0])) for sign in (1, -1)]
    residues = [("ACE", [("CH3", chain[0]), ("C", chain[1]), ("O", outward(1, 1.229)),
                         *zip(("H1", "H2", "H3"), methyl(0, 1))]),
                ("GLY", [("N", chain[2]), ("H", outward(2, 1.01)), ("CA", chain[3]), *zip(("HA2", "HA3"), hydrogens),
                         ("C", chain[4]), ("O", outward(4, 1.229))]),
                ("NME", [("N", chain[5]), ("H", outward(5, 1.01)), ("C", chain[6]),
                         *zip(("H1", "H2", "H3"), methyl(6, 5))])]
    topology, positions = app.Topology(), []
    peptide = topology.addChain("A")
    for name, atoms in residues:
        residue = topology.addResidue(name, peptide)
        for atom, position in atoms:
            topology.addAtom(atom, app.element.Element.getBySymbol(atom[0]), residue)
            positions.append(0.1 * position)
    topology.createStandardBonds()
    return topology, np.array(positions)
