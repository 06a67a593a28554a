"""Host Systems and evaluations that the tests share."""
import functools

import numpy as np
import openmm
from openmm import app, unit

FF14SB = "amber14/protein.ff14SB.xml"


@functools.lru_cache(maxsize=None)
def solvated(pdb, water="tip3p", padding=0.55):
    """Topology and positions (nm) of a peptide in a small box of water with neutralising ions."""
    forcefield = app.ForceField(FF14SB, f"amber14/{water}.xml")
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.addSolvent(forcefield, model="tip4pew" if water == "tip4pew" else "tip3p",
                        padding=padding * unit.nanometer)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer))


def solventSystem(topology, water="tip3p", **args):
    """ff14SB and a water model with PME."""
    options = dict(nonbondedMethod=app.PME, nonbondedCutoff=0.7 * unit.nanometer, constraints=app.HBonds)
    return app.ForceField(FF14SB, f"amber14/{water}.xml").createSystem(topology, **{**options, **args})


def vacuumSystem(topology, **args):
    """ff14SB without cutoff."""
    return app.ForceField(FF14SB).createSystem(topology, **args)


def context(system, positions, platform="Reference", step=0.0005, integrator=None, **properties):
    """A Context at some positions (nm)."""
    integrator = integrator or openmm.VerletIntegrator(step)
    result = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    result.setPositions(positions)
    return result


def evaluate(ctx, groups=-1):
    """Energy (kJ/mol) and forces (kJ/mol/nm) of a Context."""
    state = ctx.getState(getEnergy=True, getForces=True, groups=groups)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def energyForces(system, positions, platform="Reference", **properties):
    """Energy (kJ/mol) and forces (kJ/mol/nm) of a System in a Context of its own."""
    return evaluate(context(system, positions, platform, **properties))


def gradientError(ctx, positions, atoms, step):
    """max |F + dE/dr| / max |F| over some atoms of a Context, F of all atoms; leaves the Context at these positions (nm)."""
    ctx.setPositions(positions)
    _, forces = evaluate(ctx)

    def energy(x):
        ctx.setPositions(x)
        return ctx.getState(getEnergy=True).getPotentialEnergy()._value

    numerical = numericalForces(energy, positions, atoms, step)
    ctx.setPositions(positions)
    return np.abs(forces[atoms] - numerical).max() / np.abs(forces).max()


def numericalForces(energy, positions, atoms, step):
    """-dE/dr of some atoms by central differences of fourth order.

    Parameters
    ----------
    energy : callable
        Positions (nm) to energy (kJ/mol).
    step : float
        nm
    """
    forces = np.zeros((len(atoms), 3))
    for row, atom in enumerate(atoms):
        for axis in range(3):
            samples = []
            for shift in (-2, -1, 1, 2):
                moved = positions.copy()
                moved[atom, axis] += shift * step
                samples.append(energy(moved))
            forces[row, axis] = -(samples[0] - 8 * samples[1] + 8 * samples[2] - samples[3]) / (12 * step)
    return forces


def relativeError(forces, expected):
    """max |dF| / max |F|."""
    return np.abs(forces - expected).max() / np.abs(expected).max()
