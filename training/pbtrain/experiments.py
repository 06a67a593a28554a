"""Compare settings of the network, the data and the training: one run after the other, then a table and learning curves.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.experiments training/experiments.toml \\
        training/runs/experiments [--only baseline AdamW] [--threads 1] [--time protein.pdb]

Every run is a folder with its model, its log and its errors; runs that are done are skipped, interrupted ones go on, and
`--threads 1` lets another process of the same command work beside. All runs use the shards there were at the first start.
Equal numbers of frames visited make runs comparable whatever else the machine does. `--time` adds how long a force call of
each network takes, and a picture of errors against that.
"""
from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from . import inference_time
from .arguments import at_least_one, existing_file
from .cardtables import KINDS, markdown
from .modelfile import read_safetensors
from .trainoptions import CHECKPOINT

MODEL, ERRORS, TABLE, CURVES = "model.safetensors", "errors.json", "experiments.md", "experiments.png"
SIZES, TIMES = "sizes.png", "times.json"
EVALUATION_FRAMES = "6"  # of each held-out molecule
UNKNOWN = float("nan"), float("nan")


def folder_of(name: str, output: Path) -> Path:
    """Where a run, or the links to a folder of data, lie."""
    return output / re.sub(r"[^A-Za-z0-9.-]+", "_", name)


def link_shards(folders: list[str], output: Path) -> list[Path]:
    """The shards there are now, as links that later runs use as well; folders of links."""
    links = [folder_of(folder, output / "data") for folder in folders]
    for folder, link in zip(folders, links):
        if link.exists():
            continue
        shards = sorted(Path(folder).glob("shard_*.h5"))
        if not shards:
            raise SystemExit(f"no shards in {folder}; run pbtrain.generate first")
        temporary = link.with_suffix(f".tmp{os.getpid()}")
        temporary.mkdir(parents=True)
        for shard in shards:
            (temporary / shard.name).symlink_to(shard.resolve())
        temporary.rename(link)
    return links


def run(name: str, options: str, plan: dict, data: list[Path], folder: Path, threads: int) -> None:
    """Train and evaluate one setting, unless it is done or another process is at it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"{name}: another process is at it", flush=True)
            return
        if (folder / ERRORS).exists():
            return
        if not (folder / MODEL).exists():
            unfinished = folder / "unfinished.safetensors"
            budget = [] if "--visits" in options else ["--visits", str(plan["visits"])]
            resume = ["--resume"] if (folder / CHECKPOINT).exists() else []
            call(name, folder, "pbtrain.train", *map(str, data), str(folder), "--export", str(unfinished), "--processes",
                 str(threads), "--export-every", "60", "--test-every", "600", *budget,
                 *shlex.split(plan.get("common", "")), *shlex.split(options), *resume)
            unfinished.rename(folder / MODEL)
        call(name, folder, "pbtrain.evaluate", str(folder / MODEL), "--data", *map(str, data), "--max-frames",
             EVALUATION_FRAMES, "--whole", *plan["whole"], "--json", str(folder / ERRORS))
        print(f"{name}: done", flush=True)


def call(name: str, folder: Path, module: str, *arguments: str) -> None:
    """Run a module, its output to a file of the folder; SystemExit with that file's name if it fails."""
    with open(folder / f"{module.split('.')[1]}.log", "a") as log:
        if subprocess.run([sys.executable, "-m", module, *arguments], stdout=log, stderr=subprocess.STDOUT).returncode:
            raise SystemExit(f"{name}: {module} failed, see {log.name}")


def row(name: str, folder: Path) -> dict | None:
    """What a finished run gave."""
    if not (folder / ERRORS).exists():
        return None
    tensors, metadata = read_safetensors(folder / MODEL)
    made = json.loads(metadata["pluginbridge"])["provenance"]
    errors = json.loads((folder / ERRORS).read_text())
    return {
        "name": name, "parameters": sum(t.size for t in tensors.values()), "visits": made["frame_visits"],
        "frames": sum(made["training_frames"].values()), "minutes": made["minutes"],
        "held_out": {k: errors["held_out"][k]["force_mae"] for k in KINDS if k in errors["held_out"]},
        "energy": errors["held_out"].get("residue", {}).get("relative_mae", float("nan")),
        "whole": {k.removeprefix("whole_"): (v["force_mae"], v["relative_per_atom_mae"]) for k, v in errors["whole"].items()},
    }


