"""Frames a second of training against PyTorch (pbtrain.throughput)."""
from __future__ import annotations

import json

from .settings import Settings, fresh


def run(settings: Settings) -> dict:
    """What pbtrain.throughput writes."""
    target = settings.out / "throughput.json"
    size = ["--molecules", 2, "--rounds", 1, "--channels", 16, "--layers", 2] if settings.quick else []
    fresh("pbtrain.throughput", "--json", target.resolve(), *size)
    return json.loads(target.read_text())
