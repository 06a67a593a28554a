"""Conformations by Langevin dynamics in ff14SB, from several starting points per molecule.

A relative permittivity of 4 keeps the sampled conformations diverse (in vacuo charged groups collapse
onto each other); with 1, hydrogen bonds of charged groups are sampled at their short distances.  Labels
are made in vacuo.  Hydrogens carry 3 u so that flexible bonds allow a 2 fs
step; masses do not change the distribution of conformations.
"""
from __future__ import annotations

import numpy as np
import openmm
from openmm import app, unit

from .molecules import Molecule, force_field, neighbours, side_of_bond, starting_coordinates

PERMITTIVITY = 4.0
CONTACT_NM = 0.45  # chains are held within this distance of their contact atoms


class SamplingError(RuntimeError):
    """No sensible starting structure was found for a molecule."""


class Sampler:
    """Trajectories of one molecule."""

    def __init__(self, molecule: Molecule, rng: np.random.Generator, permittivity: float = PERMITTIVITY):
        self.molecule, self.rng, self.polar = molecule, rng, permittivity < PERMITTIVITY
        system = force_field().createSystem(
            molecule.topology, nonbondedMethod=app.NoCutoff, constraints=None, hydrogenMass=3 * unit.dalton)
        _screen_charges(system, permittivity)
        self.contact = openmm.CustomBondForce(f"500*max(0, r-{CONTACT_NM})^2")
        self.chains = [[a.index for a in c.atoms()] for c in molecule.topology.chains()]
        for a, b in zip(self.chains, self.chains[1:]):
            self.contact.addBond(a[0], b[0], [])
        system.addForce(self.contact)
        self.integrator = openmm.LangevinMiddleIntegrator(300, 2.0, 0.002)
        self.integrator.setRandomNumberSeed(int(rng.integers(1, 2**31 - 1)))
        self.context = openmm.Context(system, self.integrator, openmm.Platform.getPlatformByName("Reference"))
        self.bonds = np.array([(a.index, b.index) for a, b in molecule.topology.bonds()])
        self.bonded = neighbours(molecule.topology)

    def positions(self) -> np.ndarray:
        """Current positions [N, 3] in angstrom."""
        return self.context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)

    def start(self, temperature: float, attempts: int = 12) -> None:
        """A new minimised starting structure, velocities at `temperature`."""
        for _ in range(attempts):
            x = starting_coordinates(self.molecule, self.rng, self.polar)
            handed = self._handedness(x)
            try:
                self.context.setPositions(x * 0.1)
                openmm.LocalEnergyMinimizer.minimize(self.context, 50.0, 150)
                self._hold_contacts()
                openmm.LocalEnergyMinimizer.minimize(self.context, 20.0, 100)
                x = self.positions()
                energy = self.context.getState(getEnergy=True).getPotentialEnergy()._value
            except openmm.OpenMMException:
                continue
            sound = np.isfinite(x).all() and self._bonds_sound(x) and energy < 50.0 * len(x)
            if sound and (self._handedness(x) == handed).all():
                self.integrator.setTemperature(temperature)
                self.context.setVelocitiesToTemperature(temperature, int(self.rng.integers(1, 2**31 - 1)))
                return
        raise SamplingError(f"{self.molecule.name}: no starting structure in {attempts} attempts")

    def trajectory(self, temperature: float, frames: int, equilibration: int = 300, interval: int = 150):
        """Yield `frames` positions [N, 3]; `equilibration` and `interval` in steps of 2 fs."""
        self.start(temperature)
        self.integrator.step(equilibration)
        for _ in range(frames):
            self.integrator.step(interval)
            x = self.positions()
            if not np.isfinite(x).all() or not self._bonds_sound(x):
                raise SamplingError(f"{self.molecule.name}: trajectory at {temperature} K lost a bond")
            yield x

    def _hold_contacts(self) -> None:
        x = self.positions()
        if len(self.chains) == 1:
            return
        for k, (a, b) in enumerate(zip(self.chains, self.chains[1:])):
            distance = np.linalg.norm(x[a][:, None] - x[b][None], axis=-1)
            i, j = np.unravel_index(distance.argmin(), distance.shape)
            self.contact.setBondParameters(k, a[i], b[j], [])
        self.context.reinitialize(preserveState=True)

    def _bonds_sound(self, x: np.ndarray) -> bool:
        length = np.linalg.norm(x[self.bonds[:, 0]] - x[self.bonds[:, 1]], axis=1)
        sulfur = (self.molecule.numbers[self.bonds] == 16).all(1)
        heavy = (self.molecule.numbers[self.bonds] > 1).all(1)
        return bool((length < np.where(sulfur, 2.6, np.where(heavy, 2.2, 1.6))).all() and (length > 0.7).all())

    def _handedness(self, x: np.ndarray) -> np.ndarray:
        """Signs of the chiral centres: atoms with four neighbours, at most one of them a hydrogen."""
        signs = []
        for i, near in enumerate(self.bonded):
            heavy = [j for j in near if self.molecule.numbers[j] > 1]
            if len(near) == 4 and len(heavy) >= 3:
                a, b, c = (x[j] - x[i] for j in heavy[:3])
                signs.append(np.sign(np.dot(a, np.cross(b, c))))
        return np.array(signs)


def _screen_charges(system: openmm.System, permittivity: float) -> None:
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    for i in range(nonbonded.getNumParticles()):
        charge, sigma, epsilon = nonbonded.getParticleParameters(i)
        nonbonded.setParticleParameters(i, charge / permittivity ** 0.5, sigma, epsilon)
    for k in range(nonbonded.getNumExceptions()):
        i, j, product, sigma, epsilon = nonbonded.getExceptionParameters(k)
        nonbonded.setExceptionParameters(k, i, j, product / permittivity, sigma, epsilon)


def perturb(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray:
    """A distorted copy of a frame: random displacements of 0.02-0.08 angstrom, or one changed bond.

    Networks trained on such frames keep bonds whole in dynamics.
    """
    if rng.random() < 0.75:
        return x + rng.normal(size=x.shape) * rng.uniform(0.02, 0.08)
    bonds = list(topology.bonds())
    bonded = neighbours(topology)
    for _ in range(20):
        a, b = (atom.index for atom in bonds[rng.integers(len(bonds))])
        side = side_of_bond(bonded, a, b)
        if side is not None:
            factor = rng.uniform(0.88, 1.22)
            y = x.copy()
            y[side] += (factor - 1.0) * (x[b] - x[a])
            return y
    return x + rng.normal(size=x.shape) * 0.04
