"""Protonation forms and hydrogens, by OpenMM's Modeller."""
from __future__ import annotations

import math
import random

from . import pdbnames
from .errors import TopologyError, UnsupportedError
from .pdbbuild import unit_vector
from .pdbchains import Chain
from .pdbtext import Atom, RawFile, Residue, fail
from .preparation import Report


def choose_forms(raw: RawFile, chains: list[Chain], bridges: list, ph: float, asked: dict, hydrogens: str, report: Report) -> None:
    """Decides the protonation form of every residue: as asked, else by its hydrogens, its name, and last by the pH.

    Parameters
    ----------
    bridges : list of pairs of Residue
        Disulfides; their cysteines are CYX.
    asked : dict
        (chain, number, insertion code) to form.
    hydrogens : str
        ``"keep"``: hydrogens and names of the file decide where they say something; ``"rebuild"``: the pH decides.

    Raises
    ------
    TopologyError, UnsupportedError
        A form was asked for that the residue or ff14SB does not have.
    """
    bridged = {id(r) for pair in bridges for r in pair}
    seen = set()
    for chain in chains:
        if len(chain.residues) == 1 and not chain.ring:
            fail(raw, chain.residues[0], "is a chain of one residue, and ff14SB has none that is both ends at once: "
                 "cap it (termini=\"capped\", --termini capped), or leave its chain out")
        for index, residue in enumerate(chain.residues):
            last = residue is chain.residues[-1]
            ends = "" if chain.ring else ("N" if index == 0 else "") + ("C" if last else "")
            wanted = asked.get(residue.key)
            seen.add(residue.key)
            if residue.name not in ("ASP", "GLU", "HIS", "CYS", "LYS"):
                if wanted is not None and wanted != residue.name:
                    fail(raw, residue, f"cannot be {wanted}: ff14SB has {residue.name} in one form only")
                residue.form = ""
                continue
            residue.form = _form(raw, residue, ends, wanted, id(residue) in bridged, ph, hydrogens, report)
    missing = [key for key in asked if key not in seen]
    if missing:
        raise TopologyError(f"{raw.name}: a protonation form is given for residue {missing[0][1]}{missing[0][2]} of chain "
                            f"'{missing[0][0]}', which is not in the protein")


def _form(raw, residue, ends, wanted, bridged, ph, hydrogens, report):
    if bridged:
        if wanted not in (None, "CYX"):
            fail(raw, residue, f"cannot be {wanted}: it is in a disulfide")
        return "CYX"
    said = residue.form if pdbnames.FORMS.get(residue.form) == residue.name else ""
    if said == "CYX" or wanted == "CYX":
        if wanted:
            fail(raw, residue, "cannot be CYX: no other SG is within 2.5 Angstrom")
        report.add("warning", residue, "is named CYX, but no other SG is within 2.5 Angstrom")
        said = ""
    by_hydrogens = pdbnames.form_by_hydrogens(residue) if hydrogens == "keep" else ""
    if hydrogens != "keep":
        said = ""
    form, reason = next((f, r) for f, r in ((wanted, "as asked"), (by_hydrogens, "by its hydrogens"), (said, "by its name"),
                                            (pdbnames.form_by_ph(residue.name, ph), f"at pH {ph:g}"), (residue.name, "")) if f)
    if wanted is not None and pdbnames.FORMS.get(wanted, wanted) != residue.name:
        fail(raw, residue, f"cannot be {wanted}, which is a form of {pdbnames.FORMS.get(wanted, wanted)}")
    if form != "HIS" and any(end + form not in pdbnames.ff14sb_forms() for end in ends):
        if reason.startswith("at pH"):
            report.add("protonation", residue, f"{residue.name}, as ff14SB has no {form} at a chain's end")
            return residue.name
        raise UnsupportedError(
            f"{raw.name}, line {residue.line}: {residue} is {form} ({reason}), and ff14SB has none at the end of a chain. Ask for "
            f"{residue.name} (protonation, --protonation), or cap the ends (termini=\"capped\", --termini capped)")
    if form not in (residue.name, "HIS"):
        report.add("protonation", residue, f"{form} {reason}".strip())
    return "" if form == "HIS" else form


