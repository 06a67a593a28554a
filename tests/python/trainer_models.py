"""Networks with random weights, random molecules, and their loss gradients from PyTorch, for the tests of Trainer."""
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain.modelfile import load_model, save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

ELEMENTS = [1, 6, 7, 8, 16]
KILOJOULE = 4.184  # per kcal/mol
ANGSTROM = 0.1  # nm


def save_random(path, architecture, seed=1, scale=1.5):
    """Writes a model file with random weights, biases and reference energies."""
    torch.manual_seed(seed)
    net = ViSNet(ELEMENTS, architecture, scale)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
            else:
                parameter *= 0.7  # untrained networks of several layers explode otherwise
    net.set_reference({z: -0.5 * z for z in ELEMENTS}, 0.7)
    save_model(path, net, "random", {})
    return path


def twin(path):
    """The PyTorch network of a model file, in double precision."""
    net, _ = load_model(path)
    return net.double()


def cluster(atoms, seed):
    """Atomic numbers and positions (angstrom) of atoms on a disturbed grid."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[np.argsort((grid**2).sum(1), kind="stable")[:atoms]] * 1.4
    return random.choice(ELEMENTS, atoms), grid + random.uniform(0, 0.4, (atoms, 3))


def batch_of(pb, molecules, charges=None, positions=None):
    """A FrameBatch of (numbers, positions in angstrom); other positions (rows) may be given."""
    rows = np.concatenate([x for _, x in molecules]) if positions is None else positions
    return pb.FrameBatch([len(z) for z, _ in molecules], np.concatenate([z for z, _ in molecules]), ANGSTROM * rows, charges)


def energies(net, molecules, charges):
    """Energies [frames] (kcal/mol) of molecules whose positions are tensors."""
    return torch.stack([net.energy(net.types_of(z), x[None], q)[0] for (z, x), q in zip(molecules, charges)])


def flat_gradient(trainer, net, loss):
    """d loss / d weights in the trainer's flat layout; weights without influence have zero."""
    parameters = dict(net.named_parameters())
    assert set(parameters) == set(trainer.tensors)
    found = torch.autograd.grad(loss, [parameters[name] for name in trainer.tensors], allow_unused=True)
    flat = np.zeros(trainer.parameterCount)
    for (part, shape), gradient in zip(trainer.tensors.values(), found):
        if gradient is not None:
            assert gradient.shape == shape
            flat[part] = gradient.numpy().ravel()
    return flat
