"""Relaxation with held torsions, against finite differences and against OpenMM's minimiser with stiff restraints."""
import sys
from pathlib import Path

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain.bias import dihedral  # noqa: E402
from pbtrain.constrained import HeldTorsions, RelaxationError, relax  # noqa: E402
from pbtrain.internals import Internals, torsions  # noqa: E402
from pbtrain.label import Ff14sb  # noqa: E402
from pbtrain.torsion_scan import Residue  # noqa: E402
from scanpotentials import ff14sb  # noqa: E402

KCAL = 4.184


@pytest.fixture(scope="module", params=["ALA", "PRO"])
def residue(request):
    return Residue(request.param)


@pytest.fixture(scope="module")
def alanine():
    return Residue("ALA")


def test_internal_coordinates_have_their_derivatives(residue):
    internals, x = Internals(residue.bonded), residue.start()
    values, b = internals(x)
    step = np.random.default_rng(0).normal(size=x.shape) * 1e-5
    change = internals.difference(internals(x + step)[0], internals(x - step)[0])
    assert change == pytest.approx(2 * b @ step.ravel(), abs=1e-10)
    assert np.linalg.matrix_rank(b, tol=1e-6) == x.size - 6, "every vibration is described"
    for quad, value in zip(internals.torsions, values[internals.first_torsion:]):
        assert value == pytest.approx(dihedral(*x[quad]), abs=1e-10)


def test_the_way_back_arrives_at_the_wanted_coordinates(alanine):
    """A methyl group turned by 50 degrees: its bonds keep their lengths, all else stays."""
    x, internals = alanine.start(), alanine.internals
    values, b = internals(x)
    atom = {a.name: a.index for a in list(alanine.molecule.topology.residues())[1].atoms()}
    methyl = [atom[f"HB{k}"] for k in (1, 2, 3)]
    turning = np.array([k >= internals.first_torsion and bool({*internals.torsions[k - internals.first_torsion]} & {*methyl})
                        for k in range(internals.size)])
    step = np.where(turning, np.radians(50), 0.0)
    signs = np.sign(b @ rotation_about(x, atom["CA"], atom["CB"], methyl).ravel())
    found = internals(internals.moved(x, step * np.where(turning, signs, 1)))[0]
    assert internals.difference(found, values) == pytest.approx(step * np.where(turning, signs, 1), abs=1e-3)


def rotation_about(x, a, b, atoms):
    """Displacements of an infinitesimal rotation of `atoms` about the bond a-b."""
    result = np.zeros_like(x)
    axis = (x[b] - x[a]) / np.linalg.norm(x[b] - x[a])
    result[atoms] = np.cross(axis, x[atoms] - x[b])
    return result


@pytest.mark.parametrize("point", [(5, 9), (3, 20)])
def test_relaxed_energy_is_that_of_restrained_minimisation(alanine, point):
    """OpenMM's L-BFGS in Cartesian coordinates under restraints of growing stiffness finds the same energy."""
    held, potential = alanine.held(point), ff14sb(alanine)
    x = alanine.turned(alanine.start(), held)
    found = relax(potential, x, held, potential, alanine.internals)
    assert found.converged and np.degrees(abs(held.deviations(found.positions))).max() < 1e-4
    assert potential(found.positions)[0] == found.energy

    system = Ff14sb(alanine.molecule).system
    force = openmm.CustomTorsionForce("stiffness*(1-cos(theta-theta0))")
    force.addGlobalParameter("stiffness", 0.0)
    force.addPerTorsionParameter("theta0")
    force.setForceGroup(5)
    for quad, target in zip(held.quads, held.targets):
        force.addTorsion(*quad, [target])
    system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(found.positions * 0.1)
    for stiffness in (1e3, 1e4, 1e5):
        context.setParameter("stiffness", stiffness)
        openmm.LocalEnergyMinimizer.minimize(context, 0.01, 20000)
    energy = context.getState(getEnergy=True, groups=~(1 << 5)).getPotentialEnergy()._value / KCAL
    assert found.energy == pytest.approx(energy, abs=0.01)


def test_gradient_left_is_along_the_held_torsions(alanine):
    held, potential = alanine.held((2, 7)), ff14sb(alanine)
    found = relax(potential, alanine.turned(alanine.start(), held), held, potential, alanine.internals)
    gradient = potential(found.positions)[1].ravel()
    directions = np.linalg.qr(held.jacobian(found.positions).T)[0]
    orthogonal = gradient - directions @ (directions.T @ gradient)
    assert abs(orthogonal).max() == pytest.approx(found.gradient, abs=1e-9) and found.gradient < 0.05
    assert np.linalg.norm(gradient) > 0.5, "the point is no stationary one: something is held"


def test_torsion_of_a_ring_is_reached(residue):
    held = residue.held((1, 3))
    potential = ff14sb(residue)
    found = relax(potential, residue.turned(residue.start(), held), held, potential, residue.internals)
    assert found.converged
    assert torsions(found.positions, residue.backbone)[0] == pytest.approx(
        np.radians([residue.phi[1], residue.psi[3]]), abs=1e-6)
    assert residue.is_sound(found.positions, residue.start())


def test_known_minima_end_a_run_and_nan_is_an_error(alanine):
    held, potential = alanine.held((4, 4)), ff14sb(alanine)
    x = alanine.turned(alanine.start(), held)
    assert relax(potential, x, held, potential, alanine.internals, seen=lambda y, energy: True).known
    with pytest.raises(RelaxationError, match="not finite"):
        relax(lambda y: (float("nan"), y), x, held, potential, alanine.internals)
