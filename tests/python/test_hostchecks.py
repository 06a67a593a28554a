"""Forces of the host that an absolute potential cannot replace: refused, or warned about."""
import copy
import warnings

import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from conftest import FIXTURE_MODELS  # noqa: E402


@pytest.fixture
def absolute():
    return FIXTURE_MODELS / "small.safetensors"


def wrapped(host, kind, nested=False):
    """A copy of a System with one of its forces inside a CustomCVForce."""
    system = copy.deepcopy(host)
    index = next(i for i, force in enumerate(system.getForces()) if isinstance(force, kind))
    inner = copy.deepcopy(system.getForce(index))
    system.removeForce(index)
    for name in ("inner", "outer")[:2 if nested else 1]:
        wrapper = openmm.CustomCVForce(name)
        wrapper.addCollectiveVariable(name, inner)
        inner = wrapper
    system.addForce(inner)
    return system


@pytest.mark.parametrize("kind", ["NonbondedForce", "HarmonicBondForce", "HarmonicAngleForce", "PeriodicTorsionForce"])
@pytest.mark.parametrize("nested", [False, True])
def test_wrapped_forces_are_refused(plugin, absolute, alanine, kind, nested):
    system = wrapped(hosts.vacuumSystem(alanine.topology), getattr(openmm, kind), nested)
    for attempt in (lambda: plugin.FragmentPotential(absolute).createMixedSystem(alanine.topology, system),
                    lambda: plugin.Evaluator(alanine.topology, absolute, system=system)):
        with pytest.raises(plugin.UnsupportedError, match=f"CustomCVForce.*'inner' is a {kind}.*twice"):
            attempt()


def test_a_bias_of_custom_forces_may_be_wrapped(plugin, absolute, alanine):
    system = hosts.vacuumSystem(alanine.topology)
    angle = openmm.CustomTorsionForce("theta")
    angle.addTorsion(4, 6, 8, 14, [])
    bias = openmm.CustomCVForce("10*phi^2")
    bias.addCollectiveVariable("phi", angle)
    system.addForce(bias)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugin.FragmentPotential(absolute).createMixedSystem(alanine.topology, system)


CUSTOM = {"CustomTorsionForce": ("addTorsion", (4, 6, 8, 14)), "CustomAngleForce": ("addAngle", (4, 6, 8)),
          "CustomBondForce": ("addBond", (4, 6))}


@pytest.mark.parametrize("kind", CUSTOM)
def test_custom_terms_inside_the_region_are_warned_about(plugin, absolute, network, alanine, kind):
    """CHARMM's impropers are a CustomTorsionForce; whether terms are those or a restraint only the user knows."""
    system = hosts.vacuumSystem(alanine.topology)
    add, atoms = CUSTOM[kind]
    force = getattr(openmm, kind)("10*r^2" if kind == "CustomBondForce" else "10*theta^2")
    getattr(force, add)(*atoms, [])
    system.addForce(force)
    names = [a.name for a in alanine.topology.atoms()]
    pattern = f"{kind} has 1 terms inside the region, the first between ACE 1 .* {names[4]}, ALA 2 .* {names[6]}"
    with pytest.warns(UserWarning, match=pattern):
        plugin.FragmentPotential(absolute).createMixedSystem(alanine.topology, system)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a correction is compared with ff14SB, which has no such terms
        plugin.FragmentPotential(network).createMixedSystem(alanine.topology, system)
