"""Training log: a CSV file and a picture of the loss curve."""
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

LOG_FIELDS = ("minutes", "step", "epoch", "frames", "frames_per_s", "lr", "loss", "force_mae", "energy_mae",
              "test_force_mae", "test_energy_mae")


class Log:
    """CSV log and loss curve."""

    def __init__(self, run: Path, resume: bool):
        self.path, self.recent = run / "log.csv", []
        self.marks: list[tuple[float, int]] = []
        if not (resume and self.path.exists()):
            with open(self.path, "w", newline="") as out:
                csv.writer(out).writerow(LOG_FIELDS)

    def rate(self, frames: int, elapsed: float) -> float:
        """Frames per second over the last hundred steps."""
        self.marks = (self.marks + [(elapsed, frames)])[-100:]
        (t0, f0), (t1, f1) = self.marks[0], self.marks[-1]
        return (f1 - f0) / (t1 - t0) if t1 > t0 else 0.0

    def add(self, loss: float, force: float, energy: float) -> None:
        """A step's loss and training errors."""
        self.recent.append((loss, force, energy))

    def write(self, elapsed: float, step: int, epoch: int, frames: int, lr: float, test: tuple[float, float]) -> None:
        """One line: where the run is, mean training errors since the last line, held-out errors."""
        mean, self.recent = np.mean(self.recent, axis=0), []
        row = (elapsed / 60, step, epoch, frames, self.rate(frames, elapsed), lr, *mean, *test)
        with open(self.path, "a", newline="") as out:
            csv.writer(out).writerow([f"{x:.6g}" for x in row])

    def plot(self) -> None:
        """loss.png: force and energy errors over time."""
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        table = np.genfromtxt(self.path, delimiter=",", names=True)
        if table.ndim == 0:
            table = table[None]
        figure, axes = plt.subplots(1, 2, figsize=(10, 4))
        for axis, what, unit in ((axes[0], "force", "kcal/mol/Å"), (axes[1], "energy", "kcal/mol")):
            axis.plot(table["minutes"], table[f"{what}_mae"], label="training")
            axis.plot(table["minutes"], table[f"test_{what}_mae"], label="held out (EMA)")
            axis.set(xlabel="minutes", ylabel=f"{what} MAE ({unit})", yscale="log")
            axis.legend()
        figure.tight_layout()
        figure.savefig(self.path.with_name("loss.png"), dpi=120)
