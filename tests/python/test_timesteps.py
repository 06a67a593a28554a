"""Multiple time steps: the integrator is the one it says it is, conserves energy, and refuses what would be wrong."""
import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

GROUP = 1
FS = unit.femtosecond


def mixed(plugin, network, pdb, group=GROUP, **args):
    return plugin.FragmentPotential(network, precision="double").createSystem(pdb.topology, removeCMMotion=False,
                                                                              forceGroup=group, **args)


def run(system, integrator, positions, steps, velocities=None, seed=1):
    """Context after some steps from velocities, or from 300 K."""
    integrator.setConstraintTolerance(1e-10)
    integrator.setRandomNumberSeed(seed)
    ctx = hosts.context(system, positions, integrator=integrator)
    ctx.applyConstraints(1e-10)
    if velocities is None:
        ctx.setVelocitiesToTemperature(300, seed)
    else:
        ctx.setVelocities(velocities)
    integrator.step(steps)
    return ctx


def coordinates(ctx):
    return ctx.getState(getPositions=True).getPositions(asNumpy=True)._value


def velocities(ctx):
    return ctx.getState(getVelocities=True).getVelocities(asNumpy=True)._value


@pytest.mark.parametrize("constraints", [None, app.HBonds])
def test_one_inner_step_is_the_ordinary_integrator(plugin, network, alanine, constraints):
    """Without noise, LangevinMiddleIntegrator's trajectory, constraints and friction included."""
    system = mixed(plugin, network, alanine, constraints=constraints)
    ours = plugin.multipleTimeStepIntegrator(system, 1 * FS, 1, 0 * unit.kelvin, 20 / unit.picosecond)
    theirs = openmm.LangevinMiddleIntegrator(0, 20, 0.001)
    start = velocities(run(system, openmm.LangevinMiddleIntegrator(300, 1, 0.0005), alanine.positions, 1))
    one, other = (run(system, integrator, alanine.positions, 20, velocities=start) for integrator in (ours, theirs))
    assert np.abs(coordinates(one) - coordinates(other)).max() < 1e-7
    # States give LangevinMiddleIntegrator's velocities as they are, but its kinetic energy without what constraints forbid
    kinetic = [ctx.getState(getEnergy=True).getKineticEnergy()._value for ctx in (one, other)]
    assert kinetic[0] == pytest.approx(kinetic[1], rel=1e-6)
    assert np.abs(coordinates(one) - alanine.getPositions(asNumpy=True)._value).max() > 1e-3, "nothing has moved"


@pytest.mark.parametrize("innerSteps", [2, 4])
def test_forces_act_as_often_as_they_should(plugin, network, alanine, innerSteps):
    """One outer step from rest without heat bath: positions by hand from forces of the two groups."""
    system = mixed(plugin, network, alanine)
    outer, inner = 0.001, 0.001 / innerSteps
    x = alanine.getPositions(asNumpy=True)._value
    masses = np.array([[system.getParticleMass(i)._value] for i in range(system.getNumParticles())])
    probe = hosts.context(system, x)
    v = np.zeros_like(x)
    expected = x.copy()
    for k in range(innerSteps):
        probe.setPositions(expected)
        if k == 0:
            v = v + outer * hosts.evaluate(probe, {GROUP})[1] / masses
        v = v + inner * hosts.evaluate(probe, {0})[1] / masses
        expected = expected + inner * v
    integrator = plugin.multipleTimeStepIntegrator(system, outer, innerSteps, 0, 0)
    ctx = run(system, integrator, x, 1, velocities=np.zeros_like(x))
    assert np.abs(coordinates(ctx) - expected).max() < 1e-9
    assert ctx.getState().getTime()._value == pytest.approx(outer)


@pytest.mark.parametrize("innerSteps", [1, 3])
def test_friction_is_that_of_the_time_that_passes(plugin, innerSteps):
    """A particle that nothing pulls at slows down by exp(-friction time), whatever the number of inner steps."""
    from pluginbridge.timesteps import _langevinMiddle

    system = openmm.System()
    system.addParticle(1.0)
    force = openmm.CustomExternalForce("0*x")
    force.addParticle(0)
    system.addForce(force)
    other = openmm.CustomExternalForce("0*x")
    other.addParticle(0)
    other.setForceGroup(GROUP)
    system.addForce(other)
    ctx = run(system, _langevinMiddle(0.002, innerSteps, 0.0, 50.0, [GROUP], [0]), [[0, 0, 0]], 10, velocities=[[1, 0, 0]])
    assert velocities(ctx)[0, 0] == pytest.approx(np.exp(-50 * 0.02), rel=1e-9)


