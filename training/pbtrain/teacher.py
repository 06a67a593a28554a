"""A network of E_DFT - E_GFN2 lifts GFN2-xTB's labels to its own level of theory, so that many frames can teach it."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from .modelfile import core_trainer, file_hash, load_model

TARGET, BASE = "E_QM - E_GFN2", "GFN2-xTB"


class Teacher:
    """The network of a model file, evaluated by the core; ValueError if it is for another target."""

    def __init__(self, path: Path, threads: int = 1):
        model, header = load_model(path)
        if header["target"] != TARGET:
            raise ValueError(f"{path} is for {header['target']}; a teacher is for {TARGET}")
        self.method: str = header["reference_method"]
        self.hash = file_hash(path)
        self.trainer = core_trainer(model, threads)

    def __call__(self, numbers: np.ndarray, charge: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies [F] and forces [F, N, 3] (kcal/mol, angstrom) of frames [F, N, 3] of one molecule."""
        from pluginbridge import FrameBatch

        frames, atoms, _ = positions.shape
        batch = FrameBatch([atoms] * frames, np.tile(numbers.astype(np.int32), frames),
                           0.1 * positions.reshape(-1, 3).astype(float), [charge] * frames)
        energies, gradients = self.trainer.energies(batch)
        return energies / 4.184, -gradients.reshape(positions.shape) / 41.84
