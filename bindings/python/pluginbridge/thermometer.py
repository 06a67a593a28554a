"""The kinetic temperature of a whole System and of a part of it, constraints and the centre of mass accounted for."""
from __future__ import annotations

from typing import Optional

import numpy as np

BOLTZMANN = 8.31446261815324e-3  #: kJ/mol/K


class Thermometer:
    """Temperatures (K) from velocities.

    A constraint takes half a degree of freedom from either atom; a CMMotionRemover takes three, from a part of the
    System by its share of the mass. Massless particles have none.

    Parameters
    ----------
    system : openmm.System
    atoms : array of int
        The part.
    """

    def __init__(self, system, atoms: np.ndarray):
        import openmm
        from openmm import unit

        self.masses = np.array([system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())])
        freedom = 3.0 * (self.masses > 0)
        for k in range(system.getNumConstraints()):
            i, j, _ = system.getConstraintParameters(k)
            freedom[i] -= 0.5
            freedom[j] -= 0.5
        if any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces()):
            freedom -= 3 * self.masses / self.masses.sum()
        self.atoms = np.asarray(atoms, int)
        self.freedom = freedom.sum(), freedom[self.atoms].sum()  #: of the System, of the part

    def measure(self, velocities: np.ndarray) -> tuple[float, float]:
        """Of the System and of the part, from velocities (nm/ps); 0 where nothing is free to move."""
        twice = self.masses * (velocities**2).sum(1)
        return tuple(float(energy / (freedom * BOLTZMANN)) if freedom > 0 else 0.0
                     for energy, freedom in zip((twice.sum(), twice[self.atoms].sum()), self.freedom))


def bathTemperature(system, integrator) -> Optional[float]:
    """The temperature (K) that a run is meant to have: its integrator's or thermostat's; None at constant energy."""
    import openmm
    from openmm import unit

    if isinstance(integrator, openmm.CustomIntegrator):
        names = [integrator.getGlobalVariableName(k) for k in range(integrator.getNumGlobalVariables())]
        # as OpenMM's own and our multiple-time-step integrators call it
        return integrator.getGlobalVariableByName("kT") / BOLTZMANN if "kT" in names else None
    if hasattr(integrator, "getTemperature"):
        return integrator.getTemperature().value_in_unit(unit.kelvin)
    for force in system.getForces():
        if isinstance(force, openmm.AndersenThermostat):
            return force.getDefaultTemperature().value_in_unit(unit.kelvin)
    return None
