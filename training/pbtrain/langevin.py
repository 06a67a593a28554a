"""Langevin dynamics on the forces of any potential, in numpy; angstrom, fs, kcal/mol.

Hydrogens carry 3 u, which leaves the distribution of conformations as it is.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

KCAL_PER_U = 4.184e-4  # kcal/mol/angstrom/u in angstrom/fs^2
BOLTZMANN = 0.0019872041  # kcal/mol/K
HYDROGEN_MASS = 3.0
MASS = {1: HYDROGEN_MASS, 6: 12.011, 7: 14.007, 8: 15.999, 16: 32.06}
FRICTION = 0.01  # 1/fs
STEP = 1.5  # fs


def langevin(x: np.ndarray, numbers: np.ndarray, forces_at: Callable[[np.ndarray], np.ndarray], temperature: float,
             steps: Iterable[int], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield positions [N, 3] after each number of steps of `steps`; velocities start at `temperature` in K.

    BAOAB: Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013).
    """
    mass = np.array([MASS[int(z)] for z in numbers])[:, None]
    thermal = np.sqrt(BOLTZMANN * temperature * KCAL_PER_U / mass)
    keep = np.exp(-FRICTION * STEP)
    v = thermal * rng.normal(size=x.shape)
    x, forces = x.copy(), forces_at(x)
    for count in steps:
        for _ in range(count):
            v += 0.5 * STEP * KCAL_PER_U * forces / mass
            x += 0.5 * STEP * v
            v = keep * v + np.sqrt(1 - keep ** 2) * thermal * rng.normal(size=x.shape)
            x += 0.5 * STEP * v
            forces = forces_at(x)
            v += 0.5 * STEP * KCAL_PER_U * forces / mass
        yield x.copy()
