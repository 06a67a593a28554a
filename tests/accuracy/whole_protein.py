#!/usr/bin/python3
"""How far are fragment schemes and networks from the whole protein at the same theory?

    make accuracy STRUCTURES=folder FRAMES=20

For each PDB file (.pdb, .ent) of the folder: frames at 300 K, whole-protein GFN2-xTB as the reference, and against it ff14SB,
every scheme with exact (GFN2-xTB) fragments and every scheme with the network, all through the command line program. Files that
are not complete are prepared first (`pluginbridge prepare --breaks cap`). One that cannot be, or that crashes libxtb, is named,
and the others go on.
Writes summary.json (kcal/mol/angstrom; kcal/mol per atom, each structure's mean error over its frames removed;
`force_from_exact`: mean absolute difference of a network's forces from those of exact fragments of the same scheme), table.md
and a plot. Prepared files, frames, references and what each method gave for a frame are kept in the folder of the output, so an
interrupted run goes on where it stopped; delete the folder where the program has changed what it computes.
"""
from __future__ import annotations

import argparse
import functools
import hashlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import frames as sampled
import numpy as np
from tqdm import tqdm

KCAL = 4.184
PLOTTED = 20  # structures side by side
SUFFIXES = (".pdb", ".ent")  # in either case
SCHEMES = ("whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs")


class Failure(RuntimeError):
    """The program refused a frame; the text is its message."""


def evaluate(pdb: Path, model: str, scheme: str) -> tuple[float, np.ndarray]:
    """Energy (kcal/mol) and forces [N, 3] (kcal/mol/angstrom) by the program."""
    result = subprocess.run([sampled.PROGRAM, "energy", pdb, "--model", model, "--scheme", scheme, "--forces", "--json"],
                            text=True, capture_output=True)
    if result.returncode:
        raise Failure(result.stderr.strip() or f"the program ended with status {result.returncode}")
    found = json.loads(result.stdout)
    return found["energy"] / KCAL, np.array(found["forces"]) / (10 * KCAL)


def kept(pdb: Path, model: str, scheme: str) -> tuple[float, np.ndarray]:
    """As evaluate; kept beside the frame."""
    name = f"{Path(model).stem}-{fileHash(model)[:8]}" if fileHash(model) else model
    return sampled.kept(pdb, f".{name}.{re.sub(r'[^a-z0-9+-]+', '_', scheme)}", lambda: evaluate(pdb, model, scheme))


class Errors:
    """Errors of one method over the frames of a structure."""

    def __init__(self, structure: sampled.Structure):
        self.structure, self.energies, self.forces, self.failed, self.frames = structure, [], [], [], []

    def add(self, frame: sampled.Frame, model: str, scheme: str) -> None:
        """One more frame."""
        try:
            energy, forces = kept(frame.pdb, model, scheme)
        except Failure as failure:
            self.failed.append(f"{frame.pdb.stem}: {failure}")
            return
        self.frames.append(frame.pdb)
        self.energies.append(energy - frame.energy)
        self.forces.append(forces - frame.forces)

    def summary(self) -> dict:
        """Mean absolute, root mean square and largest force error, energy error an atom, and force errors in parts."""
        if not self.forces:
            return {"frames": 0, "failed": self.failed}
        energies, forces = np.array(self.energies), np.array(self.forces)
        if len(energies) < 2:
            return {"frames": 0, "failed": self.failed + ["one frame is left: energies have no mean to be compared with"]}
        relative = (energies - energies.mean()) / len(self.structure.numbers)
        return {"frames": len(energies), "failed": self.failed,
                "force_mae": float(abs(forces).mean()), "force_rmse": float(np.sqrt((forces**2).mean())),
                "force_max": float(abs(forces).max()),
                "force_mae_of_frames": [float(x) for x in abs(forces).mean((1, 2))],
                "energy_mae_per_atom": float(abs(relative).mean()), "energy_rmse_per_atom": float(relative.std()),
                "energy_max_per_atom": float(abs(relative).max()),
                "energy_error_per_atom_of_frames": [float(x) for x in relative],
                "force_mae_by_element": self._parts(abs(forces), self.structure.elements),
                "force_mae_by_residue": self._parts(abs(forces), self.structure.residues)}

    def apart(self, other: Errors) -> float | None:
        """Mean absolute difference of the two methods' forces, over the frames that both have."""
        rows = [(k, other.frames.index(frame)) for k, frame in enumerate(self.frames) if frame in other.frames]
        return float(np.mean([abs(self.forces[k] - other.forces[j]).mean() for k, j in rows])) if rows else None

    @staticmethod
    def _parts(errors: np.ndarray, labels: list[str]) -> dict[str, float]:
        members = defaultdict(list)
        for atom, label in enumerate(labels):
            members[label].append(atom)
        return {label: float(errors[:, atoms].mean()) for label, atoms in members.items()}


