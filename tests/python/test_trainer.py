"""Trainer: energies and weight gradients against the PyTorch twin, and the force loss built from them."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")
import trainer_models as models  # noqa: E402
from trainer_models import ANGSTROM, KILOJOULE, Architecture  # noqa: E402

# channels, layers, heads, radial functions: whole registers and not, one register a head and not
ARCHITECTURES = [(20, 2, 2, 8), (48, 3, 8, 12), (16, 4, 4, 8), (64, 3, 8, 32), (32, 1, 4, 8)]
MOLECULES = [models.cluster(atoms, seed) for seed, atoms in enumerate((5, 40, 17, 1, 17))]
CHARGES = [0, 1, -2, 0, 3]
SEEDS = np.array([1.0, -0.7, 2.5, 0.3, 1e-3])


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=lambda a: "-".join(map(str, a)))
def model(request, tmp_path_factory):
    return models.save_random(tmp_path_factory.mktemp("model") / "random.safetensors", Architecture(*request.param))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return models.save_random(tmp_path_factory.mktemp("model") / "small.safetensors", Architecture(16, 3, 4, 8))


def tensors():
    return [(z, torch.from_numpy(x)) for z, x in MOLECULES]


def largest_error(trainer, found, expected):
    """Largest difference in units of the tensor's largest element, over tensors with influence."""
    worst = 0.0
    for part, _ in trainer.tensors.values():
        scale = np.abs(expected[part]).max()
        if scale == 0:
            assert not found[part].any()
        else:
            worst = max(worst, np.abs(found[part] - expected[part]).max() / scale)
    return worst


def test_energies_and_gradients_are_the_twins(pb, model):
    net, batch = models.twin(model), models.batch_of(pb, MOLECULES, CHARGES)
    with pb.Trainer(model, doublePrecision=True) as trainer:
        energies, gradients = trainer.energies(batch)
    at = 0
    for (z, x), q, energy in zip(MOLECULES, CHARGES, energies):
        expected, forces = net.energy_forces(net.types_of(z), torch.from_numpy(x)[None], q)
        assert energy == pytest.approx(KILOJOULE * expected.item(), rel=1e-10)
        found = -gradients[at:at + len(z)] * ANGSTROM / KILOJOULE
        assert np.abs(found - forces[0].numpy()).max() <= 1e-9 * max(1.0, forces.abs().max().item())
        at += len(z)


def test_weight_gradient_is_the_twins(pb, model):
    net = models.twin(model)
    with pb.Trainer(model, doublePrecision=True) as trainer:
        found = trainer.weightGradient(models.batch_of(pb, MOLECULES, CHARGES), SEEDS)
        loss = KILOJOULE * (torch.from_numpy(SEEDS) * models.energies(net, tensors(), CHARGES)).sum()
        assert largest_error(trainer, found, models.flat_gradient(trainer, net, loss)) < 1e-9


def test_single_precision_is_close_to_double(pb, model):
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    with pb.Trainer(model) as single, pb.Trainer(model, doublePrecision=True) as double:
        exact = double.weightGradient(batch, SEEDS)
        assert 0 < largest_error(double, single.weightGradient(batch, SEEDS), exact) < 1e-4


def test_central_difference_is_the_double_backward(pb, small):
    """A Huber loss of forces plus one of energies: first-order weight gradients at x ± εv against PyTorch's second order."""
    net, random = models.twin(small), np.random.default_rng(4)
    molecules = [m for m in MOLECULES if len(m[0]) > 1]
    charges = [q for q, m in zip(CHARGES, MOLECULES) if len(m[0]) > 1]
    sizes = [len(z) for z, _ in molecules]
    rows = np.concatenate([x for _, x in molecules])
    x = torch.from_numpy(rows).requires_grad_(True)
    energy = models.energies(net, list(zip([z for z, _ in molecules], x.split(sizes))), charges)
    gradient, = torch.autograd.grad(energy.sum(), x, create_graph=True)
    forces = -gradient
    target = forces.detach() + torch.from_numpy(random.normal(0, 3.0, rows.shape))
    loss = torch.nn.functional.huber_loss(forces, target, delta=2.0) + 0.1 * ((energy - energy.detach() + 0.5) ** 2).sum()

    seed, v = (g.numpy() for g in torch.autograd.grad(loss, (energy, forces), retain_graph=True))
    with pb.Trainer(small, doublePrecision=True) as trainer:
        batch = models.batch_of(pb, molecules, charges)
        longest = [abs(part).max() for part in np.split(v, np.cumsum(sizes)[:-1])]
        step = 2e-5 / np.array(longest)  # angstrom over loss per force
        moved = np.repeat(step, sizes)[:, None] * v
        found = (trainer.weightGradient(batch.moved(ANGSTROM * (rows + moved)), seed / 2 - 1 / (2 * step))
                 + trainer.weightGradient(batch.moved(ANGSTROM * (rows - moved)), seed / 2 + 1 / (2 * step))) / KILOJOULE
        assert largest_error(trainer, found, models.flat_gradient(trainer, net, loss)) < 1e-6


def test_everything_at_once_is_the_same(pb, small):
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    seeds = [1e4, 0.0, -1e-3, 2.0, 1.0]
    with pb.Trainer(small, doublePrecision=True) as trainer:
        energies, gradients, weights = trainer.evaluate(batch, seeds)
        assert np.array_equal(weights, trainer.weightGradient(batch, seeds))
        expected = trainer.energies(batch)
        assert np.array_equal(energies, expected[0])
        np.testing.assert_allclose(gradients, expected[1], rtol=1e-12, atol=1e-12 * abs(expected[1]).max())


