#!/usr/bin/python3
"""Make ff14sb.json, the compact AMBER ff14SB table that PluginBridge.Core embeds.

    /usr/bin/python3 make_ff14sb_table.py [--check]

Source: OpenMM's amber14/protein.ff14SB.xml (parameters, residue templates; Maier et al. 2015,
doi:10.1021/acs.jctc.5b00255) and pdbNames.xml (atom names that PDB files use). Added here: formal charges, by
residue and by atom, so that the charge of any piece of a protein is a sum over its atoms; residue families
(HIS is HID, HIE or HIP); what OpenMM's name table lacks.

--check writes nothing and fails where the table in the tree differs from what the script makes.
Units as in OpenMM: nm, kJ/mol, rad, e.
"""
import json
import os
import sys
import xml.etree.ElementTree as etree

import openmm.app

HERE = os.path.dirname(os.path.abspath(__file__))
OPENMM_DATA = os.path.join(os.path.dirname(openmm.app.__file__), "data")
ELEMENTS = {"H": 1, "C": 6, "N": 7, "O": 8, "S": 16}

# Integer charge of each charged side chain and the atom that carries it in the usual Lewis structure.
# Resonance partners share the group, so any cut that keeps the group whole gets the right sum.
SIDE_CHAIN_CHARGE = {
    "ASP": ("OD2", -1), "GLU": ("OE2", -1), "CYM": ("SG", -1),
    "LYS": ("NZ", +1), "ARG": ("NH2", +1), "HIP": ("ND1", +1),
}
TERMINUS_CHARGE = {"N": ("N", +1), "C": ("OXT", -1)}
CAPS = ("ACE", "NME", "NHE")

# Forms that a residue name may stand for; which one is decided by the hydrogens that are present.
FAMILIES = [
    ("HIS", ["HID", "HIE", "HIP"], ["HSD", "HSE", "HSP", "HSH", "HIH", "HISD", "HISE", "HISH", "HISP"]),
    ("CYS", ["CYS", "CYX", "CYM"], ["CYS2", "CYSH", "CSS"]),
    ("ASP", ["ASP", "ASH"], ["ASPH", "ASPP"]),
    ("GLU", ["GLU", "GLH"], ["GLUH", "GLUP"]),
    ("LYS", ["LYS", "LYN"], ["LSN", "LYP", "LYSN", "LYSH"]),
    ("NME", ["NME"], ["NMA", "NAC"]),
    ("NHE", ["NHE"], ["NH2"]),
    ("HYP", ["HYP"], []),
]
# Names that pdbNames.xml does not list (groups of synonyms, one atom a group).
EXTRA_NAMES = {
    # PDB files write hydroxyproline as HD2, HD3 on CD and HD1 on OD1.
    "HYP": [["HB2", "2HB"], ["HB3", "HB1", "1HB", "3HB"], ["HD22", "HD2", "2HD"], ["HD23", "HD3", "3HD"],
            ["HD1", "HO", "HOD"]],
    "NHE": [["HN1", "H1", "1H", "HT1", "1HN"], ["HN2", "H2", "2H", "HT2", "2HN"], ["N", "NT"]],
}


def strip(name):
    assert name == "" or name.startswith("protein-"), name
    return name[len("protein-"):]


def number(text):
    """The shortest decimal that reads back as the same double."""
    value = float(text)
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def base_and_terminus(name, names):
    if len(name) == 4 and name[0] in "NC" and name[1:] in names:
        return name[1:], name[0]
    return name, ""


def residues(root, elements):
    nodes = root.find("Residues").findall("Residue")
    names = {node.get("name") for node in nodes}
    for node in nodes:
        name = node.get("name")
        base, terminus = base_and_terminus(name, names)
        formal = {}
        for atom, charge in filter(None, (SIDE_CHAIN_CHARGE.get(base), TERMINUS_CHARGE.get(terminus))):
            formal[atom] = formal.get(atom, 0) + charge
        atoms = []
        for atom in node.findall("Atom"):
            row = [atom.get("name"), strip(atom.get("type")), number(atom.get("charge"))]
            if row[0] in formal:
                row.append(formal.pop(row[0]))
            atoms.append(row)
        assert not formal, (name, formal)
        charge = sum(row[3] for row in atoms if len(row) > 3)
        assert abs(charge - sum(row[2] for row in atoms)) < 1e-3, (name, charge)
        assert all(elements[row[1]] in ELEMENTS for row in atoms)
        yield {
            "name": name, "base": base, "terminus": terminus,
            "kind": "cap" if name in CAPS else "amino acid", "charge": charge, "atoms": atoms,
            "bonds": " ".join(f"{b.get('atomName1')}-{b.get('atomName2')}" for b in node.findall("Bond")),
            "externalBonds": " ".join(b.get("atomName") for b in node.findall("ExternalBond")),
        }


