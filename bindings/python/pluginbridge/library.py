"""Finds and loads the core library and the OpenMM plugin."""
from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path

from . import abi
from .errors import MissingLibraryError, from_status

#: Path of libpluginbridge.so, or of the folder that it lies in; goes before the copy inside the package.
ENVIRONMENT_VARIABLE = "PLUGINBRIDGE_LIBRARY"

_LIBRARY = "libpluginbridge.so"


def _find() -> Path:
    wanted = os.environ.get(ENVIRONMENT_VARIABLE)
    if wanted:
        path = Path(wanted)
        path = path / _LIBRARY if path.is_dir() else path
        if not path.is_file():
            raise MissingLibraryError(f"{ENVIRONMENT_VARIABLE} says '{wanted}', but there is no {_LIBRARY}: "
                                      "set it to the library or its folder, or unset it")
        return path.resolve()
    path = Path(__file__).resolve().parent / "lib" / _LIBRARY
    if not path.is_file():
        raise MissingLibraryError(
            f"{_LIBRARY} is not beside this package ({path} does not exist). Build it and use the staged package "
            f"(make, then PYTHONPATH=build/python), or set {ENVIRONMENT_VARIABLE} to the library's path")
    return path


@functools.lru_cache(maxsize=None)
def path() -> Path:
    """Path of the core library in use.

    Raises
    ------
    MissingLibraryError
        There is none.
    """
    return _find()


@functools.lru_cache(maxsize=None)
def core() -> ctypes.CDLL:
    """The core library, loaded once for the life of the process.

    Raises
    ------
    MissingLibraryError
        It is absent, does not load, or has another interface version.
    """
    file = path()
    try:
        # a NativeAOT library cannot be unloaded: keep it resident whatever happens to this handle
        library = ctypes.CDLL(str(file), mode=os.RTLD_NOW | os.RTLD_NODELETE)
        abi.declare(library)
    except (OSError, AttributeError) as error:
        raise MissingLibraryError(f"{file} does not load: {error}") from error
    found = library.pb_abi_version()
    if found != abi.ABI_VERSION:
        raise MissingLibraryError(f"{file} has interface version {found}, this package needs {abi.ABI_VERSION}: "
                                  "install library and package from the same build")
    return library


def check(status: int) -> None:
    """Raises the exception of a status that is not 0."""
    if status != 0:
        raise from_status(status, core().pb_last_error().decode(errors="replace"))


def version() -> str:
    """Version of the core library, e.g. ``"0.1.0"``."""
    return core().pb_version().decode()


def instructionSet() -> str:
    """Instruction-set level of the code in use, e.g. ``"x86-64-v4"``."""
    return core().pb_instruction_set().decode()


def hasFeature(name: str) -> bool:
    """Whether the core has a feature: "box", "virial", "float64", "visnet", "gfn2-xtb", "host-terms", "training",
    "uncertainty"."""
    return bool(core().pb_has_feature(name.encode()))


def models() -> list[str]:
    """Names of the potentials that can be loaded by name, built-in potentials first, then the shipped models."""
    required = ctypes.c_size_t()
    check(core().pb_model_list(None, 0, ctypes.byref(required)))
    buffer = ctypes.create_string_buffer(required.value)
    check(core().pb_model_list(buffer, required.value, ctypes.byref(required)))
    return buffer.value.decode().split("\n") if buffer.value else []


@functools.lru_cache(maxsize=None)
def loadOpenMMPlugin() -> None:
    """Makes OpenMM know our force: loads every plugin in ``plugins/`` beside the core library, once.

    Raises
    ------
    MissingLibraryError
        A plugin is absent or does not load into this OpenMM.
    """
    import openmm

    core()  # ABI errors first, with their own message
    folder = path().parent / "plugins"
    files = sorted(folder.glob("*.so"))
    if not files:
        raise MissingLibraryError(f"no OpenMM plugin in {folder}: build it (make) and stage the package again")
    for file in files:
        try:
            openmm.Platform.loadPluginLibrary(str(file))
        except openmm.OpenMMException as error:
            raise MissingLibraryError(
                f"OpenMM {openmm.version.short_version} cannot load {file}: {error}. The plugin has to be built "
                "against the OpenMM that Python uses") from error
