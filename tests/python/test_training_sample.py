"""Sampled geometries: compact peptides, contacts, soundness checks, held torsions, distorted frames."""
import sys
from pathlib import Path

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import distort, docking  # noqa: E402
from pbtrain.bias import dihedral  # noqa: E402
from pbtrain.molecules import build_topology, neighbours, starting_coordinates  # noqa: E402
from pbtrain.plan import capped  # noqa: E402
from pbtrain.sample import Sampler  # noqa: E402
from pbtrain.soundness import Soundness  # noqa: E402
from pbtrain.torsions import spread  # noqa: E402

PEPTIDE = [["NTHR", "TYR", "ILE", "PRO", "GLY", "TRP", "LEU", "GLN", "CSER"]]


def by_name(molecule, residue):
    return {a.name: a.index for a in list(molecule.topology.residues())[residue].atoms()}


def soundness(molecule):
    return Soundness(molecule.topology, molecule.numbers, neighbours(molecule.topology))


def gyration(x):
    return np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean())


@pytest.fixture(scope="module")
def compact():
    molecule = build_topology(PEPTIDE)
    sampler = Sampler(molecule, np.random.default_rng(4), start="fold")
    return molecule, [x for _ in range(2) for x in sampler.trajectory(350.0, 1)]


def test_compact_peptide_has_its_chirality_and_trans_bonds(compact):
    molecule, frames = compact
    for x in frames:
        for k, residue in enumerate(molecule.topology.residues()):
            atom = by_name(molecule, k)
            if "CB" in atom:
                n, c, cb = (x[atom[name]] - x[atom["CA"]] for name in ("N", "C", "CB"))
                assert np.dot(np.cross(n, c), cb) > 0, f"{residue.name} {k}: CORN rule"
            if residue.name in ("THR", "ILE"):  # (2S,3R), (2S,3S)
                side = ("CA", "OG1", "CG2") if residue.name == "THR" else ("CA", "CG1", "CG2")
                a, b, c = (x[atom[name]] - x[atom["CB"]] for name in side)
                assert np.dot(np.cross(a, b), c) > 0
            if k and residue.name != "PRO":
                before = by_name(molecule, k - 1)
                omega = dihedral(x[before["CA"]], x[before["C"]], x[atom["N"]], x[atom["CA"]])
                assert abs(omega) > np.pi / 2


def test_compact_peptide_is_compact(compact):
    """Segments touch: contacts of residues four or more apart; smaller than the extended chain and than free starts."""
    molecule, frames = compact
    residue = np.array([a.residue.index for a in molecule.topology.atoms()])
    heavy = molecule.numbers > 1
    apart = abs(residue[heavy][:, None] - residue[heavy][None]) >= 4
    extended = starting_coordinates(molecule, np.random.default_rng(0), "any", lambda name: (-135.0, 135.0, 180.0))
    for x in frames:
        distance = np.linalg.norm(x[heavy][:, None] - x[heavy][None], axis=-1)
        assert (apart & (distance < 4.5)).sum() / 2 >= 5
        assert gyration(x) < 0.75 * gyration(extended)


def test_frames_feel_no_bias(compact):
    """The bias on the radius of gyration is off when frames are taken."""
    molecule, _ = compact
    sampler = Sampler(molecule, np.random.default_rng(4), start="fold")
    for _ in sampler.trajectory(350.0, 1):
        assert sampler.context.getParameter("compaction") == 0.0
    sampler = Sampler(build_topology([list(capped("ALA"))]), np.random.default_rng(4), start="fold")
    sampler.start(300.0)
    sampler.compaction.set(sampler.context, 100.0)
    points = sampler.positions()[sampler.compaction.points] * 0.1
    groups = {f: 5 for f in sampler.context.getSystem().getForces() if isinstance(f, openmm.CustomBondForce)}
    for force, group in groups.items():
        force.setForceGroup(group)
    sampler.context.reinitialize(preserveState=True)
    bias = sampler.context.getState(getEnergy=True, groups=1 << 5).getPotentialEnergy()._value
    assert bias == pytest.approx(100.0 * gyration(points) ** 2, rel=1e-9)


def test_mirrored_molecule_has_the_other_handedness(compact):
    molecule, frames = compact
    check = soundness(molecule)
    x = frames[0]
    assert len(check.handedness(x)) >= 9  # eight alpha carbons and THR, ILE beta carbons
    assert (check.handedness(x * [1, 1, -1]) == -check.handedness(x)).all()
    assert (check.trans(x * [1, 1, -1]) == check.trans(x)).all()


