"""The region alone on the host's force field, for hosts that are not on ff14SB: made, and checked term by term."""
from __future__ import annotations

import hashlib
from collections import Counter
from typing import Iterable, Iterator, Optional
from xml.etree import ElementTree

import numpy as np

from .constraints import subTopology
from .errors import ForceFieldMismatchError, InvalidArgumentError, UnsupportedError
from .hostchecks import refuseWrapped
from .hostnonbonded import refuseMethod, refuseOffsets
from .region import RegionArrays, regionArrays

DIGITS = 9  # to which parameters have to agree: two Systems of one force field differ by rounding alone

#: Kinds of terms of OpenMM's forces and their number of particles: get<kind>Parameters(i) gives those first.
TERMS = {
    "HarmonicBondForce": ("Bond", 2), "HarmonicAngleForce": ("Angle", 3), "PeriodicTorsionForce": ("Torsion", 4),
    "RBTorsionForce": ("Torsion", 4), "CustomBondForce": ("Bond", 2), "CustomAngleForce": ("Angle", 3),
    "CustomTorsionForce": ("Torsion", 4), "CustomCompoundBondForce": ("Bond", None)}
#: Forces with parameters of each particle; those of pairs beside them are exceptions or exclusions.
PARTICLES = {"NonbondedForce": "Exception", "CustomNonbondedForce": "Exclusion", "AmoebaVdwForce": None}
#: Forces of force fields whose terms are not compared one by one: both Systems must have one of a kind, or neither.
UNLISTED = {"HippoNonbondedForce", "GayBerneForce", "CustomManyParticleForce", "CustomHbondForce"}
#: Forces that stay the host's (RegionHost.cpp refuses the same ones): the model's energy of the region is in vacuo, and so
#: is what it replaces.
IMPLICIT_SOLVENTS = {"GBSAOBCForce", "CustomGBForce", "AmoebaGeneralizedKirkwoodForce", "AmoebaWcaDispersionForce"}


def createRegionSystem(topology, forcefield, atoms: Optional[Iterable[int]] = None, **args):
    """The region alone in vacuo, without a cutoff or an implicit solvent, on the host's force field.

    Parameters
    ----------
    topology : openmm.app.Topology
        Of the whole System, with hydrogens.
    forcefield : openmm.app.ForceField
        The one that the host's System was made with.
    atoms : iterable of int, optional
        The region, complete molecules; None: the protein.
    args
        Options of ``ForceField.createSystem`` that the host was made with: ``constraints``, ``polarization``, ...; without
        ``nonbondedMethod`` and cutoffs.

    Returns
    -------
    openmm.System
        For the option ``regionSystem`` of ``createMixedSystem``.

    Raises
    ------
    InvalidArgumentError
        The region cuts a molecule, an option does not belong here, or the force field does not fit.
    """
    from openmm import app

    for name in ("nonbondedMethod", "nonbondedCutoff", "vdwCutoff", "switchDistance"):
        if name in args:
            raise InvalidArgumentError(f"{name} is an option of the host: the region alone is in vacuo, without a cutoff")
    args.pop("removeCMMotion", None)  # the host's affair
    arrays = regionArrays(topology, atoms)
    _requireMolecules(arrays)
    try:
        system = forcefield.createSystem(subTopology(topology, arrays.regionParticles),
                                         nonbondedMethod=app.NoCutoff, removeCMMotion=False, **args)
    except ValueError as error:
        raise InvalidArgumentError(f"the force field does not fit the region: {error}") from error
    for i in reversed(range(system.getNumForces())):
        if type(system.getForce(i)).__name__ in IMPLICIT_SOLVENTS:  # the host keeps it: solvation is no part of the region
            system.removeForce(i)
    return system


def _requireMolecules(arrays: RegionArrays) -> None:
    """The fragments of a region that ends inside a chain take in atoms beyond it, whose terms its System would not have."""
    outside = np.setdiff1d(np.arange(len(arrays.particles)), arrays.region)
    if len(outside):
        raise InvalidArgumentError(f"the region cuts a molecule ({arrays.describe(int(outside[0]))} is not in it): on a force field "
                                   "other than ff14SB it must be complete molecules")


