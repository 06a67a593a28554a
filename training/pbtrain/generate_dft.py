"""DFT labels of small molecules and capped residues: M06-2X/6-31G* by psi4, beside GFN2-xTB's and ff14SB's.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.generate_dft training/data/dft --seed 620 [--workers 2]

A shard holds one spec of the plan (plan_dft.py): one trajectory of two to six frames.  While it is being labelled
it is called .part and is replaced after every label, so a process that is killed loses the label it was
at.  The same command goes on where it stopped; further processes, started at any time, take other shards.
A frame whose SCF does not converge is dropped for good; whatever else goes wrong (disk, memory) leaves the rest of
the shard to the next run.

A shard has one group.  Attributes: name, kind, split, charge, seed, dynamics, contact, base_force_field ("" without
ff14SB labels).  Arrays over frames F and atoms N, as pbtrain.generate has them: positions, e_qm, f_qm, dipole (DFT),
e_mm, f_mm, e_nb, f_nb (ff14SB; absent for molecules that it does not cover), temperature, perturbed, trajectory,
numbers; and e_gfn2, f_gfn2, charges_gfn2, dipole_gfn2 (GFN2-xTB), iterations and seconds of the DFT label.
Attributes of the file: provenance of the first label; later_provenance, what differed in later runs, each with the
number of labels before it (JSON); failures, why frames were dropped, by their place in the trajectory (JSON).
"""
from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from .arguments import at_least_one
from .generate import ENVIRONMENT, MAX_FORCE, selected_shards
from .plan import plan_hash
from .plan_dft import DISTORTIONS, PERTURBED_SHARE, SHARD, DftSpec, chains_of, make_plan
from .relaunch import relaunch

PENDING, LABELLED, FAILED = 0, 1, 2  # state of a frame
ATTEMPTS = 4  # to sample a trajectory
MISHAPS = 3  # shards in a row that end with anything but a LabelError: the environment is at fault
LOCKS = "dft.lock"  # its byte k is locked by who labels shard k; it stays, or a process could hold one that is gone
EQUILIBRATION, INTERVAL = 300, 150  # steps of 1.5 fs of GFN2-xTB dynamics
ORIENTATIONS = {"hbond": 8, "stack": 1, "any": 1}  # tried for a pair, by contact
SINGLE = ("positions", "f_qm", "f_gfn2", "f_mm", "f_nb", "dipole", "charges_gfn2", "dipole_gfn2")
LABELS = ("e_qm", "f_qm", "dipole", "iterations", "seconds", "e_gfn2", "f_gfn2", "charges_gfn2", "dipole_gfn2")
MM_LABELS = ("e_mm", "f_mm", "e_nb", "f_nb")


def molecule_of(parts: tuple[str, ...]):
    """The molecule of a spec's parts."""
    from .analogues import ANALOGUES, Analogue, join
    from .molecules import build_topology
    return join([Analogue(part).molecule if part in ANALOGUES else
                 build_topology([list(chain) for chain in chains_of(part)]) for part in parts])


def has_ff14sb(spec: DftSpec) -> bool:
    """ff14SB covers the molecule: every part consists of whole residues."""
    from .analogues import ANALOGUES
    return not any(part in ANALOGUES for part in spec.parts)


def _part_positions(part: str, spec: DftSpec, rng: np.random.Generator, frames: int = 1) -> list[np.ndarray]:
    """Frames of one part from ff14SB dynamics, of the residue it is cut from if it is an analogue."""
    from .analogues import ANALOGUES, Analogue
    from .molecules import build_topology
    from .sample import Sampler
    residue = spec.kind == "residue"
    parent = build_topology([list(chain) for chain in chains_of(part)])
    sampler = Sampler(parent, rng, start="spread" if residue else "basins", point=spec.point)
    found = list(sampler.trajectory(spec.temperature, frames, interval=300 if residue else 150))
    return [Analogue(part).positions(x) for x in found] if part in ANALOGUES else found


