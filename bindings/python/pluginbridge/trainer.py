"""A network whose weights change: energies and gradients with respect to positions and weights, for training."""
from __future__ import annotations

import ctypes
import os
import weakref
from types import MappingProxyType
from typing import Mapping, Optional, Union

import numpy as np

from . import abi, library
from .core import Model
from .errors import InvalidArgumentError


class FrameBatch:
    """Geometries of molecules, any in any order, whose atoms lie one after the other.

    Parameters
    ----------
    atomCounts : array of int, shape (frames,)
        Atoms of each frame.
    atomicNumbers : array of int, shape (atoms,)
        Atoms of all frames.
    positions : array, shape (atoms, 3)
        nm
    charges : array of int, shape (frames,), optional
        Total charge of each frame, e; None: all neutral. It only shifts the energies.

    Raises
    ------
    InvalidArgumentError
        The arrays do not fit each other.
    """

    def __init__(self, atomCounts, atomicNumbers, positions, charges=None):
        self.atomCounts = _integers(atomCounts, "atomCounts")
        self.atomicNumbers = _integers(atomicNumbers, "atomicNumbers")
        self.charges = None if charges is None else _integers(charges, "charges")
        if (self.atomCounts < 1).any():
            raise InvalidArgumentError(f"frame {int((self.atomCounts < 1).argmax())} has no atoms")
        if self.atomicNumbers.shape != (self.atomCounts.sum(),):
            raise InvalidArgumentError(f"atomicNumbers have shape {self.atomicNumbers.shape}, atomCounts ask for "
                                       f"({self.atomCounts.sum()},)")
        if self.charges is not None and self.charges.shape != self.atomCounts.shape:
            raise InvalidArgumentError(f"charges have shape {self.charges.shape}, not {self.atomCounts.shape}")
        self.positions = self._checked(positions)

    def __len__(self) -> int:
        return len(self.atomCounts)

    def moved(self, positions) -> "FrameBatch":
        """The same molecules elsewhere: `positions` (atoms, 3), nm."""
        batch = FrameBatch.__new__(FrameBatch)
        batch.atomCounts, batch.atomicNumbers, batch.charges = self.atomCounts, self.atomicNumbers, self.charges
        batch.positions = batch._checked(positions)
        return batch

    def struct(self) -> abi.FrameBatch:
        """The C struct; valid while this object lives."""
        return abi.FrameBatch(frame_count=len(self), atom_counts=abi.int32s(self.atomCounts),
                              charges=abi.int32s(self.charges), atomic_numbers=abi.int32s(self.atomicNumbers),
                              positions=abi.doubles(self.positions))

    def _checked(self, positions) -> np.ndarray:
        positions = np.ascontiguousarray(positions, float)
        if positions.shape != (len(self.atomicNumbers), 3):
            raise InvalidArgumentError(f"positions have shape {positions.shape}, not ({len(self.atomicNumbers)}, 3)")
        return positions


