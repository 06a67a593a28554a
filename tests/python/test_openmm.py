"""The force inside OpenMM: platforms, groups, lambda, XML, checkpoints, barostat, virtual sites, errors."""
import copy

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

LAMBDA = "FragmentedPotentialForce_lambda"
PLATFORMS = ["Reference", "CPU"]


@pytest.fixture(scope="module")
def solvated(alanine):
    return hosts.solvated(alanine)


@pytest.fixture(scope="module")
def mixed(plugin, network, solvated):
    """Capped alanine in water, the correction in force group 1, networks in double precision."""
    topology, _ = solvated
    return plugin.FragmentPotential(network, precision="double").createMixedSystem(
        topology, hosts.solventSystem(topology), forceGroup=1, lambda_derivative=True)


def correction(plugin, network, topology, positions, water="tip3p"):
    """What the force should give on hosts.solventSystem, terms of constrained bonds included."""
    host = hosts.solventSystem(topology, water)
    return plugin.Evaluator(topology, network, precision="double", system=host).evaluate(
        positions, topology.getPeriodicBoxVectors())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_force_group_holds_the_correction(plugin, network, solvated, mixed, platform):
    topology, positions = solvated
    ctx = hosts.context(mixed, positions, platform)
    expected = correction(plugin, network, topology, positions)
    energy, forces = hosts.evaluate(ctx, {1})
    # a platform keeps forces in single precision (CPU) or double (Reference)
    assert energy == pytest.approx(expected.energy, abs=1e-6 if platform == "Reference" else 1e-3)
    assert hosts.relativeError(forces, expected.forces) < (1e-9 if platform == "Reference" else 1e-5)
    outside = [a.index for a in topology.atoms() if a.residue.name not in ("ACE", "ALA", "NME")]
    assert not forces[outside].any()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lambda_scales_and_its_derivative(plugin, network, solvated, mixed, platform):
    topology, positions = solvated
    expected = correction(plugin, network, topology, positions)
    ctx = hosts.context(mixed, positions, platform)
    for value in (0.0, 0.3, 1.0, 1.7):
        ctx.setParameter(LAMBDA, value)
        assert hosts.evaluate(ctx, {1})[0] == pytest.approx(value * expected.energy, abs=1e-3)
        derivatives = dict(ctx.getState(getParameterDerivatives=True, getEnergy=True).getEnergyParameterDerivatives())
        assert derivatives[LAMBDA] == pytest.approx(expected.energy, abs=1e-3)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_xml_round_trip(solvated, mixed, platform):
    _, positions = solvated
    text = openmm.XmlSerializer.serialize(mixed)
    again = openmm.XmlSerializer.deserialize(text)
    assert openmm.XmlSerializer.serialize(again) == text
    energy, forces = hosts.energyForces(mixed, positions, platform, **(
        {"DeterministicForces": "true", "Threads": "1"} if platform == "CPU" else {}))
    energyAgain, forcesAgain = hosts.energyForces(again, positions, platform, **(
        {"DeterministicForces": "true", "Threads": "1"} if platform == "CPU" else {}))
    assert energy == energyAgain and np.array_equal(forces, forcesAgain)


def test_xml_of_another_model_is_refused(plugin, network, alanine):
    system = plugin.FragmentPotential(network).createSystem(alanine.topology)
    digest = plugin.Model(network).hash
    text = openmm.XmlSerializer.serialize(system)
    assert digest in text
    other = openmm.XmlSerializer.deserialize(text.replace(digest, "0" * 64))
    with pytest.raises(openmm.OpenMMException, match="hash|SHA|another"):
        hosts.context(other, alanine.positions)


def test_misspelt_xml_is_refused(plugin, network, alanine):
    system = plugin.FragmentPotential(network).createSystem(alanine.topology)
    text = openmm.XmlSerializer.serialize(system)
    with pytest.raises(openmm.OpenMMException, match="shceme"):
        openmm.XmlSerializer.deserialize(text.replace(' scheme="', ' shceme="'))


def test_an_edited_host_is_refused_with_its_term(plugin, network, alanine):
    """What Python checks on creation, the plugin checks again: a System may have been edited since."""
    system = plugin.FragmentPotential(network).createSystem(alanine.topology)
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    q, sigma, epsilon = nonbonded.getParticleParameters(8)
    nonbonded.setParticleParameters(8, q * 1.1, sigma, epsilon)
    with pytest.raises(openmm.OpenMMException, match="ALA 2"):
        hosts.context(system, alanine.positions)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nan_positions_are_an_error_not_a_crash(solvated, mixed, platform):
    _, positions = solvated
    broken = positions.copy()
    broken[8] = np.nan
    ctx = hosts.context(mixed, broken, platform)
    with pytest.raises(openmm.OpenMMException):
        ctx.getState(getEnergy=True, getForces=True, groups={1})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_molecules_may_leave_the_box(plugin, network, solvated, mixed, platform):
    topology, positions = solvated
    vectors = np.array(topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer))
    ctx = hosts.context(mixed, positions, platform)
    energy, forces = hosts.evaluate(ctx, {1})
    shifts = np.zeros_like(positions)
    shifts[:22] = np.random.default_rng(3).integers(-1, 2, (22, 3)) @ vectors
    ctx.setPositions(positions + shifts)
    moved, movedForces = hosts.evaluate(ctx, {1})
    tolerance = 1e-6 if platform == "Reference" else 1e-2
    assert moved == pytest.approx(energy, abs=tolerance)
    assert hosts.relativeError(movedForces, forces) < 1e-4


