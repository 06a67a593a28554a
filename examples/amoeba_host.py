#!/usr/bin/python3
"""A polarisable host: capped alanine on a quantum-chemical network among AMOEBA waters, as AI2BMD has its solvent.

    PYTHONPATH=build/python /usr/bin/python3 examples/amoeba_host.py [--steps 20] [--waters 20]

Water feels the peptide through AMOEBA's multipoles and induced dipoles (E_host); what AMOEBA says of the peptide alone is
taken away again (regionSystem) and the network's energy put in its place. OpenMM computes AMOEBA on the CPU with its
Reference platform only: this is a droplet, not a benchmark.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit
from pluginbridge import FragmentPotential, createRegionSystem

HERE = Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--waters", type=int, default=20, help="molecules of the droplet")
options = parser.parse_args()

pdb = app.PDBFile(str(HERE / "capped_alanine.pdb"))
modeller = app.Modeller(pdb.topology, pdb.positions)
modeller.addSolvent(app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml"), padding=0.6 * unit.nanometer)
x = np.array(modeller.positions.value_in_unit(unit.nanometer))
peptide = x[: pdb.topology.getNumAtoms()]
waters = [residue for residue in modeller.topology.residues() if residue.name == "HOH"]
distance = {w: np.linalg.norm(peptide - x[next(w.atoms()).index], axis=1).min() for w in waters}
modeller.delete(sorted(waters, key=distance.get)[options.waters:])

forcefield = app.ForceField("amoeba2013.xml")
terms = dict(polarization="mutual", mutualInducedTargetEpsilon=1e-5)
system = forcefield.createSystem(modeller.topology, nonbondedMethod=app.NoCutoff, **terms)
alone = createRegionSystem(modeller.topology, forcefield, **terms)
system = FragmentPotential("visnet-gfn2").createMixedSystem(modeller.topology, system, regionSystem=alone)

integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 5 / unit.picosecond, 0.5 * unit.femtosecond)
simulation = app.Simulation(modeller.topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
simulation.context.setPositions(modeller.positions)
simulation.minimizeEnergy(maxIterations=5)
simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
simulation.reporters.append(app.StateDataReporter(sys.stdout, max(1, options.steps // 5), step=True, potentialEnergy=True,
                                                  temperature=True, speed=True))
simulation.step(options.steps)
