"""Adds the fragmented potential to OpenMM Systems, in the call shape of openmm-ml's MLPotential."""
from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Iterable, Optional, Union

from . import constraints
from .core import CoreSystem, Model, checkTotalCharge, parseScheme
from .errors import InvalidArgumentError, UnsupportedError
from .evaluator import checkPrecision
from .forcexml import DEFAULT_LAMBDA_NAME, createForce, ourForces
from .hostterms import hostTerms
from .region import RegionArrays, regionArrays
from .regionsystem import checkRegionSystem


class FragmentPotential:
    """A potential of quantum-chemical quality for the protein of an OpenMM System.

    The host's System stays as the user made it and gets one more force, which adds λ (E_QM - E_ff14SB) of the region:

    >>> system = forcefield.createSystem(topology, nonbondedMethod=PME, constraints=HBonds)
    >>> system = FragmentPotential().createMixedSystem(topology, system)

    Parameters
    ----------
    model : str or path-like
        A name from :func:`pluginbridge.models` or the path of a model file.
    scheme : str
        How the region is divided: "whole" (one graph), "dipeptide", "window2", "window3", "window2+pairs" or
        "window3+pairs"; the last two also with radii in angstrom between which pairs fade out: "window3+pairs:3.5-4.5".
    precision : str
        "single" or "double": of the network; fragments, caps and sums are double in both.
    threads : int, optional
        Threads of one evaluation; None: the platform's ``Threads`` property, or all processors.
    lambda_name : str, optional
        Context parameter λ that scales the correction (1: the potential, 0: the plain force field). By default
        ``"FragmentedPotentialForce_lambda"``; two forces that are to be scaled apart need two names.

    Attributes
    ----------
    model : Model
        The loaded potential, with its name, hash, target and cutoff.
    lambda_name : str
        See above.

    Raises
    ------
    PluginBridgeError
        The model does not load, or an option is unknown.
    """

    def __init__(self, model: Union[str, os.PathLike] = "visnet-gfn2", scheme: str = "whole",
                 precision: str = "single", threads: Optional[int] = None, lambda_name: Optional[str] = None):
        parseScheme(scheme)
        self.model = Model(model)
        self.scheme = scheme
        self.precision = precision
        self.threads = _checkThreads(threads)
        self.lambda_name = lambda_name or DEFAULT_LAMBDA_NAME
        self._named = lambda_name is not None
        self._double = checkPrecision(precision)
        # an existing file by its full path, so that the System may be used from another working directory
        self._modelName = str(Path(model).resolve()) if Path(model).is_file() else os.fspath(model)

    def createSystem(self, topology, removeCMMotion: bool = True, forceGroup: int = 0, **args):
        """A System of the protein alone, in vacuo.

        Parameters
        ----------
        topology : openmm.app.Topology
            The protein with hydrogens, nothing else.
        removeCMMotion : bool
            Whether to add a CMMotionRemover.
        forceGroup : int
            Force group of the correction.
        args
            Options of ``ForceField.createSystem``, e.g. ``constraints``, ``hydrogenMass``.

        Returns
        -------
        openmm.System
            ff14SB without cutoff, plus the correction.

        Raises
        ------
        PluginBridgeError
            The topology is not covered; the message names the residue.
        """
        from openmm import app

        if args.setdefault("nonbondedMethod", app.NoCutoff) is not app.NoCutoff:
            raise InvalidArgumentError("createSystem makes a System in vacuo, without a cutoff; for a solvated one use "
                                       "createMixedSystem")
        arrays = regionArrays(topology, range(topology.getNumAtoms()))
        CoreSystem(self.model, arrays, self.scheme)  # names what is not covered better than ForceField does
        try:
            system = app.ForceField(constraints.FORCE_FIELD).createSystem(topology, removeCMMotion=removeCMMotion,
                                                                          **args)
        except ValueError as error:
            raise InvalidArgumentError(f"OpenMM's ff14SB does not fit the topology: {error}") from error
        self._addForce(system, topology, arrays, forceGroup, self.lambda_name, 1.0, False)
        return system

    def createMixedSystem(self, topology, system, atoms: Optional[Iterable[int]] = None,
                          removeConstraints: bool = False, forceGroup: int = 0, interpolate: bool = False,
                          embedding: str = "mechanical", *, lambda_value: float = 1.0,
                          lambda_derivative: bool = False, totalCharge: Optional[int] = None,
                          regionSystem=None):
        """A copy of a System with the region at the quantum-chemical level.

        Everything that the user put into the System stays: bonded terms, exclusions, PME, constraints, virtual sites,
        barostats, masses. Solvent and region interact through the host's charges (mechanical embedding). The region's
        interaction with its own periodic images, beyond the network's cutoff, and the Lennard-Jones tail stay the host's.

        Parameters
        ----------
        topology : openmm.app.Topology
            Of the whole System, with hydrogens.
        system : openmm.System
            The host, ff14SB for the region where the model corrects ff14SB; not changed.
        atoms : iterable of int, optional
            The region: indices of whole residues; None: the protein (all chains with their caps and termini, without
            water and ions).
        removeConstraints : bool
            Remove the constraints inside the region and put their bond terms back, from ff14SB. The default keeps
            them as the user made them; without them steps have to be 0.5 to 1 fs.
        forceGroup : int
            Force group of the correction.
        interpolate : bool
            Call λ ``"lambda_interpolate"``, as openmm-ml does, unless `lambda_name` was given.
        embedding : str
            "mechanical" is the only one.
        lambda_value : float
            λ of a new Context.
        lambda_derivative : bool
            Make dE/dλ available (``Context.getState(getParameterDerivatives=True)``).
        totalCharge : int, optional
            Charge of the region, e; None: from its residues' templates. Has to be given for a ligand and everything
            else that is no protein (absolute potentials, scheme "whole").
        regionSystem : openmm.System, optional
            For a host that is not on ff14SB (CHARMM, AMOEBA, ...): the region alone on the host's force field, e.g. from
            :func:`createRegionSystem`. Its energy in vacuo is taken away from the host's, the model's total energy of the
            region put in its place; λ leads from the host's force field to the model.

        Returns
        -------
        openmm.System

        Raises
        ------
        ForceFieldMismatchError
            The model corrects ff14SB, and the host differs from it, or `regionSystem` from the host: the first term that
            does is named.
        TopologyError, UnsupportedError
            The region is not covered; the residue or atom is named.
        InvalidArgumentError
            `atoms` or another option is wrong.
        """
        if embedding != "mechanical":
            raise InvalidArgumentError(f"embedding '{embedding}' is unknown: 'mechanical' is the only one")
        if system.getNumParticles() != topology.getNumAtoms():
            raise InvalidArgumentError(f"the System has {system.getNumParticles()} particles, the topology "
                                       f"{topology.getNumAtoms()} atoms: they have to be of the same molecules")
        arrays = regionArrays(topology, atoms)
        lambdaName = "lambda_interpolate" if interpolate and not self._named else self.lambda_name
        mixed = copy.deepcopy(system)
        if removeConstraints and regionSystem is not None:
            raise InvalidArgumentError("removeConstraints puts back ff14SB's bond terms, so it does not go with regionSystem: "
                                       "make both Systems without constraints")
        if removeConstraints:
            constraints.removeConstraints(mixed, topology, arrays)
        self._addForce(mixed, topology, arrays, forceGroup, lambdaName, lambda_value, lambda_derivative,
                       checkTotalCharge(totalCharge), regionSystem)
        return mixed

    def _addForce(self, system, topology, arrays: RegionArrays, forceGroup: int, lambdaName: str, lambdaValue: float,
                  derivative: bool, totalCharge: Optional[int] = None, regionSystem=None) -> None:
        if not 0 <= forceGroup <= 31:
            raise InvalidArgumentError(f"forceGroup {forceGroup} is not between 0 and 31")
        _refuseVirtualSites(system, arrays)
        _refuseOverlap(system, arrays)
        # checks coverage and the host's terms now
        terms = None
        if regionSystem is None:
            terms = hostTerms(system, arrays, self.model.isAbsolute)
        else:
            checkRegionSystem(system, regionSystem, arrays)
        CoreSystem(self.model, arrays, self.scheme, terms, totalCharge)
        charge = {} if totalCharge is None else {"totalCharge": totalCharge}
        system.addForce(createForce(
            arrays, regionSystem, forceGroup=forceGroup, model=self._modelName, modelHash=self.model.hash, scheme=self.scheme,
            lambdaName=lambdaName, lambdaDefault=lambdaValue, addLambdaDerivative=derivative, threads=self.threads,
            doublePrecision=self._double, periodic=system.usesPeriodicBoundaryConditions(),
            **charge))


def _checkThreads(threads: Optional[int]) -> int:
    if threads is not None and int(threads) < 1:
        raise InvalidArgumentError(f"threads is {threads}: give a positive number, or None for the platform's choice")
    return int(threads or 0)


def _refuseVirtualSites(system, arrays: RegionArrays) -> None:
    for atom, particle in enumerate(arrays.particles.tolist()):
        if system.isVirtualSite(particle):
            raise UnsupportedError(f"{arrays.describe(atom)} is a virtual site; the region and its molecules must have none")


def _refuseOverlap(system, arrays: RegionArrays) -> None:
    """Refuses to add a second correction to atoms that have one: their energy would be counted twice."""
    region = set(arrays.regionParticles.tolist())
    for element in ourForces(system):
        for atom in element.iter("Atom"):
            if atom.get("region", "1") == "1" and int(atom.get("particle")) in region:
                raise InvalidArgumentError(f"the System already has a FragmentedPotentialForce on particle "
                                           f"{atom.get('particle')}: pass the System without it")
