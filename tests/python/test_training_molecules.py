"""Molecules from residue templates, sampling plan, and sampling."""
import sys
from pathlib import Path

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain.molecules import build_topology, side_of_bond, neighbours, starting_coordinates  # noqa: E402
from pbtrain import plan_wide  # noqa: E402
from pbtrain.plan import capped, make_plan, residue_forms  # noqa: E402
from pbtrain.distort import HYDROGEN_BOND, MAX_SWING, TORN, TRANSFERRED, perturb  # noqa: E402
from pbtrain.sample import Sampler  # noqa: E402


@pytest.mark.parametrize("chains, atoms, charge", [
    ([["ACE", "NME"]], 12, 0),
    ([["ACE", "ALA", "NME"]], 22, 0),
    ([["ACE", "HIP", "NME"]], 30, 1),
    ([["ACE", "CYM", "NME"]], 22, -1),
    ([["NGLY", "NME"]], 15, 1),
    ([["ACE", "CPRO"]], 21, -1),
    ([["ACE", "CYX", "NME"], ["ACE", "CYX", "NME"]], 44, 0),
    ([["NLYS", "ASP", "CTRP"]], 61, 0),
])
def test_atoms_and_charge(chains, atoms, charge):
    molecule = build_topology(chains)
    assert (len(molecule.numbers), molecule.charge) == (atoms, charge)


def test_every_residue_form_can_be_built_and_sampled_start():
    """The force field accepts each form, and bond lengths of the minimised start are sane."""
    for chains in residue_forms():
        molecule = build_topology([list(chain) for chain in chains])
        sampler = Sampler(molecule, np.random.default_rng(0))
        sampler.start(300.0)
        assert sampler.sound.bonds_whole(sampler.positions()), molecule.name


def test_residues_are_l_amino_acids():
    for name in ("ALA", "TRP", "PRO", "NVAL"):
        molecule = build_topology([list(capped(name))])
        sampler = Sampler(molecule, np.random.default_rng(3))
        x = next(sampler.trajectory(300.0, 1, equilibration=50, interval=1))
        atom = {a.name: a.index for r in molecule.topology.residues() if r.name == name[-3:] for a in r.atoms()}
        n, c, cb = (x[atom[k]] - x[atom["CA"]] for k in ("N", "C", "CB"))
        assert np.dot(np.cross(n, c), cb) > 0  # CORN rule: L


def test_chains_of_a_dimer_touch():
    molecule = build_topology([list(capped("LYS")), list(capped("ASP"))])
    sampler = Sampler(molecule, np.random.default_rng(5))
    for x in sampler.trajectory(300.0, 2, equilibration=100, interval=50):
        a, b = (x[chain] for chain in sampler.chains)
        assert np.linalg.norm(a[:, None] - b[None], axis=-1).min() < 5.5


def test_unknown_template_is_named():
    with pytest.raises(ValueError, match="XYZ"):
        build_topology([["ACE", "XYZ", "NME"]])
    with pytest.raises(ValueError, match="pairs"):
        build_topology([["ACE", "CYX", "NME"]])


def test_side_of_bond_knows_rings():
    molecule = build_topology([list(capped("PHE"))])
    bonded = neighbours(molecule.topology)
    atom = {a.name: a.index for a in molecule.topology.atoms() if a.residue.name == "PHE"}
    assert side_of_bond(bonded, atom["CG"], atom["CD1"]) is None
    assert len(side_of_bond(bonded, atom["CB"], atom["CG"])) == 11  # the phenyl group


def test_perturbation_is_small_and_local():
    molecule = build_topology([list(capped("SER"))])
    rng = np.random.default_rng(0)
    x = starting_coordinates(molecule, rng)
    for _ in range(30):
        moved = np.linalg.norm(perturb(x, molecule.topology, rng, plan_wide.DISTORTIONS) - x, axis=1)
        assert 0 < moved.max() < max(MAX_SWING, 0.9 * (HYDROGEN_BOND - TRANSFERRED))


def test_a_torn_bond_takes_its_side_along():
    molecule = build_topology([list(capped("SER"))])
    rng = np.random.default_rng(0)
    x = starting_coordinates(molecule, rng)
    bonds = np.array([(a.index, b.index) for a, b in molecule.topology.bonds()])
    before, torn, heavy = np.linalg.norm(x[bonds[:, 0]] - x[bonds[:, 1]], axis=1), set(), 0
    for _ in range(500):
        y = perturb(x, molecule.topology, rng, (0, 0, 0, 0, 1))
        ratio = np.linalg.norm(y[bonds[:, 0]] - y[bonds[:, 1]], axis=1) / before
        bond, = np.flatnonzero(abs(ratio - 1) > 1e-6)
        assert TORN[0] <= ratio[bond] <= TORN[1]
        torn.add(bond)
        heavy += (molecule.numbers[bonds[bond]] > 1).all()
    assert torn == set(range(len(bonds))) and heavy > 300, "every bond, most often one between heavy atoms"


def test_the_torn_plan_has_every_form_and_holds_trajectories_out():
    plan = make_plan(6100, name="torn")
    assert plan == make_plan(6100, name="torn")
    for split in ("train", "test"):
        assert {s.chains for s in plan if s.split == split} == set(plan_wide.residue_forms())
    assert {s.permittivity for s in plan if s.split == "train"} == {1.0, 4.0}


def test_plan_is_reproducible_and_holds_systems_out():
    plan = make_plan(seed=5, scale=0.3)
    assert plan == make_plan(seed=5, scale=0.3)
    train = {s.chains for s in plan if s.split == "train" and s.kind != "residue"}
    test = {s.chains for s in plan if s.split == "test" and s.kind != "residue"}
    assert test and not train & test
    assert {s.chains for s in plan if s.kind == "residue" and s.split == "test"} == set(residue_forms())
