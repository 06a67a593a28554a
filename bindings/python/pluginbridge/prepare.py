"""Makes a raw PDB file runnable: selects, completes, protonates, and reports every change.

    /usr/bin/python3 -m pluginbridge.prepare raw.pdb out.pdb [--ph 7] [--breaks cap] [--json]

    >>> from pluginbridge.prepare import prepare
    >>> print(prepare("raw.pdb", "out.pdb", ph=7.4, keep=["waters"]))

PDBFixer and OpenMM's Modeller do the chemistry. Atoms of the file keep their positions, residues their chain, number
and insertion code; what ff14SB does not have is refused by file, line, residue and atom. The output is read by
``pluginbridge energy`` and by OpenMM's ``PDBFile`` alike.
"""
from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Iterable, Mapping

from . import pdbbuild, pdbchains, pdbchecks, pdbhydrogens, pdbnames, pdbrelax, pdbsequence, pdbtext, pdbwrite
from .errors import InvalidArgumentError, PluginBridgeError
from .preparation import Report

#: What may stay beside the protein.
MOLECULES = ("waters", "ions", "ligands")


def prepare(source: str | Path, target: str | Path, *, ph: float = 7.0, chains: Iterable[str] | None = None,
            keep: Iterable[str] = (), breaks: str = "refuse", nonstandard: str = "refuse", hydrogens: str = "keep",
            termini: str = "charged", protonation: Mapping[str, str] | None = None, seed: int = 1) -> Report:
    """Takes a raw PDB file to a runnable one.

    Parameters
    ----------
    source, target : str or Path
        PDB file to read, and to write.
    ph : float
        Decides protonation where neither hydrogens nor names of the file do (pKa of amino acids in water).
    chains : iterable of str, optional
        Chain identifiers to take; all by default. ``" "`` or ``""`` is the chain without identifier.
    keep : iterable of str
        Of ``"waters"``, ``"ions"``, ``"ligands"``: what stays for the host beside the protein. Waters get hydrogens,
        ions and ligands stay as they are.
    breaks : str
        Where residues are missing inside a chain: ``"refuse"``, ``"cap"`` (NME, ACE) or ``"model"`` (PDBFixer builds
        what SEQRES says).
    nonstandard : str
        Modified residues: ``"refuse"``, or ``"replace"`` by PDBFixer's standard residue. Selenomethionine always becomes
        methionine.
    hydrogens : str
        ``"keep"``: hydrogens of the file stay and decide protonation; ``"rebuild"``: all are placed anew, by pH.
    termini : str
        ``"charged"`` (NH3+, COO-) or ``"capped"`` (ACE, NME).
    protonation : mapping of str to str, optional
        Form of single residues, ``{"A:57": "HIP"}``; chain, colon, number with insertion code.
    seed : int
        Of the random first positions of what is added.

    Returns
    -------
    Report
        Every change, the residue forms and the charge.

    Raises
    ------
    InvalidArgumentError
        An option has a value that it does not take.
    ModelFileError
        The file cannot be read, or is of another format.
    TopologyError, UnsupportedError
        What is in it cannot be made runnable; names line, residue, atom and what to do.
    MissingLibraryError
        PDBFixer or OpenMM is not installed.
    """
    keep, asked = _check(ph, keep, breaks, nonstandard, hydrogens, termini, protonation)
    pdbbuild.require_pdbfixer()
    report = Report(Path(source).name)
    report.output = Path(target).name
    wanted = list(chains) if chains is not None else None
    report.options = {"ph": ph, "chains": wanted, "keep": list(keep), "breaks": breaks, "nonstandard": nonstandard,
                      "hydrogens": hydrogens, "termini": termini, "protonation": dict(protonation or {}), "seed": seed}
    raw = pdbtext.read(source, report)
    report.atoms["read"] = sum(len(r.atoms) for r in raw.residues)
    for residue in raw.residues:
        pdbtext.resolve_alternates(residue, report)
    protein, others, removed = pdbchains.select(raw, wanted, keep, nonstandard, report)
    for residue in protein:  # before chains are divided, which looks for N, C and OXT
        pdbnames.rename_atoms(residue, True, True, report)
    pdbchecks.check_backbones(raw, protein)
    pdbchecks.check_bonds(raw, protein, others, removed, report)
    parts = pdbchains.chains_of(raw, protein, breaks, report)
    pdbsequence.name_gaps(raw, parts)
    if termini == "capped":
        for part in parts:
            if not part.ring:
                part.residues[0].cap_before = part.residues[-1].cap_after = True
    pdbsequence.check_ends(raw, parts, report)
    for part in parts:
        _drop_terminal_oxygen(part)
    pdbchecks.check_heavy_atoms(raw, parts)
    pdbchecks.check_hands(parts, report)
    bridges = pdbchains.disulfides(raw, parts, report)
    pdbbuild.add_heavy_atoms(raw, parts, others, seed, report)
    pdbbuild.add_caps(parts, report)
    pdbhydrogens.choose_forms(raw, parts, bridges, ph, asked, hydrogens, report)
    pdbhydrogens.strip_hydrogens(parts, hydrogens, report)
    pdbhydrogens.add_hydrogens(parts, others, bridges, ph, seed, report)
    pdbchecks.check_metals(parts, others, removed, report)
    pdbrelax.check_and_relax(raw, parts, bridges, report)
    pdbwrite.write(target, raw, parts, others, bridges, report)
    return report


