"""Errors of a model on held-out frames and on whole proteins, beside ff14SB's own.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.evaluate models/visnet-gfn2/visnet-gfn2.safetensors \\
        --data training/data/wide --whole training/data/whole_*.h5 --json training/runs/errors.json \\
        --parity training/runs/parity.npz

Energies in kcal/mol, forces in kcal/mol/angstrom, per component.  "relative" energies have each
molecule's mean error removed; "absolute" ones do not (ff14SB has no absolute energy scale, so none is given).
Whole proteins: E = ff14SB + network on the whole protein as one graph, against whole-protein GFN2-xTB.
"""
from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np
import torch

from .arguments import existing_file, existing_folder
from .dataset import DataSet, target_values
from .edge_ops import enable_kernels
from .modelfile import file_hash, load_model
from .parity import PERTURBED, Parity
from .visnet import ViSNet


class Errors:
    """Accumulates errors of the model and of other methods over frames."""

    def __init__(self) -> None:
        self.values: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, energy_error: np.ndarray, force_error: np.ndarray, atoms: int,
            **others: tuple[np.ndarray, np.ndarray]) -> None:
        """One molecule's frames: errors [F], [F, N, 3] of the model and of other methods (mm, gfn2), NaN where unknown."""
        for prefix, (energy, force) in {"": (energy_error, force_error),
                                        **{f"{name}_": errors for name, errors in others.items()}}.items():
            self.values[f"{prefix}force"].append(force.ravel())
            if not prefix:
                self.values["absolute"].append(energy)
            if len(energy) > 1:
                self.values[f"{prefix}relative"].append(energy - energy.mean())
                self.values[f"{prefix}relative_per_atom"].append((energy - energy.mean()) / atoms)
        self.values["frames"].append(np.ones(len(energy_error)))

    def summary(self) -> dict[str, float]:
        """MAE, RMSE and largest error of every quantity; nothing of a method that not all frames have labels of."""
        result: dict[str, float] = {"frames": int(sum(map(len, self.values["frames"])))}
        for key, parts in self.values.items():
            x = np.concatenate(parts)
            if key != "frames" and not (key.startswith(("mm_", "gfn2_")) and np.isnan(x).any()):
                result[f"{key}_mae"], result[f"{key}_rmse"] = float(abs(x).mean()), float(np.sqrt((x * x).mean()))
                result[f"{key}_max"] = float(abs(x).max())
        return result


def predictions(model: ViSNet, numbers: np.ndarray, charge: int, positions: np.ndarray, chunk: int = 8):
    """Energies [F] and forces [F, N, 3] of frames of one molecule."""
    types = model.types_of(numbers)
    parts = [model.energy_forces(types, torch.from_numpy(positions[k:k + chunk]).float(), charge)
             for k in range(0, len(positions), chunk)]
    return (np.concatenate([e.detach().double().numpy() for e, _ in parts]),
            np.concatenate([f.double().numpy() for _, f in parts]))


def check_method(labels: str, method: str, source: str) -> None:
    """SystemExit unless labels are of the method that the network stands for."""
    if labels and labels != method:
        raise SystemExit(f"{source}: labels of {labels}, but the network stands for {method}")


def held_out(model: ViSNet, target: str, method: str, data: list[Path], max_frames: int | None,
             parity: Parity | None = None) -> dict[str, dict[str, float]]:
    """Errors on the test split, by kind (perturbed frames apart) and by residue form; all values go to `parity`."""
    test = DataSet(data, "test", target, totals=True)
    test.add_new()
    check_method(test.method, method, ", ".join(map(str, data)))
    groups: dict[str, Errors] = defaultdict(Errors)
    for molecule in test.molecules.values():
        molecule = molecule.take(slice(0, max_frames))
        energy, forces = predictions(model, molecule.numbers, molecule.charge, molecule.positions)
        for perturbed in (False, True):
            keep = molecule.perturbed == perturbed
            if not keep.any():
                continue
            errors = energy[keep] - molecule.energy[keep], forces[keep] - molecule.forces[keep]
            mm = molecule.mm_energy_error[keep], molecule.mm_force_error[keep]
            gfn2 = molecule.gfn2_energy_error[keep], molecule.gfn2_force_error[keep]
            for name in (molecule.kind + (", perturbed" if perturbed else ""),
                         *([molecule.name] if molecule.kind == "residue" and not perturbed else [])):
                groups[name].add(*errors, len(molecule.numbers), mm=mm, gfn2=gfn2)
            if parity is not None:
                kind = PERTURBED if perturbed else molecule.kind
                for quantity, qm, error, mm_error in (("energy", molecule.qm_energy[keep], errors[0], mm[0]),
                                                      ("force", molecule.qm_forces[keep], errors[1], mm[1])):
                    parity.add(kind, quantity, qm, qm + error, qm - mm_error)
    return {name: groups[name].summary() for name in sorted(groups)}


def whole_protein(model: ViSNet, target: str, method: str, path: Path) -> dict[str, float]:
    """Errors of network + the target's part of ff14SB on the frames of one pbtrain.whole file."""
    with h5py.File(path) as file:
        check_method(str(file.attrs["reference_method"]).split(",")[0], method, str(path))
        numbers, charge = file["numbers"][:], int(file.attrs["charge"])
        keys = [k for k in sorted(file) if isinstance(file[k], h5py.Group) and "f_mm" in file[k]]
        positions = file["positions"][:][[int(k) for k in keys]]
        learnt, mm_error = ([np.array(x) for x in zip(*(target_values(file[k], t) for k in keys))]
                            for t in (target, "E_QM - E_MM"))
    energy, forces = predictions(model, numbers, charge, positions, chunk=1)
    errors = Errors()
    errors.add(energy - learnt[0], forces - learnt[1], len(numbers), mm=tuple(mm_error))
    return errors.summary() | {"atoms": len(numbers)}


COLUMNS = ("frames", "force_mae", "force_rmse", "mm_force_mae", "gfn2_force_mae", "relative_mae", "mm_relative_mae",
           "gfn2_relative_mae", "absolute_mae")


def table(results: dict[str, dict[str, float]], columns=COLUMNS) -> str:
    """A Markdown table of those of `columns` that have values."""
    columns = [c for c in columns if any(c in row for row in results.values())]
    lines = ["| | " + " | ".join(c.replace("_", " ") for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in results.items():
        cells = [f"{row[c]:.3f}" if isinstance(row.get(c), float) else str(row.get(c, "")) for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=existing_file)
    parser.add_argument("--data", type=existing_folder, nargs="*", default=[])
    parser.add_argument("--whole", type=existing_file, nargs="*", default=[])
    parser.add_argument("--max-frames", type=int, help="at most so many frames of a molecule")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--parity", type=Path, help="write what the card's parity plots show (.npz)")
    args = parser.parse_args()
    if args.parity and not args.data:
        parser.error("--parity needs --data")
    torch.set_num_threads(1)
    enable_kernels()
    model, header = load_model(args.model)
    target, method = header["target"], header["reference_method"]
    report: dict = {"model": file_hash(args.model)}
    if args.data:
        parity = Parity() if args.parity else None
        report["held_out"] = held_out(model, target, method, args.data, args.max_frames, parity)
        if parity is not None:
            parity.save(args.parity, report["model"])
        print(table(report["held_out"]))
    if args.whole:
        report["whole"] = {path.stem: whole_protein(model, target, method, path) for path in args.whole}
        print(table(report["whole"], ("atoms", *COLUMNS[:-1], "relative_per_atom_mae", "mm_relative_per_atom_mae")))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
