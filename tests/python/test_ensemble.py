"""Ensembles through the Python package: mean and spread against the members one by one; files that are refused."""
import copy
import json

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
from ensembles import members_of, spread_of, write_ensemble  # noqa: E402
from openmm import unit  # noqa: E402


@pytest.fixture(scope="module")
def committee(network, tmp_path_factory):
    """Three networks with random weights, calibrated."""
    return write_ensemble(tmp_path_factory.mktemp("ensemble"), network, calibration=(0.5, 1.5))


@pytest.fixture(scope="module")
def uncalibrated(network, tmp_path_factory):
    return write_ensemble(tmp_path_factory.mktemp("ensemble"), network, "plain", members=2)


def test_an_ensemble_is_a_model(pb, network, committee, uncalibrated):
    assert pb.hasFeature("uncertainty")
    model, single = pb.Model(committee), pb.Model(network)
    assert (model.name, model.memberCount, len(model.hash)) == ("committee", 3, 64)
    assert (model.target, model.baseForceField, model.cutoff) == (single.target, single.baseForceField, single.cutoff)
    assert model.calibration == pytest.approx((0.5 * 41.84, 1.5))
    assert (single.memberCount, single.calibration) == (1, None)
    assert (pb.Model(uncalibrated).memberCount, pb.Model(uncalibrated).calibration) == (2, None)
    assert pb.Model(committee, expectedHash=model.hash).hash == model.hash
    with pytest.raises(pb.ModelFileError, match=model.hash):
        pb.Model(committee, expectedHash="0" * 64)


@pytest.mark.parametrize("scheme", ["whole", "dipeptide", "window3"])
def test_mean_and_spread_are_the_members(pb, committee, pentapeptide, scheme):
    topology, positions = pentapeptide.topology, pentapeptide.positions
    members = [pb.Evaluator(topology, path, scheme, "double").evaluate(positions) for path in members_of(committee)]
    evaluator = pb.Evaluator(topology, committee, scheme, "double", threads=2)
    plain, found = evaluator.evaluate(positions), evaluator.evaluate(positions, uncertainty=True)
    assert plain.uncertainty is None
    energies, forces = [m.energy for m in members], np.array([m.forces for m in members])
    for result in (plain, found):
        assert result.energy == pytest.approx(np.mean(energies), rel=1e-9)
        np.testing.assert_allclose(result.forces, forces.mean(0), atol=1e-8 * abs(forces).max())
    spread = found.uncertainty
    assert spread.energySpread == pytest.approx(np.std(energies, ddof=1), rel=1e-6)
    np.testing.assert_allclose(spread.forceSpreads, spread_of(forces), atol=1e-7 * abs(forces).max())
    np.testing.assert_allclose(spread.forceErrors, np.sqrt(20.92**2 + (1.5 * spread.forceSpreads)**2), rtol=1e-9)
    assert spread.forceSpreads.min() > 0


def test_atoms_outside_the_region_have_no_spread(pb, committee, pentapeptide):
    region = [a.index for a in pentapeptide.topology.atoms() if a.residue.index in (1, 2)]
    evaluator = pb.Evaluator(pentapeptide.topology, committee, atoms=region)
    spread = evaluator.evaluate(pentapeptide.positions, uncertainty=True).uncertainty
    outside = [a.index for a in pentapeptide.topology.atoms() if a.residue.name == "NME"]
    assert not spread.forceSpreads[outside].any() and not spread.forceErrors[outside].any()
    assert (spread.forceSpreads[region] > 0).all()


def test_energy_is_smooth_and_forces_are_its_gradient(pb, committee, alanine):
    evaluator = pb.Evaluator(alanine.topology, committee, precision="double")
    positions = np.array(alanine.positions.value_in_unit(unit.nanometer))
    direction = np.random.default_rng(2).standard_normal(positions.shape)
    step, energies = 1e-5, []
    for k in (-2, -1, 1, 2):
        energies.append(evaluator.evaluate(positions + k * step * direction).energy)
    slope = (8 * (energies[2] - energies[1]) - (energies[3] - energies[0])) / (12 * step)
    forces = evaluator.evaluate(positions).forces
    assert -(forces * direction).sum() == pytest.approx(slope, rel=1e-6)


