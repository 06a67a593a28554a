"""Long dynamics of every capped residue form under ff14SB + network, through OpenMM: how many runs fail?

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.stability \\
        models/visnet-gfn2/visnet-gfn2.safetensors --residues all --workers 2 --out training/runs/stability.jsonl

In vacuo, which is the harder test and where GFN2-xTB itself moves protons of some charged forms (failures.py), or, with
--solvent obc2, in the implicit solvent of Onufriev, Bashford and Case, closer to what a protein lives in.

By default 100 ps at 300 K and 50 ps at 500 K of each form: Langevin dynamics, friction 1/ps, no constraints (or, as in
most scripts, --constraints hbonds, which leaves protons where the topology has them), network in single precision;
hydrogens of 3 u and steps of 2 fs, which visit the same conformations as 1 fs with hydrogens' own mass
(--hydrogen-mass 0 --step 1) in half the time: masses do not change the distribution, and C-H bonds take 16 fs.  A run
fails if a bond is 1.4 times its equilibrium length (told apart: a proton that has moved to another atom), a centre has
inverted, the mean temperature of 5 ps is beyond half to one and a half times the thermostat's, or a number is not finite
(watch.py).  Flips between cis and trans are counted, no failure.

--out gets one line of JSON when a run ends; runs that are there already are not run again.  Exit status 1 if any failed.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import openmm
from openmm import app, unit
from tqdm import tqdm

from .arguments import at_least_one, existing_file
from .molecules import FORCE_FIELD, base_residue, build_topology
from .plan_wide import residue_forms
from .sample import Sampler, SamplingError
from .systems import Chains, capped
from .watch import Failed, Watch, equilibrium_lengths

BLOCK, CLOSE_BLOCK = 100, 10  # steps between looks; while some bond is long
FRICTION, SETTLE_FRICTION, SETTLE_STEPS = 1.0, 20.0, 1000  # 1/ps; strong friction while the network takes over
NO_START = "no start"  # a failure: the form cannot be sampled, or is refused
PROTOCOL = ("300:100", "500:50")  # K:ps
OLDER = {"step": 1.0, "hydrogen_mass": 0.0, "solvent": "vacuum", "constraints": "none", "noise": 0}  # of lines that do not say
SOLVENTS = {"vacuum": None, "obc2": "implicit/obc2.xml"}
CONSTRAINTS = {"none": None, "hbonds": app.HBonds}


@dataclass(frozen=True)
class Run:
    """One run: a capped residue form (template names) or a PDB file, K, ps, and the seed of this repeat."""

    name: str
    chains: Chains
    pdb: str
    temperature: float
    picoseconds: float
    seed: int
    model: str
    platform: str = "Reference"
    step: float = 2.0  # fs
    hydrogen_mass: float = 3.0  # u, taken from the atom it is bonded to; 0: its own
    solvent: str = "vacuum"  # of SOLVENTS
    constraints: str = "none"  # of CONSTRAINTS
    noise: int = 0  # of the velocities and the thermostat, for other runs from the same start

    @property
    def key(self) -> tuple:
        return key_of(asdict(self))


def key_of(row: dict) -> tuple:
    """The key of the run that a line of results is of."""
    row = OLDER | row
    return tuple(row[name] for name in ("name", "temperature", "picoseconds", "seed", *OLDER))


def forms(names: list[str]) -> list[tuple[str, Chains]]:
    """Molecules of residue names: "all", or ff14SB templates (a CYX comes as a pair)."""
    known = {build_name(chains): chains for chains in residue_forms()}
    if names == ["all"]:
        return list(known.items())
    found = []
    for name in names:
        chains = (capped(name), capped("CYX")) if base_residue(name) == "CYX" else (capped(name),)
        try:
            build_topology([list(chain) for chain in chains])
        except ValueError as error:
            raise SystemExit(f"--residues {name}: {error}") from None
        found.append((build_name(chains), chains))
    return found


def build_name(chains: Chains) -> str:
    return "+".join("-".join(chain) for chain in chains)


def perform(run: Run) -> dict:
    """One run from start to end; the line of JSON that tells of it."""
    import pluginbridge
    seed = zlib.crc32(repr((run.name, run.temperature, run.seed)).encode())
    noise = (seed + run.noise) % 2**31
    result = asdict(run) | {"model": Path(run.model).stem, "failure": None, "detail": "", "steps": 0}
    del result["chains"]
    began = time.monotonic()
    pluginbridge.loadOpenMMPlugin()
    potential = pluginbridge.FragmentPotential(run.model, "whole", "single", threads=1)
    result["hash"] = potential.model.hash
    try:
        topology, x = _start(run, seed)
        host = app.ForceField(FORCE_FIELD, *filter(None, [SOLVENTS[run.solvent]])).createSystem(
            topology, removeCMMotion=False, constraints=CONSTRAINTS[run.constraints],
            hydrogenMass=run.hydrogen_mass * unit.dalton if run.hydrogen_mass else None)
        system = potential.createMixedSystem(topology, host)
    except (SamplingError, pluginbridge.PluginBridgeError, ValueError) as error:  # the other runs go on
        return result | {"failure": NO_START, "detail": str(error), "largest_bond_ratio": 0.0, "largest_bond": "", "flips": [],
                         "temperature_mean": None}
    integrator = openmm.LangevinMiddleIntegrator(run.temperature, SETTLE_FRICTION, 0.5e-3 * run.step)
    integrator.setRandomNumberSeed(noise)
    properties = {"Threads": "1"} if run.platform == "CPU" else {}
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(run.platform), properties)
    context.setPositions(x * 0.1)
    context.applyConstraints(integrator.getConstraintTolerance())
    context.setVelocitiesToTemperature(run.temperature, noise)
    watch = Watch(topology, equilibrium_lengths(system, topology), run.temperature, BLOCK * run.step / 1000, x,
                  constraints=system.getNumConstraints())
    steps = round(1000 * run.picoseconds / run.step)
    try:
        integrator.step(SETTLE_STEPS)
        integrator.setStepSize(1e-3 * run.step)
        integrator.setFriction(FRICTION)
        while result["steps"] < steps:
            block = min(CLOSE_BLOCK if watch.is_close() else BLOCK, BLOCK - result["steps"] % BLOCK, steps - result["steps"])
            integrator.step(block)
            result["steps"] += block
            state = context.getState(getPositions=True, getEnergy=True)
            x = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
            watch.look(x, state.getKineticEnergy()._value, result["steps"], regular=result["steps"] % BLOCK == 0)
    except Failed as error:
        result |= {"failure": error.kind, "detail": str(error), "positions": np.round(x, 3).tolist()}
    except openmm.OpenMMException as error:  # NaN, or a geometry that the library refuses: x is that of the last look
        result |= {"failure": _kind(context, watch), "positions": np.round(x, 3).tolist(),
                   "detail": f"{error} (within {CLOSE_BLOCK if watch.is_close() else BLOCK} steps of {result['steps']})"}
    seconds = time.monotonic() - began
    return result | {
        "largest_bond_ratio": round(watch.worst[0], 4), "largest_bond": watch.worst[1], "flips": watch.flips,
        "temperature_mean": round(float(np.mean(watch.kelvin)), 1) if watch.kelvin else None,
        "temperature_highest_mean": round(watch.highest_mean, 1), "atoms": topology.getNumAtoms(),
        "ms_per_step": round(1000 * seconds / max(1, result["steps"] + SETTLE_STEPS), 3)}


def _kind(context: openmm.Context, watch: Watch) -> str:
    """What a geometry that the library refuses looks like."""
    try:
        x = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        watch.look(x, 0.0, 0, regular=False)
    except Failed as error:
        return error.kind
    except openmm.OpenMMException:
        pass
    return "not finite"


def _start(run: Run, seed: int) -> tuple[app.Topology, np.ndarray]:
    """Topology and positions [N, 3] in angstrom: minimised in ff14SB, then 0.1 ps of it; or those of the file."""
    if run.pdb:
        pdb = app.PDBFile(run.pdb)
        return pdb.topology, pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    molecule = build_topology([list(chain) for chain in run.chains])
    sampler = Sampler(molecule, np.random.default_rng(seed))
    return molecule.topology, next(sampler.trajectory(300.0, 1, equilibration=0, interval=50))


def setting(row: dict) -> str:
    """Solvent and constraints of a run, in words."""
    row = OLDER | row
    return row["solvent"] + ("" if row["constraints"] == "none" else f" with constraints {row['constraints']}")


def summarise(rows: list[dict]) -> dict:
    """By solvent, constraints, temperature and length: runs, failures by kind, largest bond ratio, flips; and each failed run."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(f"{setting(row)}, {row['temperature']:g} K, {row['picoseconds']:g} ps", []).append(row)
    result = {}
    for name, members in sorted(groups.items()):
        worst = max(members, key=lambda row: row["largest_bond_ratio"])
        means = [row["temperature_mean"] for row in members if row["failure"] is None and row["temperature_mean"] is not None]
        kinds: dict[str, int] = {}
        for row in members:
            if row["failure"]:
                kinds[row["failure"]] = kinds.get(row["failure"], 0) + 1
        result[name] = {
            "runs": len(members), "forms": len({row["name"] for row in members}), "failed": sum(kinds.values()),
            "failures": kinds, "picoseconds": round(sum(row["steps"] * row.get("step", 1.0) for row in members) / 1000, 1),
            "largest_bond_ratio": worst["largest_bond_ratio"], "largest_bond": f"{worst['name']} {worst['largest_bond']}",
            "runs_with_flips": sum(bool(row["flips"]) for row in members),
            "temperature_means": [min(means), max(means)] if means else None,
            "failed_runs": [f"{row['name']}, seed {row['seed']}: {row['failure']}, {row['detail']}"
                            for row in members if row["failure"]]}
    return result


