"""The plan of DFT labels: side-chain analogues, their pairs, then capped residues; seeded, so reproducible.

A spec is one trajectory of one molecule; the list is ordered so that any beginning of it is a balanced sample:
first analogues and pairs with a few small capped residues in between, then every capped residue form, smallest
first, with further pairs.  Held out ("test"): pairs of molecules that occur in no training spec, and separate
trajectories of analogues and residue forms.
"""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from .analogues import ANALOGUES
from .plan_wide import atom_count, residue_forms, terminus
from .systems import Chains, pick

PERTURBED_SHARE = 0.15
DISTORTIONS = (0.4, 0.3, 0.3)  # displacements, bonds, angles
SHARD = "shard_dft_{:05d}.h5"
TEMPERATURES = (300.0, 300.0, 400.0, 500.0)
AMIDE = "N-methylacetamide"
MAX_PAIR_ATOMS = 26
PAIRS = {"train": (46, 60), "test": (10, 6)}  # in the first part, in the second; a pair costs five times an analogue
ANALOGUE_TRAJECTORIES = 4  # besides a held-out one
# of a trajectory; held out are more, for errors of energies about their mean
FRAMES = {"train": {"analogue": 3, "pair": 3, "residue": 2}, "test": {"analogue": 6, "pair": 4, "residue": 4}}
EARLY_RESIDUES = 6  # specs of the smallest capped residues in the first part
RESIDUE_TEST_EVERY = 4

CATIONS = ["methylammonium", "methylguanidinium", "4-methylimidazolium"]
ANIONS = ["acetate", "methanethiolate", "propanoate"]
POLAR = ["methanol", "ethanol", "methanethiol", "acetic-acid", "acetamide", "methylamine", "4-methylimidazole",
         "5-methylimidazole", "p-cresol", "3-methylindole", "dimethyl-sulfide", "dimethyl-disulfide", AMIDE, AMIDE, AMIDE]
NONPOLAR = ["methane", "propane", "isobutane", "butane", "toluene", "N-acetylpyrrolidine"]
STACKING = ["toluene", "p-cresol", "4-methylimidazole", "5-methylimidazole", "4-methylimidazolium", "methylguanidinium"]
# kind of pair -> (share, first partner, second partner, contact of docking.py, most atoms)
PAIR_KINDS = {
    "salt bridge": (0.15, CATIONS, ANIONS, "hbond", MAX_PAIR_ATOMS),
    "ion and polar": (0.27, CATIONS + ANIONS, POLAR, "hbond", MAX_PAIR_ATOMS),
    "polar": (0.34, POLAR, POLAR, "hbond", MAX_PAIR_ATOMS),
    "nonpolar": (0.10, NONPOLAR, NONPOLAR + POLAR, "any", MAX_PAIR_ATOMS),
    "ion and nonpolar": (0.08, NONPOLAR, CATIONS + ANIONS, "any", MAX_PAIR_ATOMS),
    "stack": (0.06, STACKING, STACKING, "stack", 28),
}


@dataclass(frozen=True)
class DftSpec:
    """One trajectory. `parts`: names of analogues, AMIDE, or one capped residue as dashed chains joined by "+".

    dynamics: "gfn2" (GFN2-xTB in vacuo) or "ff14sb" (as the GFN2-xTB data: relative permittivity 4).
    point: number in the low-discrepancy sequence of backbone torsions from which a residue starts.
    """

    kind: str  # analogue, pair, residue
    split: str
    parts: tuple[str, ...]
    frames: int
    seed: int
    temperature: float
    dynamics: str = "gfn2"
    contact: str = "any"
    point: int = 0


def chains_of(part: str) -> Chains:
    """The residue chains that a part is cut from or consists of."""
    if part in ANALOGUES:
        return ANALOGUES[part].chains
    return (("ACE", "NME"),) if part == AMIDE else tuple(tuple(chain.split("-")) for chain in part.split("+"))


def name_of(chains: Chains) -> str:
    """A residue form as a part: ACE-SER-NME, ACE-CYX-NME+ACE-CYX-NME."""
    return AMIDE if chains == (("ACE", "NME"),) else "+".join("-".join(chain) for chain in chains)


