"""Completes the heavy atoms of chains: PDBFixer for side chains, OXT and missing residues, ACE and NME by geometry."""
from __future__ import annotations

import contextlib
import io
import logging
import math
import os

from . import pdbnames
from .errors import MissingLibraryError
from .pdbchains import Chain
from .pdbtext import Atom, RawFile, Residue, fail
from .preparation import Report

BACKBONE = ("N", "CA", "C")


def require_pdbfixer():
    """Imports OpenMM and PDBFixer.

    Raises
    ------
    MissingLibraryError
        One of them is not installed for this Python.
    """
    import sys

    try:
        import openmm.app  # noqa: F401
        import pdbfixer
    except ImportError as error:
        raise MissingLibraryError(
            f"preparation needs PDBFixer and OpenMM, and {sys.executable} does not find them ({error}). On Debian: "
            "apt install python3-pdbfixer, for /usr/bin/python3") from None
    return pdbfixer


@contextlib.contextmanager
def quiet_platform(atoms: int):
    """OpenMM's default platform is Reference for few atoms, else CPU: PDBFixer takes the default one, and a GPU's kernels take
    longer to compile than to run. Debian's PDBFixer also warns of the deprecated name under which it imports OpenMM."""
    before, level = os.environ.get("OPENMM_DEFAULT_PLATFORM"), logging.root.manager.disable
    os.environ["OPENMM_DEFAULT_PLATFORM"] = before or ("Reference" if atoms < 800 else "CPU")
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
        if before is None:
            del os.environ["OPENMM_DEFAULT_PLATFORM"]


def add_heavy_atoms(raw: RawFile, chains: list[Chain], others: list[Residue], seed: int, report: Report) -> None:
    """Adds missing side-chain atoms, O, OXT and the residues of gaps, by PDBFixer; existing atoms stay where they are."""
    if not any(chain.gaps or _lacking(chain, residue) for chain in chains for residue in chain.residues):
        return
    pdbfixer = require_pdbfixer()
    from openmm import unit

    fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO(_heavy_atom_text(chains, others)))
    fixer.missingResidues = {(i, position): list(names) for i, chain in enumerate(chains) for position, names in chain.gaps.items()}
    fixer.findMissingAtoms()
    ends = {(i, len(chain.residues) - 1) for i, chain in enumerate(chains) if not chain.ring and not chain.residues[-1].cap_after}
    fixer.missingTerminals = {r: names for r, names in fixer.missingTerminals.items() if (r.chain.index, int(r.id) - 1) in ends}
    with quiet_platform(fixer.topology.getNumAtoms()):
        fixer.addMissingAtoms(seed=seed)
    positions = fixer.positions.value_in_unit(unit.nanometer)
    for chain, built in zip(chains, fixer.topology.chains()):
        _take_over(chain, list(built.residues()), positions, report)
    used = {r.key for chain in chains for r in chain.residues}
    for chain in chains:
        _number_new(chain, used, report)
        for before, after in zip(chain.residues, chain.residues[1:]):
            distance = math.dist(before.atom("C").position, after.atom("N").position)
            if distance > 2.0:
                fail(raw, after, f"could not be joined to {before}, which was modelled ({distance:.1f} Angstrom): "
                     "the gap is too wide for the residues of SEQRES. Cap the ends instead (breaks=\"cap\", --breaks cap)")


def _lacking(chain, residue):
    names = {a.name for a in residue.atoms}
    end = residue is chain.residues[-1] and not chain.ring and not residue.cap_after and residue.name not in pdbnames.CAPS
    return {n for n, _ in pdbnames.heavy_atoms(residue.name)} - names or (end and "OXT" not in names)


def _heavy_atom_text(chains, others):
    """The heavy atoms as a PDB file of plain numbering; molecules that are kept stand there as obstacles."""
    lines, groups = [], [chain.residues for chain in chains] + [[r] for r in others]
    for index, residues in enumerate(groups):
        for number, residue in enumerate(residues, start=1):
            name = residue.name if index < len(chains) else "LIG"
            for atom in residue.atoms:
                if atom.element != "H":
                    x, y, z = atom.position
                    label = atom.name if len(atom.name) == 4 else f" {atom.name:<3s}"
                    lines.append(f"ATOM  {len(lines) % 100000:5d} {label:4s} {name:3s} A{number:4d}    "
                                 f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom.element:>2s}")
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def _take_over(chain, built, positions, report):
    """Copies what PDBFixer has added into the chain."""
    residues, new, source = [], set(), iter(built)
    for index, residue in enumerate(chain.residues):
        for _ in chain.gaps.get(index, ()):
            made = next(source)
            residues.append(Residue(residue.chain, "", "", made.name, segment=residue.segment, original=made.name))
            new.add(len(residues) - 1)
            residues[-1].atoms = [_atom(a, positions) for a in made.atoms() if a.name != "OXT"]
        names = {a.name for a in residue.atoms}
        added = [_atom(a, positions) for a in next(source).atoms() if a.name not in names]
        if added:
            residue.atoms += added
            report.add("terminus" if [a.name for a in added] == ["OXT"] else "added-atom", residue,
                       f"{', '.join(a.name for a in added)} added")
        residues.append(residue)
    chain.residues = residues
    chain.modelled = new


