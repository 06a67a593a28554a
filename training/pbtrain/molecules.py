"""Molecules from lists of ff14SB residue templates: topology, elements, charge, starting coordinates.

A molecule is a list of chains, a chain a list of template names as in OpenMM's amber14/protein.ff14SB.xml:
["ACE", "HIP", "NME"], ["NGLY", "ALA", "NME"], ["ACE", "CTRP"].  Two CYX anywhere in a molecule are
bonded to each other.  Coordinates come from backbone internal coordinates, PDBFixer's residue templates
(heavy atoms), random side-chain torsions and geometric hydrogens; they are meant to be minimised.
"""
from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openmm import app

from .docking import dock
from .torsions import Source, basins

FORCE_FIELD = "amber14/protein.ff14SB.xml"
# the heavy-atom template of each side chain
PARENT = {"HID": "HIS", "HIE": "HIS", "HIP": "HIS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS",
          "CYM": "CYS", "CYX": "CYS"}
BACKBONE = {"N", "CA", "C", "O", "OXT"}


@functools.lru_cache(maxsize=None)
def force_field() -> app.ForceField:
    """ff14SB as OpenMM ships it."""
    return app.ForceField(FORCE_FIELD)


@dataclass
class Molecule:
    """chains: template names; topology: OpenMM's; numbers [N]; charge in e."""

    chains: list[list[str]]
    topology: app.Topology
    numbers: np.ndarray
    charge: int

    @property
    def name(self) -> str:
        return "+".join("-".join(chain) for chain in self.chains)


def base_residue(template: str) -> str:
    """Three-letter side chain of a template name: NHIP -> HIP, CALA -> ALA, HID -> HID."""
    return template[1:] if len(template) == 4 else template


def build_topology(chains: list[list[str]]) -> Molecule:
    """Atoms and bonds straight from the force field's templates, so every protonation form is exact."""
    templates = force_field()._templates
    topology = app.Topology()
    numbers, charge, sulfurs = [], 0.0, []
    for chain_names in chains:
        chain = topology.addChain()
        previous_c = None
        for name in chain_names:
            if name not in templates:
                raise ValueError(f"no residue template {name!r} in {FORCE_FIELD}")
            residue = topology.addResidue(base_residue(name), chain)
            atoms = {}
            for atom in templates[name].atoms:
                atoms[atom.name] = topology.addAtom(atom.name, atom.element, residue)
                numbers.append(atom.element.atomic_number)
                charge += atom.parameters["charge"]
            for a, b in templates[name].bonds:
                topology.addBond(atoms[templates[name].atoms[a].name], atoms[templates[name].atoms[b].name])
            if previous_c is not None:
                topology.addBond(previous_c, atoms["N"])
            previous_c = atoms.get("C")
            if base_residue(name) == "CYX":
                sulfurs.append(atoms["SG"])
    if len(sulfurs) % 2:
        raise ValueError("CYX residues must come in pairs")
    for a, b in zip(sulfurs[::2], sulfurs[1::2]):
        topology.addBond(a, b)
    if abs(charge - round(charge)) > 1e-3:
        raise ValueError(f"total charge {charge} of {chains} is not an integer")
    return Molecule(chains, topology, np.array(numbers), round(charge))


def place(a, b, c, length: float, angle: float, torsion: float) -> np.ndarray:
    """Position of d with |cd| = length, angle bcd and torsion abcd in degrees (NeRF)."""
    angle, torsion = np.radians(angle), np.radians(torsion)
    bc = (c - b) / np.linalg.norm(c - b)
    n = np.cross(b - a, bc)
    n /= np.linalg.norm(n)
    frame = np.stack((bc, np.cross(n, bc), n))
    local = length * np.array([-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)])
    return c + local @ frame


@functools.lru_cache(maxsize=None)
def _heavy_template(residue: str) -> dict[str, np.ndarray]:
    import pdbfixer
    path = Path(pdbfixer.__file__).parent / "templates" / f"{PARENT.get(residue, residue)}.pdb"
    return {line[12:16].strip(): np.array([float(line[k:k + 8]) for k in (30, 38, 46)])
            for line in path.read_text().splitlines() if line.startswith("ATOM")}


def _frame(n, ca, c) -> np.ndarray:
    x = (n - ca) / np.linalg.norm(n - ca)
    z = np.cross(x, c - ca)
    z /= np.linalg.norm(z)
    return np.stack((x, np.cross(z, x), z))