def test_cis_bonds_are_seen():
    molecule = build_topology([list(capped("ALA", "PRO"))])
    check = soundness(molecule)
    for omega, trans in ((180.0, True), (0.0, False)):
        x = starting_coordinates(molecule, np.random.default_rng(1), "any",
                                 lambda name: (-65.0, 140.0, omega if name == "PRO" else 180.0))
        assert check.trans(x).tolist() == [True, trans, True]


def test_bond_through_a_ring_is_seen():
    """The CD-CE bond of lysine in the middle of a phenyl ring, along its normal, and beside the ring."""
    molecule = build_topology([list(capped("PHE")), list(capped("LYS"))])
    check = soundness(molecule)
    x = starting_coordinates(molecule, np.random.default_rng(3))
    ring = x[[by_name(molecule, 1)[n] for n in docking.PLANES["PHE"]]]
    lysine = [a.index for k in (3, 4, 5) for a in list(molecule.topology.residues())[k].atoms()]
    bond = x[[by_name(molecule, 4)[n] for n in ("CD", "CE")]]

    def frame(z, other):
        y = np.cross(z, other)
        rows = np.stack((np.cross(y, z), y, z))
        return rows / np.linalg.norm(rows, axis=1)[:, None]
    normal = np.cross(ring[1] - ring[0], ring[2] - ring[0])
    turn = frame(bond[1] - bond[0], np.array([0.3, 0.5, 0.8])).T @ frame(normal, ring[0] - ring[1])
    for shift, free in ((0.0, False), (30.0, True)):
        y = x.copy()
        y[lysine] = (x[lysine] - bond.mean(0)) @ turn + ring.mean(0) + shift * (ring[0] - ring.mean(0))
        assert check.rings_free(y) == free


def test_broken_bond_is_seen():
    molecule = build_topology([list(capped("SER"))])
    sampler = Sampler(molecule, np.random.default_rng(0))
    sampler.start(300.0)
    x = sampler.positions()
    assert sampler.sound.bonds_whole(x)
    x[by_name(molecule, 1)["HG"]] += 3.0
    assert not sampler.sound.bonds_whole(x)


def test_stacked_rings_are_parallel():
    molecule = build_topology([list(capped("PHE")), list(capped("TRP"))])
    for seed in range(5):
        x = starting_coordinates(molecule, np.random.default_rng(seed), "stack")
        normals, centres = [], []
        for residue, names in ((1, docking.PLANES["PHE"]), (4, docking.PLANES["TRP"])):
            ring = x[[by_name(molecule, residue)[n] for n in names]]
            normal = np.cross(ring[1] - ring[0], ring[2] - ring[0])
            normals.append(normal / np.linalg.norm(normal))
            centres.append(ring.mean(0))
        assert abs(normals[0] @ normals[1]) > 0.8
        assert 3.2 < abs((centres[1] - centres[0]) @ normals[0])
        first, second = x[:len(x) - 36], x[len(x) - 36:]
        assert np.linalg.norm(first[:, None] - second[None], axis=-1).min() >= docking.TOUCH


@pytest.mark.parametrize("contact", ["polar", "hbond", "side"])
def test_the_asked_atoms_touch(contact):
    """The chosen atoms are of the kind asked for, and chains end up in contact."""
    molecule = build_topology([list(capped("SER")), list(capped("GLU")), list(capped("VAL"))])
    atoms = list(molecule.topology.atoms())
    chosen = {atoms[i].name for i in docking.contact_atoms(molecule, list(range(len(atoms))), contact)}
    assert chosen == {"polar": {"OG", "OE1", "OE2"}, "hbond": {"N", "O", "OG", "OE1", "OE2"},
                      "side": {"CB", "OG", "CG", "CD", "OE1", "OE2", "CG1", "CG2"}}[contact]
    sampler = Sampler(molecule, np.random.default_rng(1), contact=contact)
    x = next(sampler.trajectory(300.0, 1))
    for a, b in zip(sampler.chains, sampler.chains[1:]):
        assert np.linalg.norm(x[a][:, None] - x[b][None], axis=-1).min() < 5.5


