"""Watches a simulation for what no sound molecule does: broken bonds, inverted centres, runaway temperature, NaN."""
from __future__ import annotations

import os
import weakref
from typing import Callable, Iterable, Optional, Union

import numpy as np

from .errors import InvalidArgumentError, PluginBridgeError
from .evaluator import toNanometers
from .moleculecheck import MoleculeCheck, forceFieldLengths
from .region import PROTEIN_RESIDUES, proteinAtoms
from .statekeeper import StateKeeper
from .thermometer import Thermometer, bathTemperature
from .watching import WatchingReporter, describeAtom

#: A bond this many times as long as it should be is no sound state to go back to; looks are CLOSER times as frequent then.
STRETCHED, CLOSER = 1.2, 10
#: Problems of a kind that a message names.
WORST = 3
#: Standard deviations of a small region's temperature that pass as fluctuation.
FLUCTUATION = 6.0

_COLUMNS = ("step", "time (ps)", "longest bond ratio", "bond", "temperature (K)", "temperature of all (K)", "problems")
_ADVICE = ("Go back to a sound state{saved}, and look for the cause: a time step too long, a start that needs relaxation, or a "
           "geometry that the model does not know (an ensemble's UncertaintyReporter tells)")


class SafetyWarning(UserWarning):
    """A simulation has done what no sound molecule does."""


class SafetyError(PluginBridgeError, RuntimeError):
    """Raised out of ``simulation.step`` by a SafetyReporter whose action is "stop"."""


