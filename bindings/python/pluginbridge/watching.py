"""What reporters that watch a simulation share: a CSV file, and what happens when something is wrong."""
from __future__ import annotations

import csv
import os
import warnings

from .errors import InvalidArgumentError


class WatchingReporter:
    """An OpenMM reporter that writes a line of CSV each time, and warns, stops or calls a function when it has to.

    Parameters
    ----------
    file : str, path-like, file or None
        Opened, or written to and left open; None: no lines.
    reportInterval : int
        Steps between reports.
    action : "warn", "stop" or callable
        A warning, an exception out of ``simulation.step``, or ``action(simulation, state, message)``.
    columns : sequence of str
        The header.
    append : bool
        Go on with `file`, a path, where it was left; a file that does not exist or is empty gets its header.

    Raises
    ------
    InvalidArgumentError
        `reportInterval` or `action` is wrong.
    """

    #: Classes of the warning and of the exception.
    warning, error = UserWarning, RuntimeError

    def __init__(self, file, reportInterval: int, action, columns, append: bool = False):
        if int(reportInterval) != reportInterval or reportInterval < 1:
            raise InvalidArgumentError(f"reportInterval is {reportInterval}: give a positive number of steps")
        if action not in ("warn", "stop") and not callable(action):
            raise InvalidArgumentError(f"action {action!r} is unknown: use 'warn', 'stop' or a function")
        self._interval, self._action = int(reportInterval), action
        self._owns = file is not None and not hasattr(file, "write")
        goesOn = append and self._owns and os.path.exists(file) and os.path.getsize(file) > 0
        self._out = open(file, "a" if append else "w") if self._owns else file
        if not goesOn:
            self._write(columns)

    def _nextReport(self, simulation) -> int:
        return self._interval - simulation.currentStep % self._interval

    def _write(self, cells):
        if self._out is not None:
            csv.writer(self._out, lineterminator="\n").writerow(cells)
            self._out.flush()

    def _act(self, simulation, state, message: str):
        message = f"step {simulation.currentStep}: {message}"
        if self._action == "warn":
            warnings.warn(message, self.warning, stacklevel=3)
        elif self._action == "stop":
            raise self.error(message)
        else:
            self._action(simulation, state, message)

    def close(self):
        """Closes the file that the reporter opened."""
        if self._owns:
            self._out.close()

    def __del__(self):
        if getattr(self, "_owns", False) and hasattr(self, "_out"):
            self._out.close()


def describeAtom(atom) -> str:
    """Name of a Topology's atom for messages."""
    residue = atom.residue
    return f"{atom.name} of {residue.name} {residue.id}{residue.insertionCode.strip()} (chain {residue.chain.id})"
