"""Chains of a raw structure: what belongs to the protein, what is bonded to what, where a chain is broken."""
from __future__ import annotations

import dataclasses
import math

from . import pdbnames
from .errors import TopologyError
from .pdbtext import RawFile, Residue, fail
from .preparation import Report

LONGEST_PEPTIDE_BOND = 2.0
LONGEST_DISULFIDE = 2.5


@dataclasses.dataclass
class Chain:
    """Residues joined by peptide bonds. ``gaps`` maps a position to the names of residues that are to be modelled before it,
    ``modelled`` has the positions of those that have been."""

    residues: list
    ring: bool = False
    gaps: dict = dataclasses.field(default_factory=dict)
    modelled: set = dataclasses.field(default_factory=set)

    def stretches(self) -> list[list]:
        """The residues, divided at the gaps."""
        cuts = [0, *sorted(self.gaps), len(self.residues)]
        return [self.residues[a:b] for a, b in zip(cuts, cuts[1:])]


def select(raw: RawFile, wanted, keep, nonstandard: str, report: Report) -> tuple[list, list, list]:
    """Residues of the protein, under their PDB names, the molecules that stay beside it, and those that do not.

    Parameters
    ----------
    wanted : collection of str or None
        Chain identifiers; None: all.
    keep : collection of str
        Of ``"waters"``, ``"ions"``, ``"ligands"``.
    nonstandard : str
        ``"refuse"`` or ``"replace"``.

    Raises
    ------
    TopologyError
        No such chain, no protein, or a modified residue that is neither of an amino acid's shape nor to be replaced.
    """
    chains = list(dict.fromkeys(residue.chain.strip() for residue in raw.residues))
    for identifier in wanted or ():
        if identifier.strip() not in chains:
            raise TopologyError(f"{raw.name}: there is no chain '{identifier}'; there are {', '.join(map(repr, chains))}")
    residues = [r for r in raw.residues if not wanted or r.chain.strip() in {w.strip() for w in wanted}]
    if len(residues) < len(raw.residues):
        left = [c for c in chains if c not in {w.strip() for w in wanted}]
        report.add("chain", None, f"chains left out: {', '.join(map(repr, left))}")
    protein, others, removed = [], [], {}
    for residue in residues:
        kind = _kind(raw, residue, residues, nonstandard, report)
        if kind == "protein":
            protein.append(residue)
        elif kind in keep:
            others.append(residue)
        else:
            removed.setdefault((kind, residue.original), []).append(residue)
    for (kind, name), found in removed.items():
        report.add("removed", None, f"{len(found)} {name} ({kind})")
    for kind in keep:
        names = [r.name for r in others if molecule(r) == kind]
        if names:
            report.add("kept", None, f"{len(names)} {kind}: {', '.join(sorted(set(names)))}")
    if not protein:
        raise TopologyError(f"{raw.name}: there is no protein in it"
                            + (f" among the chains {', '.join(wanted)}" if wanted else ""))
    return protein, others, [r for found in removed.values() for r in found]


def molecule(residue: Residue) -> str:
    """What a residue beside the protein is, as ``keep`` names it."""
    if residue.name in pdbnames.WATERS:
        return "waters"
    if residue.name in pdbnames.IONS and len([a for a in residue.atoms if a.element != "H"]) == 1:
        return "ions"
    return "ligands"


def _kind(raw, residue, residues, nonstandard, report):
    name, form = pdbnames.residue_name(residue.name)
    residue.original, residue.form = residue.name, form
    if name in pdbnames.AMINO_ACIDS or (name in pdbnames.CAPS and residue.atom("S") is None):
        if name != residue.name and not form:
            report.add("renamed-residue", residue, f"read as {name}")
        residue.name = name
        return "protein"
    same = pdbnames.SAME_SHAPE.get(residue.name)
    if same is not None:
        residue.name = same[0]
        for atom in residue.atoms:
            if atom.name in same[1]:
                atom.name, atom.element = same[1][atom.name], same[1][atom.name][:1]
        report.add("replaced-residue", residue, f"replaced by {residue.name}")
        return "protein"
    if not _in_chain(residue, residues):
        kind = molecule(residue)
        if kind == "waters":
            _name_water(residue)
        return kind
    if nonstandard != "replace":
        fail(raw, residue, "is no amino acid of ff14SB, and is part of a chain. Have it replaced by the standard residue "
             "(nonstandard=\"replace\", --nonstandard replace), or treat it with a force field and potential that know it")
    return _replace(raw, residue, report)


def _name_water(residue):
    """Names of PDB files, under which Modeller completes waters: HOH, O, H1, H2; massless sites go."""
    residue.name = "HOH"
    residue.atoms = [a for a in residue.atoms if a.element in ("O", "H")]
    for element, names in (("O", ("O",)), ("H", ("H1", "H2"))):
        for atom, name in zip([a for a in residue.atoms if a.element == element], names):
            atom.name = name


def _in_chain(residue, residues):
    """Whether a residue has a backbone, and a peptide bond to another one."""
    n, c = residue.atom("N"), residue.atom("C")
    if n is None or c is None or residue.atom("CA") is None:
        return False
    return any(near(c, other.atom("N"), LONGEST_PEPTIDE_BOND) or near(other.atom("C"), n, LONGEST_PEPTIDE_BOND)
               for other in residues if other is not residue)


