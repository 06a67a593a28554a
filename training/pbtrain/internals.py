"""Redundant internal coordinates of a molecule: bonds, angles and proper torsions, their derivatives, and the way back.

Torsional motions are straight lines in them, which makes relaxations short (Peng, Ayala, Schlegel and Frisch,
J. Comput. Chem. 17, 49 (1996)).  Units: angstrom, radians.
"""
from __future__ import annotations

import numpy as np


class InternalsError(RuntimeError):
    """No geometry with the wanted coordinates was found."""


class Internals:
    """Coordinates of one molecule, from its bonds (`bonded`: neighbours of each atom)."""

    def __init__(self, bonded: list[list[int]]):
        self.bonds = np.array([(i, j) for i, near in enumerate(bonded) for j in near if i < j])
        self.angles = np.array([(i, j, k) for j, near in enumerate(bonded) for i in near for k in near if i < k])
        self.torsions = np.array([(i, j, k, l) for j, k in self.bonds for i in bonded[j] for l in bonded[k]
                                  if i != k and l != j and i != l])
        self.first_torsion = len(self.bonds) + len(self.angles)
        self.size = self.first_torsion + len(self.torsions)

    def index_of(self, quad: tuple[int, int, int, int]) -> int:
        """Position of a torsion among the coordinates."""
        for k, torsion in enumerate(self.torsions.tolist()):
            if torsion in (list(quad), list(quad)[::-1]):
                return self.first_torsion + k
        raise ValueError(f"atoms {quad} are not bonded in a row")

    def difference(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """a - b, torsions by the shorter way round."""
        result = a - b
        result[self.first_torsion:] = (result[self.first_torsion:] + np.pi) % (2 * np.pi) - np.pi
        return result

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values [size] and derivatives B [size, 3 N] at x [N, 3]."""
        b = np.zeros((self.size, *x.shape))
        rows = np.arange(len(self.bonds))
        i, j = self.bonds.T
        vector = x[i] - x[j]
        length = np.linalg.norm(vector, axis=1)
        b[rows, i], b[rows, j] = vector / length[:, None], -vector / length[:, None]

        rows = len(self.bonds) + np.arange(len(self.angles))
        i, j, k = self.angles.T
        u, v = x[i] - x[j], x[k] - x[j]
        ru, rv = np.linalg.norm(u, axis=1)[:, None], np.linalg.norm(v, axis=1)[:, None]
        u, v = u / ru, v / rv
        cosine = np.clip((u * v).sum(1), -1, 1)[:, None]
        sine = np.sqrt(np.maximum(1 - cosine ** 2, 1e-12))
        b[rows, i], b[rows, k] = (cosine * u - v) / (ru * sine), (cosine * v - u) / (rv * sine)
        b[rows, j] = -b[rows, i] - b[rows, k]

        values, gradients = torsions(x, self.torsions)
        rows = self.first_torsion + np.arange(len(self.torsions))
        for atom, gradient in zip(self.torsions.T, gradients):
            b[rows, atom] = gradient
        return np.concatenate((length, np.arccos(cosine[:, 0]), values)), b.reshape(self.size, -1)

    def moved(self, x: np.ndarray, step: np.ndarray, rounds: int = 25) -> np.ndarray:
        """The geometry whose coordinates come nearest to those of x plus `step`."""
        target = self(x)[0] + step
        start = x
        for _ in range(rounds):
            values, b = self(x)
            normal = b.T @ b
            change = np.linalg.solve(normal + 1e-7 * np.eye(len(normal)), b.T @ self.difference(target, values))
            if not abs(change).max() < 1.0:
                break
            x = x + change.reshape(x.shape)
            if abs(change).max() < 1e-5:
                return x
        if abs(x - start).max() < 3.0 and abs(change).max() < 0.02:  # nearly there: redundant targets may contradict
            return x
        raise InternalsError("the way back from internal coordinates does not converge")


def torsions(x: np.ndarray, quads: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Torsions [T] (radians) of `quads` [T, 4] and their gradients on the four atoms, each [T, 3].

    Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996).
    """
    i, j, k, l = np.asarray(quads).T
    f, g, h = x[i] - x[j], x[j] - x[k], x[l] - x[k]
    a, b = np.cross(f, g), np.cross(h, g)
    length = np.linalg.norm(g, axis=1)[:, None]
    values = np.arctan2((np.cross(b, a) * g).sum(1) / length[:, 0], (a * b).sum(1))
    aa, bb = a / (a * a).sum(1)[:, None], b / (b * b).sum(1)[:, None]
    along = (f * g).sum(1)[:, None] / length * aa - (h * g).sum(1)[:, None] / length * bb
    return values, [-length * aa, length * aa + along, -along - length * bb, length * bb]
