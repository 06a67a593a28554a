"""Distorted copies of frames: networks trained on some of them keep molecules whole in dynamics."""
from __future__ import annotations

import numpy as np
from openmm import app

from .molecules import neighbours, rotate, side_of_bond

MAX_SWING = 0.8  # angstrom


def perturb(x: np.ndarray, topology: app.Topology, rng: np.random.Generator,
            shares: tuple[float, float, float]) -> np.ndarray:
    """Random displacements of 0.02-0.08 angstrom, one changed bond, or one changed angle, in these `shares`."""
    draw = rng.random()
    if draw < shares[0]:
        return displace(x, rng)
    y = (stretch_bond if draw < shares[0] + shares[1] else bend_angle)(x, topology, rng)
    return x + rng.normal(size=x.shape) * 0.04 if y is None else y


def displace(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All atoms moved at random, by 0.02-0.08 angstrom (standard deviation of a coordinate)."""
    return x + rng.normal(size=x.shape) * rng.uniform(0.02, 0.08)


def stretch_bond(x: np.ndarray, topology: app.Topology, rng: np.random.Generator) -> np.ndarray | None:
    """One bond outside rings 12 % shorter to 22 % longer, one side moved as a whole; None if none was found."""
    bonds, bonded = list(topology.bonds()), neighbours(topology)
    for _ in range(20):
        a, b = (atom.index for atom in bonds[rng.integers(len(bonds))])
        side = side_of_bond(bonded, a, b)
        if side is not None:
            y = x.copy()
            y[side] += (rng.uniform(0.88, 1.22) - 1.0) * (x[b] - x[a])
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
