"""SEQRES of a raw structure: which residues are missing inside its chains and at their ends."""
from __future__ import annotations

from . import pdbnames
from .pdbchains import Chain, integer
from .pdbtext import RawFile, fail
from .preparation import Report


def name_gaps(raw: RawFile, chains: list[Chain]) -> None:
    """Finds in SEQRES which residues are missing in the gaps of chains.

    Raises
    ------
    TopologyError
        SEQRES does not say what is missing, or it is a nonstandard residue.
    """
    for chain in (c for c in chains if c.gaps):
        stretches = chain.stretches()
        after = stretches[1][0]
        names = _sequence(raw, chain.residues[0].chain)
        if not names:
            fail(raw, after, "comes after a gap, and without SEQRES records the missing residues are not known. "
                 "Add them, or cap the ends (breaks=\"cap\", --breaks cap)")
        places = next(_places(stretches, names), None)
        if places is None:
            fail(raw, after, "comes after a gap that the SEQRES records do not explain: the chain's residues do not lie in its "
                 "sequence in one way only. Correct SEQRES or the numbering, or cap the ends (breaks=\"cap\", --breaks cap)")
        missing = [names[start + len(stretch):end] for stretch, start, end in zip(stretches, places, places[1:])]
        if any(n not in pdbnames.AMINO_ACIDS - {"HYP"} for gap in missing for n in gap):
            fail(raw, after, "comes after a gap in which SEQRES has a nonstandard residue; cap the ends instead")
        chain.gaps = dict(zip(sorted(chain.gaps), missing))


def check_ends(raw: RawFile, chains: list[Chain], report: Report) -> None:
    """Notes residues that SEQRES has beyond charged ends, which are not the protein's then: disordered tails."""
    parts: dict = {}
    for chain in chains:
        if not chain.ring:
            parts.setdefault(chain.residues[0].chain, []).append(chain)
    for identifier, found in parts.items():
        names = _sequence(raw, identifier)
        stretches = [[r for r in s if r.name not in pdbnames.CAPS] for chain in found for s in chain.stretches()]
        stretches = [s for s in stretches if s]
        fitting = list(_places(stretches, names))
        if len(fitting) > 1:
            fitting = [p for p in fitting if p[0] == integer(stretches[0][0].number) - 1]
        if not fitting:
            continue
        first, last = found[0].residues[0], found[-1].residues[-1]
        behind = len(names) - fitting[0][-1] - len(stretches[-1])
        for residue, capped, count, where in ((first, first.cap_before, fitting[0][0], "before it, at the chain's start"),
                                              (last, last.cap_after, behind, "after it, at the chain's end")):
            if count and not capped and residue.name not in pdbnames.CAPS:
                report.add("warning", residue, f"SEQRES has {count} residue{'s' * (count > 1)} {where}, which the file lacks: "
                           "this end's charge is not the protein's. Cap it (termini=\"capped\", --termini capped); "
                           "ends are not modelled")


def _sequence(raw, identifier):
    """What SEQRES says of a chain, under the names of PDB files; empty where there is none."""
    return [{"MSE": "MET"}.get(n, pdbnames.residue_name(n)[0]) for n in raw.sequences.get(identifier, [])]


def _places(stretches, names):
    """Yields where the stretches of a chain may lie in its sequence, as positions of their first residues.

    The first lies anywhere; after a gap numbering and sequence have to agree, or only one place to fit.
    """
    def fits(stretch, start):
        return 0 <= start <= len(names) - len(stretch) and all(n in (r.name, r.original) for r, n in zip(stretch, names[start:]))

    for start in range(len(names)):
        found = [start] if stretches and fits(stretches[0], start) else []
        for before, stretch in zip(stretches, stretches[1:]):
            if not found:
                break
            end = found[-1] + len(before)
            numbered = end + integer(stretch[0].number) - integer(before[-1].number) - 1
            fitting = [p for p in range(end + 1, len(names)) if fits(stretch, p)]
            if numbered not in fitting and len(fitting) != 1:
                break
            found.append(numbered if numbered in fitting else fitting[0])
        if len(found) == len(stretches):
            yield found