def _chain_coordinates(residues: list[app.topology.Residue], backbone: Source,
                       rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Heavy atoms of a chain by atom index, angstrom."""
    positions: dict[int, np.ndarray] = {}
    # three virtual atoms to start from; a, b, c are always the last three backbone atoms
    a, b, c = np.array([0.0, 1.4, 0.3]), np.array([-0.9, 0.2, 0.0]), np.zeros(3)
    psi = 180.0
    for residue in residues:
        atom = {x.name: x.index for x in residue.atoms()}
        if residue.name == "ACE":
            ch3 = place(a, b, c, 1.52, 110, 180)
            carbon = place(b, c, ch3, 1.52, 112, 180)
            positions[atom["CH3"]], positions[atom["C"]] = ch3, carbon
            psi = rng.uniform(-180, 180)
            positions[atom["O"]] = place(c, ch3, carbon, 1.23, 120.5, psi + 180)
            a, b, c = c, ch3, carbon
            continue
        phi, next_psi, omega = backbone(residue.name)
        n = place(a, b, c, 1.335, 116.6, psi)
        if residue.name == "NME":
            positions[atom["N"]] = n
            positions[atom["C" if "C" in atom else "CH3"]] = place(b, c, n, 1.449, 121.9, 180)
            continue
        ca = place(b, c, n, 1.449, 121.9, omega)
        carbon = place(c, n, ca, 1.522, 111.1, phi)
        positions[atom["N"]], positions[atom["CA"]], positions[atom["C"]] = n, ca, carbon
        positions[atom["O"]] = place(n, ca, carbon, 1.23, 120.5, next_psi + 180)
        if "OXT" in atom:
            positions[atom["OXT"]] = place(n, ca, carbon, 1.25, 117.0, next_psi)
        template = _heavy_template(residue.name)
        back = _frame(template["N"], template["CA"], template["C"]).T @ _frame(n, ca, carbon)
        for name, x in template.items():
            if name not in BACKBONE:
                positions[atom[name]] = ca + (x - template["CA"]) @ back
        a, b, c, psi = n, ca, carbon, next_psi
    return positions


def rotate(points: np.ndarray, origin, axis, angle: float) -> np.ndarray:
    """`points` [N, 3] turned about an axis through `origin` by `angle` in radians (Rodrigues)."""
    axis = axis / np.linalg.norm(axis)
    p = points - origin
    return (origin + p * np.cos(angle) + np.cross(axis, p) * np.sin(angle)
            + np.outer(p @ axis, axis) * (1 - np.cos(angle)))


def neighbours(topology: app.Topology) -> list[list[int]]:
    """Bonded atoms of each atom."""
    result: list[list[int]] = [[] for _ in range(topology.getNumAtoms())]
    for a, b in topology.bonds():
        result[a.index].append(b.index)
        result[b.index].append(a.index)
    return result


def side_of_bond(bonded: list[list[int]], a: int, b: int) -> list[int] | None:
    """Atoms on b's side of the bond a-b; None if the bond is in a ring."""
    seen, stack = {b}, [b]
    while stack:
        i = stack.pop()
        for j in bonded[i]:
            if i == b and j == a:
                continue
            if j == a:
                return None
            if j not in seen:
                seen.add(j)
                stack.append(j)
    return sorted(seen)


def _add_hydrogens(molecule: Molecule, bonded, x: np.ndarray, rng: np.random.Generator) -> None:
    hydrogen = molecule.numbers == 1
    for parent in np.flatnonzero(~hydrogen):
        hs = [j for j in bonded[parent] if hydrogen[j]]
        if not hs:
            continue
        units = [x[j] - x[parent] for j in bonded[parent] if not hydrogen[j]]
        units = [u / np.linalg.norm(u) for u in units]
        axis = -np.sum(units, axis=0)
        if np.linalg.norm(axis) < 0.1:
            axis = np.cross(units[0], rng.normal(size=3))
        axis /= np.linalg.norm(axis)
        normal = np.cross(units[0], units[1]) if len(units) == 2 else np.cross(axis, rng.normal(size=3))
        normal /= np.linalg.norm(normal)
        tilt = 70.0 if len(units) == 1 else 54.0 if len(hs) == 2 else 0.0
        for k, h in enumerate(hs):
            side = rotate(normal[None], np.zeros(3), axis, 2 * np.pi * k / len(hs))[0]
            x[h] = x[parent] + 1.02 * (np.cos(np.radians(tilt)) * axis + np.sin(np.radians(tilt)) * side)


def starting_coordinates(molecule: Molecule, rng: np.random.Generator, contact: str = "any",
                         backbone: Source | None = None) -> np.ndarray:
    """Rough coordinates [N, 3] in angstrom: backbone torsions from `backbone` (random basins if None), random
    side-chain torsions.  Chains after the first are placed so that they touch the molecule so far (docking.py).
    """
    backbone = backbone or basins(rng)
    bonded = neighbours(molecule.topology)
    hydrogen = molecule.numbers == 1
    atoms = list(molecule.topology.atoms())
    x = np.zeros((len(atoms), 3))
    done: list[int] = []
    for chain in molecule.topology.chains():
        members = [atom.index for atom in chain.atoms()]
        for index, position in _chain_coordinates(list(chain.residues()), backbone, rng).items():
            x[index] = position
        inside = set(members)
        local = [[j for j in bonded[i] if j in inside] for i in range(len(atoms))]
        for i in members:  # random torsions about side-chain bonds
            for j in local[i]:
                if hydrogen[i] or hydrogen[j] or atoms[i].residue is not atoms[j].residue or atoms[j].name in BACKBONE:
                    continue
                side = side_of_bond(local, i, j)
                if side is None or len(side) == 1 or any(atoms[k].name in BACKBONE for k in side):
                    continue
                x[side] = rotate(x[side], x[j], x[j] - x[i], rng.uniform(0, 2 * np.pi))
        _add_hydrogens(molecule, local, x, rng)
        if done:
            x[members] = dock(molecule, x[done], x[members], done, members, rng, contact)
        done += members
    return x
