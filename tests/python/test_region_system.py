"""Hosts on any force field: E = E_host + lambda (E_region - E_host(region alone)), CHARMM36 and AMOEBA."""
import copy
import functools

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

NAME = "FragmentedPotentialForce_lambda"
CHARMM, AMOEBA = ("charmm36.xml", "charmm36/water.xml"), ("amoeba2013.xml",)


@functools.lru_cache(maxsize=None)
def forceField(*files):
    """CHARMM36's file takes seconds to read."""
    return app.ForceField(*files)


@functools.lru_cache(maxsize=None)
def solvated(peptide, forcefield, padding=0.5):
    """Topology and positions (nm) of a peptide in a small box of three-site water."""
    modeller = app.Modeller(peptide.topology, peptide.positions)
    modeller.addSolvent(forcefield, model="tip3p", padding=padding * unit.nanometer, neutralize=False)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer))


@functools.lru_cache(maxsize=None)
def _charmm(peptide, constraints):
    topology, positions = solvated(peptide, forceField(*CHARMM))
    system = forceField(*CHARMM).createSystem(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.6 * unit.nanometer,
                                              constraints=constraints)
    return topology, positions, system


def charmmHost(peptide, constraints=None):
    """A peptide on CHARMM36 in water: topology, positions (nm), System. OpenMM takes seconds for each: kept, and copied."""
    topology, positions, system = _charmm(peptide, constraints)
    return topology, positions, copy.deepcopy(system)


@functools.lru_cache(maxsize=None)
def _charmmAlone(plugin, topology, constraints):
    return plugin.createRegionSystem(topology, forceField(*CHARMM), constraints=constraints)


def charmmAlone(plugin, topology, constraints=None):
    """The protein of such a host alone."""
    return copy.deepcopy(_charmmAlone(plugin, topology, constraints))


def amoebaHost(peptide):
    """A peptide with a few waters in a periodic box: mutual polarisation converged far beyond what differences need."""
    forcefield = forceField(*AMOEBA)
    topology, positions = solvated(peptide, forceField(hosts.FF14SB, "amber14/tip3p.xml"), 0.4)
    modeller = app.Modeller(topology, positions * unit.nanometer)
    waters = [r for r in topology.residues() if r.name == "HOH"]
    modeller.delete(waters[4:])
    args = dict(polarization="mutual", mutualInducedTargetEpsilon=1e-7)
    system = forcefield.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.6 * unit.nanometer,
                                     vdwCutoff=0.6 * unit.nanometer, **args)
    return forcefield, modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer)), system, args


def referenceEnergy(plugin, model, topology, positions, system, regionSystem, scheme="whole"):
    """The total by hand: the plain host, an OpenMM Context of the region alone, the evaluator's energy of the region."""
    atoms = plugin.proteinAtoms(topology)
    host, _ = hosts.energyForces(system, positions)
    alone, _ = hosts.energyForces(regionSystem, positions[atoms])
    evaluator = plugin.Evaluator(topology, model, scheme, precision="double", atoms=atoms)
    return host - alone + evaluator.evaluate(positions, quantity="total").energy


def energyRatio(ctx):
    """How much smaller the total energy's fluctuation in 0.12 ps of NVE is at 0.25 fs than at 0.5 fs: 4 in theory."""
    openmm.LocalEnergyMinimizer.minimize(ctx, 50.0, 20)
    start = ctx.getState(getPositions=True).getPositions()
    spreads = []
    for step in (0.0005, 0.00025):
        ctx.getIntegrator().setStepSize(step)
        ctx.setPositions(start)
        ctx.setVelocitiesToTemperature(200, 7)
        energies = []
        for _ in range(30):
            ctx.getIntegrator().step(round(0.004 / step))
            state = ctx.getState(getEnergy=True)
            energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
        spreads.append(np.std(energies))
    return spreads[0] / spreads[1]


def test_on_an_ff14sb_host_it_is_the_plain_correction(plugin, any_network, pentapeptide):
    """E_host(region alone) is then E_ff14SB(region): two routes to one energy, in a periodic box."""
    topology, positions = hosts.solvated(pentapeptide)
    system = hosts.solventSystem(topology)
    potential = plugin.FragmentPotential(any_network, precision="double")
    alone = plugin.createRegionSystem(topology, app.ForceField(hosts.FF14SB), constraints=app.HBonds)
    plain = hosts.energyForces(potential.createMixedSystem(topology, system), positions)
    other = hosts.energyForces(potential.createMixedSystem(topology, system, regionSystem=alone), positions)
    # the constrained bonds' terms, which OpenMM leaves out of both Systems, come back with E_ff14SB(region)
    assert other[0] == pytest.approx(plain[0], abs=1e-6 * abs(plain[0]))
    assert hosts.relativeError(other[1], plain[1]) < 1e-6


