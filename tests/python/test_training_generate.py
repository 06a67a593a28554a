"""The generator: its options, and a shard of each kind of the wide plan at dry-run size."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
h5py = pytest.importorskip("h5py")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import generate, label, plan_wide  # noqa: E402
from pbtrain.molecules import build_topology  # noqa: E402
from pbtrain.plan import make_plan, plan_hash  # noqa: E402


def run(module, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "training")}
    return subprocess.run([sys.executable, "-m", module, *map(str, arguments)], env=environment, text=True,
                          capture_output=True, timeout=300)


def test_selection_of_shards():
    assert generate.selected_shards(10, ":") == list(range(10))
    assert generate.selected_shards(10, "0:2,5,8:") == [0, 1, 5, 8, 9]
    assert generate.selected_shards(10, "12") == []
    with pytest.raises(ValueError):
        generate.selected_shards(10, "1,,2")


@pytest.mark.parametrize("option, value, message", [
    ("--perturbed", "1.5", "share between 0 and 1"), ("--shards", "a", "--shards is a list"),
    ("--specs-per-shard", "0", "at least 1"), ("--plan", "third", "invalid choice")])
def test_bad_options_of_the_generator_are_named(tmp_path, option, value, message):
    result = run("pbtrain.generate", tmp_path / "data", option, value)
    assert result.returncode != 0 and message in result.stderr and not (tmp_path / "data").exists()


@pytest.mark.slow
def test_dry_run_of_all_kinds(tmp_path):
    """One small molecule of each kind of the wide plan: labels are complete and consistent, a folder keeps its plan."""
    try:
        label._libxtb()
    except OSError:
        pytest.skip("libxtb.so.6 is not installed")
    plan = make_plan(3, 0.0, "wide")
    kinds = sorted(plan_wide.SHARES)
    smallest = [min((k for k, s in enumerate(plan) if s.kind == kind), key=lambda k: plan_wide.atom_count(plan[k].chains))
                for kind in kinds]
    options = ("--plan", "wide", "--workers", 2, "--scale", 0.0, "--seed", 3, "--specs-per-shard", 1,
               "--shards", ",".join(map(str, smallest)))
    generated = run("pbtrain.generate", tmp_path, *options, "--perturbed", 0.5)
    assert generated.returncode == 0, generated.stderr
    perturbed, frames = 0, 0
    for kind, number in zip(kinds, smallest):
        with h5py.File(tmp_path / f"shard_wide_{number:05d}.h5") as file:
            assert file.attrs["plan_hash"] == plan_hash(plan) and file.attrs["libxtb"].startswith("libxtb.so.6")
            group = file["00"]
            assert group.attrs["kind"] == kind and group.attrs["split"] == plan[number].split
            molecule = build_topology([list(chain) for chain in plan[number].chains])
            assert (group["numbers"][:] == molecule.numbers).all()
            count = len(group["e_qm"])
            assert 0 < count <= plan[number].trajectories * plan[number].frames
            assert group["dipole"].shape == (count, 3)
            np.testing.assert_allclose(group["charges"][:].sum(1), molecule.charge, atol=1e-4)
            for name in ("f_qm", "f_mm", "f_nb"):
                assert group[name].shape == (count, len(molecule.numbers), 3)
            assert abs(group["f_qm"][:].sum(1)).max() < 0.05, "no net force"
            # the dipole of the charges alone differs from GFN2's by its atomic dipoles, a small part
            of_charges = np.einsum("fi,fix->fx", group["charges"][:], group["positions"][:])
            assert np.linalg.norm(of_charges - group["dipole"][:], axis=1).max() < 0.1 * len(molecule.numbers)
            perturbed, frames = perturbed + group["perturbed"][:].sum(), frames + count
    assert 0.2 < perturbed / frames < 0.8
    for changed in (("--perturbed", 0.1), ("--perturbed", 0.5, "--seed", 4)):
        refused = run("pbtrain.generate", tmp_path, *options, *changed)
        assert refused.returncode != 0 and "another plan" in refused.stderr
