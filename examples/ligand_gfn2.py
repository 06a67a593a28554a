#!/usr/bin/python3
"""A ligand on quantum chemistry: phenol on GFN2-xTB in water, everything else as CHARMM36 has it.

    PYTHONPATH=build/python /usr/bin/python3 examples/ligand_gfn2.py [--steps 200]

The molecule alone on the host's force field is taken away (regionSystem), GFN2-xTB's energy of it takes its place; so any
force field that knows the molecule will do. It acts on the water by CHARMM's charges and radii (mechanical embedding).
"""
import argparse
import sys

import numpy as np
import openmm
from openmm import app, unit
from pluginbridge import FragmentPotential, createRegionSystem

# name, angle (degrees) and distance from the ring's middle (angstrom); the hydroxyl's hydrogen leans to one side
PHENOL = [("CG", 180, 1.39), ("HG", 180, 2.47), ("CD1", 120, 1.39), ("HD1", 120, 2.47), ("CD2", 240, 1.39), ("HD2", 240, 2.47),
          ("CE1", 60, 1.39), ("HE1", 60, 2.47), ("CE2", 300, 1.39), ("HE2", 300, 2.47), ("CZ", 0, 1.39), ("OH", 0, 2.76),
          ("HH", 16.5, 3.20)]
RING = ["CG", "CD1", "CE1", "CZ", "CE2", "CD2"]
BONDS = [*zip(RING, RING[1:] + RING[:1]), *((f"C{k}", f"H{k}") for k in ("G", "D1", "D2", "E1", "E2")), ("CZ", "OH"), ("OH", "HH")]


def phenol():
    """Topology and positions (nm) of one molecule, as CHARMM36's residue PHEN."""
    topology = app.Topology()
    residue = topology.addResidue("PHEN", topology.addChain())
    elements = {"C": app.element.carbon, "H": app.element.hydrogen, "O": app.element.oxygen}
    atoms = {name: topology.addAtom(name, elements[name[0]], residue) for name, *_ in PHENOL}
    for a, b in BONDS:
        topology.addBond(atoms[a], atoms[b])
    angle, radius = np.radians([row[1] for row in PHENOL]), np.array([row[2] for row in PHENOL]) / 10
    return topology, np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1) * unit.nanometer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()

    modeller = app.Modeller(*phenol())
    forcefield = app.ForceField("charmm36.xml", "charmm36/water.xml")
    modeller.addSolvent(forcefield, padding=0.7 * unit.nanometer)
    host = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer)

    ligand = [atom.index for atom in modeller.topology.atoms() if atom.residue.name == "PHEN"]
    alone = createRegionSystem(modeller.topology, forcefield, ligand)
    system = FragmentPotential("gfn2-xtb").createMixedSystem(modeller.topology, host, ligand, totalCharge=0, regionSystem=alone)

    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 0.5 * unit.femtosecond)
    simulation = app.Simulation(modeller.topology, system, integrator)
    simulation.context.setPositions(modeller.positions)
    simulation.minimizeEnergy(maxIterations=20)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin)
    simulation.reporters.append(app.StateDataReporter(sys.stdout, max(1, options.steps // 10), step=True, potentialEnergy=True,
                                                      temperature=True, speed=True))
    simulation.step(options.steps)


if __name__ == "__main__":
    main()
