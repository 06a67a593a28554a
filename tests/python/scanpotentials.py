"""Potentials for tests of relaxed scans: functions of positions (angstrom) that give energy and gradient, kcal/mol."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain.label import Ff14sb  # noqa: E402


def ff14sb(residue):
    """OpenMM's ff14SB of a torsion_scan.Residue."""
    potential = Ff14sb(residue.molecule)

    def evaluate(x):
        energy, forces, _, _ = potential(x)
        return energy, -forces
    return evaluate
