#!/usr/bin/python3
"""How far can the correction's time step go? MM inside, the correction outside (pluginbridge.multipleTimeStepIntegrator).

    PYTHONPATH=build/python /usr/bin/python3 tests/performance/mts.py                         # stability, sampling, speed
    PYTHONPATH=build/python /usr/bin/python3 tests/performance/mts.py --parts nve --ps 50

Three kinds of hydrogens: bonds to hydrogen flexible; constrained (HBonds); constrained and of 4 amu (heavy). For each, outer
steps of 1 to 6 fs around inner steps of the host's:

nve       total energy without a thermostat: drift, fluctuation, and whether the run survives. Resonance of the kicks with the
          fastest vibration shows here first. Row "host": the same integrator with the correction switched off.
sampling  Langevin dynamics at 300 K against the run with one step for all: kinetic temperature, mean energies of bonds,
          angles and the correction, heavy-atom bond lengths, distance of the torsions' distributions. Two single-step
          runs with different seeds say how much of it is noise.
speed     ms of wall time per fs of the demo's peptide in water, single step, ours and openmm.MTSLangevinIntegrator, in turn.
"""
import argparse
import functools
import json
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np
import openmm
from nve_drift import fluctuation, slope
from openmm import app, unit
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
KB = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
LAMBDA = "FragmentedPotentialForce_lambda"
GROUP = 31
#: createSystem's options and the host's own step (fs)
KINDS = {"flexible": (dict(constraints=None), 0.5),
         "HBonds": (dict(constraints=app.HBonds), 1.0),
         "HBonds, heavy": (dict(constraints=app.HBonds, hydrogenMass=4 * unit.amu), 2.0)}
PARTS = ("nve", "sampling", "speed")


def vacuum(pdb, model, precision, kind):
    """Topology, positions and System of a peptide in vacuo, the correction in a group of its own.

    Bonds, angles and the rest of the host have groups too, so that their energies can be told apart."""
    import pluginbridge

    pdb = app.PDBFile(pdb)
    potential = pluginbridge.FragmentPotential(model, precision=precision, threads=1)
    system = potential.createSystem(pdb.topology, removeCMMotion=False, forceGroup=GROUP, **KINDS[kind][0])
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            force.setForceGroup(1)
        elif isinstance(force, openmm.HarmonicAngleForce):
            force.setForceGroup(2)
    return pdb, system


def context(system, integrator, seed=1):
    integrator.setRandomNumberSeed(seed)
    integrator.setConstraintTolerance(1e-8)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


@functools.lru_cache(maxsize=None)
def thermalised(kind, seed, pdb, model, precision, picoseconds):
    """State after a Langevin run at 300 K with a small step for all forces; made once in a process."""
    pdb, system = vacuum(pdb, model, precision, kind)
    ctx = context(system, openmm.LangevinMiddleIntegrator(300, 5, 0.0005), seed)
    ctx.setPositions(pdb.positions)
    openmm.LocalEnergyMinimizer.minimize(ctx, 10, 100)
    ctx.setVelocitiesToTemperature(300, seed)
    ctx.getIntegrator().step(round(picoseconds / 0.0005))
    return ctx.getState(getPositions=True, getVelocities=True)


def start(ctx, state, correction=True):
    ctx.setPositions(state.getPositions())
    ctx.setVelocities(state.getVelocities())
    ctx.setParameter(LAMBDA, 1.0 if correction else 0.0)


def nve_energies(system, state, outer, inner, picoseconds, correction=True):
    """Times (ps) and total energies (kJ/mol) of a constant-energy run; shorter where it blows up."""
    import pluginbridge

    ctx = context(system, pluginbridge.multipleTimeStepIntegrator(system, outer / 1000, inner))
    start(ctx, state, correction)
    energies, every = [], max(1, round(10 / outer))
    for _ in range(max(6, round(picoseconds * 1000 / outer / every))):
        try:
            ctx.getIntegrator().step(every)
            now = ctx.getState(getEnergy=True)
        except openmm.OpenMMException:  # positions that are not numbers any more
            break
        energy = (now.getPotentialEnergy() + now.getKineticEnergy())._value
        if not np.isfinite(energy) or (energies and abs(energy - energies[0]) > 1e4):
            break
        energies.append(energy)
    return np.arange(1, len(energies) + 1) * every * outer / 1000, np.array(energies)


