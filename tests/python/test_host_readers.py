"""The host's terms are read by the Python package and again by the OpenMM plugin: odd hosts through both."""
import copy

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

GROUP = 7
CA, C, CB, HB = 8, 10, 12, 13  # of ACE-ALA-NME


def first(system, kind):
    return next(force for force in system.getForces() if isinstance(force, kind))


def changedCharge(system):
    force = first(system, openmm.NonbondedForce)
    charge, sigma, epsilon = force.getParticleParameters(CB)
    force.setParticleParameters(CB, charge + 0.1 * unit.elementary_charge, sigma, epsilon)


def changedException(system):
    force = first(system, openmm.NonbondedForce)
    for k in range(force.getNumExceptions()):
        i, j, product, sigma, epsilon = force.getExceptionParameters(k)
        if epsilon._value:
            force.setExceptionParameters(k, i, j, 1.2 * product, sigma, epsilon)
            return


def softBond(system):
    force = first(system, openmm.HarmonicBondForce)
    i, j, length, constant = force.getBondParameters(3)
    force.setBondParameters(3, i, j, length, 0.9 * constant)


def splitTorsion(system):
    """One torsion as two of half the height: the same energy."""
    force = first(system, openmm.PeriodicTorsionForce)
    *atoms, periodicity, phase, height = force.getTorsionParameters(0)
    force.setTorsionParameters(0, *atoms, periodicity, phase, 0.5 * height)
    force.addTorsion(*atoms, periodicity, phase, 0.5 * height)


def rbTorsion(system):
    force = openmm.RBTorsionForce()
    force.addTorsion(4, 6, CA, C, 1.0, 0.5, 0.2, 0.1, 0.0, 0.0)
    system.addForce(force)


def cmap(system):
    force = openmm.CMAPTorsionForce()
    force.addMap(6, list(np.sin(np.arange(36))))
    force.addTorsion(0, 4, 6, CA, C, 4, 6, CA, C)
    system.addForce(force)


def heavyHydrogen(system):
    system.setParticleMass(HB, 3.0)
    system.setParticleMass(CB, system.getParticleMass(CB)._value - 2)


def constrained(system):
    """A constraint in place of a bond term, as OpenMM's ForceField leaves it."""
    force = first(system, openmm.HarmonicBondForce)
    bonds = [force.getBondParameters(k) for k in range(force.getNumBonds())]
    index = next(k for k, bond in enumerate(bonds) if set(bond[:2]) == {CB, HB})
    i, j, length, _ = bonds[index]
    force.setBondParameters(index, i, j, length, 0.0)
    system.addConstraint(i, j, length)


def bornSolvent(system):
    force = openmm.GBSAOBCForce()
    for k in range(system.getNumParticles()):
        force.addParticle(0.1 * (-1) ** k, 0.15, 0.8)
    system.addForce(force)


def secondNonbonded(system):
    system.addForce(copy.deepcopy(first(system, openmm.NonbondedForce)))


def pairForce(system):
    force = openmm.CustomNonbondedForce("1/r^12")
    for _ in range(system.getNumParticles()):
        force.addParticle([])
    system.addForce(force)


def offsets(system):
    """A charge that depends on a Context parameter."""
    force = first(system, openmm.NonbondedForce)
    force.addGlobalParameter("scale", 1.0)
    force.addParticleParameterOffset("scale", CB, 0.3, 0.0, 0.0)


ODD = {f.__name__: f for f in (changedCharge, changedException, softBond, splitTorsion, rbTorsion, cmap, heavyHydrogen,
                              constrained, bornSolvent, secondNonbonded, pairForce, offsets)}
CULPRIT = {"pairForce": "CustomNonbondedForce acts between atoms of the region", "offsets": "'scale'"}  # where texts differ
CORRECTED_ANYWAY = {"splitTorsion", "heavyHydrogen", "constrained", "bornSolvent"}  # still ff14SB inside the region


def byPython(plugin, model, topology, positions, system):
    """Energy of the correction, or the error's text."""
    try:
        return plugin.Evaluator(topology, model, precision="double", system=system).evaluate(positions).energy
    except plugin.PluginBridgeError as error:
        return str(error)


def byPlugin(plugin, model, topology, positions, system):
    """The same of a force made without the package's own checks."""
    from pluginbridge.core import Model
    from pluginbridge.forcexml import createForce
    from pluginbridge.region import regionArrays

    system = copy.deepcopy(system)
    system.addForce(createForce(regionArrays(topology, None), model=str(model), modelHash=Model(model).hash,
                                scheme="whole", forceGroup=GROUP, doublePrecision=True))
    try:
        return hosts.evaluate(hosts.context(system, positions), 1 << GROUP)[0]
    except openmm.OpenMMException as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("odd", ODD)
def test_both_readers_agree(plugin, any_network, alanine, odd):
    system = hosts.vacuumSystem(alanine.topology)
    ODD[odd](system)
    positions = np.array(alanine.positions.value_in_unit(unit.nanometer))
    python = byPython(plugin, any_network, alanine.topology, positions, system)
    native = byPlugin(plugin, any_network, alanine.topology, positions, system)
    if isinstance(native, float) and isinstance(python, float):
        assert python == pytest.approx(native, rel=1e-10)
    else:
        assert isinstance(native, str) and isinstance(python, str), (python, native)
        culprit = CULPRIT.get(odd, python)
        assert culprit in python and culprit in native
    if not plugin.Evaluator(alanine.topology, any_network).model.isAbsolute:
        assert isinstance(native, float) == (odd in CORRECTED_ANYWAY)


@pytest.mark.parametrize("odd", ["changedCharge", "changedException", "softBond", "rbTorsion", "cmap"])
def test_what_an_absolute_potential_replaces_follows_the_host(plugin, alanine, odd):
    """The host's own energy cancels: host + correction is the network's energy, however odd the host."""
    from conftest import FIXTURE_MODELS

    model, positions = FIXTURE_MODELS / "small.safetensors", np.array(alanine.positions.value_in_unit(unit.nanometer))
    totals = []
    for change in (lambda system: None, ODD[odd]):
        system = hosts.vacuumSystem(alanine.topology)
        change(system)
        host, _ = hosts.energyForces(system, positions)
        totals.append(host + byPlugin(plugin, model, alanine.topology, positions, system))
    assert totals[1] == pytest.approx(totals[0], abs=1e-6)
