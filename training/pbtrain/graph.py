"""Neighbour graphs as regular arrays: every atom (row) has the same number of edge slots.

Edges run j -> i: row i is the target, each slot of the row holds one source j.  Slot layouts:

* dense: all atoms of the frame, for small molecules; nothing to look up;
* padded: the neighbours inside the cutoff, filled up with empty slots.

Neither needs a scatter: summing over a row is a plain sum, and because the edge set is symmetric
the adjoint of "take the source's features" is "reorder the slots by the reverse edge, sum rows".
Empty slots and pairs beyond the cutoff have envelope 0, which removes them from every sum.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

DENSE_LIMIT = 26  # atoms; below it nearly all pairs are inside 5 angstrom anyway


class _TakeSource(torch.autograd.Function):
    """x [rows, H] -> x of each slot's source [rows * slots, H]."""

    @staticmethod
    def forward(ctx, x, source, reverse):
        ctx.save_for_backward(source, reverse)
        ctx.rows = x.shape[0]
        return x.index_select(0, source)

    @staticmethod
    def backward(ctx, gradient):
        return _SumBySource.apply(gradient, *ctx.saved_tensors, ctx.rows), None, None


class _SumBySource(torch.autograd.Function):
    """Adjoint of _TakeSource: the sum of the slots whose source is the row, [rows, H]."""

    @staticmethod
    def forward(ctx, edges, source, reverse, rows):
        ctx.save_for_backward(source, reverse)
        return edges.index_select(0, reverse).view(rows, -1, edges.shape[-1]).sum(1)

    @staticmethod
    def backward(ctx, gradient):
        return _TakeSource.apply(gradient, *ctx.saved_tensors), None, None, None


@dataclass
class Graph:
    """Edge slots of `rows` atoms: distance, envelope [rows, slots], direction [rows, slots, 3]."""

    distance: Tensor
    envelope: Tensor
    envelope_without_self: Tensor
    direction: Tensor
    frames: int
    source_index: Tensor | None = None  # [rows * slots]; None in the dense layout
    reverse_index: Tensor | None = None

    def source(self, x: Tensor) -> Tensor:
        """x_j per slot, [rows, slots, H], of node features [rows, H]."""
        rows, slots = self.distance.shape
        if self.source_index is None:
            h = x.shape[-1]
            return (x.view(self.frames, 1, slots, h).expand(-1, slots, -1, -1)
                    .reshape(rows, slots, h))
        return _TakeSource.apply(x, self.source_index, self.reverse_index).view(rows, slots, -1)

    def source_vectors(self, v: Tensor) -> Tensor:
        """v_j per slot, [rows, slots, 3, H], of node vectors [rows, 3, H]."""
        rows, slots = self.distance.shape
        return self.source(v.reshape(rows, -1)).view(rows, slots, 3, -1)


def cosine_cutoff(r: Tensor, cutoff: float) -> Tensor:
    """C(r) = (cos(pi r / rc) + 1) / 2 inside the cutoff, 0 outside."""
    return torch.where(r < cutoff, 0.5 * (torch.cos(r * (math.pi / cutoff)) + 1.0), torch.zeros_like(r))


def batch_graph(positions: Tensor, cutoff: float, dense: bool | None = None) -> Graph:
    """Graph of frames of one molecule, positions [frames, atoms, 3] (angstrom).

    All ordered pairs with r < cutoff and the self edges (r = 0, direction 0, no gradient).
    dense: the layout; by default decided by the number of atoms.
    """
    frames, atoms, _ = positions.shape
    if dense is None:
        dense = atoms <= DENSE_LIMIT
    rows = frames * atoms
    if dense:
        source = reverse = None
        vector = positions.unsqueeze(1) - positions.unsqueeze(2)  # r_j - r_i, [frames, i, j, 3]
        vector = vector.reshape(rows, atoms, 3)
        self_edge = torch.eye(atoms, dtype=torch.bool).repeat(frames, 1)
        filled = None
    else:
        source, reverse, self_edge, filled = _padded_slots(positions.detach(), cutoff)
        flat = positions.reshape(rows, 3)
        vector = _TakeSource.apply(flat, source, reverse).view(rows, -1, 3) - flat.unsqueeze(1)
    square = (vector * vector).sum(-1)
    distance = torch.sqrt(torch.where(self_edge, torch.ones_like(square), square))
    direction = torch.where(self_edge.unsqueeze(-1), torch.zeros_like(vector), vector / distance.unsqueeze(-1))
    distance = torch.where(self_edge, torch.zeros_like(distance), distance)
    envelope = cosine_cutoff(distance, cutoff)
    if filled is not None:
        envelope = torch.where(filled, envelope, torch.zeros_like(envelope))
    without_self = torch.where(self_edge, torch.zeros_like(envelope), envelope)
    return Graph(distance, envelope, without_self, direction, frames, source, reverse)


def _padded_slots(positions: Tensor, cutoff: float):
    """Slots of the padded layout: source and reverse [rows * slots], self_edge and filled [rows, slots].

    An empty slot names its own row as source and itself as reverse, and counts as a self edge.
    """
    frames, atoms, _ = positions.shape
    vector = positions.unsqueeze(1) - positions.unsqueeze(2)
    near = (vector * vector).sum(-1) < cutoff * cutoff
    near |= torch.eye(atoms, dtype=torch.bool)
    counts = near.sum(-1, keepdim=True)
    slots = int(counts.max())
    filled = torch.arange(slots) < counts  # [frames, atoms, slots]
    # slot of j in row i, and per slot its j (empty slots: i itself)
    slot_of = near.cumsum(-1) - 1
    i = torch.arange(atoms).view(1, atoms, 1)
    frame, target, atom = near.nonzero(as_tuple=True)
    j = i.expand(frames, atoms, slots).clone()
    j[frame, target, slot_of[frame, target, atom]] = atom
    f = torch.arange(frames).view(frames, 1, 1)
    own = torch.arange(frames * atoms * slots).view(frames, atoms, slots)
    reverse = torch.where(filled, (f * atoms + j) * slots + slot_of[f, j, i], own)
    source = f * atoms + j
    rows = frames * atoms
    self_edge = (j == i).view(rows, slots)
    return source.view(-1), reverse.reshape(-1), self_edge, filled.view(rows, slots)
