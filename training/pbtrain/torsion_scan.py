"""Relaxed surfaces over (phi, psi) of a capped residue, from many starts, so that hysteresis leaves no trace.

Every grid point is relaxed from each rotamer (of the side chain's first torsion), and then from the minima of its
neighbours, lowest first, until no point gets lower: a minimum that is found anywhere reaches each point where it is the
lowest one (as in TorsionDrive, Qiu et al., J. Chem. Phys. 152, 244116 (2020)).  Geometries with another chirality, a cis
peptide bond or a broken bond are refused.  All of it is kept in one file, so that an interrupted scan goes on where it
stopped.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .constrained import HeldTorsions, Potential, RelaxationError, relax
from .internals import Internals, torsions
from .molecules import Molecule, build_topology, neighbours, rotate, side_of_bond
from .sample import Sampler
from .soundness import Soundness
from .systems import capped

STEP = 15  # degrees
BETTER = 0.02  # kcal/mol by which a start has to be better to replace a minimum and to be passed on
SPREADING = 15.0  # kcal/mol above the lowest point; higher ones are passed on only to points not reached yet
SAME_SHAPE, SAME_ENERGY = 0.04, 0.1  # angstrom (rms of distances) and kcal/mol: heading for a known minimum
PROLINE_PHI = (-120, -30)  # degrees that the ring allows
DIRECTIONS, OPPOSITE = [(1, 0), (-1, 0), (0, 1), (0, -1)], [1, 0, 3, 2]
SAVE_SECONDS = 30.0


class Residue:
    """ACE-X-NME: its molecule, its (phi, psi) grid and the side-chain torsion that starts differ in."""

    def __init__(self, name: str, step: int = STEP):
        self.name = name
        self.molecule: Molecule = build_topology([list(capped(name))])
        topology = self.molecule.topology
        self.bonded = neighbours(topology)
        self.internals = Internals(self.bonded)
        self.sound = Soundness(topology, self.molecule.numbers, self.bonded)
        before, middle, after = ({a.name: a.index for a in r.atoms()} for r in topology.residues())
        self.backbone = [(before["C"], middle["N"], middle["CA"], middle["C"]),
                         (middle["N"], middle["CA"], middle["C"], after["N"])]
        gammas = sorted(a for a in middle if len(a) > 1 and a[1] == "G" and a[0] in "COS")
        self.chi = [(middle["N"], middle["CA"], middle["CB"], middle[gammas[0]])] if gammas else []
        self.rotamers = [-30, 30] if name == "PRO" else [-60, 60, 180] if self.chi else [None]
        self.achiral = name == "GLY"
        self.phi_is_periodic = name != "PRO"
        self.psi = np.arange(-180, 180, step)
        self.phi = self.psi if self.phi_is_periodic else np.arange(PROLINE_PHI[0], PROLINE_PHI[1] + 1, step)

    def held(self, point: tuple[int, int], rotamer: int | None = None) -> HeldTorsions:
        """Constraints of a grid point, and of a rotamer if one is given."""
        targets = [self.phi[point[0]], self.psi[point[1]]] + ([] if rotamer is None else [rotamer])
        return HeldTorsions(self.backbone + (self.chi if rotamer is not None else []), np.radians(targets))

    def turned(self, x: np.ndarray, held: HeldTorsions) -> np.ndarray:
        """x turned about the bonds of held torsions by what they deviate; torsions of a ring are left."""
        x = x.copy()
        for quad, deviation in zip(held.quads, held.deviations(x)):
            side = side_of_bond(self.bonded, quad[1], quad[2])
            if side is not None and abs(deviation) > 1e-9:
                x[side] = rotate(x[side], x[quad[2]], x[quad[2]] - x[quad[1]], -deviation)
        return x

    def start(self) -> np.ndarray:
        """A sound geometry [N, 3] to begin with."""
        sampler = Sampler(self.molecule, np.random.default_rng(7))
        sampler.start(300.0)
        return sampler.positions()

    def is_sound(self, x: np.ndarray, like: np.ndarray) -> bool:
        """Bonds whole, peptide bonds trans, chirality that of `like`."""
        return (self.sound.bonds_whole(x) and bool(self.sound.trans(x).all())
                and (self.achiral or bool((self.sound.handedness(x) == self.sound.handedness(like)).all())))


class Scan:
    """The lowest minima found of one potential on one residue's grid: `energy` [phi, psi] in kcal/mol (NaN where none
    was), `positions` [phi, psi, N, 3] in angstrom, and what has been tried.

    identity: what the file's content depends on, e.g. the potential's name and hash; another one is refused.
    rotamer: hold the side chain's torsion as well (surfaces that the starts are taken from).
    """

    def __init__(self, residue: Residue, path: Path, identity: str, potential: Potential, model: Potential,
                 rotamer: int | None = None):
        self.residue, self.path, self.identity, self.rotamer = residue, path, f"{residue.name} {identity}", rotamer
        self.potential, self.model = potential, model
        shape, atoms = (len(residue.phi), len(residue.psi)), len(residue.molecule.numbers)
        self.energy, self.gradient = np.full(shape, np.nan), np.full(shape, np.nan)
        self.positions = np.zeros((*shape, atoms, 3))
        self.tried = np.zeros((*shape, len(DIRECTIONS)), bool)  # by the present minimum, to each neighbour
        self.seeded = np.zeros((0, *shape), bool)
        self.exchanged: list[str] = []
        self.count = {"relaxations": 0, "known": 0, "unconverged": 0, "failed": 0, "unsound": 0, "gradients": 0}
        self.seconds, self.saved = 0.0, time.monotonic()
        self.reference = residue.start()
        if path.is_file():
            self._load()

    def run(self, seeds: list[np.ndarray], progress: Callable[["Scan"], None] | None = None) -> None:
        """Relax from `seeds`, each [phi, psi, N, 3] or one geometry [N, 3], then from neighbours until none helps."""
        self.saved = time.monotonic()
        self._seed(seeds, progress)
        while (edge := self._next_edge()) is not None:
            source, direction, target = edge
            self.tried[(*source, direction)] = True
            if self.residue.achiral:
                self.tried[(*self._mirror(source), OPPOSITE[direction])] = True
            self._try(target, self.positions[source])
            self._tick(progress)
        self.save()

    def _seed(self, seeds: list[np.ndarray], progress) -> None:
        missing = len(seeds) - len(self.seeded)
        if missing > 0:
            self.seeded = np.concatenate((self.seeded, np.zeros((missing, *self.energy.shape), bool)))
        for seed, done in zip(seeds, self.seeded):
            points = [self._nearest(seed)] if seed.ndim == 2 else list(np.ndindex(self.energy.shape))
            for point in points:
                if not done[point]:
                    done[point] = True
                    if self.residue.achiral and seed.ndim == 4:
                        done[self._mirror(point)] = True  # mirror images of each other, as every scan of it is
                    start = seed if seed.ndim == 2 else seed[point]
                    if np.isfinite(start).all() and start.any():
                        self._try(point, start)
                    self._tick(progress)

    def exchange(self, other: "Scan", below: float, progress: Callable[["Scan"], None] | None = None) -> int:
        """Try another potential's minima where either surface is `below` so many kcal/mol; points that got lower."""
        if other.identity in self.exchanged:
            return 0
        before = self.energy.copy()
        either = np.fmin(self.energy - np.nanmin(self.energy), other.energy - np.nanmin(other.energy)) < below
        for point in zip(*np.nonzero(either & np.isfinite(other.energy))):
            self._try(point, other.positions[point])
            self._tick(progress)
        self.run([], progress)
        self.exchanged.append(other.identity)
        self.save()
        return int((~(self.energy >= before - BETTER) & np.isfinite(self.energy)).sum())

    def _nearest(self, x: np.ndarray) -> tuple[int, int]:
        phi, psi = np.degrees(torsions(x, self.residue.backbone)[0])
        return tuple(int(abs((grid - value + 180) % 360 - 180).argmin())
                     for grid, value in ((self.residue.phi, phi), (self.residue.psi, psi)))

    def _next_edge(self):
        """The lowest point that has not been passed on to some neighbour, the direction, and the neighbour."""
        if not np.isfinite(self.energy).any():
            return None
        limit = np.nanmin(self.energy) + SPREADING
        for flat in np.argsort(self.energy, axis=None):
            source = tuple(int(k) for k in np.unravel_index(flat, self.energy.shape))
            if not np.isfinite(self.energy[source]):
                return None
            for direction in np.flatnonzero(~self.tried[source]):
                target = self._neighbour(source, int(direction))
                if target is not None and (self.energy[source] < limit or not np.isfinite(self.energy[target])):
                    return source, int(direction), target
        return None

    def _neighbour(self, point: tuple[int, int], direction: int) -> tuple[int, int] | None:
        i, j = point[0] + DIRECTIONS[direction][0], point[1] + DIRECTIONS[direction][1]
        if self.residue.phi_is_periodic:
            i %= len(self.residue.phi)
        return (i, j % len(self.residue.psi)) if 0 <= i < len(self.residue.phi) else None

    def _try(self, point: tuple[int, int], x: np.ndarray) -> None:
        """Relax x at a grid point and keep the result if it is sound and the lowest so far."""
        began, held = time.monotonic(), self.residue.held(point, self.rotamer)
        self.count["relaxations"] += 1
        try:
            found = relax(self._counted, self.residue.turned(x, held), held, self.model, self.residue.internals,
                          lambda y, energy: self._known(point, y, energy))
        except (RelaxationError, np.linalg.LinAlgError) as error:
            self.count["failed"] += 1
            self.last_failure = f"{self.residue.name} {self._degrees(point)}: {error}"
            return
        finally:
            self.seconds += time.monotonic() - began
        if found.known:
            self.count["known"] += 1
        elif not found.converged:
            self.count["unconverged"] += 1
        elif not self.residue.is_sound(found.positions, self.reference):
            self.count["unsound"] += 1
        else:
            self._offer(point, found.positions, found.energy, found.gradient)
            if self.residue.achiral:
                self._offer(self._mirror(point), found.positions * [1, 1, -1], found.energy, found.gradient)

    def _mirror(self, point: tuple[int, int]) -> tuple[int, int]:
        """The grid point (-phi, -psi)."""
        return tuple(-k % len(grid) for grid, k in ((self.residue.phi, point[0]), (self.residue.psi, point[1])))

    def _counted(self, x: np.ndarray):
        self.count["gradients"] += 1
        return self.potential(x)

    def _known(self, point: tuple[int, int], x: np.ndarray, energy: float) -> bool:
        if not energy < self.energy[point] + SAME_ENERGY:  # also where there is none yet
            return False
        return float(np.sqrt(((distances(x) - distances(self.positions[point])) ** 2).mean())) < SAME_SHAPE

    def _offer(self, point: tuple[int, int], x: np.ndarray, energy: float, gradient: float) -> None:
        if not energy > self.energy[point] - BETTER:
            self.energy[point], self.positions[point], self.gradient[point] = energy, x, gradient
            self.tried[point] = False

    def _degrees(self, point: tuple[int, int]) -> tuple[int, int]:
        return int(self.residue.phi[point[0]]), int(self.residue.psi[point[1]])

    def _tick(self, progress) -> None:
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()
        if progress:
            progress(self)

    def off_grid(self) -> float:
        """Largest deviation of a held torsion from its grid value, degrees."""
        return max((float(np.degrees(abs(self.residue.held(point).deviations(self.positions[point])).max()))
                    for point in np.ndindex(self.energy.shape) if np.isfinite(self.energy[point])), default=0.0)

    def save(self) -> None:
        """Write all of the scan; a file is whole or not there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part.npz")
        np.savez_compressed(part, identity=self.identity, energy=self.energy, gradient=self.gradient,
                            positions=self.positions, tried=self.tried, seeded=self.seeded, seconds=self.seconds,
                            exchanged=np.array(self.exchanged, str), **{f"count_{key}": value for key, value in self.count.items()})
        os.replace(part, self.path)
        self.saved = time.monotonic()

    def _load(self) -> None:
        with np.load(self.path) as file:
            if str(file["identity"]) != self.identity:
                raise ValueError(f"{self.path} is a scan of {file['identity']}, not of {self.identity}: move it away")
            for name in ("energy", "gradient", "positions", "tried", "seeded"):
                setattr(self, name, file[name])
            self.seconds, self.exchanged = float(file["seconds"]), file["exchanged"].tolist()
            self.count = {key: int(file[f"count_{key}"]) for key in self.count}


def distances(x: np.ndarray) -> np.ndarray:
    """All interatomic distances [N, N]: the shape of a molecule, up to its mirror image."""
    return np.linalg.norm(x[:, None] - x[None], axis=-1)
