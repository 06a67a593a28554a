"""Frames of proteins at 300 K and their whole-protein GFN2-xTB energies and forces; kept, so a run can go on."""
from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "bin" / "pluginbridge"
LONGEST_BOND = 0.25  # nm: OpenMM bonds residues across a gap in the chain
LARGE = 1000  # atoms: of more, the reference takes so long that the user is told
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


def inOwnProcess(function: Callable, *arguments):
    """`function(*arguments)` in a process of its own; Unusable if that says so, or ends without an answer."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, *arguments), daemon=True)
    process.start()
    sender.close()  # the other end is the only one now, and closes with its process
    try:
        answer = receiver.recv()
    except EOFError:
        process.join()
        code = process.exitcode
        raise Unusable(f"its process was ended by {signal.Signals(-code).name}: libxtb crashed, or memory ran out" if code < 0
                       else f"its process ended with status {code}; what it printed says why") from None
    process.join()
    if isinstance(answer, Unusable):
        raise answer
    return answer


def _answer(sender, function: Callable, *arguments) -> None:
    try:
        sender.send(function(*arguments))
    except Unusable as error:
        sender.send(error)


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
        For the prepared file, frames (PDB files) and references; its name is the structure's.

    Raises
    ------
    Unusable
        The file cannot be prepared.
    """

    def __init__(self, source: Path, folder: Path):
        from openmm import app

        self.name, self.folder = folder.name, folder
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
        """What was made of another file of the same name is removed."""
        digest, mark = hashlib.sha256(source.read_bytes()).hexdigest(), self.folder / "source.sha256"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() or mark.read_text() != digest:
            for old in [*self.folder.glob("frame_*"), *self.folder.glob("prepared.*")]:
                old.unlink()
            mark.write_text(digest)

    def _prepared(self, source: Path) -> Path:
        """The file that `pluginbridge prepare` makes of it, or has made in an earlier run."""
        target, report = self.folder / "prepared.pdb", self.folder / "prepared.json"
        if not report.exists():
            result = subprocess.run([PROGRAM, "prepare", source, target, "--breaks", "cap", "--json"], text=True, capture_output=True)
            if result.returncode:
                raise Unusable(result.stderr.strip())
            report.write_text(result.stdout)
        self.changes = [": ".join(change[key] for key in ("kind", "residue", "message") if change.get(key))
                        for change in json.loads(report.read_text())["changes"]]
        return target

    def frames(self, count: int, seed: int, progress=lambda frame: None) -> list[Frame]:
        """`count` frames of Langevin dynamics in ff14SB with OBC2 solvent at 300 K, 1 ps apart.

        A frame whose reference does not converge is left out and reported; Unusable if dynamics or the reference method fails.
        """
        found = []
        for k, path in enumerate(self._sampled(count, seed)):
            energy, forces = kept(path, "", lambda path=path: self._reference(path))
            if np.isfinite(energy):
                found.append(Frame(path, energy, forces))
            progress(k)
        return found

    def _reference(self, path: Path) -> tuple[float, np.ndarray]:
        """Energy and forces of a frame; an energy that is no number if GFN2-xTB does not converge."""
        from pbtrain.label import LabelError

        try:
            return self._gfn2(readPositions(path))
        except LabelError as error:
            print(f"{self.name}, {path.stem}: no reference ({error})", flush=True)
            return np.nan, np.zeros((0, 3))

    @functools.cached_property
    def _gfn2(self):
        """GFN2-xTB of the whole protein."""
        from pbtrain.label import Ff14sb, Gfn2

        if len(self.numbers) > LARGE:
            print(f"{self.name} has {len(self.numbers)} atoms: whole-protein GFN2-xTB takes long, as its time grows with the cube "
                  "of their number; frames that are done are kept", flush=True)
        return Gfn2(self.numbers, Ff14sb.of_topology(self.pdb.topology).charge())

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
                with open(path, "w") as out:
                    app.PDBFile.writeFile(self.pdb.topology, x * unit.angstrom, out, keepIds=True)
        return paths


def kept(frame: Path, name: str, compute: Callable[[], tuple[float, np.ndarray]]) -> tuple[float, np.ndarray]:
    """`compute()`, energy and forces; from the file beside the frame if that is of the very same atoms and positions."""
    path, digest = frame.with_suffix(f"{name}.npz"), hashlib.sha256("".join(_atomLines(frame)).encode()).hexdigest()
    if path.exists():
        with np.load(path) as data:
            if "frame" in data and data["frame"] == digest:
                return float(data["energy"]), data["forces"]
    energy, forces = compute()
    np.savez(path, energy=energy, forces=forces, frame=digest)
    return energy, forces


def readPositions(path: Path) -> np.ndarray:
    """Positions [N, 3] in angstrom as the file has them."""
    return np.array([[float(line[30 + 8 * k:38 + 8 * k]) for k in range(3)] for line in _atomLines(path)])


def _atomLines(path: Path) -> list[str]:
    with open(path) as lines:
        return [line for line in lines if line.startswith(("ATOM", "HETATM"))]
