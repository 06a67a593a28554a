"""From an OpenMM Topology to the arrays of ``pb_system_spec``: which atoms belong to the region, and around it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional

import numpy as np

from .errors import InvalidArgumentError, TopologyError

#: Residue names that mark a molecule as a protein: the amino acids of ff14SB in their protonation states, and caps.
PROTEIN_RESIDUES = frozenset(
    "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL "
    "HID HIE HIP HSD HSE HSP ASH GLH LYN CYM CYX ACE NME NHE NH2".split())


@dataclass(frozen=True)
class RegionArrays:
    """Every atom of the molecules that a region touches; the fields mirror ``pb_system_spec``.

    Attributes
    ----------
    particles : numpy.ndarray of int32, shape (atoms,)
        Index of each atom in the Topology, ascending. All other indices refer to positions in this array.
    elements : numpy.ndarray of int32, shape (atoms,)
        Atomic numbers.
    names : list of str
        Atom names.
    bonds : numpy.ndarray of int32, shape (bonds, 2)
    region : numpy.ndarray of int32, shape (region atoms,)
        Atoms at the quantum-chemical level, ascending.
    atomResidues : numpy.ndarray of int32, shape (atoms,)
    residues : list of (str, str, str)
        Name, number with insertion code, chain of each residue.
    """

    particles: np.ndarray
    elements: np.ndarray
    names: list
    bonds: np.ndarray
    region: np.ndarray
    atomResidues: np.ndarray
    residues: list

    @property
    def regionParticles(self) -> np.ndarray:
        """Topology indices of the region's atoms."""
        return self.particles[self.region]

    def describe(self, atom: int) -> str:
        """Name of an atom of the array for messages: residue, number, chain, atom."""
        name, number, chain = self.residues[self.atomResidues[atom]]
        return f"{name} {number} (chain {chain}) {self.names[atom]}"


def proteinAtoms(topology) -> list[int]:
    """The atoms of all protein molecules: those bonded, however far, to an amino acid or a cap.

    A modified residue or a ligand bound to the chain is included, so that it is refused by name rather than silently
    left out; water, ions and free ligands are not.

    Raises
    ------
    TopologyError
        There is no protein.
    """
    molecules = _molecules(topology)
    protein = {molecules[atom.index] for atom in topology.atoms() if atom.residue.name in PROTEIN_RESIDUES}
    if not protein:
        raise TopologyError("the topology has no protein (no residue is a known amino acid): "
                            "say which atoms to describe with atoms=[...]")
    return [atom.index for atom in topology.atoms() if molecules[atom.index] in protein]


def regionArrays(topology, atoms: Optional[Iterable[int]] = None) -> RegionArrays:
    """Collects what the core has to know of a region.

    Parameters
    ----------
    topology : openmm.app.Topology
    atoms : iterable of int, optional
        Topology indices of the region, whole residues; None: the protein.

    Raises
    ------
    InvalidArgumentError
        An index is out of range, or no atom is given.
    TopologyError
        There is no protein, or an atom of the region has no element (a virtual site).
    """
    chosen = set(proteinAtoms(topology) if atoms is None else _indices(atoms, topology.getNumAtoms()))
    molecules = _molecules(topology)
    touched = {molecules[i] for i in chosen}
    members = [atom for atom in topology.atoms() if molecules[atom.index] in touched]
    for atom in members:
        if atom.element is None:
            raise TopologyError(f"atom {atom.name} of residue {atom.residue.name} {_number(atom.residue)} has no "
                                "element (a virtual site?) and cannot be in the region's molecules")
    local = {atom.index: k for k, atom in enumerate(members)}

    residues, residueIndex = [], {}
    for atom in members:
        if atom.residue.index not in residueIndex:
            residueIndex[atom.residue.index] = len(residues)
            residues.append((atom.residue.name, _number(atom.residue), str(atom.residue.chain.id)))
    bonds = [(local[a.index], local[b.index]) for a, b in topology.bonds() if a.index in local and b.index in local]
    return RegionArrays(
        particles=np.array([atom.index for atom in members], np.int32),
        elements=np.array([atom.element.atomic_number for atom in members], np.int32),
        names=[atom.name for atom in members],
        bonds=np.array(bonds, np.int32).reshape(-1, 2),
        region=np.array(sorted(local[i] for i in chosen), np.int32),
        atomResidues=np.array([residueIndex[atom.residue.index] for atom in members], np.int32),
        residues=residues)


def _number(residue) -> str:
    return f"{residue.id}{residue.insertionCode.strip()}"


def _indices(atoms, count: int) -> list[int]:
    try:
        indices = [int(i) for i in atoms]
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"atoms has to be a list of atom indices: {error}") from error
    if not indices:
        raise InvalidArgumentError("atoms is empty: give the indices of the region, or None for the protein")
    for index in indices:
        if not 0 <= index < count:
            raise InvalidArgumentError(f"atoms has index {index}, but the topology has {count} atoms")
    return indices


def _molecules(topology) -> list[int]:
    """Number of the molecule (connected by bonds) of each atom."""
    parent = list(range(topology.getNumAtoms()))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in topology.bonds():
        parent[root(a.index)] = root(b.index)
    return [root(i) for i in range(len(parent))]