def test_the_region_torn_apart_over_periodic_images(plugin, network, pentapeptide):
    """Our force alone (the host's own bonds do not look for images): the same energy and forces."""
    topology, positions = hosts.solvated(pentapeptide)
    system = hosts.solventSystem(topology, constraints=None, rigidWater=True)
    alone = plugin.createRegionSystem(topology, app.ForceField(hosts.FF14SB), removeCMMotion=False)
    mixed = plugin.FragmentPotential(network, precision="double").createMixedSystem(
        topology, system, forceGroup=3, regionSystem=alone)
    box = np.array([vector.value_in_unit(unit.nanometer) for vector in system.getDefaultPeriodicBoxVectors()])
    moved = positions.copy()
    protein = plugin.proteinAtoms(topology)
    moved[protein] += np.random.default_rng(3).integers(-2, 3, (len(protein), 3)) @ box
    energy, forces = hosts.evaluate(hosts.context(mixed, positions), groups={3})
    movedEnergy, movedForces = hosts.evaluate(hosts.context(mixed, moved), groups={3})
    assert movedEnergy == pytest.approx(energy, abs=1e-6 * abs(energy))
    assert hosts.relativeError(movedForces, forces) < 1e-7


def test_charmm_host(plugin, any_network, chignolin):
    """Energy against the parts by hand, forces against differences, lambda from the host to the model."""
    topology, positions, system = charmmHost(chignolin)
    alone = charmmAlone(plugin, topology)
    mixed = plugin.FragmentPotential(any_network, precision="double").createMixedSystem(topology, system, regionSystem=alone)
    ctx = hosts.context(mixed, positions)
    total, forces = hosts.evaluate(ctx)
    assert total == pytest.approx(referenceEnergy(plugin, any_network, topology, positions, system, alone), abs=1e-6 * abs(total))
    atoms = np.random.default_rng(2).choice(plugin.proteinAtoms(topology), 4, replace=False)
    assert hosts.gradientError(ctx, positions, atoms, 5e-5) < 2e-5

    host, hostForces = hosts.energyForces(system, positions)
    ctx.setParameter(NAME, 0)
    assert hosts.evaluate(ctx)[0] == host and (hosts.evaluate(ctx)[1] == hostForces).all()
    ctx.setParameter(NAME, 0.25)
    assert hosts.evaluate(ctx)[0] == pytest.approx(0.75 * host + 0.25 * total, abs=1e-6 * abs(total))


@pytest.mark.slow
def test_charmm_host_and_pairs_of_residues(plugin, network, chignolin):
    """The same for a sum over fragments, in vacuo."""
    system = forceField(*CHARMM).createSystem(chignolin.topology, nonbondedMethod=app.NoCutoff)
    alone, positions = charmmAlone(plugin, chignolin.topology), chignolin.getPositions(asNumpy=True)._value
    mixed = plugin.FragmentPotential(network, "window3+pairs", "double").createMixedSystem(chignolin.topology, system, regionSystem=alone)
    ctx = hosts.context(mixed, positions)
    expected = referenceEnergy(plugin, network, chignolin.topology, positions, system, alone, "window3+pairs")
    assert hosts.evaluate(ctx)[0] == pytest.approx(expected, abs=1e-6 * abs(expected))
    assert hosts.gradientError(ctx, positions, [30, 101], 5e-5) < 2e-5


def test_charmm_host_is_refused_without_its_region_system(plugin, network, chignolin):
    topology, _, system = charmmHost(chignolin)
    with pytest.raises(plugin.PluginBridgeError):
        plugin.FragmentPotential(network).createMixedSystem(topology, system)


def test_charmm_host_through_xml(plugin, network, chignolin):
    topology, positions, system = charmmHost(chignolin)
    mixed = plugin.FragmentPotential(network).createMixedSystem(
        topology, system, regionSystem=charmmAlone(plugin, topology))
    text = openmm.XmlSerializer.serialize(mixed)
    again = openmm.XmlSerializer.deserialize(text)
    assert openmm.XmlSerializer.serialize(again) == text
    assert hosts.energyForces(again, positions)[0] == hosts.energyForces(mixed, positions)[0]
    assert hosts.energyForces(copy.deepcopy(mixed), positions, "CPU")[0] == pytest.approx(
        hosts.energyForces(mixed, positions)[0], rel=1e-4)


