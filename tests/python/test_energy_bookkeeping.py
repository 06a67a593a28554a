"""E = E_host + lambda * correction, each side computed by itself: nothing is counted twice, nothing is lost."""
import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app  # noqa: E402

LAMBDA = "FragmentedPotentialForce_lambda"
SCHEMES = ["whole", "dipeptide", "window2", "window3", "window2+pairs"]


@pytest.fixture(scope="module", params=["capped pentapeptide", "GYDPETGTWG"])
def solvated(request, pentapeptide, chignolin):
    return hosts.solvated(pentapeptide if request.param.startswith("capped") else chignolin)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_total_is_host_plus_correction(plugin, any_network, solvated, scheme):
    topology, positions = solvated
    host = hosts.solventSystem(topology)
    energy, forces = hosts.energyForces(
        plugin.FragmentPotential(any_network, scheme, "double").createMixedSystem(topology, host), positions)
    hostEnergy, hostForces = hosts.energyForces(host, positions)
    # the host leaves out the terms of constrained bonds; an absolute potential must not take them away either
    ours = plugin.Evaluator(topology, any_network, scheme, "double", system=host).evaluate(
        positions, topology.getPeriodicBoxVectors())
    assert ours.energy != 0
    assert energy == pytest.approx(hostEnergy + ours.energy, abs=1e-9 * abs(hostEnergy))
    assert hosts.relativeError(forces, hostForces + ours.forces) < 1e-9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lambda_zero_is_the_plain_host_to_the_last_bit(plugin, network, solvated, scheme):
    topology, positions = solvated
    host = hosts.solventSystem(topology)
    hostEnergy, hostForces = hosts.energyForces(host, positions)
    mixed = plugin.FragmentPotential(network, scheme).createMixedSystem(topology, host, lambda_value=0)
    energy, forces = hosts.energyForces(mixed, positions)
    assert energy == hostEnergy
    assert np.array_equal(forces, hostForces)


def test_constrained_bonds_at_their_length_make_no_difference(plugin, alanine):
    """An absolute potential on a host with constraints and on one without: the same energy once they are fulfilled."""
    from conftest import FIXTURE_MODELS

    rigid, flexible = (hosts.vacuumSystem(alanine.topology, constraints=c) for c in (app.HBonds, None))
    ctx = hosts.context(rigid, alanine.positions)
    ctx.applyConstraints(1e-10)
    positions = ctx.getState(getPositions=True).getPositions(asNumpy=True)._value
    potential = plugin.FragmentPotential(FIXTURE_MODELS / "small.safetensors", precision="double")
    energies = [hosts.energyForces(potential.createMixedSystem(alanine.topology, host), positions)[0]
                for host in (rigid, flexible)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-5)


def test_energy_is_linear_in_lambda(plugin, network, solvated):
    topology, positions = solvated
    mixed = plugin.FragmentPotential(network, precision="double").createMixedSystem(
        topology, hosts.solventSystem(topology))
    ctx = hosts.context(mixed, positions)
    values = np.array([-0.5, 0.0, 0.25, 0.5, 1.0, 2.0])
    energies, forces = [], []
    for value in values:
        ctx.setParameter(LAMBDA, value)
        energy, force = hosts.evaluate(ctx)
        energies.append(energy)
        forces.append(force)
    line = energies[1] + values * (energies[4] - energies[1])
    assert np.abs(np.array(energies) - line).max() < 1e-9 * np.abs(energies).max()
    for value, force in zip(values, forces):
        expected = forces[1] + value * (forces[4] - forces[1])
        assert hosts.relativeError(force, expected) < 1e-9


def test_ff14sb_as_a_potential_changes_nothing(plugin, solvated):
    """The zero correction: the region goes from ff14SB to ff14SB."""
    topology, positions = solvated
    host = hosts.solventSystem(topology, constraints=None)
    energy, forces = hosts.energyForces(plugin.FragmentPotential("ff14sb").createMixedSystem(topology, host), positions)
    hostEnergy, hostForces = hosts.energyForces(host, positions)
    assert energy == hostEnergy and np.array_equal(forces, hostForces)


def test_the_region_in_vacuo_is_the_potential_alone(plugin, gfn2, alanine):
    """An absolute potential on a molecule in vacuo: what is left of the host's energy is nothing, and what is there is
    GFN2's, from the xtb program itself."""
    import shutil
    import subprocess
    import tempfile

    if shutil.which("xtb") is None:
        pytest.skip("the program xtb is not installed")
    positions = alanine.getPositions(asNumpy=True)._value
    system = plugin.FragmentPotential(gfn2).createMixedSystem(alanine.topology, hosts.vacuumSystem(alanine.topology))
    energy, _ = hosts.energyForces(system, positions)
    symbols = [atom.element.symbol for atom in alanine.topology.atoms()]
    # a generic rotation: libxtb's gradient is wrong on aligned geometries, its energy is not affected
    lines = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(symbols, positions * 10)]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/molecule.xyz", "w") as file:
            file.write("\n".join([str(len(lines)), ""] + lines) + "\n")
        result = subprocess.run(["xtb", "molecule.xyz", "--gfn", "2", "--acc", "0.1"], cwd=folder, capture_output=True,
                                text=True, timeout=120)
    hartree = float(next(line for line in result.stdout.splitlines() if "TOTAL ENERGY" in line).split()[3])
    assert energy == pytest.approx(hartree * 2625.4996395, abs=0.01)


@pytest.mark.parametrize("constraints", [app.HBonds, app.AllBonds, app.HAngles])
def test_terms_that_constraints_replace_come_back(plugin, alanine, constraints):
    """With ff14SB as the potential, a host that leaves bonds and angles to constraints gives the energy of one that does
    not, at any geometry: OpenMM's own bond and angle terms."""
    rigid, flexible = (hosts.vacuumSystem(alanine.topology, constraints=c) for c in (constraints, None))
    positions = alanine.getPositions(asNumpy=True)._value
    positions = positions + np.random.default_rng(2).normal(0, 0.004, positions.shape)
    expected, forces = hosts.energyForces(flexible, positions)
    assert abs(hosts.energyForces(rigid, positions)[0] - expected) > 10
    found, same = hosts.energyForces(plugin.FragmentPotential("ff14sb").createMixedSystem(alanine.topology, rigid), positions)
    assert found == pytest.approx(expected, rel=1e-6)
    assert hosts.relativeError(same, forces) < 1e-6


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constraints_do_not_change_the_energy(plugin, any_network, chignolin, scheme):
    """Nor need they be fulfilled: a minimiser lets go of them."""
    potential = plugin.FragmentPotential(any_network, scheme, "double")
    (rigid, there), (flexible, here) = (
        hosts.energyForces(potential.createMixedSystem(chignolin.topology, hosts.vacuumSystem(
            chignolin.topology, constraints=c)), chignolin.positions) for c in (app.HBonds, None))
    assert rigid == pytest.approx(flexible, rel=1e-6)
    assert hosts.relativeError(there, here) < 1e-6
