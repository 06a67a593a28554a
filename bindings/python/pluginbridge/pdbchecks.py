"""Refuses raw structures that cannot be completed, by residue and atom; notes what a user should know."""
from __future__ import annotations

from . import pdbnames
from .pdbbuild import BACKBONE
from .pdbchains import LONGEST_PEPTIDE_BOND, Chain, molecule, near
from .pdbtext import RawFile, Residue, fail
from .preparation import Report

_COVALENT = 1.9
_COORDINATION = 2.8
_METALS = frozenset("Li Na K Rb Cs Mg Ca Sr Ba Zn Mn Fe Co Ni Cu Cd Hg".split())
#: Forms that have no hydrogen on the atom that binds a metal.
_BINDING_FORMS = {
    ("CYS", "SG"): "CYM", ("HIS", "ND1"): "HIE", ("HIS", "NE2"): "HID", ("LYS", "NZ"): "LYN",
    ("ASP", "OD1"): "ASP", ("ASP", "OD2"): "ASP", ("GLU", "OE1"): "GLU", ("GLU", "OE2"): "GLU",
}


def check_bonds(raw: RawFile, protein: list, others: list, removed: list, report: Report) -> None:
    """Refuses bonds that neither a peptide chain nor a disulfide has; notes bonds that are lost.

    Raises
    ------
    TopologyError
        Two atoms of different residues are at bonding distance; names both.
    """
    import numpy as np

    atoms = [(r, a, rank) for rank, group in enumerate((protein, others, removed)) for r in group
             for a in r.atoms if a.element != "H"]
    positions = np.array([a.position for _, a, _ in atoms])
    order = np.argsort(positions[:, 0])
    along = positions[order, 0]
    count = sum(1 for *_, rank in atoms if rank == 0)
    for i in range(count):
        window = order[np.searchsorted(along, positions[i, 0] - _COVALENT):np.searchsorted(along, positions[i, 0] + _COVALENT)]
        close = window[((positions[window] - positions[i]) ** 2).sum(axis=1) < _COVALENT ** 2]
        for j in sorted(close[close > i]):  # each pair once, and none between two molecules that are not protein
            (r, a, _), (s, b, rank) = atoms[i], atoms[j]
            distance = float(np.sqrt(((positions[i] - positions[j]) ** 2).sum()))
            if r is s or b.element in _METALS or {a.name, b.name} == {"C", "N"} or (a.element, b.element) == ("S", "S"):
                continue
            if rank == 2:
                report.add("warning", r, f"{a.name} was bonded to {b.name} of {s}, which is removed; the side chain is completed")
            elif not _neighbours(r, s, distance):
                fail(raw, r, f"has {a.name} {distance:.2f} Angstrom from {b.name} of {s}: ff14SB has peptide bonds and "
                     "disulfides only. Remove one of the two, or correct the coordinates")


def _neighbours(r, s, distance):
    """Whether atoms may be near for a peptide bond that is drawn too short between their residues."""
    return distance > 1.2 and (near(r.atom("C"), s.atom("N"), LONGEST_PEPTIDE_BOND)
                               or near(s.atom("C"), r.atom("N"), LONGEST_PEPTIDE_BOND))


def check_metals(chains: list[Chain], others: list, removed: list, report: Report) -> None:
    """Notes metals that the protein coordinates, removed or with a hydrogen in the way: forms are chosen as if there were none."""
    donors = [(r, a) for chain in chains for r in chain.residues for a in r.atoms if a.given and a.element in ("N", "O", "S")]
    for metal, gone in [*((m, False) for m in others), *((m, True) for m in removed)]:
        centres = [a for a in metal.atoms if a.element in _METALS]
        bound = [(r, a) for r, a in donors if any(near(a, c, _COORDINATION) for c in centres)] if centres else []
        forms = [(r, _BINDING_FORMS.get((r.name, a.name), r.form)) for r, a in bound if r.form != "CYX"]
        advice = " ".join(dict.fromkeys(f"--protonation {r.chain.strip()}:{r.number}{r.insertion}={form}"
                                        for r, form in forms if form != r.form))
        text = f"coordinated by {', '.join(f'{a.name} of {r}' for r, a in bound)}"
        if bound and gone:
            kind = molecule(metal)
            report.add("warning", metal, f"was {text}, and is removed. Leave it to the host (keep=[\"{kind}\"], --keep {kind})"
                       + (f"; the residues are protonated as if free, forms at a metal: {advice}" if advice else ""))
        elif advice:
            report.add("warning", metal, f"is {text}, with hydrogens in its way; forms at a metal: {advice}")


def check_backbones(raw: RawFile, protein: list[Residue]) -> None:
    """Refuses residues whose backbone is incomplete: it can be neither joined to others nor rebuilt.

    Raises
    ------
    TopologyError
        Names the residue and its missing atoms.
    """
    for residue in protein:
        gone = [name for name in BACKBONE if residue.name not in pdbnames.CAPS and residue.atom(name) is None]
        if gone:
            fail(raw, residue, f"lacks {', '.join(gone)}. Side chains can be rebuilt, a backbone cannot: remove the residue, "
                 "or complete it")


def check_heavy_atoms(raw: RawFile, chains: list[Chain]) -> None:
    """Refuses atoms that a residue does not have, and residues that PDBFixer cannot complete.

    Raises
    ------
    TopologyError
        Names the residue and its atoms.
    """
    for chain in chains:
        for residue in chain.residues:
            expected = {name for name, _ in pdbnames.heavy_atoms(residue.name)}
            allowed = expected | ({"OXT"} if residue is chain.residues[-1] and not chain.ring else set())
            surplus = [a for a in residue.atoms if a.element != "H" and a.name not in allowed]
            if len(surplus) == 1 and surplus[0].name == "OXT":
                fail(raw, residue, "has an OXT, and the next residue is bonded to it: remove the OXT, or the bond")
            lacking = sorted(expected - {a.name for a in residue.atoms})
            if surplus:
                fail(raw, residue, f"has {', '.join(a.name for a in surplus)}, which {residue.name} has not"
                     + (f", and lacks {', '.join(lacking)}" if lacking else "")
                     + ". Correct the residue's name or the atoms' names")
            for atom in residue.atoms:
                if dict(pdbnames.heavy_atoms(residue.name)).get(atom.name, atom.element) != atom.element:
                    fail(raw, residue, f"has {atom.name} with the element {atom.element}; correct columns 77-78")
            if lacking and residue.name in ("HYP", *pdbnames.CAPS):
                fail(raw, residue, f"lacks {', '.join(lacking)}, and PDBFixer does not know {residue.name}: complete the "
                     "residue, or remove it")


def check_hands(chains: list[Chain], report: Report) -> None:
    """Notes amino acids of D configuration, by N, C and CB about CA: a structure may be a mirror image by mistake."""
    import numpy as np

    for chain in chains:
        for residue in chain.residues:
            found = [residue.atom(name) for name in ("CA", "N", "C", "CB")]
            if all(found):
                ca, n, c, cb = (np.array(a.position) for a in found)
                if np.dot(np.cross(n - ca, c - ca), cb - ca) < -0.5:
                    report.add("warning", residue, "has D configuration at CA; ff14SB has one set of parameters for both hands")
