#!/usr/bin/python3
"""Molecular dynamics of chignolin (GYDPETGTWG) in water, the protein on a quantum-chemical network.

    PYTHONPATH=build/python /usr/bin/python3 examples/chignolin_in_water.py                # about 3 minutes
    PYTHONPATH=build/python /usr/bin/python3 examples/chignolin_in_water.py --resume --minutes 60

The peptide is folded, with charged termini (gydpetgtwg.pdb); water is TIP3P, with PME and constrained bonds to hydrogen
as usual. What a script without PluginBridge lacks is two lines: FragmentPotential(...) and createMixedSystem(...).

Written to --out: trajectory.dcd with topology.pdb, log.csv, safety.csv, plot.png, checkpoint.chk with system.xml. The run
ends where the molecule is no longer one (SafetyReporter); lastgood.xml is then the last sound state.
"""
import argparse
import csv
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openmm
import pluginbridge
from openmm import app, unit
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
COLUMNS = ["step", "time_ps", "potential_kJ_mol", "correction_kJ_mol", "kinetic_kJ_mol", "temperature_K",
           "backbone_rmsd_nm", "heavy_atom_rmsd_nm"]
CORRECTION_GROUP = 1
FRAME = 5  # log lines between frames of the trajectory, and between checkpoints


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="steps of the production run")
    length.add_argument("--minutes", type=float, default=2.0, help="or its wall time (default 2)")
    parser.add_argument("--model", default="visnet-gfn2", help="a name from pluginbridge.models(), or a model file")
    parser.add_argument("--scheme", default="whole", metavar="SCHEME",
                        help="whole, dipeptide, window2, window3, window2+pairs or window3+pairs")
    parser.add_argument("--lambda", dest="lambda_value", type=float, default=1.0,
                        help="share of the correction: 1 (default) the network, 0 plain ff14SB")
    parser.add_argument("--timestep", type=float, default=1.0, help="fs (default 1)")
    parser.add_argument("--mts", type=int, default=0, metavar="N",
                        help="evaluate the network every N time steps only (multiple time stepping; default off)")
    parser.add_argument("--temperature", type=float, default=300.0, help="K (default 300)")
    parser.add_argument("--padding", type=float, default=0.8, help="water around the peptide, nm (default 0.8)")
    parser.add_argument("--platform", default="CPU", help="OpenMM platform (default CPU)")
    parser.add_argument("--threads", type=int, help="processors to use (default all; platform CPU)")
    parser.add_argument("--equilibrate", type=int, default=1000, metavar="N",
                        help="steps for the water to settle before the network is switched on (default 1000)")
    parser.add_argument("--report", type=int, default=20, metavar="N", help="steps between log lines (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of velocities and thermostat (default 1)")
    parser.add_argument("--pdb", type=Path, default=HERE / "gydpetgtwg.pdb", help="the protein, with hydrogens")
    parser.add_argument("--out", type=Path, default=HERE / "output", help="folder of the results")
    parser.add_argument("--resume", action="store_true",
                        help="go on from the checkpoint in --out, with the model, scheme and lambda that it began with")
    options = parser.parse_args()
    if min(options.report, options.timestep) <= 0:
        parser.error("--report and --timestep are above 0")
    return options


def solvate(pdb, padding):
    """The peptide in a rhombic dodecahedron of TIP3P water with neutralising ions."""
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")
    positions = pdb.getPositions(asNumpy=True)._value
    diameter = 2 * np.linalg.norm(positions - (positions.max(axis=0) + positions.min(axis=0)) / 2, axis=1).max()
    width = diameter + 2 * padding
    box = width * np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, np.sqrt(0.5)]])
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.addSolvent(forcefield, model="tip3p", boxVectors=[openmm.Vec3(*v) for v in box] * unit.nanometer)
    system = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer,
                                     constraints=app.HBonds)
    return modeller.topology, modeller.positions, system


def make_simulation(topology, system, integrator, options):
    integrator.setRandomNumberSeed(options.seed)
    platform = openmm.Platform.getPlatformByName(options.platform)
    properties = {"Threads": str(options.threads)} if options.threads and options.platform == "CPU" else {}
    return app.Simulation(topology, system, integrator, platform, properties)


def production_integrator(system, options):
    temperature, friction = options.temperature * unit.kelvin, 1 / unit.picosecond
    step = options.timestep * unit.femtosecond
    if options.mts > 1:  # the host's forces every step, the correction every mts steps
        return pluginbridge.multipleTimeStepIntegrator(system, options.mts * step, options.mts, temperature, friction)
    return openmm.LangevinMiddleIntegrator(temperature, friction, step)


