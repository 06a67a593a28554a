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
    """x [rows, ...] -> x of each slot's source [rows * slots, ...]."""

    @staticmethod
    def forward(ctx, x, source, reverse):
        ctx.save_for_backward(source, reverse)
        return x.index_select(0, source)

    @staticmethod
    def backward(ctx, gradient):
        return _SumBySource.apply(gradient, *ctx.saved_tensors), None, None


class _SumBySource(torch.autograd.Function):
    """Adjoint of _TakeSource: sum of the slots whose source is the row."""

    @staticmethod
    def forward(ctx, edges, source, reverse):
        ctx.save_for_backward(source, reverse)
        slots = ctx.slots = int(source.shape[0] // ctx_rows(source))
        return edges.index_select(0, reverse).view(-1, slots, *edges.shape[1:]).sum(1)

    @staticmethod
    def backward(ctx, gradient):
        return _TakeSource.apply(gradient, *ctx.saved_tensors), None, None


def ctx_rows(source: Tensor) -> int:
    """Rows of a padded slot list: the last row always names itself (its self edge)."""
    return int(source.max()) + 1


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
