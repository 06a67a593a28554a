"""A network's call against what it learnt from: GFN2-xTB (libxtb) on whole proteins, M06-2X/6-31G* (psi4) on a residue.

One thread on both sides. Quantum chemistry starts its SCF from its own guess each time, as a call for a new geometry does.
"""
from __future__ import annotations

import sys
import time

import numpy as np
from tqdm import tqdm

from . import structures
from .settings import MODEL, ROOT, Settings, shipped
from .timing import inTurn, milliseconds


def run(settings: Settings) -> dict:
    """Ratios by structure; `xtb_ratio_chignolin`, `xtb_ratio_trpcage`."""
    import pluginbridge

    if not pluginbridge.hasFeature("gfn2-xtb"):
        raise SystemExit("error: libxtb is not installed, so there is nothing to compare with (Debian: libxtb-dev)")
    names = ["capped alanine"] if settings.quick else ["chignolin", "Trp-cage"]
    rows = []
    for name in tqdm(names, desc="GFN2-xTB", disable=None):
        structure = structures.alanine() if settings.quick else structures.protein(settings, name)
        calls = {network: evaluation(structure, str(path)) for network, path in shipped().items()}
        times = inTurn(calls | {"xtb": evaluation(structure, "gfn2-xtb")}, 5 if not settings.quick else settings.repeats)
        rows += [row(structure, "GFN2-xTB (libxtb)", network, times[network], times["xtb"]) for network in calls]
    if settings.psi4:
        rows.append(psi4Row())
    found = {r["structure"]: r["ratio"] for r in rows if r["network"] == MODEL}
    return dict(rows=rows, xtb_ratio_chignolin=found.get("chignolin"), xtb_ratio_trpcage=found.get("Trp-cage"))


def evaluation(structure, model: str):
    """A call of a model at the structure's positions."""
    import pluginbridge

    evaluator = pluginbridge.Evaluator(structure.topology, model)
    return lambda: evaluator.evaluate(structure.positions)


def row(structure, method: str, network: str, ours: np.ndarray, theirs: np.ndarray) -> dict:
    """A line of the table, from seconds of both sides."""
    return dict(structure=structure.name, atoms=len(structure.positions), method=method, network=network, ours_ms=milliseconds(ours),
                theirs_ms=milliseconds(theirs), ratio=float(np.median(theirs) / np.median(ours)))


def psi4Row() -> dict:
    """Capped alanine, once: a minute or two."""
    sys.path.insert(0, str(ROOT / "training"))
    from pbtrain.psi4_label import METHOD, Dft

    structure = structures.alanine()
    ours = inTurn({"ours": evaluation(structure, MODEL)}, 20)["ours"]
    theirs = Dft(np.array(structure.numbers), 0)
    begin = time.perf_counter()
    theirs.label(structure.positions * 10)
    return row(structure, f"{METHOD} (psi4), one call", MODEL, ours, np.array([time.perf_counter() - begin]))
