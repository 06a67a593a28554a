"""The C interface (``pluginbridge.h``) as ctypes sees it: structs and prototypes, in the header's order."""
from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_void_p

ABI_VERSION = 1
CHARGE_FROM_TEMPLATES = -2**31

SCHEMES = {"whole": 0, "dipeptide": 1, "window2": 2, "window3": 3, "window2+pairs": 4, "window3+pairs": 5}
QUANTITIES = {"correction": 0, "total": 1}

_int32s = POINTER(c_int32)
_doubles = POINTER(c_double)
_floats = POINTER(c_float)
_strings = POINTER(c_char_p)


class _Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields):
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class ModelInfo(_Sized):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("hash", c_char_p), ("target", c_char_p),
                ("base_force_field", c_char_p), ("reference_method", c_char_p), ("cutoff", c_double)]


class EnsembleInfo(_Sized):
    _fields_ = [("struct_size", c_size_t), ("member_count", c_int64), ("is_calibrated", c_int32), ("reserved", c_int32),
                ("error_floor", c_double), ("error_scale", c_double)]


class HostTerms(_Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("bond_count", c_int64), ("bond_atoms", _int32s), ("bond_parameters", _doubles),
        ("angle_count", c_int64), ("angle_atoms", _int32s), ("angle_parameters", _doubles),
        ("torsion_count", c_int64), ("torsion_atoms", _int32s), ("torsion_periodicities", _int32s),
        ("torsion_parameters", _doubles),
        ("rb_torsion_count", c_int64), ("rb_torsion_atoms", _int32s), ("rb_torsion_parameters", _doubles),
        ("cmap_count", c_int64), ("cmap_sizes", _int32s), ("cmap_energies", _doubles),
        ("cmap_torsion_count", c_int64), ("cmap_torsions", _int32s),
        ("nonbonded", _doubles),
        ("exception_count", c_int64), ("exception_atoms", _int32s), ("exception_parameters", _doubles),
        ("constraint_count", c_int64), ("constraint_atoms", _int32s)]


class SystemSpec(_Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("atom_count", c_int64), ("atomic_numbers", _int32s),
        ("bond_count", c_int64), ("bonds", _int32s),
        ("region_count", c_int64), ("region", _int32s),
        ("total_charge", c_int32), ("unpaired_electrons", c_int32),
        ("residue_count", c_int64), ("atom_residues", _int32s), ("residue_names", _strings),
        ("residue_numbers", _strings), ("residue_chains", _strings), ("atom_names", _strings),
        ("scheme", c_int32),
        ("host_terms", POINTER(HostTerms)),
        ("pair_inner", c_double), ("pair_outer", c_double)]


class Cap(ctypes.Structure):
    _fields_ = [("anchor", c_int32), ("replaced", c_int32), ("length", c_double), ("is_border", c_int32),
                ("reserved", c_int32)]


class FragmentInfo(_Sized):
    _fields_ = [
        ("struct_size", c_size_t), ("coefficient", c_double), ("charge", c_int32), ("unpaired_electrons", c_int32),
        ("label", c_char_p), ("atom_count", c_int64), ("atoms", _int32s), ("cap_count", c_int64),
        ("caps", POINTER(Cap)), ("residue_count", c_int64), ("residues", _int32s)]


class WorkspaceOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("double_precision", c_int32)]


class Uncertainty(_Sized):
    _fields_ = [("struct_size", c_size_t), ("energy_spread", c_double), ("force_spreads", _doubles),
                ("force_errors", _doubles)]


class EvaluationOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("quantity", c_int32), ("continued", c_int32), ("box_vectors", _doubles),
                ("environment_count", c_int64), ("environment_positions", _doubles),
                ("environment_charges", _doubles), ("environment_forces", _doubles),
                ("uncertainty", POINTER(Uncertainty))]


class TrainerOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("double_precision", c_int32)]


class TensorInfo(_Sized):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("offset", c_int64), ("rows", c_int64),
                ("columns", c_int64)]


class FrameBatch(_Sized):
    _fields_ = [("struct_size", c_size_t), ("frame_count", c_int64), ("atom_counts", _int32s), ("charges", _int32s),
                ("atomic_numbers", _int32s), ("positions", _doubles)]


# function: (result, argument types)
PROTOTYPES = {
    "pb_version": (c_char_p, []),
    "pb_abi_version": (c_int32, []),
    "pb_instruction_set": (c_char_p, []),
    "pb_has_feature": (c_int32, [c_char_p]),
    "pb_last_error": (c_char_p, []),
    "pb_model_load": (c_int32, [c_char_p, c_char_p, POINTER(c_void_p)]),
    "pb_model_load_memory": (c_int32, [c_void_p, c_size_t, POINTER(c_void_p)]),
    "pb_model_free": (None, [c_void_p]),
    "pb_model_get_info": (c_int32, [c_void_p, POINTER(ModelInfo)]),
    "pb_model_get_ensemble": (c_int32, [c_void_p, POINTER(EnsembleInfo)]),
    "pb_model_supports_element": (c_int32, [c_void_p, c_int32]),
    "pb_model_list": (c_int32, [c_char_p, c_size_t, POINTER(c_size_t)]),
    "pb_scheme_parse": (c_int32, [c_char_p, _int32s, _doubles, _doubles]),
    "pb_system_create": (c_int32, [c_void_p, POINTER(SystemSpec), POINTER(c_void_p)]),
    "pb_system_free": (None, [c_void_p]),
    "pb_system_atom_count": (c_int64, [c_void_p]),
    "pb_system_fragment_count": (c_int64, [c_void_p]),
    "pb_system_get_fragment": (c_int32, [c_void_p, c_int64, POINTER(FragmentInfo)]),
    "pb_workspace_create": (c_int32, [c_void_p, POINTER(WorkspaceOptions), POINTER(c_void_p)]),
    "pb_workspace_free": (None, [c_void_p]),
    "pb_evaluate": (c_int32, [c_void_p, _doubles, POINTER(EvaluationOptions), _doubles, _doubles, _doubles]),
    "pb_trainer_create": (c_int32, [c_void_p, POINTER(TrainerOptions), POINTER(c_void_p)]),
    "pb_trainer_free": (None, [c_void_p]),
    "pb_trainer_parameter_count": (c_int64, [c_void_p]),
    "pb_trainer_tensor_count": (c_int64, [c_void_p]),
    "pb_trainer_get_tensor": (c_int32, [c_void_p, c_int64, POINTER(TensorInfo)]),
    "pb_trainer_set_weights": (c_int32, [c_void_p, _floats, c_int64]),
    "pb_trainer_get_weights": (c_int32, [c_void_p, _floats, c_int64]),
    "pb_trainer_energies": (c_int32, [c_void_p, POINTER(FrameBatch), _doubles, _doubles]),
    "pb_trainer_weight_gradient": (c_int32, [c_void_p, POINTER(FrameBatch), _doubles, _doubles, c_int64, _doubles,
                                             _doubles]),
}


def declare(library: ctypes.CDLL) -> None:
    """Gives the functions of a loaded library their argument and result types."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def int32s(array):
    """Pointer to a C-contiguous int32 array, NULL for None."""
    return None if array is None else array.ctypes.data_as(_int32s)


def doubles(array):
    """Pointer to a C-contiguous float64 array, NULL for None."""
    return None if array is None else array.ctypes.data_as(_doubles)


def floats(array):
    """Pointer to a C-contiguous float32 array."""
    return array.ctypes.data_as(_floats)


def strings(values):
    """A C array of UTF-8 strings."""
    return (c_char_p * len(values))(*[value.encode() for value in values])
