"""Labels against finite differences, plain OpenMM, and a documented energy."""
import sys
from pathlib import Path

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import label  # noqa: E402
from pbtrain.molecules import build_topology  # noqa: E402
from pbtrain.plan import capped  # noqa: E402
from pbtrain.sample import Sampler  # noqa: E402

try:
    label._libxtb()
    has_xtb = True
except OSError:
    has_xtb = False
needs_xtb = pytest.mark.skipif(not has_xtb, reason="libxtb.so.6 is not installed")


@pytest.fixture(scope="module")
def asp():
    molecule = build_topology([list(capped("ASP"))])
    return molecule, next(Sampler(molecule, np.random.default_rng(2)).trajectory(300.0, 1))


@needs_xtb
def test_gfn2_forces_are_the_negative_gradient(asp):
    molecule, x = asp
    qm = label.Gfn2(molecule.numbers, molecule.charge)
    _, forces = qm(x)
    for atom, axis in ((0, 0), (8, 1), (len(x) - 1, 2)):
        step = np.zeros_like(x)
        step[atom, axis] = 1e-3
        assert -(qm(x + step)[0] - qm(x - step)[0]) / 2e-3 == pytest.approx(forces[atom, axis], abs=0.02)
    qm.close()


@needs_xtb
def test_gfn2_energy_does_not_depend_on_orientation(asp):
    molecule, x = asp
    qm = label.Gfn2(molecule.numbers, molecule.charge)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    (e0, f0), (e1, f1) = qm(x), qm(x @ turn.T + 5.0)
    assert e1 == pytest.approx(e0, abs=1e-4)
    np.testing.assert_allclose(f1, f0 @ turn.T, atol=1e-2)
    qm.close()


@needs_xtb
def test_gfn2_of_water():
    """-5.070 hartree: GFN2-xTB's energy of water near its geometry (xtb documentation)."""
    water = np.array([[0.0, 0.0, 0.1173], [0.0, 0.7572, -0.4692], [0.0, -0.7572, -0.4692]])
    qm = label.Gfn2(np.array([8, 1, 1]), 0)
    energy, _ = qm(water)
    assert energy / label.HARTREE_KCAL == pytest.approx(-5.070, abs=2e-3)
    qm.close()


@needs_xtb
def test_gfn2_charges_and_dipole_of_a_separated_ion_pair():
    """Ammonium and chloride 10 angstrom apart, in a direction along no axis: dipole = charge x distance, from - to +."""
    t = 1.02 / 3**0.5
    ammonium = t * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])
    direction = np.array([0.6, 0.0, 0.8])
    qm = label.Gfn2(np.array([7, 1, 1, 1, 1, 17]), 0)
    pair = qm.label(np.vstack((ammonium, 10.0 * direction)))
    qm.close()
    assert pair.charges.sum() == pytest.approx(0.0, abs=1e-6)
    assert pair.charges[:5].sum() > 0.9
    np.testing.assert_allclose(pair.dipole, -10.0 * pair.charges[:5].sum() * direction, atol=0.06)


@needs_xtb
def test_gfn2_dipole_turns_and_moves_with_the_molecule(asp):
    """A dipole turns with the molecule; a charged one grows by charge x shift of the origin."""
    molecule, x = asp
    qm = label.Gfn2(molecule.numbers, molecule.charge)
    turn = label._generic_rotation().T @ np.diag([1.0, -1.0, -1.0])
    shift = np.array([1.0, -2.0, 3.0])
    here, there = qm.label(x), qm.label(x @ turn.T + shift)
    qm.close()
    assert molecule.charge == -1 and here.charges.sum() == pytest.approx(-1.0, abs=1e-6)
    np.testing.assert_allclose(there.charges, here.charges, atol=1e-4)
    np.testing.assert_allclose(there.dipole, turn @ here.dipole - shift, atol=1e-3)


@needs_xtb
def test_the_library_is_named_with_its_version():
    assert label.libxtb_version().startswith("libxtb.so.6.")


@needs_xtb
def test_scf_failure_is_an_error_not_a_number():
    qm = label.Gfn2(np.array([6, 6]), 0)
    with pytest.raises(label.LabelError):
        qm(np.zeros((2, 3)))
    qm.close()


def test_ff14sb_is_openmm_in_vacuo_without_cutoff(asp):
    molecule, x = asp
    energy, forces, e_nb, f_nb = label.Ff14sb(molecule)(x)
    forcefield = openmm.app.ForceField("amber14/protein.ff14SB.xml")
    system = forcefield.createSystem(molecule.topology)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x * 0.1)
    state = context.getState(getEnergy=True, getForces=True)
    assert energy * 4.184 == pytest.approx(state.getPotentialEnergy()._value, abs=1e-6)
    np.testing.assert_allclose(forces * 41.84, state.getForces(asNumpy=True)._value, atol=1e-6)
    bonded = [f for f in system.getForces() if not isinstance(f, openmm.NonbondedForce)]
    assert bonded and abs(e_nb - energy) > 1.0 and abs(f_nb - forces).max() > 1.0