def checkRegionSystem(system, regionSystem, arrays: RegionArrays) -> None:
    """Refuses a region System whose terms are not those of the host between the region's atoms.

    Bonded terms, constraints, non-bonded parameters and exceptions, the parameters of AMOEBA's forces; of a few others
    (HIPPO, Gay-Berne, hydrogen bonds, many particles) only that both have them.

    Raises
    ------
    InvalidArgumentError
        The region cuts a molecule, or its System has another number of particles.
    UnsupportedError
        The host leaves out a part of the Coulomb energy (a plain cutoff), its parameters change with the Context's, terms
        of the region are inside a CustomCVForce, or have Drude particles.
    ForceFieldMismatchError
        The first term that one of the two has and the other has not.
    """
    _requireMolecules(arrays)
    particles = arrays.regionParticles.tolist()
    if regionSystem.getNumParticles() != len(particles):
        raise InvalidArgumentError(f"the region's System has {regionSystem.getNumParticles()} particles, the region "
                                   f"{len(particles)} atoms: it must have those and nothing else, in their order")
    local = {particle: k for k, particle in enumerate(particles)}
    for force in system.getForces():
        if type(force).__name__ == "NonbondedForce":
            refuseMethod(force)
            refuseOffsets(force, local, lambda particle: arrays.describe(int(arrays.region[local[particle]])))
        elif type(force).__name__ == "CustomCVForce":
            refuseWrapped(force, set(local))
        elif type(force).__name__ == "DrudeForce" and not local.keys().isdisjoint(_drudeParticles(force)):
            raise UnsupportedError("the host's DrudeForce has particles in the region: a region alone has atoms only")
    host, alone = _terms(system, local), _terms(regionSystem, {k: k for k in range(len(particles))})
    for missing, text in ((host - alone, "the host has it, the region's System has not"),
                          (alone - host, "the region's System has it, the host has not")):
        if missing:
            kind, atoms, parameters = min(missing, key=repr)
            names = ", ".join(arrays.describe(int(arrays.region[k])) for k in atoms)
            values = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in parameters)
            raise ForceFieldMismatchError(f"the region's System is not the host's force field: {kind}{' of ' if names else ''}{names}"
                                          f"{f' ({values})' if values else ''}: {text}")


def _drudeParticles(force) -> set:
    """Drude particles and those that they are bound to."""
    return {particle for i in range(force.getNumParticles()) for particle in force.getParticleParameters(i)[:2]}


def _terms(system, local: dict) -> Counter:
    """(kind, atoms of the region, parameters) of all terms between atoms of the region; local: particle -> atom."""
    found: Counter = Counter()
    for i in range(system.getNumConstraints()):
        a, b, length = system.getConstraintParameters(i)
        _add(found, "constraint", (a, b), (length,), local)
    for force in system.getForces():
        name = type(force).__name__
        if name in TERMS:
            for atoms, parameters in _listed(force, *TERMS[name]):
                _add(found, _kind(force, TERMS[name][0]), atoms, parameters, local)
        elif name == "CMAPTorsionForce":
            maps = [_digest(force.getMapParameters(i)[1]._value) for i in range(force.getNumMaps())]
            for i in range(force.getNumTorsions()):
                index, *atoms = force.getTorsionParameters(i)
                if all(atom in local for atom in atoms):
                    found["CMAP torsion", tuple(local[a] for a in atoms), maps[index]] += 1
        elif name == "AmoebaTorsionTorsionForce":
            for i in range(force.getNumTorsionTorsions()):
                *atoms, _, grid = force.getTorsionTorsionParameters(i)  # between them a neighbour that tells the chirality
                _add(found, "torsion-torsion", atoms, _digest(force.getTorsionTorsionGrid(grid)), local)
        elif name == "AmoebaMultipoleForce":
            for particle, atom in local.items():
                *values, axis, z, x, y, thole, damping, polarity = force.getMultipoleParameters(particle)
                axes = tuple(local.get(int(k), -1) for k in (z, x, y))
                found["multipole", (atom, *(k for k in axes if k >= 0)), _rounded((*values, thole, damping, polarity)) + (axis,)] += 1
        elif name in PARTICLES:
            _addNonbonded(found, force, name, local)
        elif name in UNLISTED:
            found[name, (), ()] = 1
    return found


