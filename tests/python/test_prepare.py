"""Preparation of raw PDB files: forms at a pH and as asked, what moves and what does not, the command line and its errors."""
import json
import os
import random
import re
import subprocess
import sys

import pdbedits as e
import pytest
from oddities import zinc_site
from test_oddities import BINARY, energy, openmm_energy

pytest.importorskip("pdbfixer")
pytestmark = pytest.mark.skipif(not os.path.isfile(BINARY), reason=f"{BINARY} is not built: run make")

FORMS = ("ALA ARG ASN ASP ASH CYS CYM GLN GLU GLH GLY HID HIE HIP ILE LEU LYS LYN MET PHE PRO SER THR TRP TYR VAL").split()
BASES = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "CYM": "CYS", "HID": "HIS", "HIE": "HIS", "HIP": "HIS"}


@pytest.fixture
def prepare(pb):
    from pluginbridge.prepare import prepare

    return prepare


def heavy(lines):
    return [line for line in lines if not e.is_hydrogen(line)]


def written(tmp_path, lines, name="raw.pdb"):
    path = tmp_path / name
    path.write_text(e.text(lines))
    return path


def tripeptide(base):
    """Backbone and CB of three residues of one kind, charged ends."""
    lines = [x for x in heavy(e.atoms("chignolin")) if 2 <= e.number(x) <= 4]
    kept = ("N", "CA", "C", "O", "CB") if base != "GLY" else ("N", "CA", "C", "O")
    return [e.put(x, 18, base) for x in lines if e.atom_name(x) in kept]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_at_every_place(prepare, tmp_path, form):
    """N-terminal, inside and C-terminal forms of ff14SB, where it has them; energies are OpenMM's."""
    from pluginbridge.pdbnames import ff14sb_forms

    base = BASES.get(form, form)
    ends = {place + form for place in "NC"} & ff14sb_forms()
    asked = {"A:3": form} | ({"A:2": form, "A:4": form} if len(ends) == 2 else {})
    report = prepare(written(tmp_path, tripeptide(base)), tmp_path / "out.pdb", protonation=asked if base in BASES.values() else None)
    forms = list(report.forms.values())
    assert forms[1] == form
    assert {forms[0], forms[2]} == (ends if len(ends) == 2 else {"N" + base, "C" + base})
    assert energy(tmp_path / "out.pdb") == pytest.approx(openmm_energy(tmp_path / "out.pdb"), abs=1e-2)


def acids(tmp_path):
    """The charged peptide's heavy atoms with its aspartate, and its histidine, inside."""
    return written(tmp_path, heavy(e.atoms("charged")))


@pytest.mark.parametrize("ph, forms, charge", [
    (3.0, ("NPHE", "HIP", "ASH", "PRO", "TRP", "CARG"), 2), (5.0, ("NPHE", "HIP", "ASP", "PRO", "TRP", "CARG"), 1),
    (7.0, ("NPHE", "HI[DE]", "ASP", "PRO", "TRP", "CARG"), 0)])
def test_forms_at_a_ph(prepare, tmp_path, ph, forms, charge):
    report = prepare(acids(tmp_path), tmp_path / "out.pdb", ph=ph)
    assert re.fullmatch(" ".join(forms), " ".join(report.forms.values()))
    assert report.charge == charge


@pytest.mark.parametrize("flipped, expected", [(False, "HID"), (True, "HIE")])
def test_histidine_tautomer_is_modellers(prepare, tmp_path, flipped, expected):
    """The rule is OpenMM's, written anew as OpenMM's own takes minutes for large proteins. An oxygen lies in the direction
    of NE2's hydrogen; ND1 has one as well, unless the ring is turned over."""
    from openmm import app

    lines = heavy(e.atoms("charged"))
    if flipped:
        places = {name: e.position(e.find(lines, 2, name)) for name in ("ND1", "CD2", "CE1", "NE2")}
        turned = {"ND1": "CD2", "CD2": "ND1", "CE1": "NE2", "NE2": "CE1"}
        lines = e.where(lines, e.an_atom(2, *turned), lambda x: e.at(x, places[turned[e.atom_name(x)]]))
    ne2, cd2, ce1 = (e.position(e.find(lines, 2, name)) for name in ("NE2", "CD2", "CE1"))
    path = written(tmp_path, [*lines, "TER", e.hetero("HOH", "O", "W", 900, e.bonded(ne2, 3 * ne2 - cd2 - ce1, 2.9))])
    report = prepare(path, tmp_path / "out.pdb", keep=["waters"])
    pdb = app.PDBFile(str(path))
    chosen = app.Modeller(pdb.topology, pdb.positions).addHydrogens(pH=7.0)[1]
    assert report.forms["HIS 2 (chain A)"] == chosen == expected


