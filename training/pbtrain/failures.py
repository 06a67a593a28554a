"""Runs of pbtrain.stability that failed: does GFN2-xTB itself do the same, or is it the network's error?

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.failures training/runs/stability.jsonl [--ps 3]

In vacuo some charged forms hand a proton over on GFN2-xTB's own surface, and a network that is right has to do so too.
Each failed run is done once more with GFN2-xTB in the network's place: same start, solvent, constraints, temperature and checks;
--repeats times, from the second on with other velocities and noise.

The answers go into --out, a line of JSON each; runs that are there already, failed or as long, are not run again.
"""
from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

from .arguments import at_least_one, existing_file
from .generate import ENVIRONMENT
from .relaunch import relaunch
from .stability import NO_START, OLDER, Run, lines, open_to_append, perform, setting


def gfn2_fate(row: dict, picoseconds: float, noise: int) -> dict:
    """What becomes of a failed line of stability.jsonl with GFN2-xTB's forces: a line like it."""
    known = {field.name for field in fields(Run)} - {"chains", "pdb", "model"}
    pdb = row.get("pdb", "")
    chains = () if pdb else tuple(tuple(chain.split("-")) for chain in row["name"].split("+"))
    same = OLDER | {name: row[name] for name in known & row.keys()}
    return perform(Run(**same | {
        "chains": chains, "pdb": pdb, "model": "gfn2-xtb", "picoseconds": picoseconds, "noise": noise}))


def which(row: dict) -> tuple:
    """Start and conditions of a run: answers hold for every network that failed there."""
    row = OLDER | row
    return row["name"], row["temperature"], row["seed"], setting(row), row["step"], row["hydrogen_mass"]


def told(row: dict) -> str:
    """How a run ended."""
    return f"{row['failure']}, {row['detail']}" if row["failure"] else f"holds {row['picoseconds']:g} ps"


def table(failed: list[dict], fates: list[dict]) -> str:
    """Markdown: each failed run, with the network's hash if there are several, and what GFN2-xTB did from its start."""
    several = len({row.get("hash") for row in failed}) > 1
    last = {(which(fate), fate["noise"]): fate for fate in fates}  # a longer run comes after a shorter one
    found = ["| run | network | GFN2-xTB |", "|---|---|---|"]
    for row in failed:
        name, temperature, seed, where, *_ = which(row)
        mine = "; ".join(told(fate) for (about, _), fate in last.items() if about == which(row))
        who = f"{row.get('hash', '')[:8]}: " if several else ""
        found.append(f"| {name}, {where}, {temperature:g} K, seed {seed} | {who}{told(row)} | {mine or 'not run'} |")
    return "\n".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=existing_file, help="file of pbtrain.stability")
    parser.add_argument("--ps", type=float, default=3.0, help="length of each GFN2-xTB run")
    parser.add_argument("--repeats", type=at_least_one, default=1)
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="default: beside the runs, *_gfn2.jsonl")
    args = parser.parse_args()
    if args.ps <= 0:
        parser.error("--ps is above 0")
    relaunch("pbtrain.failures", ENVIRONMENT, unlimited_stack=True)  # libxtb needs the stack
    from tqdm import tqdm

    out = args.out or args.runs.with_name(args.runs.stem + "_gfn2.jsonl")
    failed = [row for row in lines(args.runs) if row["failure"] and row["failure"] != NO_START]
    done = {(which(fate), fate["noise"]) for fate in lines(out) if fate["failure"] or fate["picoseconds"] >= args.ps}
    starts = {which(row): row for row in failed}
    wanted = [(row, k) for key, row in sorted(starts.items()) for k in range(args.repeats) if (key, k) not in done]
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool, open_to_append(out) as file:
        tasks = [pool.submit(gfn2_fate, row, args.ps, k) for row, k in wanted]
        for task in tqdm(as_completed(tasks), total=len(tasks), unit="run", desc="GFN2-xTB"):
            print(json.dumps(task.result()), file=file, flush=True)
    print(table(failed, lines(out)))


if __name__ == "__main__":
    main()
