"""DFT labels: psi4's numbers, the molecules cut from residues, the plan, and a generator that may be killed."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("openmm")
h5py = pytest.importorskip("h5py")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import generate_dft, label, plan_dft, psi4_label  # noqa: E402
from pbtrain.analogues import ANALOGUES, Analogue  # noqa: E402
from pbtrain.dataset import DataSet  # noqa: E402
from pbtrain.gfn2_dynamics import Gfn2Dynamics  # noqa: E402
from pbtrain.molecules import neighbours, starting_coordinates  # noqa: E402
from pbtrain.soundness import Soundness  # noqa: E402

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "training")}
# name -> sum formula (Hill order) and charge, from a chemistry book
FORMULAS = {
    "methane": "CH4", "propane": "C3H8", "isobutane": "C4H10", "butane": "C4H10", "methanol": "CH4O",
    "ethanol": "C2H6O", "methanethiol": "CH4S", "methanethiolate": "CH3S -1", "dimethyl-disulfide": "C2H6S2",
    "dimethyl-sulfide": "C2H6S", "ethyl-methyl-sulfide": "C3H8S", "acetate": "C2H3O2 -1", "acetic-acid": "C2H4O2",
    "propanoate": "C3H5O2 -1", "propanoic-acid": "C3H6O2", "acetamide": "C2H5NO", "propanamide": "C3H7NO",
    "methylammonium": "CH6N 1", "butylammonium": "C4H12N 1", "methylamine": "CH5N", "butylamine": "C4H11N",
    "methylguanidinium": "C2H8N3 1", "propylguanidinium": "C4H12N3 1", "4-methylimidazole": "C4H6N2",
    "5-methylimidazole": "C4H6N2", "4-methylimidazolium": "C4H7N2 1", "toluene": "C7H8", "p-cresol": "C7H8O",
    "3-methylindole": "C9H9N", "N-acetylpyrrolidine": "C6H11NO"}


def needs_psi4():
    if not (list(Path("/usr/lib").glob("*-linux-gnu/psi4/__init__.py"))
            or subprocess.run([sys.executable, "-c", "import psi4"], capture_output=True).returncode == 0):
        pytest.skip("psi4 is not installed (Debian's package psi4)")


def needs_libxtb():
    try:
        label._libxtb()
    except OSError:
        pytest.skip("libxtb.so.6 is not installed")


def generate(output, *options, **kwargs):
    return subprocess.run([sys.executable, "-m", "pbtrain.generate_dft", str(output), *map(str, options)], text=True,
                          env=ENVIRONMENT, capture_output=True, timeout=400, **kwargs)


def built(name, seed=0):
    """An analogue with rough coordinates."""
    analogue = Analogue(name)
    return analogue.molecule, analogue.positions(starting_coordinates(analogue.parent, np.random.default_rng(seed)))


# --- molecules ---

@pytest.mark.parametrize("name", sorted(ANALOGUES))
def test_analogue_is_the_molecule_it_is_called(name):
    formula, _, charge = FORMULAS[name].partition(" ")
    counts = {symbol: int(count or 1) for symbol, count in re.findall("([A-Z])([0-9]*)", formula)}
    molecule, x = built(name)
    number = {"H": 1, "C": 6, "N": 7, "O": 8, "S": 16}
    assert sorted(molecule.numbers) == sorted(z for s, z in number.items() for _ in range(counts.get(s, 0)))
    assert molecule.charge == int(charge or 0) and molecule.name == name
    assert Soundness(molecule.topology, molecule.numbers, neighbours(molecule.topology)).bonds_whole(x)
    degree = [len(near) for near in neighbours(molecule.topology)]
    assert all(d == 1 for d, z in zip(degree, molecule.numbers) if z == 1)
    for atom in molecule.topology.atoms():
        if atom.name == "HX":
            (partner,) = neighbours(molecule.topology)[atom.index]
            assert np.linalg.norm(x[partner] - x[atom.index]) == pytest.approx(1.09, abs=1e-6)
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1) + 9 * np.eye(len(x))
    assert distances.min() > 0.9


def test_unknown_analogue_is_named():
    with pytest.raises(ValueError, match="no analogue 'benzene'; there are .*toluene"):
        Analogue("benzene")


# --- plan ---

def test_plan_is_seeded_covers_every_form_and_begins_balanced():
    plan = plan_dft.make_plan(5)
    assert plan == plan_dft.make_plan(5) and plan != plan_dft.make_plan(6)
    parts = {part for spec in plan for part in spec.parts}
    assert set(ANALOGUES) - parts == set()
    forms = {plan_dft.name_of(chains) for chains in plan_dft.residue_forms()}
    assert forms <= parts
    total, small, capped = 0, 0, 0
    for spec in plan:
        total += spec.frames
        if spec.kind == "residue":
            capped += spec.frames
        elif not capped > 14:
            small += spec.frames
    assert small >= 730 and capped >= 200 and 1100 < total < 1200
    first = plan[:60]  # a beginning has all kinds, and both splits of pairs and analogues
    assert {(s.kind, s.split) for s in first} >= {("pair", "train"), ("analogue", "train"), ("analogue", "test")}
    assert any(s.kind == "residue" for s in first) and any(s.kind == "pair" and s.split == "test" for s in plan[:120])


def test_held_out_pairs_occur_in_no_training_spec():
    for seed in (1, 2, 3):
        plan = plan_dft.make_plan(seed)
        held_out = {s.parts for s in plan if s.kind == "pair" and s.split == "test"}
        trained = {s.parts for s in plan if s.kind == "pair" and s.split == "train"}
        assert len(held_out) >= 15 and not held_out & trained
        for pair in held_out | trained:
            charges = [FORMULAS.get(p, "").partition(" ")[2] for p in pair]
            assert charges not in (["1", "1"], ["-1", "-1"])


def test_held_out_trajectories_are_longer_and_of_both_kinds_of_dynamics():
    for scale in (1.0, 2.0):
        plan = plan_dft.make_plan(5, scale)
        for split in ("train", "test"):
            of = [spec.dynamics for spec in plan if spec.kind == "residue" and spec.split == split]
            assert set(of) == {"gfn2", "ff14sb"} and abs(of.count("gfn2") - len(of) / 2) <= 1
        assert all(spec.frames >= 4 for spec in plan if spec.split == "test")


def test_more_pairs_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="scale 5 asks for 610 pairs .* there are only 257: a scale of about 2.1"):
        plan_dft.make_plan(5, 5.0)
    pairs = [spec.parts for spec in plan_dft.make_plan(5, 2.1) if spec.kind == "pair"]
    assert len(pairs) == len(set(pairs)) == 257


# --- sampling ---

def test_gfn2_dynamics_forces_are_the_gradient_and_runs_repeat():
    needs_libxtb()
    molecule, x = built("methanol")
    dynamics = Gfn2Dynamics(molecule, np.random.default_rng(1))
    oxygen = int(np.flatnonzero(molecule.numbers == 8)[0])
    hydrogen = next(j for j in neighbours(molecule.topology)[oxygen] if molecule.numbers[j] == 1)
    stretched = x.copy()
    stretched[hydrogen] += 0.3 * (x[hydrogen] - x[oxygen])  # beyond the length at which it is pulled back
    free = dynamics.gfn2(stretched)[1]
    forces = dynamics.energy_forces(stretched)[1]
    assert (forces - free)[hydrogen] @ (stretched[hydrogen] - stretched[oxygen]) < -50
    for i, k in ((hydrogen, 0), (oxygen, 2)):
        step = np.zeros_like(x)
        step[i, k] = 1e-3
        ahead, behind = (dynamics.energy_forces(stretched + s * step)[0] for s in (1, -1))
        assert (behind - ahead) / 2e-3 == pytest.approx(forces[i, k], abs=0.02)
    relaxed = dynamics.relax(x, 40)
    assert dynamics.energy_forces(relaxed)[0] < dynamics.energy_forces(x)[0] - 1
    runs = [list(Gfn2Dynamics(molecule, np.random.default_rng(2)).run(relaxed, 300.0, [20, 10])) for _ in range(2)]
    assert len(runs[0]) == 2 and np.array_equal(runs[0], runs[1])
    dynamics.close()


def test_gfn2_dynamics_keeps_the_temperature():
    """Potential energy above the minimum is kT/2 a mode in the harmonic limit, within 35 % for one short run."""
    needs_libxtb()
    molecule, x = built("methane")
    dynamics = Gfn2Dynamics(molecule, np.random.default_rng(3))
    bottom = dynamics.relax(x, 150)
    lowest = dynamics.energy_forces(bottom)[0]
    dynamics.longest[:] = 9.0  # no pull
    energies = [dynamics.energy_forces(y)[0] - lowest for y in dynamics.run(bottom, 300.0, [200] + [10] * 250)]
    assert np.mean(energies) == pytest.approx(0.5 * 9 * 0.0019872 * 300, rel=0.35)
    dynamics.close()


def test_samples_depend_on_the_seed_alone():
    needs_libxtb()
    spec = plan_dft.DftSpec("pair", "train", ("methanol", "methylammonium"), 2, 11, 300.0, contact="hbond")
    first, again = generate_dft.sample(spec), generate_dft.sample(spec)
    other = generate_dft.sample(plan_dft.DftSpec(**{**spec.__dict__, "seed": 12}))
    assert np.array_equal(first["positions"], again["positions"])
    assert abs(first["positions"] - other["positions"]).max() > 0.1
    x = first["positions"][0]
    assert np.linalg.norm(x[:6, None] - x[None, 6:], axis=-1).min() < 3.0, "docked molecules touch"


# --- shards, with GFN2-xTB in psi4's place ---

class StandIn:
    """GFN2-xTB with an offset, in the form of psi4_label.Dft; calls in `fails` do not converge, those in `raises` raise."""

    fails: set = set()
    raises: dict = {}
    calls = 0

    def __init__(self, numbers, charge):
        self.gfn2 = label.Gfn2(numbers, charge)

    def label(self, x):
        StandIn.calls += 1
        if StandIn.calls in StandIn.fails:
            raise label.LabelError("psi4: Could not converge SCF iterations")
        if StandIn.calls in StandIn.raises:
            raise StandIn.raises[StandIn.calls]
        found = self.gfn2.label(x)
        return psi4_label.DftLabel(found.energy - 1000.0, 1.1 * found.forces, found.dipole, 9, 0.1)


@pytest.fixture
def stand_in(monkeypatch):
    needs_libxtb()
    monkeypatch.setattr(psi4_label, "Dft", StandIn)
    StandIn.fails, StandIn.raises, StandIn.calls = set(), {}, 0
    return StandIn


PROVENANCE = {"plan_hash": "0", "reference_method": "M06-2X/6-31G*, vacuum"}


def test_shard_goes_on_after_every_label(stand_in, tmp_path):
    spec = plan_dft.DftSpec("analogue", "train", ("methanol",), 3, 5, 400.0)
    whole, pieces = tmp_path / "shard_dft_00000.h5", tmp_path / "shard_dft_00001.h5"
    assert [f for f, _, problem in generate_dft.Shard(whole, spec, PROVENANCE).label() if not problem] == [0, 1, 2]
    for k in range(3):  # begun anew for each label, as if killed after it
        assert not pieces.exists()
        work = generate_dft.Shard(pieces, spec, PROVENANCE).label()
        assert next(work)[0] == k
        if k < 2:
            work.close()
    assert list(work) == [] and stand_in.calls == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == [whole.name, pieces.name]
    with h5py.File(whole) as a, h5py.File(pieces) as b:
        assert sorted(a["00"]) == sorted(b["00"]) and "pending" not in a
        for name in a["00"]:
            if name != "seconds":
                np.testing.assert_allclose(a["00"][name][:], b["00"][name][:], rtol=1e-6, atol=1e-5, err_msg=name)
        assert dict(a.attrs) == dict(b.attrs)
        assert "e_mm" not in a["00"] and a["00"].attrs["base_force_field"] == ""


def test_frames_that_do_not_converge_are_dropped_and_counted(stand_in, tmp_path):
    stand_in.fails = {2}
    path = tmp_path / "shard_dft_00000.h5"
    spec = plan_dft.DftSpec("residue", "test", (plan_dft.AMIDE,), 3, 5, 300.0)
    problems = [problem for _, _, problem in generate_dft.Shard(path, spec, PROVENANCE).label()]
    assert problems[0] == problems[2] == "" and "converge" in problems[1]
    with h5py.File(path) as file:
        assert file.attrs["count_scf"] == 1 and file.attrs["count_frames"] == 2
        assert json.loads(file.attrs["failures"]) == {"1": problems[1]}
        group = file["00"]
        assert group.attrs["base_force_field"] == "ff14SB" and group["f_mm"].shape == (2, 12, 3)
        assert group.attrs["name"] == "ACE-NME" and len(group["positions"]) == 2
        np.testing.assert_allclose(group["e_qm"][:], group["e_gfn2"][:] - 1000.0)
    StandIn.fails = set(range(100))
    empty = tmp_path / "shard_dft_00001.h5"
    list(generate_dft.Shard(empty, spec, PROVENANCE).label())
    with h5py.File(empty) as file:
        assert "00" not in file and file.attrs["count_scf"] == 3


def test_a_resumed_shard_keeps_the_provenance_of_its_first_label(stand_in, tmp_path):
    spec = plan_dft.DftSpec("analogue", "train", ("methane",), 4, 5, 300.0)
    path = tmp_path / "shard_dft_00000.h5"
    stand_in.fails = {1}
    for frames, psi4 in ((0, "0"), (2, "1"), (1, "2"), (9, "2")):
        work = generate_dft.Shard(path, spec, PROVENANCE | {"psi4": psi4, "distortions": (0.4, 0.6)}).label()
        for _ in zip(range(frames), work):
            pass
        work.close()
    with h5py.File(path) as file:
        assert file.attrs["psi4"] == "1", "no label was made by 0"
        assert json.loads(file.attrs["later_provenance"]) == [{"labels_before": 1, "psi4": "2"}]
        assert json.loads(file.attrs["failures"]).keys() == {"0"} and len(file["00/e_qm"]) == 3


@pytest.fixture
def small_plan(stand_in, monkeypatch):
    """Six trajectories of two frames of methane that cost nothing."""
    plan = [plan_dft.DftSpec("analogue", "train", ("methane",), 2, seed, 300.0) for seed in range(6)]
    x = built("methane")[1].astype(np.float32)
    monkeypatch.setattr(generate_dft, "make_plan", lambda *_: plan)
    monkeypatch.setattr(generate_dft, "describe", lambda *_: PROVENANCE)
    monkeypatch.setattr(generate_dft, "sample_spec",
                        lambda _: {"positions": np.array([x, x]), "perturbed": np.zeros(2, bool)})


def states(folder):
    """State of the frames of each shard, "" where there is none."""
    found = []
    for k in range(6):
        path = folder / plan_dft.SHARD.format(k)
        if path.with_suffix(".part").exists():
            with h5py.File(path.with_suffix(".part")) as file:
                found.append("".join(map(str, file["pending/state"][:])))
        else:
            found.append("done" if path.exists() else "")
    return found


def test_other_errors_leave_frames_to_the_next_run_and_three_shards_in_a_row_end_it(stand_in, small_plan, tmp_path, capsys):
    args = Namespace(output=tmp_path, seed=0, scale=1.0, shards=":")
    # shards 1 and 2 fail, 3 succeeds, 4 and 5 fail
    stand_in.raises = dict.fromkeys((4, 5, 8, 9), RuntimeError("Fatal Error: PSIO Error"))
    assert generate_dft.work(args) == 4
    assert states(tmp_path) == ["done", "10", "00", "done", "00", "00"]
    assert "shard 2/6 train methane: left to the next run: RuntimeError: Fatal Error: PSIO Error" in capsys.readouterr().err
    stand_in.calls, stand_in.raises = 0, dict.fromkeys((1, 2, 3), OSError("No space left on device"))
    with pytest.raises(SystemExit, match="3 shards in a row .* OSError: No space left on device"):
        generate_dft.work(args)
    assert stand_in.calls == 3
    stand_in.raises = {}
    assert generate_dft.work(args) == 0 and states(tmp_path) == ["done"] * 6
    assert stand_in.calls == 3 + 7, "labels that were there are not made again"


def test_a_shard_that_another_process_labels_is_left_to_it(small_plan, tmp_path):
    hold = ("import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX, 1, 2); print(flush=True); "
            "sys.stdin.read()")
    other = subprocess.Popen([sys.executable, "-c", hold, tmp_path / generate_dft.LOCKS], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    other.stdout.readline()
    args = Namespace(output=tmp_path, seed=0, scale=1.0, shards=":4")
    assert generate_dft.work(args) == 0 and states(tmp_path) == ["done", "done", "", "done", "", ""]
    other.communicate()
    assert generate_dft.work(args) == 0 and states(tmp_path)[:4] == ["done"] * 4


FAKE = """
import os, sys, time
from unittest.mock import MagicMock
def energy(*_, **__):
    open(os.path.join(os.environ["PIDS"], str(os.getpid())), "w").close()
    time.sleep(300)
