"""Frames that a network does not know yet: dynamics with the network itself, kept where an ensemble disagrees.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.harvest models/NAME/NAME.json \\
        training/data/harvest1 --seed 9001 --specs 200 --workers 2 [--kinds residue dimer]

Molecules, starts and temperatures are those of the wide plan (with another seed; what either plan holds out is left out).
A trajectory runs on ff14SB, screened as the plan says, plus the ensemble's first member; chains are kept in contact.
Every 30 fs all members are evaluated; where their forces on some atom are further apart than `--spread`, the frame is a
candidate, and the worst ones, 0.15 ps apart, get labels.  So does one frame of each trajectory drawn at random: the
errors of the mean on both sorts, and the spreads, are printed and stored with the shard, so that each round's yield is
known.  A trajectory ends early where the members are far apart, a bond breaks or a centre inverts.

Shards have the layout of pbtrain.generate's and can be trained on beside them; `chosen` and `random` [F] tell which
sort a frame is (it may be both), `spread` [F] is the largest of any atom (kcal/mol/angstrom).  The same command goes on
where it stopped.
"""
from __future__ import annotations

import argparse
import functools
import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from . import plan_wide
from .arguments import at_least_one
from .generate import ARRAYS, ENVIRONMENT, LABELS, label_frame, label_provenance, pack, write_shard
from .modelfile import file_hash
from .plan_more import SEED_FIRST, SEED_WIDE, is_new
from .relaunch import relaunch
from .systems import Spec, pick

LOOK = 20  # steps between evaluations of all members
LENGTH, GAP = 100, 5  # looks of a trajectory (3 ps), looks between two labelled frames
PER_TRAJECTORY = 5
LOST = 8.0  # times --spread: the members no longer describe the molecule
SPECS_PER_SHARD = 10
SHARD = "shard_harvest_{:05d}.h5"
ROUND = ("seed", "specs", "kinds", "spread", "permittivity", "model")  # what all shards of a folder share
KJ_NM = 41.84  # kJ/mol/nm in a kcal/mol/angstrom
COLUMNS = (*ARRAYS, "chosen", "random", "spread", "error")
F_QM, F_MM = LABELS.index("f_qm"), LABELS.index("f_mm")


def harvest_specs(seed: int, count: int, kinds: list[str], permittivity: float | None = None) -> list[Spec]:
    """The first `count` training specs of another wide plan in which nothing occurs that the shipped plans hold out;
    sampled with another permittivity than the plan's, if one is given."""
    found: list[Spec] = []
    for spec in plan_wide.make_plan(seed, 1.0):
        if len(found) == count:
            break
        if spec.split == "train" and (not kinds or spec.kind in kinds) and is_new(spec.chains):
            found.append(replace(spec, permittivity=permittivity) if permittivity else spec)
    return found


@dataclass
class Look:
    """Positions [N, 3] (angstrom) where all members were evaluated."""

    positions: np.ndarray
    forces: np.ndarray  # of the members' mean, with ff14SB in vacuo left out
    spread: float  # largest of any atom, kcal/mol/angstrom


def choose(spreads: list[float], threshold: float, count: int = PER_TRAJECTORY, gap: int = GAP) -> list[int]:
    """Indices of the largest spreads above `threshold`, at most `count`, any two at least `gap` apart."""
    kept: list[int] = []
    for k in np.argsort(spreads)[::-1]:
        if spreads[k] > threshold and len(kept) < count and all(abs(k - j) >= gap for j in kept):
            kept.append(int(k))
    return sorted(kept)


class Explorer:
    """Dynamics of one molecule on ff14SB (screened) plus the first member, watched by all of them."""

    def __init__(self, spec: Spec, ensemble: Path):
        import pluginbridge

        from .ensemble import read_ensemble
        from .molecules import build_topology
        from .sample import Sampler

        self.rng = np.random.default_rng(spec.seed)
        self.molecule = build_topology([list(chain) for chain in spec.chains])
        self.sampler = Sampler(self.molecule, self.rng, spec.permittivity, spec.start, spec.contact, spec.point)
        first = ensemble.parent / read_ensemble(ensemble)["members"][0]["file"]
        self.driver = pluginbridge.Evaluator(self.molecule.topology, first)
        self.all = pluginbridge.Evaluator(self.molecule.topology, ensemble)
        # atoms on top of each other or torn apart; positions that are no numbers
        self.lost = pluginbridge.CalculationFailedError, pluginbridge.InvalidArgumentError

    def forces(self, x: np.ndarray) -> np.ndarray:
        """Forces [N, 3] that drive the dynamics, kcal/mol/angstrom."""
        context = self.sampler.context
        context.setPositions(x * 0.1)
        base = context.getState(getForces=True).getForces(asNumpy=True)._value
        return (base + self.driver.evaluate(x * 0.1).forces) / KJ_NM

    def trajectory(self, temperature: float, lost: float) -> list[Look]:
        """Looks until the end, or until the molecule is lost; SamplingError if there is no start."""
        from .langevin import langevin

        x = next(self.sampler.trajectory(temperature, 1, equilibration=200, interval=50))
        if self.sampler.held:
            self.sampler.held.release(self.sampler.context)
        looks = []
        try:
            for x in langevin(x, self.molecule.numbers, self.forces, temperature, [LOOK] * LENGTH, self.rng):
                if not (np.isfinite(x).all() and self.sampler.is_sound(x)):
                    break
                found = self.all.evaluate(x * 0.1, uncertainty=True)
                looks.append(Look(x, found.forces / KJ_NM, float(found.uncertainty.forceSpreads.max()) / KJ_NM))
                if looks[-1].spread > lost:
                    break
        except self.lost as error:
            print(f"{self.molecule.name}: ended, {error}", flush=True)
        return looks


