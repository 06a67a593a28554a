"""Time and memory with the number of atoms: copies of the demo's peptide, packed until they touch, as one graph.

Each size runs in a process of its own, so that memory is what this size needs.
"""
from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import structures
from .settings import MODEL, Settings, fresh
from .timing import inTurn, milliseconds

COPIES = (1, 2, 4, 8, 16, 32, 64, 100)
#: atoms from which on the exponent is fitted
SMALLEST = 175


def run(settings: Settings) -> dict:
    """Rows by size; the exponent of time ~ atoms^p on one thread, and the growth of memory (MB) at the largest size."""
    copies = (1, 2) if settings.quick else COPIES
    rows = []
    for n in tqdm(copies, desc="sizes", disable=None):
        for threads in settings.threads:
            rows.append(json.loads(fresh("benchmarks.scaling", n, threads, settings.repeats)))
    first = settings.threads[0]
    fitted = [r for r in rows if r["threads"] == first and (r["atoms"] >= SMALLEST or settings.quick)]
    exponent, _ = np.polyfit(np.log([r["atoms"] for r in fitted]), np.log([r["ms"] for r in fitted]), 1)
    largest = max((r for r in rows if r["threads"] == first), key=lambda r: r["atoms"])
    return dict(rows=rows, scaling_exponent=float(exponent), peak_memory_mb=largest["memory_mb"],
                peak_memory_atoms=largest["atoms"])


def one(copies: int, threads: int, repeats: int) -> dict:
    """A size: time of a call, neighbours of an atom, seconds to set it up, growth of memory by it (MB)."""
    import pluginbridge

    structure = structures.packed(structures.demo(), copies)
    before = memory("VmRSS")
    begin = time.perf_counter()
    core = pluginbridge.Evaluator(structure.topology, MODEL, threads=threads)
    core.evaluate(structure.positions)
    ready = time.perf_counter() - begin
    times = inTurn({"call": lambda: core.evaluate(structure.positions)}, repeats)["call"]
    return dict(atoms=len(structure.positions), threads=threads, ms=milliseconds(times), setup_s=ready,
                neighbours=neighbours(structure.positions, core.model.cutoff), memory_mb=memory("VmHWM") - before)


def neighbours(positions: np.ndarray, cutoff: float) -> float:
    """Atoms within the cutoff (nm), mean over atoms."""
    from scipy.spatial import cKDTree

    tree = cKDTree(positions)
    return float(tree.count_neighbors(tree, cutoff) / len(positions) - 1)


def memory(key: str) -> float:
    """MB of this process: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {key}")


if __name__ == "__main__":
    print(json.dumps(one(*map(int, sys.argv[1:]))))
