"""The check of random proteins (tests/accuracy/random_proteins.py): what it draws, what it finds wrong, that it runs."""
import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
from conftest import ROOT, STAGED  # noqa: E402

SCRIPT = ROOT / "tests" / "accuracy" / "random_proteins.py"
sys.path.insert(0, str(SCRIPT.parent))
import random_proteins  # noqa: E402
from pbtrain.molecules import base_residue, build_topology  # noqa: E402
from pbtrain.sample import Sampler  # noqa: E402


def test_fifty_sequences_hold_every_form():
    drawn = [random_proteins.sequence(seed) for seed in range(50)]
    forms = [base_residue(name) for chains in drawn for chain in chains for name in chain]
    assert {*random_proteins.FORMS, "CYX", "ACE", "NME"} == set(forms)
    assert all(forms.count(form) >= 5 for form in random_proteins.FORMS)
    lengths = [sum(name not in ("ACE", "NME") for chain in chains for name in chain) for chains in drawn]
    assert min(lengths) >= 12 and max(lengths) == 30
    names = [name for chains in drawn for chain in chains for name in chain]
    assert any(len(n) == 4 and n[0] == "N" for n in names) and any(len(n) == 4 and n[0] == "C" for n in names)
    bridged = [chains for chains in drawn if "CYX" in sum(chains, [])]
    assert len(bridged) == 25 and sum(len(chains) == 2 for chains in bridged) == 10
    for chains in bridged[:3]:
        build_topology(chains)  # refuses what has no template, or an odd number of CYX


def test_faults_are_found():
    sound = {"invariants": {"dipeptide": {"atoms": 0.0, "pairs": 0.0, "covered": 0.1}},
             "gradient": {"scheme": "whole", "error": 1e-8}, "failure": None}
    assert random_proteins.faults(sound) == []
    assert "counted wrongly by 1" in random_proteins.faults(
        sound | {"invariants": {"dipeptide": {"atoms": 1.0, "pairs": 0.0, "covered": 0.1}}})[0]
    assert "off the gradient" in random_proteins.faults(sound | {"gradient": {"scheme": "whole", "error": 1e-3}})[0]
    assert random_proteins.faults(sound | {"failure": "step 20: ..."}) == ["step 20: ..."]


def test_a_run_is_not_taken_for_another():
    settings = {"model": "visnet-gfn2", "hash": "12ab", "ps": 1.0, "constraints": "none"}
    row = {"seed": 1, "steps": 1000, **settings}
    assert random_proteins.is_of(row, settings)
    for other in ({"ps": 0.01}, {"hash": "34cd"}, {"constraints": "hbonds"}, {"model": "gfn2-xtb", "hash": ""}):
        assert not random_proteins.is_of(row | other, settings) and not random_proteins.is_of(row, settings | other)
    del row["hash"]
    assert not random_proteins.is_of(row, settings), "a line that does not tell the model's hash"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_fragments_and_gradient(pb, network, seed):
    """Fragments in all schemes; the gradient in two, the default and one of the others in turn. Relaxed under ff14SB, with a
    network of random weights: neither depends on training."""
    molecule = build_topology(random_proteins.sequence(seed))
    sampler = Sampler(molecule, np.random.default_rng(seed), contact="side")
    sampler.start(300.0, attempts=40)
    default, *others = random_proteins.SCHEMES
    for scheme in random_proteins.SCHEMES:
        evaluator = pb.Evaluator(molecule.topology, network, scheme, precision="double", threads=1)
        found = random_proteins.invariants(evaluator, len(molecule.numbers))
        assert found["atoms"] < 1e-9 and found["pairs"] < 1e-9, scheme
        assert (found["covered"] == 1) == (scheme == "whole" or "pairs" in scheme), scheme
        if scheme in (default, others[seed % len(others)]):
            error = random_proteins.gradient_error(evaluator, sampler.positions() / 10, np.random.default_rng(seed))
            assert error < 1e-7, scheme


@pytest.mark.slow
def test_one_sequence(plugin, network, tmp_path):
    """With a network of random weights: invariants and gradient hold for any, dynamics for few steps."""
    out = tmp_path / "random.jsonl"
    command = [sys.executable, SCRIPT, out, "--model", network, "--first", "4", "--count", "1", "--ps", "0.005"]
    result = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(STAGED), "PATH": "/usr/bin:/bin"})
    row = json.loads(out.read_text())
    assert all(values["atoms"] < 1e-9 and values["pairs"] < 1e-9 for values in row["invariants"].values()), result.stderr
    assert row["gradient"]["error"] < 1e-5
    again = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(STAGED), "PATH": "/usr/bin:/bin"})
    assert len(out.read_text().splitlines()) == 1 and again.returncode == result.returncode
