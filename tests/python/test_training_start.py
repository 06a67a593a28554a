"""What a training run begins with: another network's weights, and batches that are made ahead for a GPU."""
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain import train  # noqa: E402
from pbtrain.gradients import predict  # noqa: E402
from pbtrain.modelfile import file_hash, load_model, save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402


@pytest.fixture
def data(tmp_path):
    """A folder with frames of eight molecules that have labels for every target."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(1)
    with h5py.File(folder / "shard_00000.h5", "w") as file:
        file.attrs["reference_method"] = "GFN2-xTB, vacuum"
        for k in range(8):
            group = file.create_group(str(k))
            group.attrs.update(name=f"molecule-{k}", kind="residue", charge=k % 2, split="train", seed=k)
            group["numbers"], group["perturbed"] = np.array([6, 1, 1, 8] + [7, 16] * (k % 3)), np.zeros(6, bool)
            shape = (6, len(group["numbers"]), 3)
            for part in ("qm", "mm", "nb"):
                group[f"f_{part}"], group[f"e_{part}"] = rng.normal(size=shape).astype(np.float32), rng.normal(size=6)
            group["positions"] = rng.normal(size=shape).astype(np.float32) * 1.5
    return folder


@pytest.fixture
def start(tmp_path):
    """A model file of another shape than the defaults."""
    torch.manual_seed(5)
    model = ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8, cutoff=4.0), 4.0)
    model.set_reference({z: float(z) for z in train.ELEMENTS}, 2.0)
    save_model(tmp_path / "start.safetensors", model, "start", {})
    return tmp_path / "start.safetensors"


def trainer(data, tmp_path, *options):
    return train.Trainer(train.parse([str(data), str(tmp_path / "run"), "--engine", "torch", "--processes", "1",
                                      *map(str, options)]), 0)


def test_the_same_target_goes_on_from_the_weights_and_reference_energies(data, start, tmp_path):
    begun, (model, _) = trainer(data, tmp_path, "--init", start), load_model(start)
    assert begun.model.arch == model.arch
    assert all(torch.equal(a, b) for a, b in zip(begun.model.parameters(), model.parameters()))
    assert torch.equal(begun.model.ref_element, model.ref_element) and begun.model.ref_charge == 2.0


def test_another_target_keeps_the_features_and_starts_from_zero(data, start, tmp_path):
    begun = trainer(data, tmp_path, "--init", start, "--target", "E_QM - E_nb", "--optimizer", "muon", "--lr", 0.01)
    batch = next(begun.batches())
    energy, forces = predict(begun.model, batch, training=False)
    assert energy.abs().max() == 0 and forces.abs().max() == 0
    assert begun.model.layers[0].q_proj.weight.abs().max() > 0
    losses = []
    for _ in range(30):
        losses.append(begun.gradients(batch)[0])
        for optimizer in begun.optimizers:
            optimizer.step()
    assert losses[-1] < 0.9 * losses[0], "the output can grow from zero"


def test_a_resumed_run_exports_the_reference_that_its_labels_have(data, tmp_path):
    options = ("--channels", 16, "--layers", 2, "--heads", 4)
    begun = trainer(data, tmp_path, *options)
    with h5py.File(data / "shard_00000.h5") as old, h5py.File(data / "shard_00001.h5", "w") as file:
        file.attrs["reference_method"] = old.attrs["reference_method"]
        old.copy("7", file)
        file["7"].attrs["name"], file["7/e_mm"][...] = "another", old["7/e_mm"][()] - 500.0
    assert trainer(data, tmp_path, *options).reference != begun.reference, "the new shard would change the fit"
    (tmp_path / "run").mkdir()
    begun.save()
    resumed = trainer(data, tmp_path, *options, "--resume")
    assert resumed.reference == begun.reference
    for model in (resumed.model, resumed.ema):
        assert torch.equal(model.ref_element, begun.model.ref_element) and model.ref_charge == begun.model.ref_charge


def test_a_gpu_needs_pytorch(data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train.parse([str(data), str(tmp_path), "--device", "cuda"])
    assert "--engine torch" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_told(data, tmp_path):
    args = train.parse([str(data), str(tmp_path), "--device", "cuda", "--engine", "torch"])
    with pytest.raises(SystemExit, match="no GPU"):
        train.train_rank(0, args, 0)


def test_patience_without_anything_held_out_does_not_end_a_run():
    patience = train.Patience(2)
    assert not any(patience.ended(float("nan"), None) for _ in range(5))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_gradients(data, tmp_path):
    pair = [trainer(data, tmp_path, "--device", device, "--channels", 32) for device in ("cpu", "cuda")]
    pair[1].model.load_state_dict(pair[0].model.state_dict())
    batch = next(pair[0].batches())
    losses = [one.gradients(batch)[0] for one in pair]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for a, b in zip(pair[0].model.parameters(), pair[1].model.parameters()):
        if a.grad is not None:
            assert torch.allclose(a.grad, b.grad.cpu(), rtol=1e-3, atol=1e-5 * float(a.grad.abs().max()))


def steps(trainer, count):
    """Take optimiser steps as `run` does."""
    for _, batch in zip(range(count), trainer.batches()):
        trainer.gradients(batch)
        for optimizer in trainer.optimizers:
            optimizer.step()
    return [p.detach().clone() for p in trainer.model.parameters()]


@pytest.mark.parametrize("engine", ["torch", "core"])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_resumed_run_takes_the_same_steps(data, tmp_path, engine, optimizer):
    if engine == "core":
        pytest.importorskip("pluginbridge")
    options = ("--engine", engine, "--optimizer", optimizer, "--channels", 16, "--layers", 2, "--heads", 4, "--lr", 0.01,
               "--molecules-per-batch", 2, "--others-rate", 0.5)
    straight = trainer(data, tmp_path, *options)
    (tmp_path / "run").mkdir()
    steps(straight, 3)
    straight.save()
    resumed = trainer(data, tmp_path, *options, "--resume")
    assert (resumed.epoch, resumed.position) == (straight.epoch, straight.position)
    assert all(map(torch.equal, steps(straight, 4), steps(resumed, 4)))


def test_a_checkpoint_of_another_optimiser_is_named(data, tmp_path):
    (tmp_path / "run").mkdir()
    trainer(data, tmp_path, "--optimizer", "adamw").save()
    with pytest.raises(SystemExit, match="checkpoint.pt was not written with --optimizer muon"):
        trainer(data, tmp_path, "--resume")


@pytest.mark.parametrize("options, message", [
    (["--init", "x.safetensors", "--layers", "2"], "--layers: with --init the network's shape is that of x.safetensors"),
    (["--shards", "25"], "--shards is a share"), (["--kinds", "residu"], "invalid choice: 'residu'"),
    (["--init", "y.safetensors"], "--init: y.safetensors is not a file"),
    (["--teacher", "y.safetensors"], "--teacher: y.safetensors is not a file"),
    (["--processes", "0"], "--processes: a whole number, at least 1, and not 0"),
    (["--resume"], "checkpoint.pt does not exist: leave --resume out")])
def test_options_that_make_no_sense_are_named(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    Path("x.safetensors").touch()
    with pytest.raises(SystemExit):
        train.parse([".", "run", *options])
    assert message in capsys.readouterr().err


def test_a_run_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(SystemExit):
        train.parse([str(tmp_path), str(tmp_path)])
    assert "has a checkpoint, which a new run would overwrite: go on with --resume, or give another" in capsys.readouterr().err
    assert train.parse([str(tmp_path), str(tmp_path), "--resume"]).resume


def test_the_folder_of_the_export_is_made_before_the_training(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "relaunch", lambda *_: None)
    monkeypatch.setattr(train, "train_rank", lambda *_: None)

    def start(export):
        monkeypatch.setattr(sys, "argv", ["train", str(data), str(tmp_path / "run"), "--export", str(export)])
        train.main()
    start(tmp_path / "models" / "new" / "new.safetensors")
    assert (tmp_path / "models" / "new").is_dir() and (tmp_path / "run").is_dir()
    with pytest.raises(SystemExit, match="shard_00000.h5 cannot be made: "):
        start(data / "shard_00000.h5" / "new.safetensors")
    with pytest.raises(SystemExit):
        start(tmp_path / "models")
    assert "models is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("option, before, now", [("--target", "E_QM - E_MM", "E_QM - E_nb"), ("--energy-weight", 0.1, 0.5),
                                                 ("--seed", 7, 8)])
def test_a_run_is_not_resumed_to_learn_something_else(data, tmp_path, option, before, now):
    small = ("--channels", 16, "--layers", 2, "--heads", 4)
    (tmp_path / "run").mkdir()
    begun = trainer(data, tmp_path, *small)
    begun.step = 5
    begun.save()
    with pytest.raises(SystemExit, match=f"checkpoint.pt was trained with {option} {before!r}, not {now!r}"):
        trainer(data, tmp_path, *small, option, now, "--resume")
    assert trainer(data, tmp_path, *small, option, before, "--resume").step == 5
    old = torch.load(begun.checkpoint, weights_only=False)
    del old["learnt"]
    torch.save(old, begun.checkpoint)
    assert trainer(data, tmp_path, *small, option, now, "--resume").step == 5, "older checkpoints do not say"


def test_a_misspelt_folder_of_data_is_named(data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train.parse([str(data), str(data / "misspelt"), str(tmp_path / "run")])
    assert "misspelt is not a folder" in capsys.readouterr().err


def test_a_checkpoint_of_another_shape_is_named(data, tmp_path):
    (tmp_path / "run").mkdir()
    trainer(data, tmp_path, "--channels", 16).save()
    with pytest.raises(SystemExit, match="checkpoint.pt is of a network of another shape"):
        trainer(data, tmp_path, "--resume", "--channels", 32)


def test_data_of_two_methods_end_without_a_traceback(data, tmp_path):
    with h5py.File(data / "shard_00001.h5", "w") as file:
        file.attrs["reference_method"] = "another, in vacuo"
    args = train.parse([str(data), str(tmp_path / "run"), "--engine", "torch", "--processes", "1"])
    with pytest.raises(SystemExit, match="pbtrain.train: .*another"):
        train.train_rank(0, args, 0)


def test_a_card_tells_what_a_run_began_with(data, start, tmp_path):
    """Though the file has been replaced by what is exported."""
    before = file_hash(start)
    begun = trainer(data, tmp_path, "--init", start, "--export", start)
    begun.export()
    assert load_model(start)[1]["provenance"]["init"] == before != file_hash(start)
    (tmp_path / "run").mkdir()
    begun.save()
    resumed = trainer(data, tmp_path, "--init", start, "--export", start, "--resume")
    resumed.export()
    assert load_model(start)[1]["provenance"]["init"] == before


def test_patience_ends_a_run_with_the_best_weights(data, tmp_path):
    """Errors 3, 2, 2.5, 2 in turn: the fourth is the second in a row that is not better."""
    begun = trainer(data, tmp_path, "--channels", 16, "--layers", 2, "--heads", 4, "--lr", 0.01, "--visits", 10**6,
                    "--test-every", 0, "--patience", 2, "--molecules-per-batch", 2, "--export", tmp_path / "run" / "m.safetensors")
    (tmp_path / "run").mkdir()
    found, seen = iter([3.0, 2.0, 2.5, 2.0, 9.0]), []

    def evaluate():
        seen.append([p.clone() for p in begun.ema.parameters()])
        return next(found), 0.0
    begun.evaluate = evaluate
    begun.run()
    best, (model, _) = seen[1], load_model(tmp_path / "run" / "m.safetensors")
    assert begun.step == 5 and all(map(torch.equal, best, model.parameters()))
