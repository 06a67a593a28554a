"""The C interface through ctypes: handles, errors, energies against OpenMM and finite differences."""
import copy
import threading

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402

SCHEMES = ["whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs:4-5.5"]


def test_library_describes_itself(pb):
    assert pb.version()[0].isdigit()
    assert pb.instructionSet() in ("x86-64-v2", "x86-64-v3", "x86-64-v4")
    assert pb.hasFeature("box") and pb.hasFeature("virial") and pb.hasFeature("visnet")
    assert not pb.hasFeature("no such thing")


def test_models_that_are_listed_load(pb):
    names = pb.models()
    assert "ff14sb" in names
    for name in names:
        if name == "gfn2-xtb" and not pb.hasFeature("gfn2-xtb"):
            continue
        model = pb.Model(name)
        assert model.supportsElement(6)
        if name != "ff14sb":  # zero for any element
            assert not model.supportsElement(92)


def test_unknown_model_is_named(pb):
    with pytest.raises(pb.PluginBridgeError, match="no-such-model"):
        pb.Model("no-such-model")


def test_truncated_model_is_refused(pb, network, tmp_path):
    data = open(network, "rb").read()
    for length in (0, 5, 200, len(data) // 2, len(data) - 1):
        path = tmp_path / "truncated.safetensors"
        path.write_bytes(data[:length])
        with pytest.raises(pb.ModelFileError, match="truncated.safetensors"):
            pb.Model(path)


def test_hash_is_checked(pb, network):
    import hashlib

    digest = hashlib.sha256(open(network, "rb").read()).hexdigest()
    assert pb.Model(network, expectedHash=digest).hash == digest
    with pytest.raises(pb.ModelFileError):
        pb.Model(network, expectedHash="0" * 64)


def test_every_atom_counts_once(pb, network, pentapeptide, chignolin):
    for pdb in (pentapeptide, chignolin):
        for scheme in SCHEMES:
            total = np.zeros(pdb.topology.getNumAtoms())
            for fragment in pb.Evaluator(pdb.topology, network, scheme).fragments:
                total[fragment.atoms] += fragment.coefficient
            assert np.array_equal(total, np.ones_like(total)), scheme


def test_force_field_in_vacuo_is_openmms(pb, alanine, pentapeptide, chignolin):
    for pdb in (alanine, pentapeptide, chignolin):
        positions = pdb.getPositions(asNumpy=True)._value
        reference, expected = hosts.energyForces(hosts.vacuumSystem(pdb.topology), positions)
        energy, forces = pb.energy(pdb.topology, positions, "ff14sb", quantity="total")
        assert energy == pytest.approx(reference, abs=1e-4 * len(positions))
        assert hosts.relativeError(forces, expected) < 1e-6
        correction, zero = pb.energy(pdb.topology, positions, "ff14sb")
        assert correction == 0 and not zero.any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forces_are_the_gradient(pb, any_network, pentapeptide, scheme):
    evaluator = pb.Evaluator(pentapeptide.topology, any_network, scheme, precision="double")
    positions = pentapeptide.getPositions(asNumpy=True)._value
    atoms = np.random.default_rng(1).choice(len(positions), 12, replace=False)
    numerical = hosts.numericalForces(lambda x: evaluator.evaluate(x).energy, positions, atoms, 2e-5)
    forces = evaluator.evaluate(positions).forces
    assert np.abs(forces[atoms] - numerical).max() < 1e-6 * np.abs(forces).max()


def test_forces_and_torques_vanish_in_sum(pb, any_network, pentapeptide):
    positions = pentapeptide.getPositions(asNumpy=True)._value
    for scheme in SCHEMES:
        _, forces = pb.energy(pentapeptide.topology, positions, any_network, scheme, precision="double")
        assert np.abs(forces.sum(axis=0)).max() < 1e-8 * np.abs(forces).max()
        assert np.abs(np.cross(positions, forces).sum(axis=0)).max() < 1e-8 * np.abs(forces).max()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_virial_is_the_strain_derivative(pb, any_network, pentapeptide, scheme):
    evaluator = pb.Evaluator(pentapeptide.topology, any_network, scheme, precision="double")
    positions = pentapeptide.getPositions(asNumpy=True)._value
    virial = evaluator.evaluate(positions).virial
    step, numerical = 1e-5, np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            strain = np.zeros((3, 3))
            strain[i, j] = step
            up, down = (evaluator.evaluate(positions @ (np.eye(3) + s * strain)).energy for s in (1, -1))
            numerical[i, j] = -(up - down) / (2 * step)
    # caps keep their bond length under strain: the virial holds for the energy as a function of the real atoms
    assert np.abs(virial - 0.5 * (numerical + numerical.T)).max() < 1e-5 * max(1, np.abs(virial).max())


def test_atoms_may_lie_in_any_image(pb, any_network, pentapeptide):
    evaluator = pb.Evaluator(pentapeptide.topology, any_network, "dipeptide", precision="double")
    positions = pentapeptide.getPositions(asNumpy=True)._value
    box = np.array([[4.0, 0, 0], [1.3, 3.8, 0], [-1.1, 0.9, 3.6]])
    free = evaluator.evaluate(positions)
    shifts = np.random.default_rng(2).integers(-2, 3, positions.shape)
    moved = evaluator.evaluate(positions + shifts @ box, boxVectors=box)
    assert moved.energy == pytest.approx(free.energy, abs=1e-7)
    assert np.abs(moved.forces - free.forces).max() < 1e-7 * np.abs(free.forces).max()


def test_results_do_not_depend_on_threads(pb, any_network, chignolin):
    results = [pb.energy(chignolin.topology, chignolin.positions, any_network, scheme, threads=threads)
               for scheme in ("whole", "window2") for threads in (1, 2, 3)]
    for first in (0, 3):
        for other in (1, 2):
            assert results[first][0] == results[first + other][0]
            assert np.array_equal(results[first][1], results[first + other][1])


def test_precisions_agree(pb, any_network, chignolin):
    single, double = (pb.energy(chignolin.topology, chignolin.positions, any_network, precision=p)
                      for p in ("single", "double"))
    assert single[0] == pytest.approx(double[0], abs=1e-2)
    assert 0 < hosts.relativeError(single[1], double[1]) < 1e-3


def test_nan_positions_name_the_atom(pb, network, alanine):
    positions = alanine.getPositions(asNumpy=True)._value.copy()
    positions[8, 1] = np.nan
    with pytest.raises(pb.InvalidArgumentError, match="ALA|8|9"):
        pb.energy(alanine.topology, positions, network)


def test_a_molecule_torn_by_wrapping_is_refused_without_a_box(pb, network, alanine):
    positions = alanine.getPositions(asNumpy=True)._value.copy()
    positions[12:] += [0, 3, 0]
    evaluator = pb.Evaluator(alanine.topology, network)
    evaluator.evaluate(alanine.positions)
    for _ in range(2):  # whatever came before
        with pytest.raises(pb.InvalidArgumentError, match="The bond atom .* is [0-9.]+ nm long.*give the box vectors"):
            evaluator.evaluate(positions)


def test_overlapping_atoms_are_refused(pb, network, alanine):
    positions = alanine.getPositions(asNumpy=True)._value.copy()
    positions[5] = positions[20]
    with pytest.raises(pb.CalculationFailedError, match="overlap.*These are atom .* of ACE .* and atom .* of NME"):
        pb.energy(alanine.topology, positions, network)


def test_box_that_is_too_small_is_refused(pb, network, alanine):
    with pytest.raises(pb.PluginBridgeError, match="box"):
        pb.energy(alanine.topology, alanine.positions, network, boxVectors=np.eye(3) * 0.4)


def test_wrong_shapes_are_refused(pb, network, alanine):
    with pytest.raises(pb.InvalidArgumentError, match="22"):
        pb.energy(alanine.topology, np.zeros((21, 3)), network)
    with pytest.raises(pb.InvalidArgumentError, match="quantity"):
        pb.energy(alanine.topology, alanine.positions, network, quantity="both")


def test_a_system_is_shared_by_threads(pb, network, pentapeptide):
    from pluginbridge import core, region

    system = core.CoreSystem(pb.Model(network), region.regionArrays(pentapeptide.topology), "dipeptide")
    positions = pentapeptide.getPositions(asNumpy=True)._value
    frames = [positions + 0.002 * np.random.default_rng(k).normal(size=positions.shape) for k in range(4)]
    expected = [core.Workspace(system).evaluate(frame)[0] for frame in frames]
    found = {}

    def work(k):
        workspace = core.Workspace(system)
        found[k] = {workspace.evaluate(frames[k])[0] for _ in range(5)}

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[k] for k in range(4)] == [{e} for e in expected]


