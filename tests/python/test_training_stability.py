"""Long dynamics of residue forms: the checks see what is wrong, runs are resumable, the summary counts."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
pytest.importorskip("torch")
pytest.importorskip("pluginbridge", reason="the package is not staged: run make")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import stability  # noqa: E402
from pbtrain.molecules import build_topology, force_field, place  # noqa: E402
from pbtrain.sample import Sampler  # noqa: E402
from pbtrain.watch import Failed, Watch, equilibrium_lengths  # noqa: E402

KELVIN = 300.0


@pytest.fixture(scope="module")
def serine():
    molecule = build_topology([["ACE", "SER", "NME"]])
    sampler = Sampler(molecule, np.random.default_rng(3))
    sampler.start(KELVIN)
    return molecule, sampler.positions()


def watch(case, interval_ps=0.1):
    molecule, x = case
    system = force_field().createSystem(molecule.topology)
    return Watch(molecule.topology, equilibrium_lengths(system, molecule.topology), KELVIN, interval_ps, x)


def atom(case, name, residue=1):
    return next(a.index for a in list(case[0].topology.residues())[residue].atoms() if a.name == name)


def kinetic(x, kelvin=KELVIN):
    return 0.5 * x.size * 8.31446e-3 * kelvin


def test_a_sound_molecule_passes(serine):
    checks = watch(serine)
    for step in range(100, 20100, 100):
        checks.look(serine[1], kinetic(serine[1]), step)
    assert checks.worst[0] < 1.1 and checks.flips == [] and np.mean(checks.kelvin) == pytest.approx(KELVIN, rel=1e-5)
    assert checks.highest_mean == pytest.approx(KELVIN, rel=1e-5)


def test_equilibrium_lengths_are_the_force_fields(serine):
    molecule, _ = serine
    lengths = dict(zip([tuple(sorted((a.name, b.name))) for a, b in molecule.topology.bonds() if a.residue is b.residue],
                       [length for length, (a, b) in zip(watch(serine).lengths, molecule.topology.bonds())
                        if a.residue is b.residue]))
    assert lengths[("C", "O")] == pytest.approx(1.229) and lengths[("HG", "OG")] == pytest.approx(0.96)


def test_a_broken_bond_is_seen(serine):
    x = serine[1].copy()
    x[atom(serine, "CB")] += 2.0
    with pytest.raises(Failed, match="SER2:.*CB.* times its length after 700 steps") as found:
        watch(serine).look(x, kinetic(x), 700)
    assert found.value.kind == "broken bond"


def test_a_proton_on_another_atom_is_told_apart(serine):
    x = serine[1].copy()
    oxygen = x[atom(serine, "O", 0)]
    away = oxygen - x[atom(serine, "C", 0)]
    x[atom(serine, "HG")] = oxygen + 1.0 * away / np.linalg.norm(away)
    with pytest.raises(Failed, match="SER2:HG from SER2:OG to ACE1:O") as found:
        watch(serine).look(x, kinetic(x), 100)
    assert found.value.kind == "proton transfer"


def test_an_inverted_centre_is_seen(serine):
    x = serine[1]
    mirrored = x * [1, 1, -1]
    with pytest.raises(Failed, match="SER2:CA after 100 steps") as found:
        watch(serine).look(mirrored, kinetic(x), 100)
    assert found.value.kind == "inverted centre"


def test_a_flipped_peptide_bond_is_noted(serine):
    molecule, x = serine
    y = x.copy()
    n, ca, c, o = (atom(serine, name, k) for name, k in (("N", 1), ("CA", 1), ("C", 0), ("O", 0)))
    before = list(range(c))  # ACE's methyl group turned about C-N
    y[o] = place(x[ca], x[n], x[c], 1.23, 121.0, 180.0)
    new = place(x[ca], x[n], x[c], 1.52, 117.0, 0.0)
    y[before] += new - x[atom(serine, "CH3", 0)]
    checks = watch(serine)
    for step in (100, 200):
        checks.look(y, kinetic(y), step)
    assert checks.flips == ["ACE1:C-SER2:N"]


def test_constraints_take_degrees_of_freedom(serine):
    checks = watch(serine)
    checks.constraints = serine[1].size // 3
    checks.look(serine[1], kinetic(serine[1], 200.0), 100)
    assert checks.kelvin == [pytest.approx(300.0, rel=1e-5)]


@pytest.mark.parametrize("factor", [1.6, 0.4])
def test_a_runaway_temperature_is_seen_in_the_mean(serine, factor):
    checks, x = watch(serine), serine[1]
    checks.look(x, kinetic(x, 2.5 * KELVIN), 100)  # one high value is no runaway
    with pytest.raises(Failed, match="K over 5 ps") as found:
        for step in range(200, 20000, 100):
            checks.look(x, kinetic(x, factor * KELVIN), step)
    assert found.value.kind == "temperature"


def test_nan_is_seen(serine):
    x = np.full_like(serine[1], np.nan)
    with pytest.raises(Failed) as found:
        watch(serine).look(x, 1.0, 100)
    assert found.value.kind == "not finite"


def test_all_forms_are_covered():
    forms = dict(stability.forms(["all"]))
    residues = {name for chains in forms.values() for chain in chains for name in chain}
    standard = "ALA ARG ASN ASP CYS GLN GLU GLY HID HIE HIP ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL".split()
    assert {*standard, "ASH", "GLH", "LYN", "CYM", "CYX", *("N" + r for r in standard), *("C" + r for r in standard),
            "NCYX", "CCYX"} <= residues
    assert len(forms) == 74 and "ACE-CYX-NME+ACE-CYX-NME" in forms
    assert stability.forms(["ALA", "NVAL", "CYX"]) == [
        ("ACE-ALA-NME", (("ACE", "ALA", "NME"),)), ("NVAL-NME", (("NVAL", "NME"),)),
        ("ACE-CYX-NME+ACE-CYX-NME", (("ACE", "CYX", "NME"),) * 2)]
    with pytest.raises(SystemExit, match="--residues XYZ"):
        stability.forms(["XYZ"])


@pytest.mark.parametrize("option, value", [("--step", "0"), ("--hydrogen-mass", "-1"), ("--repeats", "0")])
def test_settings_that_make_no_run_are_named(option, value, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["stability", __file__, option, value])
    with pytest.raises(SystemExit):
        stability.parse()
    assert option in capsys.readouterr().err


def test_the_summary_counts():
    row = {"name": "ACE-ALA-NME", "temperature": 300.0, "picoseconds": 100.0, "seed": 1, "steps": 50000, "step": 2.0, "hydrogen_mass": 3.0, "failure": None,
           "detail": "", "largest_bond_ratio": 1.1, "largest_bond": "a-b", "flips": [], "temperature_mean": 301.0}
    bad = row | {"name": "NASP-NME", "steps": 2500, "failure": "proton transfer", "detail": "H from N to O",
                 "largest_bond_ratio": 1.5, "largest_bond": "c-d"}
    found = stability.summarise([row, row | {"seed": 2, "flips": ["x"], "temperature_mean": 298.0}, bad,
                                 row | {"temperature": 500.0, "picoseconds": 50.0}])
    assert list(found) == ["vacuum, 300 K, 100 ps", "vacuum, 500 K, 50 ps"]
    cold = found["vacuum, 300 K, 100 ps"]
    assert (cold["runs"], cold["forms"], cold["failed"], cold["runs_with_flips"]) == (3, 2, 1, 1)
    assert cold["failures"] == {"proton transfer": 1} and cold["picoseconds"] == 205.0
    assert cold["temperature_means"] == [298.0, 301.0] and cold["largest_bond"] == "NASP-NME c-d"
    text = stability.table(found)
    assert "| vacuum, 300 K, 100 ps | 3 (2) | **1** (1 proton transfer) | 1.50 (NASP-NME c-d) | 1 runs | 298–301 K |" in text
    assert "NASP-NME, seed 1: proton transfer, H from N to O" in text


def test_a_line_that_was_cut_off_is_passed_over_and_makes_room(tmp_path):
    path = tmp_path / "runs.jsonl"

    def append(row):
        with stability.open_to_append(path) as file:
            print(json.dumps(row), file=file)
    append({"seed": 1})
    path.write_text(path.read_text() + '{"seed": 2, "na')
    assert stability.lines(path) == [{"seed": 1}]
    append({"seed": 3})
    path.write_text(path.read_text() + '{"seed": 4}')  # whole but for its end
    append({"seed": 5})
    assert [row["seed"] for row in stability.lines(path)] == [1, 3, 4, 5] and path.read_text().count("\n") == 4
    path.write_text('{"seed": 1}\n{"seed"\n{"seed": 3}\n')
    with pytest.raises(SystemExit, match="runs.jsonl, line 2 is no line of results"):
        stability.lines(path)
    assert stability.lines(tmp_path / "none.jsonl") == []


@pytest.mark.slow
def test_runs_are_written_as_they_end_and_not_repeated(plugin, fast, tmp_path):
    model = next(Path(plugin.__file__).parent.glob(f"share/pluginbridge/models/{fast}/*.safetensors"))
    out = tmp_path / "runs.jsonl"
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'training'}:{Path(plugin.__file__).parents[1]}"}

    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "pbtrain.stability", model, "--out", out, *arguments], text=True,
                              capture_output=True, env=environment)
    first = run("--residues", "GLY", "CALA", "--protocol", "300:0.2", "--workers", "2")
    assert first.returncode == 0, first.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["name"] for row in rows} == {"ACE-GLY-NME", "ACE-CALA"} and all(row["steps"] == 100 for row in rows)
    assert all(1.0 < row["largest_bond_ratio"] < 1.3 and row["failure"] is None for row in rows)
    again = run("--residues", "GLY", "CALA", "--protocol", "300:0.2", "500:0.2")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 4 and sum(row["temperature"] == 300 for row in rows) == 2
    assert "| vacuum, 500 K, 0.2 ps | 2 (2) | **0** |" in again.stdout
    light = run("--residues", "GLY", "--protocol", "300:0.1", "--step", "1", "--hydrogen-mass", "0")
    assert light.returncode == 0, light.stderr
    last = json.loads(out.read_text().splitlines()[-1])
    assert (last["step"], last["hydrogen_mass"], last["steps"]) == (1.0, 0.0, 100)
    wet = run("--residues", "GLY", "--protocol", "300:0.2", "--solvent", "obc2", "--constraints", "hbonds")
    assert "| obc2 with constraints hbonds, 300 K, 0.2 ps | 1 (1) | **0** |" in wet.stdout, wet.stderr
    assert json.loads(out.read_text().splitlines()[-1])["constraints"] == "hbonds"
    (tmp_path / "zinc.pdb").write_text("HETATM    1 ZN    ZN A   1       0.000   0.000   0.000  1.00  0.00          ZN\nEND\n")
    bad = run("--residues", "GLY", "--protocol", "300:0.1", "--pdb", tmp_path / "zinc.pdb")
    assert bad.returncode == 1 and "zinc, seed 1: no start" in bad.stdout and "| 2 (2) | **1** (1 no start)" in bad.stdout, bad.stderr
    assert "missing.pdb is not a file" in run("--pdb", tmp_path / "missing.pdb").stderr
    assert "--protocol takes" in run("--protocol", "300").stderr
