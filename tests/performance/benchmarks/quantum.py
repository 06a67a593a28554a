"""A network's call against what it learnt from: GFN2-xTB (libxtb) on whole proteins, M06-2X/6-31G* (psi4) on a residue.

One thread on both sides. Quantum chemistry starts its SCF from its own guess each time, as a call for a new geometry does.
"""
from __future__ import annotations

import sys
import time

import numpy as np
from tqdm import tqdm

from . import structures
from .settings import MODEL, ROOT, Settings
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
        ours, theirs = (pluginbridge.Evaluator(structure.topology, model) for model in (MODEL, "gfn2-xtb"))
        times = inTurn({"ours": lambda: ours.evaluate(structure.positions), "xtb": lambda: theirs.evaluate(structure.positions)},
                       5 if not settings.quick else settings.repeats)
        rows.append(dict(structure=name, atoms=len(structure.positions), method="GFN2-xTB (libxtb)",
                         ours_ms=milliseconds(times["ours"]), theirs_ms=milliseconds(times["xtb"]),
                         ratio=float(np.median(times["xtb"]) / np.median(times["ours"]))))
    if settings.psi4:
        rows.append(psi4Row())
    found = {row["structure"]: row["ratio"] for row in rows}
    return dict(rows=rows, xtb_ratio_chignolin=found.get("chignolin"), xtb_ratio_trpcage=found.get("Trp-cage"))


def psi4Row() -> dict:
    """Capped alanine, once: a minute or two."""
    sys.path.insert(0, str(ROOT / "training"))
    import pluginbridge
    from pbtrain.psi4_label import METHOD, Dft

    structure = structures.alanine()
    ours = pluginbridge.Evaluator(structure.topology, MODEL)
    times = inTurn({"ours": lambda: ours.evaluate(structure.positions)}, 20)["ours"]
    theirs = Dft(np.array(structure.numbers), 0)
    begin = time.perf_counter()
    theirs.label(structure.positions * 10)
    seconds = time.perf_counter() - begin
    return dict(structure=structure.name, atoms=len(structure.positions), method=f"{METHOD} (psi4), one call",
                ours_ms=milliseconds(times), theirs_ms=seconds * 1e3, ratio=float(seconds / np.median(times)))