def settings(rows: list[dict]) -> str:
    """Time step and hydrogens' mass of the runs, in words."""
    found = sorted({(row["step"], row["hydrogen_mass"]) for row in (OLDER | row for row in rows)})
    return ", ".join(f"{step:g} fs" + (f" with hydrogens of {mass:g} u" if mass else "") for step, mass in found)


def table(summary: dict) -> str:
    """Markdown: a line a protocol, then the failed runs."""
    lines = ["| | runs (forms) | failed | largest bond ratio | cis–trans flips in | mean temperatures |", "|---|---|---|---|---|---|"]
    for name, row in summary.items():
        kinds = ", ".join(f"{count} {kind}" for kind, count in row["failures"].items())
        span = "{:.0f}–{:.0f} K".format(*row["temperature_means"]) if row["temperature_means"] else ""
        lines.append(f"| {name} | {row['runs']} ({row['forms']}) | **{row['failed']}**{f' ({kinds})' if kinds else ''} | "
                     f"{row['largest_bond_ratio']:.2f} ({row['largest_bond']}) | {row['runs_with_flips']} runs | {span} |")
    failed = [f"- {name}: {text}" for name, row in summary.items() for text in row["failed_runs"]]
    return "\n".join(lines) + ("\n\n" + "\n".join(failed) if failed else "")


