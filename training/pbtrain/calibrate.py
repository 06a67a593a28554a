"""What the spread of an ensemble's members means: fit it to true errors on frames that no member was trained on.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.calibrate models/NAME/NAME.json \\
        --data training/data/wide --whole training/data/whole_*.h5 --plot calibration.png

Per atom, kcal/mol/angstrom: spread s = sqrt(sum_m |F_m - F|^2 / (n - 1)) of the members' forces, error e = |F - F_QM|
of their mean.  Fitted is <e> = sqrt(floor^2 + (scale s)^2), to the held-out molecules or (--fit-to whole, or without
--data) to the whole proteins; the others test it.  It is written into the ensemble's file, with how well it holds.
The core evaluates the members, through the Python package.
"""
from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

import h5py
import numpy as np
from scipy.optimize import minimize
from scipy.stats import spearmanr

from .arguments import at_least_one, existing_file, existing_folder
from .dataset import DataSet, target_values
from .ensemble import read_ensemble, write_calibration

ANGSTROM = 0.1  # nm
KCAL = 4.184  # kJ
BINS = 12
CHUNK = 20  # molecules evaluated together


@dataclass
class Geometry:
    """Frames of one molecule: positions [F, N, 3] (angstrom), reference forces [F, N, 3] (kcal/mol/angstrom)."""

    numbers: np.ndarray
    positions: np.ndarray
    forces: np.ndarray


@dataclass
class Sample:
    """Spreads and errors of atoms' forces, and which frame each atom is of; all flat, kcal/mol/angstrom."""

    spread: np.ndarray
    error: np.ndarray
    frame: np.ndarray

    @property
    def frames(self) -> int:
        return len(np.unique(self.frame))

    @staticmethod
    def joined(parts: Iterable["Sample"]) -> "Sample":
        """Several samples as one; frames are numbered anew."""
        parts, offset, frames = list(parts), 0, []
        for part in parts:
            frames.append(np.unique(part.frame, return_inverse=True)[1] + offset)
            offset += part.frames
        return Sample(np.concatenate([p.spread for p in parts]), np.concatenate([p.error for p in parts]),
                      np.concatenate(frames))


class Members:
    """The networks of an ensemble, evaluated by the core; `model` is the pluginbridge.Model of the ensemble."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        from pluginbridge import Model, Trainer

        self.model = Model(path)
        self.trainers = [Trainer(Model(Path(path).parent / member["file"], member["sha256"]), threads)
                         for member in read_ensemble(path)["members"]]

    def measure(self, geometries: list[Geometry]) -> Sample:
        """Spreads and errors of the frames of molecules."""
        from pluginbridge import FrameBatch

        frames = [(g, k) for g in geometries for k in range(len(g.positions))]
        batch = FrameBatch([len(g.numbers) for g, _ in frames],
                           np.concatenate([g.numbers for g, _ in frames]).astype(np.int32),
                           np.concatenate([g.positions[k] for g, k in frames]) * ANGSTROM)
        forces = np.array([-trainer.energies(batch)[1] for trainer in self.trainers]) * ANGSTROM / KCAL
        mean = forces.mean(0)
        return Sample(np.sqrt(((forces - mean) ** 2).sum((0, 2)) / (len(forces) - 1)),
                      np.linalg.norm(mean - np.concatenate([g.forces[k] for g, k in frames]), axis=1),
                      np.repeat(np.arange(len(frames)), batch.atomCounts))


def check_method(labels: str, model, source: str) -> None:
    """ValueError unless frames are labelled with the method that the model stands for."""
    if labels and labels != model.referenceMethod:
        raise ValueError(f"{source}: labels of {labels}, but the model '{model.name}' stands for {model.referenceMethod}")


def held_out(directories: list[Path], max_frames: int | None, model) -> dict[str, list[Geometry]]:
    """Frames of the test split, by kind; perturbed ones apart."""
    test = DataSet(directories, "test", model.target)
    test.add_new()
    check_method(test.method, model, ", ".join(map(str, directories)))
    groups: dict[str, list[Geometry]] = {}
    for molecule in test.molecules.values():
        molecule = molecule.take(slice(0, max_frames))
        for perturbed in (False, True):
            part = molecule.take(molecule.perturbed == perturbed)
            if len(part):
                groups.setdefault(part.kind + (", perturbed" if perturbed else ""), []).append(
                    Geometry(part.numbers, part.positions, part.forces))
    return dict(sorted(groups.items()))


def whole_protein(path: Path, model) -> Geometry:
    """The frames of a pbtrain.whole file."""
    with h5py.File(path) as file:
        check_method(str(file.attrs["reference_method"]).split(",")[0], model, str(path))
        keys = [k for k in sorted(file) if isinstance(file[k], h5py.Group) and "f_mm" in file[k]]
        return Geometry(file["numbers"][:], file["positions"][:][[int(k) for k in keys]],
                        np.array([target_values(file[k], model.target)[1] for k in keys]))


def fit(sample: Sample) -> tuple[float, float]:
    """floor and scale that minimise sum(e / m + log m), m = sqrt(floor^2 + (scale s)^2).

    The deviance of a quantity whose standard deviation is proportional to its mean m: it makes m the mean of e
    whatever the distribution of e is, and small and large forces count alike."""
    s2, e = sample.spread ** 2, sample.error

    def deviance(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = np.exp(x)
        m2 = a + b * s2
        m = np.sqrt(m2)
        slope = (1 - e / m) / (2 * m2)
        return float((e / m + 0.5 * np.log(m2)).mean()), np.array([(slope * a).mean(), (slope * b * s2).mean()])

    small, ratio = np.median(e) ** 2 / 4, (e.mean() / max(sample.spread.mean(), 1e-12)) ** 2
    found = minimize(deviance, np.log([small, ratio]), jac=True, method="L-BFGS-B", bounds=[(-30, 30)] * 2)
    floor, scale = np.sqrt(np.exp(found.x))
    return float(floor), float(scale)


def expected(spread: np.ndarray, floor: float, scale: float) -> np.ndarray:
    """The calibration's <e>."""
    return np.sqrt(floor ** 2 + (scale * spread) ** 2)


