#!/usr/bin/python3
"""Builds the peptide of the demo, GYDPETGTWG (chignolin), from its sequence and folds it into its hairpin.

    /usr/bin/python3 fold_gydpetgtwg.py            # about 5 minutes; writes gydpetgtwg.pdb beside this script

1. The backbone is laid down from ideal bond lengths and angles with dihedrals of a beta hairpin (extended strands, a
   turn over Pro4-Glu5-Thr6-Gly7); PDBFixer adds side chains and hydrogens, both termini charged.
2. Annealing in implicit solvent (ff14SB, OBC2) packs the side chains, under restraints to those dihedrals, to the
   hydrogen bonds known of the hairpin (Honda et al., Structure 12, 1507 (2004)) and to the packing of Tyr2 on Trp9.
3. In TIP3P water the restraints fade, and the peptide runs free at 300 K. The frame of the free run closest to its mean
   backbone, its bonds relaxed by a short minimisation, is written if the hairpin has held.
"""
import argparse
import os
import tempfile

import numpy as np
import openmm
from openmm import app, unit
from pdbfixer import PDBFixer
from tqdm import tqdm

SEQUENCE = "GLY TYR ASP PRO GLU THR GLY THR TRP GLY".split()
# (phi, psi) in degrees: strands, and the turn alpha-R, alpha-R, gamma-R, alpha-L of a 4:6 loop, adjusted by a few
# degrees so that the hydrogen bonds below close
DIHEDRALS = [(-150, 151), (-125, 124), (-97, 108), (-72, -33), (-81, -25), (-92, -14), (67, 14), (-110, 133),
             (-117, 133), (-146, 152)]
# donor, acceptor heavy atoms (residue number, atom), kept within 0.30 nm
HYDROGEN_BONDS = [((3, "N"), (8, "O")), ((7, "N"), (3, "O")), ((10, "N"), (1, "O")), ((1, "N"), (10, "O"))]
# pairs of ring atoms, pulled within 0.55 nm
PACKING = [((2, "CG"), (9, "CD2")), ((2, "CZ"), (9, "CZ2"))]


def place(a, b, c, length, angle, dihedral):
    """The point at `length` (Angstrom) from c, `angle` from b-c and `dihedral` around b-c (degrees)."""
    angle, dihedral = np.radians([angle, dihedral])
    bc = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bc)
    normal /= np.linalg.norm(normal)
    local = length * np.array([-np.cos(angle), np.sin(angle) * np.cos(dihedral), np.sin(angle) * np.sin(dihedral)])
    return c + local @ np.array([bc, np.cross(normal, bc), normal])


def backbone():
    """N, CA, C, O and CB of each residue, Angstrom, from ideal geometry (Engh and Huber's lengths and angles)."""
    chain = [np.zeros(3), np.array([1.458, 0, 0])]
    chain.append(place(np.array([0.0, 1.0, 0.0]), *chain, 1.525, 111.0, DIHEDRALS[0][0]))
    for i in range(1, len(SEQUENCE)):
        chain.append(place(*chain[-3:], 1.329, 116.6, DIHEDRALS[i - 1][1]))  # N: psi of the residue before
        chain.append(place(*chain[-3:], 1.458, 121.7, 180.0))  # CA: trans peptide
        chain.append(place(*chain[-3:], 1.525, 111.0, DIHEDRALS[i][0]))  # C
    residues = []
    for i, (_, psi) in enumerate(DIHEDRALS):
        n, ca, c = chain[3 * i:3 * i + 3]
        residues.append({"N": n, "CA": ca, "C": c, "O": place(n, ca, c, 1.231, 120.5, psi + 180.0)})
        if SEQUENCE[i] != "GLY":
            residues[-1]["CB"] = place(n, c, ca, 1.53, 110.5, 122.6)  # an L amino acid
    return residues


def complete(residues):
    """Side chains, terminal oxygen and hydrogens (pH 7, charged termini) by PDBFixer."""
    lines, serial = [], 0
    for number, (name, atoms) in enumerate(zip(SEQUENCE, residues), start=1):
        for atom, (x, y, z) in atoms.items():
            serial += 1
            lines.append(f"ATOM  {serial:5d}  {atom:<3s} {name} A{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
                         f"  1.00  0.00           {atom[0]}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "backbone.pdb")
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\nTER\nEND\n")
        fixer = PDBFixer(filename=path)
    fixer.findMissingResidues()
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    fixer.addMissingHydrogens(7.0)
    return fixer.topology, fixer.positions


def check_chirality(topology, positions):
    """Refuses D amino acids and allo-threonine, which crowded side chains can end up as."""
    for residue in topology.residues():
        atoms = {a.name: np.array(positions[a.index].value_in_unit(unit.angstrom)) for a in residue.atoms()}
        centres = [("CA", "N", "C", "CB")] if "CB" in atoms else []
        centres += [("CB", "CA", "OG1", "CG2")] if residue.name == "THR" else []
        for centre, *others in centres:
            a, b, c = (atoms[name] - atoms[centre] for name in others)
            if np.dot(a, np.cross(b, c)) < 1.0:
                raise SystemExit(f"{residue.name} {residue.id}: {centre} has the wrong chirality")


def add_restraints(system, atoms):
    """Pulls towards hydrogen bonds, packing and dihedrals, scaled by the parameter `pull`."""
    distances = openmm.CustomBondForce("pull*0.5*k*step(r-r0)*(r-r0)^2")
    distances.addGlobalParameter("pull", 1.0)
    distances.addPerBondParameter("r0")
    distances.addPerBondParameter("k")
    for a, b in HYDROGEN_BONDS:
        distances.addBond(atoms[a], atoms[b], [0.30, 5000])
    for a, b in PACKING:
        distances.addBond(atoms[a], atoms[b], [0.50, 500])
    dihedrals = openmm.CustomTorsionForce("pull*50*(1-cos(theta-theta0))")
    dihedrals.addGlobalParameter("pull", 1.0)
    dihedrals.addPerTorsionParameter("theta0")
    for i, (phi, psi) in enumerate(DIHEDRALS, start=1):
        if i > 1:
            dihedrals.addTorsion(*(atoms[k] for k in ((i - 1, "C"), (i, "N"), (i, "CA"), (i, "C"))), [np.radians(phi)])
        if i < len(SEQUENCE):
            dihedrals.addTorsion(*(atoms[k] for k in ((i, "N"), (i, "CA"), (i, "C"), (i + 1, "N"))), [np.radians(psi)])
    system.addForce(distances)
    system.addForce(dihedrals)


def simulate(topology, system, positions, kelvin, seed):
    """A minimised simulation at 4 fs (hydrogens of 3 amu), repeatable for a seed."""
    integrator = openmm.LangevinMiddleIntegrator(kelvin * unit.kelvin, 2 / unit.picosecond, 4 * unit.femtosecond)
    integrator.setRandomNumberSeed(seed)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("CPU"),
                                {"DeterministicForces": "true", "Threads": "1"})
    simulation.context.setPositions(positions)
    simulation.minimizeEnergy(maxIterations=500)
    simulation.context.setVelocitiesToTemperature(kelvin * unit.kelvin, seed)
    return simulation