def prepare(topology, system, positions, lambda_name, options):
    """Minimises, lets the water settle around the peptide on plain ff14SB, then switches the network on bit by bit.

    Returns the State to start from; strong friction brings the temperature up in little time."""
    temperature = options.temperature * unit.kelvin
    integrator = openmm.LangevinMiddleIntegrator(temperature, 20 / unit.picosecond, 1 * unit.femtosecond)
    simulation = make_simulation(topology, system, integrator, options)
    context = simulation.context
    context.setPositions(positions)
    context.setParameter(lambda_name, 0.0)
    simulation.minimizeEnergy(maxIterations=200)
    context.setVelocitiesToTemperature(temperature, options.seed)
    settle, warm = max(1, options.equilibrate // 20), max(1, options.equilibrate // 100)
    for _ in tqdm(range(20), desc="water settles (ff14SB)", unit=f" x{settle} steps"):
        simulation.step(settle)
    for share in tqdm(np.linspace(0.1, 1, 20), desc="network switched on", unit=f" x{warm} steps"):
        context.setParameter(lambda_name, share * options.lambda_value)
        simulation.step(warm)
    return context.getState(getPositions=True, getVelocities=True)


def begun_with(path):
    """Model, scheme and lambda of the run that a System's file is of; they stay as they are."""
    force = next(f for f in ElementTree.parse(path).iter("Force") if "lambdaDefault" in f.attrib)
    return force.get("model"), force.get("scheme"), float(force.get("lambdaDefault"))


def resume(simulation, out):
    """Loads the checkpoint; lines of logs after it are dropped, as they will be written again."""
    simulation.loadCheckpoint(str(out / "checkpoint.chk"))
    elapsed = simulation.context.getState().getTime()
    simulation.currentStep = round(elapsed / simulation.integrator.getStepSize())
    end = 1e-5 + 1.00001 * elapsed.value_in_unit(unit.picosecond)  # by time: the step may be another one now
    for name in ("log.csv", "safety.csv"):
        lines = (out / name).read_text().splitlines(keepends=True)
        kept = [line for line in lines[1:] if float(line.split(",")[1]) <= end]
        (out / name).write_text("".join(lines[:1] + kept))


def superposed_rmsd(positions, reference):
    """Root-mean-square deviation (nm) after the best superposition (Kabsch, Acta Cryst. A32, 922 (1976))."""
    a, b = positions - positions.mean(axis=0), reference - reference.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    s[-1] *= np.sign(np.linalg.det(u @ vt))
    return np.sqrt(max(0.0, ((a**2).sum() + (b**2).sum() - 2 * s.sum()) / len(a)))


class Log:
    """Energies, temperature and RMSD of the running simulation, one CSV line each time."""

    def __init__(self, simulation, path, reference, append):
        self.simulation = simulation
        self.backbone = [a.index for a in simulation.topology.atoms()
                         if a.residue.name in pluginbridge.region.PROTEIN_RESIDUES and a.name in ("N", "CA", "C")]
        protein = set(pluginbridge.proteinAtoms(simulation.topology))
        self.heavy = [a.index for a in simulation.topology.atoms()
                      if a.index in protein and a.element is not app.element.hydrogen]
        self.reference = reference
        system = simulation.system
        moving = sum(system.getParticleMass(i)._value > 0 for i in range(system.getNumParticles()))
        self.freedom = 3 * moving - system.getNumConstraints() - 3  # no motion of the centre of mass
        self.path = path
        if not append:
            with open(path, "w", newline="") as file:
                csv.writer(file).writerow(COLUMNS)

    def write(self):
        context = self.simulation.context
        state = context.getState(getEnergy=True, getPositions=True)
        correction = context.getState(getEnergy=True, groups={CORRECTION_GROUP}).getPotentialEnergy()._value
        potential, kinetic = state.getPotentialEnergy()._value, state.getKineticEnergy()._value
        temperature = 2 * kinetic / (self.freedom * unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole
                                                                                            / unit.kelvin))
        positions = state.getPositions(asNumpy=True)._value
        rmsd, heavy = (superposed_rmsd(positions[atoms], self.reference[atoms]) for atoms in (self.backbone, self.heavy))
        with open(self.path, "a", newline="") as file:
            csv.writer(file).writerow([self.simulation.currentStep, round(state.getTime()._value, 6),
                                       f"{potential:.3f}", f"{correction:.3f}", f"{kinetic:.3f}", f"{temperature:.2f}",
                                       f"{rmsd:.5f}", f"{heavy:.5f}"])
        return potential, temperature, rmsd


def run(simulation, log, options, out):
    """Production: the bar shows simulated time per day and the wall time left."""
    stride = options.report
    fs = options.timestep * max(1, options.mts)
    start = time.time()
    simulation.step(stride)  # a first stretch, to learn the speed
    log.write()
    rate = stride / (time.time() - start)
    steps = options.steps if options.steps else stride * max(2, round(options.minutes * 60 * rate / stride))
    done = stride
    with tqdm(total=steps, initial=done, unit=" steps", desc="production", smoothing=0.05) as bar:
        while done < steps:
            chunk = min(stride, steps - done)
            simulation.step(chunk)
            done += chunk
            potential, temperature, rmsd = log.write()
            speed = done / (time.time() - start)
            bar.set_postfix_str(f"{speed * fs * 86400e-6:.2f} ns/day, {temperature:.0f} K, RMSD {rmsd:.3f} nm")
            bar.update(chunk)
            if done // stride % FRAME == 0:
                simulation.saveCheckpoint(str(out / "checkpoint.chk"))
    simulation.saveCheckpoint(str(out / "checkpoint.chk"))
    return done, time.time() - start


