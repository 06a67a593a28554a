#!/usr/bin/python3
"""Multiple time steps: the force field every inner step, the network every outer step; and what that does to a run.

    PYTHONPATH=build/python /usr/bin/python3 examples/multiple_time_steps.py                       # 2 fs around 2 x 1 fs
    PYTHONPATH=build/python /usr/bin/python3 examples/multiple_time_steps.py protein.pdb --outer 3 --inner 3

In water if the PDB file has a box, else in vacuo. The same stretch of time is run with one step for all forces, the inner
one, and both print wall time, temperature and energy. Two things differ from an ordinary script: the correction has a force
group of its own, and the integrator is made by multipleTimeStepIntegrator. Which outer steps are stable: docs/benchmarks.
"""
import argparse
import sys
import time
from pathlib import Path

import numpy as np
import openmm
import pluginbridge
from openmm import app, unit


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pdb", type=Path, nargs="?", default=Path(__file__).with_name("gydpetgtwg.pdb"),
                        help="protein with hydrogens (and water, if it has a box)")
    parser.add_argument("--outer", type=float, default=2.0, help="step of the network, fs (default 2)")
    parser.add_argument("--inner", type=int, default=2, help="steps of the force field in one of the network (default 2)")
    parser.add_argument("--flexible", action="store_true", help="no constraints: inner steps of 0.5 fs, so --inner 4")
    parser.add_argument("--hydrogen-mass", type=float, help="amu, e.g. 4: the fastest vibrations get slower")
    parser.add_argument("--ps", type=float, default=0.4, help="length of each run (default 0.4)")
    parser.add_argument("--model", default="visnet-gfn2", help="a name from pluginbridge.models(), or a model file")
    parser.add_argument("--temperature", type=float, default=300.0, help="K (default 300)")
    parser.add_argument("--platform", default="CPU", help="OpenMM platform (default CPU)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.inner < 1 or options.outer <= 0 or options.ps <= 0:
        parser.error("--inner, --outer and --ps must be positive")
    return options


def run(name, topology, system, integrator, state, options):
    """Runs --ps and prints one line."""
    integrator.setRandomNumberSeed(options.seed)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName(options.platform))
    simulation.context.setPositions(state.getPositions())
    simulation.context.setVelocities(state.getVelocities())
    step = integrator.getStepSize().value_in_unit(unit.femtosecond)
    simulation.step(1)
    freedom = 3 * system.getNumParticles() - system.getNumConstraints() - 3
    chunks, kinetic = 10, []
    begin, steps = time.time(), max(1, round(options.ps * 1000 / step / chunks))
    for _ in range(chunks):
        simulation.step(steps)
        now = simulation.context.getState(getEnergy=True)
        kinetic.append(now.getKineticEnergy() / unit.kilojoule_per_mole)
        if not np.isfinite(now.getPotentialEnergy()._value):
            raise openmm.OpenMMException(f"{name}: the energy is not finite; take a shorter outer step")
    seconds = time.time() - begin
    kelvin = 2 * np.mean(kinetic) / freedom / unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
    print(f"{name:36} {seconds / (chunks * steps * step):9.4f} s/fs {kelvin:7.1f} K {now.getPotentialEnergy()._value:14.1f} kJ/mol",
          flush=True)
    return seconds / (chunks * steps * step)


def main(options):
    pdb = app.PDBFile(str(options.pdb))
    periodic = pdb.topology.getPeriodicBoxVectors() is not None
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")
    host = forcefield.createSystem(pdb.topology, nonbondedMethod=app.PME if periodic else app.NoCutoff,
                                   constraints=None if options.flexible else app.HBonds, rigidWater=True,
                                   hydrogenMass=options.hydrogen_mass and options.hydrogen_mass * unit.amu)
    outer, inner = options.outer * unit.femtosecond, options.outer / options.inner * unit.femtosecond
    temperature, friction = options.temperature * unit.kelvin, 1 / unit.picosecond

    # ---- the network in a force group of its own, and an integrator that takes long steps with it
    system = pluginbridge.FragmentPotential(options.model).createMixedSystem(pdb.topology, host, forceGroup=1)
    integrator = pluginbridge.multipleTimeStepIntegrator(system, outer, options.inner, temperature, friction)
    # ----

    settled = openmm.LangevinMiddleIntegrator(temperature, 10 / unit.picosecond, 0.5 * unit.femtosecond)
    settled.setRandomNumberSeed(options.seed)
    simulation = app.Simulation(pdb.topology, system, settled, openmm.Platform.getPlatformByName(options.platform))
    simulation.context.setPositions(pdb.positions)
    simulation.minimizeEnergy(maxIterations=50)
    simulation.context.setVelocitiesToTemperature(temperature, options.seed)
    simulation.step(200)
    state = simulation.context.getState(getPositions=True, getVelocities=True)
    print(f"{pdb.topology.getNumAtoms()} atoms, {'flexible' if options.flexible else 'bonds to hydrogen constrained'}"
          + (f", hydrogens of {options.hydrogen_mass:g} amu" if options.hydrogen_mass else ""))

    ordinary = openmm.LangevinMiddleIntegrator(temperature, friction, inner)
    one = run(f"all forces every {inner._value:g} fs", pdb.topology, system, ordinary, state, options)
    two = run(f"network every {options.outer:g} fs, rest every {inner._value:g} fs", pdb.topology, system, integrator, state, options)
    print(f"{one / two:.2f} times as fast")


if __name__ == "__main__":
    try:
        main(parse_arguments())
    except pluginbridge.PluginBridgeError as error:
        sys.exit(f"error: {error}")
    except openmm.OpenMMException as error:
        sys.exit(f"error from OpenMM: {error}")
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