def part_atoms() -> dict[str, int]:
    """Atoms of each analogue and of N-methylacetamide."""
    from .analogues import Analogue
    return {AMIDE: 12} | {name: len(Analogue(name).molecule.numbers) for name in ANALOGUES}


def make_plan(seed: int, scale: float = 1.0) -> list[DftSpec]:
    """All specs in order; scale 1 gives about 1,160 frames.  ValueError if there are not as many pairs."""
    rng = np.random.default_rng(seed)

    def spec(kind: str, split: str, parts: tuple[str, ...], **fields) -> DftSpec:
        return DftSpec(kind, split, parts, FRAMES[split][kind], int(rng.integers(2**31)), float(pick(rng, TEMPERATURES)),
                       **fields)

    def shuffled(specs: list) -> list:
        return [specs[k] for k in rng.permutation(len(specs))]

    singles = shuffled([spec("analogue", split, (name,)) for name in [AMIDE, *ANALOGUES]
                        for split in ["train"] * max(1, round(ANALOGUE_TRAJECTORIES * scale)) + ["test"]])
    early, late = _pairs(rng, scale, spec)
    forms = sorted((chains for chains in residue_forms() if chains != (("ACE", "NME"),)),
                   key=lambda chains: (atom_count(chains), chains))
    terminal = [chains for chains in forms if any(terminus(r) for chain in chains for r in chain)]
    forms = interleave([chains for chains in forms if chains not in terminal], terminal)
    residues = []
    for k, chains in enumerate(forms):
        splits = ["train"] * max(1, round(scale)) + ["test"] * (k % RESIDUE_TEST_EVERY == 1)
        for i, split in enumerate(splits):
            residues.append(spec("residue", split, (name_of(chains),), point=int(rng.integers(10**6)),
                                 dynamics=("gfn2", "ff14sb")[(k // RESIDUE_TEST_EVERY + k + i) % 2]))
    return (interleave(singles, shuffled(early), residues[:EARLY_RESIDUES])
            + interleave(shuffled(late), residues[EARLY_RESIDUES:]))


def _possible(pair: tuple[str, str], most: int, atoms: dict[str, int]) -> bool:
    """Small enough, and no two ions of like charge."""
    like = any(pair[0] in ions and pair[1] in ions for ions in (CATIONS, ANIONS))
    return not like and sum(atoms[p] for p in pair) <= most


def _pairs(rng, scale: float, spec) -> list[list[DftSpec]]:
    """Pairs of the first and of the second part; what is held out is drawn first and never trained on."""
    atoms, held_out, result = part_atoms(), set(), [[], []]
    kinds, shares = list(PAIR_KINDS), [row[0] for row in PAIR_KINDS.values()]
    counts = {split: [max(1, round(count * scale)) for count in parts] for split, parts in PAIRS.items()}
    wanted = sum(map(sum, counts.values()))
    possible = len({tuple(sorted(pair)) for _, first, second, _, most in PAIR_KINDS.values()
                    for pair in product(first, second) if _possible(pair, most, atoms)})
    if wanted > possible:
        raise ValueError(f"scale {scale:g} asks for {wanted} pairs of molecules, and there are only {possible}: a scale of "
                         f"about {possible / sum(map(sum, PAIRS.values())):.1f} has them all")
    for split in ("test", "train"):
        used: set[tuple[str, str]] = set()
        for part in (0, 1):
            count = counts[split][part]
            while count:
                _, first, second, contact, most = PAIR_KINDS[kinds[rng.choice(len(kinds), p=shares)]]
                pair = tuple(sorted((pick(rng, first), pick(rng, second))))
                if not _possible(pair, most, atoms) or pair in used or (split == "train" and pair in held_out):
                    continue
                used.add(pair)
                if split == "test":
                    held_out.add(pair)
                result[part].append(spec("pair", split, pair, contact=contact))
                count -= 1
    return result


def interleave(*lists: list) -> list:
    """One list in which each of `lists` is spread evenly, in its own order."""
    keyed = [((i + 0.5) / len(items), k, item) for k, items in enumerate(lists) for i, item in enumerate(items)]
    return [item for _, _, item in sorted(keyed, key=lambda row: row[:2])]
