"""Backbone torsions of starting structures: random basins, even coverage, and folds of several segments.

A source is a function residue name -> (phi, psi, omega) in degrees, called for the residues of a molecule in
order (and for NME, whose values are not used).  omega is the bond before the residue.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

Source = Callable[[str], tuple[float, float, float]]

# backbone basins (phi, psi): beta, polyproline, alpha, left-handed alpha, and the bridge region
BASINS = [(-120, 130), (-70, 145), (-63, -42), (-90, 0), (57, 40), (-140, 160)]
CIS_PROLINE = 0.1  # of the prolines; about 5 % in proteins

# segments of a fold: (phi, psi) repeated, or one turn
HELIX, STRAND, POLYPROLINE = (-63, -42), (-120, 130), (-70, 145)
TURNS = [[(-60, -30), (-90, 0)], [(-60, 120), (80, 0)], [(60, 30), (90, 0)], [(60, -120), (-80, 0)]]  # I, II, I', II'


def basins(rng: np.random.Generator) -> Source:
    """A random basin for each residue, all peptide bonds trans."""
    def draw(residue: str) -> tuple[float, float, float]:
        phi, psi = BASINS[rng.integers(len(BASINS))]
        if residue == "PRO":
            phi, psi = -65, (-40, 140)[rng.integers(2)]
        return phi + rng.normal(0, 15), psi + rng.normal(0, 15), 180.0
    return draw


def low_discrepancy(point: int, dimensions: int) -> np.ndarray:
    """Point number `point` of Roberts' additive sequence R_d in the unit cube: even at any length."""
    ratio = 2.0
    for _ in range(40):  # ratio^(d+1) = ratio + 1
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    return (0.5 + point * ratio ** -np.arange(1.0, dimensions + 1)) % 1.0


def spread(rng: np.random.Generator, point: int, residues: int) -> Source:
    """(phi, psi) of all residues together are one point of an even sequence; proline's phi stays at its ring's."""
    angles = iter(360.0 * low_discrepancy(point, 2 * residues) - 180.0)

    def draw(residue: str) -> tuple[float, float, float]:
        phi, psi = next(angles, 180.0), next(angles, 180.0)
        return _for_residue(residue, phi, psi, rng)
    return draw


def fold(rng: np.random.Generator, residues: int) -> Source:
    """Segments of helix, strand, polyproline and turns; one in four is a hairpin (strand, turn, strand)."""
    path: list[tuple[float, float]] = []
    if residues >= 4 and rng.random() < 0.25:
        arm = (residues - 2) // 2
        path = [STRAND] * arm + TURNS[rng.choice(4, p=(0.2, 0.2, 0.4, 0.2))] + [STRAND] * residues
    while len(path) < residues:
        kind = rng.choice(5, p=(0.35, 0.2, 0.15, 0.2, 0.1))
        if kind == 3:
            path += TURNS[rng.integers(len(TURNS))]
        elif kind == 4:
            path += [BASINS[rng.integers(len(BASINS))]]
        else:
            path += [(HELIX, STRAND, POLYPROLINE)[kind]] * int(rng.integers(2, 8 if kind == 0 else 4))
    steps = iter(path)

    def draw(residue: str) -> tuple[float, float, float]:
        phi, psi = next(steps, STRAND)
        return _for_residue(residue, phi + rng.normal(0, 12), psi + rng.normal(0, 12), rng)
    return draw


def _for_residue(residue: str, phi: float, psi: float, rng: np.random.Generator) -> tuple[float, float, float]:
    if residue != "PRO":
        return phi, psi, 180.0
    return -65.0 + rng.normal(0, 10), psi, 0.0 if rng.random() < CIS_PROLINE else 180.0
