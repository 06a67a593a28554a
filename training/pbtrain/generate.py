"""Sample and label: writes HDF5 shards, several worker processes, resumable.

    /usr/bin/python3 -m pbtrain.generate training/data/wide --plan wide --seed 4048 [--workers 2] [--scale 1.0]

A shard holds a few specs of the plan and appears only when complete, so an interrupted run goes on
where it stopped.  libxtb needs an unlimited stack: the workers are started with it.

A shard has one group per spec.  Attributes: name, kind, split, charge, seed, permittivity, start, contact.  Arrays
over frames F and atoms N: positions, f_qm, f_mm, f_nb [F, N, 3], e_qm, e_mm, e_nb [F] (kcal/mol, angstrom),
charges [F, N] (e), dipole [F, 3] (e angstrom), temperature, perturbed, trajectory [F], and numbers [N].
"""
from __future__ import annotations

import argparse
import functools
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from .arguments import at_least_one
from .plan import PLANS, make_plan, plan_hash

MAX_FORCE = 600.0  # kcal/mol/angstrom; a frame with a larger reference force is a sampling accident
# glibc keeps freed memory (5 % of libxtb's time); one thread, because a process per core is faster
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_STACKSIZE": "1G", "OPENMM_CPU_THREADS": "1",
               "MALLOC_TRIM_THRESHOLD_": str(2**32), "MALLOC_MMAP_THRESHOLD_": str(2**31)}
SINGLE = ("positions", "f_qm", "f_mm", "f_nb", "charges", "dipole")  # stored in single precision
LABELS = ("positions", "e_qm", "f_qm", "charges", "dipole", "e_mm", "f_mm", "e_nb", "f_nb")
ARRAYS = (*LABELS, "temperature", "perturbed", "trajectory")


def label_frame(x, qm, mm, dropped: Counter) -> tuple | None:
    """Values of LABELS at positions [N, 3]; None, and a count of why, where there is no usable label."""
    from .label import LabelError

    try:
        ref = qm.label(x)
    except LabelError:
        dropped["scf"] += 1
        return None
    e_mm, f_mm, e_nb, f_nb = mm(x)
    if max(abs(ref.forces).max(), abs(f_nb).max()) > MAX_FORCE:  # ff14SB's springs may be far out: torn bonds
        dropped["force"] += 1
        return None
    return x, ref.energy, ref.forces, ref.charges, ref.dipole, e_mm, f_mm, e_nb, f_nb


def pack(molecule, names: tuple[str, ...], rows: list[tuple]) -> dict:
    """What a shard stores of a molecule: its frames' arrays by name, its numbers, charge and name."""
    import numpy as np

    arrays = {name: np.array(column) for name, column in zip(names, zip(*rows))}
    arrays |= {name: arrays[name].astype(np.float32) for name in SINGLE if name in arrays}
    return arrays | {"numbers": molecule.numbers.astype(np.uint8), "charge": molecule.charge, "name": molecule.name}


def label_spec(spec, perturbed_share: float, distortions) -> tuple[dict, Counter]:
    """Frames of one spec: arrays by name, and counts of what was dropped."""
    import numpy as np

    from .distort import perturb
    from .label import Ff14sb, Gfn2
    from .molecules import build_topology
    from .sample import Sampler, SamplingError

    rng = np.random.default_rng(spec.seed)
    molecule = build_topology([list(chain) for chain in spec.chains])
    sampler = Sampler(molecule, rng, spec.permittivity, spec.start, spec.contact, spec.point)
    qm, mm = Gfn2(molecule.numbers, molecule.charge), Ff14sb(molecule)
    rows: list[tuple] = []
    dropped: Counter = Counter()
    for trajectory in range(spec.trajectories):
        temperature = float(rng.choice(spec.temperatures))
        try:
            for x in sampler.trajectory(temperature, spec.frames, interval=spec.interval):
                perturbed = rng.random() < perturbed_share
                if perturbed:
                    x = perturb(x, molecule.topology, rng, distortions)
                if labels := label_frame(x, qm, mm, dropped):
                    rows.append((*labels, temperature, perturbed, trajectory))
        except (SamplingError, ValueError) as error:
            dropped["sampling"] += 1
            print(f"dropped: {error}", flush=True)
    qm.close()
    return pack(molecule, ARRAYS, rows), dropped


def write_shard(path: Path, specs, label: Callable[..., tuple[dict, Counter]], provenance: dict) -> Counter:
    """Write what `label` gives for each spec (arrays as `pack` makes them, counts) into `path`, which appears when
    complete; returns the counts (frames, by kind too, and what `label` counted)."""
    import h5py

    temporary = path.with_suffix(f".tmp{os.getpid()}")
    counts: Counter = Counter()
    try:
        with h5py.File(temporary, "w") as file:
            for k, spec in enumerate(specs):
                arrays, found = label(spec)
                counts.update(found)
                if "positions" not in arrays:
                    continue
                counts["frames"] += len(arrays["positions"])
                counts[spec.kind] += len(arrays["positions"])
                group = file.create_group(f"{k:02d}")
                group.attrs.update({"kind": spec.kind, "split": spec.split, "seed": spec.seed, "name": arrays.pop("name"),
                                    "charge": arrays.pop("charge"), "permittivity": spec.permittivity,
                                    "start": spec.start, "contact": spec.contact})
                for name, array in arrays.items():
                    group.create_dataset(name, data=array)
            file.attrs.update(provenance | {f"count_{k}": v for k, v in counts.items()})
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    return counts


