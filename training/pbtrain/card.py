"""Write a model's card from its header, the errors that pbtrain.evaluate found, and notes.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.card models/visnet-gfn2/visnet-gfn2.safetensors \\
        training/runs/errors.json [--stability stability.log] [--notes models/visnet-gfn2/notes.md]

The card (README.md beside the model) states what the file is, how it was made, its measured errors and, from
the notes, what no program can know: limits and circumstances.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

from .modelfile import file_hash, read_safetensors

KINDS = ("residue", "window", "dimer", "cluster", "peptide")


def facts(path: Path, header: dict) -> str:
    """What the file is."""
    arch, made = header["architecture"], header["provenance"]
    envelope = arch.get("envelope_exponent", 0)
    rows = [
        ("file", f"`{path.name}`, SHA-256 `{file_hash(path)}`"),
        ("network", f"ViSNet, l_max {arch['l_max']}, {arch['num_layers']} layers, {arch['hidden_channels']} channels, "
                    f"{arch['num_heads']} heads, {arch['num_rbf']} radial functions, {arch['cutoff']} Å, "
                    + (f"polynomial envelope of exponent {envelope}" if envelope else "cosine envelope")),
        ("elements", ", ".join({1: "H", 6: "C", 7: "N", 8: "O", 16: "S"}.get(z, str(z)) for z in header["elements"])),
        ("target", f"{header['target'].replace('-', '−')}, {header['units']['energy']}"
                   + (", E_MM the complete ff14SB energy in vacuo without cutoff" if header["base_force_field"] else "")),
        ("reference", f"{header['reference_method']}, closed shell, vacuum, libxtb 6.5.1, default accuracy"),
        ("training", f"{made['minutes']:.0f} minutes on two CPU cores, {made['steps']:,} steps, "
                     f"{made['frame_visits']:,} frame visits; " + ", ".join(
                         f"{count:,} frames of {kind}s" for kind, count in sorted(made["training_frames"].items()))
                     + f" ({made['training_molecules']:,} molecules)"),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in rows)


def number(row: dict, key: str, digits: int = 2) -> str:
    return f"{row[key]:.{digits}f}" if key in row else ""


def whole_table(report: dict) -> str:
    """Whole proteins."""
    lines = ["| | atoms | frames | ff14SB force MAE | force MAE | RMSE | max | ff14SB energy | energy |",
             "|---|---|---|---|---|---|---|---|---|"]
    for name, row in report.items():
        cells = [name.removeprefix("whole_"), str(row["atoms"]), str(row["frames"]), number(row, "mm_force_mae"),
                 f"**{number(row, 'force_mae')}**", number(row, "force_rmse"), number(row, "force_max"),
                 number(row, "mm_relative_per_atom_mae", 4), number(row, "relative_per_atom_mae", 4)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fragment_table(rows: dict) -> str:
    """Held-out fragments: by kind or by residue form."""
    lines = ["| | frames | ff14SB force MAE | force MAE | RMSE | max | ff14SB energy MAE | energy MAE | RMSE | absolute |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for name, row in rows.items():
        cells = [name, str(row["frames"])] + [number(row, key) for key in (
            "mm_force_mae", "force_mae", "force_rmse", "force_max", "mm_relative_mae", "relative_mae", "relative_rmse",
            "absolute_mae")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def card(path: Path, report: dict, notes: str, stability: str) -> str:
    """The text of the card."""
    header = json.loads(read_safetensors(path)[1]["pluginbridge"])
    held_out = report.get("held_out", {})
    kinds = {name: held_out[name] for kind in KINDS for name in (kind, f"{kind}, perturbed") if name in held_out}
    forms = {name: row for name, row in held_out.items() if name not in kinds}
    parts = [f"# {header['name']}", facts(path, header), "## Errors"]
    if report.get("whole"):
        parts += ["Whole proteins, never part of the training data: frames of Langevin dynamics at 300 K in ff14SB + OBC2,\n"
                  "against whole-protein " + header["reference_method"] + ". Forces in kcal/mol/Å, energies in kcal/mol "
                  "per atom with their mean\nerror removed.", whole_table(report["whole"])]
    if kinds:
        parts += ["Held out: separate trajectories of capped residues; windows, dimers, clusters and peptides whose sequences "
                  "occur in\nno training molecule; 300–600 K. \"Perturbed\": displaced atoms, a stretched bond or a bent "
                  "angle. Energies with each\nmolecule's mean error removed; the last column is absolute, above the "
                  "reference energies. kcal/mol, Å.", fragment_table(kinds)]
    if forms:
        parts += ["<details><summary>Residue forms, unperturbed frames</summary>\n\n" + fragment_table(forms)
                  + "\n\n</details>"]
    if stability:
        parts += ["Dynamics in vacuo, 300 K, 0.5 fs, no constraints (`pbtrain.stability`):",
                  "\n".join("    " + line for line in stability.strip().splitlines())]
    return "\n\n".join([*parts, notes.strip()]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("errors", type=Path, help="what pbtrain.evaluate --json wrote")
    parser.add_argument("--stability", type=Path, help="what pbtrain.stability printed")
    parser.add_argument("--notes", type=Path, help="Markdown to end with; notes.md beside the model if it is there")
    args = parser.parse_args()
    report = json.loads(args.errors.read_text())
    if report["model"] != file_hash(args.model):
        raise SystemExit(f"{args.errors} is about another model file ({report['model'][:12]}…): run pbtrain.evaluate again")
    notes = args.notes or args.model.with_name("notes.md")
    text = card(args.model, report, notes.read_text() if notes.exists() else "",
                args.stability.read_text() if args.stability else "")
    args.model.with_name("README.md").write_text(text)
    print(args.model.with_name("README.md"))


if __name__ == "__main__":
    main()
