"""Reads raw PDB files as they come: what is unambiguous is read and reported, all else is refused by name.

Positions here are Angstrom, as in the file.
"""
from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import NoReturn

from .errors import ModelFileError, TopologyError
from .preparation import Report

#: Symbols of one letter that a left-over hydrogen or heavy atom of a protein may have.
_PROTEIN_ELEMENTS = "HCNOSD"
_TWO_LETTERS = {"CL", "NA", "MG", "ZN", "FE", "MN", "CU", "NI", "CO", "BR", "SE", "LI", "CD", "HG", "RB", "CS", "SR", "BA"}


@dataclasses.dataclass
class Atom:
    """One atom. ``given`` is false for those that preparation adds; ``line`` and ``serial`` are the file's."""

    name: str
    element: str
    position: tuple
    altloc: str = ""
    occupancy: float = 1.0
    serial: str = ""
    line: int = 0
    given: bool = True
    residue_name: str = ""


@dataclasses.dataclass
class Residue:
    """A residue with the file's identifiers; ``number`` has no insertion code in it."""

    chain: str
    number: str
    insertion: str
    name: str
    hetero: bool = False
    segment: int = 0
    atoms: list = dataclasses.field(default_factory=list)
    original: str = ""
    form: str = ""
    cap_before: bool = False
    cap_after: bool = False

    def __str__(self):
        where = f" (chain {self.chain})" if self.chain.strip() else ""
        return f"{self.original or self.name} {self.number}{self.insertion}{where}"

    @property
    def key(self):
        """Chain, number, insertion code."""
        return self.chain, self.number, self.insertion

    def atom(self, name):
        """The atom of a name, None where it has none."""
        return next((atom for atom in self.atoms if atom.name == name), None)

    @property
    def line(self):
        """The file's line of the first atom."""
        return self.atoms[0].line if self.atoms else 0


@dataclasses.dataclass
class RawFile:
    """What a PDB file says: residues of the first model, sequences, disulfides, connections, cell."""

    name: str
    residues: list
    sequences: dict
    disulfides: list
    connections: list
    cell: str = ""


def read(path: str | Path, report: Report) -> RawFile:
    """Reads a file.

    Parameters
    ----------
    path : str or Path
        A PDB file.
    report : Report
        Gets what had to be decided: models, deuterium, duplicated atoms.

    Raises
    ------
    ModelFileError
        The file does not exist, is of another format, truncated or has no readable coordinates; names the line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror or error}") from None
    if data[:2] == b"\x1f\x8b":
        raise ModelFileError(f"{path.name}: this is a gzip archive; unpack it first (gunzip)")
    return parse(data.decode("utf-8", errors="replace"), path.name, report)


def parse(text: str, name: str, report: Report) -> RawFile:
    """The same from a file's text; ``name`` stands for the file in messages."""
    if re.match(r"\s*(#.*\s+)*data_", text) or "\n_atom_site." in text:
        raise ModelFileError(f"{name}: this is an mmCIF file, not PDB. Convert it first, for instance with OpenMM: "
                             "PDBFile.writeFile(cif.topology, cif.positions, file, keepIds=True) of a PDBxFile")
    raw = RawFile(name, [], {}, [], [])
    segment, models, done, last = 0, 0, False, None
    blocks = {}
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        kind = line[:6].strip()
        if kind in ("ATOM", "HETATM"):
            if done:
                continue
            residue, atom = _atom(line, number, name, report)
            if last is not None and last != residue.chain:
                segment += 1
            last, residue.segment = residue.chain, segment
            _append(raw.residues, blocks, residue, atom, name, report)
        elif kind == "TER":
            segment += 1
        elif kind == "MODEL":
            models += 1
        elif kind == "ENDMDL":
            done = done or bool(raw.residues)
        elif kind == "SEQRES":
            raw.sequences.setdefault(line[11:12], []).extend(line[19:70].split())
        elif kind == "SSBOND":
            raw.disulfides.append((_key(line, 15), _key(line, 29), line[59:65].strip(), line[66:72].strip()))
        elif kind == "CONECT":
            serials = [line[i:i + 5].strip() for i in range(6, 31, 5)]
            raw.connections += [(serials[0], other) for other in serials[1:] if other]
        elif kind == "CRYST1":
            raw.cell = line.rstrip()
    if not raw.residues and re.search(r"^(ATOM|HETATM)\s", text, re.MULTILINE):
        raise ModelFileError(f"{name}: its ATOM lines are not in the columns of the PDB format (name in 13-16, x in 31-38, ...)")
    if not raw.residues:
        raise ModelFileError(f"{name}: there are no ATOM or HETATM records in it")
    if models > 1:
        report.add("model", None, f"the first of {models} models is used")
    return raw


def _key(line, start):
    return line[start:start + 1], line[start + 2:start + 6].strip(), line[start + 6:start + 7].strip()


