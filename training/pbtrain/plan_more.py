"""More of the wide plan, for training only: other trajectories, other molecules where chains are drawn, and more contacts.

Nothing that the first or the wide plan holds out (their shipped seeds) occurs in its molecules.  Contacts of the rarer
protonation states and of charged ends, where dynamics of whole proteins hands protons over, have a larger share.
"""
from __future__ import annotations

import functools

import numpy as np

from . import plan_first, plan_wide
from .holdout import contains_any
from .plan_wide import DISTORTIONS, PERTURBED_SHARE, SPECS_PER_SHARD, charge  # noqa: F401
from .systems import TERMINAL, Chains, Spec, capped, pick

SHARD = "shard_more_{:05d}.h5"
CONTACT_SHARE = 0.12  # of the specs, beside the wide plan's own
DONORS = ["LYS", "ARG", "HIP", "ASH", "GLH", "TYR", "CYS", "SER", "THR", "TRP", "ASN", "GLN", "HID", "HIE", "GLY", "ALA",
          *("N" + r for r in TERMINAL)]
ACCEPTORS = ["CYM", "CYM", "LYN", "ASP", "GLU", "HID", "HIE", *("C" + r for r in TERMINAL)]
SEED_FIRST, SEED_WIDE = 2024, 4048  # of the shipped data


@functools.lru_cache(maxsize=1)
def held_out() -> frozenset[Chains]:
    """Molecules (not residue forms) that the shipped plans hold out."""
    plans = plan_first.make_plan(SEED_FIRST, 1.0), plan_wide.make_plan(SEED_WIDE, 1.0)
    return frozenset(s.chains for plan in plans for s in plan if s.split == "test" and s.kind != "residue")


def is_new(chains: Chains) -> bool:
    """Whether nothing that is held out occurs in a molecule."""
    return not contains_any(chains, held_out())


def handover(rng: np.random.Generator) -> tuple[Chains, str]:
    """A residue that may give a proton away and one that may take it, capped, and what shall touch."""
    while True:
        donor, acceptor = pick(rng, DONORS), pick(rng, ACCEPTORS)
        chains = tuple(sorted((capped(donor), capped(acceptor))))
        if abs(charge(chains)) <= 1 and is_new(chains):
            return chains, "hbond" if donor in ("ALA", "GLY") else "polar"


def make_plan(seed: int, scale: float = 1.0) -> list[Spec]:
    """All specs in random order; about 60,000 frames at scale 1."""
    rng = np.random.default_rng((seed, 1))
    specs = [s for s in plan_wide.make_plan(seed, scale) if s.split == "train" and is_new(s.chains)]
    for _ in range(round(CONTACT_SHARE * len(specs))):
        chains, contact = handover(rng)
        specs.append(Spec("dimer", "train", chains, plan_wide.TRAJECTORIES["dimer"], int(rng.integers(2**31)),
                          pick(rng, (1.0, 1.0, 2.0)), plan_wide.FRAMES_PER_TRAJECTORY, contact=contact,
                          interval=plan_wide.INTERVAL["dimer"]))
    return [specs[k] for k in rng.permutation(len(specs))]
