#!/usr/bin/python3
"""Builds the peptides of `structures/`: folds that chignolin and Trp-cage do not show, from their sequences.

    PYTHONPATH=build/python /usr/bin/python3 tests/accuracy/build_peptides.py        # two minutes

helix.pdb is (AAQAA)3 with ACE and NME as an alpha helix (with charged ends GFN2-xTB moves charge from one to the other in
vacuo, along the helix's dipole: errors of 5 to 8 kcal/mol/angstrom there, of 1.9 on average), hairpin.pdb SWTWENGKWTWK (tryptophan zipper 2, Cochran, Skelton, Starovasnik,
PNAS 98, 5578 (2001)) as a hairpin of two beta strands around a type I' turn. Backbones from ideal geometry, annealed in
implicit solvent under restraints to their hydrogen bonds (the steps of examples/fold_gydpetgtwg.py), then 4 ps free at 300 K.
"""
import sys
from pathlib import Path

import numpy as np
from openmm import app, unit

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples"))
import fold_gydpetgtwg as fold  # noqa: E402
from pluginbridge.prepare import prepare  # noqa: E402

HELIX = "ALA ALA GLN ALA ALA".split() * 3
HAIRPIN = "SER TRP THR TRP GLU ASN GLY LYS TRP THR TRP LYS".split()
STRAND = (-115, 135)
PEPTIDES = {  # sequence, (phi, psi) of each residue, hydrogen bonds (donor, acceptor)
    "helix": (HELIX, [(-62, -43)] * len(HELIX), [((i + 4, "N"), (i, "O")) for i in range(1, len(HELIX) - 3)]),
    "hairpin": (HAIRPIN, [STRAND] * 5 + [(55, 38), (78, 20)] + [STRAND] * 5,
                [((a, "N"), (b, "O")) for a, b in ((8, 5), (5, 8), (10, 3), (3, 10), (12, 1), (1, 12))]),
}
FREE_STEPS = 1000  # of 4 fs


def build(sequence, dihedrals, bonds, seed):
    """Topology, and positions (nm) whose mean hydrogen bond is below 0.33 nm."""
    fold.SEQUENCE, fold.DIHEDRALS, fold.HYDROGEN_BONDS, fold.PACKING = sequence, dihedrals, bonds, []
    topology, positions = fold.complete(fold.backbone())
    positions = fold.anneal(topology, positions, seed)
    fold.check_chirality(topology, positions)
    system = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml").createSystem(
        topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds, hydrogenMass=3 * unit.amu)
    simulation = fold.simulate(topology, system, positions, 300, seed)
    simulation.step(FREE_STEPS)
    simulation.minimizeEnergy(maxIterations=30)
    x = fold.coordinates(simulation)
    atoms = {(int(a.residue.id), a.name): a.index for a in topology.atoms()}
    lengths = [np.linalg.norm(x[atoms[a]] - x[atoms[b]]) for a, b in bonds]
    if np.median(lengths) > 0.33:
        raise SystemExit(f"the fold has opened: hydrogen bonds of {np.round(lengths, 2)} nm; try another seed")
    fold.check_chirality(topology, x * unit.nanometer)
    return topology, x - x.mean(axis=0), lengths


def main():
    for name, (sequence, dihedrals, bonds) in PEPTIDES.items():
        topology, x, lengths = build(sequence, dihedrals, bonds, seed=5)
        path = HERE / "structures" / f"{name}.pdb"
        with open(path, "w") as file:
            app.PDBFile.writeFile(topology, x * unit.nanometer, file, keepIds=True)
        if name == "helix":
            prepare(path, path, termini="capped")
        print(f"{name}.pdb: {topology.getNumAtoms()} atoms, hydrogen bonds of", np.round(lengths, 2), "nm")


if __name__ == "__main__":
    main()
