"""Is a molecule in dynamics still what it was: bonds, chirality, peptide bonds, temperature.

Positions are looked at every now and then (some 100 steps, fewer while a bond is long): a bond that breaks stays broken,
while the largest bond ratio seen is a lower limit of the largest there was.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import openmm
from openmm import app
from pluginbridge.moleculecheck import MoleculeCheck, forceFieldLengths

from .molecules import neighbours
from .soundness import Soundness

BROKEN, LONG = 1.4, 1.2  # bond length over ff14SB's equilibrium length
WINDOW_PS = 5.0  # of the running mean of the temperature
RUNAWAY = (0.5, 1.5)  # bounds of that mean over the thermostat's temperature
FAILURES = ("broken bond", "proton transfer", "inverted centre", "temperature", "not finite")


class Failed(RuntimeError):
    """A check failed: `kind` is one of FAILURES, the text says where."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


@dataclass
class Watch:
    """Checks of one run at `temperature` (K).

    worst: largest bond ratio seen, and the bond; flips: peptide bonds that have changed between cis and trans.
    """

    topology: app.Topology
    lengths: np.ndarray  # equilibrium lengths of the topology's bonds, angstrom
    temperature: float
    interval_ps: float
    start: np.ndarray
    worst: tuple[float, str] = (0.0, "")
    flips: list[str] = field(default_factory=list)
    kelvin: list[float] = field(default_factory=list)
    highest_mean: float = 0.0
    longest: float = 0.0  # bond ratio at the last look
    constraints: int = 0  # of the System: that many degrees of freedom less

    def __post_init__(self) -> None:
        self.atoms = list(self.topology.atoms())
        self.numbers = np.array([atom.element.atomic_number for atom in self.atoms])
        self.check = MoleculeCheck(self.topology)
        self.sound = Soundness(self.topology, self.numbers, neighbours(self.topology))
        self.handed, self.trans = self.check.handedness(self.start), self.sound.trans(self.start)
        self.recent: deque[float] = deque(maxlen=max(1, round(WINDOW_PS / self.interval_ps)))

    def is_close(self) -> bool:
        """Was some bond long at the last look?"""
        return self.longest > LONG

    def look(self, x: np.ndarray, kinetic: float, step: int, regular: bool = True) -> None:
        """Positions [N, 3] in angstrom and kinetic energy in kJ/mol after `step`; raises Failed.

        The temperature counts at regular looks, those `interval_ps` apart.
        """
        where = f"after {step} steps"
        if not (np.isfinite(x).all() and np.isfinite(kinetic)):
            raise Failed("not finite", f"positions or velocities {where}")
        self._bonds(x, where)
        for centre, was, now in zip(self.check.centres, self.handed, self.check.handedness(x)):
            if was != now:
                raise Failed("inverted centre", f"{self._label(centre[0])} {where}")
        for bond, was, now in zip(self.sound.peptide_bonds, self.trans, self.sound.trans(x)):
            text = f"{self._label(bond[1])}-{self._label(bond[2])}"
            if was != now and text not in self.flips:
                self.flips.append(text)
        if regular:
            self._temperature(2 * kinetic / ((x.size - self.constraints) * openmm.unit.MOLAR_GAS_CONSTANT_R._value * 1e-3), where)

    def _bonds(self, x: np.ndarray, where: str) -> None:
        ratios = 10 * self.check.lengths(x / 10) / self.lengths
        k = int(ratios.argmax())
        self.longest = float(ratios[k])
        self.worst = max(self.worst, (self.longest, "-".join(map(self._label, self.check.bonds[k]))))
        for bond in self.check.brokenBonds(x / 10, ratios, BROKEN)[:1]:
            first, second = self._label(bond.first), self._label(bond.second)
            if bond.movedTo is not None:
                raise Failed("proton transfer", f"{first} from {second} to {self._label(bond.movedTo)} {where}")
            raise Failed("broken bond", f"{first}-{second} {bond.ratio:.2f} times its length {where}")

    def _temperature(self, kelvin: float, where: str) -> None:
        self.kelvin.append(kelvin)
        self.recent.append(kelvin)
        if len(self.recent) == self.recent.maxlen:
            mean = float(np.mean(self.recent))
            self.highest_mean = max(self.highest_mean, mean)
            if not RUNAWAY[0] < mean / self.temperature < RUNAWAY[1]:
                raise Failed("temperature", f"{mean:.0f} K over {WINDOW_PS:g} ps {where}")

    def _label(self, index: int) -> str:
        atom = self.atoms[index]
        return f"{atom.residue.name}{atom.residue.index + 1}:{atom.name}"


def equilibrium_lengths(system: openmm.System, topology: app.Topology) -> np.ndarray:
    """Lengths (angstrom) of the topology's bonds in the force field's bond terms."""
    bonds = np.array([(a.index, b.index) for a, b in topology.bonds()], int)
    lengths = 10 * forceFieldLengths(system, bonds)
    if np.isnan(lengths).any():
        raise ValueError(f"the System has no length for the bond of atoms {bonds[np.isnan(lengths)][0].tolist()}")
    return lengths
