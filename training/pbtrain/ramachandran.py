"""(phi, psi) energy surfaces of capped residues: a network against GFN2-xTB, and ff14SB beside it.

    PYTHONPATH=training:build/python /usr/bin/python3 -m pbtrain.ramachandran \\
        models/visnet-gfn2/visnet-gfn2.safetensors --residues ALA GLY PRO VAL \\
        --json training/runs/ramachandran.json --figure training/runs/ramachandran.png

Relaxed scans of ACE-X-NME on a grid of 15 degrees.  Each potential is relaxed by itself (network as one graph, in
double precision), phi and psi held exactly (constrained.py), from many starts (torsion_scan.py); then network and
GFN2-xTB try each other's minima.  Scans are kept in --scans and go on where they stopped; those of GFN2-xTB and ff14SB
do not depend on the network.  --reference takes GFN2's energies from a file instead of scanning.

The figure of merit is the RMSD over grid points where GFN2 is less than 10 kcal/mol above its lowest point, after the
constant shift that makes it smallest; with both minima at zero it is given as well.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from .arguments import existing_file
from .constrained import Potential
from .label import KJ_PER_KCAL
from .systems import RARE, STANDARD
from .torsion_scan import STEP, Residue, Scan

REGION = 10.0  # kcal/mol above the reference's lowest point
EXCHANGE = 12.0  # kcal/mol, below which potentials try each other's minima
ROTAMER_WINDOW = 6.0  # kcal/mol above ff14SB's lowest rotamer of a point, for a rotamer to be a start
SCANNED = (*STANDARD, *RARE)
MM, REFERENCE = "ff14sb", "gfn2-xtb"


def potential_of(residue: Residue, model: str | Path) -> tuple[Potential, str, str]:
    """Energy and gradient (kcal/mol, angstrom) of ACE-X-NME by the library; its name, and its name with hash."""
    import pluginbridge
    try:
        evaluator = pluginbridge.Evaluator(residue.molecule.topology, str(model), "whole", "double")
    except pluginbridge.PluginBridgeError as error:
        raise SystemExit(f"{model}: {error}") from None

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            result = evaluator.evaluate(x * 0.1, quantity="total")
        except pluginbridge.PluginBridgeError:  # no SCF convergence: no energy here
            return float("nan"), np.full_like(x, np.nan)
        return result.energy / KJ_PER_KCAL, -result.forces / (10 * KJ_PER_KCAL)
    name, digest = evaluator.model.name, evaluator.model.hash
    return evaluate, name, f"{name} {digest[:12]}".strip()


class Surfaces:
    """The scans of one residue, kept in `folder`."""

    def __init__(self, name: str, folder: Path):
        self.residue, self.folder = Residue(name), folder
        self.model = potential_of(self.residue, MM)[0]

    def _scan(self, model: str | Path, rotamer: int | None = None) -> Scan:
        potential, _, identity = potential_of(self.residue, model)
        label = identity if rotamer is None else f"{identity} rotamer {rotamer}"
        path = self.folder / f"{self.residue.name}_{label.replace(' ', '_')}.npz"
        return Scan(self.residue, path, label, potential, self.model, rotamer)

    def starts(self) -> tuple[Scan, list[np.ndarray]]:
        """ff14SB's scan, and geometries to start other scans from: ff14SB's minima, and its other rotamers."""
        held = [self._scan(MM, rotamer) for rotamer in self.residue.rotamers if rotamer is not None]
        for scan in held:
            scan.run([self.residue.start()], report)
        mm = self._scan(MM)
        mm.run([self.residue.start(), *(scan.positions for scan in held)], report)
        seeds = [mm.positions]
        for scan in held:
            low = scan.energy < mm.energy + ROTAMER_WINDOW
            seeds.append(np.where(low[..., None, None], scan.positions, np.nan))
        return mm, seeds

    def scan(self, model: str | Path, seeds: list[np.ndarray]) -> Scan:
        """The finished scan of a potential."""
        scan = self._scan(model)
        scan.run(seeds, report)
        return scan


class Progress:
    """A line to stderr now and then."""

    def __init__(self, every: float = 60.0):
        self.every, self.last = every, 0.0

    def __call__(self, scan: Scan) -> None:
        if time.monotonic() - self.last > self.every:
            self.last = time.monotonic()
            print(f"{time.strftime('%H:%M:%S')} {scan.identity}: {np.isfinite(scan.energy).sum()} of {scan.energy.size} "
                  f"points, {scan.count['relaxations']} relaxations, {scan.count['gradients']} gradients, "
                  f"{scan.seconds:.0f} s", file=sys.stderr, flush=True)


report = Progress()


def compare(reference: np.ndarray, energy: np.ndarray, region: float = REGION) -> dict:
    """Differences over the points where `reference` is less than `region` above its minimum, kcal/mol.

    rmsd, mae, largest: after the shift that makes the RMSD smallest; rmsd_minima: with both lowest points at zero.
    `missing` points of the region have no energy; they are not compared.
    """
    inside = reference - np.nanmin(reference) < region
    both = inside & np.isfinite(energy)
    difference = energy[both] - reference[both]
    shifted = difference - difference.mean()
    at_minima = difference - (np.nanmin(energy) - np.nanmin(reference))
    worst = tuple(int(k) for k in np.argwhere(both)[abs(shifted).argmax()])
    return {"points": int(inside.sum()), "missing": int((inside & ~both).sum()),
            "rmsd": float(np.sqrt((shifted ** 2).mean())), "rmsd_minima": float(np.sqrt((at_minima ** 2).mean())),
            "mae": float(abs(shifted).mean()), "largest": float(abs(shifted).max()), "largest_at": worst,
            "shift": float(difference.mean())}


def quality(scan: Scan) -> dict:
    """How well a scan is converged."""
    return {"points": int(np.isfinite(scan.energy).sum()), "largest_gradient": float(np.nanmax(scan.gradient)),
            "largest_torsion_error_degrees": scan.off_grid(), **scan.count, "seconds": round(scan.seconds, 1)}


def rounded(energy: np.ndarray) -> list:
    """Energies above the lowest in kcal/mol, null where there is none."""
    relative = energy - np.nanmin(energy)
    return [[None if not np.isfinite(e) else round(float(e), 3) for e in row] for row in relative]


def measure(name: str, model: Path | None, folder: Path, known: dict | None) -> dict:
    """Everything about one residue; `known` has GFN2's energies if they are not to be scanned."""
    surfaces = Surfaces(name, folder)
    mm, seeds = surfaces.starts()
    residue, scans = surfaces.residue, {MM: mm}
    found: dict = {"phi": residue.phi.tolist(), "psi": residue.psi.tolist()}
    if known is None:
        scans[REFERENCE] = surfaces.scan(REFERENCE, seeds)
    elif known["phi"] != found["phi"] or known["psi"] != found["psi"]:
        raise SystemExit(f"the reference file has another grid for {name}: leave out --reference")
    if model is not None:
        scans["network"] = network = surfaces.scan(model, seeds)
        if known is None:
            gfn2 = scans[REFERENCE]
            found["exchange"] = {"network_lower": network.exchange(gfn2, EXCHANGE, report),
                                 "reference_lower": gfn2.exchange(network, EXCHANGE, report)}
    reference = np.array(known["energy"], float) if known else scans[REFERENCE].energy
    found["energy"] = {key: rounded(scan.energy) for key, scan in scans.items()} | {REFERENCE: rounded(reference)}
    found["scans"] = {key: quality(scan) for key, scan in scans.items()}
    for key, scan in scans.items():
        if key != REFERENCE:
            result = compare(reference, scan.energy)
            i, j = result["largest_at"]
            found[key] = result | {"largest_at": [int(residue.phi[i]), int(residue.psi[j])]}
    return found


