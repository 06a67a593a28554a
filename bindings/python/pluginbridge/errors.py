"""Exceptions, one for each status of the C interface."""
from __future__ import annotations


class PluginBridgeError(Exception):
    """Base of all errors of this package; the message names the culprit (file, residue, atom, option).

    Attributes
    ----------
    status : int
        The ``pb_status`` of the C interface, 0 where the error arose in Python.
    """

    status = 0


class InvalidArgumentError(PluginBridgeError, ValueError):
    """An argument is wrong in itself: a length, an option, NaN positions, overlapping atoms."""

    status = 1


class ModelFileError(PluginBridgeError, OSError):
    """A file is missing, truncated or of another format."""

    status = 2


class TopologyError(PluginBridgeError, ValueError):
    """A residue, atom or bond fits no known template, or a chain is broken."""

    status = 3


class UnsupportedError(PluginBridgeError, ValueError):
    """Understood, but outside what the model or method covers (element, charge, box too small)."""

    status = 4


class ForceFieldMismatchError(PluginBridgeError, ValueError):
    """The host's terms are not those of the force field that the model corrects."""

    status = 5


class CalculationFailedError(PluginBridgeError, ArithmeticError):
    """The calculation failed for this geometry (SCF not converged)."""

    status = 6


class MissingLibraryError(PluginBridgeError, ImportError):
    """A shared library needed at run time is absent: ours, the OpenMM plugin, or libxtb."""

    status = 7


class InternalError(PluginBridgeError, RuntimeError):
    """A fault of the library."""

    status = 99


_BY_STATUS = {kind.status: kind for kind in (
    InvalidArgumentError, ModelFileError, TopologyError, UnsupportedError, ForceFieldMismatchError,
    CalculationFailedError, MissingLibraryError, InternalError)}


def from_status(status: int, message: str) -> PluginBridgeError:
    """The exception of a ``pb_status``.

    Parameters
    ----------
    status : int
        What a function returned; not 0.
    message : str
        The text of ``pb_last_error``.
    """
    return _BY_STATUS.get(status, InternalError)(message)
