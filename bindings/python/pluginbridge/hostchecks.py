"""Forces of a System that a region's base energy would have to contain and cannot: refused, or warned about."""
from __future__ import annotations

import warnings

from .errors import UnsupportedError
from .region import RegionArrays

#: Forces whose energy inside the region would belong to the base energy but has no place in ``pb_host_terms``.
UNREADABLE = frozenset(["AmoebaMultipoleForce", "AmoebaTorsionTorsionForce", "AmoebaVdwForce", "DrudeForce",
                        "GayBerneForce", "HippoNonbondedForce"])


def checkForces(system, arrays: RegionArrays, absolute: bool) -> None:
    """Refuses what cannot be read; warns of what is taken as an addition to the force field.

    Parameters
    ----------
    system : openmm.System
    arrays : RegionArrays
    absolute : bool
        Whether the model replaces the host's terms. A correction is only compared with them.

    Raises
    ------
    UnsupportedError
        A force acts inside the region and has no place in ``pb_host_terms``; or `absolute`, and the host's terms are
        inside a CustomCVForce.

    Warns
    -----
    UserWarning
        `absolute`, and a custom bond, angle, torsion or compound bond force has terms inside the region.
    """
    import openmm

    region = set(arrays.regionParticles.tolist())
    for force in system.getForces():
        name = type(force).__name__
        if name in UNREADABLE or (isinstance(force, openmm.CustomNonbondedForce) and _actsInside(force, region)):
            raise UnsupportedError(
                f"the System's {name} acts between atoms of the region, and its energy cannot be read as part of the "
                "force field that the model replaces. Hand over the region alone on the host's force field, "
                "regionSystem=createRegionSystem(topology, forcefield); if the force is an addition of yours, restrict it to "
                "other atoms (interaction groups)")
        if absolute and isinstance(force, openmm.CustomCVForce):
            refuseWrapped(force, region)
        if absolute:
            _warnOfCustomTerms(force, arrays, region)


def _actsInside(force, region) -> bool:
    """Whether a CustomNonbondedForce has a pair of region particles among its interactions."""
    if force.getNumInteractionGroups() == 0:
        return len(region) > 1
    for index in range(force.getNumInteractionGroups()):
        one, other = (region.intersection(group) for group in force.getInteractionGroupParameters(index))
        if one and other and len(one | other) > 1:
            return True
    return False


def refuseWrapped(wrapper, region) -> None:
    """Refuses a CustomCVForce with terms of a force field between atoms of the region (particles)."""
    import openmm

    for index in range(wrapper.getNumCollectiveVariables()):
        force = wrapper.getCollectiveVariable(index)
        kind = type(force).__name__
        if isinstance(force, openmm.CustomCVForce):
            refuseWrapped(force, region)
        elif _hasTermsInside(force, region):
            raise UnsupportedError(
                f"the System has a CustomCVForce whose collective variable '{wrapper.getCollectiveVariableName(index)}' "
                f"is a {kind} that acts between atoms of the region. The model replaces the force field there and "
                "cannot take away what is inside a CustomCVForce, so it would be counted twice. Add the "
                f"{kind} to the System itself, or, if it is a bias, write it as a Custom*Force")


def _hasTermsInside(force, region) -> bool:
    """Whether a force of a kind that belongs to force fields acts between atoms of the region."""
    import openmm

    if isinstance(force, openmm.NonbondedForce):
        return force.getNumParticles() > 0 and len(region) > 1
    if isinstance(force, openmm.HarmonicBondForce):
        terms = (force.getBondParameters(i)[:2] for i in range(force.getNumBonds()))
    elif isinstance(force, openmm.HarmonicAngleForce):
        terms = (force.getAngleParameters(i)[:3] for i in range(force.getNumAngles()))
    elif isinstance(force, (openmm.PeriodicTorsionForce, openmm.RBTorsionForce)):
        terms = (force.getTorsionParameters(i)[:4] for i in range(force.getNumTorsions()))
    elif isinstance(force, openmm.CMAPTorsionForce):
        terms = (force.getTorsionParameters(i)[1:] for i in range(force.getNumTorsions()))
    else:
        return False
    return any(region.issuperset(term) for term in terms)


def _warnOfCustomTerms(force, arrays: RegionArrays, region) -> None:
    """Some force fields keep terms of their own in custom forces, e.g. CHARMM's impropers."""
    import openmm

    if isinstance(force, openmm.CustomTorsionForce):
        terms = (force.getTorsionParameters(i)[:4] for i in range(force.getNumTorsions()))
    elif isinstance(force, openmm.CustomAngleForce):
        terms = (force.getAngleParameters(i)[:3] for i in range(force.getNumAngles()))
    elif isinstance(force, openmm.CustomBondForce):
        terms = (force.getBondParameters(i)[:2] for i in range(force.getNumBonds()))
    elif isinstance(force, openmm.CustomCompoundBondForce):
        terms = (force.getBondParameters(i)[0] for i in range(force.getNumBonds()))
    else:
        return
    inside = [term for term in terms if region.issuperset(term)]
    if inside:
        local = {particle: k for k, particle in enumerate(arrays.particles.tolist())}
        atoms = ", ".join(arrays.describe(local[particle]) for particle in inside[0])
        warnings.warn(
            f"the System's {type(force).__name__} has {len(inside)} terms inside the region, the first between {atoms}. "
            "They are taken as restraints and kept. If they are terms of the force field (CHARMM's impropers), the model "
            "does not replace them, and their energy is added to its own: hand over the region alone on the host's force field, "
            "regionSystem=createRegionSystem(topology, forcefield)", stacklevel=4)