def plot(path, target):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data = np.genfromtxt(path, delimiter=",", names=True, ndmin=1)
    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(7, 9), constrained_layout=True)
    for axis, column, label in zip(axes, ["potential_kJ_mol", "correction_kJ_mol", "temperature_K", "backbone_rmsd_nm"],
                                   ["potential energy\n(kJ/mol)", "correction of the\nprotein (kJ/mol)",
                                    "temperature (K)", "backbone RMSD\nfrom start (nm)"]):
        axis.plot(data["time_ps"], data[column], lw=1)
        axis.set_ylabel(label)
    axes[-1].set_xlabel("time (ps)")
    figure.savefig(target, dpi=120)


def main(options):
    out = options.out
    if options.resume:
        for name in ("checkpoint.chk", "system.xml", "topology.pdb", "log.csv", "safety.csv"):
            if not (out / name).is_file():
                sys.exit(f"--resume: {out / name} does not exist; start without --resume first")
        options.model, options.scheme, options.lambda_value = begun_with(out / "system.xml")
    out.mkdir(parents=True, exist_ok=True)
    potential = pluginbridge.FragmentPotential(options.model, options.scheme)
    if options.resume:
        pluginbridge.loadOpenMMPlugin()
        pdb = app.PDBFile(str(out / "topology.pdb"))
        topology, reference = pdb.topology, pdb.getPositions(asNumpy=True)._value
        system = openmm.XmlSerializer.deserialize((out / "system.xml").read_text())
    else:
        topology, positions, system = solvate(app.PDBFile(str(options.pdb)), options.padding)
        # ---- the protein on the network: these lines are all that an ordinary script needs
        system = potential.createMixedSystem(topology, system, forceGroup=CORRECTION_GROUP,
                                             lambda_value=options.lambda_value)
        # ----
        (out / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    protein = len(pluginbridge.proteinAtoms(topology))
    what = (f"{protein} protein atoms on {potential.model.name} ({potential.model.referenceMethod}), scheme "
            f"{options.scheme}, lambda {options.lambda_value:g}; {topology.getNumAtoms() - protein} atoms of TIP3P "
            f"water and ions")
    print(f"{what}\nPluginBridge {pluginbridge.version()} ({pluginbridge.instructionSet()}), OpenMM "
          f"{openmm.version.short_version}, platform {options.platform}")

    if not options.resume:
        state = prepare(topology, system, positions, potential.lambda_name, options)
        reference = state.getPositions(asNumpy=True)._value
        with open(out / "topology.pdb", "w") as file:
            app.PDBFile.writeFile(topology, state.getPositions(), file, keepIds=True)
    simulation = make_simulation(topology, system, production_integrator(system, options), options)
    if options.resume:
        resume(simulation, out)
    else:
        simulation.context.setPositions(state.getPositions())
        simulation.context.setVelocities(state.getVelocities())
    # first, so that it sees a NaN before the trajectory does
    simulation.reporters.append(pluginbridge.SafetyReporter(out / "safety.csv", options.report, topology, system,
                                                            lastGoodFile=out / "lastgood.xml", append=options.resume))
    simulation.reporters.append(app.DCDReporter(str(out / "trajectory.dcd"), FRAME * options.report,
                                                append=options.resume and (out / "trajectory.dcd").is_file()))
    log = Log(simulation, out / "log.csv", reference, append=options.resume)
    steps, seconds = run(simulation, log, options, out)
    plot(out / "log.csv", out / "plot.png")

    picoseconds = steps * options.timestep * max(1, options.mts) / 1000
    heavy = np.genfromtxt(out / "log.csv", delimiter=",", names=True, ndmin=1)["heavy_atom_rmsd_nm"]
    with open(out / "safety.csv") as file:
        longest = max(float(line["longest bond ratio"]) for line in csv.DictReader(file))
    print(f"\nSimulated {picoseconds:g} ps ({steps} steps) in {seconds:.0f} s: {picoseconds / seconds * 86.4:.2f} ns/day."
          f"\nNo bond broke (longest: {longest:.2f} times its length in ff14SB); RMSD of the protein's heavy atoms "
          f"from the start: mean {heavy.mean():.3f} nm, last {heavy[-1]:.3f} nm."
          f"\n{what}; {options.temperature:g} K, bonds to hydrogen constrained.\nResults in {out}:")
    for name, about in (("trajectory.dcd", "positions, to be opened with topology.pdb"),
                        ("log.csv", "energies, temperature, RMSD"),
                        ("safety.csv", "longest bonds and temperatures"), ("plot.png", "the same as curves"),
                        ("checkpoint.chk", "to go on with --resume")):
        print(f"  {name:15} {about}")


if __name__ == "__main__":
    try:
        main(parse_arguments())
    except pluginbridge.PluginBridgeError as error:
        sys.exit(f"error: {error}")
    except openmm.OpenMMException as error:
        sys.exit(f"error from OpenMM: {error}")
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nstopped; what was written so far is in the output folder")
