"""What can be sampled: residue names, molecules as tuples of chains, and the sampling task of one molecule."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Chains = tuple[tuple[str, ...], ...]

STANDARD = ["ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HID", "HIE", "ILE", "LEU", "LYS", "MET", "PHE",
            "PRO", "SER", "THR", "TRP", "TYR", "VAL"]
RARE = ["HIP", "ASH", "GLH", "LYN", "CYM"]
TERMINAL = ["ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HID", "HIE", "HIP", "ILE", "LEU", "LYS", "MET",
            "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"]
CATIONS, ANIONS = ("ARG", "LYS", "HIP"), ("ASP", "GLU", "CYM")
TEMPERATURES = (300.0, 300.0, 400.0, 500.0, 600.0)
PEPTIDE_TEMPERATURES = (300.0, 350.0, 400.0, 450.0)


@dataclass(frozen=True)
class Spec:
    """One sampling task: `trajectories` of `frames` frames each of one molecule.

    permittivity: of the sampling; labels are always made in vacuo.
    start: "basins" (random backbone basins), "spread" (backbone torsions spread evenly, from number `point` of a
        low-discrepancy sequence on), "fold" (helices, strands, turns, coils, made compact in a hot phase).
    contact: what touches between chains: "any" atom, "polar" (side-chain or terminal N, O, S), "hbond" (any N, O,
        S), "side" (side-chain heavy atoms), "stack" (ring planes on each other).
    interval: steps of 2 fs between frames.
    """

    kind: str  # residue, window, dimer, cluster, peptide
    split: str  # train, test
    chains: Chains
    trajectories: int
    seed: int
    permittivity: float = 4.0
    frames: int = 6
    start: str = "basins"
    contact: str = "any"
    point: int = 0
    interval: int = 150

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Sampling temperatures in K, one is drawn for each trajectory."""
        return PEPTIDE_TEMPERATURES if self.kind == "peptide" else TEMPERATURES


def capped(*residues: str) -> tuple[str, ...]:
    """ACE-...-NME; a charged terminal residue takes the cap's place."""
    first = () if len(residues[0]) == 4 and residues[0][0] == "N" else ("ACE",)
    last = () if len(residues[-1]) == 4 and residues[-1][0] == "C" else ("NME",)
    return (*first, *residues, *last)


def pick(rng: np.random.Generator, items):
    """One of `items`."""
    return items[rng.integers(len(items))]
