"""Runs of pbtrain.stability that failed: does GFN2-xTB itself do the same, or is it the network's error?

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.failures training/runs/stability.jsonl [--ps 3]

In vacuo some charged forms hand a proton over on GFN2-xTB's own surface, and a network that is right has to do so too.  For
each failed run the same form is started from the same geometry at the same temperature on GFN2-xTB's forces (Langevin
dynamics, 1.5 fs, friction 10/ps), --repeats times with other seeds, under the same checks (watch.py).

The answers go into --out, a line of JSON each; runs that are there already are not run again.
"""
from __future__ import annotations

import argparse
import json
import os
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .generate import ENVIRONMENT
from .relaunch import relaunch

LOOK = 20  # steps between looks


def gfn2_fate(name: str, temperature: float, seed: int, picoseconds: float, repeat: int) -> dict:
    """What becomes of a form of stability.jsonl on GFN2-xTB's surface: the failure, or None, and after how long (ps)."""
    from .label import Gfn2, LabelError
    from .langevin import STEP, langevin
    from .molecules import build_topology, force_field
    from .sample import Sampler
    from .watch import Failed, Watch, equilibrium_lengths

    molecule = build_topology([chain.split("-") for chain in name.split("+")])
    start = zlib.crc32(repr((name, temperature, seed)).encode())  # as in stability.perform
    x = next(Sampler(molecule, np.random.default_rng(start)).trajectory(300.0, 1, equilibration=0, interval=50))
    lengths = equilibrium_lengths(force_field().createSystem(molecule.topology), molecule.topology)
    watch = Watch(molecule.topology, lengths, temperature, LOOK * STEP / 1000, x)
    gfn2 = Gfn2(molecule.numbers, molecule.charge)
    steps = round(1000 * picoseconds / STEP)
    result = {"name": name, "temperature": temperature, "seed": seed, "repeat": repeat, "failure": None, "detail": "", "ps": picoseconds}
    step = 0
    try:
        frames = langevin(x, molecule.numbers, lambda y: gfn2(y)[1], temperature, [LOOK] * (steps // LOOK),
                          np.random.default_rng((start, repeat)))
        for step, y in enumerate(frames, 1):
            watch.look(y, 0.0, step * LOOK, regular=False)
    except Failed as error:
        result |= {"failure": error.kind, "detail": str(error), "ps": round(step * LOOK * STEP / 1000, 3)}
    except LabelError as error:
        result |= {"failure": "SCF", "detail": str(error), "ps": round(step * LOOK * STEP / 1000, 3)}
    finally:
        gfn2.close()
    return result | {"largest_bond_ratio": round(watch.worst[0], 3), "largest_bond": watch.worst[1]}


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.is_file() else []


def table(failed: list[dict], fates: list[dict]) -> str:
    """Markdown: each failed run, and what GFN2-xTB did from its start."""
    lines = ["| run | network | GFN2-xTB |", "|---|---|---|"]
    for row in failed:
        mine = [f for f in fates if all(f[k] == row[k] for k in ("name", "temperature", "seed"))]
        texts = [f"{f['failure']}, {f['detail']}" if f["failure"] else f"holds {f['ps']:g} ps" for f in mine]
        lines.append(f"| {row['name']}, {row['temperature']:g} K, seed {row['seed']} | {row['failure']}, {row['detail']} | "
                     f"{'; '.join(texts) or 'not run'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, help="file of pbtrain.stability")
    parser.add_argument("--ps", type=float, default=3.0, help="length of each GFN2-xTB run")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="default: beside the runs, *_gfn2.jsonl")
    args = parser.parse_args()
    if not args.runs.is_file():
        parser.error(f"{args.runs} is not a file")
    if args.ps <= 0 or min(args.repeats, args.workers) < 1:
        parser.error("--ps is above 0, --repeats and --workers are at least 1")
    relaunch("pbtrain.failures", ENVIRONMENT, unlimited_stack=True)  # libxtb needs the stack
    from tqdm import tqdm

    out = args.out or args.runs.with_name(args.runs.stem + "_gfn2.jsonl")
    failed = [row for row in read(args.runs) if row["failure"]]
    done = {(f["name"], f["temperature"], f["seed"], f["repeat"]) for f in read(out)}
    wanted = {(r["name"], r["temperature"], r["seed"], k) for r in failed for k in range(args.repeats)} - done
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool, open(out, "a") as file:
        tasks = [pool.submit(gfn2_fate, name, kelvin, seed, args.ps, k) for name, kelvin, seed, k in sorted(wanted)]
        for task in tqdm(as_completed(tasks), total=len(tasks), unit="run", desc="GFN2-xTB"):
            print(json.dumps(task.result()), file=file, flush=True)
    print(table(failed, read(out)))


if __name__ == "__main__":
    main()
