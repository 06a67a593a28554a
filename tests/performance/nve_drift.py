#!/usr/bin/python3
"""Does the total energy of a molecule in vacuo (capped alanine) stay where it is? Verlet, no thermostat.

    PYTHONPATH=build/python /usr/bin/python3 tests/performance/nve_drift.py                # 100 ps, three seeds
    PYTHONPATH=build/python /usr/bin/python3 tests/performance/nve_drift.py --ps 5 --seeds 1
    ... nve_drift.py --pdb examples/gydpetgtwg.pdb --scheme window3+pairs --ps 10 --dt 1 --constraints hbonds \\
        --settle 1 --kinds double control                                                  # pairs come and go

For each seed: the network in double and in single precision, and plain ff14SB as control, from the same start. Reported
are the slope of a straight line through the total energy, with its standard error from blocks; that of the modified energy;
the fluctuation of the total energy about the line; and how much smaller that is at half the time step: 4 where
the force is the gradient of the energy, since Verlet is of second order.

Verlet with a step h conserves not E but, up to h^4, the modified energy E + h^2 (v.U''v / 12 - a.a m / 24) (Hairer, Lubich,
Wanner, Acta Numerica 12, 399 (2003), section 4), where U''v = -m da/dt; a includes the forces of constraints. E swings and
wanders about it while energy moves between stiff and soft vibrations, and a straight line through E has a slope where nothing
drifts. The modified energy swings fifty times less (ff14SB, 1 fs, constrained bonds to hydrogen: 0.005 kJ/mol for 0.3), so
that it shows a drift a hundred times as small, and each single event by which energy is lost or won.

Charged ends in vacuo hand protons to and fro on a quantum-chemical surface, which ff14SB does not let them. That is faster
than 1 fs can follow: in 0.15 ps GYDPETGTWG gained 4 kJ/mol at 1 fs and, from the same start, less than 0.2 at 0.5 fs.
--constraints hbonds, with longer steps, keeps protons where the topology has them, as most scripts do.
"""
import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
import openmm
import pluginbridge
from openmm import app, unit
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "training"))

from pbtrain.stability import CONSTRAINTS  # noqa: E402

CONTROL = "control"
KINDS = ("double", "single", CONTROL)
KEEP_EVERY = 60  # seconds
CURVES = ("times", "energies", "modified")
TOLERANCE = 1e-9  # of constraints, relative
BLOCKS = 10  # of energies, for the errors of slopes
NEAR, UNITS_APART = 0.5, 3  # nm, the outer radius of pairs; residues that no window of three holds
KT = 300 * unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)


def heated(system, seed, femtoseconds):
    """A Context with Langevin dynamics at 300 K."""
    integrator = openmm.LangevinMiddleIntegrator(300, 5, femtoseconds / 1000)
    integrator.setRandomNumberSeed(seed)
    integrator.setConstraintTolerance(TOLERANCE)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


def reached(context, picoseconds):
    """Positions and velocities [N, 3], nm and nm/ps, after that time."""
    context.getIntegrator().step(round(picoseconds / context.getIntegrator().getStepSize()._value))
    state = context.getState(getPositions=True, getVelocities=True)
    return state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value


def thermalised(system, positions, seed, picoseconds=2.0):
    """Positions and velocities after a Langevin run at 300 K."""
    context = heated(system, seed, 0.5)
    context.setPositions(positions)
    context.applyConstraints(TOLERANCE)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 100)
    context.setVelocitiesToTemperature(300, seed)
    return reached(context, picoseconds)


def settled(system, start, seed, femtoseconds, picoseconds):
    """Another Langevin run, from one System's start on the surface of another."""
    context = heated(system, seed, femtoseconds)
    context.setPositions(start[0])
    context.setVelocities(start[1])
    return reached(context, picoseconds)


class Kept:
    """A file in which an unfinished run waits to go on; one of other settings counts for nothing."""

    def __init__(self, path, settings):
        self.path, self.settings, self.since = path, json.dumps(settings, default=str), time.monotonic()
        found = dict(np.load(path)) if path.exists() else {}
        wanted = str(found.get("settings")) == self.settings and found.keys() >= {*CURVES, "start"}
        self.before = found if wanted else None  # what was saved last, by name

    def due(self):
        """Has it been a minute?"""
        return time.monotonic() - self.since > KEEP_EVERY

    def save(self, start, curves, state, crossings):
        """Replaces what was saved before; start, positions and velocities, spares the heating when the run goes on."""
        self.since = time.monotonic()
        temporary = self.path.with_suffix(".tmp.npz")
        np.savez(temporary, **curves, start=start, positions=state.getPositions(asNumpy=True)._value, crossings=crossings,
                 velocities=state.getVelocities(asNumpy=True)._value, settings=self.settings)
        os.replace(temporary, self.path)