def reliability(sample: Sample, floor: float, scale: float, bins: int = BINS) -> list[dict[str, float]]:
    """Mean error, and what the calibration says, in bins of equal numbers of atoms by spread."""
    rows = []
    for part in np.array_split(np.argsort(sample.spread), bins):
        rows.append({"spread": float(sample.spread[part].mean()), "error": float(sample.error[part].mean()),
                     "expected": float(expected(sample.spread[part], floor, scale).mean()), "atoms": len(part)})
    return rows


def summary(sample: Sample, floor: float, scale: float) -> dict[str, float]:
    """How well a calibration holds: means, the mean of error / expected (1 on what was fitted), correlations, and shares
    of atoms whose error is within multiples of the expected one (normal components would give 0.53, 0.98 and 1.00)."""
    estimate = expected(sample.spread, floor, scale)
    frames = np.unique(sample.frame)
    worst = [[x[sample.frame == f].max() for f in frames] for x in (sample.spread, sample.error)]
    result = {"atoms": len(sample.error), "frames": sample.frames, "spread": float(sample.spread.mean()),
              "error": float(sample.error.mean()), "expected": float(estimate.mean()),
              "ratio": float((sample.error / estimate).mean()),
              "spearman": float(spearmanr(sample.spread, sample.error)[0]),
              "pearson": float(np.corrcoef(sample.spread, sample.error)[0, 1]),
              "spearman_of_frames_worst": float(spearmanr(*worst)[0]) if sample.frames > 2 else None}
    for multiple in (1, 2, 3):
        result[f"within_{multiple}"] = float((sample.error <= multiple * estimate).mean())
    return result


