"""Part of a protein, or a ligand, on GFN2-xTB: the energy is the sum of parts computed by other programs, and is conserved."""
import sys

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
import hosts  # noqa: E402
import nve_drift  # noqa: E402
from conftest import ROOT  # noqa: E402
from openmm import app, unit  # noqa: E402
from test_ligand import xtbEnergy  # noqa: E402

sys.path.insert(0, str(ROOT / "examples"))
sys.path.insert(0, str(ROOT / "training"))
import ligand_gfn2  # noqa: E402
from pbtrain.molecules import build_topology  # noqa: E402

SERINE = 4  # in ACE-ALA-LYS-PRO-SER-GLU-NME
CAP_LENGTH = 0.109  # nm, C-H


def ends(topology):
    """What the fragment of SER takes in of its neighbours, its caps (anchor, replaced atom), and whose names in
    ACE-SER-NME all of them have."""
    before, serine, after = (list(topology.residues())[k] for k in (SERINE - 1, SERINE, SERINE + 1))
    find = {(r.name, a.name): a.index for r in (before, serine, after) for a in r.atoms()}
    real = {("ACE", "CH3"): find["PRO", "CA"], ("ACE", "HH31"): find["PRO", "HA"], ("ACE", "C"): find["PRO", "C"],
            ("ACE", "O"): find["PRO", "O"], ("NME", "N"): find["GLU", "N"], ("NME", "H"): find["GLU", "H"],
            ("NME", "CH3"): find["GLU", "CA"], ("NME", "HH31"): find["GLU", "HA"]}
    real |= {("SER", a.name): a.index for a in serine.atoms()}
    caps = {("ACE", "HH32"): (find["PRO", "CA"], find["PRO", "N"]), ("ACE", "HH33"): (find["PRO", "CA"], find["PRO", "CB"]),
            ("NME", "HH32"): (find["GLU", "CA"], find["GLU", "C"]), ("NME", "HH33"): (find["GLU", "CA"], find["GLU", "CB"])}
    return real, caps


def only(system, keep, lennard_jones=None, charges=True):
    """A copy of a System without cutoff in which terms for which keep(particles) is false are zero; pairs likewise.

    lennard_jones: other (sigma, epsilon) of particles; pairs three bonds apart get half of what they combine to.
    """
    copy = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    for force in copy.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for k in range(force.getNumBonds()):
                i, j, length, constant = force.getBondParameters(k)
                force.setBondParameters(k, i, j, length, constant if keep((i, j)) else 0)
        elif isinstance(force, openmm.HarmonicAngleForce):
            for k in range(force.getNumAngles()):
                *atoms, angle, constant = force.getAngleParameters(k)
                force.setAngleParameters(k, *atoms, angle, constant if keep(atoms) else 0)
        elif isinstance(force, openmm.PeriodicTorsionForce):
            for k in range(force.getNumTorsions()):
                *atoms, periodicity, phase, constant = force.getTorsionParameters(k)
                force.setTorsionParameters(k, *atoms, periodicity, phase, constant if keep(atoms) else 0)
        elif isinstance(force, openmm.NonbondedForce):
            found = {}
            for k in range(force.getNumParticles()):
                charge, sigma, epsilon = (q._value for q in force.getParticleParameters(k))
                sigma, epsilon = lennard_jones[k] if lennard_jones else (sigma, epsilon)
                found[k] = charge if charges else 0.0, sigma, epsilon
            excepted = set()
            for k in range(force.getNumExceptions()):
                i, j, charge, sigma, epsilon = force.getExceptionParameters(k)
                excepted.add(frozenset((i, j)))
                if lennard_jones and epsilon._value != 0:
                    sigma, epsilon = (found[i][1] + found[j][1]) / 2, 0.5 * np.sqrt(found[i][2] * found[j][2])
                if not keep((i, j)):
                    charge, epsilon = 0, 0
                force.setExceptionParameters(k, i, j, charge if charges else 0, sigma, epsilon)
            for i in found:
                for j in range(i):
                    if not keep((i, j)) and frozenset((i, j)) not in excepted:
                        force.addException(i, j, 0, 1, 0)
                force.setParticleParameters(i, *found[i])
    return copy