sys.modules["psi4"] = MagicMock(__version__="0", energy=energy, ConvergenceError=ArithmeticError)
"""


def test_sigterm_ends_all_workers(tmp_path):
    needs_libxtb()
    (tmp_path / "psi4.py").write_text(FAKE)
    pids = tmp_path / "pids"
    pids.mkdir()
    plan = plan_dft.make_plan(3, 0.0)
    small = [str(k) for k, spec in enumerate(plan) if spec.parts in (("methane",), ("methanol",))]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'training'}", "PIDS": str(pids)}
    process = subprocess.Popen([sys.executable, "-m", "pbtrain.generate_dft", tmp_path / "data", "--seed", "3", "--scale",
                                "0", "--workers", "2", "--shards", ",".join(small)], env=environment)
    end = time.time() + 120
    while len(list(pids.iterdir())) < 2:
        assert time.time() < end and process.poll() is None
        time.sleep(0.1)
    process.terminate()
    assert process.wait(30) == 143
    assert not [p.name for p in pids.iterdir() if Path("/proc", p.name).exists()]


def test_reader_takes_a_base_and_one_method(stand_in, tmp_path):
    specs = (plan_dft.DftSpec("analogue", "train", ("methane",), 2, 5, 300.0),
             plan_dft.DftSpec("residue", "train", (plan_dft.AMIDE,), 2, 5, 300.0))
    for k, spec in enumerate(specs):
        list(generate_dft.Shard(tmp_path / f"shard_dft_{k:05d}.h5", spec, PROVENANCE).label())
    mm, gfn2 = DataSet([tmp_path], "train"), DataSet([tmp_path], "train", target="E_QM - E_GFN2")
    assert mm.add_new() == 2 and mm.without_base == 2 and set(mm.molecules) == {"ACE-NME"}
    assert gfn2.add_new() == 4 and gfn2.without_base == 0 and set(gfn2.molecules) == {"ACE-NME", "methane"}
    for frames in gfn2.molecules.values():
        np.testing.assert_allclose(frames.energy, -1000.0, atol=1e-6)
    with h5py.File(tmp_path / "shard_dft_00000.h5") as file:
        np.testing.assert_allclose(gfn2.molecules["methane"].forces, 0.1 * file["00/f_gfn2"][:], atol=1e-3)
    with h5py.File(tmp_path / "shard_other.h5", "w") as file:
        file.attrs["reference_method"] = "GFN2-xTB, vacuum"
    with pytest.raises(ValueError, match="shard_other.h5 has labels of GFN2-xTB, .* of M06-2X/6-31G"):
        mm.add_new()


# --- psi4 ---

LABELS = """
import json, sys
import numpy as np
from pbtrain import psi4_label
from pbtrain.label import LabelError
data = np.load(sys.argv[1])
result = {}
dft = psi4_label.Dft(data["numbers"], 0)
for name in ("frame", "ahead", "behind"):
    found = dft.label(data[name])
    result[name] = {"energy": found.energy, "forces": found.forces.tolist(), "dipole": found.dipole.tolist()}
