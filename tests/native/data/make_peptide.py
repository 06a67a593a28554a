#!/usr/bin/python3
"""Makes peptide.pdb and peptide_data.h: ACE-ASP-PRO-GLU-THR-NME at a rattled minimum of ff14SB.

    tests/native/data/make_peptide.py PROTEIN.pdb FIRST_RESIDUE_NUMBER

Cuts four residues from a protein, caps them with PDBFixer, adds hydrogens, minimises in vacuo with OpenMM and displaces
every atom a little, so that no force vanishes and no geometry is ideal. Two charges and a proline on purpose.
"""
import io
import sys
from pathlib import Path

import numpy as np
import openmm
import pdbfixer
from openmm import app, unit

HERE = Path(__file__).resolve().parent


def capped_peptide(source, first):
    """Topology and positions of residues first .. first + 3 with ACE and NME."""
    wanted = {str(first + i) for i in range(4)}
    lines = [line for line in open(source) if line.startswith("ATOM") and line[22:26].strip() in wanted]
    fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO("".join(lines) + "END\n"))
    fixer.missingResidues = {(0, 0): ["ACE"], (0, len(wanted)): ["NME"]}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    force_field = app.ForceField("amber14/protein.ff14SB.xml")
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.delete([a for a in modeller.topology.atoms() if a.element is app.element.hydrogen or a.name == "OXT"])
    modeller.addHydrogens(force_field)
    system = force_field.createSystem(modeller.topology)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return modeller.topology, positions + np.random.default_rng(7).normal(0, 0.002, positions.shape)


def c_array(kind, name, values, width):
    """A C array, a few values a line."""
    rows = [", ".join(values[i:i + width]) for i in range(0, len(values), width)]
    return f"static const {kind} {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def header(topology, positions):
    """The peptide as C arrays in the layout of pb_system_spec."""
    quoted = '"{}"'.format
    atoms, residues = list(topology.atoms()), list(topology.residues())
    bonds = sorted(sorted((bond[0].index, bond[1].index)) for bond in topology.bonds())
    return "\n".join([
        "/* Made by make_peptide.py: ACE-ASP-PRO-GLU-THR-NME. Positions in nm. */\n"
        "#ifndef PEPTIDE_DATA_H\n#define PEPTIDE_DATA_H\n\n#include <stdint.h>\n",
        f"enum {{ peptide_atom_count = {len(atoms)}, peptide_bond_count = {len(bonds)}, "
        f"peptide_residue_count = {len(residues)}, peptide_charge = -2 }};\n",
        c_array("int32_t", "peptide_atomic_numbers", [str(a.element.atomic_number) for a in atoms], 20),
        c_array("int32_t", "peptide_bonds", [f"{i}, {j}" for i, j in bonds], 10),
        c_array("int32_t", "peptide_atom_residues", [str(a.residue.index) for a in atoms], 20),
        c_array("char* const", "peptide_atom_names", [quoted(a.name) for a in atoms], 12),
        c_array("char* const", "peptide_residue_names", [quoted(r.name) for r in residues], 12),
        c_array("char* const", "peptide_residue_numbers", [quoted(r.id) for r in residues], 12),
        c_array("char* const", "peptide_residue_chains", [quoted(r.chain.id) for r in residues], 12),
        c_array("double", "peptide_positions", [f"{x:.5f}" for x in positions.ravel()], 9),
        "#endif"]) + "\n"


def main():
    topology, positions = capped_peptide(sys.argv[1], int(sys.argv[2]))
    for chain in topology.chains():
        chain.id = "A"
    for residue in topology.residues():
        residue.id = str(residue.index + 1)
    positions = np.round(positions, 4)  # what a PDB file can hold
    with open(HERE / "peptide.pdb", "w") as file:
        app.PDBFile.writeModel(topology, positions * unit.nanometer, file, keepIds=True)
        app.PDBFile.writeFooter(topology, file)
    (HERE / "peptide_data.h").write_text(header(topology, positions))


if __name__ == "__main__":
    main()