def test_two_contexts_do_not_disturb_each_other(solvated, mixed):
    _, positions = solvated
    other = positions.copy()
    other[:22] += 0.003 * np.random.default_rng(4).normal(size=(22, 3))
    alone = [hosts.energyForces(mixed, x)[0] for x in (positions, other)]
    one, two = hosts.context(mixed, positions), hosts.context(mixed, other)
    for _ in range(3):
        assert [hosts.evaluate(one)[0], hosts.evaluate(two)[0]] == alone
    two.setParameter(LAMBDA, 0)
    assert hosts.evaluate(one)[0] == alone[0]
    del one
    two.setParameter(LAMBDA, 1)
    assert hosts.evaluate(two)[0] == alone[1]


def test_reinitialize_keeps_state(solvated, mixed):
    _, positions = solvated
    ctx = hosts.context(mixed, positions)
    energy = hosts.evaluate(ctx)[0]
    ctx.reinitialize(preserveState=True)
    assert hosts.evaluate(ctx)[0] == energy


def test_checkpoint_goes_on_the_same_way(plugin, network, alanine):
    system = plugin.FragmentPotential(network).createSystem(alanine.topology, constraints=app.HBonds)

    def start():
        integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.001)
        integrator.setRandomNumberSeed(7)
        ctx = hosts.context(system, alanine.positions, integrator=integrator)
        ctx.setVelocitiesToTemperature(300, 5)
        return ctx, integrator

    ctx, integrator = start()
    integrator.step(5)
    checkpoint = ctx.createCheckpoint()
    integrator.step(5)
    expected = ctx.getState(getPositions=True).getPositions(asNumpy=True)._value
    ctx, integrator = start()
    ctx.loadCheckpoint(checkpoint)
    integrator.step(5)
    assert np.array_equal(ctx.getState(getPositions=True).getPositions(asNumpy=True)._value, expected)


def test_minimiser_goes_down_quickly(plugin, network, alanine):
    import time

    system = plugin.FragmentPotential(network).createSystem(alanine.topology)
    ctx = hosts.context(system, alanine.positions)
    before, forces = hosts.evaluate(ctx)
    start = time.time()
    openmm.LocalEnergyMinimizer.minimize(ctx, 10, 100)
    after, forcesAfter = hosts.evaluate(ctx)
    assert after < before and np.abs(forcesAfter).max() < np.abs(forces).max()
    assert time.time() - start < 30


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_minimiser_with_constraints(plugin, fast, chignolin, platform):
    """It lets go of them, and the first steps it tries move hydrogens by up to a nanometre, through their neighbours. No such
    step may raise an error; now and then (one run in thirty) the line search gives up after it and stays at the start."""
    host = hosts.vacuumSystem(chignolin.topology, constraints=app.HBonds)
    system = plugin.FragmentPotential(fast).createMixedSystem(chignolin.topology, host)
    ctx = hosts.context(system, chignolin.positions, platform)
    ctx.applyConstraints(1e-6)
    before, ends = hosts.evaluate(ctx)[0], []
    for _ in range(4 if platform == "CPU" else 1):  # no two runs of the CPU platform are the same
        ctx = hosts.context(system, chignolin.positions, platform)
        openmm.LocalEnergyMinimizer.minimize(ctx, 10, 50)
        ends.append(hosts.evaluate(ctx)[0])
    assert min(ends) < before - 200
    assert max(ends) < before + 5


@pytest.mark.parametrize("platform", PLATFORMS)
def test_minimiser_recovers_from_a_long_step(plugin, trained, chignolin, platform):
    """L-BFGS begins with a step of 1 nm in all coordinates together, which pushes bonded atoms to 0.02 nm: the energy has
    to be a large number there, not an error, so that the line search turns back."""
    system = plugin.FragmentPotential(trained).createSystem(chignolin.topology)
    ctx = hosts.context(system, chignolin.positions, platform)
    before, _ = hosts.evaluate(ctx)
    openmm.LocalEnergyMinimizer.minimize(ctx, 10, 20)
    assert hosts.evaluate(ctx)[0] < before - 100


