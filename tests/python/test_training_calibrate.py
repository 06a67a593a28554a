"""Calibration of ensembles: the fit on made-up errors, measurements against PyTorch, the command from shards to file."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from ensembles import spread_of, write_ensemble  # noqa: E402
from pbtrain import calibrate, ensemble  # noqa: E402
from pbtrain.modelfile import file_hash  # noqa: E402
from trainer_models import cluster, twin  # noqa: E402


def sample_of(floor, scale, atoms=20000, seed=1):
    """Errors whose components are normal, with the mean length that floor and scale say."""
    random = np.random.default_rng(seed)
    spread = np.exp(random.normal(-0.5, 1.0, atoms))
    sigma = calibrate.expected(spread, floor, scale) / np.sqrt(8 / np.pi)
    error = np.linalg.norm(sigma[:, None] * random.standard_normal((atoms, 3)), axis=1)
    return calibrate.Sample(spread, error, np.repeat(np.arange(atoms // 20), 20))


@pytest.mark.parametrize("floor, scale", [(0.3, 1.4), (1.5, 0.5), (0.1, 2.5)])
def test_the_fit_finds_what_the_errors_were_made_with(floor, scale):
    found = calibrate.fit(sample_of(floor, scale))
    assert found == pytest.approx((floor, scale), rel=0.06)
    for row in calibrate.reliability(sample_of(floor, scale, seed=2), *found):
        assert row["expected"] == pytest.approx(row["error"], rel=0.06)


def test_the_summary_of_a_perfect_calibration():
    found = calibrate.summary(sample_of(0.3, 1.4), 0.3, 1.4)
    assert found["expected"] == pytest.approx(found["error"], rel=0.02)
    assert (found["within_1"], found["within_2"], found["within_3"]) == pytest.approx((0.533, 0.983, 1.0), abs=0.01)
    assert (found["atoms"], found["frames"]) == (20000, 1000)
    assert 0.5 < found["spearman"] < 1
    random = np.random.default_rng(3)
    unrelated = calibrate.Sample(random.random(5000), random.random(5000), np.arange(5000) // 10)
    assert abs(calibrate.summary(unrelated, 0.5, 1e-3)["spearman"]) < 0.05


def test_an_unrelated_spread_gives_the_mean_error():
    """Where the spread says nothing the calibration says nothing more than the mean error."""
    random = np.random.default_rng(4)
    error = random.gamma(2.0, 0.5, 20000)
    sample = calibrate.Sample(np.exp(random.normal(0, 1, 20000)), error, np.arange(20000))
    floor, scale = calibrate.fit(sample)
    assert floor == pytest.approx(error.mean(), rel=0.03) and scale < 0.05


def frames_of(numbers, positions, charge, truth):
    """A group of a shard: reference forces of a network that is no member."""
    net = twin(truth)
    energy, forces = net.energy_forces(net.types_of(numbers), torch.from_numpy(positions), charge)
    return energy.detach().numpy(), forces.numpy()


@pytest.fixture(scope="module")
def truth(network, tmp_path_factory):
    """A network a bit beside the members."""
    folder = tmp_path_factory.mktemp("truth")
    write_ensemble(folder, network, "truth", members=2, disturbance=0.02)
    return folder / "truth-1.safetensors"


def geometries(count=6):
    random = np.random.default_rng(5)
    for k in range(count):
        numbers, start = cluster(9 + 2 * k, k)
        yield f"M{k}", numbers, start + random.normal(0, 0.05, (4, *start.shape)), k % 3 - 1


def test_measurements_are_pytorchs(pb, network, truth, tmp_path):
    members = calibrate.Members(write_ensemble(tmp_path, network), threads=2)
    nets = [twin(tmp_path / f"committee-{m}.safetensors") for m in range(3)]
    molecules, spreads, errors = [], [], []
    for _, numbers, positions, charge in geometries(3):
        _, reference = frames_of(numbers, positions, charge, truth)
        molecules.append(calibrate.Geometry(numbers, positions, reference))
        forces = np.array([[net.energy_forces(net.types_of(numbers), torch.from_numpy(x[None]), charge)[1][0].numpy()
                            for net in nets] for x in positions])
        spreads += [spread_of(f) for f in forces]
        errors.append(np.linalg.norm(forces.mean(1) - reference, axis=2).ravel())
    found = members.measure(molecules)
    np.testing.assert_allclose(found.spread, np.concatenate(spreads), rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(found.error, np.concatenate(errors), rtol=2e-3, atol=2e-3)
    assert found.frame.tolist() == [k for k in range(12) for _ in range(len(molecules[k // 4].numbers))]
    assert found.frames == 12


def test_the_spread_is_the_one_that_an_evaluation_gives(pb, network, tmp_path, alanine):
    """What is calibrated is what a simulation is told."""
    from openmm import unit

    path = write_ensemble(tmp_path, network)
    numbers = np.array([atom.element.atomic_number for atom in alanine.topology.atoms()])
    positions = np.array(alanine.positions.value_in_unit(unit.angstrom))
    found = calibrate.Members(path).measure([calibrate.Geometry(numbers, positions[None], np.zeros((1, 22, 3)))])
    told = pb.Evaluator(alanine.topology, path).evaluate(alanine.positions, uncertainty=True).uncertainty
    np.testing.assert_allclose(41.84 * found.spread, told.forceSpreads, rtol=1e-3)


def write_whole(path, truth, method="GFN2-xTB, vacuum"):
    """A pbtrain.whole file of one molecule, its second frame without labels."""
    _, numbers, positions, charge = next(geometries())
    energy, forces = frames_of(numbers, positions, charge, truth)
    with h5py.File(path, "w") as file:
        file.attrs.update({"charge": charge, "reference_method": method})
        file.update({"numbers": numbers, "positions": positions})
        for k in range(len(positions)):
            group = file.create_group(f"{k:03d}")
            if k != 1:
                group.update({"e_qm": energy[k], "e_mm": 0 * energy[k], "f_qm": forces[k], "f_mm": 0 * forces[k]})


def write_shard(path, truth, method="GFN2-xTB, vacuum"):
    with h5py.File(path, "w") as file:
        file.attrs["reference_method"] = method
        for name, numbers, positions, charge in geometries():
            energy, forces = frames_of(numbers, positions, charge, truth)
            group = file.create_group(name)
            group.attrs.update({"name": name, "kind": "residue", "charge": charge, "split": "train" if name == "M0" else "test"})
            group.update({"numbers": numbers, "positions": positions, "e_qm": energy, "e_mm": 0 * energy, "f_qm": forces,
                          "f_mm": 0 * forces, "perturbed": np.array([False, False, False, True])})


@pytest.fixture
def run(monkeypatch, capsys):
    """Calls a module's main with arguments; what it wrote to standard error, and the text that it ended with."""
    def call(module, *arguments):
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        try:
            module.main()
        except SystemExit as end:
            return f"{capsys.readouterr().err} {end}"
        return ""
    return call