def lines(path: Path) -> list[dict]:
    """Lines of a results file; none if there is no file.  A last line that a killed run cut off is passed over."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(keepends=True) if path.is_file() else [], 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except json.JSONDecodeError as error:
            if line.endswith("\n"):
                raise SystemExit(f"{path}, line {number} is no line of results: {error}") from None
    return found


def open_to_append(path: Path) -> TextIO:
    """A results file to add lines to.  What a killed run cut off goes, or the next line would be spoilt as well."""
    file = open(path, "a")
    text = path.read_text()
    whole = text.rfind("\n") + 1
    try:
        if text[whole:]:
            json.loads(text[whole:])
            file.write("\n")
    except json.JSONDecodeError:
        file.truncate(len(text[:whole].encode()))
    return file


def read(path: Path, digest: str) -> list[dict]:
    """Lines of a results file that are about the model with this hash."""
    return [row for row in lines(path) if row["hash"] == digest]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=existing_file)
    parser.add_argument("--residues", nargs="*", default=["all"],
                        help="all (default), or ff14SB template names: ALA HIP NALA CTRP CYX ...")
    parser.add_argument("--pdb", type=existing_file, nargs="*", default=[], help="complete proteins as well")
    parser.add_argument("--protocol", nargs="+", default=PROTOCOL, metavar="K:PS", help="default: 300:100 500:50")
    parser.add_argument("--solvent", choices=SOLVENTS, default="vacuum")
    parser.add_argument("--constraints", choices=CONSTRAINTS, default="none", help="hbonds: bonds to hydrogen keep their length")
    parser.add_argument("--repeats", type=at_least_one, default=1, help="runs of each form at each temperature, by seed")
    parser.add_argument("--seed", type=int, default=1, help="of the first repeat")
    parser.add_argument("--step", type=float, default=2.0, help="fs (default: 2)")
    parser.add_argument("--hydrogen-mass", type=float, default=3.0, metavar="U", help="0: their own (default: 3)")
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes; each takes one core")
    parser.add_argument("--platform", default="Reference", help="OpenMM's; Reference is the fastest for one residue")
    parser.add_argument("--out", type=Path, default=Path("training/runs/stability.jsonl"))
    args = parser.parse_args()
    try:
        args.protocol = [tuple(map(float, item.split(":"))) for item in args.protocol]
        assert all(len(item) == 2 and min(item) > 0 for item in args.protocol)
    except (ValueError, AssertionError):
        parser.error("--protocol takes temperature:picoseconds, as 300:100")
    if args.step <= 0 or args.hydrogen_mass < 0:
        parser.error("--step is above 0, --hydrogen-mass 0 or more")
    return args


def main() -> None:
    args = parse()
    from .modelfile import file_hash
    digest = file_hash(args.model)
    molecules = [(name, chains, "") for name, chains in forms(args.residues)]
    molecules += [(path.stem, (), str(path)) for path in args.pdb]
    runs = [Run(name, chains, pdb, kelvin, ps, args.seed + k, str(args.model), args.platform, args.step, args.hydrogen_mass,
                args.solvent, args.constraints)
            for kelvin, ps in args.protocol for k in range(args.repeats) for name, chains, pdb in molecules]
    wanted = {run.key for run in runs}
    done = set(map(key_of, read(args.out, digest)))
    left = [run for run in runs if run.key not in done]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool, open_to_append(args.out) as out, \
            tqdm(total=sum(run.picoseconds for run in left), unit=" ps", desc="dynamics") as bar:
        for result in pool.imap_unordered(perform, left):
            print(json.dumps(result), file=out, flush=True)
            if result["failure"]:
                bar.write(f"{result['name']}, {result['temperature']:g} K: {result['failure']}, {result['detail']}")
            bar.update(result["picoseconds"])
    rows = [row for row in read(args.out, digest) if key_of(row) in wanted]
    print(table(summarise(rows)))
    sys.exit(any(row["failure"] for row in rows))


if __name__ == "__main__":
    main()
