"""The command line as a user runs it: the built binary, its exit codes, its JSON and its errors."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ensembles import members_of, spread_of, write_ensemble

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("PLUGINBRIDGE_CLI", ROOT / "build" / "bin" / "pluginbridge"))
PEPTIDE = ROOT / "tests" / "native" / "data" / "peptide.pdb"
ATOMS, CHARGE = 67, -2
NETWORK = ROOT / "tests" / "fixtures" / "visnet" / "tiny.safetensors"
SCHEMES = ("whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs:4-5.5")

pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built: run make")


def run(*arguments):
    """The finished process of one call."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def succeed(*arguments):
    """The JSON object that a call prints."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fail(code, *arguments):
    """The one-line error of a call that fails with an exit code and prints nothing else."""
    done = run(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def edited(tmp_path, edit):
    """The peptide's file after an edit of its lines."""
    path = tmp_path / "edited.pdb"
    path.write_text("\n".join(edit(PEPTIDE.read_text().splitlines())) + "\n")
    return path


def openmm_energy_and_forces():
    """ff14SB in vacuo of the peptide, by OpenMM: kJ/mol, kJ/mol/nm."""
    openmm = pytest.importorskip("openmm")
    from openmm import app, unit

    pdb = app.PDBFile(str(PEPTIDE))
    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(pdb.positions)
    state = context.getState(getEnergy=True, getForces=True)
    return (state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
            state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer))


def test_force_field_energy_is_openmms():
    energy, forces = openmm_energy_and_forces()
    for scheme in SCHEMES:
        found = succeed("energy", PEPTIDE, "--model", "ff14sb", "--scheme", scheme, "--forces")
        assert (found["model"], found["scheme"]) == ("ff14sb", scheme)
        assert found["energy"] == pytest.approx(energy, abs=1e-3)
        np.testing.assert_allclose(found["forces"], forces, atol=2e-2)


