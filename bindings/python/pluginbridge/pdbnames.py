"""Names of residues and atoms: what files call them, what OpenMM's tables call them, what ff14SB has."""
from __future__ import annotations

import functools
import io
import math

from .preparation import Report

#: Names that say a protonation form (or nothing) of an amino acid, and the name that PDB files have for it.
FORMS = {
    "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "CYX": "CYS", "CYM": "CYS",
}
_ALIASES = {
    "HSD": "HID", "HSE": "HIE", "HSP": "HIP", "HISD": "HID", "HISE": "HIE", "HISP": "HIP", "HISH": "HIP", "HSH": "HIP",
    "HIH": "HIP", "ASPH": "ASH", "ASPP": "ASH", "GLUH": "GLH", "GLUP": "GLH", "LYSN": "LYN", "LSN": "LYN", "LYSH": "LYS",
    "LYP": "LYS", "CYS2": "CYX", "CYSH": "CYS", "NMA": "NME", "NAC": "NME", "NHE": "NH2",
}
AMINO_ACIDS = frozenset("ALA ARG ASN ASP CYS GLN GLU GLY HIS HYP ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL".split())
CAPS = frozenset(("ACE", "NME", "NH2"))
WATERS = frozenset("HOH WAT H2O SOL TIP TIP3 TP3 TIP4 T3P DOD SPC OH2".split())
IONS = frozenset("LI NA K RB CS MG CA SR BA ZN MN FE FE2 CO NI CU CU1 CD HG F CL BR IOD NA+ CL- K+ SOD CLA POT CAL CES ZN2".split())
#: Residues with the same shape as an amino acid of ff14SB: replaced without being asked, and their atoms' new names.
SAME_SHAPE = {"MSE": ("MET", {"SE": "SD"})}
#: D amino acids: ff14SB has the same parameters for both hands.
D_RESIDUES = {
    "DAL": "ALA", "DAR": "ARG", "DSG": "ASN", "DAS": "ASP", "DCY": "CYS", "DGN": "GLN", "DGL": "GLU", "DHI": "HIS",
    "DIL": "ILE", "DLE": "LEU", "DLY": "LYS", "MED": "MET", "DPN": "PHE", "DPR": "PRO", "DSN": "SER", "DTH": "THR",
    "DTR": "TRP", "DTY": "TYR", "DVA": "VAL",
}
_HYP_HYDROGENS = """<Residues><Residue name="HYP">
 <H name="H2" parent="N" terminal="N"/><H name="H3" parent="N" terminal="N"/><H name="HA" parent="CA"/>
 <H name="HB2" parent="CB"/><H name="HB3" parent="CB"/><H name="HG" parent="CG"/><H name="HD1" parent="OD1"/>
 <H name="HD22" parent="CD"/><H name="HD23" parent="CD"/></Residue></Residues>"""
_LONGEST_HYDROGEN_BOND = 1.3
# OpenMM's pKa of side chains, as Modeller.addHydrogens has them.
_PKA = {"ASP": 4.4, "GLU": 4.4, "HIS": 6.5, "CYS": 8.5, "LYS": 10.0}


def residue_name(name: str) -> tuple[str, str]:
    """The name that PDB files have for a residue, and the form that a given name says ("" where it says none).

    ``NALA`` and ``CALA`` are ``ALA``.
    """
    name = _ALIASES.get(name, name)
    if len(name) == 4 and name[0] in "NC" and (name[1:] in AMINO_ACIDS or name[1:] in FORMS):
        name = name[1:]
    return (FORMS[name], name) if name in FORMS else (name, "")


@functools.lru_cache(maxsize=None)
def force_field():
    """OpenMM's ff14SB."""
    from openmm import app

    return app.ForceField("amber14/protein.ff14SB.xml")


@functools.lru_cache(maxsize=None)
def ff14sb_forms() -> frozenset:
    """Names of ff14SB's residue forms: ``HID``, ``NGLY``, ``CYX``, ..."""
    return frozenset(force_field()._templates)


@functools.lru_cache(maxsize=None)
def heavy_atoms(name: str) -> tuple:
    """(name, element) of a residue's heavy atoms without OXT, under the names of PDB files."""
    template = force_field()._templates[{"HIS": "HID", "NH2": "NHE"}.get(name, name)]
    renamed = {("NME", "CH3"): "C"}
    return tuple((renamed.get((name, a.name), a.name), a.element.symbol) for a in template.atoms if a.element.symbol != "H")


@functools.lru_cache(maxsize=None)
def bonds_between_heavy_atoms(name: str) -> tuple:
    """Pairs of names, OXT included."""
    template = force_field()._templates[{"HIS": "HID", "NH2": "NHE"}.get(name, name)]
    names = [{("NME", "CH3"): "C"}.get((name, a.name), a.name) for a in template.atoms]
    heavy = [a.element.symbol != "H" for a in template.atoms]
    return (*((names[i], names[j]) for i, j in template.bonds if heavy[i] and heavy[j]), ("C", "OXT"))


@functools.lru_cache(maxsize=None)
def _hydrogen_tables():
    from openmm import app

    if not app.Modeller._hasLoadedStandardHydrogens:
        import os
        app.Modeller.loadHydrogenDefinitions(os.path.join(os.path.dirname(app.__file__), "data", "hydrogens.xml"))
    if "HYP" not in app.Modeller._residueHydrogens:
        app.Modeller.loadHydrogenDefinitions(io.StringIO(_HYP_HYDROGENS))
    return app.Modeller._residueHydrogens


