#!/usr/bin/python3
"""Random proteins: do fragments count every atom and pair once, are forces the gradient, does dynamics hold?

    PYTHONPATH=build/python /usr/bin/python3 tests/accuracy/random_proteins.py build/random.jsonl [--count 50] [--ps 1]

Sequences of 12 to 30 residues in every protonation form, capped or charged at the ends, three in ten with a disulfide inside
the chain and one in five with one between two chains. For each: the invariants of all fragment schemes; minus the
directional derivative of the energy against the forces, double precision, one scheme each in turn; and Langevin dynamics of
the network in ff14SB + OBC2 at 300 K, watched by SafetyReporter: 1 fs without constraints or, as in most scripts,
--constraints hbonds --step 2, which leave protons where the topology has them. Lines of JSON; what is in the file for
the same model (by its hash), length, step and constraints is not run again. Exit status 1 if any has failed. A minute or two each.

Would GFN2-xTB itself do so? `--model gfn2-xtb --dynamics --seeds 12 46` runs the dynamics of these sequences on it, from the same
starts: a second a step and more.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from pbtrain.molecules import build_topology  # noqa: E402
from pbtrain.sample import Sampler, SamplingError  # noqa: E402
from pbtrain.stability import CONSTRAINTS, lines, open_to_append  # noqa: E402
from pbtrain.systems import RARE, STANDARD, TERMINAL  # noqa: E402

FORMS = [*STANDARD, *RARE]
SCHEMES = ("whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs")
STEP = 1e-5  # nm, of the directional derivative
TOLERANCE = 1e-5  # of the derivative's size


def sequence(seed: int) -> list[list[str]]:
    """Chains of template names. Number k has the forms k, k + 1, ... of the list somewhere, so that all occur often."""
    rng = np.random.default_rng(seed)
    residues = [str(r) for r in rng.choice(FORMS, int(rng.integers(12, 31)))]
    for k in range(4):
        residues[int(rng.integers(1, len(residues) - 1))] = FORMS[(4 * seed + k) % len(FORMS)]
    chains = [residues]
    if seed % 10 < 3:
        first = int(rng.integers(1, len(residues) - 5))
        residues[first] = residues[first + 3] = "CYX"
    elif seed % 10 < 5:
        half = len(residues) // 2
        chains = [residues[:half], residues[half:]]
        for chain in chains:
            chain[len(chain) // 2] = "CYX"
    result = []
    for chain in chains:
        start, end = (rng.random(2) < 0.5).tolist()
        first = ["N" + (chain[0] if chain[0] in TERMINAL else "ALA")] if start else ["ACE", chain[0]]
        last = ["C" + (chain[-1] if chain[-1] in TERMINAL else "ALA")] if end else [chain[-1], "NME"]
        result.append([*first, *chain[1:-1], *last])
    return result


def invariants(evaluator, atoms: int) -> dict[str, float]:
    """Largest deviations from: every atom once; every pair that shares a fragment once."""
    fragments = evaluator.fragments
    inside = np.zeros((len(fragments), atoms))
    for row, fragment in zip(inside, fragments):
        row[fragment.atoms] = 1
    coefficients = np.array([fragment.coefficient for fragment in fragments])
    once, pairs, shared = coefficients @ inside, inside.T @ (coefficients[:, None] * inside), inside.T @ inside > 0
    return {"atoms": float(abs(once - 1).max()), "pairs": float(abs(pairs[shared] - 1).max()),
            "covered": float(shared.mean())}


def gradient_error(evaluator, x: np.ndarray, rng: np.random.Generator) -> float:
    """|dE/ds + F.d| over |dE/ds| + 1 along a random direction; four-point differences. x in nm."""
    direction = rng.normal(size=x.shape)
    direction /= np.linalg.norm(direction)
    at = [evaluator.evaluate(x + k * STEP * direction).energy for k in (-2, -1, 1, 2)]
    slope = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * STEP)
    force = float((evaluator.evaluate(x).forces * direction).sum())
    return abs(slope + force) / (abs(slope) + 1)


def dynamics(topology, x: np.ndarray, options: argparse.Namespace, seed: int) -> dict:
    """Langevin dynamics, watched; what ended it, or None. x in nm."""
    import pluginbridge
    host = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml").createSystem(
        topology, constraints=CONSTRAINTS[options.constraints])
    system = pluginbridge.FragmentPotential(options.model, scheme="whole", threads=1).createMixedSystem(topology, host)
    integrator = openmm.LangevinMiddleIntegrator(300, 5.0, 0.0005)
    integrator.setRandomNumberSeed(seed + 1)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"})
    simulation.context.setPositions(x)
    simulation.context.applyConstraints(integrator.getConstraintTolerance())
    simulation.minimizeEnergy(maxIterations=30)
    simulation.context.setVelocitiesToTemperature(300, seed + 1)
    simulation.step(200)
    integrator.setStepSize(options.step / 1000)
    watch = pluginbridge.SafetyReporter(None, 20, topology, system)
    simulation.reporters.append(watch)
    try:
        simulation.step(round(1000 * options.ps / options.step))
    except (pluginbridge.SafetyError, openmm.OpenMMException) as error:
        return {"failure": str(error), "steps": simulation.currentStep - 200}
    return {"failure": None, "steps": simulation.currentStep - 200}


def examine(seed: int, options: argparse.Namespace, before: dict) -> dict:
    """What is not known of a sequence yet: invariants and gradient unless the dynamics alone is wanted, and the dynamics."""
    import pluginbridge
    chains = sequence(seed)
    molecule = build_topology(chains)
    result = {"seed": seed, "sequence": ["-".join(chain) for chain in chains], "atoms": len(molecule.numbers)}
    sampler = Sampler(molecule, np.random.default_rng(seed), contact="side")
    try:
        sampler.start(300.0, attempts=40)
    except SamplingError as error:
        return result | {"failure": f"no start: {error}", "steps": 0}
    x = sampler.positions() / 10
    if not options.dynamics and "gradient" not in before:
        evaluators = {scheme: pluginbridge.Evaluator(molecule.topology, options.model, scheme, precision="double", threads=1)
                      for scheme in SCHEMES}
        scheme = SCHEMES[seed % len(SCHEMES)]
        result |= {"invariants": {name: invariants(e, len(molecule.numbers)) for name, e in evaluators.items()},
                   "gradient": {"scheme": scheme, "error": gradient_error(evaluators[scheme], x, np.random.default_rng(seed))}}
    return result if "steps" in before else result | dynamics(molecule.topology, x, options, seed)


def faults(row: dict) -> list[str]:
    """What is wrong with a sequence."""
    found = [f"{scheme}: {what} counted wrongly by {values[what]:.2g}" for scheme, values in row.get("invariants", {}).items()
             for what in ("atoms", "pairs") if values[what] > 1e-9]
    if "gradient" in row and row["gradient"]["error"] > TOLERANCE:
        found.append(f"{row['gradient']['scheme']}: forces off the gradient by {row['gradient']['error']:.1e}")
    return found + ([row["failure"]] if row.get("failure") else [])


def hash_of(model: str) -> str:
    """SHA-256 of the model's file."""
    import pluginbridge
    return pluginbridge.FragmentPotential(model).model.hash


