"""The plans: shares, reproducibility, coverage, and nothing held out in a training molecule."""
import hashlib
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import plan_more, plan_wide  # noqa: E402
from pbtrain.holdout import occurs_in  # noqa: E402
from pbtrain.molecules import build_topology  # noqa: E402
from pbtrain.plan import capped, make_plan, plan_hash  # noqa: E402
from pbtrain.systems import RARE, STANDARD, TERMINAL  # noqa: E402
from pbtrain.torsions import low_discrepancy  # noqa: E402


@pytest.fixture(scope="module")
def wide():
    return make_plan(4048, 1.0, "wide")


@pytest.fixture(scope="module")
def first():
    return make_plan(2024)


def frames_by_kind(plan):
    count = Counter()
    for spec in plan:
        count[spec.kind] += spec.trajectories * spec.frames
    return count


def test_plans_whose_data_are_in_use_do_not_change(first, wide):
    fields = [(s.kind, s.split, s.chains, s.trajectories, s.seed, s.permittivity) for s in first]
    assert hashlib.sha256(repr(fields).encode()).hexdigest() == (
        "837c33beda2fdcfff79c833c66e32886a7cfc4002b5780e52099fc626fa18fef")
    assert plan_hash(wide) == "c0c89a97cfaf1bd8a1aff28104ee91d04c9fd4b6e244c4d197cb2f3fb7ebc8c8"


def test_first_plan_keeps_its_sampling(first):
    """The fields that came later have the values that the first data were made with."""
    assert {(s.frames, s.start, s.point, s.interval) for s in first} == {(6, "basins", 0, 150)}
    assert {(s.permittivity, s.contact) for s in first} == {(4.0, "any"), (1.0, "polar")}


def test_wide_plan_is_reproducible():
    plan = make_plan(5, 0.02, "wide")
    assert plan == make_plan(5, 0.02, "wide")
    assert plan_hash(plan) != plan_hash(make_plan(6, 0.02, "wide"))


def test_frames_have_the_planned_shares_from_the_beginning_on(wide):
    count = frames_by_kind(wide)
    assert sum(count.values()) == pytest.approx(plan_wide.FRAMES, rel=0.02)
    beginning = frames_by_kind(wide[:len(wide) // 5])
    for kind, share in plan_wide.SHARES.items():
        assert count[kind] / sum(count.values()) == pytest.approx(share, rel=0.05)
        assert beginning[kind] / sum(beginning.values()) == pytest.approx(share, rel=0.25)


def residues(chains):
    """' ALA GLY ' for each chain, by text: independent of the code under test."""
    return [" " + " ".join(r[-3:] for r in chain if r not in ("ACE", "NME")) + " " for chain in chains]


def found_in(part, whole):
    part, whole = residues(part), residues(whole)
    return any(all(p in w for p, w in zip(part, order)) for order in permutations(whole, len(part)))


def test_what_is_held_out_is_in_no_training_molecule_of_either_plan(first, wide):
    def systems(plan, split):
        return {s.chains for s in plan if s.split == split and (split == "train" or s.kind != "residue")}

    held_out = systems(wide, "test")
    assert len(held_out) > 150
    for training in systems(wide, "train") | systems(first, "train"):
        assert not any(found_in(part, training) for part in held_out), training
    for training in systems(wide, "train"):
        assert not any(found_in(part, training) for part in systems(first, "test")), training


def test_more_has_nothing_that_is_held_out_and_protons_to_hand_over(first, wide):
    more = make_plan(5150, 0.2, "more")
    assert {spec.split for spec in more} == {"train"}
    held_out = {s.chains for plan in (first, wide) for s in plan if s.split == "test" and s.kind != "residue"}
    assert not any(occurs_in(part, whole) for whole in {s.chains for s in more} for part in held_out)
    takers = [s for s in more if s.kind == "dimer" and any("CYM" in chain for chain in s.chains)]
    assert len(takers) > 0.05 * plan_more.CONTACT_SHARE * len(more)
    assert plan_hash(more) == plan_hash(make_plan(5150, 0.2, "more"))


def test_occurrence():
    assert occurs_in((capped("ALA", "GLY"),), (capped("NALA", "GLY", "SER"),))
    assert not occurs_in((capped("ALA", "GLY"),), (capped("ALA", "SER", "GLY"),))
    assert not occurs_in((capped("ASP"), capped("LYS")), (capped("ASP", "LYS"),)), "two chains need two chains"
    assert occurs_in((capped("ASP"), capped("LYS")), (capped("LYS", "SER"), capped("ALA"), capped("GLY", "ASP")))
    assert not occurs_in((capped("HID", "ALA"),), (capped("HIE", "ALA"),))
    assert not occurs_in((capped("ALA"), capped("ALA")), (capped("ALA", "ALA"), capped("GLY")))


def test_every_form_is_trained_on_and_tested(wide):
    for split in ("train", "test"):
        assert {s.chains for s in wide if s.kind == "residue" and s.split == split} == set(plan_wide.residue_forms())
    for kind in ("window", "dimer", "cluster", "peptide"):
        seen = {r for s in wide if s.kind == kind and s.split == "train" for chain in s.chains for r in chain}
        assert seen >= {*STANDARD, *RARE}, kind
    windows = {r for s in wide if s.kind == "window" for chain in s.chains for r in chain}
    assert windows >= {end + r for r in TERMINAL for end in "NC"}


def test_peptides(wide):
    peptides = [s for s in wide if s.kind == "peptide"]
    lengths = Counter(sum(r not in ("ACE", "NME") for r in s.chains[0]) for s in peptides)
    assert set(lengths) == {4, 5, 6, 7, 8, 9} and min(lengths.values()) > 0.06 * len(peptides)
    charged = [s for s in peptides if s.chains[0][0] != "ACE" or s.chains[0][-1] != "NME"]
    assert len(charged) / len(peptides) == pytest.approx(0.95 / 3, abs=0.06)  # one in twenty has a disulfide instead


def test_size_and_charge_are_those_of_the_molecules(wide):
    for spec in wide[::9]:
        molecule = build_topology([list(chain) for chain in spec.chains])
        assert len(molecule.numbers) == plan_wide.atom_count(spec.chains) <= plan_wide.MAX_ATOMS
        assert molecule.charge == plan_wide.charge(spec.chains)
        assert spec.kind == "residue" or abs(molecule.charge) <= plan_wide.MAX_CHARGE


def test_low_discrepancy_points_are_even():
    """Each of 36 cells holds about as many of 720 points as all others; random points vary by +-4.4."""
    points = np.array([low_discrepancy(k, 2) for k in range(720)])
    cells = np.histogram2d(*points.T, bins=6, range=[[0, 1], [0, 1]])[0]
    assert abs(cells - 20).max() <= 4 and cells.std() < 2


def test_residue_starts_cover_phi_and_psi_evenly(wide):
    """The training trajectories of alanine have distinct points of the sequence, without gaps."""
    numbers = sorted(k for s in wide if s.chains == (capped("ALA"),) and s.split == "train"
                     for k in range(s.point, s.point + s.trajectories))
    assert numbers == list(range(len(numbers))) and len(numbers) > 60