class Trainer:
    """A copy of a network's weights, with buffers: use it from one thread at a time.

    Together its two gradients give that of a loss of energies and forces: see ``pluginbridge.h``, section training.
    Close it with :meth:`close` or a ``with`` block, or leave it to the garbage collector.

    Parameters
    ----------
    model : Model, str or path-like
        The network to start from; stays as it is.
    threads : int
        Threads of a call. Weight gradients depend on it by rounding, nothing else does.
    doublePrecision : bool
        Calculate in double precision, for tests; the weights are float32 in any case.

    Attributes
    ----------
    tensors : mapping of str to (slice, shape)
        Where each trained tensor lies in the flat arrays, in their order; shapes as in the model file.
    parameterCount : int
        Length of the flat arrays.
    """

    def __init__(self, model: Union[Model, str, os.PathLike], threads: int = 1, doublePrecision: bool = False):
        core = library.core()
        model = model if isinstance(model, Model) else Model(model)
        options = abi.TrainerOptions(threads=threads, double_precision=int(doublePrecision))
        handle = ctypes.c_void_p()
        library.check(core.pb_trainer_create(model.handle, ctypes.byref(options), ctypes.byref(handle)))
        self._handle = handle
        self._finalizer = weakref.finalize(self, core.pb_trainer_free, handle)
        self.parameterCount = core.pb_trainer_parameter_count(handle)
        self.tensors: Mapping[str, tuple[slice, tuple[int, ...]]] = MappingProxyType(dict(self._readTensors()))

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Frees the buffers; any later use is an error. Closing twice is fine."""
        self._finalizer()

    @property
    def weights(self) -> np.ndarray:
        """All weights, a float32 copy; assign an array of the same length to change them."""
        weights = np.empty(self.parameterCount, np.float32)
        library.check(library.core().pb_trainer_get_weights(self.handle, abi.floats(weights), len(weights)))
        return weights

    @weights.setter
    def weights(self, weights) -> None:
        weights = np.ascontiguousarray(weights, np.float32)
        if weights.shape != (self.parameterCount,):
            raise InvalidArgumentError(f"weights have shape {weights.shape}, not ({self.parameterCount},)")
        library.check(library.core().pb_trainer_set_weights(self.handle, abi.floats(weights), len(weights)))

    def energies(self, batch: FrameBatch, gradients: bool = True) -> tuple[np.ndarray, Optional[np.ndarray]]:
        """Energies and their gradients.

        Parameters
        ----------
        batch : FrameBatch
        gradients : bool
            Whether gradients are wanted.

        Returns
        -------
        energies : numpy.ndarray, shape (frames,)
            kJ/mol, the model's reference energies included.
        gradients : numpy.ndarray, shape (atoms, 3), or None
            dE/dr, kJ/mol/nm
        """
        energies = np.zeros(len(batch))
        found = np.zeros_like(batch.positions) if gradients else None
        library.check(library.core().pb_trainer_energies(self.handle, ctypes.byref(batch.struct()), abi.doubles(energies),
                                                         abi.doubles(found)))
        return energies, found

    def weightGradient(self, batch: FrameBatch, seeds) -> np.ndarray:
        """Sum over frames of seed times dE/d(weights).

        Parameters
        ----------
        batch : FrameBatch
        seeds : array, shape (frames,)

        Returns
        -------
        numpy.ndarray, shape (parameterCount,)
            kJ/mol (float64); zero for weights that do not act on the energy.
        """
        return self._weightGradient(batch, seeds, None, None)

    def evaluate(self, batch: FrameBatch, seeds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What :meth:`energies` and :meth:`weightGradient` give, for little more than the latter costs.

        Parameters
        ----------
        batch : FrameBatch
        seeds : array, shape (frames,)

        Returns
        -------
        energies : numpy.ndarray, shape (frames,)
            kJ/mol, without the seeds; likewise
        gradients : numpy.ndarray, shape (atoms, 3)
            kJ/mol/nm
        weightGradient : numpy.ndarray, shape (parameterCount,)
            kJ/mol
        """
        energies, gradients = np.zeros(len(batch)), np.zeros_like(batch.positions)
        return energies, gradients, self._weightGradient(batch, seeds, energies, gradients)

    def unflatten(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Views of a flat array by tensor name, in the tensors' shapes."""
        if flat.shape != (self.parameterCount,):
            raise InvalidArgumentError(f"a flat array has shape {flat.shape}, not ({self.parameterCount},)")
        return {name: flat[part].reshape(shape) for name, (part, shape) in self.tensors.items()}

    @property
    def handle(self) -> ctypes.c_void_p:
        """The C handle.

        Raises
        ------
        InvalidArgumentError
            The trainer is closed.
        """
        if not self._finalizer.alive:
            raise InvalidArgumentError("the trainer is closed")
        return self._handle

    def _weightGradient(self, batch: FrameBatch, seeds, energies, gradients) -> np.ndarray:
        seeds = np.ascontiguousarray(seeds, float)
        if seeds.shape != (len(batch),):
            raise InvalidArgumentError(f"seeds have shape {seeds.shape}, not ({len(batch)},)")
        found = np.empty(self.parameterCount)
        library.check(library.core().pb_trainer_weight_gradient(
            self.handle, ctypes.byref(batch.struct()), abi.doubles(seeds), abi.doubles(found), len(found),
            abi.doubles(energies), abi.doubles(gradients)))
        return found

    def _readTensors(self):
        core = library.core()
        for index in range(core.pb_trainer_tensor_count(self._handle)):
            info = abi.TensorInfo()
            library.check(core.pb_trainer_get_tensor(self._handle, index, ctypes.byref(info)))
            shape = (info.rows, info.columns) if info.columns else (info.rows,)
            yield info.name.decode(), (slice(info.offset, info.offset + int(np.prod(shape))), shape)


def _integers(values, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidArgumentError(f"{name} is no list of whole numbers")
    return np.ascontiguousarray(array, np.int32)
