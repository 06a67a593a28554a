"""Padded batches of frames that stay on a device: the same loss and gradients as batches made one by one."""
from __future__ import annotations

import ctypes
import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))
torch = pytest.importorskip("torch")
pytest.importorskip("h5py")

from pbtrain import edge_kernels, edge_ops  # noqa: E402
from pbtrain.dataset import Frames, make_batch  # noqa: E402
from pbtrain.gputrain import ResidentLoop, clip  # noqa: E402
from pbtrain.gradients import Loss, TorchGradients  # noqa: E402
from pbtrain.resident import GraphGradients, ResidentData  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

ELEMENTS = [1, 6, 7, 8, 16]
REFERENCE = {1: -1.0, 6: -20.0, 7: -30.0, 8: -40.0, 16: -50.0}, 2.0


def molecule(name: str, numbers: list[int], frames: int, seed: int, charge: int = 0) -> Frames:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(frames, len(numbers), 3)).astype(np.float32) * 2.5
    energy = rng.normal(size=frames) * 3
    forces = rng.normal(size=x.shape).astype(np.float32)
    return Frames(name, "residue", np.array(numbers), charge, x, energy, forces, energy, forces, np.zeros(frames, bool))


MOLECULES = [molecule("a", [6, 1, 1, 8, 7], 7, 1), molecule("b", [8, 1, 16], 3, 2, -1), molecule("c", [7, 6, 6, 1, 1, 1], 70, 3)]


def network() -> ViSNet:
    torch.manual_seed(0)
    model = ViSNet(ELEMENTS, Architecture(16, 3, 4, 8, vector_norm=1.0), 4.0)
    model.set_reference(*REFERENCE)
    return model


def same_gradients(found: ViSNet, expected: ViSNet) -> None:
    pairs = zip(found.named_parameters(), expected.parameters())
    compared = [(name, a.grad, b.grad) for (name, a), b in pairs if b.grad is not None]
    assert len(compared) > 50
    for name, a, b in compared:
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * b.abs().max().item()), name


def resident() -> ResidentData:
    return ResidentData(MOLECULES, ELEMENTS, REFERENCE, 5.0, "cpu")


def test_a_padded_batch_has_the_loss_and_gradients_of_its_frames():
    chunks = [(2, np.array([65, 3])), (0, np.array([6])), (1, np.array([2, 0, 1]))]
    plain, padded = network(), network()
    expected = TorchGradients(plain, Loss())(make_batch(MOLECULES, chunks, ELEMENTS, REFERENCE))
    data = resident()
    first = np.concatenate(([0], np.cumsum([len(m) for m in MOLECULES])))
    numbers = np.concatenate([first[m] + rows for m, rows in chunks])
    found = GraphGradients(padded, Loss())
    found(data.batch(numbers, (60, 400, 9)))
    assert found.take() == pytest.approx(expected, rel=1e-5)
    same_gradients(padded, plain)


def test_shapes_stay_and_padding_is_spread_over_rows():
    data = resident()
    shape = data.shape(12, 2)
    batches = [data.batch(frames, shape) for frames in data.epoch(shape, 2, np.random.default_rng(0))]
    assert len(batches) > 3 and len({tuple(t.shape for t in b.tensors()) for b in batches}) == 1
    for batch in batches:
        edges = batch.edges
        assert torch.equal(edges.source[edges.reverse], edges.target) and torch.equal(edges.target[edges.reverse], edges.source)
        assert torch.equal(torch.bincount(edges.target, minlength=len(batch.types)), edges.first.diff())
        assert batch.edges.first.diff()[batch.real_rows[:, 0] == 0].max() <= 64
        assert set(batch.frame[batch.real_rows[:, 0] == 0].tolist()) == {len(batch.energy) - 1}


