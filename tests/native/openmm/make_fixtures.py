#!/usr/bin/python3
"""Writes the Systems, forces, positions and model files that the tests of the OpenMM plugin read.

    /usr/bin/python3 make_fixtures.py OUTPUT_FOLDER

<name>.system.xml, <name>.force.xml (native/openmm/serialization/README.md), <name>.positions.txt (nm):
  peptide  ACE-ALA-LYS-PRO-SER-GLU-NME on ff14SB, in vacuo, no cutoff, no constraints
  pair     two of them side by side in a box, PME, no constraints
  rigid    the same, bonds to hydrogen constrained
  water    the pair in water
correction.safetensors ("E_QM - E_MM") and absolute.safetensors ("E_QM"): one network with random weights, its output
scaled so that dynamics with it is stable.
ensemble.json: the networks correction.safetensors, member-2.safetensors and member-3.safetensors, whose weights are
disturbed, with a calibration; uncalibrated.json: without one.
"""
import hashlib
import json
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openmm
from openmm import app, unit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
STRUCTURE = ROOT / "tests/python/structures/capped_pentapeptide.pdb"
NETWORK = ROOT / "tests/fixtures/visnet/small.safetensors"
FORCE_FIELD = ("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")


def force_xml(topology, periodic):
    """All atoms but water, all of them in the region."""
    force = ElementTree.Element("Force", type="FragmentedPotentialForce", version="1", model="correction.safetensors",
                                forceGroup="1", periodic=str(int(periodic)))
    residues, atoms, bonds = (ElementTree.SubElement(force, tag) for tag in ("Residues", "Atoms", "Bonds"))
    index = {}
    for number, residue in enumerate(r for r in topology.residues() if r.name != "HOH"):
        ElementTree.SubElement(residues, "Residue", name=residue.name, number=residue.id, chain=residue.chain.id)
        for atom in residue.atoms():
            index[atom] = len(index)
            ElementTree.SubElement(atoms, "Atom", particle=str(atom.index), element=str(atom.element.atomic_number),
                                   name=atom.name, residue=str(number))
    for a, b in topology.bonds():
        if a in index:
            ElementTree.SubElement(bonds, "Bond", a=str(index[a]), b=str(index[b]))
    return ElementTree.tostring(force, encoding="unicode")


def write(folder, name, topology, positions, periodic, **options):
    system = app.ForceField(*FORCE_FIELD).createSystem(topology, **options)
    (folder / f"{name}.system.xml").write_text(openmm.XmlSerializer.serialize(system))
    (folder / f"{name}.force.xml").write_text(force_xml(topology, periodic))
    np.savetxt(folder / f"{name}.positions.txt", positions.value_in_unit(unit.nanometer), fmt="%.17g")


def write_pair(folder, pdb):
    """The second peptide is turned by half about x and lies 0.3 nm from the first, within the network's cutoff."""
    first = np.array(pdb.positions.value_in_unit(unit.nanometer))
    turned = first * [1, -1, -1]
    for shift in np.arange(0.0, 3.0, 0.01):
        second = turned + [0, 0, shift]
        if np.linalg.norm(first[:, None] - second[None], axis=2).min() > 0.3:
            break
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.add(pdb.topology, second * unit.nanometer)
    for chain, label in zip(modeller.topology.chains(), "AB"):
        chain.id = label
    xyz = np.array(modeller.positions.value_in_unit(unit.nanometer))
    box = np.ptp(xyz, axis=0) + 0.8
    modeller.topology.setUnitCellDimensions(openmm.Vec3(*box) * unit.nanometer)
    centred = (xyz - (xyz.min(axis=0) + xyz.max(axis=0)) / 2 + box / 2) * unit.nanometer
    options = dict(periodic=True, nonbondedMethod=app.PME)
    for name, constraints in (("pair", None), ("rigid", app.HBonds)):
        write(folder, name, modeller.topology, centred, nonbondedCutoff=0.45 * box.min() * unit.nanometer,
              constraints=constraints, **options)

    solvated = app.Modeller(modeller.topology, centred)
    solvated.addSolvent(app.ForceField(*FORCE_FIELD), neutralize=False)
    write(folder, "water", solvated.topology, solvated.positions, nonbondedCutoff=0.8 * unit.nanometer,
          constraints=app.HBonds, **options)


def write_models(folder):
    data = NETWORK.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    model = json.loads(header["__metadata__"]["pluginbridge"])
    model["units"]["energy"] = "kJ/mol"
    model["energy_scale"] = 20.0
    kinds = {"correction": ("E_QM - E_MM", "amber-ff14sb"), "absolute": ("E_QM", None)}
    for name, (target, base) in kinds.items():
        model.update(name=name, target=target, base_force_field=base)
        header["__metadata__"]["pluginbridge"] = json.dumps(model)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        (folder / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])


def write_ensembles(folder):
    data = (folder / "correction.safetensors").read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    weights = np.frombuffer(data[start:], "<f4")
    random = np.random.default_rng(1)
    for member in (2, 3):
        disturbed = weights * (1 + 0.1 * random.standard_normal(weights.size)).astype("<f4")
        (folder / f"member-{member}.safetensors").write_bytes(data[:start] + disturbed.tobytes())
    files = ["correction.safetensors", "member-2.safetensors", "member-3.safetensors"]
    ensemble = {"format": 1, "type": "ensemble", "name": "ensemble",
                "members": [{"file": file, "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
                            for file in files]}
    (folder / "uncalibrated.json").write_text(json.dumps(ensemble))
    ensemble["calibration"] = {"form": "sqrt(floor^2 + (scale * spread)^2)", "floor": 2.0, "scale": 1.5,
                               "unit": "kJ/mol/nm"}
    (folder / "ensemble.json").write_text(json.dumps(ensemble))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pdb = app.PDBFile(str(STRUCTURE))
    write(folder, "peptide", pdb.topology, pdb.positions, periodic=False, nonbondedMethod=app.NoCutoff,
          constraints=None)
    write_pair(folder, pdb)
    write_models(folder)
    write_ensembles(folder)


if __name__ == "__main__":
    main()
