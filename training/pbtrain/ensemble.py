"""Ensemble files: JSON that makes several networks one model, whose members' spread tells how sure it is.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.ensemble models/NAME/NAME.json MEMBER.safetensors MEMBER.safetensors ...

{"format": 1, "type": "ensemble", "name", "members": [{"file", "sha256"}, ...],
 "calibration": {"form", "floor", "scale", "unit", "measured"} or absent}

Files are relative to the JSON file.  The expected error of an atom's force is sqrt(floor^2 + (scale * spread)^2) with
the spread sqrt(sum_m |F_m - mean|^2 / (n - 1)); pbtrain.calibrate fits floor and scale and says under "measured" how
well they hold.  A calibration belongs to its members: other members begin without one.
"""
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from .arguments import existing_file
from .modelfile import file_hash

FORMAT = 1
FORM = "sqrt(floor^2 + (scale * spread)^2)"
UNIT = "kcal/mol/angstrom"


def write_ensemble(path: str | os.PathLike, members: list[Path], name: str | None = None) -> dict:
    """Write an ensemble of networks, by default named after the file; returns its content."""
    path = Path(path)
    content = {"format": FORMAT, "type": "ensemble", "name": name or path.stem, "members": [
        {"file": os.path.relpath(member, path.parent), "sha256": file_hash(member)} for member in members]}
    save(path, content)
    return content


def read_ensemble(path: str | os.PathLike) -> dict:
    """The content of an ensemble file; ValueError naming the file if it is none."""
    try:
        content = json.loads(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not an ensemble file ({error})") from None
    if not isinstance(content, dict) or content.get("type") != "ensemble" or content.get("format") != FORMAT:
        raise ValueError(f"{path}: not an ensemble file of format {FORMAT}")
    return content


def write_calibration(path: str | os.PathLike, floor: float, scale: float, measured: dict) -> None:
    """Put a calibration (kcal/mol/angstrom) into an ensemble file; its hash becomes another."""
    content = read_ensemble(path)
    content["calibration"] = {"form": FORM, "floor": floor, "scale": scale, "unit": UNIT, "measured": measured}
    save(path, content)


def save(path: str | os.PathLike, content: dict) -> None:
    """Write JSON; atomic (temporary file, then rename)."""
    temporary = f"{path}.tmp"
    Path(temporary).write_text(json.dumps(content, indent=1) + "\n")
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("members", type=existing_file, nargs="+")
    parser.add_argument("--name", help="by default the file's")
    args = parser.parse_args()
    if len(args.members) < 2:
        parser.error("an ensemble has two or more members")
    write_ensemble(args.output, args.members, args.name)


if __name__ == "__main__":
    main()
