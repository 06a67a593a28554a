#!/usr/bin/python3
"""The oddities of real-world PDB files, what becomes of each, and the table in docs/pdb-oddities.md.

    /usr/bin/python3 tests/python/oddities.py       # writes docs/pdb-oddities.md

Each is a small file made from a sound one, its *twin*. ``raw`` says what ``pluginbridge energy`` makes of the file,
``prepared`` what ``pluginbridge prepare`` (with ``options``) and then ``energy`` make of it: ``SAME`` (the twin's energy),
``RUNS`` (a finite one, all atoms complete), or the parts of the message that refuses it.
"""
import dataclasses
from pathlib import Path
from typing import Callable

import numpy as np
import pdbedits as e

TABLE = Path(__file__).resolve().parents[2] / "docs" / "pdb-oddities.md"
SAME, RUNS = "same energy as the sound file", "runs"


@dataclasses.dataclass(frozen=True)
class Oddity:
    name: str
    make: Callable[[], "str | bytes"]
    raw: "str | tuple"
    prepared: "str | tuple"
    options: dict = dataclasses.field(default_factory=dict)
    twin: str = "charged"
    note: str = ""
    skip_unknown: bool = False
    reports: "tuple | None" = None  # (kind, part of the message) that the report has to have
    slow: bool = False


LIST: list[Oddity] = []


def oddity(name, raw, prepared, twin="charged", **more):
    """Adds the decorated function's text, or the lines that it makes of the twin's, to the list."""
    def add(make):
        def content():
            made = make(e.atoms(twin))
            return made if isinstance(made, (str, bytes)) else e.text(made)

        LIST.append(Oddity(name, content, raw, prepared, twin=twin, **more))
        return make
    return add


# Alternate locations, numbering, chains

@oddity("alternate locations, side by side", SAME, SAME, reports=("alternate-location", "A, B; A is used"))
def _(lines):
    return e.alternate(lines, lambda line: e.number(line) == 5 and e.atom_name(line) not in "N CA C O H HA".split())


@oddity("alternate locations, the rarer one first", SAME, SAME, reports=("alternate-location", "B is used"))
def _(lines):
    made = e.alternate(lines, e.residue(3), "B", "A")
    return e.where(made, lambda line: line[16] != " ", lambda line: line)


@oddity("alternate locations, the second ones at the end of the file", SAME, SAME, reports=("alternate-location", "A is used"))
def _(lines):
    made = e.alternate(lines, e.residue(5))
    return [line for line in made if line[16] != "B"] + [line for line in made if line[16] == "B"]


@oddity("two kinds of residue in one place (microheterogeneity)", SAME, SAME, reports=("alternate-location", "A is used"))
def _(lines):
    second = [e.put(e.put(line, 17, "B"), 18, "ALA") for line in lines if e.number(line) == 3 and e.atom_name(line) in "N CA C O CB H HA".split()]
    made = e.where(lines, e.residue(3), lambda line: e.put(e.put(line, 17, "A"), 55, "  0.60"))
    last = max(i for i, line in enumerate(made) if e.number(line) == 3)
    return made[:last + 1] + [e.put(line, 55, "  0.40") for line in second] + made[last + 1:]


@oddity("insertion codes", SAME, SAME)
def _(lines):
    return e.renumber(lines, {3: "   2A", 4: "   2B"})


@oddity("negative and zero residue numbers", SAME, SAME)
def _(lines):
    return e.renumber(lines, {1: "  -2 ", 2: "  -1 ", 3: "   0 ", 4: "   1 ", 5: "   2 ", 6: "   3 "})


@oddity("a gap in the numbering without a break", SAME, SAME)
def _(lines):
    return e.renumber(lines, {5: " 105 ", 6: " 106 "})


@oddity("numbers that fall along the chain", SAME, SAME)
def _(lines):
    return e.renumber(lines, {n: f"{10 - n:4d} " for n in range(1, 7)})


@oddity("a chain break", ("chain is broken between PRO 4", "THR", "C and N are"),
        ("chain is broken between PRO 4", "--breaks cap", "--breaks model"), twin="chignolin")
def _(lines):
    return e.without(lines, e.residue(5, 6, 7))


@oddity("a chain break, to be capped", ("chain is broken between PRO 4",), RUNS, twin="chignolin", options={"breaks": "cap"},
        reports=("cap", "NME after it"))
def _(lines):
    return e.without(lines, e.residue(5, 6, 7))