def is_of(row: dict, settings: dict) -> bool:
    """Was this line's run of that model, hash, length, step and constraints?"""
    return all(row.get(name) == value for name, value in settings.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="JSON lines")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--seeds", type=int, nargs="+", help="these instead")
    parser.add_argument("--dynamics", action="store_true", help="no invariants, no gradients")
    parser.add_argument("--constraints", choices=CONSTRAINTS, default="none")
    parser.add_argument("--ps", type=float, default=1.0)
    parser.add_argument("--step", type=float, default=1.0, help="fs (default: 1)")
    parser.add_argument("--model", default="visnet-gfn2")
    options = parser.parse_args()
    if min(options.ps, options.step) <= 0:
        parser.error("--ps and --step are above 0")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    settings = {"model": options.model, "hash": hash_of(options.model), "ps": options.ps, "step": options.step,
                "constraints": options.constraints}
    seeds = options.seeds or range(options.first, options.first + options.count)
    found: dict[int, dict] = {seed: {} for seed in seeds}
    for row in lines(options.out):
        if is_of(row, settings) and row["seed"] in found:
            found[row["seed"]] |= row
    missing = [seed for seed, row in found.items() if "steps" not in row or not (options.dynamics or "gradient" in row)]
    with open_to_append(options.out) as file:
        for seed in tqdm(missing, unit="sequence"):
            row = settings | examine(seed, options, found[seed])
            found[seed] |= row
            print(json.dumps(row), file=file, flush=True)
    rows = list(found.values())
    bad = [row for row in rows if faults(row)]
    for row in bad:
        print(f"{row['seed']}, {' + '.join(row['sequence'])}: {'; '.join(faults(row))}")
    checked = [row["gradient"]["error"] for row in rows if "gradient" in row]
    print(f"{len(rows)} sequences of {min(r['atoms'] for r in rows)} to {max(r['atoms'] for r in rows)} atoms, {len(bad)} failed; "
          f"forces of {len(checked)} off the gradient by at most {max(checked, default=0):.1e}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