def table(results: dict) -> str:
    """Markdown."""
    lines = ["| | points | network RMSD | both minima zero | largest | at (φ, ψ) | ff14SB RMSD |",
             "|---|---|---|---|---|---|---|"]
    for name, row in results.items():
        n, mm = row.get("network"), row[MM]
        cells = ([f"**{n['rmsd']:.2f}**", f"{n['rmsd_minima']:.2f}", f"{n['largest']:.2f}",
                  "({}, {})".format(*n["largest_at"])] if n else ["not measured", "", "", ""])
        points = f"{mm['points']}" + (f" ({n['missing']} missing)" if n and n["missing"] else "")
        lines.append("| " + " | ".join([name, points, *cells, f"{mm['rmsd']:.2f}"]) + " |")
    return "\n".join(lines)


def figure(results: dict, path: Path, title: str) -> None:
    """GFN2, network, and network minus GFN2 (after the best shift, where GFN2 is below 10 kcal/mol)."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = {name: row for name, row in results.items() if "network" in row}
    if not shown:
        raise SystemExit("--figure: there is no network to show; give a model file")
    span = max(1.0, *(row["network"]["largest"] for row in shown.values()))
    drawing, axes = plt.subplots(len(shown), 3, figsize=(11, 3.5 * len(shown)), squeeze=False, sharex=True, sharey=True,
                                 constrained_layout=True)
    for line, (name, row) in zip(axes, shown.items()):
        reference, network = (np.array(row["energy"][key], float) for key in (REFERENCE, "network"))
        region = reference < REGION
        difference = network - reference
        difference = np.where(region, difference - np.nanmean(difference[region]), np.nan)
        extent = (row["phi"][0] - STEP / 2, row["phi"][-1] + STEP / 2, row["psi"][0] - STEP / 2, row["psi"][-1] + STEP / 2)
        for axis, values, label in zip(line, (reference, network, difference),
                                       ("GFN2-xTB", "network", f"network − GFN2-xTB, RMSD {row['network']['rmsd']:.2f}")):
            last = values is difference
            image = axis.imshow(values.T, origin="lower", extent=extent, aspect="auto", cmap="RdBu_r" if last else "viridis",
                                vmin=-span if last else 0, vmax=span if last else 15)
            if not last:
                axis.contour(row["phi"], row["psi"], values.T, levels=[1, 2, 4, 6, 8, 10], colors="white", linewidths=0.7)
            axis.set(title=f"{name}: {label}", xlim=(-187.5, 172.5), ylim=(-187.5, 172.5), xticks=range(-180, 180, 60),
                     yticks=range(-180, 180, 60))
            axis.title.set_fontsize(10)
            if axis is not line[1]:
                drawing.colorbar(image, ax=axis, label="kcal/mol", extend="neither" if last else "max", shrink=0.9)
        line[0].set_ylabel("ψ (degrees)")
    for axis in axes[-1]:
        axis.set_xlabel("φ (degrees)")
    drawing.suptitle(title)
    drawing.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=existing_file, nargs="?", help="model file; without it only GFN2-xTB and ff14SB are scanned")
    parser.add_argument("--residues", nargs="+", default=["ALA", "GLY", "PRO", "VAL"], help="ff14SB template names")
    parser.add_argument("--scans", type=Path, default=Path("training/data/ramachandran"), help="folder of the scans")
    parser.add_argument("--reference", type=existing_file, help="GFN2's energies, as --write-reference wrote them")
    parser.add_argument("--write-reference", type=Path, help="write GFN2's energies, for --reference")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help="PNG")
    args = parser.parse_args()
    if unknown := [name for name in args.residues if name not in SCANNED]:
        parser.error(f"--residues {' '.join(unknown)}: choose from {' '.join(SCANNED)}")
    known = json.loads(args.reference.read_text())["residues"] if args.reference else {}
    if args.reference and (missing := [name for name in args.residues if name not in known]):
        parser.error(f"{args.reference} has no {', '.join(missing)}: leave out --reference to scan")
    from .modelfile import file_hash
    about = {"step_degrees": STEP, "region": REGION, "reference": "GFN2-xTB", "units": "kcal/mol"}
    if args.model:
        about["model"] = file_hash(args.model)
    results = {}
    for name in args.residues:
        results[name] = measure(name, args.model, args.scans, known.get(name))
        if args.json:
            args.json.write_text(json.dumps(about | {"residues": results}))
    if args.write_reference:
        energies = {name: {key: row[key] for key in ("phi", "psi")} | {"energy": row["energy"][REFERENCE]}
                    for name, row in results.items()}
        args.write_reference.write_text(json.dumps(about | {"residues": energies}))
    print(table(results))
    if args.figure:
        figure(results, args.figure, f"{args.model.stem}, ACE-X-NME, relaxed, kcal/mol")


if __name__ == "__main__":
    main()
