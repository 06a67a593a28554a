"""FragmentPotential: what it does to a System, what it leaves alone, what it refuses and how it says so."""
import copy

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

LAMBDA = "FragmentedPotentialForce_lambda"


def xml(thing):
    return openmm.XmlSerializer.serialize(thing)


def delete(pdb, wanted):
    """Topology and positions without some atoms."""
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.delete([a for a in pdb.topology.atoms() if wanted(a)])
    return modeller.topology, modeller.positions


# ---------------------------------------------------------------- what it adds


def test_adds_one_force_and_leaves_the_rest(plugin, network, alanine):
    topology, _ = hosts.solvated(alanine)
    host = hosts.solventSystem(topology)
    host.addForce(openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin))
    before = xml(host)
    mixed = plugin.FragmentPotential(network).createMixedSystem(topology, host, forceGroup=3)
    assert xml(host) == before
    assert mixed.getNumForces() == host.getNumForces() + 1
    assert mixed.getForce(host.getNumForces()).getForceGroup() == 3
    for index in range(host.getNumForces()):
        assert xml(mixed.getForce(index)) == xml(host.getForce(index))
    assert mixed.getNumConstraints() == host.getNumConstraints()
    assert mixed.usesPeriodicBoundaryConditions()


def test_the_protein_is_found(pb, pentapeptide):
    topology, _ = hosts.solvated(pentapeptide)
    assert pb.proteinAtoms(topology) == list(range(pentapeptide.topology.getNumAtoms()))


def test_water_alone_is_no_protein(pb, alanine):
    topology, _ = delete(hosts_pdb(alanine), lambda a: a.residue.name in ("ACE", "ALA", "NME"))
    with pytest.raises(pb.TopologyError, match="no protein"):
        pb.proteinAtoms(topology)


def hosts_pdb(pdb):
    """A solvated peptide in the shape of a PDBFile."""
    topology, positions = hosts.solvated(pdb)
    return type("Solvated", (), dict(topology=topology, positions=positions * unit.nanometer))


def test_lambda_names(plugin, network, alanine):
    host = hosts.vacuumSystem(alanine.topology)

    def parameters(potential, **args):
        mixed = potential.createMixedSystem(alanine.topology, host, **args)
        return dict(hosts.context(mixed, alanine.positions).getParameters())

    plain = plugin.FragmentPotential(network)
    assert plain.lambda_name == LAMBDA
    assert parameters(plain) == {LAMBDA: 1}
    assert parameters(plain, lambda_value=0.25) == {LAMBDA: 0.25}
    assert parameters(plain, interpolate=True) == {"lambda_interpolate": 1}
    assert parameters(plugin.FragmentPotential(network, lambda_name="mine"), interpolate=True) == {"mine": 1}


def test_create_system_is_force_field_plus_correction(plugin, network, pentapeptide):
    system = plugin.FragmentPotential(network, precision="double").createSystem(pentapeptide.topology)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    energy, forces = hosts.energyForces(system, positions)
    total, expected = plugin.energy(pentapeptide.topology, positions, network, precision="double", quantity="total")
    assert energy == pytest.approx(total, abs=1e-3)
    assert hosts.relativeError(forces, expected) < 1e-6
    assert any(isinstance(f, openmm.CMMotionRemover) for f in system.getForces())
    quiet = plugin.FragmentPotential(network).createSystem(pentapeptide.topology, False, constraints=app.HBonds)
    assert not any(isinstance(f, openmm.CMMotionRemover) for f in quiet.getForces())
    assert quiet.getNumConstraints() > 0


@pytest.mark.parametrize("scheme", ["whole", "dipeptide", "window2", "window3"])
def test_a_region_inside_a_chain(plugin, any_network, pentapeptide, scheme):
    residues = list(pentapeptide.topology.residues())[2:4]
    atoms = [atom.index for residue in residues for atom in residue.atoms()]
    host = hosts.vacuumSystem(pentapeptide.topology)
    positions = pentapeptide.getPositions(asNumpy=True)._value
    potential = plugin.FragmentPotential(any_network, scheme, precision="double")
    mixed = potential.createMixedSystem(pentapeptide.topology, host, atoms, forceGroup=1)
    energy, forces = hosts.evaluate(hosts.context(mixed, positions), {1})
    expected = plugin.Evaluator(pentapeptide.topology, any_network, scheme, "double", atoms=atoms).evaluate(positions)
    assert energy == pytest.approx(expected.energy, abs=1e-6)
    assert hosts.relativeError(forces, expected.forces) < 1e-9
    far = [a.index for a in pentapeptide.topology.atoms() if a.residue.name == "NME" and a.name != "N"]
    assert not forces[far].any()


