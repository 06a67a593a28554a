"""PluginBridge: fragmented neural and quantum-chemical potentials of proteins as a force for OpenMM.

    >>> import pluginbridge
    >>> potential = pluginbridge.FragmentPotential("visnet-gfn2")
    >>> system = potential.createMixedSystem(topology, system)   # your System, one more force

Units are nm, kJ/mol and elementary charges; positions may be Quantities.
"""
from .core import Calibration, Fragment, Model, Uncertainty
from .errors import (CalculationFailedError, ForceFieldMismatchError, InternalError, InvalidArgumentError,
                     MissingLibraryError, ModelFileError, PluginBridgeError, TopologyError, UnsupportedError)
from .evaluator import Evaluation, Evaluator, energy
from .library import hasFeature, instructionSet, loadOpenMMPlugin, models, version
from .potential import FragmentPotential
from .region import proteinAtoms
from .regionsystem import createRegionSystem
from .reporter import UncertaintyError, UncertaintyReporter, UncertaintyWarning
from .safety import SafetyError, SafetyReporter, SafetyWarning
from .timesteps import multipleTimeStepIntegrator
from .trainer import FrameBatch, Trainer

__all__ = [
    "CalculationFailedError", "Calibration", "Evaluation", "Evaluator", "ForceFieldMismatchError", "Fragment",
    "FragmentPotential", "FrameBatch", "InternalError", "InvalidArgumentError", "MissingLibraryError", "Model",
    "ModelFileError", "PluginBridgeError", "SafetyError", "SafetyReporter", "SafetyWarning", "TopologyError", "Trainer",
    "Uncertainty", "UncertaintyError", "UncertaintyReporter", "UncertaintyWarning", "UnsupportedError",
    "createRegionSystem", "energy", "hasFeature", "instructionSet", "loadOpenMMPlugin", "models",
    "multipleTimeStepIntegrator", "proteinAtoms", "version",
]
