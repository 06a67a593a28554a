#!/usr/bin/python3
"""Part of a protein on quantum chemistry: one residue of GYDPETGTWG on GFN2-xTB in water, the rest on ff14SB.

    PYTHONPATH=build/python /usr/bin/python3 examples/qm_region.py [--residue 2] [--steps 200]

A region is any choice of atoms of whole residues. Where it ends inside the chain it is cut as a fragment is: it takes in the
backbone atoms of the neighbour, and a hydrogen caps the cut bond; what that group costs is taken away on ff14SB (ONIOM).
"""
import argparse
import sys
from pathlib import Path

import openmm
from openmm import app, unit
from pluginbridge import Evaluator, FragmentPotential, SafetyReporter

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--residue", default="2", help="number of the residue (default: 2, the tyrosine)")
parser.add_argument("--steps", type=int, default=200)
options = parser.parse_args()

pdb = app.PDBFile(str(Path(__file__).with_name("gydpetgtwg.pdb")))
forcefield = app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")
modeller = app.Modeller(pdb.topology, pdb.positions)
modeller.addSolvent(forcefield, padding=0.7 * unit.nanometer)
host = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer,
                               constraints=app.HBonds)

protein = [a for a in modeller.topology.atoms() if a.residue.chain.index == 0]
region = [a.index for a in protein if a.residue.id == options.residue]
if not region:
    sys.exit(f"--residue {options.residue}: the peptide has residues {protein[0].residue.id} to {protein[-1].residue.id}")
for fragment in Evaluator(modeller.topology, "gfn2-xtb", atoms=region, system=host).fragments:
    print(f"GFN2-xTB evaluates {fragment.label}: {len(fragment.atoms)} atoms and {len(fragment.caps)} cap hydrogens, "
          f"charge {fragment.charge}")

# The region's bonds to hydrogen move: constraints belong to the force field.
system = FragmentPotential("gfn2-xtb").createMixedSystem(modeller.topology, host, region, removeConstraints=True)

integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 0.5 * unit.femtosecond)
simulation = app.Simulation(modeller.topology, system, integrator)
simulation.context.setPositions(modeller.positions)
simulation.minimizeEnergy(maxIterations=20)
simulation.context.setVelocitiesToTemperature(300 * unit.kelvin)
every = max(1, options.steps // 10)
simulation.reporters.append(app.StateDataReporter(sys.stdout, every, step=True, potentialEnergy=True, temperature=True,
                                                  speed=True))
simulation.reporters.append(SafetyReporter(None, every, modeller.topology, system))
simulation.step(options.steps)
