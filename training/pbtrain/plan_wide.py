"""The wide plan: residues, windows, dimers, clusters and peptides; seeded, so reproducible.

Residues and windows start from evenly spread backbone torsions, dimers and clusters from chosen contacts
(hydrogen bonds, salt bridges, stacked rings, side chains), peptides of 4 to 9 residues from folds that a hot phase
makes compact.  Held out ("test"): windows, dimers, clusters and peptides that occur in no training molecule of this
plan or of the first plan (holdout.py), and separate trajectories of every residue form; what the first plan
holds out is no part of a training molecule here either.
"""
from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from . import plan_first
from .holdout import contains_any
from .systems import ANIONS, CATIONS, RARE, STANDARD, TERMINAL, Chains, Spec, capped, pick

PERTURBED_SHARE = 0.15
DISTORTIONS = (0.3, 0.25, 0.15, 0.3)  # displacements, bonds, angles, protons along hydrogen bonds
# relative permittivities of the sampling, in turn: with 1 the charged groups of a residue meet, as in dynamics in vacuo
PERMITTIVITIES = {"residue": (4.0, 1.0), "window": (4.0, 4.0, 1.0)}
SPECS_PER_SHARD = 20
SHARD = "shard_wide_{:05d}.h5"
FRAMES = 60_000  # at scale 1
SHARES = {"residue": 0.35, "window": 0.25, "dimer": 0.22, "cluster": 0.08, "peptide": 0.10}
TRAJECTORIES = {"residue": 3, "window": 4, "dimer": 4, "cluster": 3, "peptide": 3}
FRAMES_PER_TRAJECTORY = 4
INTERVAL = {"residue": 300, "window": 300, "dimer": 300, "cluster": 300, "peptide": 500}  # steps of 2 fs
TEST_SHARE = {"window": 0.06, "dimer": 0.06, "cluster": 0.08, "peptide": 0.08}  # of the systems
MAX_ATOMS, MAX_CHARGE = 150, 2
# atoms of the inner residues, hydrogens included
ATOMS = dict(ALA=10, ARG=24, ASH=13, ASN=14, ASP=12, CYM=10, CYS=11, CYX=10, GLH=16, GLN=17, GLU=15, GLY=7, HID=17,
             HIE=17, HIP=18, ILE=19, LEU=19, LYN=21, LYS=22, MET=17, PHE=20, PRO=14, SER=11, THR=14, TRP=24, TYR=21,
             VAL=16, ACE=6, NME=6)

POLAR = ["ASN", "GLN", "SER", "THR", "TYR", "HIE", "HID", "TRP", "ASP", "GLU", "LYS", "ARG", "CYS", *RARE]
HYDROPHOBIC = ["ALA", "VAL", "LEU", "ILE", "MET", "PHE", "PRO", "TRP", "TYR", "CYS"]
AROMATIC = ["PHE", "TYR", "TRP", "HID", "HIE", "HIP"]
Draw = tuple[Chains, dict]  # a molecule and the fields of its Spec


def residue_forms() -> dict[Chains, float]:
    """Every single-residue molecule and its share of trajectories; terminal forms have more than in the first plan."""
    forms: dict[Chains, float] = {(("ACE", "NME"),): 0.5}
    forms |= {(capped(r),): 1.3 if r in ("GLY", "PRO") else 1.0 for r in STANDARD + RARE}
    forms |= {(capped("CYX"), capped("CYX")): 1.0}
    forms |= {(capped(end + "CYX"), capped("CYX")): 0.5 for end in "NC"}
    forms |= {(capped(end + r),): 0.6 for r in TERMINAL for end in "NC"}
    return forms


def terminus(residue: str) -> str:
    """N or C of a charged terminal residue's name, else nothing."""
    return residue[0] if len(residue) == 4 else ""


def atom_count(chains: Chains) -> int:
    """Atoms of a molecule; a charged terminus has two hydrogens (N) or an oxygen (C) more than the inner residue."""
    return sum(ATOMS[r[-3:]] + {"N": 2, "C": 1, "": 0}[terminus(r)] for chain in chains for r in chain)


