"""Models, systems and workspaces of the C interface, freed with their Python objects."""
from __future__ import annotations

import ctypes
import numbers
import os
import weakref
from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

import numpy as np

from . import abi, library
from .errors import InvalidArgumentError, TopologyError
from .hostterms import HostTerms
from .region import RegionArrays


def parseScheme(scheme: str) -> tuple[int, float, float]:
    """A scheme's number and the radii (nm) between which pairs fade out, 0 where the text has none.

    Raises InvalidArgumentError for anything that is no scheme.
    """
    number, inner, outer = ctypes.c_int32(), ctypes.c_double(), ctypes.c_double()
    library.check(library.core().pb_scheme_parse(str(scheme).encode(), ctypes.byref(number), ctypes.byref(inner),
                                                 ctypes.byref(outer)))
    return number.value, inner.value, outer.value


def checkTotalCharge(totalCharge: Optional[int]) -> Optional[int]:
    """A charge as int, or None; raises InvalidArgumentError for anything that is not a whole number of e."""
    if totalCharge is None:
        return None
    if isinstance(totalCharge, bool) or not isinstance(totalCharge, numbers.Real) or totalCharge != int(totalCharge):
        raise InvalidArgumentError(f"totalCharge is {totalCharge!r}: give a whole number of elementary charges, or None "
                                   "to take it from the residues")
    return int(totalCharge)


class Calibration(NamedTuple):
    """Expected error of an atom's force, given the spread of an ensemble's members:
    sqrt(floor^2 + (scale spread)^2).

    Attributes
    ----------
    floor : float
        kJ/mol/nm, where the members agree.
    scale : float
        Error per spread, where they are far apart.
    """

    floor: float
    scale: float


class Uncertainty(NamedTuple):
    """How far the members of an ensemble are apart.

    Attributes
    ----------
    energySpread : float
        Standard deviation of their energies (n - 1), kJ/mol.
    forceSpreads : numpy.ndarray, shape (atoms,)
        sqrt(sum_m |F_m - mean|^2 / (n - 1)) of each atom, kJ/mol/nm; zero for atoms that take no part.
    forceErrors : numpy.ndarray, shape (atoms,), or None
        Expected error of each atom's force, kJ/mol/nm; None without a calibration.
    """

    energySpread: float
    forceSpreads: np.ndarray
    forceErrors: Optional[np.ndarray]


class Model:
    """A potential: a shipped model, a model file, or a built-in potential. Immutable; may be shared by threads.

    Parameters
    ----------
    name : str or path-like
        A name from :func:`pluginbridge.models`, or the path of a model file: a network, or the JSON file of an
        ensemble of networks.
    expectedHash : str, optional
        Refuse a model file with another SHA-256.

    Attributes
    ----------
    name, hash, target, baseForceField, referenceMethod : str
        See ``pb_model_info``; `baseForceField` is None for absolute potentials, `hash` is empty for built-in ones.
    cutoff : float
        Range of one interaction, nm; infinite for quantum chemistry.
    memberCount : int
        Networks whose mean the model is; 1 if it is no ensemble.
    calibration : Calibration or None
        What the spread of an ensemble's members means; None where that has not been measured.
    """

    def __init__(self, name: Union[str, os.PathLike], expectedHash: Optional[str] = None):
        core = library.core()
        handle = ctypes.c_void_p()
        encoded = os.fspath(name).encode()
        library.check(core.pb_model_load(encoded, expectedHash.encode() if expectedHash else None,
                                         ctypes.byref(handle)))
        self.handle = handle
        weakref.finalize(self, core.pb_model_free, handle)
        info = abi.ModelInfo()
        library.check(core.pb_model_get_info(handle, ctypes.byref(info)))
        self.name = info.name.decode()
        self.hash = info.hash.decode()
        self.target = info.target.decode()
        self.baseForceField = info.base_force_field.decode() if info.base_force_field else None
        self.referenceMethod = info.reference_method.decode() if info.reference_method else ""
        self.cutoff = info.cutoff
        ensemble = abi.EnsembleInfo()
        library.check(core.pb_model_get_ensemble(handle, ctypes.byref(ensemble)))
        self.memberCount = ensemble.member_count
        self.calibration = Calibration(ensemble.error_floor, ensemble.error_scale) if ensemble.is_calibrated else None

    @property
    def isAbsolute(self) -> bool:
        """Whether the model replaces the host's own terms; else it corrects a named force field."""
        return self.baseForceField is None

    def supportsElement(self, atomicNumber: int) -> bool:
        """Whether the model knows an element."""
        return bool(library.core().pb_model_supports_element(self.handle, atomicNumber))