def strip_hydrogens(chains: list[Chain], hydrogens: str, report: Report) -> None:
    """Takes off hydrogens that a form does not have, or all of them."""
    for chain in chains:
        for index, residue in enumerate(chain.residues):
            present = [a for a in residue.atoms if a.element == "H"]
            expected = () if hydrogens == "rebuild" else _expected(chain, index, residue)
            gone = [a for a in present if a.name not in expected]
            if gone:
                residue.atoms = [a for a in residue.atoms if a not in gone]
                if hydrogens != "rebuild":
                    report.add("removed-hydrogen", residue, f"{', '.join(a.name for a in gone)}: "
                               f"not in {residue.form or residue.name}" + _end(chain, index))
    if hydrogens == "rebuild":
        report.add("removed-hydrogen", None, "all of them, to be placed anew")


def _expected(chain, index, residue):
    first = index == 0 and not chain.ring
    return pdbnames.hydrogens(residue.name, residue.form or ("*" if residue.name == "HIS" else ""), first, False)


def _end(chain, index):
    if chain.ring:
        return " of a ring"
    return {0: " at the chain's start", len(chain.residues) - 1: " at the chain's end"}.get(index, " inside a chain")


def add_hydrogens(chains: list[Chain], others: list[Residue], bridges: list, ph: float, seed: int, report: Report) -> None:
    """Adds missing hydrogens to protein and waters; other molecules are left as they are."""
    from openmm import app, unit

    residues = [r for chain in chains for r in chain.residues]
    before = {id(r): {a.name for a in r.atoms} for r in [*residues, *others]}
    complete = all(set(_expected(c, i, r)) <= before[id(r)] for c in chains for i, r in enumerate(c.residues))
    if complete and not any(r.name == "HOH" and len(r.atoms) < 3 for r in others):
        return
    _choose_histidines(chains, others, ph, report)
    top, positions = topology(chains, others, bridges)
    modeller = app.Modeller(top, positions)
    variants = [{"CYM": "CYX"}.get(r.form, r.form) or None for r in residues] + [None] * len(others)
    pdbnames.hydrogens("ALA", "", False, False)  # loads definitions that OpenMM lacks
    state = random.getstate()
    random.seed(seed)  # Modeller draws first directions from it
    try:
        modeller.addHydrogens(pH=7.0, variants=variants, platform=platform(top.getNumAtoms()))  # forms are chosen already
    finally:
        random.setstate(state)
    made = modeller.positions.value_in_unit(unit.nanometer)
    for residue, new in zip([*residues, *others], modeller.topology.residues()):
        residue.atoms = _merge(residue, new, made)
    for chain in (c for c in chains if c.ring):
        first = chain.residues[0]
        first.atoms = [a for a in first.atoms if a.given or a.name not in ("H2", "H3") or first.atom(a.name) is None]
    for residue in others:
        _shape_water(residue)
    added = {id(r): [a.name for a in r.atoms if a.name not in before[id(r)]] for r in [*residues, *others]}
    for residue in residues:
        if added[id(residue)]:
            report.add("added-hydrogen", residue, ", ".join(added[id(residue)]))
    water = sum(len(added[id(r)]) for r in others)
    if water:
        report.add("added-hydrogen", None, f"{water} on waters")


def _shape_water(residue):
    """Gives a water's new hydrogens TIP3P's distance and, where both are new, its angle: Modeller's first guess is 1.2 Angstrom."""
    import numpy as np

    new = [a for a in residue.atoms if a.element == "H" and not a.given]
    oxygen = residue.atom("O")
    if residue.name != "HOH" or oxygen is None or not new:
        return
    o = np.array(oxygen.position)
    arms = [unit_vector(np.array(a.position) - o) for a in new]
    if len(arms) == 2:
        middle, across = unit_vector(arms[0] + arms[1]), unit_vector(arms[0] - arms[1])
        half = math.radians(104.52 / 2)
        arms = [math.cos(half) * middle + sign * math.sin(half) * across for sign in (1, -1)]
    for atom, arm in zip(new, arms):
        atom.position = tuple(float(x) for x in o + 0.9572 * arm)