ion = psi4_label.Dft(data["ion_numbers"], 1)
result["ion"] = [ion.label(data["ion"] + s).dipole.tolist() for s in (0.0, 1.0)]
psi4, _ = psi4_label.load_psi4()
psi4.core.clean_options()
psi4.set_options({"basis": "6-31G*", "dft_radial_points": 99, "dft_spherical_points": 590})
gradient, wavefunction = psi4.gradient("m06-2x", molecule=dft._geometry(data["frame"]), return_wfn=True)
result["plain"] = {"hartree": wavefunction.energy(), "gradient": gradient.np.tolist()}
psi4_label.FINAL["maxiter"] = 1
result["harder"] = dft.label(data["frame"]).energy
psi4_label.HARDER["maxiter"] = 1
try:
    dft.label(data["frame"])
except LabelError as error:
    result["failure"] = str(error)
psi4_label.FINAL["maxiter"] = 100
result["after"] = dft.label(data["frame"]).energy
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def psi4_results(tmp_path_factory):
    """Labels of methanol and of hydronium, made in another process."""
    needs_psi4()
    needs_libxtb()
    folder = tmp_path_factory.mktemp("psi4")
    molecule, x = built("methanol")
    x = Gfn2Dynamics(molecule, np.random.default_rng(1)).relax(x) + np.random.default_rng(2).normal(size=x.shape) * 0.04
    z = molecule.numbers
    bond = x[z == 8][0] - x[z == 6][0]
    step = np.where((z == 8)[:, None], 5e-3 * bond / np.linalg.norm(bond), 0.0)
    ion = np.array([[0.02, 0.0, 0.27], [0.93, 0.1, 0.0], [-0.4, 0.81, -0.05], [-0.5, -0.83, 0.03]])
    np.savez(folder / "in.npz", numbers=z, frame=x, ahead=x + step, behind=x - step, ion=ion,
             ion_numbers=np.array([8, 1, 1, 1]))
    done = subprocess.run([sys.executable, "-c", LABELS, folder / "in.npz"], env=ENVIRONMENT, cwd=folder, text=True,
                          capture_output=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["in.npz"], "psi4 leaves files behind"
    return json.loads(done.stdout.splitlines()[-1]) | {"x": x, "z": z, "bond": bond / np.linalg.norm(bond), "ion_x": ion}


@pytest.mark.slow
def test_forces_are_the_gradient_of_the_energy_in_kcal_and_angstrom(psi4_results):
    """Along C-O against energies; what is left is the grid's: psi4 does not differentiate its weights."""
    r = psi4_results
    difference = -(r["ahead"]["energy"] - r["behind"]["energy"]) / 1e-2
    forces = np.array(r["frame"]["forces"])
    along = forces[r["z"] == 8][0] @ r["bond"]
    assert abs(along) > 5 and along == pytest.approx(difference, abs=0.4)
    assert abs(forces.sum(0)).max() < 0.4


@pytest.mark.slow
def test_two_grids_give_what_psi4_alone_gives(psi4_results):
    """Against psi4.gradient in one step on the unpruned (99, 590) grid."""
    r = psi4_results
    assert r["frame"]["energy"] == pytest.approx(627.509474063 * r["plain"]["hartree"], abs=0.05)
    forces = -np.array(r["plain"]["gradient"]) * 627.509474063 / 0.529177210903
    assert abs(np.array(r["frame"]["forces"]) - forces).max() < 0.2
    assert -72_600 < r["frame"]["energy"] < -72_400  # methanol: -115.6 hartree


@pytest.mark.slow
def test_dft_and_gfn2_tell_the_same_story(psi4_results):
    r = psi4_results
    gfn2 = label.Gfn2(r["z"], 0).label(r["x"])
    assert np.corrcoef(gfn2.forces.ravel(), np.ravel(r["frame"]["forces"]))[0, 1] > 0.9
    dipole = np.array(r["frame"]["dipole"])
    assert np.linalg.norm(dipole - gfn2.dipole) < 0.3 * np.linalg.norm(dipole)
    here, there = np.array(r["ion"])  # of an ion: from the origin of the positions
    np.testing.assert_allclose(there - here, 1.0, atol=1e-3)
    assert np.linalg.norm(here - label.Gfn2(np.array([8, 1, 1, 1]), 1).label(r["ion_x"]).dipole) < 0.15


@pytest.mark.slow
def test_scf_that_does_not_converge_is_a_label_error_and_the_next_label_is_none_the_worse(psi4_results):
    assert "iterations" in psi4_results["failure"]
    assert psi4_results["harder"] == pytest.approx(psi4_results["frame"]["energy"], abs=1e-3)
    assert psi4_results["after"] == pytest.approx(psi4_results["frame"]["energy"], abs=1e-3)


@pytest.fixture
def fake_psi4(monkeypatch, tmp_path):
    """psi4 whose energies and gradient are one number."""
    psi4 = MagicMock(ConvergenceError=type("ConvergenceError", (Exception,), {}))
    psi4.core.variable.return_value = 7.0
    psi4.energy.return_value = -40.0, MagicMock(energy=lambda: -40.0)
    psi4.gradient.return_value.np = np.zeros((5, 3))
    monkeypatch.setattr(psi4_label, "load_psi4", lambda: (psi4, str(tmp_path)))
    return psi4


def test_scf_is_tried_once_more_and_harder(fake_psi4):
    molecule, x = built("methane")
    dft = psi4_label.Dft(molecule.numbers, 0)
    assert dft.label(x).iterations == 14
    fine, given = fake_psi4.energy.return_value, lambda: [call.args[0] for call in fake_psi4.set_options.call_args_list]
    assert given() == [psi4_label.FIRST, psi4_label.FINAL]
    fake_psi4.reset_mock()
    fake_psi4.energy.side_effect = [fake_psi4.ConvergenceError("SCF"), fine]
    assert dft.label(x).iterations == 7
    assert given() == [psi4_label.FIRST, psi4_label.HARDER] and psi4_label.HARDER["guess"] == "sad"
    fake_psi4.energy.side_effect = [fine] + [fake_psi4.ConvergenceError("Could not converge SCF")] * 2
    with pytest.raises(label.LabelError, match="Could not converge"):
        dft.label(x)


def test_other_errors_of_psi4_are_no_label_errors(fake_psi4):
    molecule, x = built("methane")
    fake_psi4.gradient.side_effect = RuntimeError("Fatal Error: not enough memory")
    with pytest.raises(RuntimeError, match="not enough memory") as caught:
        psi4_label.Dft(molecule.numbers, 0).label(x)
    assert not isinstance(caught.value, label.LabelError)
    fake_psi4.core.clean.assert_called()


def test_what_cannot_be_labelled_is_refused():
    with pytest.raises(ValueError, match="atomic numbers .17."):
        psi4_label.Dft(np.array([17, 1]), 0)
    with pytest.raises(ValueError, match="odd number of electrons"):
        psi4_label.Dft(np.array([8, 1]), 0)


def test_missing_psi4_names_the_package(tmp_path):
    (tmp_path / "psi4.py").write_text("raise ImportError('not here')\n")
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'training'}"}
    result = subprocess.run([sys.executable, "-m", "pbtrain.generate_dft", tmp_path / "data"], env=environment, text=True,
                            capture_output=True)
    assert result.returncode != 0 and "apt-get install psi4" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("option, value, message", [("--workers", "0", "at least 1"), ("--shards", "a", "--shards is")])