def table(rows: list[dict]) -> str:
    """All runs: force errors in kcal/mol/angstrom; energies of residues in kcal/mol, of whole proteins per atom."""
    kinds = [k for k in KINDS if any(k in r["held_out"] for r in rows)]
    proteins = list(dict.fromkeys(p for r in rows for p in r["whole"]))
    timed = any("ms" in r for r in rows)
    columns = ["run", "parameters", "frames", "visits", "frames/s", *(["ms a call"] if timed else []),
               *(f"{k}, force" for k in kinds), "residue, energy",
               *(f"{p}, {what}" for p in proteins for what in ("force", "energy per atom"))]
    return markdown(columns, [
        [r["name"], f"{r['parameters']:,}", f"{r['frames']:,}", f"{r['visits']:,}",
         f"{r['visits'] / max(r['minutes'], 1e-9) / 60:.0f}",
         *([f"{r.get('ms', float('nan')):.1f}"] if timed else []),
         *(f"{r['held_out'].get(k, float('nan')):.3f}" for k in kinds), f"{r['energy']:.3f}",
         *(f"{value:.{digits}f}" for p in proteins for value, digits in zip(r["whole"].get(p, UNKNOWN), (3, 4)))] for r in rows])


def curves(rows: list[dict], panels: dict[str, list[str]], path: Path) -> None:
    """Force errors of whole proteins and residues against data size, training time and kind of data: the runs named under
    [curves] in the plan as "frames", "visits" and "kinds", as far as they are done."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    named = {r["name"]: r for r in rows}
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.5), constrained_layout=True, width_ratios=(1, 1, 1.3))
    proteins = list(dict.fromkeys(p for r in rows for p in r["whole"]))
    for axis, (key, label) in zip(axes, (("frames", "training frames"), ("visits", "frames visited"))):
        found = sorted((named[n] for n in panels.get(key, []) if n in named), key=lambda r: r[key])
        x = [r[key] for r in found]
        for protein in proteins:
            axis.plot(x, [r["whole"].get(protein, UNKNOWN)[0] for r in found], "o-", label=protein)
        axis.plot(x, [r["held_out"].get("residue", float("nan")) for r in found], "s--", label="residues")
        axis.set(xlabel=label, ylabel="force MAE (kcal/mol/Å)", xscale="log", ylim=(0, None))
    kinds = [named[n] for n in panels.get("kinds", []) if n in named]
    bar = 0.8 / max(1, len(proteins))
    for k, protein in enumerate(proteins):
        axes[2].barh([i + bar * k for i in range(len(kinds))], [r["whole"].get(protein, UNKNOWN)[0] for r in kinds],
                     0.95 * bar, label=protein)
    axes[2].set(xlabel="force MAE (kcal/mol/Å)", yticks=[i + 0.4 - bar / 2 for i in range(len(kinds))],
                yticklabels=[r["name"].replace(" ", "\n", 1) for r in kinds])
    axes[2].invert_yaxis()
    axes[0].legend(loc="lower right", framealpha=1)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def sizes(rows: list[dict], path: Path) -> None:
    """Force errors against the time of a force call, a point a network."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 5), constrained_layout=True)
    x = [r["ms"] for r in rows]
    for label, marker, y in (
            ("whole proteins, mean", "o", [sum(force for force, _ in r["whole"].values()) / len(r["whole"]) for r in rows]),
            ("residues", "s", [r["held_out"].get("residue", float("nan")) for r in rows])):
        axis.plot(x, y, marker, label=label)
        for name, at in zip((r["name"] for r in rows), zip(x, y)):
            axis.annotate(name, at, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axis.set(xlabel="a force call (ms, one thread)", ylabel="force MAE (kcal/mol/Å)", xscale="log")
    axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plan", type=existing_file)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", nargs="*", metavar="RUN", help="these runs, in this order (default: all); none: report only")
    parser.add_argument("--threads", type=at_least_one, default=os.cpu_count())
    parser.add_argument("--time", type=existing_file, metavar="PDB", help="measure the networks' force calls on this protein, in turns")
    args = parser.parse_args()
    plan = tomllib.loads(args.plan.read_text())
    names = list(plan["runs"]) if args.only is None else args.only
    if unknown := set(names) - set(plan["runs"]):
        parser.error(f"{args.plan} has no run {', '.join(sorted(unknown))}; it has {', '.join(plan['runs'])}")
    args.output.mkdir(parents=True, exist_ok=True)
    data = link_shards(plan["data"], args.output) if names else []
    for name in names:
        run(name, plan["runs"][name], plan, data, folder_of(name, args.output), args.threads)
    rows = [r for name in plan["runs"] if (r := row(name, folder_of(name, args.output)))]
    if rows and args.time:
        models = [folder_of(r["name"], args.output) / MODEL for r in rows]
        found = dict(zip((r["name"] for r in rows), inference_time.milliseconds(models, args.time)))
        (args.output / TIMES).write_text(json.dumps(found, indent=1))  # later reports without --time have them from there
    times = json.loads((args.output / TIMES).read_text()) if (args.output / TIMES).exists() else {}
    for r in rows:
        if r["name"] in times:
            r["ms"] = times[r["name"]]
    if timed := [r for r in rows if "ms" in r]:
        sizes(timed, args.output / SIZES)
    if rows:
        (args.output / TABLE).write_text(table(rows) + "\n")
        curves(rows, plan.get("curves", {}), args.output / CURVES)
        print(table(rows))


if __name__ == "__main__":
    main()