def table(results: dict[str, dict[str, float]]) -> str:
    """A Markdown table of summaries."""
    columns = list(next(iter(results.values())))
    lines = ["| | " + " | ".join(c.replace("_", " ") for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in results.items():
        cells = ["" if row[c] is None else f"{row[c]:.3f}" if isinstance(row[c], float) else str(row[c]) for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(path: Path, samples: dict[str, Sample], floor: float, scale: float) -> None:
    """Error against spread on logarithmic axes: all atoms as a density, bins' means, the calibration."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, all_axes = plt.subplots(1, len(samples), figsize=(5.2 * len(samples), 4.6), squeeze=False)
    for axes, (name, sample) in zip(all_axes[0], samples.items()):
        low, high = (np.log10(max(np.quantile(sample.spread, q), 1e-6)) for q in (0.0005, 0.9995))
        bottom, top = (np.log10(max(np.quantile(sample.error, q), 1e-6)) for q in (0.0005, 0.9999))
        axes.hist2d(sample.spread, np.maximum(sample.error, 1e-6), cmap="Greys", cmin=1,
                    bins=(np.logspace(low, high, 60), np.logspace(bottom, top, 60)))
        rows = reliability(sample, floor, scale)
        axes.plot([r["spread"] for r in rows], [r["error"] for r in rows], "o", color="C3", label="mean error of a bin")
        line = np.logspace(low, high, 100)
        axes.plot(line, expected(line, floor, scale), color="C0",
                  label=f"calibration: floor {floor:.2f}, scale {scale:.2f}")
        axes.set(xscale="log", yscale="log", xlabel="force spread (kcal/mol/Å)", title=name)
        axes.legend(loc="lower right", fontsize=8)
    all_axes[0][0].set_ylabel("force error of an atom (kcal/mol/Å)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("--data", type=existing_folder, nargs="*", default=[], help="directories of shards")
    parser.add_argument("--whole", type=existing_file, nargs="*", default=[], help="files of pbtrain.whole")
    parser.add_argument("--fit-to", choices=["data", "whole"], default="data",
                        help="what to fit to; the other one tests it (default: data, if given)")
    parser.add_argument("--max-frames", type=int, help="at most so many frames of a molecule")
    parser.add_argument("--threads", type=at_least_one, default=2)
    parser.add_argument("--plot", type=Path, help="reliability curves (PNG)")
    parser.add_argument("--json", type=Path, help="everything measured")
    parser.add_argument("--dry-run", action="store_true", help="leave the ensemble's file as it is")
    args = parser.parse_args()
    if not args.data and not args.whole:
        parser.error("name frames to calibrate on: --data, --whole or both")
    if args.fit_to == "whole" and not args.whole:
        parser.error("--fit-to whole takes --whole")

    from tqdm import tqdm
    try:
        read_ensemble(args.ensemble)
        members = Members(args.ensemble, args.threads)
        molecules = held_out(args.data, args.max_frames, members.model) if args.data else {}
        proteins = {path.stem: [whole_protein(path, members.model)] for path in args.whole}
    except (ValueError, OSError) as error:
        raise SystemExit(f"pbtrain.calibrate: {error}") from None
    if args.data and not molecules:
        raise SystemExit(f"pbtrain.calibrate: no held-out frames in {', '.join(map(str, args.data))}")
    chunks = [(name, part) for name, group in (molecules | proteins).items()
              for part in (group[k:k + CHUNK] for k in range(0, len(group), CHUNK))]
    parts: dict[str, list[Sample]] = {}
    for name, part in tqdm(chunks, disable=None):
        parts.setdefault(name, []).append(members.measure(part))
    found = {name: Sample.joined(samples) for name, samples in parts.items()}
    small, whole = ({name: found[name] for name in names} for names in (molecules, proteins))

    samples = {name: Sample.joined(group.values())
               for name, group in (("held-out molecules", small), ("whole proteins", whole)) if group}
    title = "whole proteins" if args.fit_to == "whole" or not small else "held-out molecules"
    floor, scale = fit(samples[title])
    results = {name: summary(sample, floor, scale) for name, sample in (samples | small | whole).items()}
    print(f"expected error = sqrt({floor:.3f}^2 + ({scale:.3f} spread)^2) kcal/mol/angstrom, fitted to {title}\n")
    print(table(results))
    measured = {"fitted_to": title, "members": members.model.memberCount, **{
        name: results[name] | {"reliability": reliability(sample, floor, scale)} for name, sample in samples.items()}}
    if args.plot:
        plot(args.plot, samples, floor, scale)
    if args.json:
        report = {"floor": floor, "scale": scale, "measured": measured, "groups": results}
        args.json.write_text(json.dumps(report, indent=1))
    if not args.dry_run:
        write_calibration(args.ensemble, floor, scale, measured)


if __name__ == "__main__":
    main()
