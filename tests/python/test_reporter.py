"""UncertaintyReporter: an ensemble watches the simulation of a single network."""
import csv
import io
import warnings

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from ensembles import members_of, spread_of, write_ensemble  # noqa: E402
from openmm import app, unit  # noqa: E402

KCAL_PER_ANGSTROM = unit.kilocalorie_per_mole / unit.angstrom


@pytest.fixture(scope="module")
def committee(network, tmp_path_factory):
    return write_ensemble(tmp_path_factory.mktemp("ensemble"), network, calibration=(0.5, 1.5))


@pytest.fixture(scope="module")
def vacuum(plugin, network, alanine):
    """Capped alanine on one network."""
    return plugin.FragmentPotential(network).createSystem(alanine.topology)


def simulation_of(system, topology, positions):
    integrator = openmm.VerletIntegrator(0.0005)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(positions)
    return simulation


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_lines_are_what_the_ensemble_says(plugin, committee, vacuum, alanine, tmp_path):
    simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
    path = tmp_path / "uncertainty.csv"
    reporter = plugin.UncertaintyReporter(path, 4, alanine.topology, committee, worst=2)
    simulation.reporters.append(reporter)
    frames = {}
    for _ in range(3):
        simulation.step(4)
        state = simulation.context.getState(getPositions=True)
        frames[simulation.currentStep] = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    rows = rows_of(path.read_text())
    assert [int(row["step"]) for row in rows] == [4, 8, 12]
    assert [float(row["time (ps)"]) for row in rows] == pytest.approx([0.002, 0.004, 0.006])
    members = [plugin.Evaluator(alanine.topology, member) for member in members_of(committee)]
    for row in rows:
        results = [member.evaluate(frames[int(row["step"])]) for member in members]
        spreads = spread_of([r.forces for r in results])
        errors = np.sqrt(0.5**2 + (1.5 * spreads / 41.84)**2)
        expected = (np.std([r.energy for r in results], ddof=1), spreads.mean(), spreads.max(), errors.mean(), errors.max())
        found = [float(row[key]) for key in list(row)[2:7]]
        assert found == pytest.approx(expected, rel=1e-3)
        assert row["over threshold"] == "0"
        named = row["worst atoms"].split("; ")
        atoms = list(alanine.topology.atoms())
        worst = [atoms[k] for k in np.argsort(spreads)[::-1][:2]]
        assert [text.rsplit(" ", 1)[0] for text in named] == \
            [f"{a.name} of {a.residue.name} {a.residue.id} (chain {a.residue.chain.id})" for a in worst]
    assert reporter.uncertainty.forceSpreads.shape == (22,)
    reporter.close()


def test_watching_does_not_change_the_simulation(plugin, committee, vacuum, alanine):
    ends = []
    for watched in (False, True):
        simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
        if watched:
            simulation.reporters.append(plugin.UncertaintyReporter(io.StringIO(), 3, alanine.topology, committee))
        simulation.step(9)
        ends.append(simulation.context.getState(getPositions=True).getPositions(asNumpy=True)._value)
    np.testing.assert_array_equal(*ends)


def test_a_box_and_water(plugin, network, committee, alanine):
    topology, positions = hosts.solvated(alanine)
    mixed = plugin.FragmentPotential(network).createMixedSystem(topology, hosts.solventSystem(topology))
    vectors = np.array(topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer))
    shifted = positions.copy()
    shifted[3:9] += vectors[0] - vectors[2]  # other images of some atoms
    lines = []
    for start in (positions, shifted):
        out = io.StringIO()
        simulation = simulation_of(mixed, topology, start)
        reporter = plugin.UncertaintyReporter(out, 1, topology, committee)
        reporter.report(simulation, simulation.context.getState(getPositions=True))
        row = rows_of(out.getvalue())[0]
        lines.append([float(row[key]) for key in list(row)[2:7]])
        protein = [a.index for a in topology.atoms() if a.residue.name in ("ACE", "ALA", "NME")]
        assert set(np.flatnonzero(reporter.uncertainty.forceSpreads)) == set(protein)
    assert lines[0] == pytest.approx(lines[1], rel=1e-4)