def coordinates(simulation):
    return simulation.context.getState(getPositions=True).getPositions(asNumpy=True)._value


def hydrogen_bonds(positions, atoms):
    """Distances (nm) of the three hydrogen bonds next to the turn and the strands' middle."""
    return np.array([np.linalg.norm(positions[atoms[a]] - positions[atoms[b]]) for a, b in HYDROGEN_BONDS[:3]])


def anneal(topology, positions, seed):
    """Side chains packed in implicit solvent, the backbone held."""
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml")
    system = forcefield.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds,
                                     hydrogenMass=3 * unit.amu)
    add_restraints(system, {(int(a.residue.id), a.name): a.index for a in topology.atoms()})
    simulation = simulate(topology, system, positions, 500, seed)
    for kelvin in tqdm(np.concatenate([np.full(8, 500), np.linspace(500, 300, 12)]), desc="annealing", unit=" x2 ps"):
        simulation.integrator.setTemperature(kelvin * unit.kelvin)
        simulation.step(500)
    return coordinates(simulation) * unit.nanometer


def equilibrate(topology, positions, seed, free_ps):
    """Water, fading restraints, a free run: its frames (nm), one a picosecond, and the Simulation."""
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")
    modeller = app.Modeller(topology, positions)
    modeller.addSolvent(forcefield, padding=0.7 * unit.nanometer)
    system = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer,
                                     constraints=app.HBonds, hydrogenMass=3 * unit.amu)
    add_restraints(system, {(int(a.residue.id), a.name): a.index for a in topology.atoms()})
    system.addForce(openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin))
    simulation = simulate(modeller.topology, system, modeller.positions, 300, seed)
    for pull in tqdm(np.linspace(1, 0, 11), desc="restraints fade", unit=" ps"):
        simulation.context.setParameter("pull", pull)
        simulation.step(250)
    frames = []
    for _ in tqdm(range(free_ps), desc="free run", unit=" ps"):
        simulation.step(250)
        frames.append(coordinates(simulation)[:topology.getNumAtoms()])
    return np.array(frames)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=20040801, help="seed of the Langevin noise")
    parser.add_argument("--free-ps", type=int, default=40, help="length of the run without restraints")
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "gydpetgtwg.pdb"))
    options = parser.parse_args()

    topology, positions = complete(backbone())
    atoms = {(int(a.residue.id), a.name): a.index for a in topology.atoms()}
    positions = anneal(topology, positions, options.seed)
    check_chirality(topology, positions)
    print("hydrogen bonds (nm) after annealing:", np.round(hydrogen_bonds(positions._value, atoms), 3))
    frames = equilibrate(topology, positions, options.seed, options.free_ps)
    bonds = np.array([hydrogen_bonds(frame, atoms) for frame in frames])
    print("over the free run:", np.round(bonds.mean(axis=0), 3), " its last third:",
          np.round(bonds[-len(bonds) // 3:].mean(axis=0), 3))

    # the frame whose backbone distances are nearest to their mean over the last half
    half = frames[len(frames) // 2:]
    trace = half[:, [i for (_, name), i in atoms.items() if name in ("N", "CA", "C")]]
    distances = np.linalg.norm(trace[:, :, None] - trace[:, None, :], axis=-1)
    chosen = half[np.argmin(((distances - distances.mean(axis=0))**2).sum(axis=(1, 2)))]
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml")
    simulation = simulate(topology, forcefield.createSystem(topology, nonbondedMethod=app.NoCutoff), chosen, 300, 1)
    simulation.context.setPositions(chosen)
    simulation.minimizeEnergy(maxIterations=30)
    final = coordinates(simulation)
    found = hydrogen_bonds(final, atoms)
    if found.max() > 0.38:
        raise SystemExit(f"the hairpin has opened (hydrogen bonds {np.round(found, 3)} nm): try another --seed")
    check_chirality(topology, final * unit.nanometer)
    with open(options.out, "w") as file:
        app.PDBFile.writeFile(topology, (final - final.mean(axis=0)) * unit.nanometer, file, keepIds=True)
    print(f"wrote {options.out}: hydrogen bonds", np.round(found, 3), "nm")


if __name__ == "__main__":
    main()
