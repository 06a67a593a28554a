"""Multiple time steps: the host's forces every inner step, the correction, which costs most, every outer step."""
from __future__ import annotations

import math
import numbers
from typing import Optional

from .errors import InvalidArgumentError
from .forcexml import forceElement

#: Forces of OpenMM that act through the Context's state and have no force of their own: their group means nothing.
_WITHOUT_FORCES = frozenset(["AndersenThermostat", "CMMotionRemover", "MonteCarloAnisotropicBarostat",
                             "MonteCarloBarostat", "MonteCarloFlexibleBarostat", "MonteCarloMembraneBarostat"])


def forceGroups(system) -> tuple[list[int], list[int]]:
    """Force groups of a System's corrections and of everything else in it.

    Parameters
    ----------
    system : openmm.System
        With one or more forces of ours.

    Returns
    -------
    correction, host : list of int

    Raises
    ------
    InvalidArgumentError
        There is no correction, nothing but the correction, or a group holds both.
    """
    correction, host = set(), {}
    for force in system.getForces():
        name, group = type(force).__name__, force.getForceGroup()
        if forceElement(force) is not None:
            correction.add(group)
        elif name not in _WITHOUT_FORCES:
            host.setdefault(group, name)
            # PME's reciprocal part may have a group of its own, -1 is the force's
            if hasattr(force, "getReciprocalSpaceForceGroup") and force.getReciprocalSpaceForceGroup() >= 0:
                host.setdefault(force.getReciprocalSpaceForceGroup(), f"{name} (reciprocal space)")
    if not correction:
        raise InvalidArgumentError("the System has no FragmentedPotentialForce: make it with createMixedSystem or "
                                   "createSystem first")
    if not host:
        raise InvalidArgumentError("the System has no forces beside the correction, so there is nothing to evaluate in "
                                   "inner steps")
    for group in sorted(correction & set(host)):
        raise InvalidArgumentError(f"force group {group} holds the correction and the host's {host[group]}: give the "
                                   "correction a group of its own, createMixedSystem(..., forceGroup=1)")
    return sorted(correction), sorted(host)


def multipleTimeStepIntegrator(system, stepSize, innerSteps: int = 2, temperature=None, friction=None):
    """An integrator that evaluates the correction once in `innerSteps` evaluations of the host's forces.

    >>> system = FragmentPotential().createMixedSystem(topology, system, forceGroup=1)
    >>> integrator = multipleTimeStepIntegrator(system, 2 * femtoseconds, 2, 300 * kelvin, 1 / picosecond)

    This is the impulse method (r-RESPA: Tuckerman, Berne, Martyna, J. Chem. Phys. 97, 1990 (1992)): the correction acts as a
    kick of an outer step's length. What limits the outer step is resonance with the fastest vibration that is not
    constrained; docs/benchmarks says which steps were found stable.

    With a temperature the splitting is that of OpenMM's LangevinMiddleIntegrator (kick, half a drift, heat bath, half a
    drift), whose kicks stand at the beginning of a step: the host is evaluated `innerSteps` times an outer step.
    OpenMM's own MTSLangevinIntegrator needs one evaluation more, as it asks for both groups at either end of a step and a
    Context keeps the forces of one; and before OpenMM 8.0 it applies the friction of an outer step in every inner one.

    Parameters
    ----------
    system : openmm.System
        With the correction in a force group of its own; all other groups are the host's.
    stepSize : Quantity or float
        The outer step, ps where there is no unit: what one step of the integrator advances time by.
    innerSteps : int
        Steps of the host in an outer step. 1 is the ordinary integrator.
    temperature : Quantity or float, optional
        Of the heat bath, K where there is no unit. None: constant energy, by OpenMM's MTSIntegrator (velocity Verlet).
    friction : Quantity or float, optional
        Collision rate, 1/ps where there is no unit; None: 1/ps. Only with a temperature.

    Returns
    -------
    openmm.CustomIntegrator

    Raises
    ------
    InvalidArgumentError
        The correction shares its force group with the host, or an argument is out of range.
    """
    import openmm
    from openmm import unit

    step = _value(stepSize, unit.picosecond, "stepSize")
    if step <= 0:
        raise InvalidArgumentError(f"stepSize is {step:g} ps: give a positive time")
    if isinstance(innerSteps, bool) or not isinstance(innerSteps, numbers.Integral) or innerSteps < 1:
        raise InvalidArgumentError(f"innerSteps is {innerSteps!r}: give a positive whole number")
    correction, host = forceGroups(system)
    if temperature is None:
        if friction is not None:
            raise InvalidArgumentError("friction was given without a temperature: the run is at constant energy")
        return openmm.MTSIntegrator(step * unit.picosecond, [(group, 1) for group in correction]
                                    + [(group, int(innerSteps)) for group in host])
    kelvin = _value(temperature, unit.kelvin, "temperature")
    rate = 1.0 if friction is None else _value(friction, unit.picosecond**-1, "friction")
    if kelvin < 0 or rate < 0:
        raise InvalidArgumentError(f"temperature ({kelvin:g} K) and friction ({rate:g}/ps) must not be negative")
    return _langevinMiddle(step, int(innerSteps), kelvin, rate, correction, host)


def _langevinMiddle(step: float, innerSteps: int, kelvin: float, rate: float, correction: list[int], host: list[int]):
    """[B_correction B A O A] [B A O A] ...; constraints as LangevinMiddleIntegrator treats them (Zhang et al., J. Phys.
    Chem. A 123, 6056 (2019)). dt is the outer step."""
    import openmm
    from openmm import unit

    integrator = openmm.CustomIntegrator(step)
    memory = math.exp(-rate * step / innerSteps)
    integrator.addGlobalVariable("a", memory)
    integrator.addGlobalVariable("b", math.sqrt(1 - memory**2))
    integrator.addGlobalVariable("kT", kelvin * unit.MOLAR_GAS_CONSTANT_R.value_in_unit_system(unit.md_unit_system))
    integrator.addPerDofVariable("unconstrained", 0)
    integrator.addUpdateContextState()
    for inner in range(innerSteps):
        for group in correction if inner == 0 else []:
            integrator.addComputePerDof("v", f"v+dt*f{group}/m")
        for group in host:
            integrator.addComputePerDof("v", f"v+(dt/{innerSteps})*f{group}/m")
        integrator.addConstrainVelocities()
        integrator.addComputePerDof("x", f"x+(dt/{2 * innerSteps})*v")
        integrator.addComputePerDof("v", "a*v+b*sqrt(kT/m)*gaussian")
        integrator.addComputePerDof("x", f"x+(dt/{2 * innerSteps})*v")
        integrator.addComputePerDof("unconstrained", "x")
        integrator.addConstrainPositions()
        integrator.addComputePerDof("v", f"v+(x-unconstrained)*({innerSteps}/dt)")
    # changes no trajectory (kicks are projected later), but the kinetic energy that a State reports
    integrator.addConstrainVelocities()
    return integrator


def _value(quantity, wanted, name: str) -> float:
    """A number in a unit, from a Quantity or a number that is in it already."""
    from openmm import unit

    try:
        number = float(quantity.value_in_unit(wanted) if unit.is_quantity(quantity) else quantity)
    except TypeError as error:
        raise InvalidArgumentError(f"{name} is {quantity!r}, which is not a quantity in {wanted.get_name()}") from error
    if not math.isfinite(number):
        raise InvalidArgumentError(f"{name} is {quantity!r}: give a finite number")
    return number
