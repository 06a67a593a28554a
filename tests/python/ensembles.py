"""Ensembles for tests: a model file and copies of it with disturbed weights, in a folder of their own."""
import hashlib
import json
import struct
from pathlib import Path

import numpy as np

FORM = "sqrt(floor^2 + (scale * spread)^2)"


def write_ensemble(folder, network, name="committee", members=3, disturbance=0.1, calibration=None):
    """Writes members and the JSON file; its path.

    calibration: (floor in kcal/mol/angstrom, scale), or None."""
    folder = Path(folder)
    data = Path(network).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    weights = np.frombuffer(data[start:], "<f4")
    random = np.random.default_rng(7)
    entries = []
    for member in range(members):
        factors = 1 + (disturbance * random.standard_normal(weights.size) if member else 0)
        content = data[:start] + (weights * factors).astype("<f4").tobytes()
        (folder / f"{name}-{member}.safetensors").write_bytes(content)
        entries.append({"file": f"{name}-{member}.safetensors", "sha256": hashlib.sha256(content).hexdigest()})
    ensemble = {"format": 1, "type": "ensemble", "name": name, "members": entries}
    if calibration is not None:
        ensemble["calibration"] = {"form": FORM, "floor": calibration[0], "scale": calibration[1],
                                   "unit": "kcal/mol/angstrom"}
    (folder / f"{name}.json").write_text(json.dumps(ensemble))
    return folder / f"{name}.json"


def members_of(path):
    """Paths of an ensemble's members."""
    return [Path(path).parent / member["file"] for member in json.loads(Path(path).read_text())["members"]]


def spread_of(forces):
    """Per atom, of forces [members, atoms, 3]: the definition."""
    forces = np.asarray(forces)
    return np.sqrt(((forces - forces.mean(0)) ** 2).sum((0, 2)) / (len(forces) - 1))
