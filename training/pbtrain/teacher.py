"""A network of E_DFT - E_GFN2 lifts GFN2-xTB's labels to its own level of theory, so that many frames can teach it."""
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .modelfile import file_hash, load_model, save_model

TARGET, BASE = "E_QM - E_GFN2", "GFN2-xTB"


class Teacher:
    """The network of a model file, evaluated by the core; ValueError if it is for another target."""

    def __init__(self, path: Path, threads: int = 1):
        from pluginbridge import Trainer

        model, header = load_model(path)
        if header["target"] != TARGET:
            raise ValueError(f"{path} is for {header['target']}; a teacher is for {TARGET}")
        self.method: str = header["reference_method"]
        self.hash = file_hash(path)
        with tempfile.TemporaryDirectory() as folder:  # the core has no use for such a target, but evaluates any network
            copy = Path(folder) / "teacher.safetensors"
            save_model(copy, model, "teacher", {}, "E_QM", None)
            self.trainer = Trainer(copy, threads=threads)

    def __call__(self, numbers: np.ndarray, charge: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies [F] and forces [F, N, 3] (kcal/mol, angstrom) of frames [F, N, 3] of one molecule."""
        from pluginbridge import FrameBatch

        frames, atoms, _ = positions.shape
        batch = FrameBatch([atoms] * frames, np.tile(numbers.astype(np.int32), frames),
                           0.1 * positions.reshape(-1, 3).astype(float), [charge] * frames)
        energies, gradients = self.trainer.energies(batch)
        return energies / 4.184, -gradients.reshape(positions.shape) / 41.84