def _contact(molecule, first: np.ndarray, second: np.ndarray, dynamics, rng: np.random.Generator,
             contact: str) -> np.ndarray:
    """`second` docked to `first`: of several orientations the one of lowest energy."""
    from .docking import dock
    from .label import LabelError
    index = list(range(len(first) + len(second)))
    best = (np.inf, None)
    for _ in range(ORIENTATIONS[contact]):
        x = np.concatenate((first, dock(molecule, first, second, index[:len(first)], index[len(first):], rng, contact)))
        try:
            best = min(best, (dynamics.energy_forces(x)[0], x), key=lambda found: found[0])
        except LabelError:
            continue
    if best[1] is None:
        raise LabelError(f"{molecule.name}: no orientation whose SCF converges")
    return best[1]


def sample(spec: DftSpec) -> dict[str, np.ndarray]:
    """The spec's frames: positions [F, N, 3] in angstrom (single precision), perturbed [F].

    SamplingError or LabelError if no trajectory came about.
    """
    from .distort import perturb
    from .gfn2_dynamics import Gfn2Dynamics
    from .molecules import neighbours
    from .sample import SamplingError
    from .soundness import Soundness

    rng = np.random.default_rng(spec.seed)
    molecule = molecule_of(spec.parts)
    if spec.dynamics == "ff14sb":
        frames = _part_positions(spec.parts[0], spec, rng, spec.frames)
    else:
        parts = [_part_positions(part, spec, rng)[0] for part in spec.parts]
        dynamics = Gfn2Dynamics(molecule, rng)
        try:
            x = parts[0] if len(parts) == 1 else dynamics.relax(_contact(molecule, *parts, dynamics, rng, spec.contact))
            frames = list(dynamics.run(x, spec.temperature, [EQUILIBRATION] + [INTERVAL] * (spec.frames - 1)))
        finally:
            dynamics.close()
        sound = Soundness(molecule.topology, molecule.numbers, neighbours(molecule.topology))
        if not all(sound.bonds_whole(x) for x in frames):
            raise SamplingError(f"{molecule.name}: a trajectory at {spec.temperature} K lost a bond")
    perturbed = rng.random(len(frames)) < PERTURBED_SHARE
    frames = [perturb(x, molecule.topology, rng, DISTORTIONS) if p else x for x, p in zip(frames, perturbed)]
    return {"positions": np.array(frames, dtype=np.float32), "perturbed": perturbed}


def sample_spec(spec: DftSpec) -> dict[str, np.ndarray]:
    """`sample`, tried again with other seeds; no frames if nothing helps."""
    from dataclasses import replace

    from .label import LabelError
    from .sample import SamplingError
    for attempt in range(ATTEMPTS):
        try:
            return sample(replace(spec, seed=spec.seed + attempt))
        except (SamplingError, LabelError, ValueError) as error:
            print(f"attempt {attempt + 1}: {error}", flush=True)
    return {"positions": np.zeros((0, len(molecule_of(spec.parts).numbers), 3), np.float32),
            "perturbed": np.zeros(0, bool)}