@dataclass(frozen=True)
class Fragment:
    """One term of the sum over fragments; atom indices are those of the RegionArrays.

    Attributes
    ----------
    label : str
        e.g. "D 2", "K 2-3", "whole".
    coefficient : float
        c_f.
    charge, unpairedElectrons : int
    atoms : numpy.ndarray of int32
    caps : list of (int, int, float, bool)
        Anchor, replaced atom, bond length (nm), whether the region ends there.
    """

    label: str
    coefficient: float
    charge: int
    unpairedElectrons: int
    atoms: np.ndarray
    caps: list


class CoreSystem:
    """A topology with templates assigned and fragments built. Immutable; may be shared by threads.

    Parameters
    ----------
    model : Model
    arrays : RegionArrays
    scheme : str
        "whole", "dipeptide", "window2", "window3", "window2+pairs" or "window3+pairs"; the last two also with radii
        in angstrom between which pairs fade out: "window3+pairs:3.5-4.5".
    terms : HostTerms, optional
        The host's terms; None: the library's own ff14SB.
    totalCharge : int, optional
        Charge of the region, e; None: from its residues' templates.
    """

    def __init__(self, model: Model, arrays: RegionArrays, scheme: str = "whole", terms: Optional[HostTerms] = None,
                 totalCharge: Optional[int] = None):
        number, inner, outer = parseScheme(scheme)
        charge = checkTotalCharge(totalCharge)
        core = library.core()
        names, residueNumbers, chains = zip(*arrays.residues)
        host = terms.struct() if terms is not None else None
        spec = abi.SystemSpec(
            atom_count=len(arrays.elements), atomic_numbers=abi.int32s(arrays.elements),
            bond_count=len(arrays.bonds), bonds=abi.int32s(arrays.bonds),
            region_count=len(arrays.region), region=abi.int32s(arrays.region),
            total_charge=abi.CHARGE_FROM_TEMPLATES if charge is None else charge,
            residue_count=len(arrays.residues), atom_residues=abi.int32s(arrays.atomResidues),
            residue_names=abi.strings(names), residue_numbers=abi.strings(residueNumbers),
            residue_chains=abi.strings(chains), atom_names=abi.strings(arrays.names),
            scheme=number, host_terms=ctypes.pointer(host) if host is not None else None, pair_inner=inner,
            pair_outer=outer)
        handle = ctypes.c_void_p()
        try:
            library.check(core.pb_system_create(model.handle, ctypes.byref(spec), ctypes.byref(handle)))
        except TopologyError as error:
            if not model.isAbsolute or charge is not None:
                raise
            raise TopologyError(f"{error} The charge of a region that is no known protein is unknown: give the total "
                                "charge (totalCharge=...) and use the scheme 'whole'") from error
        self.handle = handle
        self.model = model
        weakref.finalize(self, core.pb_system_free, handle)

    def __len__(self) -> int:
        return library.core().pb_system_atom_count(self.handle)

    def fragments(self) -> list[Fragment]:
        """The terms of the sum."""
        core = library.core()
        found = []
        for index in range(core.pb_system_fragment_count(self.handle)):
            info = abi.FragmentInfo()
            library.check(core.pb_system_get_fragment(self.handle, index, ctypes.byref(info)))
            caps = [(c.anchor, c.replaced, c.length, bool(c.is_border)) for c in info.caps[:info.cap_count]]
            found.append(Fragment(info.label.decode(), info.coefficient, info.charge, info.unpaired_electrons,
                                  np.array(info.atoms[:info.atom_count], np.int32), caps))
        return found


