"""Neighbour graphs as edge lists sorted by target.

Edges run j -> i (source j, target i): all ordered pairs with r < cutoff, no neighbour maximum, and the
self edges with r = 0 and direction 0, through which no gradient flows.  The edge set is symmetric:
`reverse` is the number of the edge i -> j, so sums over a source are sums over a row, reordered.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Edges:
    """Connectivity: source, target, reverse [E] and first [rows + 1], where a target's edges begin."""

    source: Tensor
    target: Tensor
    reverse: Tensor
    first: Tensor

    def to(self, device) -> "Edges":
        """The same on a device."""
        return Edges(*(column.to(device) for column in (self.source, self.target, self.reverse, self.first)))


@dataclass
class Graph:
    """Edges with their geometry: distance, envelope C(r) [E], direction [E, 3] from i to j."""

    edges: Edges
    distance: Tensor
    envelope: Tensor
    envelope_without_self: Tensor
    direction: Tensor


def cutoff_envelope(r: Tensor, cutoff: float, exponent: int) -> Tensor:
    """C(r), 0 outside the cutoff; inside, with x = r / rc:

    exponent 0: (cos(pi x) + 1) / 2, whose second derivative jumps at the cutoff;
    p >= 3: 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2) (Gasteiger et al., ICLR 2020, eq. 8).
    """
    x, p = r / cutoff, exponent
    if p == 0:
        inside = 0.5 * (torch.cos(x * math.pi) + 1.0)
    else:
        inside = 1.0 + x**p * (-(p + 1) * (p + 2) / 2 + x * (p * (p + 2) - x * (p * (p + 1) / 2)))
    return torch.where(r < cutoff, inside, torch.zeros_like(r))


def find_edges(molecules: list[Tensor], cutoff: float) -> Edges:
    """Edges of frames of several molecules: positions [frames, atoms, 3] (angstrom) of each."""
    columns: tuple[list[Tensor], ...] = ([], [], [], [])
    rows = edges = 0
    for x in molecules:
        frames, atoms, _ = x.shape
        near = (x.unsqueeze(1) - x.unsqueeze(2)).square().sum(-1) < cutoff * cutoff
        near |= torch.eye(atoms, dtype=torch.bool, device=x.device)
        frame, i, j = near.nonzero(as_tuple=True)
        number = near.view(-1).cumsum(0).view(near.shape) - 1
        columns[0].append(frame * atoms + j + rows)
        columns[1].append(frame * atoms + i + rows)
        columns[2].append(number[frame, j, i] + edges)
        columns[3].append(near.sum(-1).view(-1))
        rows, edges = rows + frames * atoms, edges + len(i)
    source, target, reverse, counts = (torch.cat(column) for column in columns)
    first = torch.zeros(rows + 1, dtype=torch.long, device=counts.device)
    torch.cumsum(counts, 0, out=first[1:])
    return Edges(source, target, reverse, first)


def make_graph(molecules: list[Tensor], rows: Tensor, cutoff: float, exponent: int) -> Graph:
    """Graph of frames of several molecules.

    molecules: positions [frames, atoms, 3] of each, on any device, which decide the edges;
    rows: the same positions as one [rows, 3] tensor, on any device, through which gradients flow;
    cutoff (angstrom), exponent: of the envelope.
    """
    return graph_of(find_edges([x.detach() for x in molecules], cutoff).to(rows.device), rows, cutoff, exponent)


def graph_of(edges: Edges, rows: Tensor, cutoff: float, exponent: int) -> Graph:
    """Geometry of edges between `rows` [rows, 3]; cutoff and exponent as for `make_graph`."""
    self_edge = edges.source == edges.target
    vector = rows.index_select(0, edges.source) - rows.index_select(0, edges.target)
    square = (vector * vector).sum(-1)
    distance = torch.sqrt(torch.where(self_edge, torch.ones_like(square), square))
    direction = torch.where(self_edge.unsqueeze(-1), torch.zeros_like(vector), vector / distance.unsqueeze(-1))
    distance = torch.where(self_edge, torch.zeros_like(distance), distance)
    envelope = cutoff_envelope(distance, cutoff, exponent)
    without_self = torch.where(self_edge, torch.zeros_like(envelope), envelope)
    return Graph(edges, distance, envelope, without_self, direction)
