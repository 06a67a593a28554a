"""Tables of a model's card, in Markdown: errors of the network with ff14SB's own on the same frames in brackets."""
from __future__ import annotations

KINDS = ("residue", "window", "dimer", "cluster", "peptide", "analogue", "pair")
SCHEMES = ("whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs")
DROPPED = {"scf": "frames without SCF convergence", "force": "frames with too large forces",
           "sampling": "trajectories without a sound geometry"}
ELEMENTS = {1: "H", 6: "C", 7: "N", 8: "O", 16: "S"}


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|",
                      *("| " + " | ".join(row) + " |" for row in rows)])


def both(row: dict, key: str, digits: int = 2) -> str:
    """The network's figure, ff14SB's in brackets."""
    text = f"{row[key]:.{digits}f}" if key in row else ""
    mm = row.get(f"mm_{key}", float("nan"))
    return text + (f" ({mm:.{digits}f})" if mm == mm else "")  # none where ff14SB has no parameters


def facts(path_name: str, digest: str, header: dict) -> str:
    """What the file is."""
    arch, made = header["architecture"], header["provenance"]
    envelope = arch.get("envelope_exponent", 0)
    base = {"E_QM - E_MM": ", E_MM the complete ff14SB energy in vacuo without cutoff",
            "E_QM - E_nb": ", E_nb the non-bonded part of the ff14SB energy in vacuo without cutoff"}.get(header["target"], "")
    rows = [
        ("file", f"`{path_name}`, SHA-256 `{digest}`"),
        ("network", f"ViSNet, l_max {arch['l_max']}, {arch['num_layers']} layers, {arch['hidden_channels']} channels, "
                    f"{arch['num_heads']} heads, {arch['num_rbf']} radial functions, {arch['cutoff']} Å, "
                    + (f"polynomial envelope of exponent {envelope}" if envelope else "cosine envelope")
                    + (f", vector features normed (floor {arch['vector_norm']})" if arch.get("vector_norm") else "")),
        ("elements", ", ".join(ELEMENTS.get(z, str(z)) for z in header["elements"])),
        ("target", f"{header['target'].replace('-', '−')}, {header['units']['energy']}{base}"),
        ("reference", f"{header['reference_method']}, closed shell, vacuum"
                      + (", libxtb 6.5.1, default accuracy" if header["reference_method"] == "GFN2-xTB" else "")),
        ("training", f"{made['minutes']:.0f} minutes on {machine(made)}, {made['steps']:,} steps, "
                     f"{made['frame_visits']:,} frame visits, {made['training_molecules']:,} molecules"
                     + (f", begun with the network whose SHA-256 is `{made['init']}`" if "init" in made else "")),
        ("command", f"`{made['command']}`" if "command" in made else "not recorded in the file"),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in rows)


def machine(made: dict) -> str:
    """What a network was trained on."""
    if made.get("device", "cpu") != "cpu":
        return "a GPU"
    cores = made.get("processes", 2)  # older files do not say
    return f"{cores} CPU core{'s' * (cores > 1)}"


def composition(made: dict) -> str:
    """Training frames by kind, and what was left out."""
    frames = made["training_frames"]
    total = sum(frames.values())
    names = [k for k in KINDS if k in frames] + sorted(set(frames) - set(KINDS))
    text = markdown(["training frames of", "frames", "share"],
                    [[name + "s", f"{frames[name]:,}", f"{frames[name] / total:.0%}"] for name in names]
                    + [["all", f"{total:,}", ""]])
    notes = []
    counts = made.get("generation_counts", {})
    if "frames" in counts:
        dropped = ", ".join(f"{counts[key]:,} {what}" for key, what in DROPPED.items() if counts.get(key))
        notes.append(f"The shards read have {counts['frames']:,} frames, held-out ones included"
                     + (f"; dropped when they were made: {dropped}." if dropped else "."))
    if "dropped_outliers" in made:
        notes.append(f"{made['dropped_outliers']} frames with force components above 200 kcal/mol/Å were left out.")
    return "\n\n".join([text, "\n".join(notes)] if notes else [text])


