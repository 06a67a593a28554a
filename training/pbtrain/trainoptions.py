"""Options of pbtrain.train."""
from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from .arguments import at_least_one, existing_file, existing_folder
from .cardtables import KINDS
from .dataset import BASES, Selection
from .gradients import Loss
from .visnet import Architecture

CHECKPOINT = "checkpoint.pt"  # in the folder of a run
# options that --init takes the place of
SHAPE = ("channels", "layers", "heads", "rbf", "cutoff", "envelope_exponent", "vector_norm")


def parse(argv: list[str] | None = None, description: str = "") -> argparse.Namespace:
    """Options from `argv`, or the command line; exits with a message where they make no sense."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=existing_folder, nargs="+", help="folders of shards")
    parser.add_argument("run", type=Path)
    parser.add_argument("--shards", type=float, default=1.0, metavar="SHARE", help="train on a part of every folder")
    parser.add_argument("--kinds", nargs="*", default=[], choices=KINDS, help="train on these kinds of molecules only")
    parser.add_argument("--distorted", type=float, default=1.0, metavar="SHARE", help="of the distorted frames to keep")
    parser.add_argument("--minutes", type=float, default=90.0, help="wall-clock budget, over all resumes")
    parser.add_argument("--visits", type=int, help="budget in frames visited, instead of --minutes")
    parser.add_argument("--init", type=existing_file, metavar="MODEL", help="begin with this network instead of a new one; where its\n"
                        "target is another one, with its features and an output of zero")
    parser.add_argument("--teacher", type=existing_file, metavar="MODEL",
                        help="a network of E_QM - E_GFN2: labels of GFN2-xTB are lifted to its level by adding its energy")
    parser.add_argument("--engine", choices=("core", "torch"), default="core")
    parser.add_argument("--device", default="cpu", help="cuda: PyTorch on a GPU, with --engine torch")
    parser.add_argument("--processes", type=at_least_one, default=os.cpu_count(), help="threads of the core, or processes")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--export", type=Path)
    parser.add_argument("--export-every", type=float, default=10.0, metavar="MINUTES")
    parser.add_argument("--test-every", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--patience", type=int, default=0, metavar="TESTS",
                        help="end when so many tests in a row were not better than the best; 0: use the whole budget")
    parser.add_argument("--name", default="visnet-gfn2")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="muon")
    parser.add_argument("--others-rate", type=float, default=0.33, metavar="FACTOR",
                        help="with muon: learning rate of what is no hidden matrix, over --lr")
    parser.add_argument("--decay", type=float, default=0.0, help="with muon: of hidden matrices, times the rate, a step")
    parser.add_argument("--lr", type=float, default=5e-3, help="peak of the learning rate; adamw wants 1e-3 to 3e-3")
    parser.add_argument("--force-huber", type=float, default=Loss.force_huber, metavar="KCAL/MOL/A")
    parser.add_argument("--energy-weight", type=float, default=Loss.energy_weight)
    parser.add_argument("--absolute-weight", type=float, default=Loss.absolute_weight)
    parser.add_argument("--target", choices=BASES, default="E_QM - E_MM")
    parser.add_argument("--clip", type=float, default=5.0)
    parser.add_argument("--molecules-per-batch", type=int, default=4)
    parser.add_argument("--frames-per-molecule", type=int, default=2)
    for name, default in (("channels", 64), ("layers", 3), ("heads", 8), ("rbf", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cutoff", type=float, default=5.0)
    parser.add_argument("--envelope-exponent", type=int, default=Architecture.envelope_exponent)
    parser.add_argument("--vector-norm", type=float, default=Architecture.vector_norm, metavar="FLOOR",
                        help="of the norm of vector features; 0: none")
    args = parser.parse_args(argv)
    if args.device != "cpu" and args.engine != "torch":
        parser.error(f"--device {args.device} needs --engine torch: the core computes on CPUs")
    try:
        args.selection = Selection(args.shards, tuple(args.kinds), args.distorted)
    except ValueError as error:
        parser.error(str(error))
    shape = [f"--{name.replace('_', '-')}" for name in SHAPE if getattr(args, name) != parser.get_default(name)]
    if args.init and shape:
        parser.error(f"{', '.join(shape)}: with --init the network's shape is that of {args.init}")
    if args.resume and not (args.run / CHECKPOINT).is_file():
        parser.error(f"--resume: {args.run / CHECKPOINT} does not exist: leave --resume out to begin a run")
    if not args.resume and (args.run / CHECKPOINT).is_file():
        parser.error(f"{args.run} has a checkpoint, which a new run would overwrite: go on with --resume, or give another folder")
    if args.export and args.export.is_dir():
        parser.error(f"--export: {args.export} is a folder")
    args.command = shlex.join(["pbtrain.train", *(sys.argv[1:] if argv is None else argv)])
    return args


def make_folders(args: argparse.Namespace) -> None:
    """Make the folders that are written to; SystemExit, before the training and not after it, where that cannot be."""
    for folder in (args.run, *([args.export.parent] if args.export else [])):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            sys.exit(f"{folder} cannot be made: {error.strerror}")
        if not os.access(folder, os.W_OK):
            sys.exit(f"{folder} cannot be written to")