class SafetyReporter(WatchingReporter):
    """An OpenMM reporter that ends a run, or warns, before it turns to nonsense.

    Every `reportInterval` steps, ten times as often while a bond is long, it looks at the atoms' bonds (against their
    lengths in the force field), chiral centres, temperature, and whether numbers are finite; forces are not evaluated. A
    proton that has moved to another atom is told apart from a broken bond. The last state that passed is kept, and written
    to `lastGoodFile` when something is wrong, every minute, and when the script ends: nothing is lost.

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
        against its length at the start.
    temperature : Quantity or float, optional
        K. None: the integrator's or thermostat's, if there is one; else temperature is written but not judged.
    atoms : iterable of int, optional
        Topology indices of the atoms to watch. None: all proteins, or everything where there is none.
    maxBondRatio : float
        A bond is broken beyond this many times its length.
    maxTemperatureRatio : float
        The kinetic temperature, of the watched atoms or of all, is too high beyond this many times `temperature`, or, for
        few atoms, beyond six standard deviations, sqrt(2 / degrees of freedom) each.
    action : "stop", "warn" or callable
        A SafetyError out of ``simulation.step``; a SafetyWarning; or ``action(simulation, state, message)``.
    lastGoodFile : str or path-like, optional
        Where the last sound state goes (XML, for ``simulation.loadState``).
    append : bool
        Go on with the lines of `file`, as after a restart, instead of beginning it anew.

    Raises
    ------
    InvalidArgumentError
        An argument is out of its range; the message names it.
    """

    warning, error = SafetyWarning, SafetyError

    def __init__(self, file, reportInterval: int, topology, system, temperature=None, atoms: Optional[Iterable[int]] = None,
                 maxBondRatio: float = 1.4, maxTemperatureRatio: float = 1.5, action: Union[str, Callable] = "stop",
                 lastGoodFile: Union[str, os.PathLike, None] = None, append: bool = False):
        for name, value in (("maxBondRatio", maxBondRatio), ("maxTemperatureRatio", maxTemperatureRatio)):
            if not value > 1:
                raise InvalidArgumentError(f"{name} is {value}: give a number above 1")
        if system.getNumParticles() != topology.getNumAtoms():
            raise InvalidArgumentError(f"the system has {system.getNumParticles()} particles, the topology "
                                       f"{topology.getNumAtoms()} atoms: give those of the same simulation")
        self._maxBondRatio, self._maxTemperatureRatio = float(maxBondRatio), float(maxTemperatureRatio)
        self._temperature = None if temperature is None else _kelvin(temperature)
        self._atoms = list(topology.atoms())
        self._watched = _watched(topology, atoms)
        self._check = MoleculeCheck(topology, self._watched)
        self._lengths = forceFieldLengths(system, self._check.bonds)
        self._thermometer = Thermometer(system, self._watched)
        self._handed, self._stretched = None, False
        super().__init__(file, reportInterval, action, _COLUMNS, append)
        self._keeper = StateKeeper(lastGoodFile)
        # also when a script ends by an exception that is not ours, e.g. OpenMM's own on NaN
        weakref.finalize(self, self._keeper.writeAtEnd)

    @property
    def lastGood(self):
        """The last State that passed, or None."""
        return self._keeper.state

    def describeNextReport(self, simulation):
        """What OpenMM asks a reporter: steps to the next report; of the state, positions and velocities."""
        if self._handed is None:
            state = simulation.context.getState(getPositions=True, getVelocities=True, getParameters=True)
            self._begin(*_positions(simulation, state))
            if self._handed is not None and (self._check.lengths(*_positions(simulation, state)) < STRETCHED * self._lengths).all():
                self._keeper.keep(state)
        interval = max(1, self._interval // CLOSER) if self._stretched else self._interval
        return interval - simulation.currentStep % interval, True, True, False, False, False

    def report(self, simulation, state):
        """Looks at the state and writes a line; if something is wrong acts as asked."""
        from openmm import unit

        x, box = _positions(simulation, state)
        if self._handed is None:
            self._begin(x, box)
        velocities = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        kelvin = self._thermometer.measure(velocities)
        ratios = self._check.lengths(x, box) / self._lengths
        problems = self._problems(simulation, x, box, ratios, kelvin)
        worst = int(np.argmax(ratios)) if len(ratios) else None
        self._write([simulation.currentStep, f"{state.getTime().value_in_unit(unit.picosecond):.6g}",
                     *((f"{ratios[worst]:.3f}", self._bondName(*self._check.bonds[worst])) if worst is not None else ("", "")),
                     f"{kelvin[1]:.1f}", f"{kelvin[0]:.1f}", "; ".join(problems)])
        self._stretched = bool(len(ratios)) and not ratios[worst] < min(STRETCHED, self._maxBondRatio)
        if problems:
            self._act(simulation, state, f"{'; '.join(problems)}. {_ADVICE.format(saved=self.writeLastGood())}")
        elif not self._stretched:
            self._keeper.keep(state)

    def writeLastGood(self) -> str:
        """Writes :attr:`lastGood` to `lastGoodFile`; returns where that is, for messages ("" if there is neither)."""
        self._keeper.write()
        return self._keeper.describe()

    def _begin(self, x, box):
        """What the start says: which way round centres are, and lengths that the System does not know."""
        if np.isfinite(x[self._watched]).all():
            self._handed = self._check.handedness(x, box)
            self._lengths = np.where(np.isnan(self._lengths), self._check.lengths(x, box), self._lengths)

    def _problems(self, simulation, x, box, ratios, kelvin) -> list[str]:
        wrong = ~np.isfinite(x).all(axis=1)
        if wrong.any():
            return [f"the position of {self._name(int(np.argmax(wrong)))} is not a finite number"]
        if not np.isfinite(kelvin).all():
            return ["velocities are not finite numbers"]
        found = [self._broken(bond) for bond in self._check.brokenBonds(x, ratios, self._maxBondRatio, box)[:WORST]]
        inverted = np.flatnonzero(self._check.handedness(x, box) != self._handed)
        found += [f"{self._name(self._check.centres[k, 0])} has inverted its chirality" for k in inverted[:WORST]]
        return found + self._heat(simulation, kelvin)

    def _heat(self, simulation, kelvin) -> list[str]:
        wanted = self._temperature or bathTemperature(simulation.system, simulation.integrator)
        if not wanted:
            return []
        names = ("all atoms", f"the {len(self._watched)} atoms watched")
        for name, value, degrees in reversed(list(zip(names, kelvin, self._thermometer.freedom))):
            limit = wanted * max(self._maxTemperatureRatio, 1 + FLUCTUATION * np.sqrt(2 / max(degrees, 1)))
            if value > limit:
                return [f"the temperature of {name} is {value:.0f} K, that of the thermostat {wanted:.0f} K"]
        return []

    def _broken(self, bond) -> str:
        if bond.movedTo is not None:
            return f"{self._name(bond.first)} has moved from {self._atoms[bond.second].name} to {self._name(bond.movedTo)}"
        return (f"the bond {self._bondName(bond.first, bond.second)} is {10 * bond.length:.2f} A long, {bond.ratio:.2f} times "
                "what it should be")

    def _bondName(self, i, j) -> str:
        return f"{self._atoms[i].name} to {self._name(j)}" if self._atoms[i].residue is self._atoms[j].residue \
            else f"{self._name(i)} to {self._name(j)}"

    def _name(self, atom) -> str:
        return describeAtom(self._atoms[atom])


def _positions(simulation, state):
    """Positions and, where there are any, box vectors, nm."""
    periodic = simulation.system.usesPeriodicBoundaryConditions()
    return (toNanometers(state.getPositions(asNumpy=True)),
            toNanometers(state.getPeriodicBoxVectors()) if periodic else None)


def _watched(topology, atoms) -> np.ndarray:
    """Indices of the atoms to watch, ascending."""
    count = topology.getNumAtoms()
    if atoms is None:
        isProtein = any(residue.name in PROTEIN_RESIDUES for residue in topology.residues())
        return np.array(proteinAtoms(topology) if isProtein else range(count), int)
    chosen = np.array(sorted({int(k) for k in atoms}), int)
    if len(chosen) == 0:
        raise InvalidArgumentError("atoms is empty: give the indices of the atoms to watch, or None for the protein")
    if chosen[0] < 0 or chosen[-1] >= count:
        raise InvalidArgumentError(f"atoms: {chosen[0]} to {chosen[-1]}, the topology has atoms 0 to {count - 1}")
    return chosen


def _kelvin(value) -> float:
    from openmm import unit

    number = value.value_in_unit(unit.kelvin) if unit.is_quantity(value) else value
    if not np.isscalar(number) or not number > 0:
        raise InvalidArgumentError(f"temperature is {value}: give a positive temperature in kelvin")
    return float(number)
