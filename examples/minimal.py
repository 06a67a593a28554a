#!/usr/bin/python3
"""An ordinary OpenMM script, and one more force: the protein on a quantum-chemical network, in vacuo or in water.

    PYTHONPATH=build/python /usr/bin/python3 examples/minimal.py [protein.pdb]
"""
import sys
from pathlib import Path

import openmm
from openmm import app, unit
from pluginbridge import FragmentPotential

pdb = app.PDBFile(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_name("gydpetgtwg.pdb")))
periodic = pdb.topology.getPeriodicBoxVectors() is not None
forcefield = app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")
system = forcefield.createSystem(pdb.topology, nonbondedMethod=app.PME if periodic else app.NoCutoff,
                                 constraints=app.HBonds)

system = FragmentPotential("visnet-gfn2").createMixedSystem(pdb.topology, system)  # the one new line

integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 1 * unit.femtosecond)
simulation = app.Simulation(pdb.topology, system, integrator)
simulation.context.setPositions(pdb.positions)
simulation.minimizeEnergy(maxIterations=50)
simulation.reporters.append(app.StateDataReporter(sys.stdout, 20, step=True, potentialEnergy=True, temperature=True,
                                                  speed=True))
simulation.step(200)
