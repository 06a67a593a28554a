"""Parity plots: energies and forces of ff14SB + network, and of ff14SB alone, against the reference on the same frames."""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

METHODS = {"network": "ff14SB + network", "mm": "ff14SB alone"}
PERTURBED = "perturbed"  # frames of all kinds with displaced atoms, stretched bonds or bent angles


class Parity:
    """Energies (kcal/mol, deviations from their molecule's mean) and force components (kcal/mol/angstrom) by kind.

    Values of ff14SB are NaN where it has no parameters.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, kind: str, quantity: str, reference: np.ndarray, network: np.ndarray, mm: np.ndarray) -> None:
        """One molecule's frames; `quantity` is "energy" [F] (absolute) or "force" [F, N, 3]."""
        for method, x in (("reference", reference), ("network", network), ("mm", mm)):
            if quantity == "energy":
                if len(x) < 2:
                    return
                x = x - x.mean()
            self.values[f"{kind}/{quantity}/{method}"].append(np.asarray(x, np.float32).ravel())

    def save(self, path: Path, model: str) -> None:
        """All values, with the model's hash."""
        np.savez_compressed(path, model=model, **{key: np.concatenate(parts) for key, parts in self.values.items()})


def load(path: Path) -> tuple[str, dict[str, dict[str, dict[str, np.ndarray]]]]:
    """Hash of the model, and values by kind, quantity and method."""
    kinds: dict = defaultdict(lambda: defaultdict(dict))
    with np.load(path) as file:
        for key in file.files:
            if key != "model":
                kind, quantity, method = key.split("/")
                kinds[kind][quantity][method] = file[key]
        return str(file["model"]), kinds


def figure(kinds: dict, path: Path, title: str, order: tuple[str, ...] = ()) -> None:
    """A row a kind: energies of both methods, forces of both methods; densities on a logarithmic scale, MAE noted."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import LogNorm

    names = [name for name in order if name in kinds] + sorted(set(kinds) - set(order))
    drawing, axes = plt.subplots(len(names), 4, figsize=(12.5, 3.1 * len(names)), squeeze=False, constrained_layout=True)
    for line, name in zip(axes, names):
        for k, quantity in enumerate(("energy", "force")):
            for axis, (method, label) in zip(line[2 * k:], METHODS.items()):
                if quantity not in kinds[name]:
                    axis.set_axis_off()
                    continue
                found = kinds[name][quantity]
                known = np.isfinite(found[method])
                if not known.any():
                    axis.set_axis_off()
                    axis.set_title("ff14SB has no parameters", fontsize=9)
                    continue
                reference, values = found["reference"][known], found[method][known]
                limit = np.nanquantile(abs(np.concatenate((found["reference"], found["mm"]))), 0.9995) * 1.05
                axis.plot((-limit, limit), (-limit, limit), color="gray", lw=0.6)
                image = axis.hexbin(reference, values, gridsize=70, extent=(-limit, limit) * 2, mincnt=1, norm=LogNorm(),
                                    cmap="viridis", linewidths=0.2)
                image.set_clim(0.7, max(10.0, image.get_array().max()))
                unit = "kcal/mol" if quantity == "energy" else "kcal/mol/Å"
                axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal",
                         title=f"{name}: {quantity}, {label}", xlabel=f"reference ({unit})")
                axis.title.set_fontsize(9)
                axis.text(0.04, 0.95, f"MAE {abs(values - reference).mean():.2f}\n{len(reference):,} values", va="top",
                          transform=axis.transAxes, fontsize=9)
        line[0].set_ylabel("predicted")
    drawing.suptitle(title)
    drawing.savefig(path, dpi=80)
    plt.close(drawing)