def test_xtb_energy_is_xtbs(tmp_path):
    """The whole peptide under gfn2-xtb against Debian's xtb program."""
    if shutil.which("xtb") is None or not succeed("version")["libxtb"]:
        pytest.skip("xtb or libxtb is not installed")
    lines = [line for line in PEPTIDE.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    xyz = [f"{line[76:78].strip()} {line[30:38]} {line[38:46]} {line[46:54]}" for line in lines]
    (tmp_path / "peptide.xyz").write_text(f"{len(xyz)}\n\n" + "\n".join(xyz) + "\n")
    done = subprocess.run(["xtb", "peptide.xyz", "--gfn", "2", "--chrg", str(CHARGE), "--acc", "0.1"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=300, env=dict(os.environ, OMP_NUM_THREADS="1"))
    reference = float(re.search(r"TOTAL ENERGY\s+(-?\d+\.\d+) Eh", done.stdout).group(1)) * 2625.4996394798254
    found = succeed("energy", PEPTIDE, "--model", "gfn2-xtb")
    assert found["energy"] == pytest.approx(reference, abs=0.02)
    assert "forces" not in found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_network_precision_and_threads(scheme):
    double = succeed("energy", PEPTIDE, "--model", NETWORK, "--scheme", scheme, "--forces", "--precision", "double")
    single = succeed("energy", PEPTIDE, "--model", NETWORK, "--scheme", scheme, "--forces", "--threads", "1")
    again = succeed("energy", PEPTIDE, "--model", NETWORK, "--scheme", scheme, "--forces", "--threads", "2")
    assert np.shape(double["forces"]) == (ATOMS, 3)
    assert single["energy"] == pytest.approx(double["energy"], rel=1e-6)
    np.testing.assert_allclose(single["forces"], double["forces"], atol=1e-5 * np.abs(double["forces"]).max())
    assert single == again
    assert double["fragments"] == len(succeed("fragments", PEPTIDE, "--scheme", scheme)["fragments"])


@pytest.mark.parametrize("scheme", ["whole", "window2"])
def test_uncertainty(tmp_path, scheme):
    """Spreads against the members' forces, the worst atoms by their names in the file."""
    committee = write_ensemble(tmp_path, NETWORK, calibration=(0.5, 1.5))
    arguments = ("--scheme", scheme, "--forces", "--precision", "double")
    members = [succeed("energy", PEPTIDE, "--model", path, *arguments) for path in members_of(committee)]
    found = succeed("energy", PEPTIDE, "--model", committee, "--uncertainty", *arguments)
    energies = [member["energy"] for member in members]
    spreads = spread_of([member["forces"] for member in members])
    errors = np.sqrt(20.92**2 + (1.5 * spreads)**2)
    assert found["energy"] == pytest.approx(np.mean(energies), rel=1e-9)
    np.testing.assert_allclose(found["forces"], np.mean([m["forces"] for m in members], 0), atol=1e-6)
    spread = found["uncertainty"]
    assert spread["members"] == 3
    assert spread["energy_spread"] == pytest.approx(np.std(energies, ddof=1), rel=1e-6)
    np.testing.assert_allclose(spread["force_spreads"], spreads, rtol=1e-6)
    np.testing.assert_allclose(spread["force_errors"], errors, rtol=1e-6)
    for key, values in (("force_spread", spreads), ("force_error", errors)):
        assert spread[f"mean_{key}"] == pytest.approx(values.mean(), rel=1e-6)
        assert spread[f"max_{key}"] == pytest.approx(values.max(), rel=1e-6)
    lines = [line for line in PEPTIDE.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    order = np.argsort(spreads)[::-1][:5]
    assert [atom["atom"] for atom in spread["worst_atoms"]] == order.tolist()
    for atom, line in zip(spread["worst_atoms"], (lines[k] for k in order)):
        assert atom["name"] == line[12:16].strip()
        assert atom["residue"] == f"{line[17:20].strip()} {line[22:26].strip()} (chain A)"
    short = succeed("energy", PEPTIDE, "--model", committee, "--uncertainty", *arguments[:2])["uncertainty"]
    assert "force_spreads" not in short and short["members"] == 3
    table = run("energy", PEPTIDE, "--model", committee, "--uncertainty")
    assert table.returncode == 0 and table.stdout.isascii()
    assert re.search(r"^energy spread +\d+\.\d{4} kJ/mol$", table.stdout, re.M)
    assert re.search(r"^expected force error +\d+\.\d kJ/mol/nm on average", table.stdout, re.M)
    assert f"{spread['worst_atoms'][0]['name']} " in table.stdout


def test_uncertainty_without_calibration_and_without_ensemble(tmp_path, monkeypatch):
    plain = write_ensemble(tmp_path, NETWORK, "plain", members=2)
    spread = succeed("energy", PEPTIDE, "--model", plain, "--uncertainty")["uncertainty"]
    assert spread["max_force_error"] is None and spread["worst_atoms"][0]["force_error"] is None
    assert "not calibrated" in run("energy", PEPTIDE, "--model", plain, "--uncertainty").stdout
    assert "uncertainty" not in succeed("energy", PEPTIDE, "--model", plain)
    assert "'tiny' is no ensemble" in fail(1, "energy", PEPTIDE, "--model", NETWORK, "--uncertainty")
    (tmp_path / "models" / "plain").mkdir(parents=True)
    for path in (plain, *members_of(plain)):
        shutil.copy(path, tmp_path / "models" / "plain")
    monkeypatch.setenv("PLUGINBRIDGE_MODELS", str(tmp_path / "models"))
    listed = {model["name"]: model["members"] for model in succeed("models")["models"]}
    assert (listed["plain"], listed["ff14sb"]) == (2, 1)
    assert succeed("energy", PEPTIDE, "--model", "plain", "--uncertainty")["uncertainty"] == spread
    members_of(plain)[1].unlink()
    assert "plain-1.safetensors" in fail(1, "energy", PEPTIDE, "--model", plain)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fragments_count_every_atom_once(scheme):
    found = succeed("fragments", PEPTIDE, "--scheme", scheme)
    weight = np.zeros(ATOMS)
    for fragment in found["fragments"]:
        weight[fragment["atoms"]] += fragment["coefficient"]
        assert fragment["label"] and all(re.fullmatch(r"[A-Z]{3} \d \(chain A\)", name) for name in fragment["residues"])
        for cap in fragment["caps"]:
            assert cap["anchor"] in fragment["atoms"] and cap["replaced"] not in fragment["atoms"]
            assert cap["length"] == pytest.approx(0.105, abs=0.005)
    np.testing.assert_array_equal(weight, 1)
    assert sum(f["coefficient"] * f["charge"] for f in found["fragments"]) == CHARGE


def test_tables():
    energy = run("energy", PEPTIDE, "--model", "ff14sb")
    assert energy.returncode == 0 and energy.stderr == ""
    assert re.search(r"^energy +-?\d+\.\d{4} kJ/mol$", energy.stdout, re.M)
    assert energy.stdout.isascii()  # columns only, for grep and awk, where the output is redirected
    fragments = run("fragments", PEPTIDE, "--scheme", "dipeptide")
    rows = fragments.stdout.splitlines()
    assert rows[0].split() == ["fragment", "residues", "coefficient", "atoms", "caps", "charge"]
    assert len(rows) - 1 == len(succeed("fragments", PEPTIDE, "--scheme", "dipeptide")["fragments"])
    forces = run("energy", PEPTIDE, "--model", "ff14sb", "--forces").stdout.splitlines()
    assert len(forces) == 4 + 1 + ATOMS


def test_models_and_version():
    models = {model["name"]: model for model in succeed("models")["models"]}
    assert models["ff14sb"]["base_force_field"] == "amber-ff14sb"
    for name in (path.name for path in (ROOT / "models").iterdir() if path.is_dir()):
        assert re.fullmatch("[0-9a-f]{64}", models[name]["hash"])
        assert models[name]["members"] >= 1
    version = succeed("version")
    assert version["version"] in (ROOT / "Directory.Build.props").read_text()
    assert re.fullmatch(r"x86-64-v[234]", version["instruction_set"])


def test_forced_instruction_set(monkeypatch):
    monkeypatch.setenv("PLUGINBRIDGE_ISA", "v2")
    assert succeed("version")["instruction_set"] == "x86-64-v2"
    monkeypatch.setenv("PLUGINBRIDGE_ISA", "v7")
    assert "v7" in fail(1, "models")


def test_help():
    done = run("--help")
    assert done.returncode == 0
    for command in ("energy", "fragments", "models", "version"):
        assert command in done.stdout
    assert "--scheme" in run("energy", "--help").stdout


@pytest.mark.parametrize("arguments", [
    (), ("energy",), ("fly", PEPTIDE), ("energy", PEPTIDE, "--scheme", "window9"), ("energy", PEPTIDE, "--threads", "0"),
    ("energy", PEPTIDE, "--threads", "many"), ("energy", PEPTIDE, "--precision", "half"), ("energy", PEPTIDE, "--fast"),
], ids=lambda arguments: " ".join(map(str, arguments[:1] + arguments[2:])) or "nothing")
def test_wrong_usage(arguments):
    fail(2, *arguments)


@pytest.mark.parametrize("scheme", ["whole", "window2+pairs"])
def test_wrapped_into_a_box(tmp_path, scheme):
    """Atoms beyond a face of the box come in at the other one: --periodic gives the energy and forces of the whole peptide."""
    box = np.array([[40.0, 0, 0], [0, 41.0, 0], [0, 0, 42.0]])

    def wrap(lines):
        result = ["CRYST1   40.000   41.000   42.000  90.00  90.00  90.00 P 1           1"]
        atoms = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
        middle = np.mean([[float(line[30 + 8 * k:38 + 8 * k]) for k in range(3)] for line in atoms], axis=0)
        for line in lines:
            if line in atoms:
                x = np.array([float(line[30 + 8 * k:38 + 8 * k]) for k in range(3)]) - middle
                x = x - np.floor(x / np.diag(box)) * np.diag(box)
                line = line[:30] + "".join(f"{value:8.3f}" for value in x) + line[54:]
            result.append(line)
        return result

    arguments = ("--model", NETWORK, "--scheme", scheme, "--forces", "--precision", "double")
    wrapped = edited(tmp_path, wrap)
    whole, found = (succeed("energy", path, *arguments, *more) for path, more in ((PEPTIDE, ()), (wrapped, ("--periodic",))))
    assert found["energy"] == pytest.approx(whole["energy"], abs=0.5)  # the file's thousandths of an angstrom
    np.testing.assert_allclose(found["forces"], whole["forces"], atol=0.02 * np.abs(whole["forces"]).max())
    assert "--periodic" in fail(1, "energy", wrapped, *arguments)
    assert "no CRYST1" in fail(1, "energy", PEPTIDE, *arguments, "--periodic")


def test_missing_file(tmp_path):
    assert "nowhere.pdb" in fail(1, "energy", tmp_path / "nowhere.pdb", "--model", "ff14sb")
    assert str(tmp_path.name) in fail(1, "energy", tmp_path, "--model", "ff14sb")
    (tmp_path / "empty.pdb").write_text("")
    assert "empty.pdb" in fail(1, "fragments", tmp_path / "empty.pdb")


def test_unknown_model_lists_the_others():
    error = fail(1, "energy", PEPTIDE, "--model", "nonesuch")
    assert "nonesuch" in error and "ff14sb" in error


def test_unknown_residue(tmp_path):
    path = edited(tmp_path, lambda lines: [line.replace("THR A", "SEP A") for line in lines])
    error = fail(1, "energy", path, "--model", "ff14sb")
    assert "SEP 5" in error and "edited.pdb" in error


def test_skipped_residues(tmp_path):
    water = "HETATM  900  O   HOH A 101      30.000  30.000  30.000  1.00  0.00           O"
    path = edited(tmp_path, lambda lines: [line for line in lines if line != "END"] + [water, "END"])
    assert "HOH" in fail(1, "energy", path, "--model", "ff14sb")
    done = run("energy", path, "--model", "ff14sb", "--skip-unknown", "--json")
    assert done.returncode == 0 and re.fullmatch(r"note: [^\n]*HOH[^\n]*\n", done.stderr)
    assert json.loads(done.stdout)["energy"] == succeed("energy", PEPTIDE, "--model", "ff14sb")["energy"]


def test_missing_hydrogens(tmp_path):
    path = edited(tmp_path, lambda lines: [line for line in lines if not line.rstrip().endswith(" H")])
    error = fail(1, "energy", path, "--model", "ff14sb")
    assert "hydrogen" in error.lower() or re.search(r"\bH[A-Z]?\d?\b", error)


def test_one_missing_hydrogen_is_named(tmp_path):
    path = edited(tmp_path, lambda lines: [line for line in lines if not re.match(r"ATOM.{8}\s?HA  GLU A", line)])
    error = fail(1, "energy", path, "--model", "ff14sb")
    assert "GLU 4" in error and "HA" in error


def test_truncated_model(tmp_path):
    data = NETWORK.read_bytes()
    for length in (0, 7, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.safetensors").write_bytes(data[:length])
        assert "cut.safetensors" in fail(1, "energy", PEPTIDE, "--model", tmp_path / "cut.safetensors")
    (tmp_path / "text.safetensors").write_text("not a model, but some text that is long enough")
    assert "text.safetensors" in fail(1, "energy", PEPTIDE, "--model", tmp_path / "text.safetensors")
