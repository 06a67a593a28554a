"""Kernels and whole calls against what the machine can do: PluginBridge.Performance measures peak and kernels and counts a
call's operations; the call itself is timed in the library that users load."""
from __future__ import annotations

import json
import os
import subprocess

from . import networks, structures
from .fragments import Fragments
from .settings import MODEL, ROOT, Settings, modelFile
from .timing import inTurn, milliseconds

PROJECT = ROOT / "tests" / "performance" / "PluginBridge.Performance"


def run(settings: Settings) -> dict:
    """Peak and bandwidth by threads; kernels; the share of the peak that a call reaches (`fma_fraction`: the
    shipped network on the first of settings.threads); where its time goes, step by step, on one thread."""
    import numpy as np
    import pluginbridge

    program = build()
    size = ["--repeats", "2", "--seconds", "0.01", "--stream-mb", "4"] if settings.quick else [
        "--repeats", str(max(5, settings.repeats)), "--seconds", "0.3", "--stream-mb", "256"]
    threads = ",".join(map(str, settings.threads))
    before = call(program, "machine", "--threads", threads, *size)
    kernels = call(program, "kernels", modelFile(), *size)
    structure = structures.alanine() if settings.quick else structures.protein(settings, "chignolin")
    rows, steps = [], {}
    for name, path in networks.networks(settings).items():
        core = {n: pluginbridge.Evaluator(structure.topology, str(path), threads=n) for n in settings.threads}
        fragments = Fragments(core[settings.threads[0]], structure.numbers)
        fragments.write(settings.out / "call.json", structure.positions)
        count = call(program, "count", path, settings.out / "call.json")
        times = inTurn({n: lambda n=n: core[n].evaluate(structure.positions) for n in core}, 3 * settings.repeats, warmUp=3)
        rows += [dict(network=name, threads=n, gflop=count["flops"] * 1e-9, ms=milliseconds(times[n]),
                      gflops=float(count["flops"] * 1e-9 / np.median(times[n]))) for n in core]
        steps[name] = call(program, "steps", path, settings.out / "call.json", "--repeats", "2" if settings.quick else "15")
    after = call(program, "machine", "--threads", threads, *size)
    # the better of before and after: the share must not look high because the peak was measured at a low clock
    machine = [{key: max(a[key], b[key]) for key in a} for a, b in zip(before["threads"], after["threads"])]
    for row in rows:
        row["peak_fraction"] = row["gflops"] / next(m["peak_gflops"] for m in machine if m["threads"] == row["threads"])
    return dict(structure=structure.name, atoms=len(structure.positions), lanes=before["lanes"], machine=machine,
                kernels=kernels["kernels"], calls=rows, steps=steps,
                fma_fraction=next(r["peak_fraction"] for r in rows if r["network"] == MODEL
                                  and r["threads"] == settings.threads[0]))


def build():
    """Path of the measuring program, compiled where a source has changed."""
    folder = ROOT / "build" / "dotnet-tests"
    command = ["dotnet", "build", PROJECT, "-c", "Release", "--artifacts-path", folder, "-nodeReuse:false", "-v", "quiet"]
    result = subprocess.run(command, text=True, capture_output=True)
    if result.returncode != 0:
        raise SystemExit(f"error: PluginBridge.Performance does not build:\n{result.stdout}{result.stderr}")
    return folder / "bin" / "PluginBridge.Performance" / "release" / "PluginBridge.Performance.dll"


def call(program, *arguments) -> dict:
    """JSON that the program prints."""
    result = subprocess.run(["dotnet", program, *map(str, arguments)], text=True, capture_output=True,
                            env=os.environ | {"DOTNET_TieredCompilation": "0"})
    if result.returncode != 0:
        raise SystemExit(f"error: PluginBridge.Performance {arguments[0]}: {result.stderr.strip()}")
    return json.loads(result.stdout)
