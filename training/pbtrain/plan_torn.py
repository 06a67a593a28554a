"""The torn plan: every residue form with bonds on their way to breaking, and with protons on their way elsewhere.

Dynamics at 500 K finds whatever a network has not been told the cost of. Networks of the wide plan, whose longest bonds are
30 % too long, fall below GFN2-xTB by 8 kcal/mol where CA-C of a carboxylate is half as long again, and by 40 at twice its length.
All frames are distorted; one trajectory of each form is held out.
"""
from __future__ import annotations

import numpy as np

from .plan_wide import residue_forms
from .systems import Spec

PERTURBED_SHARE = 1.0
DISTORTIONS = (0.0, 0.0, 0.0, 0.3, 0.7)  # protons along hydrogen bonds, torn bonds
SPECS_PER_SHARD = 10
SHARD = "shard_torn_{:05d}.h5"
TRAJECTORIES, FRAMES, TEST_FRAMES = 3, 10, 4
INTERVAL = 100  # steps of 2 fs


def make_plan(seed: int, scale: float = 1.0) -> list[Spec]:
    """All specs in random order; about 5,000 frames at scale 1."""
    rng = np.random.default_rng(seed)
    specs = []
    for chains in residue_forms():
        for k, permittivity in enumerate((1.0, 4.0)):
            count = max(1, round(TRAJECTORIES * scale))
            specs.append(Spec("residue", "train", chains, count, int(rng.integers(2**31)), permittivity, FRAMES, "spread",
                              point=k * count, interval=INTERVAL))
        specs.append(Spec("residue", "test", chains, 1, int(rng.integers(2**31)), 1.0, TEST_FRAMES, "spread",
                          point=int(rng.integers(10**6)), interval=INTERVAL))
    return [specs[k] for k in rng.permutation(len(specs))]