def _drop_terminal_oxygen(part):
    """An end that gets a cap loses its OXT, here already, as PDBFixer would otherwise keep it."""
    last = part.residues[-1]
    if last.cap_after and last.name not in pdbnames.CAPS:
        last.atoms = [a for a in last.atoms if a.name != "OXT"]


def _check(ph, keep, breaks, nonstandard, hydrogens, termini, protonation):
    for name, value, allowed in (("breaks", breaks, ("refuse", "cap", "model")), ("nonstandard", nonstandard, ("refuse", "replace")),
                                 ("hydrogens", hydrogens, ("keep", "rebuild")), ("termini", termini, ("charged", "capped"))):
        if value not in allowed:
            raise InvalidArgumentError(f"{name} is one of {', '.join(allowed)}, not '{value}'")
    keep = tuple(keep)
    for value in keep:
        if value not in MOLECULES:
            raise InvalidArgumentError(f"keep takes {', '.join(MOLECULES)}, not '{value}'")
    if not 0 <= ph <= 14:
        raise InvalidArgumentError(f"ph is between 0 and 14, not {ph:g}")
    asked = {}
    for where, form in (protonation or {}).items():
        match = re.fullmatch(r"(.?):(-?\w+?)([A-Za-z]?)", where)
        form = form.upper()
        if match is None or form not in pdbnames.FORMS and form not in pdbnames.AMINO_ACIDS:
            raise InvalidArgumentError(f"protonation takes a residue and a form such as A:57=HIP, not '{where}={form}'")
        asked[(match[1] or " ", match[2], match[3])] = form
    return keep, asked


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    made = argparse.ArgumentParser(prog="pluginbridge prepare", description=__doc__.split("\n", 1)[0])
    made.add_argument("source", metavar="RAW.pdb")
    made.add_argument("target", metavar="OUT.pdb")
    made.add_argument("--ph", type=float, default=7.0, help="for what neither hydrogens nor names of the file decide (7)")
    made.add_argument("--chains", help="identifiers, separated by commas; all by default")
    made.add_argument("--keep", action="append", default=[], choices=MOLECULES, help="leave these to the host; several times")
    made.add_argument("--breaks", default="refuse", choices=("refuse", "cap", "model"), help="residues missing inside a chain")
    made.add_argument("--nonstandard", default="refuse", choices=("refuse", "replace"), help="modified residues")
    made.add_argument("--hydrogens", default="keep", choices=("keep", "rebuild"), help="hydrogens of the file")
    made.add_argument("--termini", default="charged", choices=("charged", "capped"), help="ends of chains")
    made.add_argument("--protonation", action="append", default=[], metavar="A:57=HIP", help="form of one residue; several times")
    made.add_argument("--seed", type=int, default=1, help="of first positions of what is added")
    made.add_argument("--json", action="store_true", help="print the report as one JSON object")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line. Exit codes: 0 done, 1 the input failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        report = prepare(
            options.source, options.target, ph=options.ph, chains=options.chains.split(",") if options.chains is not None else None,
            keep=options.keep, breaks=options.breaks, nonstandard=options.nonstandard, hydrogens=options.hydrogens,
            termini=options.termini, protonation=dict(item.partition("=")[::2] for item in options.protonation), seed=options.seed)
    except PluginBridgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidArgumentError) else 1
    print(report.to_json() if options.json else report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
