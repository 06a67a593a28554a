"""Labels: GFN2-xTB through libxtb's C ABI, and AMBER ff14SB in vacuo through OpenMM.

Units out: kcal/mol and kcal/mol/angstrom; positions in angstrom.
"""
from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from .molecules import Molecule, force_field

HARTREE_KCAL = 627.509474063
BOHR_ANGSTROM = 0.529177210903
KJ_PER_KCAL = 4.184


class LabelError(RuntimeError):
    """The reference method gave no usable result for a frame (SCF not converged, ...)."""


@functools.lru_cache(maxsize=1)
def _libxtb() -> ctypes.CDLL:
    lib = ctypes.CDLL("libxtb.so.6")
    pointer = ctypes.c_void_p
    for name in ("newEnvironment", "newCalculator", "newResults", "newMolecule"):
        getattr(lib, f"xtb_{name}").restype = pointer
    lib.xtb_newMolecule.argtypes = [pointer] * 8
    lib.xtb_updateMolecule.argtypes = [pointer] * 4
    lib.xtb_loadGFN2xTB.argtypes = [pointer] * 4
    lib.xtb_singlepoint.argtypes = [pointer] * 4
    for name in ("Energy", "Gradient", "Charges", "Dipole"):
        getattr(lib, f"xtb_get{name}").argtypes = [pointer] * 3
    lib.xtb_getError.argtypes = [pointer] * 3
    lib.xtb_setVerbosity.argtypes = [pointer, ctypes.c_int]
    lib.xtb_checkEnvironment.argtypes = [pointer]
    lib.xtb_getAPIVersion.restype = ctypes.c_int
    return lib


def libxtb_version() -> str:
    """File name of the loaded library, which ends with its version (the C ABI only tells its own)."""
    _libxtb()
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libxtb.so" in line}
    return ", ".join(sorted(Path(path).resolve().name for path in loaded))


def _generic_rotation() -> np.ndarray:
    """A fixed rotation in no special relation to any axis: Rz(1.0) Ry(0.7) Rx(0.4)."""
    def turn(axis: int, angle: float) -> np.ndarray:
        matrix, (i, j) = np.eye(3), [k for k in range(3) if k != axis]
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        return matrix
    return turn(2, 1.0) @ turn(1, 0.7) @ turn(0, 0.4)


@dataclass
class Gfn2Label:
    """energy in kcal/mol, forces [N, 3] in kcal/mol/angstrom, charges [N] in e, dipole [3] in e angstrom.

    The dipole contains atomic dipoles; a charged molecule's refers to the origin of its positions.
    """

    energy: float
    forces: np.ndarray
    charges: np.ndarray
    dipole: np.ndarray


