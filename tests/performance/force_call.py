#!/usr/bin/python3
"""One energy-and-force call of the core against the PyTorch twin: same weights, same threads, timed in turn.

    PYTHONPATH=build/python:training /usr/bin/python3 tests/performance/force_call.py [--threads 1 2] [--repeats 7]
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import pluginbridge
import torch
from openmm import app, unit
from pbtrain.modelfile import load_model
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]


def paired(first, second, repeats):
    """Milliseconds of two calls, [repeats] each, taken in turn after one warm-up."""
    times = ([], [])
    for repeat in range(repeats + 1):
        for call, record in zip((first, second), times):
            begin = time.perf_counter()
            call()
            if repeat:
                record.append((time.perf_counter() - begin) * 1e3)
    return np.array(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="visnet-gfn2")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--structures", nargs="*", default=[str(ROOT / "examples" / "gydpetgtwg.pdb")])
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()

    twin, _ = load_model(ROOT / "models" / options.model / f"{options.model}.safetensors")
    rows = []
    for path in tqdm(options.structures, desc="structures", disable=None):
        pdb = app.PDBFile(path)
        angstrom = np.array(pdb.positions.value_in_unit(unit.angstrom))
        types = twin.types_of([atom.element.atomic_number for atom in pdb.topology.atoms()])
        frame = torch.tensor(angstrom[None], dtype=torch.float32)
        for threads in options.threads:
            torch.set_num_threads(threads)
            core = pluginbridge.Evaluator(pdb.topology, options.model, threads=threads)
            ours, theirs = paired(lambda: core.evaluate(angstrom / 10), lambda: twin.energy_forces(types, frame, 0.0),
                                  options.repeats)
            rows.append({"structure": Path(path).name, "atoms": len(types), "threads": threads,
                         "ours_ms": float(np.median(ours)), "pytorch_ms": float(np.median(theirs)),
                         "ratio": float(np.median(theirs / ours))})
    print(f"{'structure':24} {'atoms':>6} {'threads':>8} {'ours ms':>9} {'PyTorch ms':>11} {'ratio':>7}")
    for row in rows:
        print(f"{row['structure']:24} {row['atoms']:6} {row['threads']:8} {row['ours_ms']:9.2f} "
              f"{row['pytorch_ms']:11.2f} {row['ratio']:7.2f}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
