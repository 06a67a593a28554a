"""Is a molecule still what its topology says: bonds whole, protons where they were, centres not inside out."""
from __future__ import annotations

from typing import Iterable, NamedTuple, Optional

import numpy as np

#: Covalent radii, nm (Cordero et al., Dalton Trans. 2008, 2832; carbon as sp3). Other elements count as carbon.
COVALENT_RADII = {1: 0.031, 6: 0.076, 7: 0.071, 8: 0.066, 9: 0.057, 15: 0.107, 16: 0.105, 17: 0.102}
#: A hydrogen within this many times the sum of covalent radii of another heavy atom, once its own bond is broken, has moved to it.
TRANSFERRED = 1.35


class BrokenBond(NamedTuple):
    """A bond that is too long.

    Attributes
    ----------
    first, second : int
        Topology indices; a hydrogen comes first.
    length, ratio : float
        nm; over its reference.
    movedTo : int or None
        The heavy atom that the hydrogen, now a proton, has moved to.
    """

    first: int
    second: int
    length: float
    ratio: float
    movedTo: Optional[int]


class MoleculeCheck:
    """Bonds and centres of some atoms of a topology, and what becomes of them.

    Positions are those of all atoms, in nm; with box vectors (nm, reduced as in OpenMM) atoms may lie in any image.

    Parameters
    ----------
    topology : openmm.app.Topology
    atoms : iterable of int, optional
        Bonds and centres among them are looked at; None: all.

    Attributes
    ----------
    bonds : numpy.ndarray of int, shape (bonds, 2)
        Topology indices.
    centres : numpy.ndarray of int, shape (centres, 4)
        Atoms with four neighbours, at most one of them a hydrogen (CA, CB of isoleucine and threonine, ...), and three
        heavy ones of these.
    """

    def __init__(self, topology, atoms: Optional[Iterable[int]] = None):
        everything = list(topology.atoms())
        self.numbers = np.array([0 if a.element is None else a.element.atomic_number for a in everything], int)
        inside = set(range(len(everything)) if atoms is None else (int(k) for k in atoms))
        self._heavy = np.array([k for k in sorted(inside) if self.numbers[k] > 1], int)
        bonds = [(a.index, b.index) for a, b in topology.bonds() if a.index in inside and b.index in inside]
        self.bonds = np.array(bonds, int).reshape(-1, 2)
        near: dict = {}
        for i, j in bonds:
            near.setdefault(i, []).append(j)
            near.setdefault(j, []).append(i)
        heavy = {i: [j for j in others if self.numbers[j] > 1] for i, others in near.items() if len(others) == 4}
        self.centres = np.array([(i, *others[:3]) for i, others in sorted(heavy.items()) if len(others) >= 3],
                                int).reshape(-1, 4)

    def lengths(self, x: np.ndarray, box: Optional[np.ndarray] = None) -> np.ndarray:
        """Length of each bond, nm."""
        return np.linalg.norm(nearestImage(x[self.bonds[:, 0]] - x[self.bonds[:, 1]], box), axis=1)

    def handedness(self, x: np.ndarray, box: Optional[np.ndarray] = None) -> np.ndarray:
        """Sign of the volume that each centre's heavy neighbours span."""
        others, centres = x[self.centres[:, 1:]], x[self.centres[:, :1]]
        return np.sign(np.linalg.det(nearestImage((others - centres).reshape(-1, 3), box).reshape(-1, 3, 3)))

    def brokenBonds(self, x: np.ndarray, ratios: np.ndarray, limit: float,
                    box: Optional[np.ndarray] = None) -> list[BrokenBond]:
        """Bonds whose `ratios`, of :meth:`lengths` to references, exceed `limit`; longest ratio first."""
        broken = np.flatnonzero(ratios > limit)
        return [self._broken(x, k, float(ratios[k]), box) for k in broken[np.argsort(-ratios[broken], kind="stable")]]

    def _broken(self, x, bond, ratio, box) -> BrokenBond:
        i, j = (int(k) for k in self.bonds[bond])
        length = float(np.linalg.norm(nearestImage(x[[i]] - x[[j]], box)))
        if self.numbers[j] == 1:
            i, j = j, i
        moved = None
        if self.numbers[i] == 1:
            others = self._heavy[self._heavy != j]
            distances = np.linalg.norm(nearestImage(x[others] - x[i], box), axis=1)
            reach = distances / [_radius(1) + _radius(self.numbers[k]) for k in others]
            if len(others) and reach.min() < TRANSFERRED:
                moved = int(others[reach.argmin()])
        return BrokenBond(i, j, length, ratio, moved)


def _radius(number) -> float:
    return COVALENT_RADII.get(int(number), COVALENT_RADII[6])


def nearestImage(vectors: np.ndarray, box: Optional[np.ndarray]) -> np.ndarray:
    """Vectors [n, 3] to the image nearest along each box vector in turn: right for those of a bond's size."""
    if box is None:
        return vectors
    for axis in (2, 1, 0):
        vectors = vectors - np.round(vectors[:, axis:axis + 1] / box[axis, axis]) * box[axis]
    return vectors


def forceFieldLengths(system, bonds: np.ndarray) -> np.ndarray:
    """Length (nm) that a System has for each bond, from its constraints or bond terms; NaN where there is neither."""
    import openmm

    known = {}
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for k in range(force.getNumBonds()):
                i, j, length, _ = force.getBondParameters(k)
                known[min(i, j), max(i, j)] = length._value
    for k in range(system.getNumConstraints()):
        i, j, length = system.getConstraintParameters(k)
        known[min(i, j), max(i, j)] = length._value
    return np.array([known.get((min(i, j), max(i, j)), np.nan) for i, j in bonds.tolist()], float)
