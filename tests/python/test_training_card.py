"""The model card says what the file and the measured errors say."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain import train  # noqa: E402
from pbtrain.modelfile import file_hash, save_model  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

ROW = {"frames": 7, "force_mae": 0.4567, "force_rmse": 0.6, "force_max": 3.2, "mm_force_mae": 8.1}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, ViSNet(train.ELEMENTS, Architecture(16, 2, 4, 8)), "m", {
        "minutes": 12.3, "steps": 45678, "frame_visits": 99999, "training_frames": {"dimer": 11, "residue": 22},
        "training_molecules": 33})
    return path


def write_card(model, report):
    errors = model.with_name("errors.json")
    errors.write_text(json.dumps(report))
    return subprocess.run([sys.executable, "-m", "pbtrain.card", model, errors], text=True, capture_output=True,
                          env={"PYTHONPATH": str(ROOT / "training")})


def test_the_card_has_the_figures(model):
    model.with_name("notes.md").write_text("## Limits\n\nNone that we know.\n")
    found = write_card(model, {"model": file_hash(model), "held_out": {"residue": ROW, "ACE-ALA-NME": ROW},
                               "whole": {"whole_chig": ROW | {"atoms": 175}}})
    assert found.returncode == 0, found.stderr
    text = model.with_name("README.md").read_text()
    for part in (file_hash(model), "2 layers, 16 channels", "45,678 steps", "11 frames of dimers", "| residue | 7 | 8.10 | 0.46 |",
                 "| chig | 175 | 7 | 8.10 | **0.46** |", "None that we know"):
        assert part in text, part


def test_errors_of_another_model_are_refused(model):
    found = write_card(model, {"model": "0" * 64})
    assert found.returncode != 0 and "another model" in found.stderr and "pbtrain.evaluate" in found.stderr
    assert not model.with_name("README.md").exists()
