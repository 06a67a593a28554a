"""Gradients of the training loss with respect to the weights, by two routes that share the loss.

`TorchGradients`: PyTorch's double backward, on any device PyTorch has; several processes average.
`CoreGradients`: PluginBridge's own core (pluginbridge.Trainer), several times faster on CPUs.  It needs first
derivatives only: with w_f = dL/dE_f and v_f = dL/dF_f,

    dL/dtheta = sum_f w_f dE_f/dtheta(x_f) - d/d(eps) sum_f dE_f/dtheta(x_f + eps v_f)   at eps = 0,

whose second term is a central difference along v_f.
"""
from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .dataset import Batch
from .graph import make_graph
from .modelfile import save_model
from .visnet import ViSNet

KJ = 4.184  # kJ/mol in a kcal/mol
STEP = 0.0005  # angstrom: largest displacement of an atom in the central difference


@dataclass(frozen=True)
class Loss:
    """Huber on force components (kcal/mol/angstrom), plus energies relative to the molecule's mean in the batch, plus
    (weakly) absolute energies above the reference (kcal/mol)."""

    force_huber: float = 0.5
    energy_weight: float = 0.1
    absolute_weight: float = 0.01

    def __call__(self, energy: Tensor, forces: Tensor, batch: Batch) -> Tensor:
        """Scalar loss of energies above the reference [frames] and forces [rows, 3]."""
        error = forces - batch.forces
        relative = without_molecule_mean(energy - batch.energy, batch.molecule)
        return (F.huber_loss(error, torch.zeros_like(error), delta=self.force_huber) / self.force_huber
                + self.energy_weight * F.smooth_l1_loss(relative, torch.zeros_like(relative))
                + self.absolute_weight * F.smooth_l1_loss(energy, batch.energy))


def without_molecule_mean(energy: Tensor, molecule: Tensor) -> Tensor:
    """Energies less the mean over the frames of the same molecule in the batch."""
    count = torch.bincount(molecule).to(energy.dtype)
    mean = torch.zeros_like(count).index_add(0, molecule, energy) / count
    return energy - mean[molecule]


def errors(energy: Tensor, forces: Tensor, batch: Batch) -> tuple[float, float]:
    """Mean absolute errors of forces and of energies relative to their molecule's mean."""
    relative = without_molecule_mean(energy - batch.energy, batch.molecule)
    return (forces - batch.forces).abs().mean().item(), relative.abs().mean().item()


def predict(model: ViSNet, batch: Batch, training: bool) -> tuple[Tensor, Tensor]:
    """Energies above the reference [frames] and forces [rows, 3] of a batch, in PyTorch."""
    rows = torch.cat([x.reshape(-1, 3) for _, x in batch.frames]).requires_grad_(True)
    types = torch.cat([t.repeat(len(x)) for t, x in batch.frames])
    graph = make_graph([x for _, x in batch.frames], rows, model.arch.cutoff, model.arch.envelope_exponent)
    x = model.energy_scale * model.atomwise(types, graph)
    sizes = [len(t) for t, xs in batch.frames for _ in range(len(xs))]
    energy = torch.stack([part.sum() for part in x.split(sizes)])
    gradient, = torch.autograd.grad(energy.sum(), rows, create_graph=training)
    return energy, -gradient


class TorchGradients:
    """Fills the gradients of `model`'s parameters by PyTorch's double backward."""

    def __init__(self, model: ViSNet, loss: Loss):
        self.model, self.loss = model, loss

    def __call__(self, batch: Batch) -> tuple[float, float, float]:
        """Sets every parameter's grad; returns the loss and the errors of forces and relative energies."""
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
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "start.safetensors"
            save_model(path, model, "training", {})
            self.trainer = pluginbridge.Trainer(path, threads=threads, doublePrecision=double)
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
        self.charge = float(model.ref_charge)

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor, "object"]:
        """Energies above the reference [frames], forces [rows, 3], and the batch as the core sees it."""
        types = np.concatenate([np.tile(t.numpy(), len(x)) for t, x in batch.frames])
        counts = np.array([len(t) for t, x in batch.frames for _ in range(len(x))], np.int32)
        positions = np.concatenate([x.reshape(-1, 3).numpy() for _, x in batch.frames]).astype(float) * 0.1
        frames = self._core.FrameBatch(counts, self.numbers[types], positions)
        self.trainer.weights = self.weights.numpy()
        energies, gradients = self.trainer.energies(frames)
        reference = np.add.reduceat(self.reference[types], np.concatenate(([0], np.cumsum(counts)[:-1])))
        return (torch.from_numpy(energies / KJ - reference).float(), torch.from_numpy(-0.1 / KJ * gradients).float(),
                frames)

    def __call__(self, batch: Batch) -> tuple[float, float, float]:
        """Sets every parameter's grad; returns the loss and the errors of forces and relative energies."""
        energy, forces, frames = self.predict(batch)
        energy.requires_grad_(True)
        forces.requires_grad_(True)
        loss = self.loss(energy, forces, batch)
        by_energy, by_force = (g.double().numpy() for g in torch.autograd.grad(loss, (energy, forces)))

        first = np.concatenate(([0], np.cumsum(frames.atomCounts)[:-1]))
        largest = np.maximum.reduceat(np.linalg.norm(by_force, axis=1), first)
        step = STEP / np.maximum(largest, 1e-30)
        shift = by_force * (0.1 * np.repeat(step, frames.atomCounts))[:, None]
        seeds = np.concatenate((0.5 * by_energy - 0.5 / step, 0.5 * by_energy + 0.5 / step)) / KJ
        both = self._core.FrameBatch(np.tile(frames.atomCounts, 2), np.tile(frames.atomicNumbers, 2),
                                     np.concatenate((frames.positions + shift, frames.positions - shift)))
        self.gradient.copy_(torch.from_numpy(self.trainer.weightGradient(both, seeds)))
        return loss.item(), *errors(energy.detach(), forces.detach(), batch)
