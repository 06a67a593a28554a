"""Small PDB files and edits of their lines, to make the oddities of real-world files."""
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "charged": ROOT / "tests/managed/fixtures/charged_peptide.pdb",  # PHE-HIS-ASP-PRO-TRP-ARG, charged ends
    "disulfide": ROOT / "tests/managed/fixtures/disulfide.pdb",  # ACE-CYS-NME (A) bridged to ACE-CYS-NHE (B)
    "alanine": ROOT / "tests/python/structures/capped_alanine.pdb",  # ACE-ALA-NME
    "penta": ROOT / "tests/python/structures/capped_pentapeptide.pdb",  # ACE-ALA-LYS-PRO-SER-GLU-NME
    "chignolin": ROOT / "examples/gydpetgtwg.pdb",  # GYDPETGTWG, charged ends
    "ring": ROOT / "tests/python/structures/cyclic_hexapeptide.pdb",  # cyclo(GLY-ALA-GLY-SER-GLY-ALA)
}


def atoms(name):
    """The ATOM and HETATM lines of a file."""
    return [line for line in FILES[name].read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]


def text(lines):
    return "\n".join([*lines, "END", ""])


def put(line, column, value):
    """A line with a value from a column on (counted from 1)."""
    line = line.ljust(80)
    return line[:column - 1] + value + line[column - 1 + len(value):]


def atom_name(line):
    return line[12:16].strip()


def number(line):
    return int(line[22:26])


def named(line, name):
    """A line with another atom name."""
    return put(line, 13, name.ljust(4) if len(name) == 4 else f" {name:<3s}")


def position(line):
    return np.array([float(line[i:i + 8]) for i in (30, 38, 46)])


def at(line, xyz):
    """A line with another position."""
    return put(line, 31, "".join(f"{x:8.3f}" for x in xyz))


def find(lines, residue, atom):
    return next(line for line in lines if number(line) == residue and atom_name(line) == atom)


def where(lines, condition, change):
    """Lines with those that fulfil a condition changed (to a line, a list of lines, or None: taken out)."""
    result = []
    for line in lines:
        new = change(line) if condition(line) else line
        result += [] if new is None else new if isinstance(new, list) else [new]
    return result


def residue(*numbers):
    return lambda line: number(line) in numbers


def an_atom(residue_number, *names):
    return lambda line: number(line) == residue_number and atom_name(line) in names


def is_hydrogen(line):
    return line[76:78].strip() == "H"


def without(lines, condition):
    return where(lines, condition, lambda line: None)


def rename_residue(lines, residue_number, name):
    return where(lines, residue(residue_number), lambda line: put(line, 18, f"{name:>3s}"))


def rename_atoms(lines, residue_number, **names):
    """Other names for atoms of a residue; digits that come first are written with a leading underscore."""
    return where(lines, an_atom(residue_number, *names), lambda line: named(line, names[atom_name(line)].lstrip("_")))


def renumber(lines, numbers):
    """Other numbers (with insertion codes, five columns) for residues."""
    return where(lines, residue(*numbers), lambda line: put(line, 23, numbers[number(line)]))


def shifted(lines, by):
    return [at(line, position(line) + by) for line in lines]


def alternate(lines, condition, label_a="A", label_b="B", share=0.6):
    """Atoms in two places: the right one, of occupancy ``share``, and one that is 0.7 Angstrom off."""
    return where(lines, condition, lambda line: [
        put(put(line, 17, label_a), 55, f"{share:6.2f}"),
        at(put(put(line, 17, label_b), 55, f"{1 - share:6.2f}"), position(line) + 0.4)])


def hetero(name, element, chain, residue_number, xyz, atom=None):
    label = atom or element.upper()
    return (f"HETATM9{residue_number % 1000:04d} {label if len(element) == 2 else ' ' + label:<4s} {name:>3s} {chain}{residue_number:4d}    "
            + "".join(f"{x:8.3f}" for x in xyz) + f"  1.00 20.00          {element:>2s}")


def bonded(origin, towards, length):
    """The point at a distance from one position in the direction of another."""
    direction = towards - origin
    return origin + length * direction / np.linalg.norm(direction)
