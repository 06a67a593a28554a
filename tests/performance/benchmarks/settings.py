"""What all parts of the benchmark share: sizes, folders, the machine."""
from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[3]
MODEL, FAST = "visnet-gfn2", "visnet-gfn2-fast"


@dataclass
class Settings:
    """Sizes of a run.

    Attributes
    ----------
    out : Path
        Folder of results, of networks with random weights and of built structures.
    structures : Path or None
        Folder with further PDB files; those whose names begin with "chig" and "trp" replace the built ones.
    quick : bool
        A size that shows that everything works; its times mean nothing.
    repeats : int
        Measurements of each time, after one to warm up.
    threads : list of int
    psi4 : bool
        Whether to time M06-2X/6-31G* of a capped residue too (minutes).
    """

    out: Path
    structures: Optional[Path] = None
    quick: bool = False
    repeats: int = 7
    threads: list[int] = field(default_factory=lambda: [1, 2])
    psi4: bool = False


def modelFile(name: str = MODEL) -> Path:
    """Path of a shipped network."""
    return ROOT / "models" / name / f"{name}.safetensors"


def shipped() -> dict[str, Path]:
    """The networks that ship, in their sizes: name and path."""
    return {name: modelFile(name) for name in (MODEL, FAST)}


def machine() -> dict:
    """What the figures were measured on, and how busy it was when that began."""
    import pluginbridge

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True)
    return dict(processor=name, processors=os.cpu_count(), load=round(os.getloadavg()[0], 2), date=time.strftime("%Y-%m-%d"),
                pluginbridge=pluginbridge.version(), instruction_set=pluginbridge.instructionSet(),
                commit=commit.stdout.strip() or None)


def fresh(module: str, *arguments) -> str:
    """What a module prints as the program of a process of its own, with this one's search path."""
    paths = [str(ROOT / "tests" / "performance"), str(ROOT / "training"), *(os.path.abspath(path) for path in sys.path if path)]
    result = subprocess.run([sys.executable, "-m", module, *map(str, arguments)], text=True, capture_output=True,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})
    if result.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(map(str, arguments))}: {result.stderr.strip()}")
    return result.stdout