def test_charmm_host_with_ff14sb_in_its_place_is_ff14sb(plugin, chignolin):
    """Of a host in vacuo nothing is left: OpenMM's own ff14SB System gives the same energy and forces."""
    system = forceField(*CHARMM).createSystem(chignolin.topology, nonbondedMethod=app.NoCutoff)
    mixed = plugin.FragmentPotential("ff14sb").createMixedSystem(
        chignolin.topology, system, regionSystem=charmmAlone(plugin, chignolin.topology))
    positions = chignolin.getPositions(asNumpy=True)._value
    energy, forces = hosts.energyForces(mixed, positions)
    expected, expectedForces = hosts.energyForces(hosts.vacuumSystem(chignolin.topology), positions)
    assert energy == pytest.approx(expected, abs=1e-6 * abs(expected))
    assert hosts.relativeError(forces, expectedForces) < 1e-6


@pytest.mark.slow
def test_charmm_host_conserves_energy(plugin, fast, chignolin):
    """NVE at 0.5 fs and at half that: the fluctuation of the total energy falls with the square of the step."""
    system = forceField(*CHARMM).createSystem(chignolin.topology, nonbondedMethod=app.NoCutoff)
    mixed = plugin.FragmentPotential(fast, precision="double").createMixedSystem(
        chignolin.topology, system, regionSystem=charmmAlone(plugin, chignolin.topology))
    ctx = hosts.context(mixed, chignolin.getPositions(asNumpy=True)._value)
    assert 3.5 < energyRatio(ctx) < 4.5


@pytest.mark.slow
def test_amoeba_host(plugin, network, alanine):
    """Polarisable multipoles around a region on the network: energy by hand, forces by differences, NVE. One test, as
    OpenMM takes half a minute for each Context with AMOEBA's bonded terms."""
    forcefield, topology, positions, system, args = amoebaHost(alanine)
    alone = plugin.createRegionSystem(topology, forcefield, **args)
    mixed = plugin.FragmentPotential(network, precision="double").createMixedSystem(topology, system, regionSystem=alone)
    ctx = hosts.context(mixed, positions)
    total, forces = hosts.evaluate(ctx)
    assert total == pytest.approx(referenceEnergy(plugin, network, topology, positions, system, alone), abs=1e-5 * abs(total))
    water = next(a.index for a in topology.atoms() if a.residue.name == "HOH")
    assert hosts.gradientError(ctx, positions, [8, water], 5e-5) < 1e-5
    assert 3.5 < energyRatio(ctx) < 4.5


def test_another_force_field_is_named(plugin, network, chignolin):
    topology, _, system = charmmHost(chignolin)
    wrong = plugin.createRegionSystem(topology, app.ForceField("amber14/protein.ff14SB.xml"))
    with pytest.raises(plugin.ForceFieldMismatchError, match="the region's System is not the host's force field"):
        plugin.FragmentPotential(network).createMixedSystem(topology, system, regionSystem=wrong)


def test_one_changed_term_is_named(plugin, network, chignolin):
    topology, _, system = charmmHost(chignolin)
    alone = charmmAlone(plugin, topology)
    bonds = next(f for f in alone.getForces() if isinstance(f, openmm.HarmonicBondForce))
    a, b, length, k = bonds.getBondParameters(3)
    bonds.setBondParameters(3, a, b, length, 1.001 * k)
    names = [atom.name for atom in topology.atoms()]
    with pytest.raises(plugin.ForceFieldMismatchError, match="bond of") as error:
        plugin.FragmentPotential(network).createMixedSystem(topology, system, regionSystem=alone)
    assert names[a] in str(error.value) and names[b] in str(error.value)


def test_constraints_must_be_the_hosts(plugin, network, chignolin):
    topology, _, system = charmmHost(chignolin, app.HBonds)
    potential = plugin.FragmentPotential(network)
    with pytest.raises(plugin.ForceFieldMismatchError):
        potential.createMixedSystem(topology, system, regionSystem=charmmAlone(plugin, topology))
    alone = charmmAlone(plugin, topology, app.HBonds)
    potential.createMixedSystem(topology, system, regionSystem=alone)
    with pytest.raises(plugin.InvalidArgumentError, match="removeConstraints"):
        potential.createMixedSystem(topology, system, regionSystem=alone, removeConstraints=True)


def test_a_region_system_of_another_molecule(plugin, network, chignolin, alanine):
    topology, _, system = charmmHost(chignolin)
    other = plugin.createRegionSystem(alanine.topology, app.ForceField(hosts.FF14SB))
    with pytest.raises(plugin.InvalidArgumentError, match="22 particles, the region"):
        plugin.FragmentPotential(network).createMixedSystem(topology, system, regionSystem=other)