@oddity("a break too narrow for caps", ("chain is broken",), ("leaves no room",), twin="chignolin", options={"breaks": "cap"})
def _(lines):
    return [x if e.number(x) < 5 else e.at(x, e.position(x) + e.position(e.find(lines, 5, "N")) - e.position(e.find(lines, 4, "C"))) for x in lines]


@oddity("a chain break, to be modelled", ("chain is broken between PRO 4",), RUNS, twin="chignolin", options={"breaks": "model"},
        reports=("loop", "modelled"), slow=True)
def _(lines):
    sequence = "SEQRES   1 A   10  GLY TYR ASP PRO GLU THR GLY THR TRP GLY"
    return [sequence, *e.without(lines, e.residue(5, 6))]


@oddity("a chain break, to be modelled, without SEQRES", ("chain is broken",), ("without SEQRES", "GLY 7 (chain A)"), twin="chignolin",
        options={"breaks": "model"})
def _(lines):
    return e.without(lines, e.residue(5, 6))


@oddity("residues of SEQRES missing at a chain's ends", SAME, SAME, reports=("warning", "SEQRES has 2 residues after it"),
        note="`prepare` warns: the ends are charged, and not the protein's")
def _(lines):
    return ["SEQRES   1 A    9  GLY PHE HIS ASP PRO TRP ARG SER GLY", *lines]


@oddity("lower-case chain identifier", SAME, SAME)
def _(lines):
    return [e.put(line, 22, "a") for line in lines]


@oddity("blank chain identifier", SAME, SAME)
def _(lines):
    return [e.put(line, 22, " ") for line in lines]


@oddity("two chains with one identifier, TER between", SAME, SAME, twin="disulfide")
def _(lines):
    return [*(x for x in lines if x[21] == "A"), "TER", *(e.put(x, 22, "A") for x in lines if x[21] == "B")]


@oddity("two chains with one identifier, no TER", SAME, SAME, twin="disulfide")
def _(lines):
    return [e.put(line, 22, "A") for line in lines]


@oddity("TER inside a chain", SAME, SAME, reports=("chain", "in spite of a TER"))
def _(lines):
    return [*(x for x in lines if e.number(x) < 4), "TER      61      ASP A   3", *(x for x in lines if e.number(x) >= 4)]


@oddity("a residue at the end of the file", RUNS, SAME, reports=("chain", "is put behind"),
        note="AMBER's impropers depend on the order of atoms: another energy until the residue is back in its place")
def _(lines):
    return [*(x for x in lines if e.number(x) != 3), *(x for x in lines if e.number(x) == 3)]


@oddity("one chain of two taken", RUNS, RUNS, twin="disulfide", options={"chains": ["A"]}, reports=("chain", "chains left out: 'B'"),
        note="the free cysteine of the chain gets its hydrogen")
def _(lines):
    return lines


@oddity("a chain that is not there", SAME, ("there is no chain 'X'", "'A'"), options={"chains": ["X"]})
def _(lines):
    return lines


# Missing and surplus atoms

@oddity("missing side-chain atoms", ("TRP 5 (chain A) lacks", "CZ2", "pluginbridge prepare"), RUNS, reports=("added-atom", "CZ2"))
def _(lines):
    return e.without(lines, e.an_atom(5, "CZ2", "CH2", "CZ3", "HZ2", "HH2", "HZ3"))


@oddity("a side chain cut to CB", ("ARG 6 (chain A) lacks",), RUNS, reports=("added-atom", "NH1"))
def _(lines):
    return e.without(lines, lambda x: e.number(x) == 6 and e.atom_name(x) not in "N CA C O CB OXT H HA".split())


@oddity("a missing backbone atom", ("ASP 3 (chain A) lacks CA",), ("ASP 3 (chain A) lacks CA", "backbone"))
def _(lines):
    return e.without(lines, e.an_atom(3, "CA"))


@oddity("CA atoms only", ("PHE 1 (chain A) has no hydrogen atoms",), ("PHE 1 (chain A) lacks N, C", "backbone"))
def _(lines):
    return [line for line in lines if e.atom_name(line) == "CA"]


@oddity("no hydrogens", ("PHE 1 (chain A) has no hydrogen atoms", "pluginbridge prepare"), RUNS, reports=("added-hydrogen", "HE1"))
def _(lines):
    return e.without(lines, e.is_hydrogen)


