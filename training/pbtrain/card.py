"""Write a model's card from its header and from what the measuring tools found.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.card models/visnet-gfn2/visnet-gfn2.safetensors training/runs/errors.json \\
        --parity training/runs/parity.npz --accuracy build/accuracy/summary.json \\
        --ramachandran training/runs/ramachandran.json --stability training/runs/stability.jsonl \\
        --hairpin training/runs/hairpin.json

The card (README.md beside the model, with its figures) states what the file is, how it was made, its measured errors
and, from notes.md, what no program can know: limits and circumstances.  Every input is optional: what
an earlier card about the same file says stays where nothing new is given; otherwise the card says what has not been
measured, and with which command it is.  Results about another model file are refused.
"""
from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path

from . import cardtables, parity, ramachandran, stability
from .modelfile import file_hash, read_safetensors

HELD_OUT = """Held out: separate trajectories of capped residues; windows, dimers, clusters and peptides whose sequences occur in
no training molecule; 300–600 K. In brackets ff14SB's own error on the same frames. "Perturbed": displaced atoms, a stretched
bond or a bent angle. Energies with each molecule's mean error removed; the last column is absolute, above the reference
energies (ff14SB has none). kcal/mol, Å."""
WHOLE = """Whole proteins, never part of the training data: frames of Langevin dynamics at 300 K in ff14SB + OBC2, against
whole-protein {method}. In brackets ff14SB's own error. Forces in kcal/mol/Å, energies in kcal/mol per atom with their mean
error removed."""
ACCURACY = """Fragment schemes on whole proteins (`make accuracy`), against whole-protein GFN2-xTB at 300 K; kcal/mol/Å and
kcal/mol, each structure's mean energy error removed. In square brackets how far the network's forces are from those of exact
fragments of the same scheme: its own share of the error. AI²BMD's published errors of whole proteins, against DFT, are 1.974
kcal/mol/Å and 0.038 kcal/mol an atom."""
RAMACHANDRAN = """(φ, ψ) surfaces of ACE-X-NME, relaxed scans of {step}°, network against GFN2-xTB over the points where GFN2 is
less than {region:g} kcal/mol above its lowest one: RMSD in kcal/mol after the best constant shift (aim: at most 0.5), and with both
minima at zero. ff14SB beside it."""
STABILITY = """Dynamics of capped residue forms under ff14SB + network, in vacuo or in the implicit solvent OBC2: Langevin, friction
1/ps, {settings}, no constraints where none are named, single precision. Failed: a bond 1.4 times its equilibrium length, an inverted centre, a mean temperature of 5 ps beyond half
to one and a half times the thermostat's, or a number that is not finite; looked at every
100 steps, every 10 while a bond is long."""
# how what each input gives begins in a card, measured or not
OPENINGS = {
    "errors": r"\*?Whole proteins", "parity": r"!\[Predicted|\*Parity plots", "accuracy": r"\*?Fragment schemes on whole proteins",
    "ramachandran": r"\(φ, ψ\) surfaces|\*Ramachandran surfaces", "stability": r"\*?Dynamics of ",
    "hairpin": r"\*?Chignolin in water", "nve": r"\*?Total energy in "}


def missing(what: str, command: str) -> str:
    """The line that takes the place of a section."""
    return f"*{what}: not measured for this file (`{command}`).*"