def test_a_cutoff_is_refused_when_the_context_is_made(plugin, network, chignolin):
    topology, positions, system = charmmHost(chignolin)
    alone = charmmAlone(plugin, topology)
    for force in alone.getForces():
        if isinstance(force, (openmm.NonbondedForce, openmm.CustomNonbondedForce)):
            force.setNonbondedMethod(force.CutoffNonPeriodic)
    mixed = plugin.FragmentPotential(network).createMixedSystem(topology, system, regionSystem=alone)
    with pytest.raises(openmm.OpenMMException, match="with a cutoff"):
        hosts.context(mixed, positions)


@pytest.mark.parametrize("change, message", [
    (lambda force: force.setNonbondedMethod(force.CutoffNonPeriodic), "plain cutoff"),
    (lambda force: force.addParticleParameterOffset("scale", 1, 0.1, 0, 0), "H1.* with the Context parameter 'scale'"),
    (lambda force: force.addExceptionParameterOffset("scale", 0, 0.1, 0, 0), "exception between .*CH3.* 'scale'"),
], ids=["plain cutoff", "particle offset", "exception offset"])
def test_a_host_with_another_energy_of_the_region_is_refused(plugin, network, alanine, change, message):
    """It is not what the region alone has; also where Python's checks are passed by."""
    from pluginbridge.forcexml import createForce
    from pluginbridge.region import regionArrays

    system = hosts.vacuumSystem(alanine.topology)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    nonbonded.addGlobalParameter("scale", 1)
    change(nonbonded)
    alone = plugin.createRegionSystem(alanine.topology, app.ForceField(hosts.FF14SB))
    with pytest.raises(plugin.UnsupportedError, match=message):
        plugin.FragmentPotential(network).createMixedSystem(alanine.topology, system, regionSystem=alone)
    system.addForce(createForce(regionArrays(alanine.topology), alone, model=network, scheme="whole"))
    with pytest.raises(openmm.OpenMMException, match=message):
        hosts.context(system, alanine.getPositions(asNumpy=True)._value)


def hydrogenBonds(system):
    force = openmm.CustomHbondForce("distance(a1, d1)")
    force.addDonor(4, 5, -1)
    force.addAcceptor(6, 7, -1)
    system.addForce(force)


def wrapped(system):
    bonds, force = openmm.HarmonicBondForce(), openmm.CustomCVForce("bonds")
    bonds.addBond(0, 4, 0.2, 1000)
    force.addCollectiveVariable("bonds", bonds)
    system.addForce(force)


def drude(system):
    force = openmm.DrudeForce()
    force.addParticle(1, 0, -1, -1, -1, -1.0, 0.001, 1, 1)
    system.addForce(force)


def correctionMap(system, order=1):
    force = openmm.CMAPTorsionForce()
    force.addMap(4, np.arange(16.0)[::order])
    force.addTorsion(0, 4, 6, 8, 10, 6, 8, 10, 14)
    system.addForce(force)


def torsionTorsion(system):
    force = openmm.AmoebaTorsionTorsionForce()
    axis = np.arange(-180.0, 181.0, 90.0)
    force.setTorsionTorsionGrid(0, [[[x, y, x * y, 0, 0, 0] for y in axis] for x in axis])
    force.addTorsionTorsion(4, 6, 8, 10, 14, -1, 0)
    system.addForce(force)


@pytest.mark.parametrize("add, message", [
    (hydrogenBonds, "CustomHbondForce: the host has it"), (wrapped, "CustomCVForce.* HarmonicBondForce"), (drude, "DrudeForce"),
    (correctionMap, "CMAP torsion"), (torsionTorsion, "torsion-torsion of")])
def test_what_the_region_alone_lacks_is_found(plugin, network, alanine, add, message):
    """A term of the host that is not taken away would be counted beside the model's."""
    system = hosts.vacuumSystem(alanine.topology)
    add(system)
    with pytest.raises(plugin.PluginBridgeError, match=message):
        plugin.FragmentPotential(network).createMixedSystem(
            alanine.topology, system, regionSystem=plugin.createRegionSystem(alanine.topology, app.ForceField(hosts.FF14SB)))


@pytest.mark.parametrize("add", [hydrogenBonds, correctionMap, torsionTorsion])
def test_what_both_have_is_no_difference(plugin, network, alanine, add):
    system, alone = hosts.vacuumSystem(alanine.topology), plugin.createRegionSystem(alanine.topology, app.ForceField(hosts.FF14SB))
    add(system)
    add(alone)
    plugin.FragmentPotential(network).createMixedSystem(alanine.topology, system, regionSystem=alone)


