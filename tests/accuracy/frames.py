"""Frames of proteins at 300 K and their whole-protein GFN2-xTB energies and forces; kept, so a run can go on."""
from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "bin" / "pluginbridge"
sys.path.insert(0, str(ROOT / "training"))


def _isComplete(source: Path) -> bool:
    """Whether ff14SB takes the file as it is."""
    from openmm import app
    from pbtrain.molecules import FORCE_FIELD

    try:
        app.ForceField(FORCE_FIELD).createSystem(app.PDBFile(str(source)).topology)
    except Exception:  # whatever the reader or the force field says: prepare says it with line and residue
        return False
    return True


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


class Unusable(ValueError):
    """A structure that cannot be measured; the text says why."""


class Structure:
    """A PDB file and its frames in a folder of their own.

    Parameters
    ----------
    source : Path
        A file that is not complete (hydrogens, termini) or holds more than protein is prepared: chains that are broken get
        caps, what is no protein is left out.
    folder : Path
        For the prepared file, frames (PDB files) and references.

    Raises
    ------
    Unusable
        The file cannot be prepared.
    """

    def __init__(self, source: Path, folder: Path):
        from openmm import app

        self.name, self.folder = source.stem, folder
        self.changes: list[str] = []  # what was done to the file
        if not _isComplete(source):
            source = self._prepared(source)
        self.pdb = app.PDBFile(str(source))
        atoms = list(self.pdb.topology.atoms())
        self.numbers = np.array([atom.element.atomic_number for atom in atoms])
        self.elements = [atom.element.symbol for atom in atoms]
        several = self.pdb.topology.getNumChains() > 1
        self.residues = [(f"{atom.residue.chain.id}:" if several else "")
                         + f"{atom.residue.name} {atom.residue.id}{atom.residue.insertionCode.strip()}" for atom in atoms]

    def _prepared(self, source: Path) -> Path:
        """The file that `pluginbridge prepare` makes of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / "prepared.pdb"
        result = subprocess.run([PROGRAM, "prepare", source, target, "--breaks", "cap", "--json"], text=True, capture_output=True)
        if result.returncode:
            raise Unusable(result.stderr.strip())
        self.changes = [": ".join(change[key] for key in ("kind", "residue", "message") if change.get(key))
                        for change in json.loads(result.stdout)["changes"]]
        return target

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