# ---------------------------------------------------------------- constraints


@pytest.mark.parametrize("kind", [app.HBonds, app.AllBonds, app.HAngles])
def test_removed_constraints_get_their_terms_back(plugin, network, pentapeptide, kind):
    topology, positions = hosts.solvated(pentapeptide)
    rigid, flexible = hosts.solventSystem(topology, constraints=kind), hosts.solventSystem(topology, constraints=None)
    potential = plugin.FragmentPotential(network, precision="double")
    kept = potential.createMixedSystem(topology, rigid)
    assert kept.getNumConstraints() == rigid.getNumConstraints()
    released = potential.createMixedSystem(topology, rigid, removeConstraints=True)
    assert released.getNumConstraints() == flexible.getNumConstraints()  # water stays rigid
    energy, forces = hosts.energyForces(released, positions)
    expected, expectedForces = hosts.energyForces(potential.createMixedSystem(topology, flexible), positions)
    assert energy == pytest.approx(expected, rel=1e-9)
    assert hosts.relativeError(forces, expectedForces) < 1e-9


def test_flexible_constraints_are_not_doubled(plugin, network, alanine):
    positions = alanine.positions
    host = hosts.vacuumSystem(alanine.topology, constraints=app.HBonds, flexibleConstraints=True)
    potential = plugin.FragmentPotential(network)
    released = potential.createMixedSystem(alanine.topology, host, removeConstraints=True)
    plain = potential.createMixedSystem(alanine.topology, hosts.vacuumSystem(alanine.topology))
    assert released.getNumConstraints() == 0
    assert hosts.energyForces(released, positions)[0] == pytest.approx(hosts.energyForces(plain, positions)[0])


def test_a_foreign_constraint_is_not_guessed(plugin, gfn2, alanine):
    host = hosts.vacuumSystem(alanine.topology, constraints=app.HBonds)
    a, b, length = host.getConstraintParameters(2)
    host.setConstraintParameters(2, a, b, length * 1.01)
    with pytest.raises(plugin.ForceFieldMismatchError, match="constraints=None"):
        plugin.FragmentPotential(gfn2).createMixedSystem(alanine.topology, host, removeConstraints=True)


# ---------------------------------------------------------------- hosts


@pytest.mark.parametrize("args", [dict(constraints=app.HBonds), dict(constraints=app.HAngles),
                                  dict(constraints=app.AllBonds), dict(hydrogenMass=3 * unit.amu),
                                  dict(constraints=app.HBonds, flexibleConstraints=True)], ids=str)
def test_ff14sb_hosts_are_accepted(plugin, network, chignolin, args):
    host = hosts.vacuumSystem(chignolin.topology, **args)
    plugin.FragmentPotential(network).createMixedSystem(chignolin.topology, host)


def test_merged_and_split_forces_are_accepted(plugin, network, pentapeptide):
    """The same terms in other forces, another order, and torsions turned round, as other readers write them."""
    host = hosts.vacuumSystem(pentapeptide.topology)
    for index, force in enumerate(host.getForces()):
        if isinstance(force, openmm.PeriodicTorsionForce):
            one, other = openmm.PeriodicTorsionForce(), openmm.PeriodicTorsionForce()
            for k in reversed(range(force.getNumTorsions())):
                a, b, c, d, *values = force.getTorsionParameters(k)
                (one if k % 2 else other).addTorsion(d, c, b, a, *values)
            host.removeForce(index)
            break
    host.addForce(one)
    host.addForce(other)
    plugin.FragmentPotential(network).createMixedSystem(pentapeptide.topology, host)


def test_impropers_in_another_order_and_split_torsions_are_accepted(plugin, network, pentapeptide):
    """tleap orders an improper's outer atoms by type, OpenMM by index; some writers split or merge equal torsions."""
    host = hosts.vacuumSystem(pentapeptide.topology)
    torsions = next(f for f in host.getForces() if isinstance(f, openmm.PeriodicTorsionForce))
    bonded = {frozenset((a.index, b.index)) for a, b in pentapeptide.topology.bonds()}
    reordered = split = 0
    for index in range(torsions.getNumTorsions()):
        a, b, c, d, n, phase, k = torsions.getTorsionParameters(index)
        if not all(frozenset(pair) in bonded for pair in ((a, b), (b, c), (c, d))):
            torsions.setTorsionParameters(index, b, a, c, d, n, phase, k)  # the third is the centre
            reordered += 1
        elif index % 7 == 0:
            torsions.setTorsionParameters(index, a, b, c, d, n, phase, 0.5 * k)
            torsions.addTorsion(a, b, c, d, n, phase, 0.5 * k)
            split += 1
    assert reordered > 5 and split > 5
    plugin.FragmentPotential(network).createMixedSystem(pentapeptide.topology, host)


