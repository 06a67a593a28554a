#!/usr/bin/python3
"""Makes the small capped peptides of the tests from their sequences: ideal backbone, side chains, hydrogens, then a
short run at 300 K with ff14SB, so that the geometry is a generic one.

    /usr/bin/python3 tests/python/make_structures.py       # writes tests/python/structures/*.pdb
"""
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit
from pdbfixer import PDBFixer

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples"))
from fold_gydpetgtwg import place  # noqa: E402

RING = "GLY ALA GLY SER GLY ALA"
PEPTIDES = {"capped_alanine": "ALA", "capped_pentapeptide": "ALA LYS PRO SER GLU"}


def heavy_atoms(names):
    """(residue number, residue, atom, position in Angstrom) of ACE, a backbone and NME."""
    chain = [np.zeros(3), np.array([1.52, 0.0, 0.0])]  # CH3 and C of ACE
    chain.append(place(np.array([0.0, 1.0, 0.3]), *chain, 1.33, 116.6, 180.0))
    atoms = [(1, "ACE", "CH3", chain[0]), (1, "ACE", "C", chain[1])]
    for number, name in enumerate([*names, "NME"], start=2):
        ca, c, n = chain[-3:]
        inward = (ca - c) / np.linalg.norm(ca - c) + (n - c) / np.linalg.norm(n - c)
        atoms.append((number - 1, atoms[-1][1], "O", c - 1.23 * inward / np.linalg.norm(inward)))
        chain.append(place(*chain[-3:], 1.455, 121.7, 180.0))
        atoms += [(number, name, "N", n), (number, name, "C" if name == "NME" else "CA", chain[-1])]
        if name != "NME":
            chain.append(place(*chain[-3:], 1.525, 111.0, -75.0 - 5 * number))
            atoms.append((number, name, "C", chain[-1]))
            chain.append(place(*chain[-3:], 1.33, 116.6, 150.0 - 15 * number))
    return atoms


def complete(names):
    lines = [f"ATOM  {serial:5d}  {atom:<3s} {residue} A{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           "
             f"{atom[0]}" for serial, (number, residue, atom, (x, y, z)) in enumerate(heavy_atoms(names), start=1)]
    with tempfile.NamedTemporaryFile("w", suffix=".pdb") as file:
        file.write("\n".join(lines) + "\nTER\nEND\n")
        file.flush()
        fixer = PDBFixer(filename=file.name)
    fixer.findMissingResidues()
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.addHydrogens(app.ForceField("amber14/protein.ff14SB.xml"))
    return modeller.topology, modeller.positions


def ring(names):
    """A head-to-tail cyclic peptide: backbone on a circle, the rest by PDBFixer and Modeller, the last bond by hand."""
    count = 3 * len(names)
    lines = []
    for i in range(count):
        angle = 2 * np.pi * i / count
        outward = np.array([np.cos(angle), np.sin(angle), 0.0])
        atom, name = ("N", "CA", "C")[i % 3], names[i // 3]
        lines.append((atom, name, i // 3 + 1, 0.21 * count * outward + [0, 0, 0.3 * (-1) ** i]))
        if atom == "C":
            lines.append(("O", name, i // 3 + 1, (0.21 * count + 1.0) * outward + [0, 0, 0.8 * (-1) ** i]))
    text = "\n".join(f"ATOM  {i:5d}  {atom:<3s} {name} A{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
                     for i, (atom, name, number, (x, y, z)) in enumerate(lines, start=1))
    fixer = PDBFixer(pdbfile=io.StringIO(text + "\nTER\nEND\n"))
    fixer.findMissingResidues()
    fixer.findMissingAtoms()
    fixer.missingTerminals = {}
    fixer.addMissingAtoms(seed=1)
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.addHydrogens()
    residues = list(modeller.topology.residues())
    modeller.delete([a for a in residues[0].atoms() if a.name in ("H2", "H3")])
    residues = [{a.name: a for a in r.atoms()} for r in modeller.topology.residues()]
    modeller.topology.addBond(residues[-1]["C"], residues[0]["N"])
    return modeller.topology, modeller.positions


def relax(topology, positions):
    """Minimised, then 5 ps at 300 K in vacuo, centred."""
    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(topology)
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 5 / unit.picosecond, 1 * unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    integrator.step(5000)
    result = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    return (result - result.mean(axis=0)) * unit.nanometer


if __name__ == "__main__":
    (HERE / "structures").mkdir(exist_ok=True)
    made = {name: complete(sequence.split()) for name, sequence in PEPTIDES.items()}
    made["cyclic_hexapeptide"] = ring(RING.split())
    for name, (topology, positions) in made.items():
        with open(HERE / "structures" / f"{name}.pdb", "w") as file:
            app.PDBFile.writeFile(topology, relax(topology, positions), file, keepIds=True)
