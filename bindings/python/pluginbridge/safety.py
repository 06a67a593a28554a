"""Watches a simulation for what no sound molecule does: broken bonds, inverted centres, runaway temperature, NaN."""
from __future__ import annotations

import os
from typing import Callable, Iterable, Optional, Union

import numpy as np

from .errors import InvalidArgumentError, PluginBridgeError
from .evaluator import toNanometers
from .region import proteinAtoms
from .watching import WatchingReporter, describeAtom

#: A hydrogen this near (nm) to another heavy atom, once its own bond is broken, has moved to it.
TRANSFERRED = 0.135
#: Standard deviations of a small region's temperature that pass as fluctuation.
FLUCTUATION = 6.0

_COLUMNS = ("step", "time (ps)", "longest bond ratio", "bond", "temperature (K)", "problems")
_ADVICE = ("Go back to a sound state{saved}, and look for the cause: a time step too long, a start that needs relaxation, or a "
           "geometry that the model does not know (an ensemble's UncertaintyReporter tells)")


class SafetyWarning(UserWarning):
    """A simulation has done what no sound molecule does."""


class SafetyError(PluginBridgeError, RuntimeError):
    """Raised out of ``simulation.step`` by a SafetyReporter whose action is "stop"."""


class SafetyReporter(WatchingReporter):
    """An OpenMM reporter that ends a run, or warns, before it turns to nonsense.

    Every `reportInterval` steps it looks at the atoms' bonds (against their lengths in the force field), chiral centres,
    temperature, and whether numbers are finite. A proton that has moved to another atom is told apart from a broken bond.
    The last state that passed is kept and, when something is wrong, written to `lastGoodFile`: nothing is lost.

    >>> simulation.reporters.append(SafetyReporter("safety.csv", 100, topology, system, lastGoodFile="lastgood.xml"))
    >>> simulation.loadState("lastgood.xml")    # afterwards

    How sure a network is of its forces is what :class:`pluginbridge.UncertaintyReporter` watches; both can run together.

    Parameters
    ----------
    file : str, path-like, file or None
        Where the CSV goes: a header and one line a report, flushed. A file with a ``write`` is not closed.
    reportInterval : int
        Steps between reports.
    topology : openmm.app.Topology
    system : openmm.System
        Of the simulation: masses, constraints, and lengths of harmonic bonds. A bond without such a length is measured
        against its length at the first report.
    temperature : Quantity or float, optional
        K. None: the integrator's, if it has one; else temperature is written but not judged.
    atoms : iterable of int, optional
        Topology indices of the atoms to watch. None: all proteins, or everything where there is none.
    maxBondRatio : float
        A bond is broken beyond this many times its length.
    maxTemperatureRatio : float
        The watched atoms' kinetic temperature is too high beyond this many times `temperature`, or, for few atoms, beyond
        six standard deviations, sqrt(2 / degrees of freedom) each.
    action : "stop", "warn" or callable
        A SafetyError out of ``simulation.step``; a SafetyWarning; or ``action(simulation, state, message)``.
    lastGoodFile : str or path-like, optional
        Where the last sound state goes (XML, for ``simulation.loadState``) when something is wrong.

    Raises
    ------
    InvalidArgumentError
        An argument is out of its range; the message names it.

    Attributes
    ----------
    lastGood : openmm.State or None
        The last state that passed.
    """

    warning, error = SafetyWarning, SafetyError

    def __init__(self, file, reportInterval: int, topology, system, temperature=None, atoms: Optional[Iterable[int]] = None,
                 maxBondRatio: float = 1.4, maxTemperatureRatio: float = 1.5, action: Union[str, Callable] = "stop",
                 lastGoodFile: Union[str, os.PathLike, None] = None):
        for name, value in (("maxBondRatio", maxBondRatio), ("maxTemperatureRatio", maxTemperatureRatio)):
            if not value > 1:
                raise InvalidArgumentError(f"{name} is {value}: give a number above 1")
        if system.getNumParticles() != topology.getNumAtoms():
            raise InvalidArgumentError(f"the system has {system.getNumParticles()} particles, the topology "
                                       f"{topology.getNumAtoms()} atoms: give those of the same simulation")
        self._lastGoodFile = lastGoodFile
        self._maxBondRatio, self._maxTemperatureRatio = float(maxBondRatio), float(maxTemperatureRatio)
        self._temperature = None if temperature is None else _kelvin(temperature)
        self._atoms = list(topology.atoms())
        self._watched = np.array(sorted(set(proteinAtoms(topology) if atoms is None else atoms)) or range(len(self._atoms)))
        if self._watched[0] < 0 or self._watched[-1] >= len(self._atoms):
            raise InvalidArgumentError(f"atoms: {self._watched[0]} to {self._watched[-1]}, the topology has atoms 0 to "
                                       f"{len(self._atoms) - 1}")
        self._readBonds(topology, system)
        self._masses = np.array([system.getParticleMass(int(k))._value for k in self._watched])
        inside = set(self._watched)
        constraints = sum(1 for k in range(system.getNumConstraints())
                          if inside.issuperset(system.getConstraintParameters(k)[:2]))
        self._degrees = max(1, 3 * np.count_nonzero(self._masses) - constraints)
        self._handed = None
        super().__init__(file, reportInterval, action, _COLUMNS)
        self.lastGood = None

    def describeNextReport(self, simulation):
        """What OpenMM asks a reporter: steps to the next report; of the state, positions and velocities."""
        return self._nextReport(simulation), True, True, False, False, False

    def report(self, simulation, state):
        """Looks at the state and writes a line; if something is wrong acts as asked."""
        from openmm import unit

        positions = toNanometers(state.getPositions(asNumpy=True))
        velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)[self._watched]
        kelvin = (self._masses[:, None] * velocities**2).sum() / (self._degrees * 8.31446261815324e-3)
        ratios = self._ratios(positions)
        problems = self._problems(simulation, positions, ratios, kelvin)
        worst = int(np.argmax(ratios)) if len(ratios) else None
        self._write([simulation.currentStep, f"{state.getTime().value_in_unit(unit.picosecond):.6g}",
                     *((f"{ratios[worst]:.3f}", self._bondName(worst)) if worst is not None else ("", "")), f"{kelvin:.1f}",
                     "; ".join(problems)])
        if problems:
            self._act(simulation, state, f"{'; '.join(problems)}. {_ADVICE.format(saved=self.writeLastGood())}")
        else:
            self.lastGood = state

    def writeLastGood(self) -> str:
        """Writes :attr:`lastGood` to `lastGoodFile`; returns where that is, for messages ("" if there is neither)."""
        from openmm import XmlSerializer

        if self.lastGood is None or self._lastGoodFile is None:
            return ""
        with open(self._lastGoodFile, "w") as file:
            file.write(XmlSerializer.serialize(self.lastGood))
        return f" ({os.fspath(self._lastGoodFile)}, {self.lastGood.getTime()})"

    def _readBonds(self, topology, system):
        """Bonds of the watched atoms with their lengths (nm; NaN: not known), and chiral centres."""
        from openmm import HarmonicBondForce

        known = {}
        for force in system.getForces():
            if isinstance(force, HarmonicBondForce):
                for k in range(force.getNumBonds()):
                    i, j, length, _ = force.getBondParameters(k)
                    known[min(i, j), max(i, j)] = length._value
        for k in range(system.getNumConstraints()):
            i, j, length = system.getConstraintParameters(k)
            known[min(i, j), max(i, j)] = length._value
        inside = set(self._watched)
        bonds = sorted({(min(a.index, b.index), max(a.index, b.index)) for a, b in topology.bonds()
                        if a.index in inside and b.index in inside})
        self._bonds = np.array(bonds, dtype=int).reshape(-1, 2)
        self._lengths = np.array([known.get(bond, np.nan) for bond in bonds])
        self._numbers = np.array([a.element.atomic_number if a.element is not None else 0 for a in self._atoms])
        near = {}
        for i, j in bonds:
            near.setdefault(i, []).append(j)
            near.setdefault(j, []).append(i)
        # Four neighbours, at most one of them a hydrogen: CA, and CB of isoleucine and threonine.
        heavy = {i: [j for j in others if self._numbers[j] > 1] for i, others in near.items() if len(others) == 4}
        self._centres = np.array([(i, *others[:3]) for i, others in heavy.items() if len(others) >= 3],
                                 dtype=int).reshape(-1, 4)

    def _ratios(self, positions) -> np.ndarray:
        """Each bond's length over what it should be."""
        vectors = positions[self._bonds[:, 0]] - positions[self._bonds[:, 1]]
        lengths = np.linalg.norm(vectors, axis=1)
        unknown = np.isnan(self._lengths) & np.isfinite(lengths)
        self._lengths[unknown] = lengths[unknown]
        return lengths / self._lengths

    def _problems(self, simulation, positions, ratios, kelvin) -> list[str]:
        wrong = ~np.isfinite(positions[self._watched]).all(axis=1)
        if wrong.any():
            return [f"the position of {self._name(self._watched[np.argmax(wrong)])} is not a finite number"]
        if not np.isfinite(kelvin):
            return ["velocities are not finite numbers"]
        found = [self._brokenBond(positions, k, ratios[k]) for k in np.argsort(ratios)[::-1][:3] if ratios[k] > self._maxBondRatio]
        signs = np.sign(np.linalg.det(positions[self._centres[:, 1:]] - positions[self._centres[:, :1]]))
        if self._handed is None:
            self._handed = signs
        found += [f"{self._name(self._centres[k, 0])} has inverted its chirality" for k in np.flatnonzero(signs != self._handed)[:3]]
        wanted = self._wanted(simulation)
        if wanted:
            limit = wanted * max(self._maxTemperatureRatio, 1 + FLUCTUATION * np.sqrt(2 / self._degrees))
            if kelvin > limit:
                found.append(f"the temperature of the {len(self._watched)} atoms watched is {kelvin:.0f} K, that of the thermostat "
                             f"{wanted:.0f} K")
        return found

    def _wanted(self, simulation) -> Optional[float]:
        if self._temperature is None and hasattr(simulation.integrator, "getTemperature"):
            return _kelvin(simulation.integrator.getTemperature())
        return self._temperature

    def _brokenBond(self, positions, bond, ratio) -> str:
        i, j = self._bonds[bond]
        if 1 in self._numbers[[i, j]]:
            hydrogen, parent = (i, j) if self._numbers[i] == 1 else (j, i)
            distances = np.linalg.norm(positions[self._watched] - positions[hydrogen], axis=1)
            distances[(self._numbers[self._watched] == 1) | (self._watched == parent)] = np.inf
            nearest = int(np.argmin(distances))
            if distances[nearest] < TRANSFERRED:
                return f"{self._name(hydrogen)} has moved from {self._atoms[parent].name} to {self._name(self._watched[nearest])}"
        length = ratio * self._lengths[bond]
        return f"the bond {self._bondName(bond)} is {10 * length:.2f} A long, {ratio:.2f} times what it should be"

    def _bondName(self, bond) -> str:
        i, j = self._bonds[bond]
        return f"{self._atoms[i].name} to {self._name(j)}" if self._atoms[i].residue is self._atoms[j].residue \
            else f"{self._name(i)} to {self._name(j)}"

    def _name(self, atom) -> str:
        return describeAtom(self._atoms[atom])


def _kelvin(value) -> float:
    from openmm import unit

    number = value.value_in_unit(unit.kelvin) if unit.is_quantity(value) else value
    if not np.isscalar(number) or not number > 0:
        raise InvalidArgumentError(f"temperature is {value}: give a positive temperature in kelvin")
    return float(number)
