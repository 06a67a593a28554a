"""SafetyReporter: ends or warns of runs that are no longer a molecule, and keeps the last sound state."""
import csv
import gc
import io

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

KELVIN = 300.0


@pytest.fixture(scope="module")
def system(alanine):
    return app.ForceField("amber14/protein.ff14SB.xml").createSystem(alanine.topology, constraints=app.HBonds)


@pytest.fixture
def simulation(system, alanine):
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.001)
    integrator.setRandomNumberSeed(7)
    simulation = app.Simulation(alanine.topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(alanine.positions)
    simulation.minimizeEnergy(maxIterations=50)
    simulation.context.setVelocitiesToTemperature(KELVIN, 3)
    return simulation


def positions_of(simulation):
    return np.array(simulation.context.getState(getPositions=True).getPositions(asNumpy=True)._value)


def index(topology, residue, name):
    return next(a.index for a in topology.atoms() if a.residue.name == residue and a.name == name)


def look(plugin, simulation, change=None, **options):
    """Two reports, the second at changed positions; the reporter."""
    reporter = plugin.SafetyReporter(None, 1, simulation.topology, simulation.system, **options)
    for k in range(2):
        if k == 1 and change is not None:
            simulation.context.setPositions(change(positions_of(simulation)))
        state = simulation.context.getState(getPositions=True, getVelocities=True)
        reporter.report(simulation, state)
    return reporter


def test_a_sound_run_is_written(plugin, simulation, alanine):
    out = io.StringIO()
    simulation.reporters.append(plugin.SafetyReporter(out, 20, alanine.topology, simulation.system))
    theirs = io.StringIO()
    simulation.reporters.append(app.StateDataReporter(theirs, 20, temperature=True))
    simulation.step(60)
    kelvin = [float(line) for line in theirs.getvalue().splitlines()[1:]]
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [int(row["step"]) for row in rows] == [20, 40, 60]
    assert [float(row["temperature (K)"]) for row in rows] == pytest.approx(kelvin, abs=0.1)
    assert [row["temperature (K)"] for row in rows] == [row["temperature of all (K)"] for row in rows]
    assert all(1.0 < float(row["longest bond ratio"]) < 1.2 and row["problems"] == "" and " of " in row["bond"] for row in rows)


def test_a_restart_goes_on_with_the_file(plugin, simulation, alanine, tmp_path):
    for append, steps in ((True, [5, 10]), (True, [5, 10, 15, 20]), (False, [25, 30])):
        reporter = plugin.SafetyReporter(tmp_path / "safety.csv", 5, alanine.topology, simulation.system, append=append)
        simulation.reporters[:] = [reporter]
        simulation.step(10)
        reporter.close()
        with open(tmp_path / "safety.csv") as file:
            assert [int(row["step"]) for row in csv.DictReader(file)] == steps


def test_a_pulled_bond_ends_the_run_and_the_last_sound_state_is_kept(plugin, system, alanine, tmp_path):
    pulled = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    force = openmm.CustomBondForce("-f*r")
    force.addGlobalParameter("f", 0.0)
    pair = [index(alanine.topology, "ALA", name) for name in ("CA", "CB")]
    force.addBond(*pair, [])
    pulled.addForce(force)
    simulation = app.Simulation(alanine.topology, pulled, openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.001),
                                openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(alanine.positions)
    simulation.minimizeEnergy(maxIterations=50)
    kept = tmp_path / "lastgood.xml"
    simulation.reporters.append(plugin.SafetyReporter(None, 5, alanine.topology, pulled, lastGoodFile=kept,
                                                      maxTemperatureRatio=50))
    simulation.step(20)
    simulation.context.setParameter("f", 20000.0)
    with pytest.raises(plugin.SafetyError, match=r"step \d+: the bond CA to CB of ALA \d+ \(chain \w+\) is .* times.*lastgood.xml"):
        simulation.step(200)
    simulation.context.setParameter("f", 0.0)
    simulation.loadState(str(kept))
    ends = positions_of(simulation)[pair]
    assert 0.1 < np.linalg.norm(ends[0] - ends[1]) < 1.4 * 0.1526
    assert simulation.context.getState().getTime()._value >= 0.0199  # not before the pull


def test_a_moved_proton_is_told_apart(plugin, simulation, alanine):
    hydrogen, oxygen = index(alanine.topology, "ALA", "H"), index(alanine.topology, "ALA", "O")

    def transfer(x):
        away = x[oxygen] - x[index(alanine.topology, "ALA", "C")]
        x[hydrogen] = x[oxygen] + 0.1 * away / np.linalg.norm(away)
        return x

    with pytest.raises(plugin.SafetyError, match=r"H of ALA \d+ \(chain \w+\) has moved from N to O of ALA"):
        look(plugin, simulation, transfer)


@pytest.mark.parametrize("acceptor, length, moved", [("S", 0.15, True), ("O", 0.12, True), ("O", 0.15, False)])
def test_how_near_a_moved_proton_is(plugin, acceptor, length, moved):
    """S-H is 0.134 nm at rest, O-H 0.096 nm."""
    from pluginbridge.moleculecheck import MoleculeCheck

    topology = app.Topology()
    residue = topology.addResidue("X", topology.addChain())
    hydrogen, donor, other = (topology.addAtom(name, app.element.get_by_symbol(name), residue) for name in ("H", "N", acceptor))
    topology.addBond(hydrogen, donor)
    check = MoleculeCheck(topology)
    x = np.array([[0, 0, 0], [0.3, 0, 0], [-length, 0, 0]])
    broken, = check.brokenBonds(x, check.lengths(x) / 0.101, 1.4)
    assert broken.movedTo == (other.index if moved else None)


def test_a_mirror_image_is_noticed(plugin, simulation):
    with pytest.raises(plugin.SafetyError, match=r"CA of ALA \d+ \(chain \w+\) has inverted its chirality"):
        look(plugin, simulation, lambda x: x * [1, 1, -1])


def test_heat_is_noticed(plugin, simulation):
    simulation.context.setVelocitiesToTemperature(3 * KELVIN, 5)
    with pytest.raises(plugin.SafetyError, match=r"temperature of the 22 atoms watched is \d+ K, that of the thermostat 300 K"):
        look(plugin, simulation)
    look(plugin, simulation, temperature=3 * KELVIN)


@pytest.mark.parametrize("hot, named", [("protein", "the 22 atoms watched"), ("water", "all atoms")])
def test_heat_of_a_part(plugin, alanine, hot, named):
    """The protein's heat is lost in that of the water, and the other way round the protein does not show it."""
    topology, x = hosts.solvated(alanine)
    system = hosts.solventSystem(topology)
    run = app.Simulation(topology, system, openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.001),
                         openmm.Platform.getPlatformByName("Reference"))
    run.context.setPositions(x)
    run.context.setVelocitiesToTemperature(KELVIN, 5)
    v = run.context.getState(getVelocities=True).getVelocities(asNumpy=True)._value.copy()
    v[slice(0, 22) if hot == "protein" else slice(22, None)] *= 2
    run.context.setVelocities(v)
    with pytest.raises(plugin.SafetyError, match=f"temperature of {named} is"):
        look(plugin, run)


