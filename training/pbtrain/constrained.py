"""Relaxation with torsions held exactly: quasi-Newton steps in internal coordinates, at constant torsions.

The held torsions are constraints, not restraints: after each step the geometry is put back onto their values, so
no restraint energy exists and the energies of a scan belong to its grid points.  The first Hessian is ff14SB's
(finite differences, some milliseconds); BFGS updates teach it the potential at hand.

Units: angstrom, kcal/mol, radians.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .internals import Internals, InternalsError, torsions

Potential = Callable[[np.ndarray], tuple[float, np.ndarray]]  # positions [N, 3] -> energy, gradient [N, 3]

SOFTEST = 0.5  # kcal/mol/angstrom^2 or rad^2, floor of the Hessian's eigenvalues
LONGEST_STEP, SHORTEST_STEP = 0.4, 1e-4  # angstrom or rad, largest change of a coordinate
GRADIENT, GAIN = 0.05, 1e-3  # converged: largest component orthogonal to the constraints, energy still to gain
NOISE = 1e-5  # kcal/mol, a rise of the energy that is none


class RelaxationError(RuntimeError):
    """Held torsions cannot be reached, or the energy is not finite."""


@dataclass
class Relaxed:
    """A relaxed geometry: `gradient` is the largest component orthogonal to the held torsions, `evaluations` counts
    energies with gradients; `known` if the run was ended because `seen` recognised a minimum it was heading for."""

    positions: np.ndarray
    energy: float
    gradient: float
    evaluations: int
    converged: bool
    known: bool = False


class HeldTorsions:
    """Torsions `quads` (four atoms each) held at `targets`."""

    def __init__(self, quads: list[tuple[int, int, int, int]], targets: np.ndarray):
        self.quads, self.targets = quads, np.asarray(targets, float)

    def deviations(self, x: np.ndarray) -> np.ndarray:
        """Torsions minus targets, in [-pi, pi)."""
        return (torsions(x, self.quads)[0] - self.targets + np.pi) % (2 * np.pi) - np.pi

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives [torsions, 3 N]."""
        result = np.zeros((len(self.quads), *x.shape))
        for atoms, gradient in zip(np.transpose(self.quads), torsions(x, self.quads)[1]):
            result[np.arange(len(self.quads)), atoms] = gradient
        return result.reshape(len(self.quads), -1)

    def restore(self, x: np.ndarray, inverse: np.ndarray | None = None, largest: float = np.radians(4.0)) -> np.ndarray:
        """x moved onto the targets: the shortest way, or the one that costs least by an inverse Hessian [3 N, 3 N]."""
        for _ in range(300):
            deviations = self.deviations(x)
            worst = abs(deviations).max(initial=0.0)
            if worst < 1e-7:
                return x
            jacobian = self.jacobian(x)
            across = jacobian.T if inverse is None else inverse @ jacobian.T
            step = across @ np.linalg.solve(jacobian @ across, deviations * min(1.0, largest / worst))
            x = x - step.reshape(x.shape)
        raise RelaxationError(f"held torsions stay {np.degrees(worst):.2g} degrees off their values")


def numerical_hessian(potential: Potential, x: np.ndarray, step: float = 0.005) -> np.ndarray:
    """Central differences of the gradient [3 N, 3 N], symmetric."""
    flat, columns = x.ravel(), []
    for n in range(flat.size):
        shift = np.zeros_like(flat)
        shift[n] = step
        ahead, behind = (potential((flat + s * shift).reshape(x.shape))[1].ravel() for s in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    hessian = np.array(columns)
    return (hessian + hessian.T) / 2


def positive(hessian: np.ndarray, floor: float) -> np.ndarray:
    """The matrix with the absolute values of its eigenvalues, none below the floor."""
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.maximum(abs(values), floor)) @ vectors.T


