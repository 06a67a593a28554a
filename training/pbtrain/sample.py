"""Conformations by Langevin dynamics in ff14SB, from several starting points per molecule.

A relative permittivity of 4 keeps the sampled conformations diverse (in vacuo charged groups collapse
onto each other); with 1, hydrogen bonds of charged groups are sampled at their short distances.  Labels
are made in vacuo.  Hydrogens carry 3 u so that flexible bonds allow a 2 fs
step; masses do not change the distribution of conformations.  The Reference platform is the fastest for
such small molecules (7 us a step at 22 atoms, 160 us at 129; the CPU platform needs 500 and 700 us).
"""
from __future__ import annotations

import numpy as np
import openmm
from openmm import app, unit

from .bias import Compaction, Contacts, HeldTorsions
from .molecules import Molecule, force_field, neighbours, starting_coordinates
from .soundness import Soundness
from .torsions import fold, spread

PERMITTIVITY = 4.0
HOT_KELVIN = (500.0, 700.0)
COMPACTION = (200.0, 900.0)  # kJ/mol/nm^2
HOT_STEPS, COOL_STEPS, REST_STEPS = 3000, 500, 500  # of 2 fs: hot and pulled, at temperature and pulled, free


class SamplingError(RuntimeError):
    """No sensible starting structure was found for a molecule."""


class Sampler:
    """Trajectories of one molecule; `start`, `contact` and `point` as in systems.Spec."""

    def __init__(self, molecule: Molecule, rng: np.random.Generator, permittivity: float = PERMITTIVITY,
                 start: str = "basins", contact: str = "any", point: int = 0):
        self.molecule, self.rng, self.mode, self.contact, self.point = molecule, rng, start, contact, point
        topology = molecule.topology
        system = force_field().createSystem(
            topology, nonbondedMethod=app.NoCutoff, constraints=None, hydrogenMass=3 * unit.dalton)
        _screen_charges(system, permittivity)
        self.contacts = Contacts(system, topology)
        self.chains = self.contacts.chains
        self.held = HeldTorsions(system, topology) if start == "spread" else None
        self.compaction = Compaction(system, topology) if start == "fold" else None
        self.integrator = openmm.LangevinMiddleIntegrator(300, 2.0, 0.002)
        self.integrator.setRandomNumberSeed(int(rng.integers(1, 2**31 - 1)))
        self.context = openmm.Context(system, self.integrator, openmm.Platform.getPlatformByName("Reference"))
        self.sound = Soundness(topology, molecule.numbers, neighbours(topology))
        self.residues = sum(1 for r in topology.residues() if r.name not in ("ACE", "NME"))

    def positions(self) -> np.ndarray:
        """Current positions [N, 3] in angstrom."""
        return self.context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)

    def start(self, temperature: float, attempts: int = 12) -> None:
        """A new minimised starting structure, velocities at `temperature`."""
        for _ in range(attempts):
            x = starting_coordinates(self.molecule, self.rng, self.contact, self._backbone())
            self.handed, self.trans = self.sound.handedness(x), self.sound.trans(x)
            try:
                self.context.setPositions(x * 0.1)
                if self.held:
                    self.held.hold(self.context, x)
                openmm.LocalEnergyMinimizer.minimize(self.context, 50.0, 150)
                self.contacts.hold(self.context, self.positions())
                openmm.LocalEnergyMinimizer.minimize(self.context, 20.0, 100)
                x = self.positions()
                energy = self.context.getState(getEnergy=True).getPotentialEnergy()._value
            except openmm.OpenMMException:
                continue
            if energy < 50.0 * len(x) and self.is_sound(x) and (self.mode == "basins" or self.sound.rings_free(x)):
                self._heat(temperature)
                return
        raise SamplingError(f"{self.molecule.name}: no starting structure in {attempts} attempts")

    def trajectory(self, temperature: float, frames: int, equilibration: int = 300, interval: int = 150):
        """Yield `frames` positions [N, 3]; `equilibration` and `interval` in steps of 2 fs."""
        try:
            self.start(temperature)
        finally:
            self.point += 1
        if self.mode == "fold":
            self.compact(temperature)
        if self.held and self.rng.random() < 0.5:
            self.held.release(self.context)
        self.integrator.step(equilibration)
        for _ in range(frames):
            self.integrator.step(interval)
            x = self.positions()
            if not np.isfinite(x).all() or not self.is_sound(x):
                raise SamplingError(f"{self.molecule.name}: trajectory at {temperature} K lost a bond or its chirality")
            yield x

    def compact(self, temperature: float) -> None:
        """A hot phase and a cool one under a weak pull on the radius of gyration, then rest without it."""
        self.compaction.set(self.context, self.rng.uniform(*COMPACTION))
        self._heat(self.rng.uniform(*HOT_KELVIN))
        self.integrator.step(HOT_STEPS)
        self._heat(temperature)
        self.integrator.step(COOL_STEPS)
        self.compaction.set(self.context, 0.0)
        self.integrator.step(REST_STEPS)

    def _backbone(self):
        if self.mode == "spread":
            return spread(self.rng, self.point, self.residues)
        return fold(self.rng, self.residues) if self.mode == "fold" else None

    def _heat(self, temperature: float) -> None:
        self.integrator.setTemperature(temperature)
        self.context.setVelocitiesToTemperature(temperature, int(self.rng.integers(1, 2**31 - 1)))

    def is_sound(self, x: np.ndarray) -> bool:
        """Bonds, chirality and peptide bonds are those of the start."""
        return (np.isfinite(x).all() and self.sound.bonds_whole(x)
                and (self.sound.handedness(x) == self.handed).all()
                and (self.mode == "basins" or (self.sound.trans(x) == self.trans).all()))


def _screen_charges(system: openmm.System, permittivity: float) -> None:
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    for i in range(nonbonded.getNumParticles()):
        charge, sigma, epsilon = nonbonded.getParticleParameters(i)
        nonbonded.setParticleParameters(i, charge / permittivity ** 0.5, sigma, epsilon)
    for k in range(nonbonded.getNumExceptions()):
        i, j, product, sigma, epsilon = nonbonded.getExceptionParameters(k)
        nonbonded.setExceptionParameters(k, i, j, product / permittivity, sigma, epsilon)
