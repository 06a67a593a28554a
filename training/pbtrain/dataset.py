"""Reading shards: molecules with all their frames in memory, batches of frames of several molecules."""
from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from .teacher import BASE, Teacher

OUTLIER_FORCE = 200.0  # kcal/mol/angstrom, about 8 standard deviations of E_QM - E_MM on perturbed frames
# What a network learns, as in its header: the reference method's energy less that of a base, here with its key in a
# shard: all of ff14SB, its non-bonded part, nothing, or the GFN2-xTB labels that DFT shards have as well.
BASES = {"E_QM - E_MM": "mm", "E_QM - E_nb": "nb", "E_QM": None, "E_QM - E_GFN2": "gfn2"}
PER_FRAME = ("positions", "energy", "forces", "mm_energy_error", "mm_force_error", "perturbed")
TOTALS = ("qm_energy", "qm_forces", "gfn2_energy_error", "gfn2_force_error")


@dataclass
class Frames:
    """All frames of one molecule: E [F] (float64) and F [F, N, 3] of the target, and E_QM - E_MM (NaN where ff14SB has
    no parameters); kcal/mol and angstrom."""

    name: str
    kind: str
    numbers: np.ndarray
    charge: int
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    mm_energy_error: np.ndarray
    mm_force_error: np.ndarray
    perturbed: np.ndarray
    qm_energy: np.ndarray | None = None  # of the reference method itself, if the data set was asked for them
    qm_forces: np.ndarray | None = None
    gfn2_energy_error: np.ndarray | None = None  # likewise E_QM - E_GFN2, NaN where there are no such labels beside
    gfn2_force_error: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def types(self, elements: list[int]) -> Tensor:
        """Places of the atoms' elements in `elements`, [N]."""
        index = {z: t for t, z in enumerate(elements)}
        return torch.tensor([index[int(z)] for z in self.numbers])

    def above(self, reference: tuple[dict[int, float], float], rows=slice(None)) -> Tensor:
        """Energies of the frames `rows` less the reference energies by element and by unit charge, single precision."""
        offset = sum(reference[0][int(z)] for z in self.numbers) + reference[1] * self.charge
        return torch.from_numpy(self.energy[rows] - offset).float()

    def take(self, keep) -> "Frames":
        """The frames selected by an index array, mask or slice."""
        return Frames(self.name, self.kind, self.numbers, self.charge, *(
            None if getattr(self, k) is None else getattr(self, k)[keep] for k in (*PER_FRAME, *TOTALS)))


@dataclass(frozen=True)
class Selection:
    """A part of the data, to learn what each part is worth.

    shards: so much of every folder, its first shards (they are in random order). kinds: of molecules, empty for all.
    distorted: share of the distorted frames that is kept, the same ones in every run.
    """

    shards: float = 1.0
    kinds: tuple[str, ...] = ()
    distorted: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.shards <= 1:
            raise ValueError(f"--shards is a share above 0, at most 1, not {self.shards}")
        if not 0 <= self.distorted <= 1:
            raise ValueError(f"--distorted is a share between 0 and 1, not {self.distorted}")

    def paths(self, directory: Path) -> list[str]:
        """The shards to read from a folder, of those that are there now."""
        paths = sorted(Path(directory).glob("shard_*.h5"))
        return [str(path) for path in paths[:math.ceil(self.shards * len(paths))]]

    def keep(self, group: h5py.Group) -> np.ndarray:
        """Which frames of a group to use, a mask."""
        kept = np.ones(len(group["e_qm"]), bool)
        if self.kinds and group.attrs["kind"] not in self.kinds:
            kept[:] = False
        if self.distorted < 1:
            draw = np.random.default_rng(int(group.attrs["seed"])).random(len(kept))
            kept &= ~group["perturbed"][:] | (draw < self.distorted)
        return kept


EVERYTHING = Selection()