@pytest.mark.parametrize("files", [("charmm36.xml",), ("amber99sb.xml",), ("amber14/protein.ff15ipq.xml",)],
                         ids=lambda f: f[0])
def test_other_force_fields_are_refused_by_a_term(plugin, network, chignolin, files):
    host = app.ForceField(*files).createSystem(chignolin.topology)
    with pytest.raises(plugin.PluginBridgeError) as error:
        plugin.FragmentPotential(network).createMixedSystem(chignolin.topology, host)
    assert "ff14SB" in str(error.value) or "ff14sb" in str(error.value) or "force field" in str(error.value)
    assert isinstance(error.value, ValueError)


def test_ff99sb_differs_by_a_named_torsion(plugin, network, pentapeptide):
    """ff14SB has ff99SB's charges; only torsions tell them apart."""
    host = app.ForceField("amber99sb.xml").createSystem(pentapeptide.topology)
    with pytest.raises(plugin.ForceFieldMismatchError, match="(?i)torsion"):
        plugin.FragmentPotential(network).createMixedSystem(pentapeptide.topology, host)


@pytest.mark.parametrize("what", ["charge", "epsilon", "bond", "angle", "torsion", "exception", "missing torsion"])
def test_one_changed_term_is_named(plugin, network, pentapeptide, what):
    host = copy.deepcopy(hosts.vacuumSystem(pentapeptide.topology))
    forces = {type(f).__name__: f for f in host.getForces()}
    nonbonded = forces["NonbondedForce"]
    if what in ("charge", "epsilon"):
        q, sigma, epsilon = nonbonded.getParticleParameters(30)
        nonbonded.setParticleParameters(30, q + (0.001 * unit.elementary_charge if what == "charge" else 0 * q), sigma,
                                        epsilon * (1.01 if what == "epsilon" else 1))
    elif what == "exception":
        index = next(i for i in range(nonbonded.getNumExceptions())
                     if nonbonded.getExceptionParameters(i)[2]._value != 0)
        a, b, q, sigma, epsilon = nonbonded.getExceptionParameters(index)
        nonbonded.setExceptionParameters(index, a, b, q * 1.01, sigma, epsilon)
    elif what == "bond":
        a, b, r, k = forces["HarmonicBondForce"].getBondParameters(5)
        forces["HarmonicBondForce"].setBondParameters(5, a, b, r * 1.001, k)
    elif what == "angle":
        a, b, c, theta, k = forces["HarmonicAngleForce"].getAngleParameters(5)
        forces["HarmonicAngleForce"].setAngleParameters(5, a, b, c, theta, k * 1.01)
    else:
        torsions = forces["PeriodicTorsionForce"]
        index = next(i for i in range(torsions.getNumTorsions()) if torsions.getTorsionParameters(i)[6]._value > 1)
        a, b, c, d, n, phase, k = torsions.getTorsionParameters(index)
        torsions.setTorsionParameters(index, a, b, c, d, n, phase, k * (1.01 if what == "torsion" else 0))
    with pytest.raises(plugin.ForceFieldMismatchError) as error:
        plugin.FragmentPotential(network).createMixedSystem(pentapeptide.topology, host)
    names = {residue.name for residue in pentapeptide.topology.residues()}
    assert any(name in str(error.value) for name in names), str(error.value)


def test_absolute_potentials_take_any_additive_host(plugin, gfn2, alanine):
    """GFN2 on ff15ipq: the host's own terms are what is taken away, so that the region ends at GFN2 alone."""
    host = app.ForceField("amber14/protein.ff15ipq.xml").createSystem(alanine.topology)
    reference = hosts.vacuumSystem(alanine.topology)
    potential = plugin.FragmentPotential(gfn2)
    energies = [hosts.energyForces(potential.createMixedSystem(alanine.topology, system), alanine.positions)
                for system in (host, reference)]
    assert energies[0][0] == pytest.approx(energies[1][0], abs=1e-3)
    assert hosts.relativeError(energies[0][1], energies[1][1]) < 1e-5