class Contacts:
    """How often two residues that are no neighbours come within the outer radius of pairs, or leave it."""

    def __init__(self, topology):
        residues = list(topology.residues())
        heavy = [[a.index for a in r.atoms() if a.element.symbol != "H"] for r in residues]
        self.pairs = [(heavy[i], heavy[j]) for j in range(len(residues)) for i in range(j)
                      if residues[i].chain is not residues[j].chain or j - i >= UNITS_APART]
        self.near, self.crossings = None, 0

    def look(self, x):
        """Positions [N, 3] in nm."""
        near = [np.linalg.norm(x[a][:, None] - x[b], axis=2).min() < NEAR for a, b in self.pairs]
        if self.near is not None:
            self.crossings += sum(bool(was != now) for was, now in zip(self.near, near))
        self.near = near

    def resume(self, before):
        """Goes on from what a Kept has found."""
        self.near = None
        self.look(before["positions"])
        self.crossings = int(before["crossings"])


def run(system, start, femtoseconds, picoseconds, every=5, watch=None, kept=None):
    """Times (ps), total and modified energies (kJ/mol) along an NVE run, each `every` steps, three or more.

    kept: where the run is kept once a minute, with what watch has seen, and goes on from, bit for bit, if it has been ended.
    """
    integrator = openmm.VerletIntegrator(femtoseconds / 1000)
    integrator.setConstraintTolerance(TOLERANCE)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(start[0])
    context.setVelocities(start[1])
    masses = np.array([system.getParticleMass(k)._value for k in range(system.getNumParticles())])[:, None]
    before = kept.before if kept else None
    times, energies, modified = (before[name].tolist() for name in CURVES) if before else ([], [], [])
    step = integrator.getStepSize()._value
    if before:
        context.setPositions(before["positions"])
        context.setVelocities(before["velocities"])
        context.setTime(times[-1] + 2 * step)
        watch.resume(before)
    wanted = round(picoseconds / step / every)

    def velocities(**more):
        """Those of half a step before, as OpenMM has them."""
        state = context.getState(getVelocities=True, **more)
        return state, state.getVelocities(asNumpy=True)._value

    while len(times) < wanted:
        integrator.step(every - 3)
        _, v0 = velocities()
        integrator.step(1)
        state, v1 = velocities(getEnergy=True)
        integrator.step(1)
        _, v2 = velocities()
        integrator.step(1)
        after, v3 = velocities(getPositions=watch is not None)
        acceleration, v = (v2 - v1) / step, (v1 + v2) / 2  # both at the time of the energy
        jerk = (v3 - v2 - v1 + v0) / (2 * step**2)
        times.append(state.getTime()._value)
        energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
        modified.append(energies[-1] - step**2 * (masses * (v * jerk / 12 + acceleration**2 / 24)).sum())
        if watch is not None:
            watch.look(after.getPositions(asNumpy=True)._value)  # where a run that is kept goes on
        if kept and (kept.due() or len(times) == wanted):
            kept.save(start, dict(zip(CURVES, (times, energies, modified))), after, watch.crossings)
    return tuple(map(np.array, (times, energies, modified)))


def slope(times, energies, blocks=BLOCKS):
    """Of a straight line, and its standard error, from a line through the means of blocks."""
    t, e = (np.array([part.mean() for part in np.array_split(x, blocks)]) for x in (times, energies))
    t -= t.mean()
    residuals = e - np.polyval(np.polyfit(t, e, 1), t)
    return float(np.polyfit(times, energies, 1)[0]), float(np.sqrt((residuals**2).sum() / (blocks - 2) / (t**2).sum()))


def fluctuation(times, energies):
    """Standard deviation of energies about a straight line through them."""
    return float((energies - np.polyval(np.polyfit(times, energies, 1), times)).std())


def summarize(times, energies, modified, atoms):
    """Drift (kJ/mol/ps an atom; kT/ns an atom) of total and modified energy; standard errors; fluctuations (kJ/mol)."""
    (drift, error), (true, true_error) = slope(times, energies), slope(times, modified)
    return dict(drift=drift / atoms, driftError=error / atoms, trueDrift_kT_per_ns=true / atoms * 1000 / KT,
                trueDrift=true / atoms, trueDriftError=true_error / atoms,
                fluctuation=fluctuation(times, energies), modifiedFluctuation=fluctuation(times, modified))


def systems(pb, topology, model, scheme, constraints=None):
    """The Systems compared, by name; one thread each, as runs go side by side."""
    shared = {"removeCMMotion": False, "constraints": constraints}
    return {
        **{f"{model} {precision}": pb.FragmentPotential(model, scheme, precision, threads=1).createSystem(
            topology, **shared) for precision in ("double", "single")},
        CONTROL: app.ForceField("amber14/protein.ff14SB.xml").createSystem(topology, **shared),
    }


