"""The fragments of a call as plain molecules, and the same sum over them in PyTorch."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np


class Fragments:
    """Atoms and cap hydrogens of all fragments of an Evaluator, one after the other.

    Parameters
    ----------
    evaluator : pluginbridge.Evaluator
        Of a whole topology.
    numbers : list of int
        Atomic numbers of the topology.
    """

    def __init__(self, evaluator, numbers):
        particles = evaluator.arrays.particles
        self.coefficients, self.charges, self.sizes = [], [], []
        # row = (1 - t) position[first] + t position[second] with t = 0 for atoms, length / |bond| for caps
        first, second, lengths, elements = [], [], [], []
        for fragment in evaluator.fragments:
            atoms = particles[fragment.atoms].tolist()
            first += atoms + [int(particles[cap[0]]) for cap in fragment.caps]
            second += atoms + [int(particles[cap[1]]) for cap in fragment.caps]
            lengths += [0.0] * len(atoms) + [cap[2] for cap in fragment.caps]
            elements += [numbers[a] for a in atoms] + [1] * len(fragment.caps)
            self.sizes.append(len(atoms) + len(fragment.caps))
            self.coefficients.append(fragment.coefficient)
            self.charges.append(fragment.charge)
        self.first, self.second = np.array(first), np.array(second)
        self.lengths, self.elements = np.array(lengths), elements
        self.owner = np.repeat(np.arange(len(self.sizes)), self.sizes)

    def positions(self, positions: np.ndarray) -> np.ndarray:
        """Of all rows (nm), from those of the topology."""
        a, b = positions[self.first], positions[self.second]
        bond = np.linalg.norm(b - a, axis=1)
        share = np.divide(self.lengths, bond, out=np.zeros_like(bond), where=bond > 0)
        return a + share[:, None] * (b - a)

    def write(self, path: Path, positions: np.ndarray) -> None:
        """As the input of PluginBridge.Performance."""
        ends = np.cumsum(self.sizes)
        elements = [self.elements[end - size:end] for size, end in zip(self.sizes, ends)]
        path.write_text(json.dumps(dict(elements=elements, positions=self.positions(positions).ravel().tolist())))


def torchEnergy(fragments: Fragments, network):
    """A torch.nn.Module: positions of the topology (angstrom, float32) to energy, kcal/mol: sum of c_f E(f).

    All fragments are one graph without edges between them: the fastest way of a batch in PyTorch.
    """
    import torch
    from pbtrain.graph import Edges, graph_of

    for parameter in network.parameters():
        parameter.requires_grad_(False)

    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.register_buffer("types", network.types_of(fragments.elements))
            self.register_buffer("first", torch.tensor(fragments.first))
            self.register_buffer("second", torch.tensor(fragments.second))
            self.register_buffer("length", torch.tensor(fragments.lengths * 10, dtype=torch.float32).unsqueeze(1))
            self.register_buffer("cap", self.length > 0)
            owner = torch.tensor(fragments.owner)
            self.register_buffer("same", owner.unsqueeze(0) == owner.unsqueeze(1))
            self.register_buffer("self_edges", torch.eye(len(owner), dtype=torch.bool))
            self.register_buffer("weights", torch.tensor(fragments.coefficients, dtype=torch.float32)[owner])
            charges = torch.tensor(fragments.charges, dtype=torch.float32)
            coefficients = torch.tensor(fragments.coefficients, dtype=torch.float32)
            self.register_buffer("offset", (self.weights * network.ref_element[self.types]).sum()
                                 + network.ref_charge * (coefficients * charges).sum())

        def forward(self, x):
            a = x.index_select(0, self.first)
            bond = x.index_select(0, self.second) - a
            square = torch.where(self.cap, (bond * bond).sum(-1, keepdim=True), torch.ones_like(self.length))
            rows = a + self.length * torch.rsqrt(square) * bond
            arch = self.network.arch
            graph = graph_of(self.edges(rows.detach()), rows, arch.cutoff, arch.envelope_exponent)
            return self.network.energy_scale * (self.weights * self.network.atomwise(self.types, graph)).sum() + self.offset

        def edges(self, rows):
            distances = (rows.unsqueeze(0) - rows.unsqueeze(1)).square().sum(-1)
            near = (distances < self.network.arch.cutoff**2) & self.same | self.self_edges
            target, source = near.nonzero(as_tuple=True)
            number = near.view(-1).cumsum(0).view(near.shape) - 1
            first = torch.nn.functional.pad(near.sum(-1).cumsum(0), (1, 0))
            return Edges(source, target, number[source, target], first)

    return Sum().eval()