def test_plain_cutoffs_are_refused(plugin, network, alanine):
    topology, _ = hosts.solvated(alanine)
    host = hosts.solventSystem(topology, nonbondedMethod=app.CutoffPeriodic)
    with pytest.raises(plugin.UnsupportedError, match="PME"):
        plugin.FragmentPotential(network).createMixedSystem(topology, host)


def test_alchemical_offsets_in_the_region_are_refused(plugin, network, alanine):
    host = hosts.vacuumSystem(alanine.topology)
    nonbonded = next(f for f in host.getForces() if isinstance(f, openmm.NonbondedForce))
    nonbonded.addGlobalParameter("scale", 1)
    nonbonded.addParticleParameterOffset("scale", 3, 0.1, 0, 0)
    with pytest.raises(plugin.UnsupportedError, match="scale"):
        plugin.FragmentPotential(network).createMixedSystem(alanine.topology, host)


def test_charges_and_lennard_jones_may_be_two_forces(plugin, network, alanine):
    host = hosts.vacuumSystem(alanine.topology)
    index, both = next((i, f) for i, f in enumerate(host.getForces()) if isinstance(f, openmm.NonbondedForce))
    charges, sizes = copy.deepcopy(both), copy.deepcopy(both)
    for particle in range(both.getNumParticles()):
        q, sigma, epsilon = both.getParticleParameters(particle)
        charges.setParticleParameters(particle, q, sigma, 0)
        sizes.setParticleParameters(particle, 0, sigma, epsilon)
    for k in range(both.getNumExceptions()):
        a, b, q, sigma, epsilon = both.getExceptionParameters(k)
        charges.setExceptionParameters(k, a, b, q, sigma, 0)
        sizes.setExceptionParameters(k, a, b, 0, sigma, epsilon)
    host.removeForce(index)
    host.addForce(charges)
    host.addForce(sizes)
    mixed = plugin.FragmentPotential(network).createMixedSystem(alanine.topology, host)
    hosts.context(mixed, alanine.positions)
    host.addForce(copy.deepcopy(charges))
    with pytest.raises(plugin.UnsupportedError, match="two NonbondedForces"):
        plugin.FragmentPotential(network).createMixedSystem(alanine.topology, host)


@pytest.mark.parametrize("first", [True, False])
def test_a_nonbonded_force_without_parameters_adds_nothing(pb, any_network, alanine, first):
    host = hosts.vacuumSystem(alanine.topology)
    empty = openmm.NonbondedForce()
    empty.setNonbondedMethod(empty.CutoffNonPeriodic)
    for _ in range(host.getNumParticles()):
        empty.addParticle(0, 0.1, 0)
    forces = [copy.deepcopy(force) for force in host.getForces()]
    both = copy.deepcopy(host)
    for index in reversed(range(both.getNumForces())):
        both.removeForce(index)
    for force in [empty] + forces if first else forces + [empty]:
        both.addForce(copy.deepcopy(force))
    plain, extended = (pb.Evaluator(alanine.topology, any_network, precision="double", system=system).evaluate(
        alanine.positions) for system in (host, both))
    assert extended.energy == plain.energy and np.array_equal(extended.forces, plain.forces)


# ---------------------------------------------------------------- refusals


def test_options_that_do_not_exist(plugin, network, alanine):
    host = hosts.vacuumSystem(alanine.topology)
    with pytest.raises(plugin.InvalidArgumentError, match="precision 'half'"):
        plugin.FragmentPotential(network, precision="half")
    with pytest.raises(plugin.InvalidArgumentError, match="threads"):
        plugin.FragmentPotential(network, threads=0)
    with pytest.raises(plugin.InvalidArgumentError, match="scheme 'halves'.*dipeptide"):
        plugin.FragmentPotential(network, "halves")
    potential = plugin.FragmentPotential(network)
    with pytest.raises(plugin.InvalidArgumentError, match="embedding 'electrostatic'"):
        potential.createMixedSystem(alanine.topology, host, embedding="electrostatic")
    with pytest.raises(plugin.InvalidArgumentError, match="forceGroup 32"):
        potential.createMixedSystem(alanine.topology, host, forceGroup=32)
    with pytest.raises(plugin.InvalidArgumentError, match="index 22"):
        potential.createMixedSystem(alanine.topology, host, atoms=[0, 22])
    with pytest.raises(plugin.InvalidArgumentError, match="empty"):
        potential.createMixedSystem(alanine.topology, host, atoms=[])
    with pytest.raises(plugin.InvalidArgumentError, match="vacuo"):
        potential.createSystem(alanine.topology, nonbondedMethod=app.PME)


