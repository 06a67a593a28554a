"""Training on a GPU: all frames stay in its memory, batches have one fixed shape, and a step's gradient is one CUDA graph.

A batch takes frames until its edges or rows are used up and is filled with padding: rows that belong to no frame, whose only
edges lead from an atom to itself.  As shapes never change, the thousand small kernels of an energy, its gradient and the
gradient of that are recorded once (torch.cuda.CUDAGraph) and replayed without the time it takes to launch them one by one.
Everything but the recording works on a CPU too.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .dataset import Frames, epoch_chunks
from .gradients import Loss, energies_and_forces, mean_errors
from .graph import Edges, find_edges
from .visnet import ViSNet

CHUNK = 64  # frames of a molecule whose edges are looked for together


@dataclass
class Padded:
    """A batch of fixed shape: R rows, E edges, F frames and one more that the padding belongs to."""

    positions: Tensor  # [R, 3]
    types: Tensor  # [R]
    edges: Edges
    frame: Tensor  # [R], F for padding
    forces: Tensor  # [R, 3]
    energy: Tensor  # [F + 1], less the reference energies
    molecule: Tensor  # [F + 1], a number below F + 1
    real_rows: Tensor  # [R, 1], 1 or 0
    real_frames: Tensor  # [F + 1]

    def tensors(self) -> list[Tensor]:
        """All of them, in one order."""
        edges = self.edges
        return [self.positions, self.types, edges.source, edges.target, edges.reverse, edges.first, self.frame, self.forces,
                self.energy, self.molecule, self.real_rows, self.real_frames]


class ResidentData:
    """Frames of molecules as flat arrays on a device, with the edges of all of them."""

    def __init__(self, molecules: list[Frames], elements: list[int], reference: tuple[dict[int, float], float],
                 cutoff: float, device: str):
        self.device = torch.device(device)
        types, positions, forces, energy, degree, columns = [], [], [], [], [], ([], [], [])
        atoms, edges, owner = [], [], []
        for k, molecule in enumerate(molecules):
            n, count = len(molecule.numbers), len(molecule)
            types.append(molecule.types(elements).repeat(count))
            positions.append(torch.from_numpy(molecule.positions).reshape(-1, 3).float())
            forces.append(torch.from_numpy(molecule.forces).reshape(-1, 3).float())
            energy.append(molecule.above(reference))
            atoms.append(np.full(count, n))
            owner.append(np.full(count, k))
            for first in range(0, count, CHUNK):
                x = torch.from_numpy(molecule.positions[first:first + CHUNK]).float().to(self.device)
                found = find_edges([x], cutoff)
                starts = found.first[::n].tolist()  # a frame's first edge; the last one is the end
                edges.append(np.diff(starts))
                counts = found.first[n::n] - found.first[:-1:n]
                shift = torch.repeat_interleave(torch.tensor(starts[:-1], device=self.device), counts)
                row = torch.div(found.target, n, rounding_mode="floor") * n
                for column, values in zip(columns, (found.source - row, found.target - row, found.reverse - shift)):
                    column.append(values.int())
                degree.append(found.first.diff().int())
        self.atoms, self.edges = np.concatenate(atoms), np.concatenate(edges)
        self.owner = np.concatenate(owner)
        self.first_frame = np.concatenate(([0], np.cumsum([len(m) for m in molecules])))
        on = self.device
        self.types, self.energy = torch.cat(types).to(on), torch.cat(energy).to(on)
        self.positions, self.forces = torch.cat(positions).to(on), torch.cat(forces).to(on)
        self.degree = torch.cat(degree).long()
        self.source, self.target, self.reverse = (torch.cat(column) for column in columns)
        self.row_start = np.concatenate(([0], np.cumsum(self.atoms)))
        self.edge_start = np.concatenate(([0], np.cumsum(self.edges)))

    def __len__(self) -> int:
        return len(self.atoms)

    def epoch(self, shape: tuple[int, int, int], per_molecule: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Every frame once, in batches that fit `shape` (rows, edges, frames); at most `per_molecule` of one molecule
        side by side, so that their energies can be compared."""
        rows, edges, frames = shape
        batch: list[int] = []
        used = [0, 0]
        for molecule, indices in epoch_chunks([range(n) for n in np.diff(self.first_frame)], per_molecule, rng):
            group = self.first_frame[molecule] + indices
            need = int(self.atoms[group].sum()), int(self.edges[group].sum())
            if batch and (used[0] + need[0] > rows or used[1] + need[1] > edges or len(batch) + len(group) > frames):
                yield np.array(batch)
                batch, used = [], [0, 0]
            if need[0] > rows or need[1] > edges:
                raise ValueError(f"a group of {len(group)} frames with {need[0]} atoms and {need[1]} edges does not fit a "
                                 f"batch of {rows} atoms and {edges} edges")
            batch += group.tolist()
            used = [used[0] + need[0], used[1] + need[1]]
        if batch:
            yield np.array(batch)

    def shape(self, frames: int, per_molecule: int) -> tuple[int, int, int]:
        """(rows, edges, frames) of batches with about `frames` frames: room for that many average ones, or for one group
        of the largest, and three times as many small ones."""
        rows = max(int(frames * self.atoms.mean()), per_molecule * int(self.atoms.max()))
        edges = max(int(frames * self.edges.mean()), per_molecule * int(self.edges.max()))
        return rows, edges, 3 * frames

    def batch(self, frames: np.ndarray, shape: tuple[int, int, int]) -> Padded:
        """The frames of these numbers, padded to `shape` and some rows more."""
        on, (rows, edges, most) = self.device, shape
        rows += max(32, edges // 64)  # a row's edges are summed one after another: few for each row of the padding
        n, m = self.atoms[frames], self.edges[frames]
        if n.sum() > shape[0] or m.sum() > edges or len(frames) > most:
            raise ValueError(f"{len(frames)} frames with {n.sum()} atoms and {m.sum()} edges do not fit a batch of {shape}")
        empty, spare = rows - int(n.sum()), edges - int(m.sum())
        starts = np.concatenate(([0], np.cumsum(n))), np.concatenate(([0], np.cumsum(m)))

        def put(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(on, non_blocking=True)

        def spread(counts: np.ndarray, total: int) -> Tensor:
            return torch.repeat_interleave(put(counts), output_size=total)

        frame = spread(np.append(n, empty), rows)
        frame[len(frame) - empty:] = most
        real = frame < most
        local = torch.arange(rows, device=on)
        used = torch.where(real, frame, torch.zeros_like(frame))
        row = torch.where(real, local + put(self.row_start[frames] - starts[0][:-1])[used], torch.zeros_like(local))
        degree = self.degree[row]
        share = torch.arange(empty + 1, device=on) * spare // empty
        degree[rows - empty:] = share.diff()
        first = torch.zeros(rows + 1, dtype=torch.long, device=on)
        torch.cumsum(degree, 0, out=first[1:])

        edge = torch.arange(edges, device=on)
        of = spread(np.append(m, spare), edges)
        inside = of < len(frames)
        of = torch.where(inside, of, torch.zeros_like(of))
        here = torch.where(inside, edge + put(self.edge_start[frames] - starts[1][:-1])[of], torch.zeros_like(edge))
        at = put(starts[0][:-1])[of]
        padding = torch.repeat_interleave(degree, output_size=edges)  # row of an edge: its target, for the padding both ends
        found = Edges(torch.where(inside, self.source[here] + at, padding), torch.where(inside, self.target[here] + at, padding),
                      torch.where(inside, self.reverse[here] + put(starts[1][:-1])[of], edge), first)

        real_frames = torch.zeros(most + 1, device=on)
        real_frames[:len(frames)] = 1
        energy = torch.zeros(most + 1, device=on)
        numbers = put(frames)
        energy[:len(frames)] = self.energy[numbers]
        owner = np.arange(most + 1)  # a frame of padding is a molecule of its own
        owner[:len(frames)] = np.unique(self.owner[frames], return_inverse=True)[1]
        mask = real.to(self.positions.dtype).unsqueeze(1)
        return Padded(self.positions[row] * mask, self.types[row], found, frame, self.forces[row] * mask, energy, put(owner),
                      mask, real_frames)


class GraphGradients:
    """Fills the gradients of `model`'s parameters from padded batches; on a GPU by one recorded CUDA graph, if `record`.

    `sums` collects, on the device, what was found since `take` was called last: loss, force and relative energy errors, and in
    how many batches these were numbers.
    """

    def __init__(self, model: ViSNet, loss: Loss, record: bool = True):
        self.model, self.loss, self.graph = model, loss, None
        self.sums = torch.zeros(4, device=model.embedding.weight.device)
        self.record = record and self.sums.is_cuda

    def __call__(self, batch: Padded) -> None:
        """Sets every parameter's grad (the same tensors each time, on a GPU)."""
        if not self.record:
            self._run(batch)
            return
        if self.graph is None:
            self._record(batch)
        for kept, values in zip(self.static.tensors(), batch.tensors()):
            kept.copy_(values)
        self.graph.replay()

    def take(self) -> list[float]:
        """Means of the loss and the errors since the last time, NaN if there was no number; waits for the device."""
        *sums, count = self.sums.tolist()
        self.sums.zero_()
        return [value / count if count else math.nan for value in sums]

    def _forget(self) -> None:
        for parameter in self.model.parameters():
            parameter.grad = None

    def _run(self, batch: Padded) -> None:
        self._forget()
        energy, forces = energies_and_forces(self.model, batch.types, batch.positions, batch.edges, batch.frame,
                                             len(batch.energy), training=True)
        loss = self.loss(energy, forces, batch)
        loss.backward()
        with torch.no_grad():
            found = torch.stack((loss.detach(), *mean_errors(energy, forces, batch), torch.ones_like(loss)))
            self.sums += torch.where(torch.isfinite(found).all(), found, torch.zeros_like(found))

    def _record(self, batch: Padded) -> None:
        copies = iter([tensor.clone() for tensor in batch.tensors()])
        positions, types, *edges = (next(copies) for _ in range(6))
        self.static = Padded(positions, types, Edges(*edges), *copies)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # libraries and allocator get ready
                self._run(self.static)
        torch.cuda.current_stream().wait_stream(side)
        self._forget()  # nothing is to be freed while it records
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._run(self.static)
        self.sums.zero_()