def test_forms_as_asked(prepare, tmp_path):
    report = prepare(acids(tmp_path), tmp_path / "out.pdb", protonation={"A:2": "hip", "A:3": "ASH"})
    assert list(report.forms.values())[1:3] == ["HIP", "ASH"]


@pytest.mark.parametrize("asked, part", [
    ({"A:9": "HIP"}, "residue 9 of chain 'A', which is not in the protein"), ({"A:3": "HIP"}, "ASP 3 (chain A) cannot be HIP"),
    ({"A:5": "HIP"}, "TRP 5 (chain A) cannot be HIP"), ({"A": "HIP"}, "A:57=HIP"), ({"A:2": "XYZ"}, "A:57=HIP")])
def test_forms_that_cannot_be(prepare, pb, tmp_path, asked, part):
    with pytest.raises(pb.PluginBridgeError, match=re.escape(part)):
        prepare(acids(tmp_path), tmp_path / "out.pdb", protonation=asked)


def test_the_files_own_atoms_stay(prepare, tmp_path):
    """Heavy atoms and hydrogens that are there keep their positions and identifiers, whatever is added."""
    raw = e.without(e.atoms("charged"), lambda x: e.number(x) in (2, 5) and e.atom_name(x) not in ("N", "CA", "C", "O", "CB"))
    raw = e.renumber(raw, {3: "   2A", 4: "  17 "})
    prepare(written(tmp_path, raw), tmp_path / "out.pdb")
    out = {(x[21:27], e.atom_name(x)): x[30:54] for x in (tmp_path / "out.pdb").read_text().splitlines() if x.startswith(("ATOM", "HETATM"))}
    for line in raw:
        name = "H" if e.atom_name(line) == "H1" else e.atom_name(line)
        assert out[line[21:27], name] == line[30:54]


def test_what_is_prepared_stays_as_it_is(prepare, tmp_path):
    first = prepare(acids(tmp_path), tmp_path / "first.pdb")
    again = prepare(tmp_path / "first.pdb", tmp_path / "again.pdb")
    one, two = ((tmp_path / name).read_text().splitlines()[1:] for name in ("first.pdb", "again.pdb"))
    assert one == two and again.forms == first.forms
    assert {change.kind for change in again.changes} <= {"protonation"}


