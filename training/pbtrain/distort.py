"""Distorted copies of frames: networks trained on some of them keep molecules whole in dynamics."""
from __future__ import annotations

import numpy as np
from openmm import app

from .molecules import neighbours, rotate, side_of_bond

MAX_SWING = 0.8  # angstrom
HYDROGEN_BOND = 2.6  # angstrom from a hydrogen to its acceptor, at most
TRANSFERRED = 1.0  # angstrom from the acceptor, where a moved hydrogen would arrive
TORN = 1.2, 2.0  # times its length, a bond on its way to breaking
HEAVY_SHARE = 0.6  # of torn bonds: between heavy atoms for sure; the others are any


def perturb(x: np.ndarray, topology: app.Topology, rng: np.random.Generator,
            shares: tuple[float, ...]) -> np.ndarray:
    """Random displacements of 0.02-0.08 angstrom, one changed bond, one changed angle, one hydrogen moved along its
    hydrogen bond, or one torn bond, in these `shares` (of the last, none where left out).  Without a hydrogen bond a bond
    is changed."""
    draw = rng.random()
    kinds = (lambda x, topology, rng: displace(x, rng), stretch_bond, bend_angle, move_proton, tear_bond)
    kind = kinds[min(int(np.searchsorted(np.cumsum(shares), draw, side="right")), len(shares) - 1)]
    y = kind(x, topology, rng)
    if y is None and kind is move_proton:
        y = stretch_bond(x, topology, rng)
    return x + rng.normal(size=x.shape) * 0.04 if y is None else y


def displace(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All atoms moved at random, by 0.02-0.08 angstrom (standard deviation of a coordinate)."""
    return x + rng.normal(size=x.shape) * rng.uniform(0.02, 0.08)


def stretch_bond(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray | None:
    """One bond outside rings 12 % shorter to 30 % longer, one side moved as a whole; None if none was found."""
    bonds, bonded = list(topology.bonds()), neighbours(topology)
    for _ in range(20):
        a, b = (atom.index for atom in bonds[rng.integers(len(bonds))])
        side = side_of_bond(bonded, a, b)
        if side is not None:
            y = x.copy()
            y[side] += (rng.uniform(0.88, 1.30) - 1.0) * (x[b] - x[a])
            return y
    return None


def tear_bond(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray | None:
    """One bond outside rings 1.2 to 2 times as long, one side moved as a whole; None if none was found.

    Dynamics breaks bonds where a network falls off beyond the lengths that it has seen.
    """
    bonds, bonded = list(topology.bonds()), neighbours(topology)
    heavy = [bond for bond in bonds if all(atom.element.symbol != "H" for atom in bond)]
    candidates = heavy if heavy and rng.random() < HEAVY_SHARE else bonds
    for _ in range(20):
        a, b = (atom.index for atom in candidates[rng.integers(len(candidates))])
        side = side_of_bond(bonded, a, b)
        if side is not None:
            y = x.copy()
            y[side] += (rng.uniform(*TORN) - 1.0) * (x[b] - x[a])
            return y
    return None


def bend_angle(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray | None:
    """One angle a-b-c changed by 4-15 degrees, c's side of the bond b-c (outside rings) turned about b.

    No atom moves by more than MAX_SWING, so that a turned branch does not run into the rest of the molecule.
    """
    bonds, bonded = list(topology.bonds()), neighbours(topology)
    for _ in range(20):
        b, c = (atom.index for atom in bonds[rng.integers(len(bonds))])
        if rng.random() < 0.5:
            b, c = c, b
        others = [k for k in bonded[b] if k != c]
        side = side_of_bond(bonded, b, c)
        if side is None or not others:
            continue
        axis = np.cross(x[others[rng.integers(len(others))]] - x[b], x[c] - x[b])
        if np.linalg.norm(axis) < 0.2:  # nearly straight
            continue
        angle = np.radians(rng.uniform(4, 15)) * rng.choice((-1, 1))
        y = x.copy()
        y[side] = rotate(x[side], x[b], axis, angle)
        if np.linalg.norm(y[side] - x[side], axis=1).max() < MAX_SWING:
            return y
    return None


def move_proton(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray | None:
    """One hydrogen of N, O or S 10-90 % of the way towards the N, O or S that it points at; None if there is no such pair.

    In vacuo protons of charged groups do wander; dynamics breaks bonds where a network has not seen what that costs.
    """
    symbols = [a.element.symbol for a in topology.atoms()]
    polar = np.array([k for k, symbol in enumerate(symbols) if symbol in ("N", "O", "S")])
    bonded = neighbours(topology)
    pairs = []
    for donor in polar:
        for hydrogen in bonded[donor]:
            if symbols[hydrogen] == "H":
                others = polar[(polar != donor) & ~np.isin(polar, bonded[donor])]
                distance = np.linalg.norm(x[others] - x[hydrogen], axis=1)
                pairs += [(hydrogen, int(other)) for other in others[distance < HYDROGEN_BOND]]
    if not pairs:
        return None
    hydrogen, acceptor = pairs[rng.integers(len(pairs))]
    way = x[acceptor] - x[hydrogen]
    length = np.linalg.norm(way)
    y = x.copy()
    y[hydrogen] += rng.uniform(0.1, 0.9) * max(length - TRANSFERRED, 0.0) / length * way
    return y