def test_new_weights_are_used(pb, small, tmp_path):
    other = models.save_random(tmp_path / "other.safetensors", Architecture(16, 3, 4, 8), seed=2)
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    for double in (False, True):
        with pb.Trainer(small, doublePrecision=double) as trainer, pb.Trainer(other, doublePrecision=double) as expected:
            before = trainer.weights
            trainer.weights = expected.weights
            assert np.array_equal(trainer.weights, expected.weights) and not np.array_equal(trainer.weights, before)
            assert np.array_equal(trainer.energies(batch)[0], expected.energies(batch)[0])
            assert np.array_equal(trainer.weightGradient(batch, SEEDS), expected.weightGradient(batch, SEEDS))


def test_weights_are_the_files(pb, small):
    net = models.twin(small)
    with pb.Trainer(small) as trainer:
        tensors = trainer.unflatten(trainer.weights)
        assert sum(t.size for t in tensors.values()) == trainer.parameterCount
        for name, parameter in net.named_parameters():
            assert np.array_equal(tensors[name], parameter.detach().numpy()), name


def test_results_repeat_to_the_last_bit(pb, small):
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    results = []
    for threads in (1, 2, 2, 3):
        with pb.Trainer(small, threads=threads) as trainer:
            gradient = trainer.weightGradient(batch, SEEDS)
            for _ in range(5):
                assert np.array_equal(trainer.weightGradient(batch, SEEDS), gradient)
            results.append((*trainer.energies(batch), gradient))
    for energies, gradients, weights in results[1:]:
        assert np.array_equal(energies, results[0][0]) and np.array_equal(gradients, results[0][1])
        np.testing.assert_allclose(weights, results[0][2], rtol=0, atol=1e-5 * abs(weights).max())
    assert np.array_equal(results[1][2], results[2][2])


def test_energies_alone_and_an_empty_batch(pb, small):
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    with pb.Trainer(small) as trainer:
        energies, gradients = trainer.energies(batch, gradients=False)
        assert gradients is None and np.array_equal(energies, trainer.energies(batch)[0])
        empty = pb.FrameBatch(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)))
        assert not trainer.weightGradient(empty, []).any() and trainer.energies(empty)[0].shape == (0,)


def test_wrong_arrays_are_named(pb, small):
    batch = models.batch_of(pb, MOLECULES, CHARGES)
    with pb.Trainer(small) as trainer:
        with pytest.raises(pb.InvalidArgumentError, match="weights have shape"):
            trainer.weights = np.zeros(3)
        with pytest.raises(pb.InvalidArgumentError, match="seeds have shape"):
            trainer.weightGradient(batch, SEEDS[:2])
        with pytest.raises(pb.InvalidArgumentError, match="positions have shape"):
            batch.moved(np.zeros((3, 3)))
        with pytest.raises(pb.InvalidArgumentError, match="seed of frame 1 is not finite"):
            trainer.weightGradient(batch, [1, np.nan, 1, 1, 1])
        bad = trainer.weights
        part, _ = trainer.tensors["out_norm.bias"]
        bad[part.start + 1] = np.inf
        before = trainer.weights
        with pytest.raises(pb.InvalidArgumentError, match="out_norm.bias"):
            trainer.weights = bad
        assert np.array_equal(trainer.weights, before)
    for arguments, word in (([[2], [1], np.zeros((1, 3))], "atomicNumbers"), ([[1], [1], np.zeros((2, 3))], "positions"),
                            ([[1], [1], np.zeros((1, 3)), [0, 0]], "charges"), ([[0], [], np.zeros((0, 3))], "no atoms"),
                            ([[1], [1.5], np.zeros((1, 3))], "whole numbers")):
        with pytest.raises(pb.InvalidArgumentError, match=word):
            pb.FrameBatch(*arguments)


def test_wrong_frames_are_named(pb, small):
    with pb.Trainer(small) as trainer:
        for numbers, positions, kind, words in (([6, 92], [[0, 0, 0], [0.1, 0, 0]], pb.UnsupportedError, "Atom 1 of frame 0"),
                                                ([6, 1], [[0, 0, 0], [0, 0, 0]], pb.CalculationFailedError, "overlap"),
                                                ([6, 1], [[0, 0, 0], [np.nan, 0, 0]], pb.InvalidArgumentError, "atom 1")):
            batch = pb.FrameBatch([2], numbers, positions)
            with pytest.raises(kind, match=words):
                trainer.energies(batch)
            with pytest.raises(kind, match=words):
                trainer.weightGradient(batch, [1])
        # and it goes on
        assert np.isfinite(trainer.energies(models.batch_of(pb, MOLECULES))[0]).all()


def test_a_closed_trainer_says_so(pb, small):
    trainer = pb.Trainer(small)
    trainer.close()
    trainer.close()
    with pytest.raises(pb.InvalidArgumentError, match="closed"):
        trainer.energies(models.batch_of(pb, MOLECULES))


def test_only_networks_can_be_trained(pb):
    with pytest.raises(pb.UnsupportedError, match="ff14sb"):
        pb.Trainer("ff14sb")
    with pytest.raises(pb.InvalidArgumentError, match="threads is -1"):
        pb.Trainer("visnet-gfn2" if "visnet-gfn2" in pb.models() else "ff14sb", threads=-1)
