"""Is a sampled geometry the molecule it is meant to be: bonds, chirality, cis and trans, nothing through a ring."""
from __future__ import annotations

import numpy as np
from openmm import app

from .docking import PLANES

RINGS = {name: [ring] for name, ring in PLANES.items() if name != "ARG"}
RINGS["TRP"] = [*RINGS["TRP"], ("CG", "CD1", "NE1", "CE2", "CD2")]
RINGS["PRO"] = [("N", "CA", "CB", "CG", "CD")]


class Soundness:
    """Checks of one molecule's positions [N, 3] in angstrom."""

    def __init__(self, topology: app.Topology, numbers: np.ndarray, bonded: list[list[int]]):
        self.bonds = np.array([(a.index, b.index) for a, b in topology.bonds()])
        pairs = numbers[self.bonds]
        self.longest = np.where((pairs == 16).all(1), 2.6, np.where((pairs > 1).all(1), 2.2, 1.6))
        self.centres = []  # atoms with four neighbours, at most one of them a hydrogen, and three heavy neighbours
        for i, near in enumerate(bonded):
            heavy = [j for j in near if numbers[j] > 1]
            if len(near) == 4 and len(heavy) >= 3:
                self.centres.append((i, *heavy[:3]))
        self.peptide_bonds = []  # CA or CH3, C, N, CA or C
        self.rings = []
        for residue in topology.residues():
            atom = {a.name: a.index for a in residue.atoms()}
            for ring in RINGS.get(residue.name, []):
                self.rings.append([atom[name] for name in ring])
            before = [j for j in bonded[atom.get("N", 0)] if "N" in atom and numbers[j] == 6
                      and any(numbers[k] == 8 for k in bonded[j])]
            after = atom.get("CA", atom.get("C", atom.get("CH3")))
            if before:
                start = next(k for k in bonded[before[0]] if numbers[k] == 6)
                self.peptide_bonds.append((start, before[0], atom["N"], after))

    def bonds_whole(self, x: np.ndarray) -> bool:
        """No bond is far from its length."""
        length = np.linalg.norm(x[self.bonds[:, 0]] - x[self.bonds[:, 1]], axis=1)
        return bool((length < self.longest).all() and (length > 0.7).all())

    def handedness(self, x: np.ndarray) -> np.ndarray:
        """Signs of the chiral centres."""
        return np.array([np.sign(np.dot(x[a] - x[i], np.cross(x[b] - x[i], x[c] - x[i])))
                         for i, a, b, c in self.centres])

    def trans(self, x: np.ndarray) -> np.ndarray:
        """True for each peptide bond that is trans (|omega| > 90 degrees)."""
        result = []
        for a, b, c, d in self.peptide_bonds:
            axis = (x[c] - x[b]) / np.linalg.norm(x[c] - x[b])
            u, v = x[a] - x[b], x[d] - x[c]
            result.append(np.dot(u - (u @ axis) * axis, v - (v @ axis) * axis) < 0)
        return np.array(result, dtype=bool)

    def rings_free(self, x: np.ndarray) -> bool:
        """No bond passes through a ring."""
        for ring in self.rings:
            others = self.bonds[~np.isin(self.bonds, ring).any(1)]
            start, along = x[others[:, 0]], x[others[:, 1]] - x[others[:, 0]]
            centre = x[ring].mean(0)
            for a, b in zip(ring, ring[1:] + ring[:1]):
                if _crosses(start, along, centre, x[a] - centre, x[b] - centre).any():
                    return False
        return True


def _crosses(start, along, corner, edge1, edge2) -> np.ndarray:
    """Which segments start + t along (0 < t < 1) cross the triangle; Moeller and Trumbore, J. Graph. Tools 2, 21."""
    p = np.cross(along, edge2)
    det = p @ edge1
    det = np.where(abs(det) < 1e-9, 1e-9, det)
    s = start - corner
    u = np.einsum("ij,ij->i", s, p) / det
    q = np.cross(s, edge1)
    v = np.einsum("ij,ij->i", along, q) / det
    t = q @ edge2 / det
    return (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)
