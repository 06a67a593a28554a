"""Gradients of the training loss with respect to the weights, by two routes that share the loss.

`TorchGradients`: PyTorch's double backward, on any device PyTorch has; several processes average.
`CoreGradients`: PluginBridge's own core (pluginbridge.Trainer), several times faster on CPUs.  It needs first
derivatives only: with w_f = dL/dE_f and v_f = dL/dF_f,

    dL/dtheta = sum_f w_f dE_f/dtheta(x_f) - d/d(eps) sum_f dE_f/dtheta(x_f + eps v_f)   at eps = 0,

whose second term is a difference along v_f.  It is taken forwards and backwards in turn, from step to step: half the
work of a central difference, and errors of first order in eps cancel over two steps.  With an eps that is known
beforehand, the pass that gives energies and forces gives the difference's one end as well.
"""
from __future__ import annotations

from dataclasses import dataclass

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .dataset import Batch
from .graph import Edges, find_edges, graph_of
from .modelfile import core_trainer
from .visnet import ViSNet

if TYPE_CHECKING:
    from .resident import Padded

KJ = 4.184  # kJ/mol in a kcal/mol
STEP = 0.0005  # angstrom: largest displacement of an atom along an axis in the difference


@dataclass(frozen=True)
class Loss:
    """Huber on force components (kcal/mol/angstrom), plus energies relative to the molecule's mean in the batch, plus
    (weakly) absolute energies above the reference (kcal/mol)."""

    force_huber: float = 0.5
    energy_weight: float = 0.1
    absolute_weight: float = 0.01

    def __call__(self, energy: Tensor, forces: Tensor, batch: "Batch | Padded") -> Tensor:
        """Scalar loss of energies above the reference [frames] and forces [rows, 3]: means over what is no padding."""
        def smooth(error: Tensor) -> Tensor:
            return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
        error, off = forces - batch.forces, energy - batch.energy
        by_force = F.huber_loss(error, torch.zeros_like(error), delta=self.force_huber, reduction="none")
        return (mean(by_force, batch.real_rows) / self.force_huber
                + self.energy_weight * mean(smooth(self.relative(off, batch.molecule)), batch.real_frames)
                + self.absolute_weight * mean(smooth(off), batch.real_frames))

    @staticmethod
    def relative(energy: Tensor, molecule: Tensor) -> Tensor:
        """Energies less the mean over the frames of the same molecule in the batch, whose numbers are below the frames'."""
        count = torch.zeros_like(energy).index_add(0, molecule, torch.ones_like(energy))
        mean = torch.zeros_like(energy).index_add(0, molecule, energy) / count.clamp(min=1)
        return energy - mean[molecule]

    @staticmethod
    def largest_by_force(rows: int) -> float:
        """Bound of |dL/dF| of any force component in a batch of `rows` atoms: Huber's slope over its threshold is 1."""
        return 1.0 / (3 * rows)


def mean(values: Tensor, real: Tensor | None) -> Tensor:
    """Mean of values [n] or [n, 3], of those that are real (1, not 0, in [n] or [n, 1]) where that is given."""
    return values.mean() if real is None else (values * real).sum() / real.expand_as(values).sum()


def mean_errors(energy: Tensor, forces: Tensor, batch: "Batch | Padded") -> tuple[Tensor, Tensor]:
    """Mean absolute errors of forces and of energies relative to their molecule's mean, as scalars on the device."""
    relative = Loss.relative(energy - batch.energy, batch.molecule)
    return mean((forces - batch.forces).abs(), batch.real_rows), mean(relative.abs(), batch.real_frames)


def errors(energy: Tensor, forces: Tensor, batch: Batch) -> tuple[float, float]:
    """The same as numbers."""
    force, relative = mean_errors(energy, forces, batch)
    return force.item(), relative.item()


def energies_and_forces(model: ViSNet, types: Tensor, rows: Tensor, edges: Edges, frame: Tensor, frames: int,
                        training: bool) -> tuple[Tensor, Tensor]:
    """Energies above the reference [frames] and forces [rows, 3], differentiable if `training`, of atoms at `rows` [rows, 3]
    (angstrom), each of one frame."""
    rows = rows.detach().requires_grad_(True)
    x = model.energy_scale * model.atomwise(types, graph_of(edges, rows, model.arch.cutoff, model.arch.envelope_exponent))
    energy = x.new_zeros(frames).index_add(0, frame, x)
    gradient, = torch.autograd.grad(energy.sum(), rows, create_graph=training)
    return energy, -gradient


