"""A step of the demo in OpenMM: the host's part, the network's, and what the plugin costs beyond it.

The overhead is what the zero correction ("ff14sb": positions out, forces back, nothing computed between) costs: an evaluation
of its force group less one of an empty group, in turn, in the same Context. What it adds to whole steps is measured as well;
the host's own step wanders by more than that.
"""
from __future__ import annotations

import sys

import numpy as np
from tqdm import tqdm

from . import structures
from .settings import MODEL, ROOT, Settings
from .timing import inTurn

GROUP = 7  # of the zero correction; the next one is empty


def run(settings: Settings) -> dict:
    """Microseconds a step in water and in vacuo on the last of settings.threads; `overhead_us` is that in water."""
    threads = settings.threads[-1]
    water = breakdown(settings, *solvated(settings), threads)
    vacuum = breakdown(settings, *inVacuo(), threads)
    return dict(threads=threads, water=water, vacuum=vacuum, overhead_us=water["overhead_us"],
                overhead_vacuum_us=vacuum["overhead_us"])


def evaluationOverhead(context, settings: Settings) -> np.ndarray:
    """Microseconds of each evaluation of the zero correction beyond those of an empty force group."""
    groups = {"zero": {GROUP}, "empty": {GROUP + 1}}
    times = inTurn({name: lambda g=g: context.getState(getForces=True, groups=g) for name, g in groups.items()},
                   5 if settings.quick else 500, warmUp=5)
    return 1e6 * (times["zero"] - times["empty"])


def solvated(settings: Settings):
    """The demo's System."""
    from openmm import app

    sys.path.insert(0, str(ROOT / "examples"))
    from chignolin_in_water import solvate

    return solvate(app.PDBFile(str(ROOT / "examples" / "gydpetgtwg.pdb")), 0.5 if settings.quick else 0.8)


def inVacuo():
    """Its peptide alone: the host's step is short there, so that the difference is sharper."""
    from openmm import app

    demo = structures.demo()
    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(demo.topology, constraints=app.HBonds)
    return demo.topology, demo.positions, system


def settle(contexts: dict, positions, settings: Settings):
    """The State that contexts["host"] comes to in a short run; all contexts begin there."""
    import openmm

    host = contexts["host"]
    host.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(host, 10, 100)
    host.setVelocitiesToTemperature(300, 1)
    host.getIntegrator().step(20 if settings.quick else 300)
    state = host.getState(getPositions=True, getVelocities=True)
    for context in contexts.values():
        context.setPositions(state.getPositions())
        context.setVelocities(state.getVelocities())
        context.getIntegrator().step(2)
    return state


def breakdown(settings: Settings, topology, positions, host, threads: int) -> dict:
    """Medians over rounds in which the Systems take turns."""
    import openmm
    import pluginbridge

    systems = {"host": host, "zero": pluginbridge.FragmentPotential("ff14sb").createMixedSystem(topology, host, forceGroup=GROUP),
               "network": pluginbridge.FragmentPotential(MODEL).createMixedSystem(topology, host)}
    contexts = {name: openmm.Context(system, openmm.LangevinMiddleIntegrator(300, 1, 0.001),
                                     openmm.Platform.getPlatformByName("CPU"), {"Threads": str(threads)})
                for name, system in systems.items()}
    state = settle(contexts, positions, settings)
    # short turns, many of them: the host's own time wanders by more than the overhead
    steps, rounds = (2, 3) if settings.quick else (20, 10 * max(5, settings.repeats))
    with tqdm(total=rounds, desc=f"steps of {topology.getNumAtoms()} atoms", disable=None) as bar:
        times = inTurn({name: lambda c=context: c.getIntegrator().step(steps) for name, context in contexts.items()}
                       | {"": bar.update}, rounds, warmUp=0)
    micro = {name: 1e6 * values / steps for name, values in times.items() if name}
    overhead, differences = evaluationOverhead(contexts["zero"], settings), micro["zero"] - micro["host"]
    region = pluginbridge.Evaluator(topology, MODEL, threads=threads)
    direct = 1e6 * np.median(inTurn({"call": lambda: region.evaluate(state.getPositions(asNumpy=True))}, settings.repeats)["call"])
    return dict(atoms=topology.getNumAtoms(), region=len(pluginbridge.proteinAtoms(topology)), rounds=rounds, steps=steps,
                host_us=float(np.median(micro["host"])), zero_us=float(np.median(micro["zero"])),
                network_us=float(np.median(micro["network"])), direct_call_us=float(direct),
                correction_us=float(np.median(micro["network"] - micro["host"])), overhead_us=float(np.median(overhead)),
                overhead_quartiles_us=[float(q) for q in np.percentile(overhead, [25, 75])],
                step_difference_us=float(np.median(differences)),
                step_difference_quartiles_us=[float(q) for q in np.percentile(differences, [25, 75])])