def test_half_a_residue_is_refused(plugin, network, alanine):
    with pytest.raises(plugin.PluginBridgeError, match="ALA 2"):
        plugin.FragmentPotential(network).createMixedSystem(
            alanine.topology, hosts.vacuumSystem(alanine.topology), atoms=[a.index for a in alanine.topology.atoms()
                                                                           if a.residue.name == "ALA"][:4])


def test_topology_of_another_molecule(plugin, network, alanine, pentapeptide):
    with pytest.raises(plugin.InvalidArgumentError, match="22"):
        plugin.FragmentPotential(network).createMixedSystem(pentapeptide.topology,
                                                            hosts.vacuumSystem(alanine.topology))


def test_missing_hydrogen_is_named(plugin, network, pentapeptide):
    topology, positions = delete(pentapeptide, lambda a: a.residue.name == "SER" and a.name == "HG")
    for attempt in (lambda: plugin.energy(topology, positions, network),
                    lambda: plugin.FragmentPotential(network).createSystem(topology)):
        with pytest.raises(plugin.TopologyError, match="SER 5"):
            attempt()


def test_unknown_residue_is_named(pb, network, pentapeptide):
    """Serine with sulfur's bigger brother: selenium in place of its oxygen."""
    topology = copy.deepcopy(pentapeptide.topology)
    residue = next(r for r in topology.residues() if r.name == "SER")
    residue.name = "SEC"
    next(a for a in residue.atoms() if a.name == "OG").element = app.element.selenium
    with pytest.raises(pb.PluginBridgeError, match="SEC 5"):
        pb.energy(topology, pentapeptide.positions, network)


def test_water_in_the_region_is_named(plugin, network, alanine):
    topology, positions = hosts.solvated(alanine)
    with pytest.raises(plugin.PluginBridgeError, match="HOH"):
        plugin.FragmentPotential(network).createMixedSystem(topology, hosts.solventSystem(topology),
                                                            atoms=range(topology.getNumAtoms()))


def test_a_second_correction_is_refused(plugin, network, alanine):
    potential = plugin.FragmentPotential(network)
    mixed = potential.createMixedSystem(alanine.topology, hosts.vacuumSystem(alanine.topology))
    with pytest.raises(plugin.InvalidArgumentError, match="already"):
        potential.createMixedSystem(alanine.topology, mixed)


def test_two_regions_with_two_lambdas(plugin, network, alanine):
    """Two molecules, each with a force and a parameter of its own."""
    modeller = app.Modeller(alanine.topology, alanine.positions)
    shifted = alanine.getPositions(asNumpy=True) + np.array([1.5, 0, 0]) * unit.nanometer
    modeller.add(alanine.topology, shifted)
    system = hosts.vacuumSystem(modeller.topology)
    for name, atoms in (("first", range(22)), ("second", range(22, 44))):
        system = plugin.FragmentPotential(network, lambda_name=name, precision="double").createMixedSystem(
            modeller.topology, system, atoms)
    ctx = hosts.context(system, modeller.positions)
    energies = {}
    for first in (0, 1):
        for second in (0, 1):
            ctx.setParameter("first", first)
            ctx.setParameter("second", second)
            energies[first, second] = hosts.evaluate(ctx)[0]
    correction = plugin.energy(alanine.topology, alanine.positions, network, precision="double")[0]
    assert energies[1, 0] - energies[0, 0] == pytest.approx(correction, abs=1e-5)
    assert energies[0, 1] - energies[0, 0] == pytest.approx(correction, abs=1e-5)
    assert energies[1, 1] - energies[0, 0] == pytest.approx(2 * correction, abs=1e-5)


def test_library_path_from_the_environment(tmp_path):
    """A wrong PLUGINBRIDGE_LIBRARY is said so; no traceback of ctypes."""
    import os
    import subprocess
    import sys

    from conftest import ROOT

    package = ROOT / "bindings" / "python"
    code = "import pluginbridge\ntry:\n  pluginbridge.version()\nexcept pluginbridge.MissingLibraryError as e:\n  print(e)"
    for value, expected in ((str(tmp_path), "PLUGINBRIDGE_LIBRARY"), ("", "PYTHONPATH=build/python")):
        environment = {**os.environ, "PYTHONPATH": str(package), "PLUGINBRIDGE_LIBRARY": value}
        result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True,
                                timeout=60)
        assert expected in result.stdout, result.stderr