def predict(model: ViSNet, batch: Batch, training: bool) -> tuple[Tensor, Tensor]:
    """Energies above the reference [frames] and forces [rows, 3] of a batch, in PyTorch, on the model's device."""
    device = model.embedding.weight.device
    rows = torch.cat([x.reshape(-1, 3) for _, x in batch.frames]).to(device)
    types = torch.cat([t.repeat(len(x)) for t, x in batch.frames]).to(device)
    edges = find_edges([x for _, x in batch.frames], model.arch.cutoff).to(device)
    sizes = torch.tensor([len(t) for t, xs in batch.frames for _ in range(len(xs))], device=device)
    return energies_and_forces(model, types, rows, edges, torch.repeat_interleave(sizes), len(sizes), training)


class TorchGradients:
    """Fills the gradients of `model`'s parameters by PyTorch's double backward."""

    def __init__(self, model: ViSNet, loss: Loss):
        self.model, self.loss = model, loss

    def __call__(self, batch: Batch) -> tuple[float, float, float]:
        """Sets every parameter's grad; returns the loss and the errors of forces and relative energies."""
        batch = batch.to(self.model.embedding.weight.device)
        for parameter in self.model.parameters():
            parameter.grad = None
        energy, forces = predict(self.model, batch, training=True)
        loss = self.loss(energy, forces, batch)
        loss.backward()
        return loss.item(), *errors(energy.detach(), forces.detach(), batch)


class CoreGradients:
    """Fills the gradients of `model`'s parameters with the core's.

    The parameters are moved into one flat array that the core reads: change them in place only.
    """

    def __init__(self, model: ViSNet, loss: Loss, threads: int = 1, double: bool = False):
        import pluginbridge

        self.loss, self._core = loss, pluginbridge
        self.trainer = core_trainer(model, threads, double)
        self.weights = torch.from_numpy(self.trainer.weights)
        self.gradient = torch.zeros_like(self.weights)
        for name, parameter in model.named_parameters():
            if name not in self.trainer.tensors:
                continue  # does not act on the energy
            part, shape = self.trainer.tensors[name]
            parameter.data = self.weights[part].view(shape)
            parameter.grad = self.gradient[part].view(shape)
        self.numbers = np.array(model.elements, np.int32)
        self.reference = model.ref_element.double().numpy()
        self.direction = 1.0

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Energies above the reference [frames] and forces [rows, 3]."""
        frames, reference = self._frames(batch)
        return self._above(reference, *self.trainer.energies(frames))

    def _frames(self, batch: Batch) -> tuple["object", np.ndarray]:
        """The batch as the core sees it, with the weights of now, and the frames' reference energies (kcal/mol)."""
        types = np.concatenate([np.tile(t.numpy(), len(x)) for t, x in batch.frames])
        counts = np.array([len(t) for t, x in batch.frames for _ in range(len(x))], np.int32)
        positions = np.concatenate([x.reshape(-1, 3).numpy() for _, x in batch.frames]).astype(float) * 0.1
        self.trainer.weights = self.weights.numpy()
        reference = np.add.reduceat(self.reference[types], np.concatenate(([0], np.cumsum(counts)[:-1])))
        return self._core.FrameBatch(counts, self.numbers[types], positions), reference

    @staticmethod
    def _above(reference: np.ndarray, energies: np.ndarray, gradients: np.ndarray) -> tuple[Tensor, Tensor]:
        """Energies above the reference and forces, from the core's energies and gradients."""
        return (torch.from_numpy(energies / KJ - reference).float(), torch.from_numpy(-0.1 / KJ * gradients).float())

    def __call__(self, batch: Batch) -> tuple[float, float, float]:
        """Sets every parameter's grad; returns the loss and the errors of forces and relative energies."""
        frames, reference = self._frames(batch)
        step = self.direction * STEP / self.loss.largest_by_force(len(batch.forces))
        self.direction = -self.direction
        *found, here = self.trainer.evaluate(frames, np.full(len(frames), 1.0 / step / KJ))
        energy, forces = (x.requires_grad_(True) for x in self._above(reference, *found))
        loss = self.loss(energy, forces, batch)
        by_energy, by_force = (g.double().numpy() for g in torch.autograd.grad(loss, (energy, forces)))
        there = self.trainer.weightGradient(frames.moved(frames.positions + 0.1 * step * by_force),
                                            (by_energy - 1.0 / step) / KJ)
        self.gradient.copy_(torch.from_numpy(here + there))
        return loss.item(), *errors(energy.detach(), forces.detach(), batch)