def methods(network: str, schemes: list[str]) -> list[tuple[str, str, str]]:
    """(variant, scheme, model) of everything that is compared; exact `whole` is the reference itself."""
    return ([("mm", "whole", "ff14sb")] + [("exact", scheme, "gfn2-xtb") for scheme in schemes if scheme != "whole"]
            + [("network", scheme, network) for scheme in schemes])


@functools.lru_cache(maxsize=None)
def fileHash(model: str) -> str:
    """SHA-256 of a network's file, given by its path or its name; pbtrain.card checks it."""
    package = sampled.ROOT / "build" / "python" / "pluginbridge" / "share" / "pluginbridge" / "models"
    path = Path(model) if Path(model).is_file() else package / model / f"{model}.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def measure(source: Path, folder: Path, count: int, seed: int, network: str, schemes: list[str]) -> dict:
    """Everything about one structure; what can be used again stays in the folder."""
    structure = sampled.Structure(source, folder)
    with tqdm(total=count, desc=f"{structure.name}: whole-protein GFN2-xTB", leave=False) as bar:
        frames = structure.frames(count, seed, lambda _: bar.update())
    if len(frames) < 2:
        raise sampled.Unusable(f"{len(frames)} of {count} frames have a reference; two or more are needed")
    report: dict = {"atoms": len(structure.numbers), "frames": len(frames), "prepared": structure.changes, "exact": {}, "network": {}}
    exact: dict[str, Errors] = {}
    for variant, scheme, model in methods(network, schemes):
        errors = Errors(structure)
        for frame in tqdm(frames, desc=f"{structure.name}: {variant}, {scheme}", leave=False):
            errors.add(frame, model, scheme)
        if variant == "mm":
            report["mm"] = errors.summary()
        else:
            report[variant][scheme] = errors.summary()
        if variant == "exact":
            exact[scheme] = errors
        elif scheme in exact:  # what is the network's own, and not the scheme's
            report[variant][scheme]["force_from_exact"] = errors.apart(exact[scheme])
    return report


