"""Small molecules cut from residues: side-chain analogues (methanol, acetate, 4-methylimidazole, ...).

A cut keeps the atoms on one side of a bond and puts a hydrogen in the place of the first atom beyond it, so that no
geometry is typed in: serine cut at CA-CB is methanol, lysine cut at CD-CE methylammonium.  Analogues have
no ff14SB parameters of their own.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from openmm import app

from .molecules import Molecule, build_topology, neighbours, side_of_bond
from .systems import Chains, capped

CAP_LENGTH = {6: 1.09, 7: 1.01}  # angstrom, by the element that carries the cap hydrogen


@dataclass(frozen=True)
class Cut:
    """`chains` cut at the bond keep-drop of every residue but ACE and NME (names of its atoms)."""

    chains: Chains
    keep: str
    drop: str


def side_chain(residue: str, keep: str = "CB", drop: str = "CA") -> Cut:
    """The side chain of a capped residue from `keep` on."""
    return Cut((capped(residue),), keep, drop)


ANALOGUES: dict[str, Cut] = {
    "methane": side_chain("ALA"),
    "propane": side_chain("VAL"),
    "isobutane": side_chain("LEU"),
    "butane": side_chain("ILE"),
    "methanol": side_chain("SER"),
    "ethanol": side_chain("THR"),
    "methanethiol": side_chain("CYS"),
    "methanethiolate": side_chain("CYM"),
    "dimethyl-disulfide": Cut((capped("CYX"), capped("CYX")), "CB", "CA"),
    "dimethyl-sulfide": side_chain("MET", "CG", "CB"),
    "ethyl-methyl-sulfide": side_chain("MET"),
    "acetate": side_chain("ASP"),
    "acetic-acid": side_chain("ASH"),
    "propanoate": side_chain("GLU"),
    "propanoic-acid": side_chain("GLH"),
    "acetamide": side_chain("ASN"),
    "propanamide": side_chain("GLN"),
    "methylammonium": side_chain("LYS", "CE", "CD"),
    "butylammonium": side_chain("LYS"),
    "methylamine": side_chain("LYN", "CE", "CD"),
    "butylamine": side_chain("LYN"),
    "methylguanidinium": side_chain("ARG", "CD", "CG"),
    "propylguanidinium": side_chain("ARG"),
    "4-methylimidazole": side_chain("HIE"),
    "5-methylimidazole": side_chain("HID"),
    "4-methylimidazolium": side_chain("HIP"),
    "toluene": side_chain("PHE"),
    "p-cresol": side_chain("TYR"),
    "3-methylindole": side_chain("TRP"),
    "N-acetylpyrrolidine": side_chain("PRO", "CA", "C"),
}


class Analogue:
    """Which atoms of the built chains an analogue keeps, and where cap hydrogens go."""

    def __init__(self, name: str):
        if name not in ANALOGUES:
            raise ValueError(f"no analogue {name!r}; there are {', '.join(sorted(ANALOGUES))}")
        self.name, cut = name, ANALOGUES[name]
        self.parent = build_topology([list(chain) for chain in cut.chains])
        bonded = neighbours(self.parent.topology)
        self.kept: set[int] = set()
        self.caps: list[tuple[int, int]] = []  # atom that carries the hydrogen, atom in whose place it is
        for residue in self.parent.topology.residues():
            if residue.name in ("ACE", "NME"):
                continue
            atom = {a.name: a.index for a in residue.atoms()}
            self.kept |= set(side_of_bond(bonded, atom[cut.drop], atom[cut.keep]))
            self.caps.append((atom[cut.keep], atom[cut.drop]))
        # a disulfide's side of one bond reaches across the bridge: what is behind the other cut goes
        for keep, drop in self.caps:
            self.kept -= set(side_of_bond(bonded, keep, drop))
        self.molecule = self._molecule()

    def _molecule(self) -> Molecule:
        topology = app.Topology()
        chain, atoms, numbers = topology.addChain(), {}, []
        for residue in self.parent.topology.residues():
            members = [a for a in residue.atoms() if a.index in self.kept]
            if not members:
                continue
            new = topology.addResidue(residue.name, chain)
            for a in members:
                atoms[a.index] = topology.addAtom(a.name, a.element, new)
                numbers.append(a.element.atomic_number)
            for keep, _ in self.caps:
                if keep in {a.index for a in members}:
                    cap = topology.addAtom("HX", app.element.hydrogen, new)
                    numbers.append(1)
                    topology.addBond(atoms[keep], cap)
        for a, b in self.parent.topology.bonds():
            if a.index in atoms and b.index in atoms:
                topology.addBond(atoms[a.index], atoms[b.index])
        return Molecule([[self.name]], topology, np.array(numbers), self.parent.charge)

    def positions(self, x: np.ndarray) -> np.ndarray:
        """Positions [N, 3] of the analogue from those of the parent chains, both in angstrom."""
        rows = []
        for residue in self.parent.topology.residues():
            members = [a.index for a in residue.atoms() if a.index in self.kept]
            rows += [x[i] for i in members]
            for keep, drop in self.caps:
                if keep in members:
                    bond = x[drop] - x[keep]
                    rows.append(x[keep] + CAP_LENGTH[int(self.parent.numbers[keep])] * bond / np.linalg.norm(bond))
        return np.array(rows)


def join(molecules: list[Molecule]) -> Molecule:
    """One molecule of the parts' chains, in order."""
    topology = app.Topology()
    for part in molecules:
        atoms = {}
        for old_chain in part.topology.chains():
            chain = topology.addChain()
            for old in old_chain.residues():
                residue = topology.addResidue(old.name, chain)
                for a in old.atoms():
                    atoms[a.index] = topology.addAtom(a.name, a.element, residue)
        for a, b in part.topology.bonds():
            topology.addBond(atoms[a.index], atoms[b.index])
    return Molecule([chain for part in molecules for chain in part.chains], topology,
                    np.concatenate([part.numbers for part in molecules]), sum(part.charge for part in molecules))