def measure(task):
    """One System from one start: drift and fluctuation of a long run, and how the fluctuation falls with the step."""
    options, kind, seed = task
    pdb = app.PDBFile(options.pdb)
    compared = systems(pluginbridge, pdb.topology, options.model, options.scheme, CONSTRAINTS[options.constraints])
    name = CONTROL if kind == CONTROL else f"{options.model} {kind}"
    system, atoms = compared[name], pdb.topology.getNumAtoms()
    kept = options.json and Kept(options.json.with_suffix(f".{kind}-{seed}.npz"), settings(options))
    before = kept.before if kept else None
    if before:
        start, done = before["start"], len(before["times"]) * options.every
    else:
        start, done = thermalised(compared[CONTROL], pdb.positions, seed), 0
        if options.settle > 0:
            start = settled(system, start, seed, options.dt, options.settle)
    begin = time.time()
    contacts = Contacts(pdb.topology)
    summary = summarize(*run(system, start, options.dt, options.ps, options.every, contacts, kept), atoms) | {"crossings": contacts.crossings}
    milliseconds = (time.time() - begin) / max(1, options.ps * 1000 / options.dt - done) * 1000
    # the fluctuation at both steps over the same stretch of time
    stretch = min(options.ps, options.stretch)
    halves = ((options.dt, options.every), (options.dt / 2, 2 * options.every)) if stretch > 0 else ()
    coarse, fine = [fluctuation(*run(system, start, dt, stretch, every)[:2]) for dt, every in halves] or (np.nan, np.nan)
    return summary | dict(system=name, kind=kind, seed=seed, ratio=coarse / fine, fluctuationHalfStep=fine, msPerStep=milliseconds)


def settings(options):
    """What decides the outcome of a run, besides its kind and seed."""
    return {name: value for name, value in vars(options).items() if name not in ("seeds", "kinds", "jobs", "json")} \
        | {"curves": list(CURVES), "hash": pluginbridge.FragmentPotential(options.model).model.hash}


def line(r):
    """A run's row of the table."""
    return (f"{r['system']:26}{r['seed']:5d} {r['drift']:14.2e} +- {r['driftError']:8.1e} "
            f"{r['trueDrift']:12.1e} +- {r['trueDriftError']:8.1e} {r['fluctuation']:20.4f} {r['fluctuationHalfStep']:8.4f} "
            f"{r['ratio']:6.2f} {r['crossings']:9d} {r['msPerStep']:8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="visnet-gfn2")
    parser.add_argument("--scheme", default="whole")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="precisions of the network, and the control")
    parser.add_argument("--ps", type=float, default=100)
    parser.add_argument("--dt", type=float, default=0.5, help="fs")
    parser.add_argument("--constraints", choices=CONSTRAINTS, default="none", help="hbonds: bonds to hydrogen keep their lengths")
    parser.add_argument("--settle", type=float, default=0.0, help="ps of Langevin dynamics on each System's own surface; the start is ff14SB's")
    parser.add_argument("--stretch", type=float, default=5.0, help="ps run again at both steps for their ratio; 0: leave it out")
    parser.add_argument("--every", type=int, default=5, help=f"steps between energies, 3 or more; at least {BLOCKS} energies")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs side by side")
    parser.add_argument("--pdb", default=str(HERE.parent / "python" / "structures" / "capped_alanine.pdb"))
    parser.add_argument("--json", type=Path, help="file for the results; runs that it has, of the same options, are not repeated, and those that were "
                        "ended go on (from *.npz beside it, which keep the curves)")
    options = parser.parse_args()
    if options.every < 3:
        parser.error(f"--every {options.every}: 3 or more, as the modified energy takes the steps before and after")
    if round(options.ps * 1000 / options.dt / options.every) < BLOCKS:
        parser.error(f"--ps {options.ps:g} has fewer than {BLOCKS} energies: take a longer run or a smaller --every")

    atoms = app.PDBFile(options.pdb).topology.getNumAtoms()
    asked = settings(options)
    results = []
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    if options.json and options.json.exists() and (before := json.loads(options.json.read_text()))["options"] == asked:
        results = before["results"]
    print(f"{options.ps:g} ps NVE at {options.dt:g} fs, {atoms} atoms, scheme {options.scheme}")
    print(f"{'':26}{'seed':>5} {'drift, kJ/mol/ps/atom':>26} {'modified energy':>24} {'fluctuation, kJ/mol':>20} "
          f"{'at dt/2':>8} {'ratio':>6} {'crossings':>9} {'ms/step':>8}")
    for r in results:
        tqdm.write(line(r))
    done = {(r["kind"], r["seed"]) for r in results}
    tasks = [(options, kind, seed) for seed in range(1, options.seeds + 1) for kind in options.kinds if (kind, seed) not in done]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for r in tqdm(pool.imap_unordered(measure, tasks), total=len(tasks), desc="runs", leave=False):
            results.append(r)
            tqdm.write(line(r))
            sys.stdout.flush()
            if options.json:
                options.json.write_text(json.dumps(dict(options=asked, results=results), indent=1))
    for name in sorted({r["system"] for r in results}):
        found = [r for r in results if r["system"] == name]
        print(f"{name}: mean size of the drift {np.mean([abs(r['drift']) for r in found]):.1e}, "
              f"of the modified energy {np.mean([abs(r['trueDrift']) for r in found]):.1e} kJ/mol/ps/atom")


if __name__ == "__main__":
    main()
