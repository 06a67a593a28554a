"""Structures of the benchmark: peptides built from their sequences, larger systems packed from copies of them."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .settings import ROOT, Settings

#: Chignolin (5AWL; 175 atoms) and Trp-cage (2JOF with K8A, as in AI2BMD's example; 281 atoms) with ACE and NME, their
#: backbones as (phi, psi) in degrees: a beta hairpin; a helix, a 3-10 turn and a polyproline strand. The built structures have
#: the proteins' atoms and nearly their density (neighbours within 5 angstrom: 32 and 33, in folded ones 34 and 35); they are
#: not refined.
CHIGNOLIN = ("TYR TYR ASP PRO GLU THR GLY THR TRP TYR",
             [(-150, 151), (-125, 124), (-97, 108), (-72, -33), (-81, -25), (-92, -14), (67, 14), (-110, 133), (-117, 133),
              (-146, 152)])
TRP_CAGE = ("ASP ALA TYR ALA GLN TRP LEU ALA ASP GLY GLY PRO SER SER GLY ARG PRO PRO PRO SER",
            [(-63, -42)] * 9 + [(85, 10), (-90, 80), (-60, -30), (-65, -25), (-80, -5), (85, 10), (-90, 130)]
            + [(-70, 150)] * 3 + [(-90, 130)])
BUILT = {"chignolin": CHIGNOLIN, "Trp-cage": TRP_CAGE}
#: nm between atoms of neighbouring copies, at least: about the contact of two hydrogens
CONTACT = 0.23


@dataclass
class Structure:
    """A topology with positions (nm) and a name for tables; `built` if it was made here from a sequence."""

    name: str
    topology: object
    positions: np.ndarray
    built: bool = False

    @property
    def numbers(self) -> list[int]:
        """Atomic numbers."""
        return [atom.element.atomic_number for atom in self.topology.atoms()]


def networkPart(core, structure: Structure):
    """What the network itself gives in an Evaluator's correction: energy (kJ/mol) and forces (kJ/mol/nm).

    For the target E_QM - E_nb the core takes ff14SB's bonded energy away from it; here it comes back, from OpenMM.
    """
    found = core.evaluate(structure.positions)
    if core.model.target != "E_QM - E_nb":
        return found.energy, found.forces
    import openmm
    from openmm import app

    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(structure.topology)
    for k in reversed([k for k, f in enumerate(system.getForces()) if isinstance(f, openmm.NonbondedForce)]):
        system.removeForce(k)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(structure.positions)
    bonded = context.getState(getEnergy=True, getForces=True)
    return found.energy + bonded.getPotentialEnergy()._value, found.forces + bonded.getForces(asNumpy=True)._value


def read(path: Path, name: str, built: bool = False) -> Structure:
    """A PDB file."""
    from openmm import app

    pdb = app.PDBFile(str(path))
    return Structure(name, pdb.topology, pdb.getPositions(asNumpy=True)._value, built)


def alanine() -> Structure:
    """ACE-ALA-NME, 22 atoms."""
    return read(ROOT / "tests" / "python" / "structures" / "capped_alanine.pdb", "capped alanine")


def demo() -> Structure:
    """GYDPETGTWG, the demo's peptide, 138 atoms."""
    return read(ROOT / "examples" / "gydpetgtwg.pdb", "GYDPETGTWG")


def protein(settings: Settings, name: str) -> Structure:
    """"chignolin" or "Trp-cage": from the user's folder, else built once and kept in the output folder."""
    if settings.structures is not None:
        if not settings.structures.is_dir():
            raise SystemExit(f"error: the folder of structures '{settings.structures}' does not exist")
        for path in sorted(settings.structures.glob("*.pdb")):
            if path.stem.lower().startswith(name[:4].lower().rstrip("-")):
                return read(path, name)
    kept = settings.out / "structures" / f"{name}.pdb"
    if not kept.is_file():
        build(kept, *BUILT[name])
    return read(kept, name, built=True)


def build(target: Path, sequence: str, dihedrals: list[tuple[float, float]]) -> None:
    """Writes a capped peptide: ideal backbone, side chains, then minimised and settled at 300 K in implicit solvent."""
    import openmm
    from openmm import app, unit

    sys.path.insert(0, str(ROOT / "training"))
    from pbtrain.molecules import build_topology, starting_coordinates

    molecule = build_topology([["ACE", *sequence.split(), "NME"]])
    torsions = iter([*dihedrals, (0, 0)])  # NME asks too
    x = starting_coordinates(molecule, np.random.default_rng(1), backbone=lambda residue: (*next(torsions), 180.0))
    system = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml").createSystem(
        molecule.topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 5 / unit.picosecond, 2 * unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(x / 10)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 1000)
    context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    integrator.step(1500)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "w") as file:
        app.PDBFile.writeFile(molecule.topology, context.getState(getPositions=True).getPositions(), file)


def packed(unitCell: Structure, copies: int) -> Structure:
    """Copies of a peptide on a lattice, moved together until atoms touch: as many neighbours as in a large protein, and
    none overlap. Chains of one system, so that the scheme `whole` is one graph."""
    from openmm import app

    x = unitCell.positions - unitCell.positions.mean(axis=0)
    edge = int(np.ceil(copies ** (1 / 3)))
    shifts = lattice(x, edge)
    topology = app.Topology()
    for _ in range(copies):
        atoms = {}
        for chain in unitCell.topology.chains():
            newChain = topology.addChain()
            for residue in chain.residues():
                newResidue = topology.addResidue(residue.name, newChain, residue.id)
                for atom in residue.atoms():
                    atoms[atom.index] = topology.addAtom(atom.name, atom.element, newResidue)
        for a, b in unitCell.topology.bonds():
            topology.addBond(atoms[a.index], atoms[b.index])
    cells = sorted(((i, j, k) for i in range(edge) for j in range(edge) for k in range(edge)), key=max)[:copies]
    positions = np.concatenate([x + np.array(cell) @ shifts for cell in cells])
    return Structure(f"{copies} x {unitCell.name}", topology, positions, unitCell.built)


def lattice(x: np.ndarray, edge: int) -> np.ndarray:
    """Lattice vectors (rows, nm) along x, y and z, each as short as contact with the copies placed before allows."""
    from scipy.spatial import cKDTree

    vectors = np.zeros((3, 3))
    placed = x
    for axis in range(3):
        tree = cKDTree(placed)
        # a row, then a layer of the lattice so far, two copies in each direction: no others come near
        step = np.ptp(placed[:, axis]) + CONTACT
        while step > 0.05:
            shorter = step - 0.02
            moved = placed.copy()
            moved[:, axis] += shorter
            if tree.query(moved, k=1)[0].min() < CONTACT:
                break
            step = shorter
        vectors[axis, axis] = step
        if edge > 1:
            others = placed.copy()
            others[:, axis] += step
            placed = np.concatenate([placed, others])
    return vectors