class Gfn2:
    """GFN2-xTB of one molecule in vacuo, closed shell (libxtb, default settings).

    libxtb 6.5.1's analytic gradient is wrong on exactly planar or axis-aligned geometry, so
    every frame is evaluated in one fixed generic rotation.
    """

    ROTATION = _generic_rotation()

    def __init__(self, numbers: np.ndarray, charge: int):
        self.lib = _libxtb()
        self.numbers = np.ascontiguousarray(numbers, dtype=np.int32)
        self.charge = charge
        self.environment = ctypes.c_void_p(self.lib.xtb_newEnvironment())
        self.lib.xtb_setVerbosity(self.environment, 0)
        self.calculator = ctypes.c_void_p(self.lib.xtb_newCalculator())
        self.molecule = ctypes.c_void_p()

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy and forces [N, 3]; LabelError with libxtb's message if the SCF fails."""
        result = self.label(positions)
        return result.energy, result.forces

    def label(self, positions: np.ndarray) -> Gfn2Label:
        """All that is stored of a frame (positions [N, 3] in angstrom); LabelError if the SCF fails."""
        lib, env = self.lib, self.environment
        x = np.ascontiguousarray(positions @ self.ROTATION.T / BOHR_ANGSTROM, dtype=np.float64)
        if not self.molecule:
            n, q, uhf = ctypes.c_int(len(self.numbers)), ctypes.c_double(self.charge), ctypes.c_int(0)
            self.molecule = ctypes.c_void_p(lib.xtb_newMolecule(
                env, ctypes.byref(n), self.numbers.ctypes.data, x.ctypes.data, ctypes.byref(q), ctypes.byref(uhf),
                None, None))
            self._check()
            lib.xtb_loadGFN2xTB(env, self.molecule, self.calculator, None)
        else:
            lib.xtb_updateMolecule(env, self.molecule, x.ctypes.data, None)
        self._check()
        results = ctypes.c_void_p(lib.xtb_newResults())  # new each time: no guess from another frame
        try:
            energy, gradient = ctypes.c_double(), np.empty_like(x)
            charges, dipole = np.empty(len(x)), np.empty(3)
            lib.xtb_singlepoint(env, self.molecule, self.calculator, results)
            self._check()
            lib.xtb_getEnergy(env, results, ctypes.byref(energy))
            lib.xtb_getGradient(env, results, gradient.ctypes.data)
            lib.xtb_getCharges(env, results, charges.ctypes.data)
            lib.xtb_getDipole(env, results, dipole.ctypes.data)
            self._check()
        finally:
            lib.xtb_delResults(ctypes.byref(results))
        forces = -gradient @ self.ROTATION * (HARTREE_KCAL / BOHR_ANGSTROM)
        if not (np.isfinite(energy.value) and np.isfinite(forces).all()):
            raise LabelError("libxtb returned a non-finite energy or gradient")
        return Gfn2Label(energy.value * HARTREE_KCAL, forces, charges, dipole @ self.ROTATION * BOHR_ANGSTROM)

    def _check(self) -> None:
        if self.lib.xtb_checkEnvironment(self.environment):
            size = ctypes.c_int(512)
            buffer = ctypes.create_string_buffer(size.value)
            self.lib.xtb_getError(self.environment, buffer, ctypes.byref(size))
            raise LabelError(buffer.value.decode(errors="replace").strip() or "libxtb reported an error")

    def close(self) -> None:
        """Release libxtb's objects."""
        for kind, handle in (("Molecule", self.molecule), ("Calculator", self.calculator),
                             ("Environment", self.environment)):
            if handle:
                getattr(self.lib, f"xtb_del{kind}")(ctypes.byref(handle))


NONBONDED_GROUP = 1


class Ff14sb:
    """Complete ff14SB of one molecule in vacuo without cutoff (OpenMM Reference platform, float64)."""

    def __init__(self, molecule: Molecule):
        self._start(force_field().createSystem(molecule.topology, nonbondedMethod=app.NoCutoff, constraints=None,
                                               rigidWater=False, removeCMMotion=False))

    @classmethod
    def of_topology(cls, topology: app.Topology) -> "Ff14sb":
        """The same for any OpenMM topology that ff14SB covers."""
        self = cls.__new__(cls)
        self._start(force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, removeCMMotion=False))
        return self

    def charge(self) -> int:
        """Total charge of the molecule in e."""
        nonbonded = next(f for f in self.system.getForces() if isinstance(f, openmm.NonbondedForce))
        return round(sum(nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())))

    def _start(self, system: openmm.System) -> None:
        self.system = system
        for force in system.getForces():
            force.setForceGroup(NONBONDED_GROUP if isinstance(force, openmm.NonbondedForce) else 0)
        self.context = openmm.Context(system, openmm.VerletIntegrator(0.001),
                                      openmm.Platform.getPlatformByName("Reference"))

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
        """(E, F [N, 3], E_nb, F_nb): the whole force field, then its non-bonded part alone."""
        self.context.setPositions(positions * 0.1)
        parts = []
        for groups in (-1, 1 << NONBONDED_GROUP):
            state = self.context.getState(getEnergy=True, getForces=True, groups=groups)
            parts.append(state.getPotentialEnergy().value_in_unit(unit.kilocalorie_per_mole))
            parts.append(state.getForces(asNumpy=True).value_in_unit(unit.kilocalorie_per_mole / unit.angstrom))
        return tuple(parts)