@pytest.mark.parametrize("scheme", ["whole", "dipeptide", "window2", "window3"])
def test_capped_ends_run_under_every_scheme(prepare, tmp_path, scheme):
    report = prepare(acids(tmp_path), tmp_path / "out.pdb", termini="capped")
    assert list(report.forms.values())[0] == "ACE" and list(report.forms.values())[-1] == "NME"
    done = subprocess.run([BINARY, "fragments", tmp_path / "out.pdb", "--scheme", scheme, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sum(f["coefficient"] * f["charge"] for f in json.loads(done.stdout)["fragments"]) == report.charge


def test_disulfide_inside_a_chain(prepare, tmp_path):
    """Two cysteines of one chain at bonding distance: the disulfide's two chains under one run of numbers."""
    lines = e.atoms("disulfide")
    raw = [x for x in lines if x[21] == "A"] + [e.put(x, 22, f"A{e.number(x) + 10:4d}") for x in lines if x[21] == "B"]
    report = prepare(written(tmp_path, heavy(raw)), tmp_path / "out.pdb")
    assert [report.forms[f"CYS {n} (chain A)"] for n in (2, 12)] == ["CYX", "CYX"]
    assert "SSBOND   1 CYS A    2    CYS A   12" in (tmp_path / "out.pdb").read_text()
    assert energy(tmp_path / "out.pdb") == pytest.approx(openmm_energy(tmp_path / "out.pdb"), abs=1e-2)


def warnings(report):
    return [f"{change.residue} {change.message}" for change in report.of("warning")]


def test_metals_that_the_protein_coordinates(prepare, tmp_path):
    """Removed, they are named with how to keep them; kept, as long as a hydrogen is in their way."""
    source, target = written(tmp_path, zinc_site()), tmp_path / "out.pdb"
    forms = {"A:2": "HID", "B:2": "CYM"}
    removed, = warnings(prepare(source, target, protonation={"A:2": "HIE"}))
    assert removed.startswith("ZN 601 (chain A) was coordinated by NE2 of HIS 2 (chain A), SG of CYS 2 (chain B), and is removed.")
    assert "--keep ions" in removed and removed.endswith("--protonation A:2=HID --protonation B:2=CYM")
    kept, = warnings(prepare(source, target, keep=["ions"], protonation={"A:2": "HID"}))
    assert kept.startswith("ZN 601 (chain A) is coordinated by") and kept.endswith("metal: --protonation B:2=CYM")
    assert warnings(prepare(source, target, keep=["ions"], protonation=forms)) == []
    removed, = warnings(prepare(source, target, protonation=forms))
    assert "--keep ions" in removed and "--protonation" not in removed


@pytest.mark.parametrize("sequence, options, expected", [
    ("GLY PHE HIS ASP PRO TRP ARG SER GLY", {},
     ["PHE 1 (chain A) SEQRES has 1 residue before it", "ARG 6 (chain A) SEQRES has 2 residues after it"]),
    ("PHE HIS ASP PRO TRP ARG", {}, []), ("ALA ALA ALA PHE HIS ASP PRO TRP ARG", {"termini": "capped"}, []),
    ("GLY PHE HIS ASP SER GLY PRO TRP ARG", {}, []),  # another sequence: it does not say what is missing
    ("GLY PHE HIS ASP GLY GLY ARG SER", {"breaks": "cap"},
     ["PHE 1 (chain A) SEQRES has 1 residue before it", "ARG 6 (chain A) SEQRES has 1 residue after it"])])
def test_ends_of_seqres_that_are_missing(prepare, tmp_path, sequence, options, expected):
    lines = e.atoms("charged")
    if "breaks" in options:
        lines = e.without(lines, e.residue(4, 5))
    report = prepare(written(tmp_path, [f"SEQRES   1 A {len(sequence.split()):4d}  {sequence}", *lines]), tmp_path / "out.pdb", **options)
    found = warnings(report)
    assert len(found) == len(expected) and all(text.startswith(start) for text, start in zip(found, expected)), found


def test_ends_of_repeated_sequences(prepare, tmp_path):
    """Where a chain fits in several places its numbers decide."""
    path = written(tmp_path, ["SEQRES   1 A    6  ALA ALA ALA ALA ALA ALA", *tripeptide("ALA")])
    start, end = warnings(prepare(path, tmp_path / "out.pdb"))
    assert "SEQRES has 1 residue before it" in start and "SEQRES has 2 residues after it" in end


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_prepared_or_refused(prepare, pb, tmp_path, seed):
    """Lines cut, doubled, swapped, overwritten: errors of this package only, and nothing written where it fails."""
    draw = random.Random(seed)
    lines = e.atoms(draw.choice(["charged", "disulfide", "alanine"]))
    for _ in range(draw.randint(1, 3)):
        i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
        at = draw.randrange(80)
        lines[i:i + 1] = draw.choice([[lines[i][:at]], [lines[j]], [], [lines[j], lines[i]],
                                      [lines[i][:at] + chr(draw.randrange(32, 127)) + lines[i][at + 1:]]])
    try:
        prepare(written(tmp_path, lines), tmp_path / "out.pdb")
    except pb.PluginBridgeError as error:
        assert str(error) and not (tmp_path / "out.pdb").exists()
    else:
        assert (tmp_path / "out.pdb").exists()


def test_kept_waters_get_the_shape_of_tip3p(prepare, tmp_path):
    raw = [*heavy(e.atoms("alanine")), "TER", e.hetero("WAT", "O", "W", 1, (9.0, 0.0, 0.0), "OW"), e.hetero("HOH", "O", "W", 2, (9.0, 5.0, 0.0))]
    prepare(written(tmp_path, raw), tmp_path / "out.pdb", keep=["waters"])
    out = [x for x in (tmp_path / "out.pdb").read_text().splitlines() if x.startswith("HETATM") and x[17:20] == "HOH"]
    assert [e.atom_name(x) for x in out] == 2 * ["O", "H1", "H2"]
    for o, h1, h2 in zip(*(map(e.position, out[i::3]) for i in range(3))):
        assert [e.np.linalg.norm(h - o) for h in (h1, h2)] == pytest.approx([0.957, 0.957], abs=2e-3)
        assert e.np.linalg.norm(h1 - h2) == pytest.approx(1.514, abs=3e-3)


def test_the_example_becomes_runnable(prepare, tmp_path):
    """The raw file of the examples against the structure that it was made from."""
    report = prepare(e.ROOT / "examples" / "raw_gydpetgtwg.pdb", tmp_path / "out.pdb")
    assert {"removed", "alternate-location", "added-atom", "terminus", "added-hydrogen"} <= {change.kind for change in report.changes}
    assert report.charge == -2 and report.atoms["written"] == 138
    assert energy(tmp_path / "out.pdb") < energy(e.FILES["chignolin"]) + 100  # that one is relaxed, hydrogens here are


# The command line

def run(*arguments, **environment):
    return subprocess.run([BINARY, "prepare", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, PLUGINBRIDGE_PYTHON=sys.executable, **environment))


def test_command_line(tmp_path):
    done = run(acids(tmp_path), tmp_path / "out.pdb", "--ph", "3", "--protonation", "A:2=HIE", "--termini", "capped", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["options"]["ph"] == 3 and report["forms"]["HIS 2 (chain A)"] == "HIE" and report["forms"]["ASP 3 (chain A)"] == "ASH"
    assert {"cap", "added-hydrogen"} <= {change["kind"] for change in report["changes"]}
    assert isinstance(energy(tmp_path / "out.pdb"), float)


def test_command_line_as_text(tmp_path):
    done = run(written(tmp_path, e.atoms("charged")[:-1]), tmp_path / "out.pdb")
    assert done.returncode == 0 and "raw.pdb -> out.pdb: 114 atoms of protein" in done.stdout
    assert "  ARG 6 (chain A): OXT added" in done.stdout


def test_command_line_refuses(tmp_path):
    done = run(tmp_path / "nowhere.pdb", tmp_path / "out.pdb")
    assert done.returncode == 1 and re.fullmatch(r"error: [^\n]*nowhere\.pdb[^\n]*\n", done.stderr) and done.stdout == ""
    done = run(acids(tmp_path), tmp_path / "no-such-folder" / "out.pdb")
    assert done.returncode == 1 and re.fullmatch(r"error: [^\n]*no-such-folder[^\n]*\n", done.stderr)


@pytest.mark.parametrize("arguments", [("--ph", "many"), ("--ph", "20"), ("--breaks", "mend"), ("--keep", "wine"), ("--protonation", "HIP"), ()])
def test_wrong_usage(tmp_path, arguments):
    files = (acids(tmp_path), tmp_path / "out.pdb") if arguments else (acids(tmp_path),)
    done = run(*files, *arguments)
    assert done.returncode == 2 and re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr


def test_without_python_or_pdbfixer(tmp_path):
    done = run(acids(tmp_path), tmp_path / "out.pdb", "--python", tmp_path / "python")
    assert done.returncode == 1 and "cannot be started" in done.stderr and "python3-pdbfixer" in done.stderr
    (tmp_path / "pdbfixer.py").write_text("raise ImportError('not here')\n")
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n")
    done = run(acids(tmp_path), tmp_path / "out.pdb", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and "needs PDBFixer and OpenMM" in done.stderr and "apt install python3-pdbfixer" in done.stderr
