"""The PyTorch twin of ViSNet: symmetries, gradients, cutoff continuity, model files."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import edge_ops  # noqa: E402
from pbtrain.graph import cutoff_envelope, find_edges  # noqa: E402
from pbtrain.modelfile import file_hash, load_model, read_safetensors, save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

ELEMENTS = [1, 6, 7, 8, 16]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    net = ViSNet(ELEMENTS, Architecture(16, 3, 4, 8))
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
    net.set_reference({z: 0.1 * z for z in ELEMENTS}, -0.5)
    return net.double()


def cluster(atoms, seed=0, size=4.0):
    generator = torch.Generator().manual_seed(seed)
    types = torch.randint(len(ELEMENTS), (atoms,), generator=generator)
    grid = torch.stack(torch.meshgrid(*[torch.arange(6.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[torch.randperm(len(grid), generator=generator)[:atoms]] * 1.4
    return types, (grid + 0.4 * torch.rand(atoms, 3, generator=generator)).double()


def rotation(seed=1):
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    return q * torch.det(q)


@pytest.mark.parametrize("atoms", [12, 40])
def test_forces_are_the_negative_gradient(model, atoms):
    types, x = cluster(atoms)
    _, forces = model.energy_forces(types, x[None], 0)
    step = 1e-5
    for atom, axis in [(0, 0), (3, 1), (atoms - 1, 2)]:
        shifted = x.repeat(2, 1, 1)
        shifted[0, atom, axis] += step
        shifted[1, atom, axis] -= step
        up, down = model.energy(types, shifted, 0)
        assert (down - up).item() / (2 * step) == pytest.approx(forces[0, atom, axis].item(), abs=1e-6)


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_rotation_and_reflection(model, mirror):
    types, x = cluster(15)
    q = mirror * rotation()
    e0, f0 = model.energy_forces(types, x[None], 1)
    e1, f1 = model.energy_forces(types, x[None] @ q.T + 2.0, 1)
    assert e1.item() == pytest.approx(e0.item(), abs=1e-9)
    assert torch.allclose(f1, f0 @ q.T, atol=1e-9)


def test_permutation(model):
    types, x = cluster(15)
    order = torch.randperm(15, generator=torch.Generator().manual_seed(5))
    e0, f0 = model.energy_forces(types, x[None], 0)
    e1, f1 = model.energy_forces(types[order], x[None, order], 0)
    assert e1.item() == pytest.approx(e0.item(), abs=1e-9)
    assert torch.allclose(f1, f0[:, order], atol=1e-9)


def test_separated_molecules_add_up(model):
    (ta, xa), (tb, xb) = cluster(10, seed=1), cluster(14, seed=2)
    ea, fa = model.energy_forces(ta, xa[None], 1)
    eb, fb = model.energy_forces(tb, xb[None], -1)
    e, f = model.energy_forces(torch.cat((ta, tb)), torch.cat((xa, xb + 40.0))[None], 0)
    assert e.item() == pytest.approx((ea + eb).item(), abs=1e-9)
    assert torch.allclose(f, torch.cat((fa, fb), 1), atol=1e-9)


def test_energy_and_forces_are_continuous_across_the_cutoff(model):
    """An atom moved through the cutoff sphere of another: steps must vanish with the step length."""
    types = torch.tensor([1, 3, 2, 4])
    base = torch.tensor([[0.0, 0, 0], [1.3, 0.1, 0], [-0.4, 1.1, 0.3], [0, 0, 0]], dtype=torch.float64)
    rc = model.arch.cutoff
    jumps = []
    for step in (1e-3, 1e-5):
        frames = base.repeat(2, 1, 1)
        frames[0, 3] = torch.tensor([0.6, -0.64, 0.48]) * (rc - step)
        frames[1, 3] = torch.tensor([0.6, -0.64, 0.48]) * (rc + step)
        energy, forces = model.energy_forces(types, frames, 0)
        jumps.append(((energy[1] - energy[0]).abs().item(), (forces[1] - forces[0]).abs().max().item()))
    assert jumps[1][0] < 0.02 * jumps[0][0] + 1e-12
    assert jumps[1][1] < 0.02 * jumps[0][1]


def test_the_envelope_has_two_continuous_derivatives_at_the_cutoff():
    for exponent, curved in ((0, True), (3, False), (4, False), (6, False)):
        r = torch.tensor([1e-9, 4.999999], dtype=torch.float64, requires_grad=True)
        value = cutoff_envelope(r, 5.0, exponent)
        slope, = torch.autograd.grad(value.sum(), r, create_graph=True)
        curvature, = torch.autograd.grad(slope.sum(), r)
        assert value[0].item() == pytest.approx(1.0) and abs(value[1].item()) < 1e-11
        assert abs(slope[1].item()) < 1e-6
        assert (abs(curvature[1].item()) > 0.1) == curved


def loss_and_gradients(model):
    types, x = cluster(24)
    energy, forces = model.energy_forces(types, torch.stack((x, x * 1.2, x * 0.9)), 0, training=True)
    gradients = torch.autograd.grad((energy ** 2).sum() + (forces ** 3).sum(), model.parameters(), allow_unused=True)
    return energy.detach(), forces.detach(), [g for g in gradients if g is not None]


def test_fused_kernels_agree_with_plain_torch(model):
    """Energies, forces and the parameter gradients of a loss on both: first and second derivatives."""
    plain = loss_and_gradients(model)
    try:
        if not edge_ops.enable_kernels():
            pytest.skip("the kernels do not build here (g++ is needed)")
        fused = loss_and_gradients(model)
    finally:
        edge_ops.enable_kernels(False)
    assert torch.allclose(fused[0], plain[0], rtol=1e-10, atol=1e-10)
    assert torch.allclose(fused[1], plain[1], rtol=1e-9, atol=1e-10)
    assert len(fused[2]) == len(plain[2])
    for a, b in zip(fused[2], plain[2]):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8 * b.abs().max().item())


def test_edges_are_all_pairs_inside_the_cutoff():
    (_, a), (_, b) = cluster(40), cluster(12, seed=4)
    edges = find_edges([torch.stack((a, a * 1.1)), b[None]], 5.0)
    frames = [a, a * 1.1, b]
    assert len(edges.source) == sum(int((torch.cdist(x, x) < 5.0).sum()) for x in frames)
    assert torch.equal(edges.source[edges.reverse], edges.target)
    assert torch.equal(edges.target[edges.reverse], edges.source)
    assert torch.equal(torch.bincount(edges.target), edges.first[1:] - edges.first[:-1])


def test_model_file_round_trip(model, tmp_path):
    path = tmp_path / "m.safetensors"
    digest = save_model(path, model, "m", {"note": "test"})
    assert digest == file_hash(path)
    loaded, header = load_model(path)
    assert header["elements"] == ELEMENTS and header["provenance"] == {"note": "test"}
    types, x = cluster(20)
    a, b = model.energy(types, x[None], 1), loaded.double().energy(types, x[None], 1)
    assert b.item() == pytest.approx(a.item(), abs=1e-4)


def test_damaged_model_files_are_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, "m", {})
    data = path.read_bytes()
    for damaged in (data[:5], data[:200], data[:-4], b"\xff" * 16 + data[16:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="m.safetensors"):
            read_safetensors(path)


def test_fixtures_match_their_reference():
    """The committed reference values are those of the committed code."""
    for path in sorted((ROOT / "tests/fixtures/visnet").glob("*.json")):
        fixture = json.loads(path.read_text())
        net, _ = load_model(path.parent / fixture["model"])
        for case in fixture["cases"]:
            x = torch.tensor(case["positions"], dtype=torch.float64)[None]
            energy, forces = net.double().energy_forces(net.types_of(case["numbers"]), x, case["charge"])
            assert energy.item() == pytest.approx(case["energy"], rel=1e-6), case["name"]
            np.testing.assert_allclose(forces[0].numpy(), case["forces"], rtol=1e-6, atol=1e-8)


def test_unknown_element_is_named(model):
    with pytest.raises(ValueError, match="15"):
        model.types_of([6, 15])
