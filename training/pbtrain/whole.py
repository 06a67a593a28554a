"""Frames of whole proteins with whole-protein GFN2-xTB and ff14SB labels, for tests.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.whole protein.pdb training/data/whole_protein.h5 [--frames 12]

Langevin dynamics at 300 K in ff14SB + OBC2 (no constraints, hydrogens of 3 u, 2 fs), then labels in vacuo.
The PDB file must be complete (all hydrogens, known residues).  The file is replaced after each frame; the
same command goes on where it stopped.
"""
from __future__ import annotations

import argparse
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .relaunch import relaunch


def sample(topology, positions, frames: int, seed: int, interval: int = 500, equilibration: int = 1500) -> np.ndarray:
    """Positions [frames, N, 3] in angstrom at 300 K, `interval` steps of 2 fs apart."""
    import openmm
    from openmm import app, unit

    from .molecules import FORCE_FIELD
    system = app.ForceField(FORCE_FIELD, "implicit/obc2.xml").createSystem(
        topology, nonbondedMethod=app.NoCutoff, constraints=None, hydrogenMass=3 * unit.dalton)
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.002)
    integrator.setRandomNumberSeed(seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"})
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(300, seed)
    integrator.step(equilibration)
    result = []
    for _ in range(frames):
        integrator.step(interval)
        state = context.getState(getPositions=True)
        result.append(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    return np.array(result)


@contextmanager
def replacing(path: Path):
    """The HDF5 file at `path`, to add to: a copy, which takes its place at the end, so that a kill leaves a whole file."""
    import h5py
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    if path.exists():
        shutil.copyfile(path, temporary)
    with h5py.File(temporary, "a") as file:
        yield file
    os.replace(temporary, path)


def check(path: Path, name: str, numbers: np.ndarray, frames: int, seed: int) -> None:
    """SystemExit unless the file holds what the command asks for."""
    import h5py
    with h5py.File(path) as file:
        found = {"--frames": len(file["positions"]), "--seed": int(file.attrs["seed"])}
        if file.attrs["name"] != name or not np.array_equal(file["numbers"][:], numbers):
            raise SystemExit(f"{path} has frames of {file.attrs['name']} ({len(file['numbers'])} atoms), not of {name} "
                             f"({len(numbers)} atoms): give another file")
    for option, value in (("--frames", frames), ("--seed", seed)):
        if found[option] != value:
            raise SystemExit(f"{path} was begun with {option} {found[option]}, not {value}: give the same, or another file")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("protein", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    relaunch("pbtrain.whole", {"OMP_STACKSIZE": "1G", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
             unlimited_stack=True)  # libxtb needs the stack

    import h5py
    from openmm import app

    from .label import Ff14sb, Gfn2, LabelError
    pdb = app.PDBFile(str(args.protein))
    numbers = np.array([atom.element.atomic_number for atom in pdb.topology.atoms()])
    mm = Ff14sb.of_topology(pdb.topology)
    charge = mm.charge()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    if not args.output.exists():
        x = sample(pdb.topology, pdb.positions, args.frames, args.seed)
        with replacing(args.output) as file:
            file["positions"], file["numbers"] = x, numbers.astype(np.uint8)
            file.attrs.update({"name": args.protein.stem, "charge": charge, "seed": args.seed, "temperature": 300.0,
                               "reference_method": "GFN2-xTB, vacuum", "units": "angstrom, kcal/mol"})
    check(args.output, args.protein.stem, numbers, args.frames, args.seed)
    with h5py.File(args.output) as file:
        frames = file["positions"][:]
        done = {name for name in file if name.isdecimal() and ("failed" in file[name].attrs or "f_nb" in file[name])}
    qm = Gfn2(numbers, charge)
    for k, x in enumerate(frames):
        if f"{k:03d}" in done:
            continue
        failed, labels = "", {}
        try:
            labels = dict(zip(("e_qm", "f_qm", "e_mm", "f_mm", "e_nb", "f_nb"), (*qm(x), *mm(x))))
        except LabelError as error:
            failed = str(error)
        with replacing(args.output) as file:
            group = file.require_group(f"{k:03d}")
            group.clear()  # older files may have half of the labels
            group.update(labels)
            if failed:
                group.attrs["failed"] = failed
        print(f"frame {k}: " + (failed or f"MM force error {abs(labels['f_mm'] - labels['f_qm']).mean():.2f} kcal/mol/A"),
              flush=True)


if __name__ == "__main__":
    main()