def charge(chains: Chains) -> int:
    """Formal charge in e."""
    return sum((r[-3:] in CATIONS) - (r[-3:] in ANIONS) + {"N": 1, "C": -1, "": 0}[terminus(r)]
               for chain in chains for r in chain)


def random_residues(rng: np.random.Generator, count: int, rare: float) -> list[str]:
    """Standard residues evenly, a share of rare protonation states, some more glycine and proline."""
    def one() -> str:
        draw = rng.random()
        return pick(rng, RARE if draw < rare else ["GLY", "PRO"] if draw < rare + 0.07 else STANDARD)
    return [one() for _ in range(count)]


def with_termini(residues: list[str], rng: np.random.Generator) -> list[str]:
    """One end or both ends charged; an end without such a template gets another residue."""
    ends = pick(rng, ["N", "C", "NC"])
    result = list(residues)
    for end, k in (("N", 0), ("C", -1)):
        if end in ends:
            result[k] = end + (result[k] if result[k] in TERMINAL else pick(rng, TERMINAL))
    return result


def random_window(rng: np.random.Generator) -> Draw:
    """Two or three residues: a quarter with charged termini, one in sixteen with a disulfide partner."""
    residues = random_residues(rng, int(rng.integers(2, 4)), 0.12)
    draw = rng.random()
    if draw < 0.0625:
        residues[rng.integers(len(residues))] = "CYX"
        return (capped(*residues), capped("CYX")), {"start": "spread"}
    if draw < 0.3125:
        residues = with_termini(residues, rng)
    return (capped(*residues),), {"start": "spread"}


# kind of contact -> (share, groups from which the touching residues are drawn, contact, permittivities)
CONTACTS: dict[str, tuple[float, Callable[[np.random.Generator], list[str]], str, tuple[float, ...]]] = {
    "salt bridge": (0.15, lambda rng: [pick(rng, [*CATIONS, "NALA", "NGLY"]), pick(rng, ["ASP", "GLU", "CALA", "CGLY"])],
                    "polar", (1.0, 2.0, 4.0)),
    "hydrogen bond": (0.30, lambda rng: [pick(rng, POLAR), pick(rng, POLAR)], "hbond", (1.0, 2.0, 4.0)),
    "stack": (0.15, lambda rng: [pick(rng, AROMATIC), pick(rng, [*AROMATIC, "ARG"])], "stack", (4.0,)),
    "hydrophobic": (0.15, lambda rng: [pick(rng, HYDROPHOBIC), pick(rng, HYDROPHOBIC)], "side", (4.0,)),
    "rare or terminal": (0.10, lambda rng: [pick(rng, [*RARE, *(e + r for e in "NC" for r in TERMINAL)]),
                                            pick(rng, POLAR)], "polar", (1.0, 4.0)),
    "any": (0.15, lambda rng: [pick(rng, STANDARD), pick(rng, [*STANDARD, ""])], "any", (4.0,)),
}


def random_contact(rng: np.random.Generator) -> tuple[list[str], dict]:
    """Two residues that may touch, "" for a peptide group alone, and the Spec fields of the contact."""
    names = list(CONTACTS)
    _, draw, contact, permittivities = CONTACTS[names[rng.choice(len(names), p=[CONTACTS[n][0] for n in names])]]
    pair = draw(rng)
    if sum(charge(((r,),)) > 0 for r in pair) == 2 or sum(charge(((r,),)) < 0 for r in pair) == 2:
        pair[1] = "ALA"  # like charges side by side in vacuo: SCF trouble, and rare in proteins
    return pair, {"contact": contact, "permittivity": pick(rng, permittivities)}


def random_dimer(rng: np.random.Generator) -> Draw:
    """Two capped residues, or a residue and a peptide group, in contact."""
    pair, fields = random_contact(rng)
    return tuple(capped(r) if r else ("ACE", "NME") for r in sorted(pair)), fields


def random_cluster(rng: np.random.Generator) -> Draw:
    """Three capped residues, or two windows of two residues; a few windows share a disulfide."""
    pair, fields = random_contact(rng)
    pair = [r or "GLY" for r in pair]
    if rng.random() < 0.5:
        third = pick(rng, [*POLAR, *STANDARD])
        return tuple(capped(r) for r in sorted([*pair, third])), fields
    if rng.random() < 0.08:
        pair = ["CYX", "CYX"]
    windows = []
    for residue in pair:
        other = random_residues(rng, 1, 0.12)[0]
        end = terminus(residue)
        order = [residue, other] if end == "N" or (not end and rng.random() < 0.5) else [other, residue]
        windows.append(capped(*order))
    return tuple(sorted(windows)), fields


