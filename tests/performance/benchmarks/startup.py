"""From nothing to the first force: each stage of it, in fresh processes (files in the page cache)."""
from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import structures
from .settings import MODEL, Settings, fresh

STAGES = ("python_import", "library_load", "model_load", "system_creation", "first_force", "second_force")


def run(settings: Settings) -> dict:
    """Milliseconds of each stage (medians), and of all but Python's import."""
    from openmm import app

    path = settings.out / "startup.pdb"
    structure = structures.alanine() if settings.quick else structures.protein(settings, "Trp-cage")
    with open(path, "w") as file:
        app.PDBFile.writeFile(structure.topology, structure.positions * 10, file)
    rounds = []
    for _ in tqdm(range(2 if settings.quick else max(5, settings.repeats)), desc="fresh processes", disable=None):
        rounds.append(json.loads(fresh("benchmarks.startup", path.resolve())))
    medians = {stage: float(np.median([r[stage] for r in rounds])) for stage in STAGES}
    return dict(structure=structure.name, atoms=len(structure.positions), rounds=len(rounds), milliseconds=medians,
                startup_ms=sum(medians[stage] for stage in STAGES[1:-1]))


def one(path: str) -> dict:
    """Milliseconds of the stages in this process."""
    structure = structures.read(Path(path), "")
    times = {}

    def timed(stage, call):
        begin = time.perf_counter()
        result = call()
        times[stage] = (time.perf_counter() - begin) * 1e3
        return result

    pluginbridge = timed("python_import", lambda: __import__("pluginbridge"))
    timed("library_load", pluginbridge.version)
    model = timed("model_load", lambda: pluginbridge.Model(MODEL))
    core = timed("system_creation", lambda: pluginbridge.Evaluator(structure.topology, model))
    for stage in ("first_force", "second_force"):
        timed(stage, lambda: core.evaluate(structure.positions))
    return times


if __name__ == "__main__":
    print(json.dumps(one(sys.argv[1])))