@oddity("polar hydrogens only", ("PHE 1 (chain A) lacks",), RUNS, reports=("added-hydrogen", "HB2"))
def _(lines):
    polar = {"H", "H1", "H2", "H3", "HE2", "HE1", "HE", "HH11", "HH12", "HH21", "HH22"}
    return e.without(lines, lambda x: e.is_hydrogen(x) and e.atom_name(x) not in polar)


def _alone(lines):
    return [e.put(x, 18, "GLY") for x in lines if e.number(x) == 2 and e.atom_name(x) in ("N", "CA", "C", "O")]


oddity("an amino acid on its own", ("GLY 2 (chain A) has no hydrogen atoms",), ("GLY 2 (chain A) is a chain of one residue", "--termini capped"),
        twin="alanine")(_alone)
oddity("an amino acid on its own, to be capped", ("GLY 2 (chain A) has no hydrogen atoms",), RUNS, twin="alanine", options={"termini": "capped"},
        reports=("cap", "ACE before it"))(_alone)


@oddity("a hydrogen too many", ("atom HA9 of HIS 2", "is not an atom"), SAME, reports=("removed-hydrogen", "HA9"))
def _(lines):
    return e.where(lines, e.an_atom(2, "HA"), lambda x: [x, e.at(e.named(x, "HA9"), e.position(x) + 0.3)])


@oddity("hydrogens at the end of the file", SAME, SAME)
def _(lines):
    return [x for x in lines if not e.is_hydrogen(x)] + [x for x in lines if e.is_hydrogen(x)]


@oddity("C-terminal OXT missing", ("ARG 6 (chain A) ends a chain but has no OXT",), RUNS, reports=("terminus", "OXT added"))
def _(lines):
    return e.without(lines, e.an_atom(6, "OXT"))


@oddity("neutral N-terminus (NH2)", ("PHE 1 (chain A) has a neutral N-terminus",), RUNS, reports=("added-hydrogen", "H3"))
def _(lines):
    return e.without(lines, e.an_atom(1, "H3"))


@oddity("neutral C-terminus (COOH)", ("ARG 6 (chain A) has a neutral C-terminus",), SAME, reports=("removed-hydrogen", "HXT"))
def _(lines):
    c, oxt = e.position(e.find(lines, 6, "C")), e.position(e.find(lines, 6, "OXT"))
    return e.where(lines, e.an_atom(6, "OXT"), lambda x: [x, e.put(e.at(e.named(x, "HXT"), e.bonded(oxt, 2 * oxt - c, 0.97)), 77, " H")])


@oddity("a duplicated atom", ("atom CB of ASP 3", "is there twice"), SAME, reports=("duplicate-atom", "CB is there twice"))
def _(lines):
    return e.where(lines, e.an_atom(3, "CB"), lambda x: [x, x])


@oddity("one atom name in two places", ("atom CB of ASP 3", "is there twice"), ("atom CB of ASP 3 (chain A) is there twice", "column 17"))
def _(lines):
    return e.where(lines, e.an_atom(3, "CB"), lambda x: [x, e.at(x, e.position(x) + 3)])


@oddity("occupancy zero", SAME, SAME, reports=("zero-occupancy", "NH1"))
def _(lines):
    return e.where(lines, e.an_atom(6, "NH1", "NH2"), lambda x: e.put(x, 55, "  0.00"))


# Names

@oddity("hydrogens named the old way (1HB, 2HB)", SAME, SAME)
def _(lines):
    lines = e.rename_atoms(lines, 1, HB2="_1HB", HB3="_2HB", H1="_1H", H2="_2H", H3="_3H")
    return e.rename_atoms(lines, 6, HB2="_1HB", HB3="_2HB", HH11="_1HH1", HH12="_2HH1", HH21="_1HH2", HH22="_2HH2")


@oddity("N-terminal hydrogens HT1, HT2, HT3 (CHARMM)", SAME, SAME)
def _(lines):
    return e.rename_atoms(lines, 1, H1="HT1", H2="HT2", H3="HT3")


@oddity("C-terminal oxygens OT1, OT2 (CHARMM)", SAME, SAME)
def _(lines):
    return e.rename_atoms(lines, 6, O="OT1", OXT="OT2")


@oddity("hydrogens with names of their own", SAME, SAME, reports=("renamed-atom", "HX1 -> "))
def _(lines):
    return e.rename_atoms(lines, 5, HB2="HX1", HB3="HX2", HZ2="H77")