class Shard:
    """One spec's frames and the labels made so far."""

    def __init__(self, path: Path, spec: DftSpec, provenance: dict):
        self.path, self.spec, self.provenance = path, spec, provenance
        self.part = path.with_suffix(".part")
        self.counts: Counter = Counter()
        self.rows: dict[str, list] = {}
        self.failures: dict[str, str] = {}
        if self.part.exists():
            self._read()
        else:
            self.frames = sample_spec(spec)
            self.state = np.full(len(self.frames["positions"]), PENDING)
            self.counts["sampling"] += not len(self.state)
            self.write()

    def label(self):
        """Label what is pending; yields (frame, seconds, what went wrong or "") after each, its label saved."""
        from .label import Ff14sb, Gfn2, LabelError
        from .psi4_label import Dft
        molecule = molecule_of(self.spec.parts)
        dft, gfn2 = Dft(molecule.numbers, molecule.charge), Gfn2(molecule.numbers, molecule.charge)
        mm = Ff14sb(molecule) if has_ff14sb(self.spec) else None
        try:
            for k in np.flatnonzero(self.state == PENDING):
                x, started, problem = self.frames["positions"][k].astype(float), time.time(), ""
                try:
                    semi = gfn2.label(x)
                    classical = mm(x) if mm else ()
                    if max(abs(f).max() for f in (semi.forces, *classical[1:2])) > MAX_FORCE:
                        raise LabelError("large force")
                    ref = dft.label(x)
                    if abs(ref.forces).max() > MAX_FORCE:
                        raise LabelError("large force")
                except LabelError as error:
                    problem = str(error).splitlines()[0]
                    self.state[k] = FAILED
                    self.failures[str(k)] = problem
                    self.counts["force" if problem == "large force" else "scf"] += 1
                else:
                    values = (ref.energy, ref.forces, ref.dipole, ref.iterations, ref.seconds, semi.energy, semi.forces,
                              semi.charges, semi.dipole, *classical)
                    for name, value in zip(LABELS + MM_LABELS, values):
                        self.rows.setdefault(name, []).append(value)
                    self.state[k] = LABELLED
                    self.counts["frames"] += 1
                    self.counts[self.spec.kind] += 1
                self.write()
                yield int(k), time.time() - started, problem
        finally:
            gfn2.close()
        self.write()
        self.part.rename(self.path)

    def write(self) -> None:
        """Replace the .part file."""
        import h5py
        molecule = molecule_of(self.spec.parts)
        temporary = self.path.with_suffix(".tmp")
        done = self.state == LABELLED
        with h5py.File(temporary, "w") as file:
            file.attrs.update(self.provenance | {f"count_{k}": v for k, v in self.counts.items()}
                              | ({"failures": json.dumps(self.failures)} if self.failures else {}))
            if (self.state == PENDING).any():
                file["pending/state"] = self.state
                for name, array in self.frames.items():
                    file[f"pending/{name}"] = array
            if done.any():
                group = file.create_group("00")
                group.attrs.update({
                    "kind": self.spec.kind, "split": self.spec.split, "seed": self.spec.seed, "name": molecule.name,
                    "charge": molecule.charge, "dynamics": self.spec.dynamics, "contact": self.spec.contact,
                    "base_force_field": "ff14SB" if has_ff14sb(self.spec) else ""})
                arrays = {name: array[done] for name, array in self.frames.items()}
                arrays |= {name: np.array(rows) for name, rows in self.rows.items()}
                arrays |= {"temperature": np.full(done.sum(), self.spec.temperature),
                           "trajectory": np.zeros(done.sum(), int), "numbers": molecule.numbers.astype(np.uint8)}
                for name, array in arrays.items():
                    group[name] = array.astype(np.float32) if name in SINGLE else array
        os.replace(temporary, self.part)

    def _read(self) -> None:
        import h5py
        with h5py.File(self.part) as file:
            self.failures = json.loads(file.attrs.get("failures", "{}"))
            self.counts.update({k[6:]: int(v) for k, v in file.attrs.items() if k.startswith("count_")})
            if "pending" not in file:  # complete but for its name
                self.state = np.full(len(file["00/e_qm"]) if "00" in file else 0, LABELLED)
                self.frames = {k: file[f"00/{k}"][:] if "00" in file else np.zeros(0) for k in ("positions", "perturbed")}
            else:
                self.state = file["pending/state"][:]
                self.frames = {k: file[f"pending/{k}"][:] for k in ("positions", "perturbed")}
            if "00" in file:
                self.rows = {k: list(file[f"00/{k}"][:]) for k in LABELS + MM_LABELS if k in file["00"]}
                self._keep_provenance(file.attrs)

    def _keep_provenance(self, attributes) -> None:
        """That of the first label stays; a later one that differs is noted."""
        first = {k: v for k, v in attributes.items() if not k.startswith("count_") and k != "failures"}
        later = json.loads(first.pop("later_provenance", "[]"))
        last = first.copy()
        for noted in later:
            last |= noted
        differs = {k: v for k, v in self.provenance.items() if not np.array_equal(v, last.get(k))}
        if differs:
            later.append({"labels_before": len(self.rows["e_qm"])} | differs)
        self.provenance = first | ({"later_provenance": json.dumps(later)} if later else {})


def describe(args: argparse.Namespace, plan: list[DftSpec]) -> dict:
    """Provenance of a shard."""
    import openmm

    from . import psi4_label
    from .label import libxtb_version
    from .molecules import FORCE_FIELD
    return psi4_label.provenance() | {
        "plan": "dft", "plan_hash": plan_hash(plan), "seed": args.seed, "scale": args.scale,
        "baseline_method": "GFN2-xTB, vacuum, closed shell, libxtb's default accuracy, electronic temperature 300 K",
        "libxtb": libxtb_version(), "base_force_field": f"OpenMM {FORCE_FIELD}, vacuum, no cutoff",
        "openmm": openmm.Platform.getOpenMMVersion(), "numpy": np.__version__,
        "units": "angstrom, kcal/mol, kcal/mol/angstrom, e", "perturbed_share": PERTURBED_SHARE,
        "distortions": DISTORTIONS, "sources": sources_hash(),
    }


