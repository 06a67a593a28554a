"""The first plan: every residue form, random windows of two and three residues, dimers; seeded, so reproducible.

Held out ("test"): whole window and dimer systems that are no training system, and separate trajectories of
every residue form.  Its data trained the first networks: the specs of a seed must not change.
"""
from __future__ import annotations

import numpy as np

from .systems import RARE, STANDARD, TERMINAL, Chains, Spec, capped

PERTURBED_SHARE = 0.2
DISTORTIONS = (0.75, 0.25, 0.0)  # displacements, bonds, angles
SPECS_PER_SHARD = 6
SHARD = "shard_{:05d}.h5"


def residue_forms() -> dict[Chains, float]:
    """Every single-residue molecule and its share of trajectories."""
    forms: dict[Chains, float] = {(("ACE", "NME"),): 0.5}
    forms |= {(capped(r),): 1.0 for r in STANDARD}
    forms |= {(capped(r),): 0.6 for r in RARE}
    forms |= {(capped("CYX"), capped("CYX")): 0.8}
    forms |= {(capped(end + r),): 0.25 for r in TERMINAL for end in "NC"}
    return forms


def random_residue(rng: np.random.Generator) -> str:
    """Standard residues evenly, rare protonation states seldom."""
    pool = RARE if rng.random() < 0.08 else STANDARD
    return pool[rng.integers(len(pool))]


def random_window(rng: np.random.Generator) -> Chains:
    """Two or three residues; one in ten has a charged terminus, one in forty a disulfide partner."""
    residues = [random_residue(rng) for _ in range(rng.integers(2, 4))]
    if rng.random() < 0.1:
        if rng.random() < 0.5:
            residues[0] = "N" + TERMINAL[rng.integers(len(TERMINAL))]
        else:
            residues[-1] = "C" + TERMINAL[rng.integers(len(TERMINAL))]
    elif rng.random() < 0.025:
        residues[rng.integers(len(residues))] = "CYX"
        return capped(*residues), capped("CYX")
    return (capped(*residues),)


def random_dimer(rng: np.random.Generator) -> Chains:
    """Two capped residues in contact; a third of them pairs of opposite charge or hydrogen-bonding."""
    if rng.random() < 0.15:
        pair = [["ARG", "LYS", "HIP"][rng.integers(3)], ["ASP", "GLU"][rng.integers(2)]]
    elif rng.random() < 0.25:
        polar = ["ASN", "GLN", "SER", "THR", "TYR", "HIE", "HID", "TRP", "ASP", "GLU", "LYS", "ARG"]
        pair = [polar[rng.integers(len(polar))], polar[rng.integers(len(polar))]]
    else:
        pair = [random_residue(rng), random_residue(rng)]
    if sum(r in ("ARG", "LYS", "HIP") for r in pair) == 2 or sum(r in ("ASP", "GLU", "CYM") for r in pair) == 2:
        pair[1] = "ALA"  # like charges side by side in vacuo: SCF trouble, and rare in proteins
    return tuple(capped(r) for r in sorted(pair))


# charged or polar groups that share short hydrogen bonds in proteins
ACCEPTORS = ["ASP", "GLU", "CALA", "CGLY"]
DONORS = ["SER", "THR", "TYR", "LYS", "ARG", "HIP", "HID", "HIE", "TRP", "ASN", "GLN", "CYS", "ASH", "GLY", "NALA",
          "NGLY"]


def contact_specs(rng: np.random.Generator, scale: float) -> list[Spec]:
    """Anion-donor dimers sampled without screening, at the short distances they have in a protein."""
    return [Spec("dimer", "train", (capped(a), capped(d)), max(1, round(4 * scale)), int(rng.integers(2**31)), 1.0,
                 contact="polar") for a in ACCEPTORS for d in DONORS]


def make_plan(seed: int = 2024, scale: float = 1.0) -> list[Spec]:
    """All specs in random order, the contacts last; scale 1 gives about 40,000 frames of about 1,000 systems."""
    rng = np.random.default_rng(seed)
    specs: list[tuple] = []
    for chains, share in residue_forms().items():
        for _ in range(max(1, round(24 * share * scale))):  # three trajectories each
            specs.append(("residue", "train", chains, 3))
        specs.append(("residue", "test", chains, 2 if share >= 0.5 else 1))
    used: set = set()
    for kind, draw, systems, trajectories in (("window", random_window, 700, 3), ("dimer", random_dimer, 520, 3)):
        count = 0
        while count < max(2, round(systems * scale)):
            chains = draw(rng)
            if chains in used and kind == "window":
                continue
            split = "test" if count % 18 == 0 and chains not in used else "train"
            if any(s[2] == chains and s[1] == "test" for s in specs):
                continue
            used.add(chains)
            specs.append((kind, split, chains, trajectories))
            count += 1
    order = rng.permutation(len(specs))
    plan = [Spec(*specs[k], seed=int(rng.integers(2**31))) for k in order]
    held_out = {spec.chains for spec in plan if spec.split == "test" and spec.kind != "residue"}
    return plan + [spec for spec in contact_specs(rng, scale) if spec.chains not in held_out]