def energies(system, plugin, pdb, outer, innerSteps, picoseconds, start):
    """Total energies (kJ/mol) along a constant-energy run, every fs."""
    integrator = plugin.multipleTimeStepIntegrator(system, outer * FS, innerSteps)
    integrator.setConstraintTolerance(1e-10)
    ctx = hosts.context(system, start[0], integrator=integrator)
    ctx.setVelocities(start[1])
    found = []
    for _ in range(round(picoseconds * 1000)):
        integrator.step(round(1 / outer))
        state = ctx.getState(getEnergy=True)
        found.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("constraints", [None, app.HBonds])
def test_energy_is_conserved(plugin, trained, alanine, constraints):
    """Velocity Verlet in both loops: at half of both steps a quarter of the fluctuation, and no run away."""
    system = mixed(plugin, trained, alanine, constraints=constraints)
    warm = run(system, openmm.LangevinMiddleIntegrator(300, 10, 0.0005), alanine.positions, 1000)
    start = coordinates(warm), velocities(warm)
    coarse = energies(system, plugin, alanine, 1.0, 2, 0.3, start)
    fine = energies(system, plugin, alanine, 0.5, 2, 0.3, start)
    assert 3 < coarse.std() / fine.std() < 5
    assert abs(coarse[-100:].mean() - coarse[:100].mean()) < 2 * coarse.std()
    assert coarse.std() < 2.0


def test_a_host_in_several_groups_is_integrated_as_a_whole(plugin, network, alanine):
    """Every group that is not the correction's is the host's: splitting it changes no trajectory."""
    systems = [mixed(plugin, network, alanine) for _ in range(2)]
    for force in systems[1].getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setForceGroup(5)
        elif isinstance(force, openmm.HarmonicAngleForce):
            force.setForceGroup(7)
    for temperature in (None, 0.0):
        one, other = (coordinates(run(s, plugin.multipleTimeStepIntegrator(s, 0.001, 2, temperature), alanine.positions, 10))
                      for s in systems)
        assert np.abs(one - other).max() < 1e-9


def test_the_reciprocal_part_of_pme_is_not_forgotten(plugin, network, alanine):
    topology, _ = hosts.solvated(alanine)
    host = hosts.solventSystem(topology)
    nonbonded = next(force for force in host.getForces() if isinstance(force, openmm.NonbondedForce))
    nonbonded.setReciprocalSpaceForceGroup(4)
    system = plugin.FragmentPotential(network).createMixedSystem(topology, host, forceGroup=GROUP)
    from pluginbridge.timesteps import forceGroups

    assert forceGroups(system) == ([GROUP], [0, 4])
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    nonbonded.setReciprocalSpaceForceGroup(GROUP)
    with pytest.raises(plugin.InvalidArgumentError, match="reciprocal space"):
        plugin.multipleTimeStepIntegrator(system, 2 * FS)


def test_forces_without_a_force_share_any_group(plugin, network, alanine):
    """A barostat or a CMMotionRemover in the correction's group is no reason to refuse."""
    system = plugin.FragmentPotential(network).createSystem(alanine.topology, removeCMMotion=True, forceGroup=3)
    next(f for f in system.getForces() if isinstance(f, openmm.CMMotionRemover)).setForceGroup(3)
    assert plugin.multipleTimeStepIntegrator(system, 2 * FS, 2, 300).getNumComputations() > 0


@pytest.mark.parametrize("arguments, text", [
    (dict(stepSize=0), "positive time"), (dict(stepSize=float("nan")), "finite"), (dict(stepSize=1 * unit.kelvin), "picosecond"),
    (dict(innerSteps=0), "whole number"), (dict(innerSteps=1.5), "whole number"), (dict(innerSteps=True), "whole number"),
    (dict(temperature=-1), "negative"), (dict(temperature=300, friction=-1), "negative"),
    (dict(friction=1), "without a temperature")])
def test_bad_arguments_are_named(plugin, network, alanine, arguments, text):
    system = mixed(plugin, network, alanine)
    with pytest.raises(plugin.InvalidArgumentError, match=text):
        plugin.multipleTimeStepIntegrator(system, **{"stepSize": 2 * FS, **arguments})


def test_wrong_groups_are_refused(plugin, network, alanine):
    with pytest.raises(plugin.InvalidArgumentError, match="forceGroup=1"):
        plugin.multipleTimeStepIntegrator(mixed(plugin, network, alanine, group=0), 2 * FS)
    with pytest.raises(plugin.InvalidArgumentError, match="createMixedSystem"):
        plugin.multipleTimeStepIntegrator(hosts.vacuumSystem(alanine.topology), 2 * FS)
