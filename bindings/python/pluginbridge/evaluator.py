"""Direct evaluation through the C interface, without a host."""
from __future__ import annotations

import os
from typing import Iterable, NamedTuple, Optional, Union

import numpy as np

from .core import CoreSystem, Fragment, Model, Uncertainty, Workspace
from .errors import InvalidArgumentError
from .hostterms import hostTerms
from .region import regionArrays

_PRECISIONS = {"single": False, "double": True}


class Evaluation(NamedTuple):
    """Result of an evaluation.

    Attributes
    ----------
    energy : float
        kJ/mol
    forces : numpy.ndarray, shape (atoms of the topology, 3)
        kJ/mol/nm
    virial : numpy.ndarray, shape (3, 3)
        minus dE/d(strain), kJ/mol
    uncertainty : Uncertainty or None
        How far the members of an ensemble are apart, per atom of the topology; None where it was not asked for.
    """

    energy: float
    forces: np.ndarray
    virial: np.ndarray
    uncertainty: Optional[Uncertainty] = None


class Evaluator:
    """Evaluates a region of a topology again and again; templates and fragments are worked out once.

    Parameters
    ----------
    topology : openmm.app.Topology
        With hydrogens.
    model : str, path-like or Model
        A name from :func:`pluginbridge.models` or a model file, an ensemble's too.
    scheme : str
        "whole", "dipeptide", "window2", "window3", "window2+pairs" or "window3+pairs"; the last two also with radii
        in angstrom between which pairs fade out: "window3+pairs:3.5-4.5".
    precision : str
        "single" or "double": of the network; fragments, caps and sums are double in both.
    threads : int, optional
        Threads of one evaluation; None: one.
    atoms : iterable of int, optional
        The region: topology indices, whole residues; None: the protein.
    system : openmm.System, optional
        A host whose own terms are the base energy of the fragments (absolute potentials), or are compared with the
        force field that the model corrects; None: the library's own ff14SB.
    totalCharge : int, optional
        Charge of the region, e; None: from its residues' templates. Has to be given for a ligand and everything else
        that is no protein (absolute potentials, scheme "whole").

    Raises
    ------
    PluginBridgeError
        The model cannot be loaded, or the region is not covered; the message names the residue or atom.
    """

    def __init__(self, topology, model: Union[str, os.PathLike, Model] = "visnet-gfn2", scheme: str = "whole",
                 precision: str = "single", threads: Optional[int] = None, atoms: Optional[Iterable[int]] = None,
                 system=None, totalCharge: Optional[int] = None):
        self.model = model if isinstance(model, Model) else Model(model)
        self.arrays = regionArrays(topology, atoms)
        self.atomCount = topology.getNumAtoms()
        terms = None if system is None else hostTerms(system, self.arrays, self.model.isAbsolute)
        self._system = CoreSystem(self.model, self.arrays, scheme, terms, totalCharge)
        self._workspace = Workspace(self._system, threads or 1, checkPrecision(precision))

    @property
    def fragments(self) -> list[Fragment]:
        """The terms of the sum over fragments."""
        return self._system.fragments()

    def evaluate(self, positions, boxVectors=None, quantity: str = "correction",
                 uncertainty: bool = False) -> Evaluation:
        """Energy, forces and virial at given positions.

        Parameters
        ----------
        positions : Quantity, array or list of Vec3, shape (atoms of the topology, 3)
            nm where there is no unit.
        boxVectors : Quantity or array, shape (3, 3), optional
            Periodic box (nm), reduced as in OpenMM; atoms may lie in any image. None, the default: in vacuo, even if
            the topology has a box.
        quantity : str
            "correction", the default: what is added to ff14SB (or the host). "total": the correction plus the force
            field's energy of the region in vacuo, which is what the command line prints by default.
        uncertainty : bool
            Whether to have the spread of an ensemble's members as well; UnsupportedError if the model is none.
        """
        positions = toNanometers(positions)
        if positions.shape != (self.atomCount, 3):
            raise InvalidArgumentError(f"positions have shape {positions.shape}, but the topology has "
                                       f"{self.atomCount} atoms")
        box = None if boxVectors is None else toNanometers(boxVectors)
        local = positions[self.arrays.particles]
        if not uncertainty:
            energy, forces, virial = self._workspace.evaluate(local, box, quantity)
            return Evaluation(energy, self._ofTopology(forces), virial)
        energy, forces, virial, found = self._workspace.evaluateWithUncertainty(local, box, quantity)
        errors = None if found.forceErrors is None else self._ofTopology(found.forceErrors)
        return Evaluation(energy, self._ofTopology(forces), virial,
                          Uncertainty(found.energySpread, self._ofTopology(found.forceSpreads), errors))

    def _ofTopology(self, local: np.ndarray) -> np.ndarray:
        """Values of the region's atoms as values of all atoms, zero for the others."""
        values = np.zeros((self.atomCount, *local.shape[1:]))
        values[self.arrays.particles] = local
        return values


def energy(topology, positions, model: Union[str, os.PathLike, Model] = "visnet-gfn2", scheme: str = "whole",
           precision: str = "single", threads: Optional[int] = None, quantity: str = "correction",
           atoms: Optional[Iterable[int]] = None, boxVectors=None,
           totalCharge: Optional[int] = None) -> tuple[float, np.ndarray]:
    """Energy and forces of a protein at given positions, without a simulation.

    For many geometries of one topology an :class:`Evaluator` is faster.

    Parameters
    ----------
    topology, model, scheme, precision, threads, atoms, totalCharge
        As for :class:`Evaluator`.
    positions : Quantity, array or list of Vec3, shape (atoms, 3)
        nm where there is no unit.
    quantity : str
        "correction", the default: what is added to ff14SB. "total": the correction plus ff14SB of the region in vacuo,
        which is what the command line prints by default.
    boxVectors : Quantity or array, shape (3, 3), or "topology", optional
        Periodic box, nm. None, the default: in vacuo, even if the topology has a box: a PDB file's CRYST1 is as often a
        crystal's unit cell as a simulation box. "topology": the topology's box.

    Returns
    -------
    energy : float
        kJ/mol
    forces : numpy.ndarray, shape (atoms, 3)
        kJ/mol/nm; zero outside the region (and its borders).
    """
    if isinstance(boxVectors, str):
        if boxVectors != "topology":
            raise InvalidArgumentError(f"boxVectors '{boxVectors}' is unknown: give three vectors, None or 'topology'")
        boxVectors = topology.getPeriodicBoxVectors()
        if boxVectors is None:
            raise InvalidArgumentError("boxVectors='topology' was given, but the topology has no box")
    evaluator = Evaluator(topology, model, scheme, precision, threads, atoms, totalCharge=totalCharge)
    result = evaluator.evaluate(positions, boxVectors, quantity)
    return result.energy, result.forces


def checkPrecision(precision: str) -> bool:
    """Whether a precision, "single" or "double", is double."""
    if precision not in _PRECISIONS:
        raise InvalidArgumentError(f"precision '{precision}' is unknown: use 'single' or 'double'")
    return _PRECISIONS[precision]


def toNanometers(values) -> np.ndarray:
    """Quantities, lists of Vec3 or arrays as float64 in nm."""
    from openmm import unit

    if unit.is_quantity(values):
        values = values.value_in_unit(unit.nanometer)
    elif len(values) and unit.is_quantity(values[0]):
        values = [value.value_in_unit(unit.nanometer) for value in values]
    return np.array(values, float)
