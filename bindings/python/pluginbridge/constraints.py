"""Makes a region flexible: removes its constraints and puts back the bond and angle terms that they replaced."""
from __future__ import annotations


from .errors import ForceFieldMismatchError

FORCE_FIELD = "amber14/protein.ff14SB.xml"

# nm; a constraint may differ by this much from the force field's own length
_LENGTH_TOLERANCE = 1e-5


def removeConstraints(system, topology, arrays) -> int:
    """Removes all constraints inside a region and restores what they stood for, from ff14SB.

    OpenMM's ForceField leaves out the bond term of a constrained bond, and the angle term of a constrained angle
    (HAngles). Terms that the System has already (``flexibleConstraints``) are not added again.

    Parameters
    ----------
    system : openmm.System
        Changed in place.
    topology : openmm.app.Topology
    arrays : RegionArrays
        The region and the molecules it lies in.

    Returns
    -------
    int
        Number of constraints removed.

    Raises
    ------
    ForceFieldMismatchError
        A constraint has another length than ff14SB's bond, so that its force constant is not known. The System is then
        unchanged.
    """
    import openmm

    region = set(arrays.regionParticles.tolist())
    doomed = {}  # pair: (constraint, length)
    for index in range(system.getNumConstraints()):
        a, b, length = system.getConstraintParameters(index)
        if a in region and b in region:
            doomed[_pair(a, b)] = (index, length._value)
    if not doomed:
        return 0

    bonds, angles = _referenceTerms(topology, arrays)
    hostBonds, hostAngles = _hostTerms(system)
    newBonds, newAngles = [], []
    for pair, (_, length) in doomed.items():
        if pair in bonds:
            r0, k = bonds[pair]
            _checkLength(arrays, pair, length, r0)
            if pair not in hostBonds:
                newBonds.append((*pair, r0, k))
        elif pair in angles:
            newAngles += [term for term in angles[pair] if _angle(*term[:3]) not in hostAngles]
        else:
            raise ForceFieldMismatchError(f"the constraint between {_name(arrays, pair[0])} and "
                                          f"{_name(arrays, pair[1])} is neither a bond nor an angle of ff14SB; "
                                          "create the System without it to make the region flexible")
    for index in sorted((index for index, _ in doomed.values()), reverse=True):
        system.removeConstraint(index)
    bondForce = _find(system, openmm.HarmonicBondForce)
    for term in newBonds:
        bondForce.addBond(*term)
    if newAngles:
        angleForce = _find(system, openmm.HarmonicAngleForce)
        for term in newAngles:
            angleForce.addAngle(*term)
    return len(doomed)


def _pair(a, b):
    return (a, b) if a < b else (b, a)


def _angle(a, b, c):
    return (a, b, c) if a < c else (c, b, a)


def _referenceTerms(topology, arrays):
    """ff14SB's bonds {pair: (r0, k)} and angles {outer pair: [(a, b, c, theta0, k)]} of the region's molecules."""
    import openmm
    from openmm import app

    molecules = subTopology(topology, arrays.particles)
    try:
        reference = app.ForceField(FORCE_FIELD).createSystem(molecules, nonbondedMethod=app.NoCutoff,
                                                             constraints=None, rigidWater=False)
    except ValueError as error:
        raise ForceFieldMismatchError(f"the region's constraints cannot be removed, as ff14SB has no bond terms to put "
                                      f"in their place ({error}); create the System with constraints=None, "
                                      "rigidWater=True instead") from error
    particles = arrays.particles.tolist()
    bonds, angles = {}, {}
    for force in reference.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for i in range(force.getNumBonds()):
                a, b, r0, k = force.getBondParameters(i)
                bonds[_pair(particles[a], particles[b])] = (r0._value, k._value)
        elif isinstance(force, openmm.HarmonicAngleForce):
            for i in range(force.getNumAngles()):
                a, b, c, theta0, k = force.getAngleParameters(i)
                a, b, c = particles[a], particles[b], particles[c]
                angles.setdefault(_pair(a, c), []).append((a, b, c, theta0._value, k._value))
    return bonds, angles


def subTopology(topology, particles):
    """The Topology of some atoms, in the same order, without a box.

    Parameters
    ----------
    topology : openmm.app.Topology
    particles : sequence of int
        Indices, in any order.
    """
    from openmm import app

    wanted = set(int(p) for p in particles)
    result = app.Topology()
    copies, chains, residues = {}, {}, {}
    for atom in topology.atoms():
        if atom.index not in wanted:
            continue
        residue, chain = atom.residue, atom.residue.chain
        if chain.index not in chains:
            chains[chain.index] = result.addChain(chain.id)
        if residue.index not in residues:
            residues[residue.index] = result.addResidue(residue.name, chains[chain.index], residue.id,
                                                        residue.insertionCode)
        copies[atom.index] = result.addAtom(atom.name, atom.element, residues[residue.index], atom.id)
    for bond in topology.bonds():
        if bond[0].index in copies and bond[1].index in copies:
            result.addBond(copies[bond[0].index], copies[bond[1].index], bond.type, bond.order)
    return result


def _hostTerms(system):
    """Pairs with a bond term, triples with an angle term."""
    import openmm

    bonds, angles = set(), set()
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            bonds |= {_pair(*force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())}
        elif isinstance(force, openmm.HarmonicAngleForce):
            angles |= {_angle(*force.getAngleParameters(i)[:3]) for i in range(force.getNumAngles())}
    return bonds, angles


def _find(system, kind):
    """The System's first force of a kind, added if there is none."""
    for force in system.getForces():
        if isinstance(force, kind):
            return force
    return system.getForce(system.addForce(kind()))


def _checkLength(arrays, pair, length, r0):
    if abs(length - r0) > _LENGTH_TOLERANCE:
        raise ForceFieldMismatchError(
            f"the bond {_name(arrays, pair[0])} - {_name(arrays, pair[1])} is constrained to {length:.5f} nm, while "
            f"ff14SB has {r0:.5f} nm: its force constant is unknown. Create the System with constraints=None, "
            "rigidWater=True to make the region flexible")


def _name(arrays, particle):
    return arrays.describe(arrays.particles.tolist().index(particle))