def test_one_residue_is_the_sum_of_its_parts(plugin, gfn2, pentapeptide, tmp_path):
    """E = E_host + E_GFN2(capped) - E_base(capped): GFN2 by the xtb program, the base by OpenMM, from the host's own terms
    between the fragment's atoms and from ACE-SER-NME's terms of the atoms that here are caps."""
    topology, x = pentapeptide.topology, pentapeptide.getPositions(asNumpy=True)._value
    host = hosts.vacuumSystem(topology)
    serine = [a.index for a in list(topology.residues())[SERINE].atoms()]
    system = plugin.FragmentPotential(gfn2).createMixedSystem(topology, host, serine)
    energy, _ = hosts.energyForces(system, x)

    real, caps = ends(topology)
    inside = set(real.values())
    hydrogens = {}
    for name, (anchor, replaced) in caps.items():
        bond = x[replaced] - x[anchor]
        hydrogens[name] = x[anchor] + CAP_LENGTH * bond / np.linalg.norm(bond)
    molecule = build_topology([["ACE", "SER", "NME"]]).topology
    template = hosts.vacuumSystem(molecule)
    names = [(a.residue.name, a.name) for a in molecule.atoms()]
    assert set(names) == {*real, *caps}
    capped = np.array([hydrogens[n] if n in caps else x[real[n]] for n in names])
    quantum = xtbEnergy([a.element.symbol for a in molecule.atoms()], capped, tmp_path)

    own, _ = hosts.energyForces(only(host, inside.issuperset), x)
    isCap = [n in caps for n in names]
    nonbonded = next(f for f in host.getForces() if isinstance(f, openmm.NonbondedForce))
    others = next(f for f in template.getForces() if isinstance(f, openmm.NonbondedForce))
    lennard_jones = [tuple(q._value for q in (others if cap else nonbonded).getParticleParameters(k if cap else real[n])[1:])
                     for k, (n, cap) in enumerate(zip(names, isCap))]
    bonds = {frozenset((a.index, b.index)) for a, b in molecule.bonds()}
    link, _ = hosts.energyForces(only(template, lambda atoms: any(isCap[a] for a in atoms) and frozenset(atoms) not in bonds,
                                      lennard_jones, charges=False), capped)
    hostEnergy, _ = hosts.energyForces(host, x)
    assert abs(link) > 0.5 and abs(own) > 10
    assert energy == pytest.approx(hostEnergy + quantum - own - link, abs=0.02)


def second_order(system, positions, picoseconds):
    """How much smaller the total energy's fluctuation is at 0.25 fs than at 0.5 fs, and there the drift of the modified energy,
    kJ/mol/ps an atom."""
    start = nve_drift.thermalised(system, positions, 1, 0.1)
    coarse, fine = (nve_drift.summarize(*nve_drift.run(system, start, step, picoseconds, every), system.getNumParticles())
                    for step, every in ((0.5, 4), (0.25, 8)))
    return coarse["fluctuation"] / fine["fluctuation"], fine["trueDrift"]


@pytest.mark.slow
def test_one_residue_conserves_energy(plugin, gfn2, pentapeptide):
    """NVE in vacuo, the region's border inside the chain, beside the plain host."""
    topology, x = pentapeptide.topology, pentapeptide.getPositions(asNumpy=True)._value
    host = hosts.vacuumSystem(topology)
    serine = [a.index for a in list(topology.residues())[SERINE].atoms()]
    system = plugin.FragmentPotential(gfn2, precision="double").createMixedSystem(topology, host, serine)
    ratio, drift = second_order(system, x, 0.1)
    control, _ = second_order(host, x, 0.1)
    assert 3.3 < ratio < 4.7 and 3.3 < control < 4.7
    assert abs(drift) < 5e-5  # 0.02 kT/ns; measured -0.9e-5, the host alone -0.7e-5


@pytest.fixture(scope="module")
def phenol():
    """Phenol with three waters on CHARMM36: topology, positions (nm), host, phenol alone, its atoms."""
    from pluginbridge import createRegionSystem
    forcefield = app.ForceField("charmm36.xml", "charmm36/water.xml")
    modeller = app.Modeller(*ligand_gfn2.phenol())
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(2, 2, 2), neutralize=False)
    x = np.array(modeller.positions.value_in_unit(unit.nanometer))
    waters = [r for r in modeller.topology.residues() if r.name == "HOH"]
    waters.sort(key=lambda r: np.linalg.norm(x[:13] - x[next(r.atoms()).index], axis=1).min())
    modeller.delete(waters[3:])
    modeller.topology.setPeriodicBoxVectors(None)
    atoms = list(range(13))
    host = forcefield.createSystem(modeller.topology, rigidWater=False)
    alone = createRegionSystem(modeller.topology, forcefield, atoms)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer)), host, alone, atoms


def test_a_ligand_is_the_sum_of_its_parts(plugin, gfn2, phenol, tmp_path):
    topology, x, host, alone, atoms = phenol
    system = plugin.FragmentPotential(gfn2).createMixedSystem(topology, host, atoms, totalCharge=0, regionSystem=alone)
    quantum = xtbEnergy([a.element.symbol for a in list(topology.atoms())[:13]], x[:13], tmp_path)
    expected = hosts.energyForces(host, x)[0] - hosts.energyForces(alone, x[:13])[0] + quantum
    assert hosts.energyForces(system, x)[0] == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
def test_a_ligand_conserves_energy(plugin, gfn2, phenol):
    topology, x, host, alone, atoms = phenol
    system = plugin.FragmentPotential(gfn2, precision="double").createMixedSystem(topology, host, atoms, totalCharge=0,
                                                                                  regionSystem=alone)
    ratio, drift = second_order(system, x, 0.1)
    assert 3.3 < ratio < 4.7
    assert abs(drift) < 1e-5  # measured 0.08e-5, the host alone 0.09e-5
