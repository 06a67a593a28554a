"""Sample and label: writes HDF5 shards, several worker processes, resumable.

    /usr/bin/python3 -m pbtrain.generate training/data/gfn2 [--workers 2] [--scale 1.0] [--seed 2024]

A shard holds a few specs of the plan and appears only when complete, so an interrupted run goes on
where it stopped.  libxtb needs an unlimited stack: the workers are started with it.
"""
from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

SPECS_PER_SHARD = 6
PERTURBED_SHARE = 0.2
MAX_FORCE = 600.0  # kcal/mol/angstrom; a frame with a larger reference force is a sampling accident
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_STACKSIZE": "1G", "OPENMM_CPU_THREADS": "1"}


def label_spec(spec) -> tuple[dict, Counter]:
    """Frames of one spec: arrays by name, and counts of what was dropped."""
    import numpy as np

    from .label import Ff14sb, Gfn2, LabelError
    from .molecules import build_topology
    from .plan import FRAMES_PER_TRAJECTORY, TEMPERATURES
    from .sample import Sampler, SamplingError, perturb

    rng = np.random.default_rng(spec.seed)
    molecule = build_topology([list(chain) for chain in spec.chains])
    sampler = Sampler(molecule, rng, spec.permittivity)
    qm, mm = Gfn2(molecule.numbers, molecule.charge), Ff14sb(molecule)
    rows: list[tuple] = []
    dropped: Counter = Counter()
    for trajectory in range(spec.trajectories):
        temperature = float(rng.choice(TEMPERATURES))
        try:
            for x in sampler.trajectory(temperature, FRAMES_PER_TRAJECTORY):
                perturbed = rng.random() < PERTURBED_SHARE
                if perturbed:
                    x = perturb(x, molecule.topology, rng)
                try:
                    e_qm, f_qm = qm(x)
                except LabelError:
                    dropped["scf"] += 1
                    continue
                e_mm, f_mm, e_nb, f_nb = mm(x)
                if abs(f_qm).max() > MAX_FORCE or abs(f_mm).max() > MAX_FORCE:
                    dropped["force"] += 1
                    continue
                rows.append((x, e_qm, f_qm, e_mm, f_mm, e_nb, f_nb, temperature, perturbed, trajectory))
        except (SamplingError, ValueError) as error:
            dropped["sampling"] += 1
            print(f"dropped: {error}", flush=True)
    qm.close()
    names = ("positions", "e_qm", "f_qm", "e_mm", "f_mm", "e_nb", "f_nb", "temperature", "perturbed", "trajectory")
    arrays = {name: np.array(column) for name, column in zip(names, zip(*rows))}
    for name in ("positions", "f_qm", "f_mm", "f_nb"):
        if name in arrays:
            arrays[name] = arrays[name].astype(np.float32)
    arrays["numbers"] = molecule.numbers.astype(np.uint8)
    return arrays | {"charge": molecule.charge, "name": molecule.name}, dropped


def write_shard(path: Path, specs, provenance: dict) -> Counter:
    """Label `specs` into `path`; returns the counts (frames and dropped)."""
    import h5py

    temporary = path.with_suffix(f".tmp{os.getpid()}")
    counts: Counter = Counter()
    with h5py.File(temporary, "w") as file:
        for k, spec in enumerate(specs):
            arrays, dropped = label_spec(spec)
            counts.update(dropped)
            if "positions" not in arrays:
                continue
            counts["frames"] += len(arrays["positions"])
            group = file.create_group(f"{k:02d}")
            group.attrs.update({"kind": spec.kind, "split": spec.split, "seed": spec.seed, "name": arrays.pop("name"),
                                "charge": arrays.pop("charge")})
            for name, array in arrays.items():
                group.create_dataset(name, data=array)
        file.attrs.update(provenance | {f"count_{k}": v for k, v in counts.items()})
    temporary.rename(path)
    return counts


def work(output: Path, worker: int, workers: int, seed: int, scale: float, wanted: str) -> None:
    """One worker: every `workers`-th shard of the plan that is not there yet."""
    import numpy
    import openmm

    from .label import _libxtb
    from .molecules import FORCE_FIELD
    from .plan import make_plan
    plan = make_plan(seed, scale)
    provenance = {
        "seed": seed, "scale": scale, "reference_method": "GFN2-xTB, vacuum, closed shell",
        "libxtb_api": _libxtb().xtb_getAPIVersion(), "base_force_field": f"OpenMM {FORCE_FIELD}, vacuum, no cutoff",
        "openmm": openmm.Platform.getOpenMMVersion(), "numpy": numpy.__version__,
        "units": "angstrom, kcal/mol, kcal/mol/angstrom", "perturbed_share": PERTURBED_SHARE,
    }
    shards = range(0, len(plan), SPECS_PER_SHARD)
    selected = range(len(shards))[slice(*(int(part) if part else None for part in wanted.split(":")))]
    started, total = time.time(), Counter()
    for number, first in enumerate(shards):
        path = output / f"shard_{number:05d}.h5"
        if number % workers != worker or number not in selected or path.exists():
            continue
        total.update(write_shard(path, plan[first:first + SPECS_PER_SHARD], provenance))
        rate = total["frames"] / (time.time() - started)
        print(f"worker {worker}: shard {number + 1}/{len(shards)}  {dict(total)}  {rate:.1f} frames/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the data set; 1 is about 40,000 frames")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--shards", default=":", metavar="FIRST:LAST", help="only these shards of the plan")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    if args.worker is not None:
        work(args.output, args.worker, args.workers, args.seed, args.scale, args.shards)
        return

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