def table(report: dict, schemes: list[str]) -> str:
    """Markdown: a row a method; in square brackets how far a network is from exact fragments of its scheme."""
    names = list(report)
    lines = ["| force MAE, kcal/mol/Å; energy MAE, kcal/mol/atom | " + " | ".join(
        f"{name}, {report[name]['atoms']} atoms, {report[name]['frames']} frames" for name in names) + " |",
        "|---" * (len(names) + 1) + "|"]
    rows = [("ff14SB", lambda r: r["mm"])]
    rows += [(f"exact fragments, `{s}`", lambda r, s=s: r["exact"][s]) for s in schemes if s != "whole"]
    rows += [(f"network, `{s}`", lambda r, s=s: r["network"][s]) for s in schemes]
    for label, pick in rows:
        cells = []
        for name in names:
            found = pick(report[name])
            failed = f" ({len(found['failed'])} failed)" if found["failed"] else ""
            own = f" [{found['force_from_exact']:.2f}]" if found.get("force_from_exact") is not None else ""
            cells.append(f"{found['force_mae']:.2f}{own}; {found['energy_mae_per_atom']:.4f}{failed}" if found["frames"] else failed)
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(report: dict, path: Path) -> None:
    """Force and energy errors of every frame, by method; of the first PLOTTED structures that have any."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    report = {name: found for name, found in report.items() if any(
        entry["frames"] for variant in ("exact", "network") for entry in found[variant].values())}
    report = dict(list(report.items())[:PLOTTED])
    if not report:
        return
    figure, axes = plt.subplots(2, len(report), figsize=(5 * len(report), 7), squeeze=False, sharex="col", sharey="row")
    for (forces, energies), (name, found) in zip(axes.T, report.items()):
        shown = {f"{variant}\n{scheme}": found[variant][scheme] for variant in ("exact", "network")
                 for scheme in found[variant] if found[variant][scheme]["frames"]}
        forces.boxplot([entry["force_mae_of_frames"] for entry in shown.values()], labels=list(shown))
        energies.boxplot([entry["energy_error_per_atom_of_frames"] for entry in shown.values()], labels=list(shown))
        energies.tick_params(axis="x", labelrotation=60)
        forces.set_title(f"{name}, {found['atoms']} atoms")
    axes[0, 0].set_ylabel("force MAE (kcal/mol/Å)")
    axes[1, 0].set_ylabel("energy error (kcal/mol/atom)")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def named(sources: list[Path]) -> dict[str, Path]:
    """The files by names for their results: without suffix, unless others would have the same (a.pdb, a.ent)."""
    taken = [name for source in sources for name in (source.stem, source.name)]
    return {source.stem if taken.count(source.stem) == 1 else source.name: source for source in sources}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("structures", type=Path, help="folder of PDB files (.pdb, .ent), or one file")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--model", default="visnet-gfn2")
    parser.add_argument("--schemes", nargs="+", default=SCHEMES, metavar="SCHEME",
                        help="e.g. window3 window3+pairs:4-5; all unless given")
    parser.add_argument("--out", type=Path, default=sampled.ROOT / "build" / "accuracy")
    options = parser.parse_args()
    folder = options.structures
    files = [path for path in (sorted(folder.iterdir()) if folder.is_dir() else [folder]) if path.is_file()]
    sources = [path for path in files if path == folder or path.suffix.lower() in SUFFIXES]
    if not sources:
        others = ", ".join(path.name for path in files[:10]) + (", ..." if len(files) > 10 else "")
        parser.error(f"{folder} has no PDB files ({', '.join(SUFFIXES)})" + (f", only {others}" if others else ""))
    if options.frames < 2:
        parser.error(f"--frames {options.frames}: two or more are needed, as the mean energy error is removed")
    sampled.withUnlimitedStack()
    report: dict = {}
    refused: dict[str, str] = {}
    for name, source in named(sources).items():
        try:
            report[name] = sampled.inOwnProcess(measure, source, options.out / name, options.frames, options.seed, options.model,
                                                options.schemes)
        except sampled.Unusable as error:
            refused[name] = str(error)
            print(f"{source.name} is left out: {error}", flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "summary.json").write_text(json.dumps(
            {"units": {"force": "kcal/mol/angstrom", "energy": "kcal/mol"}, "model": options.model,
             "hash": fileHash(options.model), "seed": options.seed, "refused": refused,
             "structures": report}, indent=1))
        if report:
            (options.out / "table.md").write_text(table(report, options.schemes))
    if not report:
        sys.exit(f"none of {len(sources)} structures could be measured")
    print(table(report, options.schemes))
    plot(report, options.out / "errors.png")
    for name, reason in refused.items():
        print(f"{name} is left out: {reason}")
    print(f"{options.out}: summary.json, table.md, errors.png")


if __name__ == "__main__":
    main()
