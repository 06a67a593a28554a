"""Has chignolin kept its hairpin in a run of examples/chignolin_in_water.py?

    PYTHONPATH=build/python /usr/bin/python3 examples/chignolin_in_water.py --steps 100000 --report 50 --out training/runs/chignolin
    PYTHONPATH=training /usr/bin/python3 -m pbtrain.hairpin training/runs/chignolin \\
        --json training/runs/hairpin.json --figure training/runs/hairpin.png

Three measures of each frame: backbone (N, CA, C) RMSD from the start of the run; the share of native contacts Q (Best,
Hummer and Eaton, PNAS 110, 17874 (2013)); the backbone hydrogen bonds N...O of the folded structure.  The hairpin is
kept if, in every stretch of 10 ps, the mean RMSD is at most 0.15 nm, the mean Q at least 0.8, and at least half of the
hydrogen bonds are closed (N...O below 0.35 nm) on average, and if the watcher (safety.csv) saw no broken bond, inverted
centre or runaway temperature.  Exit status 1 if it is not.
"""
from __future__ import annotations

import argparse
import csv
import json
import re
import struct
import sys
from pathlib import Path

import mdtraj
import numpy as np

NATIVE = Path(__file__).resolve().parents[2] / "examples" / "gydpetgtwg.pdb"
STRETCH_PS = 10.0
LARGEST_RMSD, SMALLEST_Q, SMALLEST_CLOSED = 0.15, 0.8, 0.5  # nm, share, share: of the means of each stretch
CLOSED = 0.35  # nm, N...O
CONTACT, SHARPNESS, TOLERANCE = 0.45, 50.0, 1.8  # nm, 1/nm, factor: Q's native contacts and switching function
AKMA_PS = 0.04888821  # CHARMM's unit of time, which DCD files have


def frame_times(path: Path, frames: int) -> np.ndarray:
    """Times (ps) of a DCD file's frames, by its header."""
    with open(path, "rb") as file:
        header = file.read(48)
    if len(header) < 48 or header[4:8] != b"CORD":
        raise SystemExit(f"{path} is not a DCD file")
    first, interval = struct.unpack_from("<2i", header, 12)
    step = struct.unpack_from("<f", header, 44)[0] * AKMA_PS
    return (first + interval * np.arange(frames)) * step


def hydrogen_bonds(native: mdtraj.Trajectory) -> list[tuple[int, int]]:
    """Backbone N and O of residues three or more apart, within 0.35 nm in the folded structure."""
    atoms = {(a.residue.index, a.name): a.index for a in native.topology.atoms}
    pairs = [(n, o) for (i, name), n in atoms.items() if name == "N"
             for (j, other), o in atoms.items() if other == "O" and abs(i - j) > 2]
    near = mdtraj.compute_distances(native, pairs, periodic=False)[0] < CLOSED
    return [pair for pair, is_near in zip(pairs, near) if is_near]


def native_contacts(trajectory: mdtraj.Trajectory, native: mdtraj.Trajectory) -> np.ndarray:
    """Q of each frame: heavy atoms of residues more than three apart, within 0.45 nm when folded."""
    heavy = native.topology.select("element != H")
    residue = np.array([native.topology.atom(i).residue.index for i in heavy])
    a, b = np.triu_indices(len(heavy), 1)
    far = residue[b] - residue[a] > 3
    pairs = np.stack((heavy[a[far]], heavy[b[far]]), 1)
    folded = mdtraj.compute_distances(native, pairs, periodic=False)[0]
    pairs, folded = pairs[folded < CONTACT], folded[folded < CONTACT]
    distance = mdtraj.compute_distances(trajectory, pairs, periodic=False)
    return (1 / (1 + np.exp(SHARPNESS * (distance - TOLERANCE * folded)))).mean(1)