def test_many_handles_do_not_leak(pb, network, alanine):
    import resource

    def once():
        pb.Evaluator(alanine.topology, network, "dipeptide").evaluate(alanine.positions)

    for _ in range(20):
        once()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(150):
        once()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


def test_gfn2_matches_its_own_fragments(pb, gfn2, alanine):
    """One residue: every scheme has the same single fragment."""
    values = [pb.energy(alanine.topology, alanine.positions, gfn2, scheme)[0] for scheme in SCHEMES]
    assert np.ptp(values) < 1e-6


def test_a_crystal_cell_is_not_taken_for_a_box(pb, network, alanine):
    """A topology's box counts only where it is asked for: this one is too small for the molecule."""
    topology = copy.deepcopy(alanine.topology)
    free, _ = pb.energy(topology, alanine.positions, network)
    with pytest.raises(pb.InvalidArgumentError, match="no box"):
        pb.energy(topology, alanine.positions, network, boxVectors="topology")
    topology.setPeriodicBoxVectors(np.eye(3) * 0.4)
    assert pb.energy(topology, alanine.positions, network)[0] == free
    with pytest.raises(pb.PluginBridgeError, match="box"):
        pb.energy(topology, alanine.positions, network, boxVectors="topology")
    with pytest.raises(pb.InvalidArgumentError, match="boxVectors 'cell'"):
        pb.energy(topology, alanine.positions, network, boxVectors="cell")
