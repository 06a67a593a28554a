"""Bringing a chain into contact with a molecule: any atoms, polar groups, side chains, stacked rings, disulfides."""
from __future__ import annotations

import numpy as np

TOUCH = 2.0  # angstrom between the nearest atoms
# planar groups of side chains, by names of their atoms
PLANES = {"PHE": ("CG", "CD1", "CE1", "CZ", "CE2", "CD2"), "TYR": ("CG", "CD1", "CE1", "CZ", "CE2", "CD2"),
          "TRP": ("CD2", "CE2", "CZ2", "CH2", "CZ3", "CE3"), "HID": ("CG", "ND1", "CE1", "NE2", "CD2"),
          "HIE": ("CG", "ND1", "CE1", "NE2", "CD2"), "HIP": ("CG", "ND1", "CE1", "NE2", "CD2"),
          "ARG": ("NE", "CZ", "NH1", "NH2")}
SPINE = {"N", "CA", "C", "O", "OXT"}


def random_orientation(rng: np.random.Generator) -> np.ndarray:
    """A random rotation matrix."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def contact_atoms(molecule, index: list[int], contact: str) -> list[int]:
    """Places in `index` of the atoms that may be brought into contact; all if the molecule has none of the kind."""
    atoms = list(molecule.topology.atoms())
    numbers = molecule.numbers

    def fits(i: int) -> bool:
        if contact == "polar":
            return numbers[i] in (7, 8, 16) and (
                atoms[i].name not in ("N", "O") or "OXT" in {a.name for a in atoms[i].residue.atoms()})
        if contact == "hbond":
            return numbers[i] in (7, 8, 16)
        if contact in ("side", "stack"):
            return numbers[i] > 1 and atoms[i].name not in SPINE and atoms[i].residue.name not in ("ACE", "NME")
        return True
    return [k for k, i in enumerate(index) if fits(i)] or list(range(len(index)))


def planes(molecule, index: list[int]) -> list[list[int]]:
    """Places in `index` of the atoms of each planar group."""
    atoms, groups = list(molecule.topology.atoms()), {}
    for k, i in enumerate(index):
        atom = atoms[i]
        if atom.name in PLANES.get(atom.residue.name, ()):
            groups.setdefault(atom.residue.index, []).append(k)
    return list(groups.values())


def dock(molecule, fixed: np.ndarray, moving: np.ndarray, fixed_index: list[int], moving_index: list[int],
         rng: np.random.Generator, contact: str = "any") -> np.ndarray:
    """`moving` [M, 3] turned at random and brought up along a random line until it touches `fixed` [F, 3].

    The index lists give the atoms' numbers in the molecule.  Two CYX are put beside each other, whatever `contact`.
    """
    atoms = list(molecule.topology.atoms())
    sulfur = [[k for k, i in enumerate(index) if atoms[i].name == "SG" and atoms[i].residue.name == "CYX"]
              for index in (fixed_index, moving_index)]
    if sulfur[0] and sulfur[1]:
        return _bridge(fixed, moving, sulfur[0][0], sulfur[1][0], rng)
    flat = [planes(molecule, fixed_index), planes(molecule, moving_index)] if contact == "stack" else None
    if flat and flat[0] and flat[1]:
        return _stack(fixed, moving, flat[0][rng.integers(len(flat[0]))], flat[1][rng.integers(len(flat[1]))], rng)
    moved = (moving - moving.mean(0)) @ random_orientation(rng)
    line = rng.normal(size=3)
    line /= np.linalg.norm(line)
    aim = fixed[rng.choice(contact_atoms(molecule, fixed_index, contact))]
    target = moved[rng.choice(contact_atoms(molecule, moving_index, contact))]
    return _retreat(fixed, moved - target + aim, line)


def _retreat(fixed: np.ndarray, moved: np.ndarray, line: np.ndarray) -> np.ndarray:
    while np.linalg.norm(fixed[:, None] - moved[None], axis=-1).min() < TOUCH:
        moved = moved + 0.1 * line
    return moved


def _bridge(fixed, moving, sulfur_fixed: int, sulfur_moving: int, rng) -> np.ndarray:
    """Disulfide: S beside S, least clash of many tries."""
    best = None
    for _ in range(40):
        moved = (moving - moving.mean(0)) @ random_orientation(rng)
        line = rng.normal(size=3)
        line /= np.linalg.norm(line)
        moved = moved - moved[sulfur_moving] + fixed[sulfur_fixed] + 2.2 * line
        score = -np.sort(np.linalg.norm(fixed[:, None] - moved[None], axis=-1).ravel())[:8].sum()
        if best is None or score < best[0]:
            best = (score, moved)
    return best[1]


def _normal(points: np.ndarray) -> np.ndarray:
    return np.linalg.svd(points - points.mean(0))[2][2]


def _stack(fixed, moving, plane_fixed: list[int], plane_moving: list[int], rng) -> np.ndarray:
    """Planes on each other: parallel within about 15 degrees, 3.4 angstrom apart, shifted by up to 1.5."""
    moved = (moving - moving.mean(0)) @ random_orientation(rng)
    normal = _normal(fixed[plane_fixed]) * rng.choice((-1.0, 1.0))
    wanted = normal + rng.normal(0, 0.15, 3)
    wanted /= np.linalg.norm(wanted)
    own = _normal(moved[plane_moving])
    own *= 1.0 if own @ wanted > 0 else -1.0
    half = (own + wanted) / np.linalg.norm(own + wanted)
    # two reflections, own -> -own -> wanted, are the rotation from own to wanted
    moved = moved @ (np.eye(3) - 2 * np.outer(own, own)) @ (np.eye(3) - 2 * np.outer(half, half))
    shift = np.cross(normal, rng.normal(size=3))
    shift *= rng.uniform(0, 1.5) / np.linalg.norm(shift)
    moved = moved - moved[plane_moving].mean(0) + fixed[plane_fixed].mean(0) + 3.4 * normal + shift
    return _retreat(fixed, moved, normal)