@oddity("ACE and NME under CHARMM's atom names", SAME, SAME, twin="alanine")
def _(lines):
    lines = e.rename_atoms(lines, 1, CH3="CAY", C="CY", O="OY", H1="HY1", H2="HY2", H3="HY3")
    return e.rename_atoms(lines, 3, N="NT", H="HNT", C="CAT", H1="HT1", H2="HT2", H3="HT3")


@oddity("NME named NMA, AMBER's atom names", SAME, SAME, twin="alanine")
def _(lines):
    lines = e.rename_residue(e.rename_atoms(lines, 3, C="CH3", H1="HH31", H2="HH32", H3="HH33"), 3, "NMA")
    return e.rename_atoms(lines, 1, H1="HH31", H2="HH32", H3="HH33")


@oddity("amide cap named NH2", SAME, SAME, twin="disulfide")
def _(lines):
    return e.where(lines, lambda x: x[17:20] == "NHE", lambda x: e.put(x, 18, "NH2"))


@oddity("residue names of chain ends (NPHE, CARG)", SAME, SAME)
def _(lines):
    return e.where(e.where(lines, e.residue(1), lambda x: e.put(x, 18, "NPHE")), e.residue(6), lambda x: e.put(x, 18, "CARG"))


@oddity("histidine named HIS", SAME, SAME, reports=("protonation", "HIE by its hydrogens"))
def _(lines):
    return lines


@oddity("histidine whose name contradicts its hydrogens", SAME, SAME, reports=("protonation", "HIE by its hydrogens"))
def _(lines):
    return e.rename_residue(lines, 2, "HSD")


@oddity("histidine without hydrogens, its form in the name", ("HSP 2 (chain A) has no hydrogen atoms",), RUNS,
        reports=("protonation", "HIP by its name"))
def _(lines):
    return e.rename_residue(e.without(lines, lambda x: e.number(x) == 2 and e.is_hydrogen(x)), 2, "HSP")


@oddity("lower-case names", SAME, SAME)
def _(lines):
    return [x[:12] + x[12:20].lower() + x[20:] for x in lines]


@oddity("a residue with the wrong name for its atoms", ("LEU 2 (chain A)", "is not an atom of LEU"), ("LEU 2 (chain A) has", "which LEU has not"))
def _(lines):
    return e.rename_residue(lines, 2, "LEU")


@oddity("element column empty", SAME, SAME)
def _(lines):
    return [x[:66] for x in lines]


@oddity("deuterium", SAME, SAME, reports=("deuterium", "taken as hydrogen"))
def _(lines):
    return e.where(lines, e.is_hydrogen, lambda x: e.put(e.put(x, 13, x[12:16].replace("H", "D", 1)), 77, " D"))


# Disulfides and protonation

@oddity("disulfide of residues named CYS, no SSBOND", SAME, SAME, twin="disulfide", reports=("disulfide", "2.07"))
def _(lines):
    return lines


@oddity("disulfide of residues named CYX", SAME, SAME, twin="disulfide")
def _(lines):
    return e.rename_residue(lines, 2, "CYX")


@oddity("disulfide with hydrogens on both sulfur atoms", ("SG of CYS 2 (chain A)", "carry hydrogen"), SAME, twin="disulfide",
        reports=("removed-hydrogen", "HG"))
def _(lines):
    def thiol(line):
        chain = [x for x in lines if x[21] == line[21]]
        away = e.position(line) - e.position(e.find(chain, 2, "HB3"))
        return [line, e.put(e.at(e.named(line, "HG"), e.bonded(e.position(line), e.position(line) + away, 1.34)), 77, " H")]
    return e.where(lines, e.an_atom(2, "SG"), thiol)


@oddity("SSBOND across chains", SAME, SAME, twin="disulfide")
def _(lines):
    return ["SSBOND   1 CYS A    2    CYS B    2                          1555   1555  2.07", *lines]


@oddity("SSBOND with a symmetry image", RUNS, RUNS, twin="disulfide", options={"chains": ["A"]}, reports=("warning", "a symmetry image"))
def _(lines):
    # one cysteine with its hydrogen, whose partner is in the next unit cell
    chain = [x for x in lines if x[21] == "A"]
    sg, cb = e.position(e.find(chain, 2, "SG")), e.position(e.find(chain, 2, "CB"))
    partner = e.position(e.find([x for x in lines if x[21] == "B"], 2, "SG"))
    made = e.where(chain, e.an_atom(2, "SG"), lambda x: [x, e.put(e.at(e.named(x, "HG"), e.bonded(sg, partner, 1.34)), 77, " H")])
    assert np.linalg.norm(sg - cb) > 1.7
    return ["SSBOND   1 CYS A    2    CYS A    2                          1555   2665  2.05", *made]