class Inputs:
    """Results about the model with hash `digest`; figures go to `folder`."""

    def __init__(self, digest: str, folder: Path):
        self.digest, self.folder = digest, folder

    def check(self, path: Path, found: str, tool: str) -> None:
        """SystemExit unless a result is about this model."""
        if found != self.digest:
            raise SystemExit(f"{path} is about another model file ({found[:12] or 'no hash'}…): run {tool} again")

    def errors(self, path: Path | None, method: str) -> list[str]:
        """Held-out fragments and whole proteins."""
        report = json.loads(path.read_text()) if path else {"model": self.digest}
        self.check(path, report["model"], "pbtrain.evaluate")
        parts, held_out = [], report.get("held_out", {})
        if report.get("whole"):
            parts += [WHOLE.format(method=method), cardtables.whole_table(report["whole"])]
        else:
            parts += [missing("Whole proteins", "pbtrain.evaluate --whole")]
        kinds = {name: held_out[name] for kind in cardtables.KINDS for name in (kind, f"{kind}, perturbed") if name in held_out}
        forms = {name: row for name, row in held_out.items() if name not in kinds}
        parts += [HELD_OUT, cardtables.fragment_table(kinds)] if kinds else [
            missing("Held-out fragments", "pbtrain.evaluate --data")]
        if forms:
            parts += [f"<details><summary>Residue forms, unperturbed frames</summary>\n\n{cardtables.fragment_table(forms)}"
                      "\n\n</details>"]
        return parts

    def parity(self, path: Path | None, name: str) -> list[str]:
        """The figure of predicted against reference values."""
        if path is None:
            return [missing("Parity plots", "pbtrain.evaluate --parity")]
        found, kinds = parity.load(path)
        self.check(path, found, "pbtrain.evaluate")
        parity.figure(kinds, self.folder / "parity.png", f"{name}, held-out frames", (*cardtables.KINDS, parity.PERTURBED))
        return ["![Predicted against reference energies and forces, by fragment kind](parity.png)"]

    def accuracy(self, path: Path | None) -> list[str]:
        """Schemes on whole proteins."""
        if path is None:
            return [missing("Fragment schemes on whole proteins", "make accuracy")]
        summary = json.loads(path.read_text())
        self.check(path, summary.get("hash", ""), "make accuracy")
        return [ACCURACY, cardtables.accuracy_table(summary)]

    def ramachandran(self, path: Path | None, name: str) -> list[str]:
        """Table and figure of the (phi, psi) surfaces."""
        if path is None:
            return [missing("Ramachandran surfaces", "pbtrain.ramachandran")]
        found = json.loads(path.read_text())
        self.check(path, found.get("model", ""), "pbtrain.ramachandran")
        ramachandran.figure(found["residues"], self.folder / "ramachandran.png", f"{name}, ACE-X-NME, relaxed, kcal/mol")
        text = RAMACHANDRAN.format(step=found["step_degrees"], region=found["region"])
        return [text, ramachandran.table(found["residues"]), "![Surfaces of GFN2-xTB, of the network, and their difference]"
                "(ramachandran.png)"]

    def stability(self, path: Path | None) -> list[str]:
        """Long dynamics of residue forms."""
        if path is None:
            return [missing("Dynamics of every residue form", "pbtrain.stability")]
        rows = stability.read(path, self.digest)
        if not rows:
            raise SystemExit(f"{path} has no runs of this model file: run pbtrain.stability again")
        return [STABILITY.format(settings=stability.settings(rows)), stability.table(stability.summarise(rows))]

    def hairpin(self, path: Path | None) -> list[str]:
        """Chignolin in water."""
        if path is None:
            return [missing("Chignolin in water", "examples/chignolin_in_water.py --steps 100000, then pbtrain.hairpin")]
        found = json.loads(path.read_text())
        self.check(path, found["model"], "examples/chignolin_in_water.py and pbtrain.hairpin")
        parts = ["Chignolin in water: " + cardtables.hairpin_text(found)]
        if path.with_suffix(".png").is_file():
            shutil.copyfile(path.with_suffix(".png"), self.folder / "hairpin.png")
            parts += ["![Backbone RMSD, native contacts and hydrogen bonds over time](hairpin.png)"]
        return parts

    def nve(self, path: Path | None) -> list[str]:
        """What pbtrain.nve printed; older output does not name its model, and is taken as it is."""
        if path is None:
            return [missing("Total energy in NVE dynamics", "pbtrain.nve")]
        lines = path.read_text().strip().splitlines()
        if lines and lines[0].startswith("model "):
            self.check(path, lines.pop(0).removeprefix("model "), "pbtrain.nve")
        return ["Total energy in vacuo, started at 300 K, 0.5 fs, no constraints (`pbtrain.nve`):",
                "\n".join("    " + line for line in lines)]


def section(text: str, title: str) -> str | None:
    """What a card says under a title of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found and found[1].strip()


def part(text: str, name: str) -> str | None:
    """What a section says that comes from the input `name`."""
    parts = re.split(rf"\n\n(?={'|'.join(OPENINGS.values())})", text)
    return next((found for found in parts if re.match(OPENINGS[name], found)), None)


def card(args: argparse.Namespace, before: str, notes: str) -> str:
    """The text of the card; what nothing is given for is as in the card before it."""
    header = json.loads(read_safetensors(args.model)[1]["pluginbridge"])
    inputs = Inputs(file_hash(args.model), args.model.parent)
    name = header["name"]
    if inputs.digest not in before:
        before = ""
    parts = [f"# {name}", cardtables.facts(args.model.name, inputs.digest, header),
             "## Training data", cardtables.composition(header["provenance"])]
    sections = {
        "Errors": {"errors": lambda path: inputs.errors(path, header["reference_method"]),
                   "parity": lambda path: inputs.parity(path, name), "accuracy": inputs.accuracy,
                   "ramachandran": lambda path: inputs.ramachandran(path, name)},
        "Dynamics": {"stability": inputs.stability, "hairpin": inputs.hairpin, "nve": inputs.nve}}
    for title, writers in sections.items():
        kept = section(before, title) or ""
        parts += [f"## {title}"]
        if kept and not any(getattr(args, option) for option in writers):
            parts += [kept]
            continue
        for option, write in writers.items():
            path = getattr(args, option)
            old = None if path else part(kept, option)
            parts += [old] if old else write(path)
    return "\n\n".join([*parts, notes.strip()]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("errors", type=Path, nargs="?", help="what pbtrain.evaluate --json wrote")
    parser.add_argument("--parity", type=Path, help="what pbtrain.evaluate --parity wrote")
    parser.add_argument("--accuracy", type=Path, help="summary.json of make accuracy")
    parser.add_argument("--ramachandran", type=Path, help="what pbtrain.ramachandran --json wrote")
    parser.add_argument("--stability", type=Path, help="what pbtrain.stability --out wrote")
    parser.add_argument("--hairpin", type=Path, help="what pbtrain.hairpin --json wrote; a PNG of that name is taken along")
    parser.add_argument("--nve", type=Path, help="what pbtrain.nve printed")
    parser.add_argument("--notes", type=Path, help="Markdown to end with; notes.md beside the model if it is there")
    args = parser.parse_args()
    for option, path in vars(args).items():
        if path is not None and not path.is_file():
            parser.error(f"{option}: {path} does not exist")
    notes = args.notes or args.model.with_name("notes.md")
    written = args.model.with_name("README.md")
    before = written.read_text() if written.exists() else ""
    written.write_text(card(args, before, notes.read_text() if notes.exists() else ""))
    print(written)


if __name__ == "__main__":
    main()
