"""Frames a second of training: the core's gradients against PyTorch's double backward, in one run on the same batches.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.throughput [--threads 1] [--json build/bench/training.json]

"plain PyTorch" is the straightforward loop: index_select and index_add over an edge list, autograd twice; "PyTorch, fused
edges" uses edge_kernels.cpp; "core" is what pbtrain.train does. Each includes the optimiser's step. Molecules come from
the wide plan, sampled in ff14SB; what labels say does not change the cost, so they are random. The three take turns, and
ratios are medians over the rounds.
"""
from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from tqdm import tqdm

from .dataset import Frames, make_batch
from .edge_ops import enable_kernels
from .gradients import CoreGradients, Loss, TorchGradients
from .muon import make_optimizers
from .plan_wide import make_plan
from .train import ELEMENTS
from .visnet import Architecture, ViSNet

CORE, FUSED, PLAIN = "core", "PyTorch, fused edges", "plain PyTorch"


def molecules_of_plan(count: int, frames: int, seed: int) -> list[Frames]:
    """Frames of the plan's first molecules, with random labels."""
    from .molecules import build_topology
    from .sample import Sampler, SamplingError

    rng, found = np.random.default_rng(seed), []
    for spec in tqdm(make_plan(seed)[:2 * count], desc="sampling", total=count):
        molecule = build_topology([list(chain) for chain in spec.chains])
        try:
            sampler = Sampler(molecule, rng, spec.permittivity)
            x = np.stack(list(sampler.trajectory(300.0, frames, equilibration=20, interval=20))).astype(np.float32)
        except SamplingError:
            continue
        energy, forces = rng.normal(size=frames), rng.normal(size=x.shape).astype(np.float32)
        found.append(Frames(molecule.name, spec.kind, molecule.numbers, molecule.charge, x, energy, forces, energy, forces,
                            np.zeros(frames, bool)))
        if len(found) == count:
            break
    return found


def measure(architecture: Architecture, threads: int, rounds: int, batches: list) -> dict:
    """Frames a second of each route, by round, and medians of the ratios to plain PyTorch."""
    torch.set_num_threads(threads)
    routes = {}
    for name in (CORE, FUSED, PLAIN):
        torch.manual_seed(1)
        model = ViSNet(ELEMENTS, architecture)
        gradients = CoreGradients(model, Loss(), threads) if name == CORE else TorchGradients(model, Loss())
        routes[name] = gradients, make_optimizers(model, "muon", 1e-4)
    rates: dict[str, list[float]] = {name: [] for name in routes}
    for k in tqdm(range(rounds + 1), desc="rounds"):
        for name, (gradients, optimizers) in routes.items():
            enable_kernels(name == FUSED)
            start, frames = time.perf_counter(), 0
            for batch in batches:
                gradients(batch)
                for optimizer in optimizers:
                    optimizer.step()
                frames += len(batch.energy)
            if k:  # the first round warms up
                rates[name].append(frames / (time.perf_counter() - start))
    median = {name: float(np.median(values)) for name, values in rates.items()}
    ratio = {name: float(np.median(np.array(values) / rates[PLAIN])) for name, values in rates.items()}
    return {"threads": threads, "rounds": rounds, "frames_per_s": median, "ratio_to_plain": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--molecules", type=int, default=24)
    parser.add_argument("--json", type=Path)
    for name, default in (("channels", 64), ("layers", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    molecules = molecules_of_plan(args.molecules, 2, seed=4048)
    zero = ({z: 0.0 for z in ELEMENTS}, 0.0)
    batches = [make_batch(molecules, [(m, np.arange(2)) for m in range(k, min(k + 4, len(molecules)))], ELEMENTS, zero)
               for k in range(0, len(molecules), 4)]
    result = measure(Architecture(args.channels, args.layers), args.threads, args.rounds, batches)
    result["atoms_per_frame"] = float(np.mean([len(m.numbers) for m in molecules]))
    print(f"{args.channels} channels, {args.layers} layers, {result['atoms_per_frame']:.0f} atoms a frame, "
          f"{args.threads} thread{'s' * (args.threads > 1)}")
    for name, rate in result["frames_per_s"].items():
        print(f"{name:22s} {rate:7.1f} frames/s   {result['ratio_to_plain'][name]:5.2f} x plain PyTorch")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
