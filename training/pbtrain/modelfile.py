"""Reading and writing PluginBridge model files: safetensors with a JSON header of our own.

The safetensors format: 8 bytes little-endian header length, a JSON object {name: {dtype, shape,
data_offsets}}, then the raw data.  All tensors are F32.  `__metadata__` has the one key
"pluginbridge", whose value is a JSON string describing the model (architecture, elements, target,
reference method, units, reference energies, provenance).
"""
from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import torch

from .visnet import Architecture, ViSNet

FORMAT = 1
MAX_HEADER_BYTES = 16 << 20


def write_safetensors(path: str | os.PathLike, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write F32 tensors (sorted by name) and string metadata; atomic (temporary file, then rename)."""
    header: dict = {"__metadata__": metadata}
    offset = 0
    arrays = {name: np.ascontiguousarray(tensors[name], dtype="<f4") for name in sorted(tensors)}
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            out.write(array.tobytes())
    os.replace(temporary, path)


def read_safetensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a safetensors file; ValueError naming the file if it is malformed."""
    data = Path(path).read_bytes()
    if len(data) < 8:
        raise ValueError(f"{path}: too short for a safetensors file")
    length, = struct.unpack_from("<Q", data)
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise ValueError(f"{path}: header length {length} does not fit the file of {len(data)} bytes")
    try:
        header = json.loads(data[8:8 + length])
    except ValueError as error:
        raise ValueError(f"{path}: header is not JSON ({error})") from None
    metadata = header.pop("__metadata__", {})
    body, tensors = data[8 + length:], {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} is {entry['dtype']}, expected F32")
        if not 0 <= begin <= end <= len(body) or end - begin != 4 * int(np.prod(shape, dtype=np.int64)):
            raise ValueError(f"{path}: tensor {name} of shape {shape} does not fit its offsets {begin}..{end}")
        tensors[name] = np.frombuffer(body[begin:end], dtype="<f4").reshape(shape)
    return tensors, metadata


def save_model(path: str | os.PathLike, model: ViSNet, name: str, provenance: dict, target: str = "E_QM - E_MM",
               base_force_field: str | None = "amber-ff14sb", reference_method: str = "GFN2-xTB",
               energy_unit: str = "kcal/mol") -> str:
    """Write `model` to `path`; returns the file's SHA-256 (the model's hash)."""
    header = {
        "format": FORMAT,
        "name": name,
        "architecture": model.arch.header(),
        "elements": model.elements,
        "target": target,
        "base_force_field": base_force_field,
        "reference_method": reference_method,
        "units": {"length": "angstrom", "energy": energy_unit},
        "energy_scale": model.energy_scale,
        "reference_energies": {
            "elements": {str(z): float(e) for z, e in zip(model.elements, model.ref_element.double())},
            "charge": float(model.ref_charge),
        },
        "provenance": provenance,
    }
    tensors = {key: value.detach().float().cpu().numpy() for key, value in model.state_dict().items()}
    write_safetensors(path, tensors, {"pluginbridge": json.dumps(header)})
    return file_hash(path)


def load_model(path: str | os.PathLike) -> tuple[ViSNet, dict]:
    """The float32 model of a file and its header."""
    tensors, metadata = read_safetensors(path)
    if "pluginbridge" not in metadata:
        raise ValueError(f"{path}: no 'pluginbridge' metadata; not a PluginBridge model")
    header = json.loads(metadata["pluginbridge"])
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: format {header.get('format')!r}, this reader knows {FORMAT}")
    model = ViSNet(header["elements"], Architecture.from_header(header["architecture"]), header["energy_scale"])
    model.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in tensors.items()})
    reference = header["reference_energies"]
    model.set_reference({int(z): e for z, e in reference["elements"].items()}, reference["charge"])
    return model, header


def core_trainer(model: ViSNet, threads: int = 1, double: bool = False):
    """A pluginbridge.Trainer with the weights of now, whatever the network is for: the core's energies and gradients."""
    import pluginbridge

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, model, "training", {})
        return pluginbridge.Trainer(path, threads=threads, doublePrecision=double)


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of the file's bytes, lower-case hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