class Workspace:
    """Buffers of one caller: use it from one thread at a time.

    Parameters
    ----------
    system : CoreSystem
    threads : int
        Threads of one evaluation; results do not depend on it.
    doublePrecision : bool
        Networks in double precision.
    """

    def __init__(self, system: CoreSystem, threads: int = 1, doublePrecision: bool = False):
        core = library.core()
        options = abi.WorkspaceOptions(threads=threads, double_precision=int(doublePrecision))
        handle = ctypes.c_void_p()
        library.check(core.pb_workspace_create(system.handle, ctypes.byref(options), ctypes.byref(handle)))
        self.handle = handle
        self.atomCount = len(system)
        self._isCalibrated = system.model.calibration is not None
        weakref.finalize(self, core.pb_workspace_free, handle)

    def evaluate(self, positions: np.ndarray, boxVectors: Optional[np.ndarray] = None,
                 quantity: str = "correction") -> tuple[float, np.ndarray, np.ndarray]:
        """Energy, forces and virial.

        Parameters
        ----------
        positions : numpy.ndarray, shape (atoms, 3)
            nm, in the order of the RegionArrays.
        boxVectors : numpy.ndarray, shape (3, 3), optional
            nm, reduced as in OpenMM; None: not periodic.
        quantity : str
            "correction", or "total": with the force field of the region in vacuo.

        Returns
        -------
        energy : float
            kJ/mol
        forces : numpy.ndarray, shape (atoms, 3)
            kJ/mol/nm
        virial : numpy.ndarray, shape (3, 3)
            minus dE/d(strain), kJ/mol
        """
        energy, forces, virial, _ = self._evaluate(positions, boxVectors, quantity, None)
        return energy, forces, virial

    def evaluateWithUncertainty(self, positions: np.ndarray, boxVectors: Optional[np.ndarray] = None,
                                quantity: str = "correction") -> tuple[float, np.ndarray, np.ndarray, Uncertainty]:
        """As :meth:`evaluate`, and the spread of an ensemble's members.

        Raises
        ------
        UnsupportedError
            The model is no ensemble.
        """
        spreads = np.zeros(self.atomCount)
        errors = np.zeros(self.atomCount) if self._isCalibrated else None
        struct = abi.Uncertainty(force_spreads=abi.doubles(spreads), force_errors=abi.doubles(errors))
        energy, forces, virial, found = self._evaluate(positions, boxVectors, quantity, struct)
        return energy, forces, virial, Uncertainty(found.energy_spread, spreads, errors)

    def _evaluate(self, positions, boxVectors, quantity, uncertainty):
        if quantity not in abi.QUANTITIES:
            raise InvalidArgumentError(f"quantity '{quantity}' is unknown: use 'correction' or 'total'")
        positions = np.ascontiguousarray(positions, float)
        if positions.shape != (self.atomCount, 3):
            raise InvalidArgumentError(f"positions have shape {positions.shape}, not ({self.atomCount}, 3)")
        box = None if boxVectors is None else np.ascontiguousarray(boxVectors, float).reshape(3, 3)
        options = abi.EvaluationOptions(quantity=abi.QUANTITIES[quantity], box_vectors=abi.doubles(box),
                                        uncertainty=None if uncertainty is None else ctypes.pointer(uncertainty))
        energy = np.zeros(1)
        forces = np.zeros((self.atomCount, 3))
        virial = np.zeros((3, 3))
        library.check(library.core().pb_evaluate(self.handle, abi.doubles(positions), ctypes.byref(options),
                                                 abi.doubles(energy), abi.doubles(forces), abi.doubles(virial)))
        return float(energy[0]), forces, virial, uncertainty
