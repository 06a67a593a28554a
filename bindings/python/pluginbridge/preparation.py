"""The report of what :func:`pluginbridge.prepare.prepare` did to a structure."""
from __future__ import annotations

import dataclasses
import json

#: What a change can be, in the order in which text reports have them.
KINDS = {
    "model": "models", "chain": "chains", "removed": "removed molecules", "kept": "molecules left to the host",
    "alternate-location": "alternate locations", "duplicate-atom": "duplicated atoms", "zero-occupancy": "occupancy zero",
    "deuterium": "deuterium", "replaced-residue": "nonstandard residues", "renamed-residue": "residue names",
    "renamed-atom": "atom names", "break": "chain breaks", "cap": "caps", "loop": "modelled residues",
    "added-atom": "heavy atoms added", "terminus": "chain ends", "disulfide": "disulfides", "ring": "rings",
    "removed-hydrogen": "hydrogens removed", "added-hydrogen": "hydrogens added", "protonation": "protonation",
    "warning": "warnings",
}


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that was done or found.

    Attributes
    ----------
    kind : str
        A key of :data:`KINDS`.
    residue : str or None
        ``"TYR 2 (chain A)"`` as the file calls it; None where the whole file is meant.
    message : str
        What was done.
    line : int or None
        Line of the input file.
    """

    kind: str
    residue: str | None
    message: str
    line: int | None = None

    def __str__(self):
        return f"{self.residue}: {self.message}" if self.residue else self.message


class Report:
    """Everything that preparation changed or decided.

    Attributes
    ----------
    changes : list of Change
        In the order in which they were made.
    forms : dict
        Form of ff14SB (``HID``, ``NGLY``, ``CYX``) of every residue of the protein, by name in the output.
    charge : int
        Net charge of the protein, e.
    atoms : dict
        Numbers: ``read``, ``written``, ``protein``.
    """

    def __init__(self, source: str = ""):
        self.source, self.output = source, ""
        self.changes: list[Change] = []
        self.forms: dict[str, str] = {}
        self.charge = 0
        self.atoms: dict[str, int] = {}
        self.options: dict[str, object] = {}

    def add(self, kind: str, residue, message: str, line: int | None = None) -> None:
        """Notes a change; one that is there already is not repeated.

        Parameters
        ----------
        kind : str
            A key of :data:`KINDS`.
        residue : object or None
            Whose text names the residue.
        message : str
            What was done.
        line : int, optional
            Line of the input file.
        """
        assert kind in KINDS, kind
        change = Change(kind, None if residue is None else str(residue), message, line)
        if not any((c.kind, c.residue, c.message) == (change.kind, change.residue, change.message)
                   for c in self.changes[-50:]):
            self.changes.append(change)

    def of(self, kind: str) -> list[Change]:
        """Changes of a kind."""
        return [change for change in self.changes if change.kind == kind]

    def to_json(self) -> str:
        """One JSON object: ``input``, ``output``, ``options``, ``atoms``, ``charge``, ``forms``, ``changes``."""
        return json.dumps({
            "input": self.source, "output": self.output, "options": self.options, "atoms": self.atoms,
            "charge": self.charge, "forms": self.forms, "changes": [dataclasses.asdict(change) for change in self.changes],
        }, indent=1)

    def __str__(self):
        lines = [f"{self.source} -> {self.output}: {self.atoms.get('protein', 0)} atoms of protein, charge {self.charge:+d}, "
                 f"{self.atoms.get('written', 0)} atoms written"]
        for kind, title in KINDS.items():
            found = self.of(kind)
            if found:
                lines.append(f"{title}:")
                lines += [f"  {change}" for change in found]
        return "\n".join(lines)
