"""Simulated time an hour, everything together: this engine, one graph and multiple time steps against AI²BMD's dipeptide scheme,
evaluated by PyTorch, at 1 fs.

The rival's step is the host's own step and one eager call of the PyTorch twin on all fragments of the shipped network;
what it would take to hand positions and forces over is given to it for free.
"""
from __future__ import annotations

import numpy as np
from tqdm import tqdm

from . import networks, openmmstep, structures
from .forcecall import energyForces, setBlasThreads
from .fragments import Fragments, torchEnergy
from .settings import MODEL, Settings, shipped
from .timing import inTurn

GROUP = 7
OUTER, INNER = 2.0, 2  # fs, and steps of the host in it: what docs/benchmarks/time-steps.md found stable


def run(settings: Settings) -> dict:
    """Microseconds a step, and femtoseconds an hour over the rival's, for each shipped network; `together_ratio` is the largest in
    water, `together_vacuum_ratio` that of the peptide alone."""
    threads = settings.threads[-1]
    rows = [row for where, system in (("water", openmmstep.solvated(settings)), ("vacuum", openmmstep.inVacuo()))
            for row in compare(settings, where, *system, threads)]
    best = {where: max(row["ratio"] for row in rows if row["where"] == where) for where in ("water", "vacuum")}
    return dict(threads=threads, rows=rows, outer_fs=OUTER, inner_steps=INNER, together_ratio=best["water"],
                together_vacuum_ratio=best["vacuum"])


def compare(settings: Settings, where: str, topology, positions, host, threads: int) -> list[dict]:
    """One row a network; all of them and the host alone take turns, the rival's call follows."""
    import openmm
    import pluginbridge

    systems = {name: pluginbridge.FragmentPotential(str(path), threads=threads).createMixedSystem(topology, host, forceGroup=GROUP)
               for name, path in shipped().items()}
    integrators = {name: pluginbridge.multipleTimeStepIntegrator(system, OUTER / 1000, INNER, 300, 1) for name, system in systems.items()}
    integrators["host"] = openmm.LangevinMiddleIntegrator(300, 1, 0.001)
    contexts = {name: openmm.Context(systems.get(name, host), integrator, openmm.Platform.getPlatformByName("CPU"),
                                     {"Threads": str(threads)}) for name, integrator in integrators.items()}
    settled = settle(contexts["host"], positions, settings)
    for context in contexts.values():
        context.setPositions(settled.getPositions())
        context.setVelocities(settled.getVelocities())
        context.getIntegrator().step(3)
    steps, rounds = (2, 2) if settings.quick else (10, 3 * max(5, settings.repeats))
    with tqdm(total=rounds, desc=f"everything together, {where}", disable=None) as bar:
        calls = {name: lambda c=context: c.getIntegrator().step(steps) for name, context in contexts.items()} | {"": bar.update}
        micro = {name: 1e6 * float(np.median(values)) / steps for name, values in inTurn(calls, rounds, warmUp=0).items() if name}
        rival = micro["host"] + 1e6 * rivalCall(settings, threads)
    return [dict(where=where, network=name, atoms=topology.getNumAtoms(), host_us=micro["host"], rival_us=rival, outer_us=micro[name],
                 ratio=rival * OUTER / micro[name]) for name in systems]


def settle(context, positions, settings: Settings):
    """The host's State after a short run."""
    import openmm

    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 100)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(20 if settings.quick else 300)
    return context.getState(getPositions=True, getVelocities=True)


def rivalCall(settings: Settings, threads: int) -> float:
    """Seconds of an eager PyTorch call, dipeptide scheme, on the demo's peptide; with the better number of BLAS threads."""
    import pluginbridge
    import torch

    demo = structures.demo()
    model = shipped()[MODEL]
    fragments = Fragments(pluginbridge.Evaluator(demo.topology, str(model), "dipeptide"), demo.numbers)
    eager = torchEnergy(fragments, networks.twin().load_model(model)[0])
    x = torch.tensor(demo.positions * 10, dtype=torch.float32)
    torch.set_num_threads(threads)
    found = []
    for blas in sorted({1, threads}):
        setBlasThreads(blas)
        found.append(float(np.median(inTurn({"eager": lambda: energyForces(eager, x)}, settings.repeats)["eager"])))
    setBlasThreads(1)
    torch.set_num_threads(1)
    return min(found)
