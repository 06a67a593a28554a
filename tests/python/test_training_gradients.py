"""Loss gradients by the core (first derivatives and a central difference) against PyTorch's double backward."""
import copy
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pluginbridge = pytest.importorskip("pluginbridge")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import train  # noqa: E402
from pbtrain.dataset import Batch  # noqa: E402
from pbtrain.gradients import CoreGradients, Loss, TorchGradients, predict  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402


def batch(seed=0):
    """Two frames of one molecule and one of another, with labels that a network does not fit."""
    rng = np.random.default_rng(seed)
    frames, owner = [], []
    for k, (atoms, count) in enumerate(((9, 2), (14, 1))):
        grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)[rng.permutation(27)[:atoms]]
        x = 1.3 * grid + rng.uniform(-0.2, 0.2, (count, atoms, 3))
        frames.append((torch.from_numpy(rng.integers(0, 5, atoms)), torch.from_numpy(x)))
        owner += [k] * count
    rows = sum(x.shape[0] * x.shape[1] for _, x in frames)
    return Batch(frames, torch.from_numpy(rng.normal(size=3) * 3).float(),
                 torch.from_numpy(rng.normal(size=(rows, 3)) * 2).float(), torch.tensor(owner))


def model(seed=1, vector_norm=0.0):
    torch.manual_seed(seed)
    network = ViSNet(train.ELEMENTS, Architecture(24, 3, 4, 8, vector_norm=vector_norm), energy_scale=3.0)
    network.set_reference({z: -1.5 * z for z in train.ELEMENTS}, 2.0)
    return network


def torch_gradients(network, loss, data):
    """Loss and gradients by name in float64."""
    network = copy.deepcopy(network).double()
    frames = [(t, x.double()) for t, x in data.frames]
    data = Batch(frames, data.energy.double(), data.forces.double(), data.molecule)
    value, *_ = TorchGradients(network, loss)(data)
    return value, {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("double, vector_norm", [(True, 0.0), (False, 0.0), (True, 0.3)])
def test_the_core_gives_the_gradients_of_the_loss(double, vector_norm, tolerance=2e-3):
    """Over two steps the differences make a central one, with an error of second order in the step."""
    network, data, loss = model(vector_norm=vector_norm), batch(), Loss(force_huber=1.0, energy_weight=0.3, absolute_weight=0.1)
    value, expected = torch_gradients(network, loss, data)
    core = CoreGradients(network, loss, double=double)
    found, force_error, energy_error = core(data)
    forwards = core.gradient.clone()
    core(data)
    core.gradient.add_(forwards).mul_(0.5)
    assert found == pytest.approx(value, rel=1e-5)
    assert force_error > 0 and energy_error > 0
    largest = max(g.abs().max() for g in expected.values())
    acting = dict(network.named_parameters())
    for name, gradient in expected.items():
        assert torch.allclose(acting[name].grad.double(), gradient, rtol=tolerance, atol=tolerance * largest), name


def test_energies_and_forces_are_those_of_the_twin():
    network, data = model(), batch(2)
    energy, forces = predict(copy.deepcopy(network), data_as_float(data), training=False)
    core_energy, core_forces = CoreGradients(network, Loss()).predict(data)
    assert torch.allclose(core_energy, energy.detach(), rtol=1e-4, atol=1e-4)
    assert torch.allclose(core_forces, forces, rtol=1e-3, atol=1e-3)


def data_as_float(data):
    return Batch([(t, x.float()) for t, x in data.frames], data.energy, data.forces, data.molecule)


def test_steps_of_an_optimiser_reach_the_core():
    network, data = model(), batch(3)
    core = CoreGradients(network, Loss(energy_weight=0.0, absolute_weight=0.0))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        losses.append(core(data)[0])
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
