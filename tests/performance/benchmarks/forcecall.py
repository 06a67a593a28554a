"""Energy and forces: the core against its PyTorch twin, eager and TorchScript, same weights, same threads, in turn."""
from __future__ import annotations

import ctypes
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import networks, structures
from .fragments import Fragments, torchEnergy
from .settings import MODEL, Settings
from .timing import inTurn, milliseconds

KJ_PER_KCAL = 4.184
SCHEMES = ("whole", "dipeptide")


def run(settings: Settings) -> dict:
    """Rows by structure, network, scheme and threads; the ratios of the shipped network on chignolin, scheme
    `whole`, on the first of settings.threads."""
    modelfile = networks.twin()
    chosen = [structures.alanine()] if settings.quick else [
        structures.protein(settings, "chignolin"), structures.protein(settings, "Trp-cage")]
    rows = []
    tasks = [(s, name, path, scheme) for s in chosen for name, path in networks.networks(settings).items()
             for scheme in SCHEMES
             # PyTorch takes seconds a call there
             if not (name.startswith("128") and s.name == "Trp-cage" and scheme == "dipeptide")]
    for structure, name, path, scheme in tqdm(tasks, desc="force calls", disable=None):
        rows += rowsOf(settings, structure, name, path, scheme, modelfile.load_model(path)[0])
    head = next(r for r in rows if r["network"] == MODEL and r["scheme"] == "whole" and r["threads"] == settings.threads[0])
    return dict(rows=rows, pytorch_eager_ratio=head["eager_ratio"], torchscript_ratio=head["torchscript_ratio"],
                pytorch_eager_ratio_min=min(r["eager_ratio"] for r in rows),
                torchscript_ratio_min=min(r["torchscript_ratio"] for r in rows))


def rowsOf(settings: Settings, structure, name: str, path: Path, scheme: str, network) -> list[dict]:
    """One structure, network and scheme, on each number of threads."""
    import pluginbridge
    import torch

    rows = []
    angstrom = torch.tensor(structure.positions * 10, dtype=torch.float32)
    for threads in settings.threads:
        torch.set_num_threads(threads)
        core = pluginbridge.Evaluator(structure.topology, str(path), scheme, threads=threads)
        fragments = Fragments(core, structure.numbers)
        eager = torchEnergy(fragments, network)
        script = torchScript(eager, angstrom)
        calls = {"ours": lambda: core.evaluate(structure.positions), "eager": lambda: energyForces(eager, angstrom),
                 "torchscript": lambda: script(angstrom)}
        ours = structures.networkPart(core, structure)
        for key in ("eager", "torchscript"):
            check(*ours, *calls[key](), name)
        # three rounds to warm up: TorchScript's executor watches the first two and then compiles
        times = inTurn(calls, settings.repeats, warmUp=1 if settings.quick else 3)
        if threads > 1 and setBlasThreads(threads):
            # Debian's PyTorch leaves OpenBLAS's threads alone; with these matrices one is mostly better. Take the better.
            more = inTurn({key: calls[key] for key in ("eager", "torchscript")}, settings.repeats)
            setBlasThreads(1)
            times |= {key: min(times[key], more[key], key=np.median) for key in more}
        ours_ms = milliseconds(times["ours"])
        row = dict(structure=structure.name, atoms=len(structure.positions), network=name, scheme=scheme, threads=threads,
                   fragments=len(fragments.sizes), ours_ms=ours_ms)
        for key in ("eager", "torchscript"):
            row |= {f"{key}_ms": milliseconds(times[key]), f"{key}_ratio": milliseconds(times[key]) / ours_ms}
        rows.append(row)
    torch.set_num_threads(1)
    return rows


def energyForces(module, x):
    """Energy (kcal/mol) and forces (kcal/mol/angstrom) as arrays."""
    import torch

    x = x.detach().requires_grad_(True)
    energy = module(x)
    gradient, = torch.autograd.grad(energy, x)
    return energy.item(), -gradient.numpy()


def torchScript(module, x):
    """The same as a traced and frozen TorchScript module: a function of the positions.

    PyTorch 1.13's executor cannot differentiate this graph as a whole ("tensor does not have a device"); it is then run as
    frozen, operation by operation.
    """
    import torch

    def traced():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes become constants, as they are those of the geometry at hand
            return torch.jit.freeze(torch.jit.trace(module, (x,), check_trace=False))

    script = traced()
    try:
        for _ in range(3):
            energyForces(script, x)
        return lambda x: energyForces(script, x)
    except RuntimeError:
        script = traced()  # anew: the plan that fails stays with the module

    def asFrozen(x):
        with torch.jit.optimized_execution(False):
            return energyForces(script, x)

    return asFrozen


def check(ourEnergy: float, ourForces: np.ndarray, energy: float, forces: np.ndarray, name: str) -> None:
    """What is compared has to be the same: single precision on both sides; ours in kJ/mol and nm, the others' in kcal/mol
    and angstrom."""
    expected = forces * KJ_PER_KCAL * 10
    worst = np.abs(ourForces - expected).max() / np.abs(expected).max()
    if not worst < 2e-3 or not abs(ourEnergy - energy * KJ_PER_KCAL) < 1e-5 * abs(ourEnergy) + 1.0:
        raise RuntimeError(f"network '{name}': the core and PyTorch do not agree (forces by {worst:.1e} of the largest, "
                           f"energies {ourEnergy:.3f} and {energy * KJ_PER_KCAL:.3f} kJ/mol), so times mean nothing")


def setBlasThreads(threads: int) -> bool:
    """Sets OpenBLAS's threads if PyTorch has loaded it."""
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "openblas" in line}
    for path in loaded:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_set_num_threads"):
            library.openblas_set_num_threads(threads)
            return True
    return False