def random_peptide(rng: np.random.Generator) -> Draw:
    """4 to 9 residues: a third with charged termini, one in twenty with a disulfide partner."""
    residues = random_residues(rng, int(rng.integers(4, 10)), 0.06)
    fields = {"start": "fold", "permittivity": pick(rng, (4.0, 4.0, 2.0))}
    draw = rng.random()
    if draw < 0.05:
        residues[rng.integers(len(residues))] = "CYX"
        return (capped(*residues), capped("CYX")), fields
    if draw < 0.05 + 0.95 / 3:
        residues = with_termini(residues, rng)
    return (capped(*residues),), fields


DRAWS: dict[str, Callable[[np.random.Generator], Draw]] = {
    "window": random_window, "dimer": random_dimer, "cluster": random_cluster, "peptide": random_peptide}


@functools.lru_cache(maxsize=1)
def _first_plan() -> tuple[frozenset[Chains], frozenset[Chains]]:
    """Molecules (not residue forms) of the first plan's shipped data: of training, and held out."""
    plan = plan_first.make_plan(2024, 1.0)
    return tuple(frozenset(s.chains for s in plan if s.split == split and s.kind != "residue")
                 for split in ("train", "test"))


def _fits(chains: Chains) -> bool:
    return atom_count(chains) <= MAX_ATOMS and abs(charge(chains)) <= MAX_CHARGE


def make_plan(seed: int, scale: float = 1.0) -> list[Spec]:
    """All specs in random order: any beginning of the list is a fair sample."""
    rng = np.random.default_rng(seed)
    specs: list[Spec] = []

    def add(kind: str, split: str, chains: Chains, trajectories: int, **fields) -> None:
        specs.append(Spec(kind, split, chains, trajectories, int(rng.integers(2**31)),
                          frames=FRAMES_PER_TRAJECTORY, interval=INTERVAL[kind], **fields))

    forms = residue_forms()
    per_weight = SHARES["residue"] * FRAMES * scale / sum(forms.values()) / FRAMES_PER_TRAJECTORY
    for chains, weight in forms.items():
        count = TRAJECTORIES["residue"]
        for k in range(max(1, round(per_weight * weight / count))):
            add("residue", "train", chains, count, start="spread", point=k * count,
                permittivity=PERMITTIVITIES["residue"][k % 2])
        for permittivity in PERMITTIVITIES["residue"]:
            add("residue", "test", chains, 1, start="spread", point=int(rng.integers(10**6)), permittivity=permittivity)

    first_train, first_test = _first_plan()
    held_out: set[Chains] = set()
    for split in ("test", "train"):
        for kind, draw in DRAWS.items():
            systems = SHARES[kind] * FRAMES * scale / FRAMES_PER_TRAJECTORY / TRAJECTORIES[kind]
            share = TEST_SHARE[kind] if split == "test" else 1 - TEST_SHARE[kind]
            count, used = max(1 if split == "test" else 2, round(systems * share)), set()
            while count:
                chains, fields = draw(rng)
                if not _fits(chains) or (chains in used and (kind != "dimer" or split == "test")):
                    continue
                if split == "test":
                    if contains_in(first_train, chains) or contains_in(forms, chains):
                        continue
                    held_out.add(chains)
                elif contains_any(chains, held_out) or contains_any(chains, first_test):
                    continue
                used.add(chains)
                count -= 1
                if kind == "window":
                    fields["permittivity"] = PERMITTIVITIES[kind][count % 3]
                point = {"point": count * TRAJECTORIES[kind]} if fields.get("start") == "spread" else {}
                add(kind, split, chains, TRAJECTORIES[kind], **fields, **point)
    return [specs[k] for k in rng.permutation(len(specs))]


def contains_in(molecules, part: Chains) -> bool:
    """`part` occurs in one of `molecules`."""
    return any(contains_any(whole, (part,)) for whole in molecules)