@oddity("SSBOND of cysteines that are apart", ("SSBOND or CONECT says", "Å apart"), RUNS, twin="disulfide",
        reports=("warning", "not at bonding distance"), note="`prepare` goes by the distance: both cysteines get their hydrogen")
def _(lines):
    return ["SSBOND   1 CYS A    2    CYS B    2                          1555   1555  2.07",
            *(x if x[21] == "A" else e.at(x, e.position(x) + [8, 8, 0]) for x in lines)]


@oddity("thiolate named CYM", RUNS, RUNS, twin="disulfide", reports=("protonation", "CYM by its name"))
def _(lines):
    return [e.put(x, 18, "CYM") if e.number(x) == 2 else x for x in lines if x[21] == "A"]


@oddity("acid hydrogen on the first oxygen (HD1 of ASH)", RUNS, RUNS)
def _(lines):
    od1, cg = e.position(e.find(lines, 3, "OD1")), e.position(e.find(lines, 3, "CG"))
    side = np.cross(od1 - cg, [0.3, 0.5, 0.8])
    h = od1 + 0.97 * (0.33 * (od1 - cg) / np.linalg.norm(od1 - cg) + 0.94 * side / np.linalg.norm(side))
    return e.where(lines, e.an_atom(3, "OD1"), lambda x: [x, e.put(e.at(e.named(x, "HD1"), h), 77, " H")])


def _glutamic_end(lines):
    made = [e.put(x, 18, "GLH") if e.number(x) == 6 else x for x in lines if e.number(x) < 7]
    n = e.position(e.find(lines, 7, "N"))
    made.append(e.put(e.at(e.named(e.find(made, 6, "O"), "OXT"), e.bonded(e.position(e.find(made, 6, "C")), n, 1.25)), 77, " O"))
    oe2, cd = e.position(e.find(made, 6, "OE2")), e.position(e.find(made, 6, "CD"))
    made.append(e.put(e.at(e.named(e.find(made, 6, "HA"), "HE2"), e.bonded(oe2, 2 * oe2 - cd, 0.97)), 77, " H"))
    return made


oddity("protonated glutamate at a chain's end", ("is GLH at the end of a chain", "ff14SB"), ("is GLH (by its hydrogens), and ff14SB has none", "--termini capped"), twin="penta")(_glutamic_end)
oddity("protonated glutamate at a chain's end, to be capped", ("is GLH at the end of a chain",), RUNS, twin="penta",
        options={"termini": "capped"}, reports=("cap", "NME after it"))(_glutamic_end)


# Modified residues and molecules beside the protein

@oddity("selenomethionine (MSE)", ("MSE 3 (chain A) is not an amino acid", "pluginbridge prepare"), RUNS, twin="penta",
        reports=("replaced-residue", "replaced by MET"))
def _(lines):
    cg, cd, ce = (e.position(e.find(lines, 3, n)) for n in ("CG", "CD", "CE"))
    se = e.bonded(cg, cd, 1.95)
    made = e.without(lines, lambda x: e.number(x) == 3 and (e.is_hydrogen(x) or e.atom_name(x) == "NZ"))
    made = e.where(made, e.an_atom(3, "CD"), lambda x: e.put(e.at(e.put(x, 13, "SE  "), se), 77, "SE"))
    made = e.where(made, e.an_atom(3, "CE"), lambda x: e.at(x, e.bonded(se, ce, 1.95)))
    return e.rename_residue(made, 3, "MSE")


def _phosphoserine(lines):
    og, hg = e.position(e.find(lines, 5, "OG")), e.position(e.find(lines, 5, "HG"))
    made = e.where(lines, e.an_atom(5, "HG"), lambda x: e.put(e.at(e.named(x, "P"), e.bonded(og, hg, 1.61)), 77, " P"))
    return e.rename_residue(made, 5, "SEP")


oddity("a modified residue (phosphoserine)", ("SEP 5 (chain A) is not an amino acid",), ("SEP 5 (chain A) is no amino acid", "--nonstandard replace"),
        twin="penta")(_phosphoserine)