def test_an_epoch_visits_every_frame_once_in_groups_of_a_molecule():
    data = resident()
    shape = data.shape(10, 4)
    batches = list(data.epoch(shape, 4, np.random.default_rng(3)))
    assert sorted(np.concatenate(batches)) == list(range(len(data)))
    for frames in batches:
        assert data.atoms[frames].sum() <= shape[0] and data.edges[frames].sum() <= shape[1] and len(frames) <= shape[2]
        changes = np.count_nonzero(np.diff(data.owner[frames]))
        assert changes + 1 <= -(-len(frames) // 4) + 3, "frames of a molecule are side by side"


def test_a_molecule_too_large_for_a_batch_is_refused():
    with pytest.raises(ValueError, match="does not fit a batch of 5 atoms"):
        list(resident().epoch((5, 1000, 9), 4, np.random.default_rng(0)))


def test_gradients_that_are_no_numbers_are_left_out():
    p = torch.nn.Parameter(torch.zeros(3))
    p.grad = torch.tensor([3.0, 0.0, 4.0])
    clip([p], 1.0)
    assert torch.allclose(p.grad, torch.tensor([0.6, 0.0, 0.8]))
    p.grad = torch.tensor([1.0, float("nan"), 2.0])
    clip([p], 1.0)
    assert torch.equal(p.grad, torch.zeros(3))


def test_a_loop_lowers_the_loss_and_goes_on_where_it_was(tmp_path):
    """To be learnt is that there is nothing to be learnt."""
    from pbtrain.train import Every, Patience, Trainer, make_optimizers
    model = network()
    flat = [dataclasses.replace(m, forces=0 * m.forces, energy=0 * m.energy) for m in MOLECULES[:2]]
    args = SimpleNamespace(device="cpu", molecules_per_batch=3, frames_per_molecule=2, visits=500, minutes=1, run=tmp_path,
                           lr=3e-3, resume=False, seed=1, clip=5.0, export=None)
    trainer = object.__new__(Trainer)  # without reading data
    vars(trainer).update(args=args, train=SimpleNamespace(molecules={m.name: m for m in flat}), model=model, ema=network(),
                         reference=({z: 0.0 for z in ELEMENTS}, 0.0), loss=Loss(), elapsed=0.0, epoch=0, position=0, order=None,
                         optimizers=make_optimizers(model, "muon", 3e-3, 0.33, 0.1), step=0, frames=0, patience=Patience(0),
                         testing=Every(1e9), saving=Every(120), exporting=Every(60), saved=0)
    trainer.evaluate = lambda: (1.0, 1.0)
    trainer.save = lambda: vars(trainer).update(saved=trainer.saved + 1)
    loop = ResidentLoop(trainer)
    loop.run()
    assert trainer.frames >= 500 and trainer.saved == 1
    rows = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    batch = next(loop.data.batch(frames, loop.shape) for _, frames in loop.batches())
    before, after = (GraphGradients(m, Loss()) for m in (network(), trainer.model))
    before(batch), after(batch)
    assert after.take()[1] < 0.3 * before.take()[1]
    assert rows["frames"] == trainer.frames

    trainer.epoch = trainer.position = 0
    straight = list(itertools.islice(loop.batches(), 12))
    assert straight[-1][0][0] > 1, "more than one epoch"
    for k in (0, 3, 4, 9):
        trainer.epoch, trainer.position = straight[k][0]
        assert np.array_equal(next(loop.batches())[1], straight[k + 1][1])
    trainer.order, trainer.epoch, trainer.position = ("cpu", 1, 2, 3, 4), 5, 2
    ResidentLoop(trainer)
    assert (trainer.epoch, trainer.position) == (6, 0), "another order of frames: the next epoch"


def test_a_batch_without_numbers_does_not_count():
    data = resident()
    frames = np.arange(3)
    found = GraphGradients(network(), Loss())
    batch = data.batch(frames, data.shape(12, 2))
    found(batch)
    expected = found.take()
    found(batch)
    found(dataclasses.replace(batch, energy=batch.energy * float("nan")))
    assert found.take() == pytest.approx(expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_recorded_step_is_that_of_its_batch():
    data = ResidentData(MOLECULES, ELEMENTS, REFERENCE, 5.0, "cuda")
    edge_ops.enable_kernels(cuda=True)
    try:
        eager, recorded = (GraphGradients(network().cuda(), Loss(), record=record) for record in (False, True))
        for frames in (np.arange(5), np.array([9]), np.arange(12, 18)):
            for gradients in (eager, recorded):
                gradients(data.batch(frames, data.shape(16, 2)))
                clip(list(gradients.model.parameters()), 5.0)
            same_gradients(recorded.model, eager.model)
            assert recorded.take() == pytest.approx(eager.take(), rel=1e-4)
    finally:
        edge_ops.enable_kernels(False)


@pytest.fixture(scope="module")
def cuda_kernels_on_a_cpu(tmp_path_factory):
    """edge_kernels.cu as plain C++, its threads one after another."""
    path = tmp_path_factory.mktemp("kernels") / "kernels.so"
    subprocess.run(["g++", "-x", "c++", "-std=c++17", "-O2", "-fPIC", "-shared", edge_kernels.CUDA_SOURCE, "-o", path], check=True)
    library = ctypes.CDLL(str(path))

    def function(name, dtype, cuda):
        found = getattr(library, f"{name}_{'f32' if dtype == torch.float32 else 'f64'}")
        found.restype = None
        return lambda *arguments: found(ctypes.c_void_p(None), *arguments)
    return function


def test_cuda_kernels_compute_what_plain_torch_does(cuda_kernels_on_a_cpu, monkeypatch):
    batch = make_batch(MOLECULES, [(2, np.array([0, 1])), (0, np.array([2]))], ELEMENTS, REFERENCE)
    plain, fused = network(), network()
    expected = TorchGradients(plain, Loss())(batch)
    monkeypatch.setattr(edge_kernels, "_function", cuda_kernels_on_a_cpu)
    monkeypatch.setattr(edge_ops, "use_kernels", True)
    assert TorchGradients(fused, Loss())(batch) == pytest.approx(expected, rel=1e-5)
    same_gradients(fused, plain)