def _replace(raw, residue, report):
    from pdbfixer.pdbfixer import substitutions

    hand = residue.name in pdbnames.D_RESIDUES
    standard = pdbnames.D_RESIDUES.get(residue.name) or substitutions.get(residue.name)
    if standard is None:
        fail(raw, residue, "is no amino acid of ff14SB, and PDBFixer knows no standard residue for it. "
             "Give it the name of the residue that it is to become")
    heavy = {name for name, _ in pdbnames.heavy_atoms(standard)} | {"OXT"}
    gone = [a.name for a in residue.atoms if a.element != "H" and a.name not in heavy]
    residue.atoms = [a for a in residue.atoms if a.name in heavy]
    residue.name = standard
    report.add("replaced-residue", residue, f"replaced by {standard}"
               + (f" without {', '.join(gone)}" if gone else "")
               + (", its D configuration kept (ff14SB has one set of parameters for both hands)" if hand else ""))
    return "protein"


def near(a, b, limit) -> bool:
    """Whether two atoms, none of them missing, are within a distance (Angstrom)."""
    return a is not None and b is not None and math.dist(a.position, b.position) < limit


def chains_of(raw: RawFile, protein: list, breaks: str, report: Report) -> list[Chain]:
    """Divides the protein into chains by its peptide bonds.

    Parameters
    ----------
    breaks : str
        ``"refuse"``, ``"cap"`` or ``"model"``: what is done where residues are missing inside a chain.

    Raises
    ------
    TopologyError
        A chain is broken and breaks are refused.
    """
    pieces = [[protein[0]]]
    for before, after in zip(protein, protein[1:]):
        if _joined(before, after):
            if after.segment != before.segment:
                report.add("chain", after, f"goes on with the chain of {before} in spite of a TER record or another identifier")
            pieces[-1].append(after)
        else:
            pieces.append([after])
    pieces = _join_scattered(pieces, report)
    chains = [Chain(pieces[0])]
    for before, piece in zip(pieces, pieces[1:]):
        if not _broken(before[-1], piece[0]):
            chains.append(Chain(piece))
            continue
        distance = _distance(before[-1].atom("C"), piece[0].atom("N"))
        text = (f"the chain is broken between {before[-1]} and {piece[0]}"
                + (f" (C-N {distance:.1f} Angstrom)" if distance else ""))
        if breaks == "refuse":
            raise TopologyError(
                f"{raw.name}, line {piece[0].line}: {text}. Say what to do: cap both ends with NME and ACE (breaks=\"cap\", "
                "--breaks cap) or model the missing residues from SEQRES (breaks=\"model\", --breaks model)")
        if breaks == "model":
            chains[-1].gaps[len(chains[-1].residues)] = []
            chains[-1].residues += piece
            report.add("break", piece[0], text + "; modelled")
        else:
            before[-1].cap_after = piece[0].cap_before = True
            chains.append(Chain(piece))
            report.add("break", piece[0], text + "; capped with NME and ACE")
    for chain in chains:
        first, last = chain.residues[0], chain.residues[-1]
        if first is not last and near(last.atom("C"), first.atom("N"), LONGEST_PEPTIDE_BOND) and not chain.gaps:
            chain.ring = True
            report.add("ring", first, f"is bonded to {last}: a cyclic peptide")
    return chains


def _joined(before, after):
    return (before.name not in ("NME", "NH2") and after.name != "ACE"
            and near(before.atom("C"), after.atom("N"), LONGEST_PEPTIDE_BOND))


def _join_scattered(pieces, report):
    """Joins stretches that the file has in another order (HETATM residues at its end)."""
    joined = True
    while joined:
        joined = False
        for piece in pieces:
            other = next((p for p in pieces if p is not piece and _joined(piece[-1], p[0])), None)
            if other is not None:
                report.add("chain", other[0], f"is put behind {piece[-1]}, to which it is bonded")
                piece += other
                pieces = [p for p in pieces if p is not other]
                joined = True
                break
    return pieces


def _broken(before, after):
    """Whether two residues that are not bonded were part of one chain: nothing says that one ends and the other begins."""
    if before.segment != after.segment or before.name in ("NME", "NH2") or after.name == "ACE" or before.atom("OXT"):
        return False
    if sum(1 for a in after.atoms if a.element == "H" and near(a, after.atom("N"), 1.3)) >= 3:
        return False
    return integer(after.number) >= integer(before.number)


def integer(number: str) -> int:
    """A residue's number, 0 where it is none."""
    try:
        return int(number)
    except ValueError:
        return 0


def _distance(a, b):
    return math.dist(a.position, b.position) if a is not None and b is not None else None


def disulfides(raw: RawFile, chains: list[Chain], report: Report) -> list[tuple]:
    """Pairs of cysteines whose SG are at bonding distance, nearest first, each with one partner.

    SSBOND records are compared with it; one that names a pair farther apart is reported, not followed.
    """
    cysteines = [r for chain in chains for r in chain.residues if r.name == "CYS" and r.atom("SG") is not None]
    pairs = sorted((math.dist(a.atom("SG").position, b.atom("SG").position), i, j)
                   for i, a in enumerate(cysteines) for j, b in enumerate(cysteines[i + 1:], start=i + 1)
                   if near(a.atom("SG"), b.atom("SG"), LONGEST_DISULFIDE))
    bridged, found = set(), []
    for distance, i, j in pairs:
        if i in bridged or j in bridged:
            continue
        bridged |= {i, j}
        found.append((cysteines[i], cysteines[j]))
        report.add("disulfide", cysteines[i], f"SG is bonded to SG of {cysteines[j]} ({distance:.2f} Angstrom)")
    keys = [{a.key, b.key} for a, b in found]
    for first, second, *symmetry in raw.disulfides:
        known = [r for r in cysteines if r.key in (first, second)]
        if known and {first, second} not in keys:
            image = len(set(filter(None, symmetry))) > 1
            report.add("warning", known[0], f"SSBOND names {second[1]}{second[2]} (chain {second[0]}) as its partner, "
                       + ("a symmetry image" if image else "but their SG are not at bonding distance") + "; there is no bond")
    return found
