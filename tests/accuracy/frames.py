"""Frames of proteins at 300 K and their whole-protein GFN2-xTB energies and forces; kept, so a run can go on."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))


def withUnlimitedStack() -> None:
    """Starts this process anew with the stack that libxtb needs for whole proteins."""
    from pbtrain.relaunch import relaunch

    relaunch(None, {"OMP_STACKSIZE": "1G", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}, unlimited_stack=True)


@dataclass
class Frame:
    """One geometry with its reference: energy (kcal/mol) and forces [N, 3] (kcal/mol/angstrom) of the whole protein."""

    pdb: Path
    energy: float
    forces: np.ndarray


class Structure:
    """A complete PDB file and its frames in a folder of their own.

    Parameters
    ----------
    source : Path
        With all hydrogens; 20 amino acids in their ff14SB forms, ACE, NME.
    folder : Path
        For frames (PDB files) and references.
    """

    def __init__(self, source: Path, folder: Path):
        from openmm import app

        self.name, self.folder = source.stem, folder
        self.pdb = app.PDBFile(str(source))
        atoms = list(self.pdb.topology.atoms())
        self.numbers = np.array([atom.element.atomic_number for atom in atoms])
        self.elements = [atom.element.symbol for atom in atoms]
        self.residues = [f"{atom.residue.name} {atom.residue.id}" for atom in atoms]

    def frames(self, count: int, seed: int, progress=lambda frame: None) -> list[Frame]:
        """`count` frames of Langevin dynamics in ff14SB with OBC2 solvent at 300 K, 1 ps apart.

        A frame whose reference does not converge is left out and reported.
        """
        from pbtrain.label import Ff14sb, Gfn2, LabelError

        self.folder.mkdir(parents=True, exist_ok=True)
        qm, found = None, []
        for k, path in enumerate(self._sampled(count, seed)):
            kept = path.with_suffix(".npz")
            if not kept.exists():
                qm = qm or Gfn2(self.numbers, Ff14sb.of_topology(self.pdb.topology).charge())
                try:
                    energy, forces = qm(readPositions(path))
                except LabelError as error:
                    print(f"{self.name}, frame {k}: no reference ({error})", flush=True)
                    energy, forces = np.nan, np.zeros((0, 3))
                np.savez(kept, energy=energy, forces=forces)
            with np.load(kept) as data:
                if np.isfinite(data["energy"]):
                    found.append(Frame(path, float(data["energy"]), data["forces"]))
            progress(k)
        return found

    def _sampled(self, count: int, seed: int) -> list[Path]:
        """PDB files of the frames: positions as rounded there are what everything is evaluated at."""
        from openmm import app, unit
        from pbtrain.whole import sample

        paths = [self.folder / f"frame_{seed}_{k:03d}.pdb" for k in range(count)]
        if not all(path.exists() for path in paths):
            for path, x in zip(paths, sample(self.pdb.topology, self.pdb.positions, count, seed)):
                path.with_suffix(".npz").unlink(missing_ok=True)
                with open(path, "w") as out:
                    app.PDBFile.writeFile(self.pdb.topology, x * unit.angstrom, out, keepIds=True)
        return paths


def readPositions(path: Path) -> np.ndarray:
    """Positions [N, 3] in angstrom as the file has them."""
    with open(path) as lines:
        return np.array([[float(line[30 + 8 * k:38 + 8 * k]) for k in range(3)]
                         for line in lines if line.startswith(("ATOM", "HETATM"))])
