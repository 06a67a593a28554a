"""Writes a prepared structure as a PDB file that the core and OpenMM read alike."""
from __future__ import annotations

from pathlib import Path

from . import pdbnames
from .errors import ModelFileError
from .pdbchains import Chain
from .pdbtext import RawFile, Residue
from .preparation import Report

# Residues whose bonds OpenMM's reader does not know by itself.
_NEED_CONECT = ("CYM", "HYP")


def write(target: str | Path, raw: RawFile, chains: list[Chain], others: list[Residue], bridges: list, report: Report) -> None:
    """Writes the file: REMARK, CRYST1, SSBOND, the chains, what stays beside them, CONECT.

    Raises
    ------
    ModelFileError
        The file cannot be written, or a coordinate does not fit into its columns.
    """
    serials: dict = {}
    lines = ["REMARK   1 PREPARED BY PLUGINBRIDGE FROM " + report.source.upper()[:40]]
    if raw.cell:
        lines.append(raw.cell)
    for number, (a, b) in enumerate(bridges, start=1):
        lines.append(f"SSBOND {number % 1000:3d} CYS {a.chain:1s} {a.number:>4s}{a.insertion or ' ':1s}   CYS {b.chain:1s} "
                     f"{b.number:>4s}{b.insertion or ' ':1s}                          1555   1555")
    count = 0
    for residues in [chain.residues for chain in chains] + ([others] if others else []):
        for residue in residues:
            for atom in residue.atoms:
                count += 1
                serials[id(residue), atom.name] = count
                lines.append(_line(residue, atom, count))
        count += 1
        last = residues[-1]
        lines.append(f"TER   {count % 100000:5d}      {pdbnames.output_name(last):>3s} {last.chain:1s}{last.number:>4s}"
                     f"{last.insertion or ' ':1s}")
    bonds = sorted(set(_connections(raw, chains, others, bridges, serials)))
    if count < 100000:  # beyond, serials wrap around and name nothing
        lines += [f"CONECT{a:5d}{b:5d}" for a, b in bonds]
    report.atoms["protein"] = sum(len(r.atoms) for chain in chains for r in chain.residues)
    report.atoms["written"] = report.atoms["protein"] + sum(len(r.atoms) for r in others)
    try:
        Path(target).write_text("\n".join([*lines, "END", ""]))
    except OSError as error:
        raise ModelFileError(f"{target}: {error.strerror or error}") from None


def _line(residue, atom, serial):
    name = pdbnames.output_name(residue)
    label = atom.name if len(atom.name) >= 4 or len(atom.element) == 2 else f" {atom.name}"
    if any(not -999.9995 < x < 9999.9995 for x in atom.position):
        raise ModelFileError(f"{atom.name} of {residue}: a coordinate does not fit into the columns of a PDB file")
    kind = "ATOM  " if residue.name in pdbnames.AMINO_ACIDS and name not in _NEED_CONECT else "HETATM"
    x, y, z = atom.position
    return (f"{kind}{serial % 100000:5d} {label:<4s} {name:>3s} {residue.chain:1s}{residue.number:>4s}{residue.insertion or ' ':1s}   "
            f"{x:8.3f}{y:8.3f}{z:8.3f}{1.0:6.2f}{0.0:6.2f}          {atom.element.upper():>2s}")


def _connections(raw, chains, others, bridges, serials):
    for a, b in bridges:
        yield serials[id(a), "SG"], serials[id(b), "SG"]
    for chain in chains:
        for index, residue in enumerate(chain.residues):
            if pdbnames.output_name(residue) not in _NEED_CONECT:
                continue
            bonds = [*pdbnames.bonds_between_heavy_atoms(residue.name),
                     *pdbnames.hydrogens(residue.name, "*", index == 0, False).items()]
            yield from ((serials[id(residue), a], serials[id(residue), b]) for a, b in bonds
                        if (id(residue), a) in serials and (id(residue), b) in serials)
            beside = chain.residues[max(index - 1, 0):index + 2]
            for first, second in zip(beside, beside[1:]):
                yield serials[id(first), "C"], serials[id(second), "N"]
        if chain.ring:
            yield serials[id(chain.residues[-1]), "C"], serials[id(chain.residues[0]), "N"]
    kept = {atom.serial: serials[id(r), atom.name] for r in others for atom in r.atoms if atom.serial}
    yield from {(min(kept[a], kept[b]), max(kept[a], kept[b])) for a, b in raw.connections if a in kept and b in kept}
