"""The check of a prepared structure against OpenMM's ff14SB, and relaxation of what was added."""
from __future__ import annotations

import math

from . import pdbnames
from .errors import TopologyError
from .pdbchains import Chain
from .pdbhydrogens import platform, topology
from .pdbtext import RawFile, Residue, fail
from .preparation import Report

_RELAX_STEPS = 300
_CONTACT, _CAP_CONTACT = 2.2, 2.7  # Angstrom; caps on both sides of a gap have no hydrogen bond to be near for


def check_and_relax(raw: RawFile, chains: list[Chain], bridges: list, report: Report) -> None:
    """Lets OpenMM's ff14SB recognise every residue, then relaxes the atoms that were added; the file's own do not move.

    Raises
    ------
    TopologyError
        ff14SB has no such residue, or added atoms have no room.
    """
    import openmm
    from openmm import app, unit

    top, positions = topology(chains, [], bridges)
    residues = [r for chain in chains for r in chain.residues]
    field = pdbnames.force_field()
    try:
        templates = field.getMatchingTemplates(top)
        system = field.createSystem(top, nonbondedMethod=app.NoCutoff if top.getNumAtoms() < 3000 else app.CutoffNonPeriodic)
    except Exception as error:  # OpenMM raises ValueError and Exception
        index = next((int(w) for w in str(error).replace("(", " ").split() if w.isdigit()), 0)
        where = residues[min(max(index - 1, 0), len(residues) - 1)]
        raise TopologyError(f"{raw.name}, line {where.line}: {where} fits no residue of ff14SB after preparation: {error}") from None
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    report.charge = round(sum(nonbonded.getParticleParameters(i)[0].value_in_unit(unit.elementary_charge)
                              for i in range(system.getNumParticles())))
    report.forms = {str(_named(r)): t.name for r, t in zip(residues, templates)}
    atoms = [a for r in residues for a in r.atoms]
    if all(a.given for a in atoms):
        return
    for index, atom in enumerate(atoms):
        if atom.given:
            system.setParticleMass(index, 0.0)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform(len(atoms)))
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, _RELAX_STEPS)
    relaxed = context.getState(getPositions=True).getPositions().value_in_unit(unit.angstrom)
    for atom, position in zip(atoms, relaxed):
        if not atom.given:
            atom.position = tuple(position)
    _check_contacts(raw, chains, bridges)


def _named(residue):
    """The residue under the name that it has in the output."""
    return Residue(residue.chain, residue.number, residue.insertion, pdbnames.output_name(residue))


def _check_contacts(raw, chains, bridges):
    """Added heavy atoms must have found room: caps of a narrow gap have none."""
    import numpy as np

    heavy = [(c, i, r, a) for c in chains for i, r in enumerate(c.residues) for a in r.atoms if a.element != "H"]
    positions = np.array([a.position for *_, a in heavy])
    for number, (chain, i, residue, atom) in enumerate(heavy):
        if atom.given:
            continue
        distances = ((positions - positions[number]) ** 2).sum(axis=1) ** 0.5
        for other in np.flatnonzero(distances < _CAP_CONTACT):
            chain2, j, residue2, atom2 = heavy[other]
            if distances[other] > _CONTACT and not {residue.name, residue2.name} <= pdbnames.CAPS:
                continue
            beside = chain2 is chain and (abs(i - j) <= 1 or (chain.ring and abs(i - j) == len(chain.residues) - 1))
            if not beside and {atom.name, atom2.name} != {"SG"}:
                fail(raw, residue if residue.line else residue2, f"leaves no room: {atom.name} of {residue}, which was added, is "
                     f"{math.dist(atom.position, atom2.position):.1f} Angstrom from {atom2.name} of {residue2}. "
                     "Model the missing residues (breaks=\"model\"), or correct the structure")