def whole_table(report: dict) -> str:
    """Whole proteins, from pbtrain.evaluate."""
    return markdown(["", "atoms", "frames", "force MAE", "RMSE", "max", "energy MAE an atom"], [
        [name.removeprefix("whole_"), str(row["atoms"]), str(row["frames"]), both(row, "force_mae"), both(row, "force_rmse"),
         both(row, "force_max"), both(row, "relative_per_atom_mae", 4)] for name, row in report.items()])


def fragment_table(rows: dict) -> str:
    """Held-out fragments: by kind or by residue form."""
    keys = ("force_mae", "force_rmse", "force_max", "relative_mae", "relative_rmse", "relative_max", "absolute_mae")
    return markdown(["", "frames", "force MAE", "RMSE", "max", "energy MAE", "RMSE", "max", "absolute"],
                    [[name, str(row["frames"]), *(both(row, key) for key in keys)] for name, row in rows.items()])


def _order(scheme: str) -> tuple[int, str]:
    """Schemes from the simplest on; one with radii beside the same without."""
    name = scheme.split(":")[0]
    return SCHEMES.index(name) if name in SCHEMES else len(SCHEMES), scheme


def accuracy_table(summary: dict) -> str:
    """Schemes and networks against whole-protein GFN2-xTB, from tests/accuracy/whole_protein.py's summary.json."""
    structures = summary["structures"]
    methods = [("ff14SB", lambda r: r["mm"])]
    for variant, label in (("exact", "GFN2-xTB fragments"), ("network", "network")):
        schemes = {scheme for row in structures.values() for scheme in row[variant]}
        methods += [(f"{label}, `{scheme}`", lambda r, v=variant, s=scheme: r[v].get(s, {"frames": 0}))
                    for scheme in sorted(schemes, key=_order)]

    def cell(found: dict) -> str:
        failed = f" ({len(found['failed'])} failed)" if found.get("failed") else ""
        own = f" [{found['force_from_exact']:.2f}]" if found.get("force_from_exact") is not None else ""
        return (f"{found['force_mae']:.2f}{own}; {found['energy_mae_per_atom']:.4f}" if found["frames"] else "—") + failed
    columns = [f"{name}, {row['atoms']} atoms, {row['frames']} frames" for name, row in structures.items()]
    return markdown(["force MAE; energy MAE an atom", *columns],
                    [[label, *(cell(pick(row)) for row in structures.values())] for label, pick in methods])


def hairpin_text(found: dict) -> str:
    """What pbtrain.hairpin found."""
    bonds = ", ".join(f"{label} {row['mean_nm']:.3f} nm ({row['closed']:.0%})" for label, row in found["hydrogen_bonds"].items())
    limits = found["criteria"]
    return (f"{found['picoseconds']:g} ps, {found['temperature_mean']:.0f} K: hairpin **{'kept' if found['kept'] else 'lost'}**. "
            f"Backbone RMSD from the start {found['rmsd_mean_nm']:.3f} nm on average, {found['rmsd_largest_stretch_nm']:.3f} in "
            f"the worst {limits['stretch_ps']:g} ps (limit {limits['largest_rmsd_nm']}); native contacts "
            f"{found['native_contacts_mean']:.2f}, worst {found['native_contacts_smallest_stretch']:.2f} (limit "
            f"{limits['smallest_native_contacts']}); hydrogen bonds closed {found['closed_mean']:.2f}, worst "
            f"{found['closed_smallest_stretch']:.2f} (limit {limits['smallest_closed']}); longest bond "
            f"{found['longest_bond_ratio']:.2f} times its length in ff14SB.\n\nN···O on average, and share of frames below "
            f"0.35 nm: {bonds}.")