def test_nan_is_noticed(plugin, simulation):
    with pytest.raises(plugin.SafetyError, match="position of CH3 of ACE .* is not a finite number"):
        look(plugin, simulation, lambda x: np.where(np.arange(len(x))[:, None] == 0, np.nan, x))


def test_bonds_without_a_length_are_measured_against_the_first_report(plugin, alanine, simulation):
    bare = openmm.System()
    for k in range(simulation.system.getNumParticles()):
        bare.addParticle(simulation.system.getParticleMass(k))
    run = app.Simulation(alanine.topology, bare, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    run.context.setPositions(positions_of(simulation))
    out = io.StringIO()
    reporter = plugin.SafetyReporter(out, 1, alanine.topology, bare, temperature=KELVIN)
    for scale in (1.0, 1.25):
        run.context.setPositions(scale * positions_of(simulation))
        reporter.report(run, run.context.getState(getPositions=True, getVelocities=True))
    assert [float(row["longest bond ratio"]) for row in csv.DictReader(io.StringIO(out.getvalue()))] == [1.0, 1.25]


def test_warnings_and_functions(plugin, simulation):
    with pytest.warns(plugin.SafetyWarning, match="inverted"):
        reporter = look(plugin, simulation, lambda x: x * [1, 1, -1], action="warn")
    assert reporter.lastGood is not None
    seen = []
    look(plugin, simulation, lambda x: x * [1, 1, -1], action=lambda run, state, message: seen.append(message))
    assert len(seen) == 1 and "inverted" in seen[0]


def test_atoms_in_other_images_are_no_broken_bonds(plugin, alanine):
    topology, x = hosts.solvated(alanine)
    system = hosts.solventSystem(topology)
    box = np.array(topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer))
    x = x.copy()
    x[3:9] += box[0] - box[2]
    x[20] += box[1] + box[2]
    run = app.Simulation(topology, system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    run.context.setPositions(x)
    reporter = plugin.SafetyReporter(None, 1, topology, system)
    reporter.describeNextReport(run)
    assert reporter.lastGood is not None
    reporter.report(run, run.context.getState(getPositions=True, getVelocities=True))
    x[index(topology, "ALA", "CB")] += 0.1 * np.ones(3) / np.sqrt(3)
    run.context.setPositions(x)
    with pytest.raises(plugin.SafetyError, match="CB"):
        reporter.report(run, run.context.getState(getPositions=True, getVelocities=True))


def test_what_happens_before_the_first_report_is_noticed(plugin, simulation):
    """The start is what later geometries are compared with, and the first state to go back to."""
    reporter = plugin.SafetyReporter(None, 5, simulation.topology, simulation.system)
    reporter.describeNextReport(simulation)
    start = positions_of(simulation)
    assert np.array_equal(reporter.lastGood.getPositions(asNumpy=True)._value, start)
    simulation.context.setPositions(start * [1, 1, -1])
    with pytest.raises(plugin.SafetyError, match="inverted"):
        reporter.report(simulation, simulation.context.getState(getPositions=True, getVelocities=True))


def test_a_step_that_is_much_too_long(plugin, alanine, tmp_path):
    """Flexible bonds at 6 fs: ended by us or by OpenMM, the last sound state is in the file either way."""
    system = hosts.vacuumSystem(alanine.topology)
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.0005)
    integrator.setRandomNumberSeed(7)
    simulation = app.Simulation(alanine.topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(alanine.positions)
    simulation.minimizeEnergy(maxIterations=50)
    kept = tmp_path / "lastgood.xml"
    simulation.reporters.append(plugin.SafetyReporter(None, 10, alanine.topology, system, lastGoodFile=kept))
    simulation.step(100)
    integrator.setStepSize(0.006)
    with pytest.raises((plugin.SafetyError, openmm.OpenMMException)):
        simulation.step(5000)
    broke = simulation.context.getState().getTime()._value
    simulation.reporters.clear()  # as when a script ends
    gc.collect()
    simulation.loadState(str(kept))
    state = simulation.context.getState(getPositions=True, getEnergy=True)
    assert 0.0499 < state.getTime()._value < broke and np.isfinite(state.getPotentialEnergy()._value)
    assert not list(tmp_path.glob("*.part"))


def test_looks_are_closer_while_a_bond_is_long(plugin, simulation, alanine):
    reporter = plugin.SafetyReporter(None, 100, alanine.topology, simulation.system)
    assert reporter.describeNextReport(simulation)[0] == 100
    x = positions_of(simulation)
    carbon, beta = (index(alanine.topology, "ALA", name) for name in ("CA", "CB"))
    x[beta] = x[carbon] + 1.3 * (x[beta] - x[carbon])
    simulation.context.setPositions(x)
    before = reporter.lastGood
    reporter.report(simulation, simulation.context.getState(getPositions=True, getVelocities=True))
    assert reporter.describeNextReport(simulation)[0] == 10 and reporter.lastGood is before


@pytest.mark.parametrize("bath", ["integrator", "multiple time steps", "thermostat"])
def test_the_bath_tells_what_is_hot(plugin, network, alanine, bath):
    system = plugin.FragmentPotential(network).createMixedSystem(alanine.topology, hosts.vacuumSystem(alanine.topology),
                                                                 forceGroup=1)
    integrator = {"integrator": lambda: openmm.LangevinIntegrator(KELVIN, 1.0, 0.001), "thermostat": lambda:
                  openmm.VerletIntegrator(0.001), "multiple time steps": lambda: plugin.multipleTimeStepIntegrator(
                      system, 0.002, 2, KELVIN)}[bath]()
    if bath == "thermostat":
        system.addForce(openmm.AndersenThermostat(KELVIN, 1.0))
    simulation = app.Simulation(alanine.topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(alanine.positions)
    simulation.context.setVelocitiesToTemperature(4 * KELVIN, 5)
    with pytest.raises(plugin.SafetyError, match="thermostat 300 K"):
        look(plugin, simulation)


def test_without_a_protein_everything_is_watched(plugin):
    topology = app.Topology()
    residue = topology.addResidue("LIG", topology.addChain())
    a, b = (topology.addAtom(name, app.element.carbon, residue) for name in ("C1", "C2"))
    topology.addBond(a, b)
    system = openmm.System()
    for _ in range(2):
        system.addParticle(12)
    simulation = app.Simulation(topology, system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions([[0, 0, 0], [0.15, 0, 0]])
    with pytest.raises(plugin.SafetyError, match="C1 to C2 of LIG .* is 3.00 A long, 2.00 times"):
        look(plugin, simulation, lambda x: 2 * x)


@pytest.mark.parametrize("wrong, names", [
    ({"reportInterval": 0}, "reportInterval"), ({"maxBondRatio": 0.9}, "maxBondRatio"), ({"action": "halt"}, "halt"),
    ({"maxTemperatureRatio": 1.0}, "maxTemperatureRatio"), ({"temperature": -3}, "temperature"), ({"atoms": [99]}, "atoms")])
def test_wrong_arguments_are_named(plugin, system, alanine, wrong, names):
    arguments = {"file": None, "reportInterval": 1, "topology": alanine.topology, "system": system} | wrong
    with pytest.raises(plugin.InvalidArgumentError, match=names):
        plugin.SafetyReporter(**arguments)


def test_another_systems_topology_is_refused(plugin, alanine):
    with pytest.raises(plugin.InvalidArgumentError, match="particles"):
        plugin.SafetyReporter(None, 1, alanine.topology, openmm.System())