def test_without_a_calibration_there_are_no_errors(pb, uncalibrated, alanine):
    spread = pb.Evaluator(alanine.topology, uncalibrated).evaluate(alanine.positions, uncertainty=True).uncertainty
    assert spread.forceErrors is None and spread.forceSpreads.min() > 0


def test_a_single_network_has_no_spread(pb, network, alanine):
    with pytest.raises(pb.UnsupportedError, match="'tiny' is no ensemble"):
        pb.Evaluator(alanine.topology, network).evaluate(alanine.positions, uncertainty=True)


def test_an_ensemble_as_the_force(plugin, committee, alanine):
    """Saved by path and hash, refused with another hash."""
    system = plugin.FragmentPotential(committee, precision="double").createSystem(alanine.topology, forceGroup=1)
    text = openmm.XmlSerializer.serialize(system)
    digest = plugin.Model(committee).hash
    assert digest in text and str(committee) in text
    context = openmm.Context(openmm.XmlSerializer.deserialize(text), openmm.VerletIntegrator(0.001),
                             openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(alanine.positions)
    energy = context.getState(getEnergy=True, groups={1}).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    expected = plugin.Evaluator(alanine.topology, committee, precision="double").evaluate(alanine.positions)
    assert energy == pytest.approx(expected.energy, rel=1e-9)
    with pytest.raises(openmm.OpenMMException, match=digest):
        openmm.Context(openmm.XmlSerializer.deserialize(text.replace(digest, "0" * 64)),
                       openmm.VerletIntegrator(0.001))


def _without_member(ensemble, folder):
    members_of(folder / "committee.json")[1].unlink()


def _other_member(ensemble, folder):
    path = members_of(folder / "committee.json")[1]
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")


def _one_member(ensemble, folder):
    del ensemble["members"][1:]


def _twice(ensemble, folder):
    ensemble["members"][2] = ensemble["members"][0]


def _another_form(ensemble, folder):
    ensemble["calibration"]["form"] = "spread"


@pytest.mark.parametrize("damage, error, message", [
    (_without_member, "ModelFileError", r"committee-1\.safetensors.*does not exist"),
    (_other_member, "ModelFileError", r"committee-1\.safetensors has the hash"),
    (_one_member, "ModelFileError", "1 member"),
    (_twice, "ModelFileError", r"committee-0\.safetensors.*same file"),
    (_another_form, "UnsupportedError", "form 'spread'"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_damaged_ensembles(pb, network, tmp_path, damage, error, message):
    path = write_ensemble(tmp_path, network, calibration=(0.5, 1.5))
    ensemble = json.loads(path.read_text())
    before = copy.deepcopy(ensemble)
    damage(ensemble, tmp_path)
    if ensemble != before:
        path.write_text(json.dumps(ensemble))
    with pytest.raises(getattr(pb, error), match=message):
        pb.Model(path)


def test_the_shipped_ensemble_knows_where_it_is_unsure(pb, gfn2, alanine):
    if "visnet-gfn2-ensemble" not in pb.models():
        pytest.skip("the ensemble is not in the staged package: run make")
    topology, x = alanine.topology, alanine.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    ensemble, reference = (pb.Evaluator(topology, model) for model in ("visnet-gfn2-ensemble", gfn2))
    beta, alpha = (next(a.index for a in topology.atoms() if (a.residue.name, a.name) == ("ALA", name)) for name in ("CB", "CA"))
    methyl = [beta, *(a.index for a in topology.atoms() if a.residue.name == "ALA" and a.name.startswith("HB"))]
    stretched = x.copy()
    stretched[methyl] += 0.25 * (x[beta] - x[alpha])  # at the edge of the data
    expected = []
    for at in (x, stretched):
        found = ensemble.evaluate(at, uncertainty=True)
        error = np.linalg.norm(found.forces - reference.evaluate(at).forces, axis=1)
        expected.append(found.uncertainty.forceErrors)
        assert 0.3 < error.mean() / expected[-1].mean() < 3
    assert expected[1][[alpha, beta]].min() > 10 * expected[0].mean()