def _choose_histidines(chains, others, ph, report):
    """Gives neutral histidines of which nothing else is known their tautomer, by the rule of OpenMM's Modeller: HIE where
    NE2 can make a hydrogen bond and ND1 cannot, else HID."""
    import numpy as np

    polar = [(r, a.position) for r in [*(r for c in chains for r in c.residues), *others] for a in r.atoms if a.element in ("N", "O")]
    positions = np.array([p for _, p in polar])

    def bonds(residue, nitrogen, *ring):
        n = np.array(residue.atom(nitrogen).position)
        hydrogen = n + unit_vector(sum(n - np.array(residue.atom(name).position) for name in ring))
        near = [i for i in np.flatnonzero(((positions - n) ** 2).sum(axis=1) < 3.5 ** 2) if polar[i][0] is not residue]
        cosines = [unit_vector(hydrogen - n) @ unit_vector(positions[i] - hydrogen) for i in near]
        return any(cosine > math.cos(math.radians(50)) for cosine in cosines)

    for residue in (r for c in chains for r in c.residues if r.name == "HIS" and not r.form):
        epsilon = bonds(residue, "NE2", "CD2", "CE1") and not bonds(residue, "ND1", "CG", "CE1")
        residue.form = "HIE" if epsilon else "HID"
        report.add("protonation", residue, f"{residue.form}, by the hydrogen bonds of its ring at pH {ph:g}")


def _merge(residue, new, positions):
    """Atoms in Modeller's order (hydrogens behind their heavy atoms), ours where we have them."""
    ours = {a.name: a for a in residue.atoms}
    return [ours.get(a.name) or Atom(a.name, a.element.symbol, tuple(10 * x for x in positions[a.index]), given=False)
            for a in new.atoms()]


def topology(chains: list[Chain], others: list[Residue], bridges: list):
    """OpenMM's Topology and positions, bonds from the templates: OpenMM's own reader joins whatever follows each other."""
    from openmm import Vec3, app, unit

    top, handles, positions = app.Topology(), {}, []

    def add(residue, chain):
        made = top.addResidue(residue.name, chain, residue.number, residue.insertion)
        for atom in residue.atoms:
            try:
                element = app.Element.getBySymbol(atom.element)
            except KeyError:
                raise TopologyError(f"line {atom.line}: atom {atom.name} of {residue} has the element '{atom.element}', which there "
                                    "is not: correct columns 77-78") from None
            handles[id(residue), atom.name] = top.addAtom(atom.name, element, made)
            positions.append(Vec3(*(0.1 * x for x in atom.position)))

    def bond(a, first, b, second):
        if (id(a), first) in handles and (id(b), second) in handles:
            top.addBond(handles[id(a), first], handles[id(b), second])

    for chain in chains:
        made = top.addChain(chain.residues[0].chain)
        for index, residue in enumerate(chain.residues):
            add(residue, made)
            for first, second in pdbnames.bonds_between_heavy_atoms(residue.name):
                bond(residue, first, residue, second)
            for hydrogen, parent in pdbnames.hydrogens(residue.name, "*", index == 0, False).items():
                bond(residue, hydrogen, residue, parent)
        for before, after in zip(chain.residues, chain.residues[1:]):
            bond(before, "C", after, "N")
        if chain.ring:
            bond(chain.residues[-1], "C", chain.residues[0], "N")
    for a, b in bridges:
        bond(a, "SG", b, "SG")
    for residue in others:
        add(residue, top.addChain(residue.chain))
        oxygens = [a.name for a in residue.atoms if a.element == "O"]
        if residue.name == "HOH" and len(oxygens) == 1:
            for atom in residue.atoms:
                if atom.element == "H":
                    bond(residue, oxygens[0], residue, atom.name)
    return top, positions * unit.nanometer


def platform(atoms: int):
    """Reference for few atoms (the same result every time), CPU for many."""
    import openmm

    names = {openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())}
    return openmm.Platform.getPlatformByName("CPU" if atoms > 800 and "CPU" in names else "Reference")