def sources_hash() -> str:
    """SHA-256 of this package's Python files."""
    import hashlib
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def work(args: argparse.Namespace) -> int:
    """Label the plan's shards in order, those that are complete or that another process has at hand apart.

    Returns how many are left to the next run because something other than a label went wrong.
    """
    plan = make_plan(args.seed, args.scale)
    provenance = describe(args, plan)
    started, labels, left, in_a_row = time.time(), 0, 0, 0
    with open(args.output / LOCKS, "a") as locks:
        for number in selected_shards(len(plan), args.shards):
            spec, path = plan[number], args.output / SHARD.format(number)
            title = f"shard {number + 1}/{len(plan)} {spec.split} {'+'.join(spec.parts)}"
            try:
                fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except BlockingIOError:
                continue
            try:
                if path.exists():
                    continue
                for frame, seconds, problem in Shard(path, spec, provenance).label():
                    labels += not problem
                    rate = labels / (time.time() - started) * 3600
                    print(f"{title} frame {frame + 1}: {problem or f'{seconds:.1f} s'}  "
                          f"({labels} labels, {rate:.0f} an hour)", flush=True)
                in_a_row = 0
            except Exception as error:
                left, in_a_row = left + 1, in_a_row + 1
                what = f"{type(error).__name__}: {' '.join(str(error).split())}"
                print(f"{title}: left to the next run: {what}", file=sys.stderr, flush=True)
                if in_a_row == MISHAPS:
                    raise SystemExit(f"{MISHAPS} shards in a row failed, none for want of convergence: memory, disk or "
                                     f"libraries of this machine are at fault; the last error was {what}") from error
            finally:
                fcntl.lockf(locks, fcntl.LOCK_UN, 1, number)
    return left


def check_folder(args: argparse.Namespace, plan: list[DftSpec]) -> None:
    """A folder holds shards of one plan."""
    import h5py
    wanted = plan_hash(plan)
    for path in sorted(args.output.glob(SHARD.format(0).replace("00000.h5", "*"))):
        if path.suffix in (".h5", ".part"):
            try:
                with h5py.File(path) as file:
                    found = file.attrs["plan_hash"]
            except FileNotFoundError:  # a .part that another process completed meanwhile
                continue
            if found != wanted:
                raise SystemExit(f"{path} belongs to another plan, seed or scale than asked for; use another folder, "
                                 "or the options that started this one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes, one thread each")
    parser.add_argument("--seed", type=int, default=620)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the plan; 1 is about 1,160 frames")
    parser.add_argument("--shards", default=":", metavar="FIRST:LAST,NUMBER,...", help="only these shards of the plan")
    args = parser.parse_args()
    try:
        selected_shards(0, args.shards)
    except ValueError:
        parser.error(f"--shards is a list such as 0:4,10,200: and not {args.shards!r}")
    relaunch("pbtrain.generate_dft", ENVIRONMENT, unlimited_stack=True)  # libxtb needs the stack
    from .psi4_label import Psi4Missing, load_psi4
    try:
        load_psi4()
        plan = make_plan(args.seed, args.scale)
    except (Psi4Missing, ValueError) as error:
        parser.error(str(error))
    args.output.mkdir(parents=True, exist_ok=True)
    check_folder(args, plan)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # at-exit handlers remove scratch files
    others = [subprocess.Popen([sys.executable, "-m", "pbtrain.generate_dft", *sys.argv[1:], "--workers", "1"])
              for _ in range(args.workers - 1)]
    try:
        left = work(args)
        failed = any([process.wait() for process in others])
    except BaseException:  # SIGTERM and Ctrl-C too: nobody would look after the others
        for process in others:
            process.terminate()
        for process in others:
            process.wait()
        raise
    if left or failed:
        sys.exit("not all shards are complete (see above); run the same command again to go on")


if __name__ == "__main__":
    main()
