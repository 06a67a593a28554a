"""Frames of whole proteins with whole-protein GFN2-xTB and ff14SB labels, for tests.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.whole protein.pdb training/data/whole_protein.h5 [--frames 12]

Langevin dynamics at 300 K in ff14SB + OBC2 (no constraints, hydrogens of 3 u, 2 fs), then labels in vacuo.
The PDB file must be complete (all hydrogens, known residues).  Frames are appended one by one; the same
command goes on where it stopped.
"""
from __future__ import annotations

import argparse
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
    with h5py.File(args.output, "a") as file:
        if "positions" not in file:
            file["positions"] = sample(pdb.topology, pdb.positions, args.frames, args.seed)
            file["numbers"] = numbers.astype(np.uint8)
            file.attrs.update({"name": args.protein.stem, "charge": charge, "seed": args.seed, "temperature": 300.0,
                               "reference_method": "GFN2-xTB, vacuum", "units": "angstrom, kcal/mol"})
        qm = Gfn2(numbers, charge)
        for k, x in enumerate(file["positions"][:]):
            group = file.require_group(f"{k:03d}")
            if "failed" in group.attrs or "f_nb" in group:
                continue
            try:
                if "f_qm" not in group:
                    group["e_qm"], group["f_qm"] = qm(x)
            except LabelError as error:
                group.attrs["failed"] = str(error)
                print(f"frame {k}: {error}", flush=True)
                continue
            for name, value in zip(("e_mm", "f_mm", "e_nb", "f_nb"), mm(x)):
                if name not in group:
                    group[name] = value
            file.flush()
            print(f"frame {k}: MM force error {abs(group['f_mm'][:] - group['f_qm'][:]).mean():.2f} kcal/mol/A", flush=True)


if __name__ == "__main__":
    main()
