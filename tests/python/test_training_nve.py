"""Total energy by the PyTorch twin: the sum that the engine makes of the same network, whatever its target."""
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
pytest.importorskip("pdbfixer")
torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from openmm import app, unit  # noqa: E402
from pbtrain import nve  # noqa: E402
from pbtrain.modelfile import load_model, save_model  # noqa: E402
from pbtrain.train import ELEMENTS  # noqa: E402
from pbtrain.visnet import Architecture, ViSNet  # noqa: E402

KJ, NM = 4.184, 10.0
BASES = {"E_QM - E_MM": "amber-ff14sb", "E_QM - E_nb": "amber-ff14sb", "E_QM": None}


@pytest.mark.parametrize("target", BASES)
def test_the_total_is_the_engines(pb, tmp_path, target):
    torch.manual_seed(3)
    network = ViSNet(ELEMENTS, Architecture(16, 2, 4, 8))
    network.set_reference({z: 0.0 for z in ELEMENTS}, 0.0)
    path = tmp_path / "m.safetensors"
    save_model(path, network, "m", {}, target, BASES[target], "GFN2-xTB")
    pdb = app.PDBFile(str(Path(__file__).parent / "structures" / "capped_alanine.pdb"))
    x = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    energy, forces = nve.TotalEnergy(load_model(path)[0].double(), target, pdb.topology)(x)
    found = pb.Evaluator(pdb.topology, path, precision="double").evaluate(x / NM, quantity="total")
    assert energy * KJ == pytest.approx(found.energy, abs=1e-3)
    assert np.abs(forces * KJ * NM - found.forces).max() < 1e-2 * np.abs(found.forces).mean()


def test_a_network_of_a_difference_is_refused():
    with pytest.raises(SystemExit, match="E_GFN2"):
        nve.TotalEnergy(None, "E_QM - E_GFN2", None)