oddity("a modified residue, to be replaced", ("SEP 5 (chain A) is not an amino acid",), RUNS, twin="penta", options={"nonstandard": "replace"},
        reports=("replaced-residue", "replaced by SER without P"))(_phosphoserine)


def _methylated(lines):
    n, h = e.position(e.find(lines, 2, "N")), e.position(e.find(lines, 2, "H"))
    made = e.where(lines, e.an_atom(2, "H"), lambda x: e.put(e.at(e.named(x, "CM"), e.bonded(n, h, 1.46)), 77, " C"))
    return e.rename_residue(made, 2, "MAA")


oddity("an N-methylated residue", ("MAA 2 (chain A) is not an amino acid",), ("MAA 2 (chain A) is no amino acid", "--nonstandard replace"),
        twin="alanine")(_methylated)
oddity("an N-methylated residue, to be replaced", ("MAA 2 (chain A) is not an amino acid",), RUNS, twin="alanine",
        options={"nonstandard": "replace"}, reports=("replaced-residue", "without CM"))(_methylated)


@oddity("an N-methylated residue under the standard name", ("atom CM of ALA 2", "is not an atom"), ("ALA 2 (chain A) has CM, which ALA has not",),
        twin="alanine")
def _(lines):
    return e.rename_residue(_methylated(lines), 2, "ALA")


@oddity("a D amino acid (DAL)", ("DAL 2 (chain A) is not an amino acid",), ("DAL 2 (chain A) is no amino acid", "--nonstandard replace"),
        twin="alanine")
def _(lines):
    return e.rename_residue([e.at(x, e.position(x) * [-1, 1, 1]) for x in lines], 2, "DAL")


@oddity("a D amino acid, kept as such", ("DAL 2 (chain A) is not an amino acid",), RUNS, twin="alanine", options={"nonstandard": "replace"},
        reports=("replaced-residue", "its D configuration kept"))
def _(lines):
    return e.rename_residue([e.at(x, e.position(x) * [-1, 1, 1]) for x in lines], 2, "DAL")


@oddity("a mirrored structure under L names", SAME, SAME, twin="alanine", reports=("warning", "has D configuration"),
        note="ff14SB does not tell the hands apart; `prepare` warns")
def _(lines):
    return [e.at(x, e.position(x) * [-1, 1, 1]) for x in lines]


@oddity("an unknown residue (UNK) inside a chain", ("UNK 3 (chain A) is not an amino acid",), ("UNK 3 (chain A) is no amino acid",))
def _(lines):
    return e.rename_residue(lines, 3, "UNK")


@oddity("hydroxyproline without hydrogens", ("HYP 4 (chain A) has no hydrogen atoms",), RUNS, reports=("added-hydrogen", "HD1"))
def _(lines):
    cg, hg = e.position(e.find(lines, 4, "CG")), e.position(e.find(lines, 4, "HG3"))
    made = e.where(lines, e.an_atom(4, "HG3"), lambda x: e.put(e.at(e.named(x, "OD1"), e.bonded(cg, hg, 1.42)), 77, " O"))
    return e.rename_residue(e.without(made, lambda x: e.number(x) == 4 and e.is_hydrogen(x)), 4, "HYP")


@oddity("a cyclic peptide", SAME, SAME, twin="ring", reports=("ring", "a cyclic peptide"))
def _(lines):
    return lines


@oddity("a cyclic peptide without hydrogens", ("has no hydrogen atoms",), RUNS, twin="ring", reports=("ring", "a cyclic peptide"))
def _(lines):
    return e.without(lines, e.is_hydrogen)


@oddity("a bond between side chains (isopeptide)", ("LYS 3 (chain A) lacks",), ("NZ", "ff14SB has peptide bonds and disulfides only"), twin="penta")
def _(lines):
    oe2, cd = e.position(e.find(lines, 6, "OE2")), e.position(e.find(lines, 6, "CD"))
    made = e.without(e.without(lines, e.an_atom(3, "HZ2", "HZ3")), e.an_atom(6, "OE2"))
    return e.where(made, e.an_atom(3, "NZ"), lambda x: e.at(x, e.bonded(cd, oe2, 1.33)))


_WATER = [e.hetero("HOH", "O", "W", 501, (15, 0, 0)), e.hetero("WAT", "O", "W", 502, (15, 4, 0)), e.hetero("HOH", "O", "A", 503, (15, 8, 0))]


@oddity("waters named HOH and WAT", ("residue HOH 501 (chain W) is not an amino acid", "3 such residues"), SAME, reports=("removed", "2 HOH (waters)"))
def _(lines):
    return lines + _WATER


