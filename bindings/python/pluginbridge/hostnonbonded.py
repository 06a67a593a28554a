"""Charges, Lennard-Jones parameters and exceptions of a region's molecules, from a System's NonbondedForces."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np

from .errors import UnsupportedError


@dataclass
class Nonbonded:
    """Non-bonded parameters of some particles.

    Attributes
    ----------
    particles : numpy.ndarray, shape (atoms, 3)
        Charge (e), sigma (nm), epsilon (kJ/mol).
    exceptions : dict
        (atom, atom), ascending: (charge product, sigma, epsilon).
    """

    particles: np.ndarray
    exceptions: dict

    @property
    def hasCharges(self) -> bool:
        return bool(self.particles[:, 0].any()) or any(v[0] for v in self.exceptions.values())

    @property
    def hasLennardJones(self) -> bool:
        return bool(self.particles[:, 2].any()) or any(v[2] for v in self.exceptions.values())

    @property
    def isEmpty(self) -> bool:
        return not self.hasCharges and not self.hasLennardJones

    def pair(self, a: int, b: int) -> tuple:
        """Parameters of a pair: its exception, or the combination rules."""
        if (a, b) in self.exceptions:
            return self.exceptions[a, b]
        (qa, sa, ea), (qb, sb, eb) = self.particles[a], self.particles[b]
        return qa * qb, 0.5 * (sa + sb), math.sqrt(ea * eb)


def nonbondedTerms(system, local: dict, region: set, describe: Callable[[int], str]) -> Optional[Nonbonded]:
    """The non-bonded parameters of some particles; charges and Lennard-Jones may be in two forces.

    Parameters
    ----------
    system : openmm.System
    local : dict
        Particle: its index in the result.
    region : set of int
        Particles at the quantum-chemical level.
    describe : callable
        Name of a particle for messages.

    Raises
    ------
    UnsupportedError
        The parameters are not constant in the region, the method leaves out part of the Coulomb energy, or two
        forces add up to something that is not one set of parameters.
    """
    import openmm

    found = None
    for force in system.getForces():
        if not isinstance(force, openmm.NonbondedForce):
            continue
        terms = _read(force, local)
        refuseOffsets(force, region, describe)
        if not terms.isEmpty:
            refuseMethod(force)
        if found is None or found.isEmpty:
            found = terms
        elif not terms.isEmpty:
            found = _merge(found, terms)
    return found


def _read(force, local) -> Nonbonded:
    particles = np.array([[v._value for v in force.getParticleParameters(p)] for p in local]).reshape(-1, 3)
    exceptions = {}
    for index in range(force.getNumExceptions()):
        a, b, *values = force.getExceptionParameters(index)
        if a in local and b in local:
            a, b = sorted((local[a], local[b]))
            exceptions[a, b] = tuple(v._value for v in values)
    return Nonbonded(particles, exceptions)


def _merge(one: Nonbonded, other: Nonbonded) -> Nonbonded:
    """Charges of one force with the Lennard-Jones parameters of the other."""
    if (one.hasCharges and other.hasCharges) or (one.hasLennardJones and other.hasLennardJones):
        raise UnsupportedError("two NonbondedForces of the System give charges, or Lennard-Jones parameters, to the same "
                               "atoms; what they add up to cannot be expressed as one set of parameters")
    charges, lennardJones = (other, one) if other.hasCharges else (one, other)
    particles = np.column_stack([charges.particles[:, 0], lennardJones.particles[:, 1:]])
    pairs = set(charges.exceptions) | set(lennardJones.exceptions)
    return Nonbonded(particles, {p: (charges.pair(*p)[0], *lennardJones.pair(*p)[1:]) for p in sorted(pairs)})


def refuseMethod(force) -> None:
    """Refuses a NonbondedForce that leaves out a part of the Coulomb energy."""
    if force.getNonbondedMethod() in (force.CutoffNonPeriodic, force.CutoffPeriodic):
        raise UnsupportedError("the System's NonbondedForce uses a plain cutoff with a reaction field, so it does not "
                               "contain the full Coulomb energy of the region that the model replaces: use PME "
                               "(periodic) or NoCutoff")
    if not force.getIncludeDirectSpace():
        raise UnsupportedError("the System's NonbondedForce leaves out its direct-space part "
                               "(setIncludeDirectSpace(False)), so the region's energy that the model replaces is not "
                               "in it")


def refuseOffsets(force, region, describe) -> None:
    """Refuses Context parameters that change a NonbondedForce in the region (a container of particles)."""
    for index in range(force.getNumParticleParameterOffsets()):
        parameter, particle, *_ = force.getParticleParameterOffset(index)
        if particle in region:
            raise UnsupportedError(f"the System's NonbondedForce changes the parameters of {describe(particle)} with the "
                                   f"Context parameter '{parameter}': they have to be constant in the region")
    for index in range(force.getNumExceptionParameterOffsets()):
        parameter, exception, *_ = force.getExceptionParameterOffset(index)
        a, b, *_ = force.getExceptionParameters(exception)
        if a in region and b in region:
            raise UnsupportedError(f"the System's NonbondedForce changes the exception between {describe(a)} and "
                                   f"{describe(b)} with the Context parameter '{parameter}': it has to be constant in "
                                   "the region")
