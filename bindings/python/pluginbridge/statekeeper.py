"""Keeps the last sound State of a simulation, in memory and, now and then, in a file."""
from __future__ import annotations

import os
import time
from typing import Optional, Union

#: Seconds between files: writing XML takes a tenth of a second for some thousand atoms.
SECONDS = 60.0


class StateKeeper:
    """The last State given, and its file (XML, for ``simulation.loadState``).

    Parameters
    ----------
    path : str, path-like or None
        None: in memory only.

    Attributes
    ----------
    state : openmm.State or None
    """

    def __init__(self, path: Optional[Union[str, os.PathLike]]):
        self.path = None if path is None else os.path.abspath(path)
        self.state, self._written, self._time = None, None, time.monotonic()

    def keep(self, state):
        """Takes the place of the State before; written if the file is a minute old."""
        self.state = state
        if time.monotonic() - self._time > SECONDS:
            self.write()

    def write(self):
        """Writes the State, unless it has been written; a run that is killed meanwhile leaves the file before."""
        from openmm import XmlSerializer

        if self.path is None or self.state is None or self.state is self._written:
            return
        with open(f"{self.path}.part", "w") as file:
            file.write(XmlSerializer.serialize(self.state))
        os.replace(f"{self.path}.part", self.path)
        self._written, self._time = self.state, time.monotonic()

    def writeAtEnd(self):
        """As `write`, when the script ends; a folder that is gone by then is no error."""
        if self.path is not None and os.path.isdir(os.path.dirname(self.path)):
            self.write()

    def describe(self) -> str:
        """Where the State is, for messages; "" if nowhere."""
        return "" if self.path is None or self.state is None else f" ({self.path}, {self.state.getTime()})"