@oddity("waters, left out by the reader", SAME, SAME, skip_unknown=True, reports=("removed", "1 WAT (waters)"))
def _(lines):
    return lines + _WATER


@oddity("waters, kept for the host", SAME, SAME, skip_unknown=True, options={"keep": ["waters"]}, reports=("added-hydrogen", "6 on waters"))
def _(lines):
    return lines + _WATER


@oddity("ions (NA, CL, ZN, CA)", ("residue NA 601 (chain A) is not an amino acid",), SAME, reports=("removed", "1 CA (ions)"))
def _(lines):
    return lines + [e.hetero(n, n.capitalize(), "A", 601 + i, (15, 4 * i, 0)) for i, n in enumerate(("NA", "CL", "ZN", "CA"))]


def zinc_site():
    """Zinc between the charged peptide's histidine and a cysteine, without hydrogens, as crystal structures have it."""
    heavy, thiol = ([x for x in e.atoms(twin) if not e.is_hydrogen(x)] for twin in ("charged", "disulfide"))
    ne2, cd2, ce1 = (e.position(e.find(heavy, 2, name)) for name in ("NE2", "CD2", "CE1"))
    zinc = e.bonded(ne2, 3 * ne2 - cd2 - ce1, 2.1)
    thiol = [x for x in thiol if x[21] == "B"]
    sg, ca = (e.position(e.find(thiol, 2, name)) for name in ("SG", "CA"))
    return [*heavy, *e.shifted(thiol, e.bonded(zinc, zinc + ca - sg, 2.3) - sg), e.hetero("ZN", "Zn", "A", 601, zinc)]


@oddity("a zinc ion between histidine and cysteine", ("PHE 1 (chain A) has no hydrogen atoms",), RUNS,
        reports=("warning", "coordinated by NE2 of HIS 2 (chain A), SG of CYS 2 (chain B), and is removed"),
        note="`prepare` says how to keep it, and the forms at a metal")
def _(lines):
    return zinc_site()


@oddity("a ligand between the chains", ("residue LIG 701 (chain A) is not an amino acid",), SAME, twin="disulfide", reports=("removed", "1 LIG (ligands)"))
def _(lines):
    ligand = [e.hetero("LIG", "C", "A", 701, (25, 0, 0), "C1"), e.hetero("LIG", "O", "A", 701, (26.2, 0, 0), "O1")]
    return [*(x for x in lines if x[21] == "A"), *ligand, *(x for x in lines if x[21] == "B")]


@oddity("a ligand, kept for the host", SAME, SAME, twin="disulfide", skip_unknown=True, options={"keep": ["ligands"]}, reports=("kept", "1 ligands: LIG"))
def _(lines):
    return [*lines, e.hetero("LIG", "C", "A", 701, (25, 0, 0), "C1"), e.hetero("LIG", "O", "A", 701, (26.2, 0, 0), "O1"), "CONECT9070190701"]


@oddity("a glycan bonded to the protein", ("SER 5 (chain A) lacks HG",), RUNS, twin="penta", reports=("warning", "was bonded to C1 of NAG"))
def _(lines):
    og, hg = e.position(e.find(lines, 5, "OG")), e.position(e.find(lines, 5, "HG"))
    return e.without(lines, e.an_atom(5, "HG")) + [e.hetero("NAG", "C", "A", 801, e.bonded(og, hg, 1.43), "C1")]


@oddity("no protein in the file", ("residue HOH 501", "is not an amino acid"), ("there is no protein in it",))
def _(lines):
    return _WATER


# The file itself

@oddity("ANISOU, SIGATM, MASTER and other records", SAME, SAME)
def _(lines):
    return ["HEADER    PROTEIN", "REMARK 350", "LINK         O   HOH W 501", *e.where(lines, lambda x: True, lambda x: [x, "ANISOU" + x[6:28] + "   100" * 6, "SIGATM" + x[6:54]]),
            "MASTER        0    0    0"]


@oddity("CONECT records of hydrogens, of a metal, of atoms that are not there", SAME, SAME)
def _(lines):
    return [*lines, "CONECT    1    2    2    5", "CONECT99999    1", "CONECT    1", "CONECT          7"]


@oddity("CONECT between residues that are not bonded", ("CONECT joins atom", "a bond between residues that ff14SB does not have"), SAME)
def _(lines):
    return [*lines, "CONECT    5  100"]