def test_bad_options_are_named(tmp_path, option, value, message):
    result = generate(tmp_path / "data", option, value)
    assert result.returncode != 0 and message in result.stderr and not (tmp_path / "data").exists()


@pytest.mark.slow
def test_generator_is_killed_and_goes_on(tmp_path):
    """The smallest analogue: killed after a label, begun again, it ends with the same files as without."""
    needs_psi4()
    needs_libxtb()
    seed, plan = 3, plan_dft.make_plan(3, 0.0)
    number = next(k for k, s in enumerate(plan) if s.parts == ("methane",) and s.split == "train")
    options = ("--seed", seed, "--scale", 0.0, "--shards", number)
    part = tmp_path / "a" / plan_dft.SHARD.format(number).replace(".h5", ".part")
    process = subprocess.Popen([sys.executable, "-m", "pbtrain.generate_dft", str(tmp_path / "a"), *map(str, options)],
                               env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()  # printed after a label
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "methane frame 1" in line and part.exists() and not part.with_suffix(".h5").exists()
    with h5py.File(part) as file:
        done = file["pending/state"][:] == generate_dft.LABELLED
        assert 1 <= done.sum() < plan[number].frames and len(file["00/e_qm"]) == done.sum()
        energies = file["00/e_qm"][:]
    resumed = generate(tmp_path / "a", *options)
    assert resumed.returncode == 0, resumed.stderr
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [generate_dft.LOCKS, part.with_suffix(".h5").name]
    assert resumed.stdout.count("frame") == plan[number].frames - done.sum(), "labels that were there are not made again"
    with h5py.File(part.with_suffix(".h5")) as file:
        group, sampled = file["00"], generate_dft.sample_spec(plan[number])
        assert np.array_equal(group["positions"][:], sampled["positions"]), "the frames follow from the seed"
        assert np.array_equal(group["e_qm"][:len(energies)], energies)
        assert file.attrs["psi4"] and json.loads(file.attrs["psi4_options"])["basis"] == "6-31G*"
        assert file.attrs["reference_method"].startswith("M06-2X/6-31G*") and len(file.attrs["plan_hash"]) == 64
        assert file.attrs["libxtb"].startswith("libxtb.so") and len(file.attrs["sources"]) == 64
        assert file.attrs["count_frames"] == plan[number].frames == len(group["e_gfn2"])
    refused = generate(tmp_path / "a", "--seed", 4, "--scale", 0.0)
    assert refused.returncode != 0 and "another plan" in refused.stderr
    refused = generate(tmp_path / "b", "--scale", 5)
    assert refused.returncode != 0 and "only 257" in refused.stderr and not (tmp_path / "b").exists()
