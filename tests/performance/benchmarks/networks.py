"""Networks of other sizes with random weights: what weights say does not change what a call costs."""
from __future__ import annotations

import sys
from pathlib import Path

from .settings import MODEL, ROOT, Settings, modelFile, shipped

#: channels, layers
SIZES = {"64 channels, 4 layers": (64, 4), "128 channels, 6 layers": (128, 6)}


def twin():
    """The module with the network in PyTorch."""
    sys.path.insert(0, str(ROOT / "training"))
    from pbtrain import modelfile

    return modelfile


def networks(settings: Settings) -> dict[str, Path]:
    """Model files by name: two with random weights and those that ship; only the larger of these in a quick run."""
    if settings.quick:
        return {MODEL: modelFile()}
    return {name: random(settings.out / "networks", *size) for name, size in SIZES.items()} | shipped()


def random(folder: Path, channels: int, layers: int) -> Path:
    """A model file with random weights; written once."""
    modelfile = twin()
    import torch
    from pbtrain.visnet import Architecture, ViSNet

    path = folder / f"random-{channels}-{layers}.safetensors"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(1)
        network = ViSNet([1, 6, 7, 8, 16], Architecture(channels, layers))
        modelfile.save_model(path, network, path.stem, {"weights": "random, for timing"})
    return path
