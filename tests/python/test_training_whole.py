"""Labels of whole proteins: a kill loses the frame at hand, and a file is gone on with for what it was begun with."""
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
h5py = pytest.importorskip("h5py")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from pbtrain import label, whole  # noqa: E402

PROTEIN = Path(__file__).parent / "structures" / "capped_alanine.pdb"


class Labels:
    """In place of GFN2-xTB: fails at the frame `failing`, and is killed at the frame `last`."""

    last, failing, calls = 99, 1, 0

    def __init__(self, numbers, charge):
        pass

    def __call__(self, x):
        frame = Labels.calls
        if frame == Labels.last:
            raise KeyboardInterrupt
        Labels.calls += 1
        if frame == Labels.failing:
            raise label.LabelError("no convergence")
        return 1.0 * frame, np.zeros_like(x)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(whole, "relaunch", lambda *_, **__: None)
    monkeypatch.setattr(whole, "sample", lambda topology, x, frames, seed: np.array([x._value] * frames) * 10)
    monkeypatch.setattr(label, "Gfn2", Labels)
    monkeypatch.setattr(Labels, "calls", 0)

    def call(*options, protein=PROTEIN):
        monkeypatch.setattr(sys, "argv", ["whole", str(protein), str(tmp_path / "new" / "whole.h5"), *map(str, options)])
        whole.main()
    return tmp_path / "new" / "whole.h5", call


def test_a_killed_run_loses_one_frame(run, monkeypatch):
    path, call = run
    monkeypatch.setattr(Labels, "last", 3)
    with pytest.raises(KeyboardInterrupt):
        call("--frames", 4)
    path.with_suffix(".tmp").write_bytes(b"half a file")
    with h5py.File(path) as file:
        assert "f_nb" in file["002"] and "003" not in file and file["001"].attrs["failed"] == "no convergence"
    monkeypatch.setattr(Labels, "last", 99)
    call("--frames", 4)
    with h5py.File(path) as file:
        assert [file[name]["e_qm"][()] for name in ("000", "002", "003")] == [0.0, 2.0, 3.0] and len(file["001"]) == 0
        assert file["003/f_mm"].shape == file["positions"].shape[1:]
    assert Labels.calls == 4 and not path.with_suffix(".tmp").exists()
    call("--frames", 4)
    assert Labels.calls == 4, "what is there is not made again"


def test_another_frame_count_seed_or_protein_is_refused(run, tmp_path):
    path, call = run
    call("--frames", 2)
    for options, message in ((("--frames", 3), "whole.h5 was begun with --frames 2, not 3"),
                             (("--frames", 2, "--seed", 5), "whole.h5 was begun with --seed 11, not 5")):
        with pytest.raises(SystemExit, match=message):
            call(*options)
    another = tmp_path / "another.pdb"
    another.write_text(PROTEIN.read_text())
    with pytest.raises(SystemExit, match=r"frames of capped_alanine \(22 atoms\), not of another \(22 atoms\)"):
        call("--frames", 2, protein=another)
