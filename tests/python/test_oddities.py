"""Oddities of real-world PDB files: each runs, with the sound file's energy where it is the same molecule, or is refused
with the reason that docs/pdb-oddities.md quotes. The energies of prepared files are compared with OpenMM's ff14SB."""
import json
import math
import os
import subprocess

import pytest
from oddities import LIST, RUNS, SAME, TABLE, table
from pdbedits import FILES, ROOT

BINARY = os.environ.get("PLUGINBRIDGE_CLI", str(ROOT / "build" / "bin" / "pluginbridge"))

pytestmark = pytest.mark.skipif(not os.path.isfile(BINARY), reason=f"{BINARY} is not built: run make")


def energy(path, skip_unknown=False):
    """Energy of a file (kJ/mol), or the message that refuses it."""
    arguments = [BINARY, "energy", path, "--model", "ff14sb", "--json"] + (["--skip-unknown"] if skip_unknown else [])
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return json.loads(done.stdout)["energy"]
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "internal error" not in done.stderr, done.stderr
    return done.stderr


_twins = {}


def twin_energy(name):
    if name not in _twins:
        _twins[name] = energy(FILES[name])
    return _twins[name]


def written(oddity, folder):
    path = folder / "odd.pdb"
    content = oddity.make()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def check(outcome, found, twin):
    if isinstance(outcome, tuple):
        assert isinstance(found, str), f"ran: {found} kJ/mol"
        for part in (*outcome, "odd.pdb"):
            assert part in found
        return
    assert isinstance(found, float), found
    if outcome == SAME:
        assert found == pytest.approx(twin_energy(twin), abs=1e-3)
    else:
        assert math.isfinite(found) and found < 3000


@pytest.mark.parametrize("oddity", LIST, ids=lambda o: o.name)
def test_as_it_is(oddity, tmp_path):
    check(oddity.raw, energy(written(oddity, tmp_path), oddity.skip_unknown), oddity.twin)


def openmm_energy(path):
    """The same by OpenMM's own reader and force field; waters and the rest are left out."""
    import openmm
    from openmm import app, unit

    pdb = app.PDBFile(str(path))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.delete([r for r in modeller.topology.residues() if r.name in ("HOH", "WAT", "LIG")])
    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(modeller.topology)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(modeller.positions)
    return context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


@pytest.mark.parametrize("name", [name for name in FILES if name != "ring"])  # OpenMM's reader does not close rings
def test_sound_files(name):
    pytest.importorskip("openmm")
    assert twin_energy(name) == pytest.approx(openmm_energy(FILES[name]), abs=1e-2)


@pytest.mark.parametrize("oddity", [pytest.param(o, marks=[pytest.mark.slow] if o.slow else [], id=o.name) for o in LIST])
def test_prepared(oddity, tmp_path, pb):
    pytest.importorskip("pdbfixer")
    from pluginbridge.prepare import prepare

    target = tmp_path / "prepared.pdb"
    source = written(oddity, tmp_path)
    try:
        report = prepare(source, target, **oddity.options)
    except pb.PluginBridgeError as error:
        found = str(error)
        assert not target.exists()
    else:
        found = energy(target, "keep" in oddity.options)
        if isinstance(found, float):
            assert found == pytest.approx(openmm_energy(target), abs=1e-2)
        if oddity.reports is not None:
            kind, part = oddity.reports
            assert any(part in change.message for change in report.of(kind)), str(report)
    check(oddity.prepared, found, oddity.twin)


def test_table_is_current():
    assert TABLE.read_text() == table(), "run tests/python/oddities.py"


def test_enough_of_them():
    assert len({oddity.name for oddity in LIST}) == len(LIST) >= 30
    assert all(isinstance(o.raw, tuple) or o.raw in (SAME, RUNS) for o in LIST)