def harvest(spec: Spec, ensemble: Path, threshold: float) -> tuple[dict, Counter]:
    """Labelled frames of one spec, arrays by name, and counts."""
    from .label import Ff14sb, Gfn2
    from .sample import SamplingError

    explorer, counts, rows = Explorer(spec, ensemble), Counter(), []
    molecule = explorer.molecule
    qm, mm = Gfn2(molecule.numbers, molecule.charge), Ff14sb(molecule)
    for trajectory in range(spec.trajectories):
        temperature = float(pick(explorer.rng, spec.temperatures))
        try:
            looks = explorer.trajectory(temperature, LOST * threshold)
        except (SamplingError, ValueError) as error:
            counts["sampling"] += 1
            print(f"dropped: {error}", flush=True)
            continue
        if not looks:
            counts["lost"] += 1
            continue
        chosen = choose([look.spread for look in looks], threshold)
        counts.update(trajectories=1, looks=len(looks), ended_early=len(looks) < LENGTH,
                      candidates=sum(look.spread > threshold for look in looks))
        random = int(explorer.rng.integers(len(looks)))
        for k in sorted({*chosen, random}):
            if labels := label_frame(looks[k].positions, qm, mm, counts):
                error = float(abs(looks[k].forces - (labels[F_QM] - labels[F_MM])).mean())
                rows.append((*labels, temperature, False, trajectory, k in chosen, k == random, looks[k].spread, error))
                counts["chosen"] += k in chosen
    qm.close()
    return pack(molecule, COLUMNS, rows), counts


def check_folder(folder: Path, provenance: dict) -> None:
    """A folder holds one round: SystemExit where its shards were made with other options or another model."""
    import h5py
    for path in sorted(folder.glob("shard_harvest_*.h5")):
        with h5py.File(path) as file:
            other = [key for key in ROUND if file.attrs.get(key) != provenance[key]]
        if other:
            raise SystemExit(f"{path} was made with another {' and '.join(other)}; use another folder for another round")


def yield_of(folder: Path) -> dict:
    """What a round gave: counts, and mean force errors and spreads of chosen and of random frames, all and by kind."""
    import h5py

    counts: Counter = Counter()
    found: dict[str, list] = {}
    for path in sorted(folder.glob("shard_harvest_*.h5")):
        with h5py.File(path) as file:
            counts.update({k[6:]: int(v) for k, v in file.attrs.items() if k.startswith("count_")})
            for group in file.values():
                for key in ("all", str(group.attrs["kind"])):
                    columns = [group[name][:] for name in ("chosen", "random", "spread", "error")]
                    found.setdefault(key, []).append(np.stack(columns, 1))
    report: dict = {"counts": dict(counts)}
    for key, parts in found.items():
        chosen, random, spread, error = np.concatenate(parts).T
        report[key] = {label: {"frames": int(which.sum()), "force_mae": float(error[which].mean()),
                               "spread": float(spread[which].mean())}
                       for label, which in (("chosen", chosen > 0), ("random", random > 0)) if which.any()}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=9001, help="of the plan; another one for each round")
    parser.add_argument("--specs", type=int, default=200)
    parser.add_argument("--kinds", nargs="*", default=[], choices=list(plan_wide.SHARES), help="default: all")
    parser.add_argument("--spread", type=float, default=6.0, metavar="KCAL/MOL/A",
                        help="of the worst atom, for a frame to be a candidate")
    parser.add_argument("--permittivity", type=float, help="of the dynamics: 1 is what a run in vacuo sees; default: the plan's")
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count())
    args = parser.parse_args()
    if args.seed in (SEED_FIRST, SEED_WIDE):
        parser.error(f"--seed {args.seed} is that of a plan whose molecules are known already; give another one")
    if min(args.specs, args.workers) < 1 or args.spread <= 0 or (args.permittivity or 1) < 1:
        parser.error("--specs, --workers and --permittivity are at least 1, --spread is above 0")
    relaunch("pbtrain.harvest", ENVIRONMENT, unlimited_stack=True)  # libxtb needs the stack
    import pluginbridge
    from tqdm import tqdm

    method = pluginbridge.Model(args.ensemble).referenceMethod
    if method != "GFN2-xTB":
        parser.error(f"{args.ensemble} stands for {method}; labels are made with GFN2-xTB")
    args.output.mkdir(parents=True, exist_ok=True)
    provenance = label_provenance() | {"plan": "harvest", "seed": args.seed, "specs": args.specs, "spread": args.spread,
                                       "kinds": " ".join(args.kinds), "permittivity": args.permittivity or "plan",
                                       "model": file_hash(args.ensemble)}
    check_folder(args.output, provenance)
    specs = harvest_specs(args.seed, args.specs, args.kinds, args.permittivity)
    shards = {args.output / SHARD.format(k): specs[first:first + SPECS_PER_SHARD]
              for k, first in enumerate(range(0, len(specs), SPECS_PER_SHARD))}
    label = functools.partial(harvest, ensemble=args.ensemble, threshold=args.spread)
    failed = []
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool:
        tasks = {pool.submit(write_shard, path, part, label, provenance): path
                 for path, part in shards.items() if not path.exists()}
        for task in tqdm(as_completed(tasks), total=len(tasks), unit="shard", desc="harvest"):
            if error := task.exception():
                failed.append(f"{tasks[task]}: {type(error).__name__}: {error}")
    report = yield_of(args.output)
    (args.output / "yield.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    if failed:
        raise SystemExit("\n".join(["shards that failed (the same command tries them again):", *failed]))


if __name__ == "__main__":
    main()
