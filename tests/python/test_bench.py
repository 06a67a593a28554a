"""The benchmark at a size where nothing is to be learnt about speed: every part runs and says what it measured."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, STAGED

pytest.importorskip("openmm")
SCRIPT = ROOT / "tests" / "performance" / "bench.py"


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(STAGED)}
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], text=True, capture_output=True, env=environment)


@pytest.mark.slow
def test_every_part_runs_and_reports(plugin, trained, gfn2, tmp_path):
    pytest.importorskip("torch")
    result = run("--quick", "--out", tmp_path, "--report", tmp_path / "report", "--threads", 1)
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "summary.json").read_text())
    for key in ("fma_fraction", "pytorch_eager_ratio", "torchscript_ratio", "scaling_exponent", "peak_memory_mb", "startup_ms"):
        assert np.isfinite(found[key]) and found[key] > 0, key
    assert np.isfinite(found["overhead_us"]) and found["together_ratio"] > 0
    assert found["xtb_ratio_chignolin"] is None  # a quick run has no whole proteins
    kernels = json.loads((tmp_path / "kernels.json").read_text())
    # the counted operations are at least the products of the layers: capped alanine has 22 atoms and some 400 edges
    assert kernels["calls"][0]["gflop"] > 0.02
    report = (tmp_path / "report" / "README.md").read_text()
    for heading in ("Kernels", "Force call", "quantum chemistry", "Scaling", "step in OpenMM", "Everything together", "Start-up", "Training"):
        assert heading in report
    for name in ("kernels", "forcecall", "scaling", "step"):
        assert f"({name}.png)" in report and (tmp_path / "report" / f"{name}.png").stat().st_size > 1000


def test_a_part_alone(pb, trained, tmp_path):
    """Start-up has stages in fresh processes; nothing else is said to be measured."""
    result = run("--quick", "--parts", "startup", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    stages = json.loads((tmp_path / "startup.json").read_text())["milliseconds"]
    assert stages["first_force"] > 0 and stages["model_load"] > 0
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["startup_ms"] > 0 and found["fma_fraction"] is None

    from benchmarks import report
    page = tmp_path / "report" / "README.md"
    report.write({"startup": json.loads((tmp_path / "startup.json").read_text())}, page.parent)
    report.write({}, page.parent)
    assert "Start-up" in page.read_text(), "tables of parts that have run before are kept"
    (page.parent / "parts.json").unlink()
    with pytest.raises(ValueError, match="left as it is.* startup"):
        report.write({}, page.parent)
    assert "Start-up" in page.read_text()


@pytest.mark.parametrize("arguments, text", [(("--parts", "speed"), "invalid choice"), (("--threads", 0), "positive"),
                                             (("--structures", "nowhere"), "nowhere")])
def test_bad_options_are_named(pb, arguments, text):
    result = run(*arguments)
    assert result.returncode == 2 and text in result.stderr


def test_packed_copies_touch_and_do_not_overlap(pb):
    from benchmarks import structures
    from scipy.spatial import cKDTree

    one = structures.demo()
    many = structures.packed(one, 8)
    assert many.topology.getNumAtoms() == 8 * 138 == len(many.positions)
    assert many.topology.getNumBonds() == 8 * one.topology.getNumBonds()
    owner = np.repeat(np.arange(8), 138)
    tree = cKDTree(many.positions)
    between = [d for (i, j), d in tree.sparse_distance_matrix(tree, 0.3).items() if owner[i] != owner[j]]
    assert min(between) >= 0.99 * structures.CONTACT, "copies overlap"
    assert min(between) < structures.CONTACT + 0.03, "copies do not touch"


def test_fragments_in_pytorch_are_the_core_s(pb, trained, pentapeptide):
    """What is timed against each other is the same sum: energies and forces, caps' chain rule among them."""
    pytest.importorskip("torch")
    from benchmarks import forcecall, networks, structures
    from benchmarks.fragments import Fragments, torchEnergy
    from benchmarks.settings import modelFile
    import torch

    positions = pentapeptide.getPositions(asNumpy=True)._value
    numbers = [atom.element.atomic_number for atom in pentapeptide.topology.atoms()]
    core = pb.Evaluator(pentapeptide.topology, trained, "dipeptide")
    fragments = Fragments(core, numbers)
    assert sum(c * n for c, n in zip(fragments.coefficients, fragments.sizes)) >= len(numbers)
    twin = torchEnergy(fragments, networks.twin().load_model(modelFile())[0])
    energy, forces = forcecall.energyForces(twin, torch.tensor(positions * 10, dtype=torch.float32))
    ours = structures.networkPart(core, structures.Structure("", pentapeptide.topology, positions))
    forcecall.check(*ours, energy, forces, trained)
    with pytest.raises(RuntimeError, match="do not agree"):
        forcecall.check(*ours, energy, 1.01 * forces, trained)


def test_counted_operations_are_those_of_the_network(pb, trained, alanine, tmp_path):
    """Run with registers that count, the network gives the same energy, and at least the multiply-adds of its products."""
    from benchmarks import kernels, structures
    from benchmarks.fragments import Fragments
    from benchmarks.settings import modelFile

    positions = alanine.getPositions(asNumpy=True)._value
    numbers = [atom.element.atomic_number for atom in alanine.topology.atoms()]
    core = pb.Evaluator(alanine.topology, trained)
    Fragments(core, numbers).write(tmp_path / "call.json", positions)
    count = kernels.call(kernels.build(), "count", modelFile(), tmp_path / "call.json")
    assert count["energies"][0] == pytest.approx(
        structures.networkPart(core, structures.Structure("", alanine.topology, positions))[0], abs=0.05)
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    edges, h = int((distances < core.model.cutoff).sum()), 64
    # dk, dv of three layers (f of two), s1 and s2, forward and reverse; the first layer's are pair by pair, so half
    least = edges * h * h * (2 * 4 + 3) * 2
    assert least < count["multiply_adds"] < 4 * least
    assert count["flops"] == 2 * count["multiply_adds"] + count["simple"] + count["divisions"]
