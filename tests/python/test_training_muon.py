"""The Muon optimiser: orthonormal updates, their size, blocks, and exact resumption."""
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain.muon import Muon, orthonormal, split_parameters  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402


@pytest.mark.parametrize("shape", [(16, 16), (16, 40), (40, 16)])
def test_updates_have_singular_values_near_one_and_keep_the_singular_vectors(shape):
    torch.manual_seed(0)
    matrix = torch.randn(3, *shape)
    found = orthonormal(matrix)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.transpose(1, 2) @ found @ v.transpose(1, 2)
    diagonal = torch.diagonal(inner, dim1=1, dim2=2)
    assert ((diagonal > 0.6) & (diagonal < 1.25)).all(), "every direction moves, and by about as much"
    assert (inner - torch.diag_embed(diagonal)).abs().max() < 1e-3


def test_every_block_of_stacked_projections_is_treated_by_itself():
    torch.manual_seed(1)
    stacked, parts = torch.nn.Parameter(torch.zeros(32, 16)), [torch.nn.Parameter(torch.zeros(16, 16)) for _ in range(2)]
    gradient = torch.randn(32, 16) * torch.tensor([1.0, 100.0]).repeat_interleave(16)[:, None]
    stacked.grad = gradient
    for part, rows in zip(parts, gradient.split(16)):
        part.grad = rows.clone()
    for parameters in ([stacked], parts):
        Muon(parameters, 0.1, 16).step()
    assert torch.allclose(stacked, torch.cat(list(parts)), atol=1e-6)
    length = stacked.detach().square().mean().sqrt().item()
    assert length == pytest.approx(0.1 * 0.2, rel=0.15), "as far as AdamW would move an element"


def test_a_resumed_run_takes_the_same_steps():
    torch.manual_seed(2)
    gradients = torch.randn(6, 16, 16)
    straight, resumed = (torch.nn.Parameter(torch.ones(16, 16)) for _ in range(2))
    first, second = Muon([straight], 0.1, 16), Muon([resumed], 0.1, 16)
    for k, gradient in enumerate(gradients):
        straight.grad = gradient.clone()
        resumed.grad = gradient.clone()
        first.step()
        if k == 3:
            state, second = second.state_dict(), Muon([resumed], 0.1, 16)
            second.load_state_dict(state)
        second.step()
    assert torch.equal(straight, resumed)


def test_it_minimises():
    torch.manual_seed(3)
    target, weight = torch.randn(16, 16), torch.nn.Parameter(torch.zeros(16, 16))
    optimizer = Muon([weight], 0.05, 16)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        weight.grad = (weight - target).detach()
        optimizer.step()
    assert (weight - target).abs().mean() < 0.02 * target.abs().mean()


def test_decay_takes_a_share_of_the_weights_besides_the_step():
    torch.manual_seed(4)
    start, gradient = torch.randn(16, 16), torch.randn(16, 16)
    plain, decayed = (torch.nn.Parameter(start.clone()) for _ in range(2))
    for weight, decay in ((plain, 0.0), (decayed, 0.5)):
        weight.grad = gradient.clone()
        Muon([weight], 0.1, 16, decay=decay).step()
    assert torch.allclose(plain - decayed, 0.1 * 0.5 * start, atol=1e-6)


def test_parameters_are_split_into_hidden_matrices_and_the_rest():
    model = ViSNet([1, 6, 7, 8, 16], Architecture(32, 2, 4, 16))
    hidden, others = split_parameters(model)
    assert len(hidden) + len(others) == len(list(model.parameters()))
    names = {name for name, p in model.named_parameters() if any(p is h for h in hidden)}
    assert "layers.0.q_proj.weight" in names and "readout.0.update.0.weight" in names
    assert not any(part in name for name in names for part in ("embedding", "bias", "norm", "edge.proj"))


def test_throughput_compares_the_routes_on_the_same_batches():
    np, dataset, throughput = (pytest.importorskip(name) for name in ("numpy", "pbtrain.dataset", "pbtrain.throughput"))
    pytest.importorskip("pluginbridge")
    rng = np.random.default_rng(3)
    x, e = rng.normal(size=(2, 6, 3)).astype(np.float32) * 2, rng.normal(size=2)
    molecule = dataset.Frames("a", "residue", np.array([6, 1, 1, 8, 7, 16]), 0, x, e, x, e, x, np.zeros(2, bool))
    zero = {z: 0.0 for z in throughput.ELEMENTS}, 0.0
    batch = dataset.make_batch([molecule], [(0, np.arange(2))], throughput.ELEMENTS, zero)
    result = throughput.measure(Architecture(16, 2, 4, 8), 1, 1, [batch])
    assert set(result["frames_per_s"]) == {throughput.CORE, throughput.FUSED, throughput.PLAIN}
    assert all(rate > 0 for rate in result["frames_per_s"].values()) and result["ratio_to_plain"][throughput.PLAIN] == 1