def test_the_command_writes_a_calibration_that_loads(pb, network, truth, tmp_path, run):
    write_ensemble(tmp_path, network)
    path = tmp_path / "made.json"
    assert run(ensemble, path, *(tmp_path / f"committee-{m}.safetensors" for m in range(3))) == ""
    content = ensemble.read_ensemble(path)
    assert [m["file"] for m in content["members"]] == [f"committee-{m}.safetensors" for m in range(3)]
    assert content["members"][2]["sha256"] == file_hash(tmp_path / "committee-2.safetensors")
    before = pb.Model(path)
    assert (before.name, before.memberCount, before.calibration) == ("made", 3, None)

    (tmp_path / "data").mkdir()
    write_shard(tmp_path / "data" / "shard_00000.h5", truth)
    arguments = (path, "--data", tmp_path / "data", "--threads", "2", "--json", tmp_path / "report.json")
    assert run(calibrate, *arguments, "--dry-run") == ""
    assert pb.Model(path).hash == before.hash
    assert run(calibrate, *arguments, "--plot", tmp_path / "plot.png") == ""
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "report.json").read_text())
    model = pb.Model(path)
    assert model.hash != before.hash
    assert model.calibration == pytest.approx((report["floor"] * 41.84, report["scale"]))
    measured = ensemble.read_ensemble(path)["calibration"]["measured"]["held-out molecules"]
    assert measured["frames"] == 20 and measured["atoms"] == 4 * sum(9 + 2 * k for k in range(1, 6))
    assert measured["ratio"] == pytest.approx(1, abs=1e-3)
    assert set(report["groups"]) == {"held-out molecules", "residue", "residue, perturbed"}

    write_whole(tmp_path / "whole_m.h5", truth)
    assert run(calibrate, *arguments, "--whole", tmp_path / "whole_m.h5", "--fit-to", "whole") == ""
    measured = ensemble.read_ensemble(path)["calibration"]["measured"]
    assert measured["fitted_to"] == "whole proteins" and measured["whole proteins"]["frames"] == 3
    assert measured["whole proteins"]["ratio"] == pytest.approx(1, abs=1e-3)
    assert pb.Model(path).calibration != model.calibration


def test_wrong_input(pb, network, truth, tmp_path, run):
    path = write_ensemble(tmp_path, network)
    assert "--data" in run(calibrate, path)
    assert "committee-0.safetensors" in run(calibrate, tmp_path / "committee-0.safetensors", "--data", tmp_path)
    assert "no held-out frames" in run(calibrate, path, "--data", tmp_path)
    write_shard(tmp_path / "shard_00000.h5", truth, "B3LYP")
    assert "labels of B3LYP" in run(calibrate, path, "--data", tmp_path)
    write_whole(tmp_path / "whole_m.h5", truth, "B3LYP")
    assert "whole_m.h5: labels of B3LYP" in run(calibrate, path, "--whole", tmp_path / "whole_m.h5")
    assert "--whole" in run(calibrate, path, "--data", tmp_path, "--fit-to", "whole")
    assert "two or more" in run(ensemble, tmp_path / "x.json", network)
    assert "none.safetensors" in run(ensemble, tmp_path / "x.json", network, tmp_path / "none.safetensors")
