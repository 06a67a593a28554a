"""Simulated time an hour, everything together: this engine, one graph and multiple time steps against AI²BMD's dipeptide scheme,
evaluated by PyTorch, at 1 fs.

The rival's step is the host's own step and one eager call of the PyTorch twin on all fragments of the shipped network;
what it would take to hand positions and forces over is given to it for free.
"""
from __future__ import annotations

import numpy as np
from tqdm import tqdm

from . import networks, openmmstep, structures
from .forcecall import check, energyForces, setBlasThreads
from .fragments import Fragments, torchEnergy
from .settings import MODEL, Settings, shipped
from .timing import inTurn

GROUP = 7
OUTER, INNER = 2.0, 2  # fs, and steps of the host in it: what docs/benchmarks/time-steps.md found stable


def run(settings: Settings) -> dict:
    """Microseconds a step, and simulated time an hour over the rival's, for each shipped network. `together_ratio` and
    `together_vacuum_ratio` are those of the network that the rival has; a smaller one has rows of its own."""
    threads = settings.threads[-1]
    rows = [row for where, system in (("water", openmmstep.solvated(settings)), ("vacuum", openmmstep.inVacuo()))
            for row in compare(settings, where, *system, threads)]
    same = {row["where"]: row["ratio"] for row in rows if row["network"] == MODEL}
    return dict(threads=threads, rows=rows, outer_fs=OUTER, inner_steps=INNER, together_ratio=same["water"],
                together_vacuum_ratio=same["vacuum"])


def compare(settings: Settings, where: str, topology, positions, host, threads: int) -> list[dict]:
    """One row a network; all of them, the host alone and the rival's call take turns."""
    import openmm
    import pluginbridge

    systems = {name: pluginbridge.FragmentPotential(str(path), threads=threads).createMixedSystem(topology, host, forceGroup=GROUP)
               for name, path in shipped().items()}
    integrators = {name: pluginbridge.multipleTimeStepIntegrator(system, OUTER / 1000, INNER, 300, 1) for name, system in systems.items()}
    integrators["host"] = openmm.LangevinMiddleIntegrator(300, 1, 0.001)
    contexts = {name: openmm.Context(systems.get(name, host), integrator, openmm.Platform.getPlatformByName("CPU"),
                                     {"Threads": str(threads)}) for name, integrator in integrators.items()}
    openmmstep.settle(contexts, positions, settings)
    steps, rounds = (2, 2) if settings.quick else (10, 3 * max(5, settings.repeats))
    rivals = rivalCalls(threads)
    with tqdm(total=rounds, desc=f"everything together, {where}", disable=None) as bar:
        calls = {name: lambda c=context: c.getIntegrator().step(steps) for name, context in contexts.items()}
        times = inTurn(calls | rivals | {"": bar.update}, rounds, warmUp=0)
    micro = {name: 1e6 * float(np.median(times[name])) / steps for name in contexts}
    rival = micro["host"] + 1e6 * min(float(np.median(times[name])) for name in rivals)
    return [dict(where=where, network=name, atoms=topology.getNumAtoms(), host_us=micro["host"], rival_us=rival, outer_us=micro[name],
                 ratio=rival * OUTER / micro[name]) for name in systems]


def rivalCalls(threads: int) -> dict:
    """Eager PyTorch on the demo's peptide, dipeptide scheme, a call for each number of BLAS threads (one is mostly better);
    warm, and compared with the core's forces."""
    import pluginbridge
    import torch

    demo, model = structures.demo(), shipped()[MODEL]
    core = pluginbridge.Evaluator(demo.topology, str(model), "dipeptide")
    eager = torchEnergy(Fragments(core, demo.numbers), networks.twin().load_model(model)[0])
    x = torch.tensor(demo.positions * 10, dtype=torch.float32)

    def call(blas: int):
        torch.set_num_threads(threads)
        setBlasThreads(blas)
        try:
            return energyForces(eager, x)
        finally:
            setBlasThreads(1)
            torch.set_num_threads(1)

    calls = {f"PyTorch, {blas} BLAS threads": lambda b=blas: call(b) for blas in sorted({1, threads})}
    for one in calls.values():
        check(*structures.networkPart(core, demo), *one(), MODEL)
    return calls