def _atom(line, number, file, report):
    name = line[12:16].strip()
    residue = Residue(line[21:22].rstrip("\n") or " ", line[22:26].strip(), line[26:27].strip(),
                      line[17:21].strip().upper(), line.startswith("HETATM"))
    where = f"{file}, line {number}"
    if not name or not residue.name:
        raise ModelFileError(f"{where}: the record has no {'residue' if name else 'atom'} name in its column")
    position = tuple(_coordinate(line, axis, where, f"atom {name} of {residue}") for axis in range(3))
    element = _element(line, name, residue.name)
    if not element:
        raise ModelFileError(f"{where}: the element of atom {name} of {residue} is unknown: write it in columns 77-78")
    if element == "D":
        element = "H"
        name = re.sub("D", "H", name, count=1)
        report.add("deuterium", residue, "deuterium is taken as hydrogen", line=number)
    try:
        occupancy = float(line[54:60])
    except ValueError:
        occupancy = 1.0
    atom = Atom(name.upper(), element, position, line[16:17].strip(), occupancy, line[6:11].strip(), number)
    if occupancy == 0:
        report.add("zero-occupancy", residue, f"{atom.name} has occupancy zero: its position was not seen, but is used", line=number)
    return residue, atom


def _coordinate(line, axis, where, what):
    start = 30 + 8 * axis
    field = line[start:start + 8]
    # A number that is wider than its columns runs on into the next; read by columns it would be a wrong one.
    runs_on = field[-1:].strip() and line[start + 8:start + 9].strip() and not re.fullmatch(r"\s*-?\d+\.\d{3}", field)
    if not runs_on and re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", field):
        return float(field)
    reason = ("is wider than its columns: move the structure to the origin" if runs_on else
              "is not a finite number: correct it, or remove the atom")
    raise ModelFileError(f"{where}: {'xyz'[axis]} of {what} ('{field.strip()}', columns {start + 1}-{start + 8}) {reason}")


def _element(line, name, residue):
    text = line[76:78].strip().upper()
    if text.isalpha():
        return text.capitalize()
    letters = name.lstrip("0123456789'\"").upper()
    if line[12:13].isalpha() and letters[:2] in _TWO_LETTERS and (letters[:2] == residue[:2] or letters[0] not in _PROTEIN_ELEMENTS):
        return letters[:2].capitalize()
    if residue in ("CA", "MG", "ZN", "NA", "CL", "MN", "FE", "NI", "CU", "CD", "HG") and letters.startswith(residue):
        return residue.capitalize()
    return letters[:1] if letters[:1].isalpha() else ""


def _append(residues, blocks, residue, atom, file, report):
    """Puts an atom into its residue, which other residues' lines may have interrupted (hydrogens at a file's end)."""
    last = residues[-1] if residues else None
    open_block = last is not None and last.key == residue.key and last.segment == residue.segment
    if open_block and (last.name == residue.name or (atom.altloc and last.atoms[-1].altloc)):
        target = last
    else:
        target = blocks.get((residue.segment, residue.key, residue.name))
        if target is None or any(a.name == atom.name and a.altloc == atom.altloc for a in target.atoms):
            target = residue
            residues.append(residue)
            blocks[(residue.segment, residue.key, residue.name)] = residue
    twin = next((a for a in target.atoms if a.name == atom.name and a.altloc == atom.altloc), None)
    if twin is not None:
        _duplicate(target, twin, atom, file, report)
        return
    atom.residue_name = residue.name  # alternate locations may be of another residue (microheterogeneity)
    target.atoms.append(atom)


def _duplicate(residue, first, second, file, report):
    distance = sum((a - b) ** 2 for a, b in zip(first.position, second.position)) ** 0.5
    if distance > 0.5:
        raise TopologyError(f"{file}, line {second.line}: atom {first.name} of {residue} is there twice, {distance:.2f} Angstrom "
                            f"apart (first on line {first.line}). Remove one, or mark alternate locations in column 17")
    report.add("duplicate-atom", residue, f"{first.name} is there twice; the one on line {first.line} is used", line=second.line)


def resolve_alternates(residue: Residue, report: Report) -> None:
    """Keeps one alternate location of a residue: that of the highest mean occupancy, the first among equals."""
    labels = sorted({atom.altloc for atom in residue.atoms} - {""})
    if labels:
        def occupancy(label):
            found = [atom.occupancy for atom in residue.atoms if atom.altloc == label]
            return sum(found) / len(found)

        chosen = max(labels, key=occupancy)  # the first among equals
        residue.name = next(a.residue_name for a in residue.atoms if a.altloc == chosen)
        groups: dict = {}
        for atom in residue.atoms:
            if atom.residue_name == residue.name:
                groups.setdefault(atom.name, []).append(atom)
        residue.atoms = [next((a for a in group if a.altloc == chosen), None) or max(group, key=lambda a: a.occupancy)
                         for group in groups.values()]
        if len(labels) > 1:
            report.add("alternate-location", residue, f"alternate locations {', '.join(labels)}; {chosen} is used")


def fail(raw: RawFile, residue: Residue, text: str) -> NoReturn:
    """Refuses a file for what one of its residues is.

    Raises
    ------
    TopologyError
        Always; names file, line and residue.
    """
    raise TopologyError(f"{raw.name}, line {residue.line}: {residue} {text}")