def test_spread_starts_keep_the_torsions_they_are_given():
    """phi and psi stay near the planned point under the bias, also where ff14SB has no minimum."""
    molecule = build_topology([list(capped("ALA"))])
    kept = []
    for point in range(1, 13):
        sampler = Sampler(molecule, np.random.default_rng(point), start="spread", point=point)
        sampler.start(300.0)
        assert sampler.context.getParameter("hold") > 0
        planned = np.radians(spread(np.random.default_rng(0), point, 1)("ALA")[:2])
        x = sampler.positions()
        found = [dihedral(*x[list(t)]) for t in sampler.held.torsions]
        kept.append(np.degrees(abs(np.angle(np.exp(1j * (found - planned))))).max())
    assert np.median(kept) < 40


def lengths(x, topology):
    return np.array([np.linalg.norm(x[a.index] - x[b.index]) for a, b in topology.bonds()])


def test_a_stretched_bond_changes_one_length():
    molecule = build_topology([list(capped("MET"))])
    x = starting_coordinates(molecule, np.random.default_rng(0))
    for seed in range(10):
        y = distort.stretch_bond(x, molecule.topology, np.random.default_rng(seed))
        changed = lengths(y, molecule.topology) / lengths(x, molecule.topology)
        assert sum(abs(changed - 1) > 1e-9) == 1 and 0.88 <= changed.min() and changed.max() <= 1.30


def test_a_bent_angle_changes_no_length_and_turns_by_4_to_15_degrees():
    molecule = build_topology([list(capped("TRP"))])
    bonded = neighbours(molecule.topology)
    x = starting_coordinates(molecule, np.random.default_rng(0))

    def angles(y):
        result = []
        for b, near in enumerate(bonded):
            for k, a in enumerate(near):
                for c in near[:k]:
                    u, v = y[a] - y[b], y[c] - y[b]
                    result.append(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))
        return np.array(result)
    for seed in range(20):
        y = distort.bend_angle(x, molecule.topology, np.random.default_rng(seed))
        np.testing.assert_allclose(lengths(y, molecule.topology), lengths(x, molecule.topology), atol=1e-9)
        assert 3.9 < abs(angles(y) - angles(x)).max() < 15.1
        assert np.linalg.norm(y - x, axis=1).max() < distort.MAX_SWING


def test_a_moved_proton_is_the_only_atom_that_moves_and_goes_towards_an_acceptor():
    """Serine's hydroxyl, turned to its own carbonyl oxygen; methane's carbons have nothing to give."""
    molecule = build_topology([list(capped("CSER"))])
    atoms = list(molecule.topology.atoms())
    found = 0
    for seed in range(40):
        x = starting_coordinates(molecule, np.random.default_rng(seed))
        y = distort.move_proton(x, molecule.topology, np.random.default_rng(seed))
        if y is None:
            continue
        found += 1
        moved, = np.nonzero(np.linalg.norm(y - x, axis=1) > 1e-12)
        assert len(moved) == 1 and atoms[moved[0]].element.symbol == "H"
        donor, = neighbours(molecule.topology)[moved[0]]
        assert atoms[donor].element.symbol in ("N", "O")
        polar = [a.index for a in atoms if a.element.symbol in ("N", "O") and a.index != donor]
        before, after = (np.linalg.norm(p[polar] - p[moved[0]], axis=1) for p in (x, y))
        nearer = int((after - before).argmin())
        assert before[nearer] < distort.HYDROGEN_BOND and 0.999 < after[nearer] < before[nearer]
    assert found > 5
    alone = build_topology([["ACE", "NME"]])
    x = starting_coordinates(alone, np.random.default_rng(0))
    assert distort.move_proton(x, alone.topology, np.random.default_rng(0)) is None, "the amide's hydrogen is trans to its oxygen"
    y = distort.perturb(x, alone.topology, np.random.default_rng(0), (0, 0, 0, 1))
    changed = abs(lengths(y, alone.topology) - lengths(x, alone.topology)) > 1e-9
    assert changed.sum() == 1, "a bond is changed instead"


def test_shares_of_distortions():
    """One changed bond or angle leaves nearly all bond lengths exact; displacements leave none."""
    molecule = build_topology([list(capped("SER"))])
    x = starting_coordinates(molecule, np.random.default_rng(0))
    bonds = molecule.topology.getNumBonds()
    for shares, changed in (((1, 0, 0), bonds), ((0, 1, 0), 1), ((0, 0, 1), 0), ((1, 0, 0, 0), bonds)):
        y = distort.perturb(x, molecule.topology, np.random.default_rng(1), shares)
        assert (abs(lengths(y, molecule.topology) - lengths(x, molecule.topology)) > 1e-9).sum() == changed