@pytest.mark.parametrize("platform", PLATFORMS)
def test_barostat(plugin, network, solvated, mixed, platform):
    """Volume moves scale the box and the molecules' centres; the correction does not change when they are rejected."""
    topology, positions = solvated
    system = copy.deepcopy(mixed)
    barostat = openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin, 1)
    barostat.setRandomNumberSeed(11)
    system.addForce(barostat)
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0005)
    ctx = hosts.context(system, positions, platform, integrator=integrator)
    ctx.setParameter(LAMBDA, 0)
    openmm.LocalEnergyMinimizer.minimize(ctx, 10, 50)
    ctx.setParameter(LAMBDA, 1)
    openmm.LocalEnergyMinimizer.minimize(ctx, 10, 20)
    ctx.setVelocitiesToTemperature(300, 2)
    before = ctx.getState().getPeriodicBoxVolume()
    integrator.step(20)
    state = ctx.getState(getPositions=True, getEnergy=True)
    assert state.getPeriodicBoxVolume() != before
    box = np.array(state.getPeriodicBoxVectors().value_in_unit(unit.nanometer))
    expected = plugin.Evaluator(topology, network, precision="double").evaluate(state.getPositions(), box)
    assert hosts.evaluate(ctx, {1})[0] == pytest.approx(expected.energy, abs=1e-2)


def test_virtual_sites_are_untouched(plugin, network, alanine):
    topology, positions = hosts.solvated(alanine, "tip4pew")
    host = hosts.solventSystem(topology, "tip4pew")
    mixed = plugin.FragmentPotential(network, precision="double").createMixedSystem(topology, host, forceGroup=1)
    sites = [i for i in range(host.getNumParticles()) if host.isVirtualSite(i)]
    assert sites and sites == [i for i in range(mixed.getNumParticles()) if mixed.isVirtualSite(i)]
    ctx = hosts.context(mixed, positions)
    ctx.computeVirtualSites()
    expected = correction(plugin, network, topology, positions, "tip4pew")
    assert hosts.evaluate(ctx, {1})[0] == pytest.approx(expected.energy, abs=1e-6)
    ctx.getIntegrator().step(2)
    assert np.isfinite(hosts.evaluate(ctx)[0])


@pytest.mark.parametrize("trust", [True, False])
def test_inside_a_custom_cv_force(plugin, network, alanine, trust):
    """As a collective variable the force stands alone in an inner System, without a force field to compare with: it is
    refused, unless it is told to trust (useHostTerms=0)."""
    positions = alanine.getPositions(asNumpy=True)._value
    plain = plugin.FragmentPotential(network, precision="double").createSystem(alanine.topology, forceGroup=1)
    energy, forces = hosts.evaluate(hosts.context(plain, positions), {1})
    text = openmm.XmlSerializer.serialize(plain.getForce(plain.getNumForces() - 1))
    assert 'useHostTerms="1"' in text
    if trust:
        text = text.replace('useHostTerms="1"', 'useHostTerms="0"')
    system = hosts.vacuumSystem(alanine.topology)
    outer = openmm.CustomCVForce("0.5*delta")
    outer.addCollectiveVariable("delta", openmm.XmlSerializer.deserialize(text))
    outer.setForceGroup(2)
    system.addForce(outer)
    if not trust:
        with pytest.raises(openmm.OpenMMException, match="ff14SB"):
            hosts.context(system, positions)
        return
    half, halfForces = hosts.evaluate(hosts.context(system, positions), {2})
    assert half == pytest.approx(0.5 * energy, abs=1e-6)
    assert hosts.relativeError(halfForces, 0.5 * forces) < 1e-9


def test_multiple_time_steps(plugin, network, alanine):
    """The correction every second step, the host every step: the path of short steps for both."""
    system = plugin.FragmentPotential(network, precision="double").createSystem(alanine.topology, forceGroup=1,
                                                                                removeCMMotion=False)

    def end(integrator, steps):
        ctx = hosts.context(system, alanine.positions, integrator=integrator)
        ctx.setVelocitiesToTemperature(300, 3)
        integrator.step(steps)
        return ctx.getState(getPositions=True).getPositions(asNumpy=True)._value

    start = alanine.getPositions(asNumpy=True)._value
    coarse = end(openmm.MTSIntegrator(0.0004, [(1, 1), (0, 2)]), 50)
    fine = end(openmm.MTSIntegrator(0.0002, [(1, 1), (0, 2)]), 100)
    path = np.abs(fine - start).max()
    assert path > 5e-3 and np.abs(coarse - fine).max() < 0.01 * path


def test_the_gil_is_not_held_up(plugin, network, alanine):
    """Two Python threads, a Context each, step at the same time."""
    import threading

    system = plugin.FragmentPotential(network, threads=1).createSystem(alanine.topology)
    failures = []

    def work():
        try:
            ctx = hosts.context(system, alanine.positions)
            ctx.getIntegrator().step(20)
        except Exception as error:  # reported below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures and not any(thread.is_alive() for thread in threads)