def hydrogens(name: str, form: str, first: bool, last: bool) -> dict[str, str]:
    """Hydrogens of a residue form and the heavy atoms that they sit on.

    Parameters
    ----------
    name : str
        PDB name.
    form : str
        Protonation form, e.g. ``"HID"``; "" for residues that have one only; ``"*"`` for all that may be there.
    first, last : bool
        Whether it starts or ends a chain (charged ends).
    """
    found = {}
    for h in _hydrogen_tables()[name].hydrogens:
        if h.terminal is not None and not (first and "N" in h.terminal) and not (last and "C" in h.terminal and name != "ACE"):
            continue
        wanted = {"CYM": "CYX"}.get(form, form)
        if h.variants is None or form == "*" or wanted in h.variants:
            found[h.name] = h.parent
    if name in ("ACE", "NME", "NH2"):  # Modeller's extra hydrogens are those of the molecules on their own
        found = {n: p for n, p in found.items() if n not in (("HN2",) if name == "NME" else ("H",))}
    return found


@functools.lru_cache(maxsize=None)
def _atom_names(name: str) -> dict:
    from openmm import app

    app.PDBFile._loadNameReplacementTables()
    return app.PDBFile._atomNameReplacements.get(name) or app.PDBFile._atomNameReplacements["UNK"]


def rename_atoms(residue, first: bool, last: bool, report: Report) -> None:
    """Gives a residue's atoms the names of PDB version 3, and takes off hydrogens that fit nowhere.

    Old names (``1HB``, ``HN``, ``HT1``, ``OT2``) come from OpenMM's table; hydrogens of unknown names get the free
    places of the heavy atom they sit on.
    """
    table, places = _atom_names(residue.name), hydrogens(residue.name, "*", first, last)
    known = {n for n, _ in heavy_atoms(residue.name)} | set(places) | ({"OXT"} if last else set())
    taken = {atom.name for atom in residue.atoms if atom.name in known}
    renamed, unknown = [], []
    for atom in residue.atoms:
        if atom.name in known:
            continue
        new = table.get(atom.name, atom.name)
        if new in known and new not in taken and (new in places) == (atom.element == "H"):
            renamed.append(f"{atom.name} -> {new}")
            taken.add(new)
            atom.name = new
        elif atom.element == "H":
            unknown.append(atom)
    for atom in unknown:
        parent = _parent(residue, atom)
        free = [n for n, p in places.items() if parent is not None and p == parent.name and n not in taken]
        if free:
            renamed.append(f"{atom.name} -> {free[0]}")
            taken.add(free[0])
            atom.name = free[0]
        else:
            residue.atoms.remove(atom)
            report.add("removed-hydrogen", residue, f"{atom.name} has no place there", line=atom.line)
    if renamed:
        report.add("renamed-atom", residue, ", ".join(renamed))
    for atom in [a for a in residue.atoms if a.element == "H" and a.name in places]:
        parent = residue.atom(places[atom.name])
        if parent is None or math.dist(atom.position, parent.position) > 1.6:
            residue.atoms.remove(atom)
            report.add("removed-hydrogen", residue, f"{atom.name} is far from {places[atom.name]}; it is placed anew", line=atom.line)


def _parent(residue, hydrogen):
    heavy = [a for a in residue.atoms if a.element != "H"]
    nearest = min(heavy, key=lambda a: math.dist(a.position, hydrogen.position), default=None)
    near = nearest is not None and math.dist(nearest.position, hydrogen.position) < _LONGEST_HYDROGEN_BOND
    return nearest if near else None


def form_by_ph(name: str, ph: float) -> str:
    """Protonation form at a pH, by OpenMM's pKa of side chains; "" for histidine above its own, which hydrogen bonds decide."""
    acid = {"ASP": "ASH", "GLU": "GLH", "HIS": "HIP", "CYS": "CYS", "LYS": "LYS"}
    base = {"ASP": "ASP", "GLU": "GLU", "HIS": "", "CYS": "CYM", "LYS": "LYN"}
    return acid[name] if ph <= _PKA[name] else base[name]


def form_by_hydrogens(residue) -> str:
    """Protonation form that a titratable residue's hydrogens say; "" where they say nothing."""
    names = {atom.name for atom in residue.atoms if atom.element == "H"}
    if residue.name == "HIS":
        return {(True, True): "HIP", (True, False): "HID", (False, True): "HIE"}.get(("HD1" in names, "HE2" in names), "")
    if residue.name in ("ASP", "GLU") and names & {"HD2", "HE2"}:
        return "ASH" if residue.name == "ASP" else "GLH"
    if residue.name == "CYS" and "HG" in names:
        return "CYS"
    if residue.name == "LYS" and "HZ3" not in names and {"HZ1", "HZ2"} <= names:
        return "LYN"
    # The others are seen by a hydrogen's absence, which tells something only where the others are there.
    if residue.name in ("ASP", "GLU", "LYS") and {"HA", "HB2", "HB3"} <= names:
        return residue.name if residue.name != "LYS" or "HZ3" in names else ""
    return ""


def output_name(residue) -> str:
    """The residue's name in the output: that of PDB files, which OpenMM knows; CYM, as nothing else tells a thiolate."""
    return "CYM" if residue.form == "CYM" else residue.name