@oddity("several models", SAME, SAME, reports=("model", "the first of 2 models is used"))
def _(lines):
    return ["MODEL        1", *lines, "ENDMDL", "MODEL        2", *e.shifted(lines, 0.5), "ENDMDL"]


@oddity("serial numbers in hybrid-36 and asterisks", SAME, SAME)
def _(lines):
    return [e.put(x, 7, f"A{i:04d}" if i % 2 else "*****") for i, x in enumerate(lines)]


@oddity("a coordinate wider than its columns", ("x of atom CA of ASP 3", "wider than its columns"), ("x of atom CA of ASP 3", "wider than its columns"))
def _(lines):
    return e.where(lines, e.an_atom(3, "CA"), lambda x: x[:30] + "-1234.567" + x[38:])


@oddity("coordinates that fill their columns", SAME, SAME)
def _(lines):
    return e.shifted(lines, np.array([-110.0, -120.0, -130.0]))


@oddity("NaN coordinates", ("y of atom CB of TRP 5", "is not a number"), ("y of atom CB of TRP 5", "is not a finite number"))
def _(lines):
    return e.where(lines, e.an_atom(5, "CB"), lambda x: e.put(x, 39, "     nan"))


@oddity("coordinates given as asterisks", ("x of atom CB of TRP 5", "is not a number"), ("x of atom CB of TRP 5", "is not a finite number"))
def _(lines):
    return e.where(lines, e.an_atom(5, "CB"), lambda x: e.put(x, 31, "********"))


@oddity("CRLF line endings", SAME, SAME)
def _(lines):
    return e.text(lines).replace("\n", "\r\n").encode()


@oddity("CR line endings", SAME, SAME)
def _(lines):
    return e.text(lines).replace("\n", "\r").encode()


@oddity("a file truncated inside a line", ("y of atom", "is not a number"), ("y of atom", "is not a finite number"))
def _(lines):
    return "\n".join(lines[:80]) + "\n" + lines[80][:40]


@oddity("a file truncated inside a residue", ("TRP 5 (chain A) lacks",), ("TRP 5 (chain A) lacks C",))
def _(lines):
    return "\n".join(lines[:lines.index(e.find(lines, 5, "CG"))])


@oddity("an empty file", ("there are no ATOM or HETATM records",), ("there are no ATOM or HETATM records",))
def _(lines):
    return ""


@oddity("mmCIF under the name of PDB", ("this is an mmCIF file",), ("this is an mmCIF file",))
def _(lines):
    return "data_1ABC\nloop_\n_atom_site.group_PDB\n_atom_site.id\nATOM 1 N N . GLY A 1 1 ? 0.0 0.0 0.0\n"


@oddity("a gzip archive", ("compressed file; unpack it",), ("gzip archive; unpack it",))
def _(lines):
    import gzip
    return gzip.compress(e.text(lines).encode())


@oddity("columns separated by single blanks", ("not in the columns of the PDB format",), ("not in the columns of the PDB format",))
def _(lines):
    return [" ".join(x.split()) for x in lines]


def _cell(outcome):
    return outcome if isinstance(outcome, str) else "refused: “" + " … ".join(outcome) + "”"


def _options(options):
    words = []
    for key, value in options.items():
        words += [f"--{key} {item}" for item in (value if isinstance(value, list) else [value])]
    return " ".join(words)


def table():
    """docs/pdb-oddities.md."""
    counts = [sum(1 for o in LIST if isinstance(getattr(o, side), str)) for side in ("raw", "prepared")]
    rows = [f"| {o.name} | {_cell(o.raw)}{' (`--skip-unknown`)' if o.skip_unknown else ''} "
            f"| {f'`{_options(o.options)}`: ' if o.options else ''}{_cell(o.prepared)} | {o.note} |" for o in LIST]
    return "\n".join([
        "# Oddities of PDB files", "",
        "What `pluginbridge energy` makes of a file as it is, and of the same file after `pluginbridge prepare`. Each row is a test",
        "(`tests/python/test_oddities.py`), and this table is made by `tests/python/oddities.py`; a test compares the two.", "",
        f"{len(LIST)} oddities: {counts[0]} run as they are, {counts[1]} after `prepare`; the others are refused with the quoted reason.", "",
        "| oddity | `energy` | `prepare`, then `energy` | |", "|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table())
    print(f"{len(LIST)} oddities in {TABLE}")
