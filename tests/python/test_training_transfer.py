"""From GFN2-xTB to DFT: a network of the difference lifts labels, and errors stand beside GFN2-xTB's own."""
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
pytest.importorskip("pluginbridge")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain import evaluate, train  # noqa: E402
from pbtrain.dataset import DataSet  # noqa: E402
from pbtrain.modelfile import load_model, save_model  # noqa: E402
from pbtrain.teacher import Teacher  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

NUMBERS, FRAMES = np.array([6, 1, 1, 8]), 3
DFT = "M06-2X/6-31G*"


def shard(folder, method, split="train", charge=-1, mm=True):
    """A shard with one molecule; its arrays."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(method))
    arrays = {}
    for part in ("qm", *(["mm", "nb"] if mm else []), *(["gfn2"] if method == DFT else [])):
        arrays[f"f_{part}"] = rng.normal(size=(FRAMES, 4, 3)).astype(np.float32)
        arrays[f"e_{part}"] = rng.normal(size=FRAMES)
    arrays |= {"numbers": NUMBERS, "perturbed": np.zeros(FRAMES, bool),
               "positions": (rng.normal(size=(FRAMES, 4, 3)) * 1.5).astype(np.float32)}
    with h5py.File(folder / "shard_00000.h5", "w") as file:
        file.attrs["reference_method"] = f"{method}, vacuum"
        group = file.create_group("0")
        group.attrs.update(name="molecule", kind="analogue", charge=charge, split=split, seed=1)
        for name, array in arrays.items():
            group[name] = array
    return arrays


@pytest.fixture
def teacher(tmp_path):
    """The model file of a random network of E_DFT - E_GFN2."""
    torch.manual_seed(2)
    model = ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8), 2.0)
    model.set_reference({z: 0.1 * z for z in train.ELEMENTS}, 3.0)
    save_model(tmp_path / "teacher.safetensors", model, "teacher", {}, "E_QM - E_GFN2", "GFN2-xTB", DFT)
    return tmp_path / "teacher.safetensors"


def test_labels_of_gfn2_are_lifted_by_the_teacher_and_those_of_dft_are_not(tmp_path, teacher):
    gfn2, dft = shard(tmp_path / "gfn2", "GFN2-xTB"), shard(tmp_path / "dft", DFT)
    data = DataSet([tmp_path / "gfn2", tmp_path / "dft"], "train", totals=True, teacher=Teacher(teacher))
    assert data.add_new() == 2 * FRAMES and data.method == DFT
    model, _ = load_model(teacher)
    energy, forces = model.energy_forces(model.types_of(NUMBERS), torch.from_numpy(gfn2["positions"]), -1)
    lifted, plain = data.molecules["molecule, lifted"], data.molecules["molecule"]
    assert np.allclose(lifted.energy, gfn2["e_qm"] - gfn2["e_mm"] + energy.detach().numpy(), atol=1e-4)
    assert np.allclose(lifted.forces, gfn2["f_qm"] - gfn2["f_mm"] + forces.detach().numpy(), atol=1e-4)
    assert np.allclose(lifted.qm_energy, gfn2["e_qm"] + energy.detach().numpy(), atol=1e-4)
    assert np.isnan(lifted.gfn2_energy_error).all()
    assert np.array_equal(plain.energy, dft["e_qm"] - dft["e_mm"])
    assert np.array_equal(plain.gfn2_force_error, dft["f_qm"] - dft["f_gfn2"])


def test_without_a_teacher_the_two_methods_do_not_mix(tmp_path):
    shard(tmp_path / "gfn2", "GFN2-xTB"), shard(tmp_path / "dft", DFT)
    with pytest.raises(ValueError, match="do not mix"):
        DataSet([tmp_path / "gfn2", tmp_path / "dft"], "train").add_new()


def test_labels_of_another_method_are_no_measure_of_a_network(tmp_path, teacher):
    shard(tmp_path / "gfn2", "GFN2-xTB", split="test")
    model, _ = load_model(teacher)
    with pytest.raises(SystemExit, match="labels of GFN2-xTB, but the network stands for M06-2X"):
        evaluate.held_out(model, "E_QM - E_MM", DFT, [tmp_path / "gfn2"], None)


def test_a_method_without_labels_of_some_frames_has_no_mean_and_a_failed_network_no_number():
    errors, ones = evaluate.Errors(), (np.ones(2), np.ones((2, 3, 3)))
    unknown = tuple(np.full_like(x, np.nan) for x in ones)
    errors.add(*ones, 3, mm=ones, gfn2=ones)
    errors.add(*ones, 3, mm=unknown, gfn2=ones)
    found = errors.summary()
    assert found["frames"] == 4 and found["gfn2_force_mae"] == 1 and "mm_force_mae" not in found
    errors.add(*unknown, 3, mm=ones, gfn2=ones)
    assert np.isnan(errors.summary()["force_mae"])


def test_a_network_for_another_target_is_no_teacher(tmp_path):
    save_model(tmp_path / "x.safetensors", ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8)), "x", {})
    with pytest.raises(ValueError, match="a teacher is for E_QM - E_GFN2"):
        Teacher(tmp_path / "x.safetensors")


def test_errors_stand_beside_those_of_gfn2_and_of_ff14sb_where_it_has_parameters(tmp_path, teacher):
    dft = shard(tmp_path / "dft", DFT, split="test", mm=False)
    model, header = load_model(teacher)
    row = evaluate.held_out(model, header["target"], DFT, [tmp_path / "dft"], None)["analogue"]
    error = dft["f_qm"] - dft["f_gfn2"]
    assert row["gfn2_force_mae"] == pytest.approx(abs(error).mean(), rel=1e-5)
    difference = dft["e_qm"] - dft["e_gfn2"]
    assert row["gfn2_relative_mae"] == pytest.approx(abs(difference - difference.mean()).mean(), rel=1e-5)
    assert "mm_force_mae" not in row
    text = evaluate.table({"analogue": row})
    assert "gfn2 force mae" in text and "mm force mae" not in text