def test_maps_are_compared_number_by_number(plugin, network, alanine):
    system, alone = hosts.vacuumSystem(alanine.topology), plugin.createRegionSystem(alanine.topology, app.ForceField(hosts.FF14SB))
    correctionMap(system)
    correctionMap(alone, -1)
    with pytest.raises(plugin.ForceFieldMismatchError, match="CMAP torsion"):
        plugin.FragmentPotential(network).createMixedSystem(alanine.topology, system, regionSystem=alone)


def test_a_cut_molecule_is_refused(plugin, network, chignolin):
    """Also with a System made by hand: the fragments take in atoms beyond the region, whose terms it would not have."""
    from pluginbridge.forcexml import createForce
    from pluginbridge.region import regionArrays

    atoms = [a.index for a in chignolin.topology.atoms() if a.residue.index < 3]
    with pytest.raises(plugin.InvalidArgumentError, match="cuts a molecule"):
        plugin.createRegionSystem(chignolin.topology, forceField(*CHARMM), atoms)
    alone = openmm.System()
    for _ in atoms:
        alone.addParticle(1)
    host = forceField(*CHARMM).createSystem(chignolin.topology)
    potential = plugin.FragmentPotential(network)
    with pytest.raises(plugin.InvalidArgumentError, match="cuts a molecule"):
        potential.createMixedSystem(chignolin.topology, host, atoms, regionSystem=alone)
    host.addForce(createForce(regionArrays(chignolin.topology, atoms), alone, model=network, scheme="whole"))
    with pytest.raises(openmm.OpenMMException, match="cuts a molecule"):
        hosts.context(host, chignolin.getPositions(asNumpy=True)._value)


def test_implicit_solvent_stays_the_hosts(plugin, pentapeptide):
    """ff14SB in the place of ff14SB: nothing changes, solvation included; a region with solvent of its own is refused."""
    forcefield = app.ForceField(hosts.FF14SB, "implicit/obc2.xml")
    topology, positions = pentapeptide.topology, pentapeptide.getPositions(asNumpy=True)._value
    system = forcefield.createSystem(topology)
    potential = plugin.FragmentPotential("ff14sb")
    alone = plugin.createRegionSystem(topology, forcefield)
    mixed = hosts.energyForces(potential.createMixedSystem(topology, system, regionSystem=alone), positions)
    host = hosts.energyForces(system, positions)
    assert abs(host[0] - hosts.energyForces(hosts.vacuumSystem(topology), positions)[0]) > 100
    assert mixed[0] == pytest.approx(host[0], abs=1e-6 * abs(host[0]))
    assert hosts.relativeError(mixed[1], host[1]) < 1e-6
    solvated = potential.createMixedSystem(topology, system, regionSystem=forcefield.createSystem(topology, removeCMMotion=False))
    with pytest.raises(openmm.OpenMMException, match="implicit solvent"):
        hosts.context(solvated, positions)


def test_chains_in_a_box_are_put_together_as_the_model_has_them(plugin, alanine):
    """Three chains, in the file the middle one last, each in some image: with ff14SB for ff14SB our force is zero."""
    modeller = app.Modeller(alanine.topology, alanine.positions)
    start = alanine.getPositions(asNumpy=True)._value
    for shift in (1.6, 0.8):
        modeller.add(alanine.topology, (start + [0, shift, 0]) * unit.nanometer)
    topology, box = modeller.topology, 2.6
    topology.setUnitCellDimensions((box, box, box) * unit.nanometer)
    forcefield = app.ForceField(hosts.FF14SB)
    system = forcefield.createSystem(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer)
    alone = plugin.createRegionSystem(topology, forcefield)
    mixed = plugin.FragmentPotential("ff14sb").createMixedSystem(topology, system, forceGroup=3, regionSystem=alone)
    positions = modeller.getPositions().value_in_unit(unit.nanometer)
    positions = np.array([list(p) for p in positions])
    ctx = hosts.context(mixed, positions)
    for images in np.random.default_rng(4).integers(-1, 2, (4, 3, 3)):
        ctx.setPositions(positions + box * np.repeat(images, len(start), axis=0))
        energy, forces = hosts.evaluate(ctx, groups={3})
        assert abs(energy) < 1e-5 and np.abs(forces).max() < 1e-3


def test_options_of_the_host_are_refused(plugin, chignolin):
    with pytest.raises(plugin.InvalidArgumentError, match="nonbondedMethod"):
        plugin.createRegionSystem(chignolin.topology, forceField(*CHARMM), nonbondedMethod=app.PME)
