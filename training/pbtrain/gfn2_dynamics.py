"""Langevin dynamics with GFN2-xTB forces: geometries of any molecule, force field or not.

Bonds to hydrogen that grow beyond thermal lengths are pulled back: in vacuo a salt bridge would otherwise pass its
proton on.
"""
from __future__ import annotations

import numpy as np

from .label import Gfn2
from .langevin import KCAL_PER_U, langevin
from .molecules import Molecule

LONGEST = {6: 1.20, 7: 1.06, 8: 1.01, 16: 1.40}  # angstrom, bonds to hydrogen: pulled back beyond, and
SLACK = 0.10  # up to so much later, drawn for each molecule (short hydrogen bonds are stretched bonds)
HEAVY_MASS, LONGEST_STEP = 6.0, 0.1  # u, angstrom: of relaxations
PULL = 1000.0  # kcal/mol/angstrom^2


class Gfn2Dynamics:
    """Relaxation and Langevin dynamics of one molecule, angstrom and fs."""

    def __init__(self, molecule: Molecule, rng: np.random.Generator):
        self.gfn2, self.rng = Gfn2(molecule.numbers, molecule.charge), rng
        self.numbers = z = molecule.numbers
        bonds = [(a.index, b.index) if z[b.index] == 1 else (b.index, a.index)
                 for a, b in molecule.topology.bonds() if 1 in (z[a.index], z[b.index])]
        self.heavy, self.hydrogen = np.array(bonds).T
        self.longest = np.array([LONGEST[int(z[a])] for a in self.heavy]) + SLACK * rng.random() ** 2

    def energy_forces(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy and forces [N, 3] of GFN2-xTB and the pull on hydrogens; LabelError if the SCF fails."""
        energy, forces = self.gfn2(x)
        bond = x[self.hydrogen] - x[self.heavy]
        length = np.linalg.norm(bond, axis=1)
        beyond = np.maximum(0.0, length - self.longest)
        pull = (2 * PULL * beyond / length)[:, None] * bond
        np.add.at(forces, self.heavy, pull)
        np.add.at(forces, self.hydrogen, -pull)
        return energy + PULL * float((beyond ** 2).sum()), forces

    def relax(self, x: np.ndarray, steps: int = 60) -> np.ndarray:
        """Positions [N, 3] after some steps of FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201): contacts relax."""
        x, v, dt, alpha, downhill = x.copy(), np.zeros_like(x), 1.0, 0.1, 0
        for _ in range(steps):
            forces = self.energy_forces(x)[1]
            if (forces * v).sum() > 0:
                v = (1 - alpha) * v + alpha * np.linalg.norm(v) / np.linalg.norm(forces) * forces
                downhill += 1
                if downhill > 5:
                    dt, alpha = min(1.1 * dt, 4.0), 0.99 * alpha
            else:
                v, dt, alpha, downhill = np.zeros_like(x), 0.5 * dt, 0.1, 0
            v = v + dt * KCAL_PER_U / HEAVY_MASS * forces
            step = dt * v
            x = x + step * min(1.0, LONGEST_STEP / max(abs(step).max(), 1e-12))
        return x

    def run(self, x: np.ndarray, temperature: float, steps: list[int]):
        """Yield positions [N, 3] after each number of steps of `steps`; velocities start at `temperature` in K."""
        return langevin(x, self.numbers, lambda x: self.energy_forces(x)[1], temperature, steps, self.rng)

    def close(self) -> None:
        """Release libxtb's objects."""
        self.gfn2.close()
