"""From an OpenMM System to ``pb_host_terms``: the additive force-field terms of the region's molecules."""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Optional

import numpy as np

from . import abi
from .hostchecks import checkForces
from .hostnonbonded import nonbondedTerms
from .region import RegionArrays


@dataclass(frozen=True)
class HostTerms:
    """Terms whose atoms all lie among the given particles, indices and units as in ``pb_host_terms``.

    Integer arrays are int32, the others float64; kJ/mol, nm, rad, e.
    """

    bond_atoms: np.ndarray
    bond_parameters: np.ndarray
    angle_atoms: np.ndarray
    angle_parameters: np.ndarray
    torsion_atoms: np.ndarray
    torsion_periodicities: np.ndarray
    torsion_parameters: np.ndarray
    rb_torsion_atoms: np.ndarray
    rb_torsion_parameters: np.ndarray
    cmap_sizes: np.ndarray
    cmap_energies: np.ndarray
    cmap_torsions: np.ndarray
    nonbonded: Optional[np.ndarray]
    exception_atoms: np.ndarray
    exception_parameters: np.ndarray
    constraint_atoms: np.ndarray

    def struct(self) -> abi.HostTerms:
        """The C struct; valid while this object lives."""
        arrays = {}
        for field in fields(self):
            array = getattr(self, field.name)
            integer = array is not None and array.dtype == np.int32
            arrays[field.name] = abi.int32s(array) if integer else abi.doubles(array)
        return abi.HostTerms(
            bond_count=len(self.bond_atoms), angle_count=len(self.angle_atoms),
            torsion_count=len(self.torsion_atoms), rb_torsion_count=len(self.rb_torsion_atoms),
            cmap_count=len(self.cmap_sizes), cmap_torsion_count=len(self.cmap_torsions),
            exception_count=len(self.exception_atoms), constraint_count=len(self.constraint_atoms), **arrays)


def hostTerms(system, arrays: RegionArrays, absolute: bool) -> HostTerms:
    """Reads the terms of a System among the atoms of the region's molecules, as the OpenMM plugin does.

    Parameters
    ----------
    system : openmm.System
    arrays : RegionArrays
        A term's atom k is ``arrays.particles[k]``.
    absolute : bool
        Whether the model replaces these terms, rather than being compared with them.

    Raises
    ------
    UnsupportedError
        A force inside the region cannot be expressed as such terms; the message says which and why.
    """
    import openmm

    local = {particle: k for k, particle in enumerate(arrays.particles.tolist())}
    region = set(arrays.regionParticles.tolist())
    checkForces(system, arrays, absolute)
    bonds, angles, torsions, rbTorsions, maps, cmaps = [], [], [], [], [], []
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            bonds += _terms(force.getNumBonds(), force.getBondParameters, 2, local)
        elif isinstance(force, openmm.HarmonicAngleForce):
            angles += _terms(force.getNumAngles(), force.getAngleParameters, 3, local)
        elif isinstance(force, openmm.PeriodicTorsionForce):
            torsions += _terms(force.getNumTorsions(), force.getTorsionParameters, 4, local)
        elif isinstance(force, openmm.RBTorsionForce):
            rbTorsions += _terms(force.getNumTorsions(), force.getTorsionParameters, 4, local)
        elif isinstance(force, openmm.CMAPTorsionForce):
            first = len(maps)
            maps += [force.getMapParameters(m) for m in range(force.getNumMaps())]
            for t in range(force.getNumTorsions()):
                index, *atoms = force.getTorsionParameters(t)
                if all(a in local for a in atoms):
                    cmaps.append([first + index] + [local[a] for a in atoms])
    nonbonded = nonbondedTerms(system, local, region, lambda particle: arrays.describe(local[particle]))
    exceptions = [] if nonbonded is None else list(nonbonded.exceptions.items())
    constraints = [(local[a], local[b]) for a, b, _ in
                   (system.getConstraintParameters(i) for i in range(system.getNumConstraints()))
                   if a in local and b in local]
    return HostTerms(
        bond_atoms=_ints(bonds, 2), bond_parameters=_reals(bonds, 2),
        angle_atoms=_ints(angles, 3), angle_parameters=_reals(angles, 2),
        torsion_atoms=_ints(torsions, 4), torsion_periodicities=np.array([v[0] for _, v in torsions], np.int32),
        torsion_parameters=_reals([(a, v[1:]) for a, v in torsions], 2),
        rb_torsion_atoms=_ints(rbTorsions, 4), rb_torsion_parameters=_reals(rbTorsions, 6),
        cmap_sizes=np.array([size for size, _ in maps], np.int32),
        cmap_energies=np.array([e for _, energies in maps for e in _plain(energies)], float),
        cmap_torsions=np.array(cmaps, np.int32).reshape(-1, 9),
        nonbonded=None if nonbonded is None else np.ascontiguousarray(nonbonded.particles),
        exception_atoms=_ints(exceptions, 2), exception_parameters=_reals(exceptions, 3),
        constraint_atoms=np.array(constraints, np.int32).reshape(-1, 2))


def _plain(values) -> list:
    """Quantities as numbers in OpenMM's units."""
    from openmm import unit

    return [v.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(v) else v for v in values]


def _terms(count, get, width, local):
    """(local atoms, parameters) of the terms whose atoms are all local."""
    found = []
    for i in range(count):
        term = get(i)
        if all(a in local for a in term[:width]):
            found.append(([local[a] for a in term[:width]], _plain(term[width:])))
    return found


def _ints(terms, width):
    return np.array([atoms for atoms, _ in terms], np.int32).reshape(-1, width)


def _reals(terms, width):
    return np.array([values for _, values in terms], float).reshape(-1, width)