class Frame:
    """Internal coordinates at a point: values, gradient, and the space of steps that leave the held torsions alone."""

    def __init__(self, internals: Internals, rows: list[int], x: np.ndarray, gradient: np.ndarray):
        self.values, b = internals(x)
        values, vectors = np.linalg.eigh(b.T @ b)
        keep = values > 1e-8 * values[-1]
        self.left = (b @ vectors[:, keep]) / np.sqrt(values[keep])  # orthonormal basis of what coordinates can do
        self.back = (vectors[:, keep] / np.sqrt(values[keep])) @ self.left.T  # pseudo-inverse of B
        self.gradient = self.back.T @ gradient.ravel()
        held = self.left[rows]  # in the basis: the steps that change held torsions
        free = np.linalg.svd(held)[2][len(rows):] if rows else np.eye(self.left.shape[1])
        self.basis = self.left @ free.T


def relax(potential: Potential, x: np.ndarray, held: HeldTorsions, model: Potential, internals: Internals,
          seen: Callable[[np.ndarray, float], bool] | None = None, evaluations: int = 200) -> Relaxed:
    """Minimise `potential` from `x` with torsions held; `model` is the cheap potential of the first Hessian.

    seen(positions, energy) may end the run early: the minimum ahead is known already.
    """
    if abs(held.deviations(x)).max(initial=0.0) > 1e-7:
        x = held.restore(x, np.linalg.inv(positive(numerical_hessian(model, x), 1.0)))
    rows = [internals.index_of(quad) for quad in held.quads]
    energy, gradient = _finite(potential, x)
    frame = Frame(internals, rows, x, gradient)
    hessian = frame.left @ positive(frame.left.T @ frame.back.T @ numerical_hessian(model, x) @ frame.back @ frame.left,
                                    SOFTEST) @ frame.left.T
    radius, count = LONGEST_STEP / 2, 1
    while True:
        slope = frame.basis.T @ frame.gradient
        curvature, modes = np.linalg.eigh(frame.basis.T @ hessian @ frame.basis)
        along = modes.T @ slope
        step = frame.basis @ (modes @ (-along / np.maximum(curvature, SOFTEST)))
        flat, jacobian = gradient.ravel(), held.jacobian(x)
        orthogonal = flat - jacobian.T @ np.linalg.lstsq(jacobian.T, flat, rcond=None)[0]
        largest, gain = float(abs(orthogonal).max()), float(-0.5 * step @ frame.gradient)
        if (converged := largest < GRADIENT and gain < GAIN) or count >= evaluations or radius < SHORTEST_STEP:
            return Relaxed(x, energy, largest, count, converged)
        if seen is not None and seen(x, energy):
            return Relaxed(x, energy, largest, count, False, known=True)
        length = abs(step).max()
        try:
            trial = held.restore(internals.moved(x, step * min(1.0, radius / length)))
        except InternalsError:
            radius = 0.3 * min(radius, length)
            continue
        there, gradient_there = _finite(potential, trial)
        count += 1
        ahead = Frame(internals, rows, trial, gradient_there)
        moved = internals.difference(ahead.values, frame.values)
        foretold = -(moved @ frame.gradient) - 0.5 * moved @ (hessian @ moved)
        hessian = _damped_bfgs(hessian, moved, ahead.gradient - frame.gradient)
        if there > energy + NOISE:
            radius = 0.3 * min(radius, length)
            continue
        agreement = (energy - there) / foretold if foretold > NOISE else 1.0
        if agreement > 0.6:
            radius = min(LONGEST_STEP, 1.6 * radius)
        elif agreement < 0.1:
            radius = max(0.5 * radius, 10 * SHORTEST_STEP)
        x, energy, gradient, frame = trial, there, gradient_there, ahead


def _finite(potential: Potential, x: np.ndarray) -> tuple[float, np.ndarray]:
    energy, gradient = potential(x)
    if not (np.isfinite(energy) and np.isfinite(gradient).all()):
        raise RelaxationError("the potential's energy or gradient is not finite")
    return energy, gradient


def _damped_bfgs(hessian: np.ndarray, moved: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Powell's damped update (Nocedal and Wright, Numerical Optimization, procedure 18.2)."""
    image = hessian @ moved
    curvature, found = moved @ image, moved @ change
    if curvature < 1e-12:
        return hessian
    if found < 0.2 * curvature:
        share = 0.8 * curvature / (curvature - found)
        change = share * change + (1 - share) * image
    return hessian - np.outer(image, image) / curvature + np.outer(change, change) / (moved @ change)