def _atom(atom, positions):
    return Atom(atom.name, atom.element.symbol, tuple(10 * x for x in positions[atom.index]), given=False)


def _number_new(chain, used, report):
    for index in sorted(chain.modelled):
        residue, before = chain.residues[index], chain.residues[index - 1]
        residue.number, residue.insertion = free_number(before, +1, used)
        used.add(residue.key)
        report.add("loop", residue, "modelled: its conformation is a guess, equilibrate it")


def free_number(beside: Residue, step: int, used: set) -> tuple[str, str]:
    """Number and insertion code for a residue next to another, none of them taken."""
    number = str(int(beside.number) + step) if beside.number.lstrip("-").isdigit() else beside.number
    if (beside.chain, number, "") not in used:
        return number, ""
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        if (beside.chain, beside.number, letter) not in used:
            return beside.number, letter
    return beside.number, beside.insertion


def add_caps(chains: list[Chain], report: Report) -> None:
    """Puts ACE before and NME after the residues that are marked for them: planar amides, turned away from other atoms."""
    import numpy as np

    used = {r.key for chain in chains for r in chain.residues}
    everything = np.array([a.position for chain in chains for r in chain.residues for a in r.atoms if a.element != "H"])
    for chain in chains:
        last, first = chain.residues[-1], chain.residues[0]
        if last.cap_after and last.name not in pdbnames.CAPS:
            last.atoms = [a for a in last.atoms if a.name not in ("OXT", "HXT")]
            ca, c, o = (np.array(last.atom(n).position) for n in ("CA", "C", "O"))
            n = c - 1.335 * unit_vector(unit_vector(ca - c) + unit_vector(o - c))
            atoms = [("N", n), ("C", _place(ca, c, n, 1.449, 121.9, 180.0))]
            chain.residues.append(_cap("NME", last, +1, atoms, used, report))
        if first.cap_before and first.name not in pdbnames.CAPS:
            first.atoms = [a for a in first.atoms if not (a.element == "H" and a.name in ("H", "H1", "H2", "H3"))]
            chain.residues.insert(0, _cap("ACE", first, -1, _acetyl(first, everything), used, report))


def _acetyl(residue, everything):
    import numpy as np

    n, ca, c = (np.array(residue.atom(name).position) for name in BACKBONE)
    ring = residue.atom("CD") if residue.name in ("PRO", "HYP") else None
    best = None
    for phi in range(-180, 180, 15):
        carbonyl = (n - 1.335 * unit_vector(unit_vector(ca - n) + unit_vector(np.array(ring.position) - n)) if ring is not None
                    else _place(c, ca, n, 1.335, 121.9, phi))
        methyl = _place(ca, n, carbonyl, 1.522, 116.6, 180.0)
        oxygen = _place(ca, n, carbonyl, 1.229, 122.9, 0.0)
        room = min(np.sort(np.linalg.norm(everything - p, axis=1))[skip] for p, skip in ((methyl, 2), (oxygen, 2)))
        if best is None or room > best[0]:
            best = room, [("CH3", methyl), ("C", carbonyl), ("O", oxygen)]
    return best[1]


def _cap(name, beside, step, atoms, used, report):
    number, insertion = free_number(beside, step, used)
    cap = Residue(beside.chain, number, insertion, name, segment=beside.segment, original=name, hetero=True)
    used.add(cap.key)
    cap.atoms = [Atom(n, n[0], tuple(float(x) for x in p), given=False) for n, p in atoms]
    report.add("cap", beside, f"{name} {'after' if step > 0 else 'before'} it, as residue {number}{insertion}")
    return cap


def unit_vector(vector):
    """A vector's direction."""
    return vector / (vector @ vector) ** 0.5


def _place(a, b, c, length, angle, dihedral):
    """The point at a distance from c, angle b-c-point and dihedral a-b-c-point (degrees)."""
    import numpy as np

    angle, dihedral = math.radians(angle), math.radians(dihedral)
    bc = unit_vector(c - b)
    normal = unit_vector(np.cross(b - a, bc))
    in_plane = np.cross(normal, bc)
    return c + length * (-math.cos(angle) * bc + math.sin(angle) * (math.cos(dihedral) * in_plane + math.sin(dihedral) * normal))