def _digest(values) -> tuple:
    """What stands for a table of numbers as a parameter."""
    return (hashlib.sha256(repr(_rounded(values)).encode()).hexdigest()[:12],)


def _kind(force, term: str) -> str:
    """A term's name; Custom*Forces are told apart by their energy functions."""
    function = getattr(force, "getEnergyFunction", lambda: "")()
    return f"{term.lower()} {function}".strip()


def _listed(force, term: str, count: Optional[int]) -> Iterator[tuple]:
    for i in range(getattr(force, f"getNum{term}s")()):
        values = getattr(force, f"get{term}Parameters")(i)
        yield (values[0], values[1:]) if count is None else (values[:count], values[count:])


def _addNonbonded(found: Counter, force, name: str, local: dict) -> None:
    table = _typeTable(force, local) if name == "CustomNonbondedForce" else {}
    for particle, atom in local.items():
        values = force.getParticleParameters(particle)
        if name == "AmoebaVdwForce":  # its first value is the atom that the site is moved towards
            values = values[1:]
        found[_kind(force, "non-bonded parameters"), (atom,), table.get(particle) or _rounded(values)] += 1
    pairs = PARTICLES[name]
    if pairs:
        for i in range(getattr(force, f"getNum{pairs}s")()):
            a, b, *values = getattr(force, f"get{pairs}{'Parameters' if pairs == 'Exception' else 'Particles'}")(i)
            _add(found, pairs.lower(), (a, b), values, local)


def _typeTable(force, local: dict) -> dict:
    """Where a CustomNonbondedForce looks up pairs of types in tables (CHARMM's Lennard-Jones terms), types are numbered in
    each System anew: what says as much of a particle is its row of table values with the region's other atoms, by sum."""
    tables = _tables(force)
    if force.getNumPerParticleParameters() != 1 or not tables:
        return {}
    types = np.array([int(force.getParticleParameters(particle)[0]) for particle in local])
    weights = np.sqrt(1 + np.arange(len(types)))  # so that exchanged partners show
    rows = [table[np.ix_(types, types)] @ weights for table in tables]
    return {particle: _rounded(row) for particle, row in zip(local, np.transpose(rows))}


def _tables(force) -> list:
    """The force's tabulated functions as arrays [x, y], if all of them are Discrete2DFunctions."""
    import openmm

    found = []
    for i in range(force.getNumTabulatedFunctions()):  # whose values Python reads from XML alone
        element = ElementTree.fromstring(openmm.XmlSerializer.serialize(force.getTabulatedFunction(i)))
        if element.get("type") != "Discrete2DFunction":
            return []
        values = [float(value.get("v")) for value in element.iter("Value")]
        found.append(np.array(values).reshape(int(element.get("ysize")), int(element.get("xsize"))).T)
    return found


def _add(found: Counter, kind: str, atoms, parameters, local: dict) -> None:
    """Counts a term if all of its atoms are in the region, whichever way round they are listed."""
    if all(atom in local for atom in atoms):
        inside = tuple(local[atom] for atom in atoms)
        found[kind, min(inside, inside[::-1]), _rounded(parameters)] += 1


def _rounded(parameters) -> tuple:
    """Parameters as plain numbers, flat, to DIGITS significant digits."""
    flat: list = []
    for value in parameters:
        value = getattr(value, "_value", value)
        if isinstance(value, (str, int)):
            flat.append(value)
        elif np.iterable(value):
            flat += _rounded(value)
        else:
            flat.append(float(f"{value:.{DIGITS}g}") + 0.0)  # + 0.0: no minus zero
    return tuple(flat)
