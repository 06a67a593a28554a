"""Short dynamics in vacuo with ff14SB (or what of it the network's target lacks) + network: bonds must hold, and total energy must not drift.

    PYTHONPATH=training /usr/bin/python3 -m pbtrain.nve models/visnet-gfn2/visnet-gfn2.safetensors \\
        --residues ALA ARG TRP --pdb protein.pdb --picoseconds 1

Velocity Verlet from 300 K with 0.5 fs steps, as a plain loop over the PyTorch model: a check of the weights,
independent of the engine (pbtrain.stability has the long runs through OpenMM, with a thermostat).
Exit status 1 if a bond breaks.
"""
from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from openmm import app, unit

from .arguments import existing_file
from .dataset import BASES
from .edge_ops import enable_kernels
from .label import Ff14sb
from .modelfile import file_hash, load_model
from .molecules import build_topology
from .plan import capped
from .sample import Sampler
from .visnet import ViSNet

BOLTZMANN = 0.0019872043  # kcal/mol/K
KCAL_TO_U_ANGSTROM_FS = 4.184e-4  # kcal/mol in u angstrom^2 / fs^2
BROKEN = 1.6  # bond length over its starting length


class TotalEnergy:
    """E_base + network: energy (kcal/mol) and forces of a molecule, with the part of ff14SB that the network's target lacks."""

    def __init__(self, model: ViSNet, target: str, topology: app.Topology):
        if BASES[target] not in ("mm", "nb", None):
            raise SystemExit(f"a network of {target} has no dynamics of its own: give one of E_QM - E_MM, E_QM - E_nb or E_QM")
        self.model, self.base = model, BASES[target]
        self.mm = Ff14sb.of_topology(topology)
        self.charge = self.mm.charge()
        self.types = model.types_of(np.array([atom.element.atomic_number for atom in topology.atoms()]))

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Of positions [N, 3] in angstrom."""
        batch = torch.from_numpy(x)[None].to(self.model.embedding.weight.dtype)
        energy, forces = self.model.energy_forces(self.types, batch, self.charge)
        e_mm, f_mm, e_nb, f_nb = self.mm(x)
        e_base, f_base = {"mm": (e_mm, f_mm), "nb": (e_nb, f_nb), None: (0.0, 0.0)}[self.base]
        return e_base + float(energy), f_base + forces[0].double().numpy()


@dataclass
class Result:
    """Outcome: steps done, worst bond stretch (ratio), spread and drift of total energy (kcal/mol, per ps)."""

    steps: int
    stretch: float
    energy_rms: float
    drift_per_ps: float
    temperature: float

    @property
    def intact(self) -> bool:
        return self.stretch < BROKEN


def dynamics(evaluate: TotalEnergy, topology: app.Topology, positions: np.ndarray, picoseconds: float, seed: int = 1,
             step_fs: float = 0.5, temperature: float = 300.0) -> Result:
    """Run from `positions` [N, 3] in angstrom; stops early when a bond breaks."""
    rng = np.random.default_rng(seed)
    mass = np.array([atom.element.mass._value for atom in topology.atoms()])[:, None]
    bonds = np.array([(a.index, b.index) for a, b in topology.bonds()])

    def lengths(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x[bonds[:, 0]] - x[bonds[:, 1]], axis=1)

    x = positions.copy()
    v = rng.normal(size=x.shape) * np.sqrt(BOLTZMANN * temperature * KCAL_TO_U_ANGSTROM_FS / mass)
    reference, stretch, totals, temperatures = lengths(x), 1.0, [], []
    energy, force = evaluate(x)
    steps = round(picoseconds * 1000 / step_fs)
    for step in range(steps):
        v += 0.5 * step_fs * force * KCAL_TO_U_ANGSTROM_FS / mass
        x += step_fs * v
        energy, force = evaluate(x)
        v += 0.5 * step_fs * force * KCAL_TO_U_ANGSTROM_FS / mass
        kinetic = 0.5 * float((mass * v * v).sum()) / KCAL_TO_U_ANGSTROM_FS
        totals.append(energy + kinetic)
        temperatures.append(2 * kinetic / (3 * len(x) * BOLTZMANN))
        stretch = max(stretch, float((lengths(x) / reference).max()))
        if not stretch < BROKEN:
            break
    time = np.arange(1, len(totals) + 1) * step_fs / 1000
    slope = float(np.polyfit(time, totals, 1)[0]) if len(totals) > 1 else float("nan")
    return Result(len(totals), stretch, float(np.std(totals)), slope, float(np.mean(temperatures[len(totals) // 2:])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=existing_file)
    parser.add_argument("--residues", nargs="*", default=[], help="capped residues by ff14SB template name")
    parser.add_argument("--pdb", type=existing_file, nargs="*", default=[], help="complete proteins")
    parser.add_argument("--picoseconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    enable_kernels()
    model, header = load_model(args.model)
    systems = []
    for name in args.residues:
        molecule = build_topology([list(capped(name))])
        sampler = Sampler(molecule, np.random.default_rng(args.seed))
        systems.append((molecule.name, molecule.topology, next(sampler.trajectory(300.0, 1))))
    for path in args.pdb:
        pdb = app.PDBFile(str(path))
        systems.append((path.stem, pdb.topology, pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)))
    print(f"model {file_hash(args.model)}", flush=True)
    broken = False
    for name, topology, positions in systems:
        total = TotalEnergy(model, header["target"], topology)
        result = dynamics(total, topology, positions, args.picoseconds, args.seed)
        broken |= not result.intact
        print(f"{name}: {'intact' if result.intact else 'BROKEN'} after {result.steps} steps, largest bond stretch "
              f"{result.stretch:.2f}, total energy rms {result.energy_rms:.3f} kcal/mol, drift "
              f"{result.drift_per_ps:+.3f} kcal/mol/ps, {result.temperature:.0f} K", flush=True)
    sys.exit(broken)


if __name__ == "__main__":
    main()