@dataclass
class DataSet:
    """Molecules by name, from the shards of some directories; `add_new` reads those that have appeared since.

    target: one of BASES. Frames without its labels (ff14SB does not cover side-chain analogues) are left out and
    counted in `without_base`. totals: also keep E_QM and E_QM - E_GFN2. Shards of two reference methods do not mix:
    ValueError; with a teacher, those of GFN2-xTB count as of its method, and its energies are added to their labels.
    """

    directories: list[Path]
    split: str
    target: str = "E_QM - E_MM"
    totals: bool = False
    selection: Selection = EVERYTHING
    teacher: Teacher | None = None
    molecules: dict[str, Frames] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    method: str = ""
    without_base: int = 0
    outliers: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def shards(self) -> list[str]:
        """Paths of the shards there are now."""
        return [path for directory in self.directories for path in self.selection.paths(directory)]

    def add_new(self, paths: list[str] | None = None) -> int:
        """Read new shards (all there are, or those given); returns the number of frames now held."""
        for path in self.shards() if paths is None else paths:
            if path in self.seen:
                continue
            self.seen.add(path)
            with h5py.File(path) as file:
                method = str(file.attrs["reference_method"]).split(",")[0]
                teacher = self.teacher if method == BASE else None
                self._check_method(path, teacher.method if teacher else method)
                for key, value in file.attrs.items():
                    if key.startswith("count_"):
                        self.counts[key[6:]] = self.counts.get(key[6:], 0) + int(value)
                for group in file.values():
                    if group.attrs["split"] == self.split:
                        self._add(group, teacher)
        return self.frame_count

    @property
    def frame_count(self) -> int:
        return sum(len(m) for m in self.molecules.values())

    def _check_method(self, path: str, method: str) -> None:
        """One reference method for all shards."""
        self.method = self.method or method
        if method != self.method:
            raise ValueError(f"{path} has labels of {method}, the shards before it of {self.method}: their energies do not "
                             "mix; give folders of one reference method")

    def _add(self, group: h5py.Group, teacher: Teacher | None) -> None:
        base = BASES[self.target]
        if base and f"e_{base}" not in group:
            self.without_base += len(group["e_qm"])
            return
        selected = self.selection.keep(group)
        if not selected.any():
            return
        numbers, charge, positions = group["numbers"][:], int(group.attrs["charge"]), group["positions"][:]
        lift = teacher(numbers, charge, positions) if teacher else (0.0, np.float32(0))

        def labels(target: str) -> tuple[np.ndarray, np.ndarray]:
            energy, forces = target_values(group, target)
            return energy + lift[0], (forces + lift[1]).astype(np.float32)

        energy, forces = labels(self.target)
        unknown = np.full_like(energy, np.nan), np.full_like(forces, np.nan)
        mm, gfn2 = (labels(f"E_QM - E_{base.upper()}") if f"e_{base}" in group else unknown for base in ("mm", "gfn2"))
        # a molecule's lifted and true energies differ by the teacher's error, which is no conformational energy
        name = str(group.attrs["name"]) + (", lifted" if teacher else "")
        frames = Frames(name, str(group.attrs["kind"]), numbers, charge, positions, energy, forces, *mm,
                        group["perturbed"][:], *((*labels("E_QM"), *gfn2) if self.totals else ()))
        # beyond bounds of the target, and of E_QM - E_MM: ff14SB's springs are far out where a bond is torn, and without
        # them forces are large where a bond is short
        keep = np.fmin(*(abs(f).max((1, 2)) for f in (forces, mm[1]))) < OUTLIER_FORCE
        self.outliers += int((selected & ~keep).sum())
        frames = frames.take(selected & keep)
        known = self.molecules.get(frames.name)
        if known is not None:
            joined = [np.concatenate((getattr(known, k), getattr(frames, k)))
                      for k in PER_FRAME + (TOTALS if self.totals else ())]
            frames = Frames(frames.name, frames.kind, frames.numbers, frames.charge, *joined)
        if len(frames):
            self.molecules[frames.name] = frames


def target_values(group: h5py.Group, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of a target (one of BASES) in a group of labels."""
    base = BASES[target]
    energy, forces = group["e_qm"][()], group["f_qm"][:]
    return (energy, forces) if base is None else (energy - group["e_" + base][()], forces - group["f_" + base][:])


def fit_reference(molecules: list[Frames], elements: list[int]) -> tuple[dict[int, float], float]:
    """Least-squares energies per element and per unit charge from each molecule's median energy."""
    counts = np.array([[np.sum(m.numbers == z) for z in elements] + [m.charge] for m in molecules], dtype=float)
    middle = np.array([np.median(m.energy) for m in molecules])
    weight = np.sqrt([len(m) for m in molecules])[:, None]
    solution, *_ = np.linalg.lstsq(counts * weight, middle * weight[:, 0], rcond=None)
    return dict(zip(elements, map(float, solution[:-1]))), float(solution[-1])


@dataclass
class Batch:
    """Frames of several molecules, flattened to rows (atoms)."""

    frames: list[tuple[Tensor, Tensor]]  # per molecule: types [N], positions [F, N, 3]
    energy: Tensor  # [frames], less the reference energies
    forces: Tensor  # [rows, 3]
    molecule: Tensor  # [frames], which molecule a frame belongs to
    real_rows: None = None  # all are, unlike those of resident.Padded
    real_frames: None = None

    def to(self, device) -> "Batch":
        """The labels on a device; positions stay, for the search of edges."""
        return Batch(self.frames, *(x.to(device) for x in (self.energy, self.forces, self.molecule)))


def epoch_chunks(molecules: Sequence[Sized], size: int, rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    """Every frame once (a molecule's length is their number): (molecule, frame indices), at most `size` frames of one molecule each, shuffled."""
    chunks = []
    for k, molecule in enumerate(molecules):
        order = rng.permutation(len(molecule))
        chunks += [(k, order[i:i + size]) for i in range(0, len(order), size)]
    return [chunks[i] for i in rng.permutation(len(chunks))]


def make_batch(molecules: list[Frames], chunks, elements: list[int],
               reference: tuple[dict[int, float], float]) -> Batch:
    """Collect chunks (molecule, frame indices) into a batch."""
    frames, energy, forces, owner = [], [], [], []
    for k, (m, rows) in enumerate(chunks):
        molecule = molecules[m]
        frames.append((molecule.types(elements), torch.from_numpy(molecule.positions[rows])))
        energy.append(molecule.above(reference, rows))
        forces.append(torch.from_numpy(molecule.forces[rows]).reshape(-1, 3))
        owner += [k] * len(rows)
    return Batch(frames, torch.cat(energy), torch.cat(forces), torch.tensor(owner))