def test_warnings_name_the_atoms(plugin, committee, vacuum, alanine):
    simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
    out = io.StringIO()
    simulation.reporters.append(plugin.UncertaintyReporter(out, 2, alanine.topology, committee,
                                                           maxError=1e-3 * KCAL_PER_ANGSTROM))
    with pytest.warns(plugin.UncertaintyWarning, match=r"step 2: .*'committee'.*expected force error.*kcal/mol/A.*"
                                                       r"at \w+ of (ACE|ALA|NME) \d \(chain A\)") as caught:
        simulation.step(4)
    assert len(caught) == 2
    assert [row["over threshold"] for row in rows_of(out.getvalue())] == ["1", "1"]


def test_thresholds_that_are_not_reached(plugin, committee, vacuum, alanine):
    simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
    simulation.reporters.append(plugin.UncertaintyReporter(io.StringIO(), 1, alanine.topology, committee, maxSpread=1e9,
                                                           maxError=1e9, action="stop"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", plugin.UncertaintyWarning)
        simulation.step(2)


def test_stop_ends_the_run_after_writing(plugin, committee, vacuum, alanine):
    simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
    out = io.StringIO()
    simulation.reporters.append(plugin.UncertaintyReporter(out, 5, alanine.topology, committee, maxSpread=1e-3,
                                                           action="stop"))
    with pytest.raises(plugin.UncertaintyError, match="step 5: .*force spread"):
        simulation.step(100)
    assert simulation.currentStep == 5
    assert [row["step"] for row in rows_of(out.getvalue())] == ["5"]


def test_a_function_as_action(plugin, committee, vacuum, alanine):
    simulation = simulation_of(vacuum, alanine.topology, alanine.positions)
    seen = []

    def save(simulation, state, message):
        seen.append((simulation.currentStep, len(state.getPositions()), message))

    simulation.reporters.append(plugin.UncertaintyReporter(io.StringIO(), 5, alanine.topology, committee, maxSpread=1e-3,
                                                           action=save))
    simulation.step(10)
    assert [(step, atoms) for step, atoms, _ in seen] == [(5, 22), (10, 22)]


def test_units_of_thresholds(plugin, committee, alanine):
    """1 kcal/mol/angstrom is 41.84 kJ/mol/nm."""
    make = lambda value: plugin.UncertaintyReporter(io.StringIO(), 1, alanine.topology, committee, maxError=value)  # noqa: E731
    assert make(1 * KCAL_PER_ANGSTROM)._maxError == pytest.approx(41.84)
    assert make(50.0)._maxError == 50
    for wrong in (0, -1, float("nan"), 3 * unit.nanometer, [1.0, 2.0]):
        with pytest.raises(plugin.InvalidArgumentError, match="maxError"):
            make(wrong)


@pytest.mark.parametrize("options, message", [
    ({"reportInterval": 0}, "reportInterval"), ({"reportInterval": 1.5}, "reportInterval"), ({"worst": 0}, "worst"),
    ({"action": "shout"}, "shout")])
def test_wrong_options(plugin, committee, alanine, options, message):
    arguments = {"file": io.StringIO(), "reportInterval": 1, "topology": alanine.topology, "model": committee, **options}
    with pytest.raises(plugin.InvalidArgumentError, match=message):
        plugin.UncertaintyReporter(**arguments)


def test_models_that_cannot_tell(plugin, network, alanine, tmp_path):
    with pytest.raises(plugin.UnsupportedError, match="'tiny' is no ensemble"):
        plugin.UncertaintyReporter(tmp_path / "none.csv", 1, alanine.topology, network)
    assert not (tmp_path / "none.csv").exists()
    plain = write_ensemble(tmp_path, network, "plain")
    with pytest.raises(plugin.UnsupportedError, match="'plain' has no calibration.*maxSpread"):
        plugin.UncertaintyReporter(io.StringIO(), 1, alanine.topology, plain, maxError=5.0)
    out = io.StringIO()
    simulation = simulation_of(plugin.FragmentPotential(network).createSystem(alanine.topology), alanine.topology,
                               alanine.positions)
    simulation.reporters.append(plugin.UncertaintyReporter(out, 1, alanine.topology, plain))
    simulation.step(1)
    row = rows_of(out.getvalue())[0]
    assert row["max expected force error (kcal/mol/A)"] == "" and float(row["max force spread (kJ/mol/nm)"]) > 0
