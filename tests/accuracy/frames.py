"""Frames of proteins at 300 K and their whole-protein GFN2-xTB energies and forces; kept, so a run can go on."""
from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "bin" / "pluginbridge"
LONGEST_BOND = 0.25  # nm: OpenMM bonds residues across a gap in the chain
sys.path.insert(0, str(ROOT / "training"))


def _isComplete(source: Path) -> bool:
    """Whether ff14SB takes the file as it is, and no chain has a gap."""
    from openmm import app
    from pbtrain.molecules import FORCE_FIELD

    try:
        pdb = app.PDBFile(str(source))
        app.ForceField(FORCE_FIELD).createSystem(pdb.topology)
    except Exception:  # whatever the reader or the force field says: prepare says it with line and residue
        return False
    x = pdb.getPositions(asNumpy=True)._value
    return all(np.linalg.norm(x[a.index] - x[b.index]) < LONGEST_BOND for a, b in pdb.topology.bonds())


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
        self._forgetOther(source)
        if not _isComplete(source):
            source = self._prepared(source)
        try:
            self.pdb = app.PDBFile(str(source))
        except Exception as error:  # OpenMM's reader raises what it happens to meet
            raise Unusable(f"{source} cannot be read: {error}") from error
        atoms = list(self.pdb.topology.atoms())
        self.numbers = np.array([atom.element.atomic_number for atom in atoms])
        self.elements = [atom.element.symbol for atom in atoms]
        several = self.pdb.topology.getNumChains() > 1
        self.residues = [(f"{atom.residue.chain.id}:" if several else "")
                         + f"{atom.residue.name} {atom.residue.id}{atom.residue.insertionCode.strip()}" for atom in atoms]

    def _forgetOther(self, source: Path) -> None:
        """Frames of another file of the same name are removed."""
        digest, mark = hashlib.sha256(source.read_bytes()).hexdigest(), self.folder / "source.sha256"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() or mark.read_text() != digest:
            for old in self.folder.glob("frame_*"):
                old.unlink()
            mark.write_text(digest)

    def _prepared(self, source: Path) -> Path:
        """The file that `pluginbridge prepare` makes of it."""
        target = self.folder / "prepared.pdb"
        result = subprocess.run([PROGRAM, "prepare", source, target, "--breaks", "cap", "--json"], text=True, capture_output=True)
        if result.returncode:
            raise Unusable(result.stderr.strip())
        self.changes = [": ".join(change[key] for key in ("kind", "residue", "message") if change.get(key))
                        for change in json.loads(result.stdout)["changes"]]
        return target

    def frames(self, count: int, seed: int, progress=lambda frame: None) -> list[Frame]:
        """`count` frames of Langevin dynamics in ff14SB with OBC2 solvent at 300 K, 1 ps apart.

        A frame whose reference does not converge is left out and reported; Unusable if dynamics or the reference method fails.
        """
        from pbtrain.label import Ff14sb, Gfn2, LabelError

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
        from openmm import OpenMMException, app, unit
        from pbtrain.whole import sample

        paths = [self.folder / f"frame_{seed}_{k:03d}.pdb" for k in range(count)]
        if not all(path.exists() for path in paths):
            try:
                positions = list(sample(self.pdb.topology, self.pdb.positions, count, seed))
            except (OpenMMException, ValueError) as error:
                raise Unusable(f"no dynamics at 300 K: {error}") from error
            for path, x in zip(paths, positions):
                path.with_suffix(".npz").unlink(missing_ok=True)
                with open(path, "w") as out:
                    app.PDBFile.writeFile(self.pdb.topology, x * unit.angstrom, out, keepIds=True)
        return paths


def readPositions(path: Path) -> np.ndarray:
    """Positions [N, 3] in angstrom as the file has them."""
    with open(path) as lines:
        return np.array([[float(line[30 + 8 * k:38 + 8 * k]) for k in range(3)]
                         for line in lines if line.startswith(("ATOM", "HETATM"))])