def torsions(force, kind):
    rows = []
    for node in force.findall(kind):
        rows.append([" ".join(strip(node.get(f"type{i}")) or "*" for i in range(1, 5))])
        for i in range(1, 7):
            if f"k{i}" in node.attrib:
                # Terms of zero constant are kept out, the entry itself stays: it overrides a wildcard.
                if float(node.get(f"k{i}")) != 0:
                    rows[-1].append([number(node.get(f"periodicity{i}")), number(node.get(f"phase{i}")),
                                     number(node.get(f"k{i}"))])
    keys = [row[0] for row in rows]
    reverse = [" ".join(reversed(key.split())) for key in keys] if kind == "Proper" else []
    assert len(set(keys)) == len(keys)
    assert not [k for k, r in zip(keys, reverse) if r != k and r in keys], "two definitions of one torsion"
    return rows


def atom_names(known):
    """Groups of synonymous atom names, by residue family; those of "*" hold for every amino acid."""
    def groups(node):
        return [list(atom.attrib.values()) for atom in node.findall("Atom")]

    result = {}
    for node in etree.parse(os.path.join(OPENMM_DATA, "pdbNames.xml")).getroot().findall("Residue"):
        name = "*" if node.get("name") == "Protein" else node.get("name")
        if name in known or name in ("*", "HIS"):
            result[name] = groups(node)
    for name, extra in EXTRA_NAMES.items():
        result[name] = result.get(name, []) + [g for g in extra if g not in result.get(name, [])]
    return result


def table():
    root = etree.parse(os.path.join(OPENMM_DATA, "amber14", "protein.ff14SB.xml")).getroot()
    types = {strip(t.get("name")): t for t in root.find("AtomTypes")}
    # Types and classes are one thing in this file; the parameter tables are by type.
    assert all(t.get("class") == name for name, t in types.items())
    elements = {name: t.get("element") for name, t in types.items()}
    nonbonded = root.find("NonbondedForce")
    assert nonbonded.find("UseAttributeFromResidue").get("name") == "charge"
    templates = list(residues(root, elements))
    periodic = root.find("PeriodicTorsionForce")
    assert periodic.get("ordering") == "amber"
    return {
        "source": "OpenMM amber14/protein.ff14SB.xml " + root.find("Info/DateGenerated").text
                  + "; made by make_ff14sb_table.py",
        "reference": " ".join(root.find("Info/Reference").text.split()),
        "units": "nm, kJ/mol, rad, e",
        "coulomb14Scale": number(nonbonded.get("coulomb14scale")),
        "lennardJones14Scale": number(nonbonded.get("lj14scale")),
        "atomTypes": [[strip(a.get("type")), elements[strip(a.get("type"))], number(a.get("sigma")),
                       number(a.get("epsilon"))] for a in nonbonded.findall("Atom")],
        "families": [{"name": name, "forms": forms, "aliases": aliases} for name, forms, aliases in FAMILIES],
        "atomNames": atom_names({t["name"] for t in templates}),
        "residues": templates,
        "bonds": [[strip(b.get("type1")) + " " + strip(b.get("type2")), number(b.get("length")),
                   number(b.get("k"))] for b in root.find("HarmonicBondForce")],
        "angles": [[" ".join(strip(a.get(f"type{i}")) for i in (1, 2, 3)), number(a.get("angle")),
                    number(a.get("k"))] for a in root.find("HarmonicAngleForce")],
        "propers": torsions(periodic, "Proper"),
        "impropers": torsions(periodic, "Improper"),
    }


def text(data):
    """JSON with one entry a line, so that a change of one parameter is a diff of one line."""
    def compact(value):
        return json.dumps(value, separators=(", ", ": "))

    def residue(r):
        head = compact({k: r[k] for k in ("name", "base", "terminus", "kind", "charge")})[:-1]
        atoms = ",\n      ".join(compact(row) for row in r["atoms"])
        return (f'{head},\n     "atoms": [\n      {atoms}],\n     "bonds": {compact(r["bonds"])},\n'
                f'     "externalBonds": {compact(r["externalBonds"])}}}')

    parts = []
    for key, value in data.items():
        if key == "residues":
            body = "[\n    " + ",\n    ".join(residue(r) for r in value) + "\n  ]"
        elif isinstance(value, list):
            body = "[\n    " + ",\n    ".join(compact(row) for row in value) + "\n  ]"
        elif isinstance(value, dict):
            body = "{\n    " + ",\n    ".join(f"{compact(k)}: {compact(v)}" for k, v in value.items()) + "\n  }"
        else:
            body = compact(value)
        parts.append(f"  {compact(key)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    made = text(table())
    path = os.path.join(HERE, "ff14sb.json")
    if "--check" in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            if file.read() != made:
                sys.exit(f"{path} is not what this script makes; run it without --check")
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(made)
    print(f"{path}: {len(made)} bytes")


if __name__ == "__main__":
    main()
