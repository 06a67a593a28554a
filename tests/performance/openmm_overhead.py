#!/usr/bin/python3
"""What the plugin costs without a network: time per step of the demo's System, plain, with the zero correction
("ff14sb": positions out, forces back, nothing computed between), and with the network.

    PYTHONPATH=build/python /usr/bin/python3 tests/performance/openmm_overhead.py [--platform CPU] [--threads 2]
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import openmm
import pluginbridge
from openmm import app

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
from chignolin_in_water import solvate  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--threads", default="")
    parser.add_argument("--steps", type=int, default=200, help="steps of one measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", default="visnet-gfn2")
    parser.add_argument("--json")
    options = parser.parse_args()

    topology, positions, host = solvate(app.PDBFile(str(ROOT / "examples" / "gydpetgtwg.pdb")), 0.8)
    systems = {"plain": host}
    for name in ("ff14sb", options.model):
        systems[name] = pluginbridge.FragmentPotential(name).createMixedSystem(topology, host)
    contexts = {}
    for name, system in systems.items():
        properties = {"Threads": options.threads} if options.threads and options.platform == "CPU" else {}
        contexts[name] = openmm.Context(system, openmm.LangevinMiddleIntegrator(300, 1, 0.001),
                                        openmm.Platform.getPlatformByName(options.platform), properties)
    contexts["plain"].setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(contexts["plain"], 10, 200)
    contexts["plain"].setVelocitiesToTemperature(300, 1)
    contexts["plain"].getIntegrator().step(500)
    state = contexts["plain"].getState(getPositions=True, getVelocities=True)
    times = {name: [] for name in contexts}
    for repeat in range(options.repeats + 1):  # in turn, so that other load on the machine falls on all; first: warm-up
        for name, context in contexts.items():
            context.setPositions(state.getPositions())
            context.setVelocities(state.getVelocities())
            begin = time.perf_counter()
            context.getIntegrator().step(options.steps)
            context.getState(getEnergy=True)
            if repeat:
                times[name].append((time.perf_counter() - begin) / options.steps * 1000)
    print(f"{topology.getNumAtoms()} atoms, platform {options.platform}, ms per step (best, median of "
          f"{options.repeats})")
    for name, values in times.items():
        print(f"  {name:14} {min(values):8.3f} {np.median(values):8.3f}")
    overhead = min(times["ff14sb"]) - min(times["plain"])
    print(f"  overhead without the network: {overhead:.3f} ms ({100 * overhead / min(times['plain']):.1f} %)")
    if options.json:
        Path(options.json).write_text(json.dumps(times, indent=1))


if __name__ == "__main__":
    main()
