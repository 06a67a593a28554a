"""Watches a simulation with an ensemble: how far its members are apart, and where."""
from __future__ import annotations

import os
from typing import Callable, Iterable, Optional, Union

import numpy as np

from .core import Model
from .errors import InvalidArgumentError, PluginBridgeError, UnsupportedError
from .evaluator import Evaluator, toNanometers
from .watching import WatchingReporter, describeAtom

#: kJ/mol/nm in one kcal/mol/angstrom
KCAL_PER_ANGSTROM = 41.84

_COLUMNS = ("step", "time (ps)", "energy spread (kJ/mol)", "mean force spread (kJ/mol/nm)",
            "max force spread (kJ/mol/nm)", "mean expected force error (kcal/mol/A)",
            "max expected force error (kcal/mol/A)", "over threshold", "worst atoms")


class UncertaintyWarning(UserWarning):
    """The members of an ensemble are further apart than a reporter's threshold."""


class UncertaintyError(PluginBridgeError, RuntimeError):
    """Raised out of ``simulation.step`` by a reporter whose action is "stop"."""


class UncertaintyReporter(WatchingReporter):
    """An OpenMM reporter that writes how sure a network is of its forces, and warns or stops where it is not.

    The ensemble only watches: the simulation's force may be a single network at full speed, and every
    `reportInterval` steps the ensemble is evaluated once at the simulation's positions, which takes the time of one
    network per member.

    >>> simulation.reporters.append(UncertaintyReporter("uncertainty.csv", 500, topology, "visnet-gfn2-ensemble",
    ...                                                 maxError=10 * kilocalories_per_mole / angstrom))

    Parameters
    ----------
    file : str, path-like or file
        Where the CSV goes: a header and one line a report, flushed. A file with a ``write`` is not closed.
    reportInterval : int
        Steps between reports.
    topology : openmm.app.Topology
        Of the simulation.
    model : str, path-like or Model
        An ensemble.
    maxSpread : Quantity or float, optional
        Threshold on the largest force spread of an atom; kJ/mol/nm where there is no unit.
    maxError : Quantity or float, optional
        Threshold on the largest expected force error of an atom; kJ/mol/nm where there is no unit. Needs a model with a
        calibration.
    action : "warn", "stop" or callable
        What happens over a threshold: an UncertaintyWarning; an UncertaintyError out of ``simulation.step``, at the
        step that was reported; or ``action(simulation, state, message)``, e.g. to save the frame for training.
    worst : int
        Atoms named in a line and in messages, those with the largest spreads.
    scheme, precision, atoms, system, totalCharge
        As for :class:`pluginbridge.Evaluator`. The spread does not depend on the host's terms.
    threads : int, optional
        None: all processors, since the simulation waits meanwhile.
    append : bool
        Go on with the lines of `file`, as after a restart, instead of beginning it anew.

    Raises
    ------
    UnsupportedError
        The model is no ensemble, or has no calibration and `maxError` is given.
    PluginBridgeError
        The model cannot be loaded or does not cover the topology.
    """

    warning, error = UncertaintyWarning, UncertaintyError

    def __init__(self, file, reportInterval: int, topology, model: Union[str, os.PathLike, Model],
                 maxSpread=None, maxError=None, action: Union[str, Callable] = "warn", worst: int = 3,
                 scheme: str = "whole", precision: str = "single", threads: Optional[int] = None,
                 atoms: Optional[Iterable[int]] = None, system=None, totalCharge: Optional[int] = None,
                 append: bool = False):
        if int(worst) != worst or worst < 1:
            raise InvalidArgumentError(f"worst is {worst}: give a positive number of atoms")
        self._worst = int(worst)
        self._maxSpread, self._maxError = _threshold(maxSpread, "maxSpread"), _threshold(maxError, "maxError")
        threads = threads or len(os.sched_getaffinity(0))
        self._evaluator = Evaluator(topology, model, scheme, precision, threads, atoms, system, totalCharge)
        self.model = self._evaluator.model
        if self.model.memberCount < 2:
            raise UnsupportedError(f"the model '{self.model.name}' is no ensemble: it cannot tell how sure it is. "
                                   "Name one that is")
        if self._maxError is not None and self.model.calibration is None:
            raise UnsupportedError(f"the ensemble '{self.model.name}' has no calibration, so it has no expected errors: "
                                   "give maxSpread in place of maxError")
        self._names = [describeAtom(atom) for atom in topology.atoms()]
        super().__init__(file, reportInterval, action, _COLUMNS, append)
        #: The last report's :class:`pluginbridge.Uncertainty`, per atom of the topology; None before the first.
        self.uncertainty = None

    def describeNextReport(self, simulation):
        """What OpenMM asks a reporter: steps to the next report; of the state, positions only."""
        return self._nextReport(simulation), True, False, False, False, False

    def report(self, simulation, state):
        """Writes a line; over a threshold acts as asked."""
        periodic = simulation.system.usesPeriodicBoundaryConditions()
        box = toNanometers(state.getPeriodicBoxVectors()) if periodic else None
        positions = toNanometers(state.getPositions(asNumpy=True))
        self.uncertainty = found = self._evaluator.evaluate(positions, box, uncertainty=True).uncertainty
        used = found.forceSpreads > 0
        order = np.argsort(found.forceSpreads)[::-1][:self._worst]
        message = self._excess(found, order)
        self._line(simulation, state, found, used, order, message is not None)
        if message is not None:
            self._act(simulation, state, message)

    def _excess(self, found, order) -> Optional[str]:
        """What exceeds a threshold, or None."""
        for values, limit, what in ((found.forceErrors, self._maxError, "expected force error"),
                                    (found.forceSpreads, self._maxSpread, "force spread")):
            if limit is not None and values.max() > limit:
                atoms = ", ".join(f"{self._names[k]} {_both(values[k])}" for k in order if values[k] > limit)
                return (f"the ensemble '{self.model.name}' is not sure of its forces: {what} {_both(values.max())}, more "
                        f"than {_both(limit)}, at {atoms}")
        return None

    def _line(self, simulation, state, found, used, order, over):
        from openmm import unit

        errors = None if found.forceErrors is None else found.forceErrors / KCAL_PER_ANGSTROM
        mean = (lambda values: values[used].mean() if used.any() else 0.0)
        numbers = (found.energySpread, mean(found.forceSpreads), found.forceSpreads.max(),
                   *(("", "") if errors is None else (mean(errors), errors.max())))
        atoms = "; ".join(f"{self._names[k]} {found.forceSpreads[k]:.1f}" for k in order)
        time = state.getTime().value_in_unit(unit.picosecond)
        self._write([simulation.currentStep, f"{time:.6g}", *(n if n == "" else f"{n:.6g}" for n in numbers), int(over), atoms])


def _threshold(value, name: str) -> Optional[float]:
    """A force in kJ/mol/nm."""
    from openmm import unit

    if value is None:
        return None
    number = value
    if unit.is_quantity(value):
        try:
            number = value.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        except TypeError as error:
            raise InvalidArgumentError(f"{name} is {value}: give a force, e.g. in kcal/mol/angstrom") from error
    if not np.isscalar(number) or not number > 0:
        raise InvalidArgumentError(f"{name} is {value}: give a positive force")
    return float(number)


def _both(force: float) -> str:
    return f"{force:.0f} kJ/mol/nm ({force / KCAL_PER_ANGSTROM:.1f} kcal/mol/A)"