def measure(trajectory: mdtraj.Trajectory, start: mdtraj.Trajectory, native: mdtraj.Trajectory,
            times: np.ndarray) -> tuple[dict, dict[str, np.ndarray]]:
    """The verdict with its figures, and the curves [frames] behind it; all of the peptide alone."""
    backbone = native.topology.select("name N or name CA or name C")
    bonds = hydrogen_bonds(native)
    distance = mdtraj.compute_distances(trajectory, bonds, periodic=False)
    curves = {"rmsd": mdtraj.rmsd(trajectory, start, atom_indices=backbone, precentered=False),
              "q": native_contacts(trajectory, native), "closed": (distance < CLOSED).mean(1), "distance": distance}
    labels = ["{}{}:N-{}{}:O".format(*(part for atom in pair for part in (
        native.topology.atom(atom).residue.name, native.topology.atom(atom).residue.index + 1))) for pair in bonds]
    stretch = ((times - times[0]) // STRETCH_PS).astype(int)
    if len(set(stretch)) > 1 and (stretch == stretch[-1]).sum() < 0.5 * (stretch == 0).sum():
        stretch[stretch == stretch[-1]] -= 1  # a short rest belongs to the stretch before it
    means = {key: [float(curves[key][stretch == k].mean()) for k in sorted(set(stretch))] for key in ("rmsd", "q", "closed")}
    verdict = {
        "kept": max(means["rmsd"]) <= LARGEST_RMSD and min(means["q"]) >= SMALLEST_Q
        and min(means["closed"]) >= SMALLEST_CLOSED,
        "picoseconds": float(times[-1]), "frames": len(times), "stretches": len(means["rmsd"]),
        "rmsd_mean_nm": float(curves["rmsd"].mean()), "rmsd_largest_nm": float(curves["rmsd"].max()),
        "rmsd_largest_stretch_nm": max(means["rmsd"]), "native_contacts_mean": float(curves["q"].mean()),
        "native_contacts_smallest_stretch": min(means["q"]), "closed_mean": float(curves["closed"].mean()),
        "closed_smallest_stretch": min(means["closed"]),
        "hydrogen_bonds": {label: {"mean_nm": round(float(d.mean()), 4), "closed": round(float((d < CLOSED).mean()), 3)}
                           for label, d in zip(labels, distance.T)},
        "criteria": {"stretch_ps": STRETCH_PS, "largest_rmsd_nm": LARGEST_RMSD, "smallest_native_contacts": SMALLEST_Q,
                     "smallest_closed": SMALLEST_CLOSED}}
    return verdict, curves | {"labels": labels}


def read_run(folder: Path, native: Path) -> tuple[dict, dict, np.ndarray]:
    """Verdict, curves and times of an output folder of examples/chignolin_in_water.py."""
    for name in ("trajectory.dcd", "topology.pdb", "log.csv", "safety.csv", "system.xml"):
        if not (folder / name).is_file():
            raise SystemExit(f"{folder / name} does not exist: run examples/chignolin_in_water.py --out {folder}")
    folded, start = mdtraj.load(str(native)), mdtraj.load(str(folder / "topology.pdb"))
    protein = start.topology.select("protein")
    names = [(a.name, a.residue.name) for a in folded.topology.atoms]
    if [(start.topology.atom(i).name, start.topology.atom(i).residue.name) for i in protein] != names:
        raise SystemExit(f"the protein of {folder / 'topology.pdb'} is not that of {native}: give its folded structure (--native)")
    trajectory = mdtraj.load(str(folder / "trajectory.dcd"), top=start.topology, atom_indices=protein)
    if not len(trajectory):
        raise SystemExit(f"{folder / 'trajectory.dcd'} has no frames yet")
    times = frame_times(folder / "trajectory.dcd", len(trajectory))
    verdict, curves = measure(trajectory, start.atom_slice(protein), folded, times)
    log = np.genfromtxt(folder / "log.csv", delimiter=",", names=True, ndmin=1)
    with open(folder / "safety.csv") as file:
        looks = list(csv.DictReader(file))
    problems = [f"step {look['step']}: {look['problems']}" for look in looks if look["problems"]]
    digest = re.search(r'modelHash="([0-9a-f]*)"', (folder / "system.xml").read_text())
    verdict |= {"model": digest.group(1) if digest else "", "temperature_mean": float(log["temperature_K"].mean()),
                "longest_bond_ratio": max(float(look["longest bond ratio"]) for look in looks), "problems": problems,
                "kept": verdict["kept"] and not problems}
    return verdict, curves, times


def figure(curves: dict, times: np.ndarray, path: Path) -> None:
    """RMSD, native contacts and hydrogen bonds over time."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    drawing, axes = plt.subplots(3, 1, sharex=True, figsize=(7, 7), constrained_layout=True)
    for axis, values, limit, label in ((axes[0], curves["rmsd"], LARGEST_RMSD, "backbone RMSD\nfrom start (nm)"),
                                       (axes[1], curves["q"], SMALLEST_Q, "native\ncontacts Q")):
        axis.plot(times, values, lw=1)
        axis.axhline(limit, color="gray", ls="--", lw=1)
        axis.set_ylabel(label)
    axes[0].set_ylim(0)
    axes[1].set_ylim(0, 1.02)
    for label, distance in zip(curves["labels"], curves["distance"].T):
        axes[2].plot(times, distance, lw=0.8, label=label)
    axes[2].axhline(CLOSED, color="gray", ls="--", lw=1)
    axes[2].set(xlabel="time (ps)", ylabel="N···O (nm)")
    axes[2].legend(fontsize=7, ncol=3)
    drawing.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="output folder of examples/chignolin_in_water.py")
    parser.add_argument("--native", type=Path, default=NATIVE, help="the folded structure (default: the example's)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help="PNG")
    args = parser.parse_args()
    verdict, curves, times = read_run(args.run, args.native)
    if args.json:
        args.json.write_text(json.dumps(verdict, indent=1))
    if args.figure:
        figure(curves, times, args.figure)
    print(f"{verdict['picoseconds']:g} ps: hairpin {'kept' if verdict['kept'] else 'LOST'}; backbone RMSD "
          f"{verdict['rmsd_mean_nm']:.3f} nm (worst 10 ps {verdict['rmsd_largest_stretch_nm']:.3f}), native contacts "
          f"{verdict['native_contacts_mean']:.2f} (worst {verdict['native_contacts_smallest_stretch']:.2f}), hydrogen bonds "
          f"closed {verdict['closed_mean']:.2f} (worst {verdict['closed_smallest_stretch']:.2f})"
          + "".join(f"\n{problem}" for problem in verdict["problems"]))
    sys.exit(not verdict["kept"])


if __name__ == "__main__":
    main()
