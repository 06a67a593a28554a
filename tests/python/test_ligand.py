"""Regions that are no protein: an absolute potential on whole molecules whose charge the user gives."""
import shutil
import subprocess

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import hosts  # noqa: E402
from openmm import app, unit  # noqa: E402

HARTREE = 2625.4996395  # kJ/mol
# a water molecule in a generic orientation (nm), and where its neighbours stand
WATER = np.array([[0.011, -0.023, 0.017], [0.086, 0.021, 0.058], [-0.052, 0.046, -0.003]])
PLACES = np.array([[0.0, 0.0, 0.0], [0.31, 0.02, 0.05], [-0.08, 0.34, -0.04]])


def waters():
    """Topology and positions (nm) of three water molecules."""
    topology = app.Topology()
    chain = topology.addChain()
    for _ in PLACES:
        residue = topology.addResidue("HOH", chain)
        oxygen = topology.addAtom("O", app.element.oxygen, residue)
        for name in ("H1", "H2"):
            topology.addBond(oxygen, topology.addAtom(name, app.element.hydrogen, residue))
    return topology, np.concatenate([WATER + place for place in PLACES])


def xtbEnergy(symbols, positions, folder, charge=0):
    """GFN2-xTB energy (kJ/mol) from the program xtb."""
    if shutil.which("xtb") is None:
        pytest.skip("the program xtb is not installed")
    lines = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(symbols, positions * 10)]
    (folder / "molecule.xyz").write_text("\n".join([str(len(lines)), "", *lines, ""]))
    result = subprocess.run(["xtb", "molecule.xyz", "--gfn", "2", "--acc", "0.1", "--chrg", str(charge)], cwd=folder,
                            capture_output=True, text=True, timeout=120)
    return HARTREE * float(next(line for line in result.stdout.splitlines() if "TOTAL ENERGY" in line).split()[3])


def test_water_in_a_mixed_system(plugin, gfn2, tmp_path):
    """E = E_host - the host's own terms of the molecule + GFN2's energy of it, from the xtb program."""
    topology, positions = waters()
    create = app.ForceField("amber14/tip3pfb.xml").createSystem
    host = create(topology, rigidWater=False)
    mixed = plugin.FragmentPotential(gfn2).createMixedSystem(topology, host, range(3), totalCharge=0)
    assert 'totalCharge="0"' in openmm.XmlSerializer.serialize(mixed)
    alone = app.Modeller(topology, positions * unit.nanometer)
    alone.delete(list(topology.residues())[1:])
    own, _ = hosts.energyForces(create(alone.topology, rigidWater=False), positions[:3])
    energy, _ = hosts.energyForces(mixed, positions)
    hostEnergy, _ = hosts.energyForces(host, positions)
    assert abs(own) > 1  # the geometry is not TIP3P-FB's
    assert energy == pytest.approx(hostEnergy - own + xtbEnergy("OHH", positions[:3], tmp_path), abs=0.01)


@pytest.mark.parametrize("charge", [0, 2])
def test_direct_energy_with_a_charge(pb, gfn2, tmp_path, charge):
    topology, positions = waters()
    energy, forces = pb.energy(topology, positions, gfn2, atoms=range(3), totalCharge=charge, quantity="total")
    evaluator = pb.Evaluator(topology, gfn2, atoms=range(3), totalCharge=charge,
                             system=app.ForceField("amber14/tip3pfb.xml").createSystem(topology, rigidWater=False))
    assert evaluator.fragments[0].charge == charge
    assert forces.shape == (9, 3) and forces[:3].any() and not forces[3:].any()
    assert energy == pytest.approx(xtbEnergy("OHH", positions[:3], tmp_path, charge), abs=0.01)


def test_the_charge_has_to_be_given(plugin, gfn2):
    topology, positions = waters()
    host = app.ForceField("amber14/tip3pfb.xml").createSystem(topology, rigidWater=False)
    for attempt in (lambda: plugin.FragmentPotential(gfn2).createMixedSystem(topology, host, range(3)),
                    lambda: plugin.Evaluator(topology, gfn2, atoms=range(3), system=host)):
        with pytest.raises(plugin.TopologyError, match="HOH 1.*give the total charge.*totalCharge"):
            attempt()


def test_a_charge_that_is_wrong(plugin, network, alanine):
    host = hosts.vacuumSystem(alanine.topology)
    potential = plugin.FragmentPotential(network)
    with pytest.raises(plugin.InvalidArgumentError, match="totalCharge is 0.5"):
        potential.createMixedSystem(alanine.topology, host, totalCharge=0.5)
    with pytest.raises(plugin.InvalidArgumentError, match=r"total charge \+1 e"):
        potential.createMixedSystem(alanine.topology, host, totalCharge=1)
    potential.createMixedSystem(alanine.topology, host, totalCharge=0)
