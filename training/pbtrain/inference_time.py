"""How long a force call of each of some networks takes, measured in turns so that the machine's moods fall on all alike."""
from __future__ import annotations

import statistics
import time
from pathlib import Path


def milliseconds(models: list[Path], pdb: Path, repeats: int = 9, threads: int = 1) -> list[float]:
    """Median time of energy and forces of the PDB file's protein, scheme `whole`, single precision; one value a model.

    Needs the built package (`PYTHONPATH=build/python`); raises its errors for a file or a model it does not take.
    """
    import pluginbridge
    from openmm import app, unit

    structure = app.PDBFile(str(pdb))
    x = structure.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    evaluators = [pluginbridge.Evaluator(structure.topology, str(model), "whole", "single", threads) for model in models]
    taken: list[list[float]] = [[] for _ in models]
    for repeat in range(repeats + 1):
        for evaluator, times in zip(evaluators, taken):
            begin = time.perf_counter()
            evaluator.evaluate(x)
            if repeat:  # the first call sets up
                times.append(1000 * (time.perf_counter() - begin))
    return [statistics.median(times) for times in taken]
