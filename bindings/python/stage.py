#!/usr/bin/python3
"""Stages the Python package with its libraries and models, so that PYTHONPATH=build/python is all it takes.

    /usr/bin/python3 bindings/python/stage.py [--build build] [--out build/python]

Layout of OUT, the same as that of an installed wheel:

    pluginbridge/*.py, py.typed
    pluginbridge/lib/libpluginbridge.so          the core, and libraries that the OpenMM plugin needs
    pluginbridge/lib/pluginbridge/*.so           the core's code for each instruction-set level
    pluginbridge/lib/plugins/*.so                the OpenMM plugin
    pluginbridge/share/pluginbridge/models/NAME  shipped models
"""
import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def package_files(build):
    """(source, path inside the package) of everything that belongs in it.

    Parameters
    ----------
    build : Path
        The build folder, with lib/libpluginbridge.so and so on.

    Raises
    ------
    FileNotFoundError
        The core library has not been built.
    """
    lib = build / "lib"
    if not (lib / "libpluginbridge.so").is_file():
        raise FileNotFoundError(f"{lib / 'libpluginbridge.so'} does not exist: build the libraries first (make), or "
                                "name the build folder (PLUGINBRIDGE_BUILD for pip, --build for stage.py)")
    files = [(path, path.name) for path in sorted((HERE / "pluginbridge").glob("*.py"))]
    files.append((HERE / "pluginbridge" / "py.typed", "py.typed"))
    for folder in (".", "pluginbridge", "plugins"):
        files += [(path, f"lib/{folder}/{path.name}") for path in sorted((lib / folder).glob("*.so*"))]
    for path in sorted((ROOT / "models").glob("*/*")):
        if path.suffix in (".safetensors", ".json", ".md", ".png"):
            files.append((path, f"share/pluginbridge/models/{path.parent.name}/{path.name}"))
    return files


def copy_package(build, target):
    """Copies the package into a folder; files that have not changed are left alone, stale ones are removed."""
    wanted = set()
    for source, relative in package_files(build):
        destination = target / relative
        wanted.add(destination.resolve())
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.is_file():
            old, new = destination.stat(), source.stat()
            if old.st_size == new.st_size and old.st_mtime_ns == new.st_mtime_ns:
                continue
            destination.unlink()  # a new file: processes that have the old library mapped keep it
        shutil.copy2(source, destination)
    for path in target.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.resolve() not in wanted:
            path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder of the built libraries")
    parser.add_argument("--out", type=Path, default=None, help="where to stage; by default BUILD/python")
    options = parser.parse_args()
    out = options.out or options.build / "python"
    try:
        copy_package(options.build.resolve(), out / "pluginbridge")
    except FileNotFoundError as error:
        sys.exit(f"stage.py: {error}")
    print(f"staged {out / 'pluginbridge'}")


if __name__ == "__main__":
    main()