def nve(task):
    """One constant-energy run: drift (kJ/mol/ps an atom, with its standard error from ten blocks), fluctuation (kJ/mol)."""
    options, kind, outer, correction = task
    outer = outer if correction else KINDS[kind][1]
    which = (options.pdb, options.model, options.precision)
    _, system = vacuum(*which, kind)
    state = thermalised(kind, options.seed, *which, options.thermalise)
    inner = max(1, round(outer / KINDS[kind][1]))
    times, energies = nve_energies(system, state, outer, inner, options.ps, correction)
    row = dict(kind=kind, outer_fs=outer, inner_steps=inner, correction=correction, ps=float(times[-1]) if len(times) else 0.0,
               survived=bool(len(times) > 2 and times[-1] > 0.98 * options.ps))
    if row["survived"]:
        drift, error = slope(times, energies, min(10, len(times) // 2))
        atoms = system.getNumParticles()
        row |= dict(drift=drift / atoms, driftError=error / atoms,
                    drift_kT_per_ns=drift / atoms * 1000 / (300 * KB),
                    fluctuation=fluctuation(times, energies))
    return row


def torsions(topology):
    """Quadruples of heavy atoms in a row."""
    heavy = {a.index for a in topology.atoms() if a.element is not app.element.hydrogen}
    near = {}
    for a, b in topology.bonds():
        if a.index in heavy and b.index in heavy:
            near.setdefault(a.index, set()).add(b.index)
            near.setdefault(b.index, set()).add(a.index)
    return np.array([(i, j, k, m) for j in near for k in near[j] if j < k for i in near[j] - {k} for m in near[k] - {j, i}])


def dihedrals(x, quads):
    """Angles (radians), [frames, quads]."""
    a, b, c, d = (x[:, quads[:, n]] for n in range(4))
    axis = (c - b) / np.linalg.norm(c - b, axis=-1, keepdims=True)
    v, w = a - b, d - c
    v, w = (u - (u * axis).sum(-1, keepdims=True) * axis for u in (v, w))
    return np.arctan2((np.cross(axis, v) * w).sum(-1), (v * w).sum(-1))


def sample(task):
    """One Langevin run: what is compared with the single-step run."""
    options, kind, outer, seed = task
    import pluginbridge

    which = (options.pdb, options.model, options.precision)
    pdb, system = vacuum(*which, kind)
    state = thermalised(kind, seed, *which, options.thermalise)
    inner = max(1, round(outer / KINDS[kind][1])) if outer else 1
    step = outer or min(KINDS[kind][1], 1.0)  # outer 0: one step for all, the reference
    ctx = context(system, pluginbridge.multipleTimeStepIntegrator(system, step / 1000, inner, 300, 2.0), seed)
    start(ctx, state)
    every = max(1, round(20 / step))
    kinetic, parts, frames = [], [], []
    try:
        for _ in range(max(4, round(options.sampling_ps * 1000 / step / every))):
            ctx.getIntegrator().step(every)
            now = ctx.getState(getEnergy=True, getPositions=True)
            kinetic.append(now.getKineticEnergy()._value)
            parts.append([ctx.getState(getEnergy=True, groups={g}).getPotentialEnergy()._value for g in (1, 2, GROUP)])
            frames.append(now.getPositions(asNumpy=True)._value)
    except openmm.OpenMMException:
        return dict(kind=kind, outer_fs=outer, seed=seed, survived=False)
    freedom = 3 * system.getNumParticles() - system.getNumConstraints()
    frames = np.array(frames)
    heavy = [(a.index, b.index) for a, b in pdb.topology.bonds() if app.element.hydrogen not in (a.element, b.element)]
    lengths = np.linalg.norm(frames[:, [a for a, _ in heavy]] - frames[:, [b for _, b in heavy]], axis=-1)
    temperature = 2 * np.array(kinetic) / (freedom * KB)
    histograms = [np.histogram(angles, 24, (-np.pi, np.pi))[0] / len(angles) for angles in dihedrals(frames, torsions(pdb.topology)).T]
    return dict(kind=kind, outer_fs=outer, inner_steps=inner, seed=seed, survived=bool(np.isfinite(temperature).all()),
                temperature=float(temperature.mean()), temperatureError=blockError(temperature),
                bond=float(np.mean(parts, 0)[0]), angle=float(np.mean(parts, 0)[1]), correction=float(np.mean(parts, 0)[2]),
                partErrors=[blockError(p) for p in np.array(parts).T],
                bondLengths=lengths.mean(0).tolist(), bondSpreads=lengths.std(0).tolist(), torsions=np.array(histograms).tolist())


def blockError(values, blocks=8):
    """Standard error of a mean from means of blocks."""
    means = [part.mean() for part in np.array_split(np.asarray(values), blocks)]
    return float(np.std(means, ddof=1) / np.sqrt(blocks))


def compare(run, reference):
    """Distances of a Langevin run from the reference: bond lengths (pm) and torsion distributions (half the sum of
    |difference|: 0 the same, 1 apart), mean over bonds and torsions."""
    lengths = np.array(run["bondLengths"]) - reference["bondLengths"]
    spreads = np.array(run["bondSpreads"]) / reference["bondSpreads"]
    apart = 0.5 * np.abs(np.array(run["torsions"]) - reference["torsions"]).sum(1)
    return dict(bondLength_pm=float(np.abs(lengths).mean() * 1000), bondSpreadRatio=float(spreads.mean()),
                torsionDistance=float(apart.mean()))


def speed(options):
    """Wall time (ms per fs) of the demo's peptide in water, medians of rounds in turn."""
    import pluginbridge

    sys.path.insert(0, str(ROOT / "examples"))
    from chignolin_in_water import solvate

    topology, positions, host = solvate(app.PDBFile(str(ROOT / "examples" / "gydpetgtwg.pdb")), options.padding)
    system = pluginbridge.FragmentPotential(options.model).createMixedSystem(topology, host, forceGroup=GROUP)
    bath = (300 * unit.kelvin, 1 / unit.picosecond)
    made = {"one step of 1 fs": (system, openmm.LangevinMiddleIntegrator(*bath, 0.001), 1),
            "host alone, 1 fs": (host, openmm.LangevinMiddleIntegrator(*bath, 0.001), 1)}
    for n in options.speed_inner:
        made[f"outer {n} fs, inner 1 fs"] = (system, pluginbridge.multipleTimeStepIntegrator(system, n / 1000, n, *bath), n)
        made[f"outer {n} fs, inner 1 fs, MTSLangevinIntegrator"] = (
            system, openmm.MTSLangevinIntegrator(*bath, n * unit.femtosecond, [(GROUP, 1), (0, n)]), n)
    properties = {"Threads": str(options.threads)}
    contexts = {name: (openmm.Context(s, i, openmm.Platform.getPlatformByName("CPU"), properties), n)
                for name, (s, i, n) in made.items()}
    first = contexts["host alone, 1 fs"][0]
    first.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(first, 10, 100)
    first.setVelocitiesToTemperature(300, 1)
    first.getIntegrator().step(options.speed_fs)
    state = first.getState(getPositions=True, getVelocities=True)
    times = {name: [] for name in contexts}
    for repeat in range(options.repeats + 1):
        for name, (ctx, n) in contexts.items():
            ctx.setPositions(state.getPositions())
            ctx.setVelocities(state.getVelocities())
            begin = time.perf_counter()
            ctx.getIntegrator().step(max(1, options.speed_fs // n))
            ctx.getState(getEnergy=True)
            if repeat:
                times[name].append((time.perf_counter() - begin) / (max(1, options.speed_fs // n) * n) * 1000)
    one = np.median(times["one step of 1 fs"])
    return [dict(run=name, ms_per_fs=float(np.median(found)), speedup=float(one / np.median(found)))
            for name, found in times.items()]


NVE_HEAD = (f"{'hydrogens':15}{'outer fs':>9}{'inner':>6}  {'forces':8}{'ps':>7} {'drift, kJ/mol/ps/atom':>26} {'kT/ns/atom':>11} "
            f"{'fluctuation, kJ/mol':>20}")


def nveLine(r):
    head = f"{r['kind']:15}{r['outer_fs']:9g}{r['inner_steps']:6}  {'network' if r['correction'] else 'host':8}{r['ps']:7.2f} "
    return head + (f"{r['drift']:14.2e} +- {r['driftError']:8.1e} {r['drift_kT_per_ns']:11.3f} {r['fluctuation']:20.3f}"
                   if r["survived"] else "the energy ran away")


def print_sampling(rows):
    print(f"{'hydrogens':15}{'outer fs':>9}{'T, K':>9}{'+-':>6}{'E bond':>9}{'E angle':>9}{'E corr.':>9}"
          f"{'bonds pm':>10}{'spread':>8}{'torsions':>9}")
    for r in rows:
        if not r["survived"]:
            print(f"{r['kind']:15}{r['outer_fs']:9g}  the run broke")
            continue
        name = f"{r['outer_fs']:9g}" if r["outer_fs"] else f"{'one step':>9}"
        print(f"{r['kind']:15}{name}{r['temperature']:9.2f}{r['temperatureError']:6.2f}{r['bond']:9.2f}{r['angle']:9.2f}"
              f"{r['correction']:9.2f}" + (f"{r['bondLength_pm']:10.3f}{r['bondSpreadRatio']:8.3f}{r['torsionDistance']:9.3f}"
                                           if "torsionDistance" in r else ""))


def sampling(options, pool):
    """Rows of the sampling part; the first of each kind is the reference, the second the same with another seed."""
    tasks = [(options, kind, outer, seed) for kind in options.kinds
             for outer, seed in [(0, 1), (0, 2), *((outer, 1) for outer in options.outer)]]
    rows = list(tqdm(pool.imap(sample, tasks), total=len(tasks), desc="Langevin runs", leave=False, disable=None))
    references = {r["kind"]: r for r in reversed(rows) if r["outer_fs"] == 0 and r["survived"]}
    for r in rows:
        if r["survived"] and r["kind"] in references and r is not references[r["kind"]]:
            r |= compare(r, references[r["kind"]])
    for r in rows:
        for bulky in ("torsions", "bondLengths", "bondSpreads"):
            r.pop(bulky, None)
    return rows


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--outer", type=float, nargs="+", default=[1, 2, 3, 4, 6], help="outer steps, fs")
    parser.add_argument("--ps", type=float, default=50, help="length of a constant-energy run")
    parser.add_argument("--sampling-ps", type=float, default=200, help="length of a Langevin run")
    parser.add_argument("--thermalise", type=float, default=1.0, help="ps at 300 K before a run")
    parser.add_argument("--model", default="visnet-gfn2")
    parser.add_argument("--precision", choices=["single", "double"], default="single")
    parser.add_argument("--pdb", default=str(ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb"),
                        help="peptide in vacuo of nve and sampling")
    parser.add_argument("--padding", type=float, default=0.8, help="water of the speed part, nm")
    parser.add_argument("--speed-inner", type=int, nargs="+", default=[2, 3, 4], help="inner steps of the speed part")
    parser.add_argument("--speed-fs", type=int, default=120, help="length of one measurement of the speed part")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of the speed part")
    parser.add_argument("--jobs", type=int, default=2, help="runs of nve and sampling side by side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a size that only shows that everything works")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.quick:
        options.kinds, options.outer, options.ps, options.sampling_ps = ["HBonds"], [2.0], 0.2, 0.2
        options.thermalise, options.padding, options.speed_inner, options.speed_fs = 0.1, 0.5, [2], 4
    return options


def main():
    options = parse()
    results = dict(options={k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()})
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        if "nve" in options.parts:
            # the host's own drift depends on its step alone
            tasks = [(options, kind, outer, outer != "host") for kind in options.kinds for outer in ["host", *options.outer]]
            print(NVE_HEAD)
            results["nve"] = []
            for row in tqdm(pool.imap(nve, tasks), total=len(tasks), desc="NVE runs", leave=False, disable=None):
                results["nve"].append(row)
                tqdm.write(nveLine(row))
                sys.stdout.flush()
        if "sampling" in options.parts:
            results["sampling"] = sampling(options, pool)
            print_sampling(results["sampling"])
    if "speed" in options.parts:
        results["speed"] = speed(options)
        for row in results["speed"]:
            print(f"{row['run']:50}{row['ms_per_fs']:9.3f} ms/fs {row['speedup']:6.2f} x")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