def label_provenance() -> dict[str, str]:
    """Attributes of a shard that say how its labels were made."""
    import numpy
    import openmm

    from .label import libxtb_version
    from .molecules import FORCE_FIELD
    return {
        "reference_method": "GFN2-xTB, vacuum, closed shell, libxtb's default accuracy, electronic temperature 300 K",
        "libxtb": libxtb_version(), "base_force_field": f"OpenMM {FORCE_FIELD}, vacuum, no cutoff",
        "openmm": openmm.Platform.getOpenMMVersion(), "numpy": numpy.__version__,
        "units": "angstrom, kcal/mol, kcal/mol/angstrom, e",
    }


def check_folder(args: argparse.Namespace, module) -> None:
    """A folder holds shards of one plan, cut in one way, with one share of perturbed frames."""
    import h5py
    wanted = {"plan_hash": plan_hash(make_plan(args.seed, args.scale, args.plan)), "perturbed_share": args.perturbed,
              "specs_per_shard": args.specs_per_shard}
    for path in sorted(args.output.glob(module.SHARD.format(0).replace("00000", "*"))):
        with h5py.File(path) as file:
            found = {"plan_hash": wanted["plan_hash"], "specs_per_shard": module.SPECS_PER_SHARD} | dict(file.attrs)
        if any(found[name] != value for name, value in wanted.items()):
            raise SystemExit(f"{path} belongs to another plan, seed, scale, share of perturbed frames or number of specs "
                             "a shard than asked for; use another folder, or the options that started this one")


def selected_shards(count: int, text: str) -> list[int]:
    """Which of `count` shards a text such as "0:4,10,200:" selects; ValueError if it is none."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, colon, last = part.partition(":")
        first = int(first or "0" if colon else first)
        numbers |= set(range(count)[first:int(last or count) if colon else first + 1])
    return sorted(numbers)


def work(args: argparse.Namespace) -> None:
    """One worker: every `workers`-th shard of the plan that is not there yet."""
    module, plan = PLANS[args.plan], make_plan(args.seed, args.scale, args.plan)
    provenance = label_provenance() | {
        "plan": args.plan, "plan_hash": plan_hash(plan), "seed": args.seed, "scale": args.scale,
        "perturbed_share": args.perturbed, "distortions": module.DISTORTIONS, "specs_per_shard": args.specs_per_shard,
    }
    label = functools.partial(label_spec, perturbed_share=args.perturbed, distortions=module.DISTORTIONS)
    size = args.specs_per_shard
    shards = range(0, len(plan), size)
    started, total = time.time(), Counter()
    for number in selected_shards(len(shards), args.shards):
        path = args.output / module.SHARD.format(number)
        if number % args.workers != args.worker or path.exists():
            continue
        first = shards[number]
        total.update(write_shard(path, plan[first:first + size], label, provenance))
        rate = total["frames"] / (time.time() - started)
        print(f"worker {args.worker}: shard {number + 1}/{len(shards)}  {dict(total)}  {rate:.1f} frames/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count())
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--plan", choices=sorted(PLANS), default="first")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="size of the data set; 1 is about 40,000 frames of the first plan, 60,000 of the wide,\n5,000 of the torn one")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--perturbed", type=float, metavar="SHARE",
                        help="share of distorted frames (default: the plan's)")
    parser.add_argument("--shards", default=":", metavar="FIRST:LAST,NUMBER,...", help="only these shards of the plan")
    parser.add_argument("--specs-per-shard", type=at_least_one, metavar="NUMBER", help="default: the plan's")
    args = parser.parse_args()
    module = PLANS[args.plan]
    if args.perturbed is None:
        args.perturbed = module.PERTURBED_SHARE
    if not 0 <= args.perturbed <= 1:
        parser.error(f"--perturbed is a share between 0 and 1, not {args.perturbed}")
    args.specs_per_shard = module.SPECS_PER_SHARD if args.specs_per_shard is None else args.specs_per_shard
    try:
        selected_shards(0, args.shards)
    except ValueError:
        parser.error(f"--shards is a list such as 0:4,10,200: and not {args.shards!r}")
    if args.worker is not None:
        work(args)
        return
    args.output.mkdir(parents=True, exist_ok=True)
    check_folder(args, module)

    def unlimited_stack() -> None:
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))

    processes = [subprocess.Popen(
        [sys.executable, "-m", "pbtrain.generate", *sys.argv[1:], "--workers", str(args.workers), "--worker", str(k)],
        env=os.environ | ENVIRONMENT, preexec_fn=unlimited_stack) for k in range(args.workers)]
    failed = [k for k, process in enumerate(processes) if process.wait()]
    if failed:
        sys.exit(f"workers {failed} failed; run the same command again to go on")


if __name__ == "__main__":
    main()
