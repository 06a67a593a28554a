#!/usr/bin/python3
"""A host on CHARMM36: the peptide on a quantum-chemical network, everything else as CHARMM has it.

    PYTHONPATH=build/python /usr/bin/python3 examples/charmm36_host.py [--steps 200]

The network corrects ff14SB, so the correction takes the whole of CHARMM36's peptide away (regionSystem: the peptide alone
on the host's force field) and puts its own in its place. Lambda leads from one to the other.
"""
import argparse
import sys
from pathlib import Path

import openmm
from openmm import app, unit
from pluginbridge import FragmentPotential, createRegionSystem

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--pdb", default=str(Path(__file__).with_name("gydpetgtwg.pdb")), help="a protein with hydrogens")
options = parser.parse_args()

pdb = app.PDBFile(options.pdb)
forcefield = app.ForceField("charmm36.xml", "charmm36/water.xml")
modeller = app.Modeller(pdb.topology, pdb.positions)
modeller.addSolvent(forcefield, padding=0.7 * unit.nanometer)
system = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer,
                                 constraints=app.HBonds)

# The same options as above, but for the non-bonded method: the terms have to be the host's.
peptide = createRegionSystem(modeller.topology, forcefield, constraints=app.HBonds)
system = FragmentPotential("visnet-gfn2").createMixedSystem(modeller.topology, system, regionSystem=peptide)

integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 1 * unit.femtosecond)
simulation = app.Simulation(modeller.topology, system, integrator)
simulation.context.setPositions(modeller.positions)
simulation.context.setParameter("FragmentedPotentialForce_lambda", 0)  # water settles on plain CHARMM36
simulation.minimizeEnergy(maxIterations=50)
simulation.context.setParameter("FragmentedPotentialForce_lambda", 1)
simulation.minimizeEnergy(maxIterations=20)
simulation.context.setVelocitiesToTemperature(300 * unit.kelvin)
simulation.reporters.append(app.StateDataReporter(sys.stdout, max(1, options.steps // 10), step=True, potentialEnergy=True,
                                                  temperature=True, speed=True))
simulation.step(options.steps)
