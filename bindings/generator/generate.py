#!/usr/bin/python3
"""Makes the files that mirror a C header, so that no signature is written twice by hand.

    bindings/generator/generate.py            write them
    bindings/generator/generate.py --check    write nothing; exit status 1 and a diff if one is out of date

From native/include/pluginbridge.h: the C# P/Invoke, the forwarders of the native loader and a plain description of
the ABI that tests compare implementations with. From xtb.h (Debian package libxtb-dev): the function table that the
GFN2-xTB potential fills at run time. Needs python3-clang.
"""
import argparse
import difflib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from csharp import CSharp  # noqa: E402
from header import HeaderError, parse  # noqa: E402
import native  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGINBRIDGE_HEADER = ROOT / "native/include/pluginbridge.h"
XTB_HEADER = Path("/usr/include/xtb.h")

# What the GFN2-xTB potential calls, so that older and newer libxtb fit as long as they have these.
XTB_FUNCTIONS = (
    "xtb_getAPIVersion", "xtb_newEnvironment", "xtb_delEnvironment", "xtb_checkEnvironment", "xtb_getError",
    "xtb_setVerbosity", "xtb_newMolecule", "xtb_delMolecule", "xtb_updateMolecule", "xtb_newCalculator",
    "xtb_delCalculator", "xtb_loadGFN2xTB", "xtb_setAccuracy", "xtb_singlepoint", "xtb_newResults", "xtb_delResults",
    "xtb_getEnergy", "xtb_getGradient",
)


def outputs_of_pluginbridge():
    """Path -> content of what follows from pluginbridge.h."""
    header = parse(PLUGINBRIDGE_HEADER, "pb_")
    origin = [native.BANNER.format(name="native/include/pluginbridge.h")]
    return {
        ROOT / "bindings/csharp/PluginBridge/Interop/NativeMethods.g.cs":
            CSharp(header).imports("PluginBridge.Interop", "NativeMethods", "pluginbridge", origin),
        ROOT / "native/src/forwarders.inc": native.forwarders(header),
        ROOT / "bindings/generator/pluginbridge.abi": native.description(header),
    }


def outputs_of_xtb():
    """Path -> content of what follows from xtb.h."""
    # Names and types only: the comments are the text of another project, under its licence.
    origin = [native.BANNER.format(name="xtb.h")]
    header = parse(XTB_HEADER, "xtb_", comments=False)
    return {
        ROOT / "managed/PluginBridge.Core/Potentials/Xtb/XtbFunctions.g.cs":
            CSharp(header).table("PluginBridge.Core.Potentials.Xtb", "XtbFunctions", origin, XTB_FUNCTIONS),
    }


def outputs():
    """Path -> content; without libxtb-dev its part is left out."""
    return {**outputs_of_pluginbridge(), **(outputs_of_xtb() if XTB_HEADER.exists() else {})}


def difference(path, content):
    """A unified diff from the file to the content; empty if they are equal."""
    old = path.read_text() if path.exists() else ""
    name = str(path.relative_to(ROOT))
    return "".join(difflib.unified_diff(old.splitlines(True), content.splitlines(True), name, name + " (generated)"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    try:
        made = outputs()
    except HeaderError as error:
        sys.exit(f"generate.py: {error}")
    if not XTB_HEADER.exists():
        print(f"generate.py: {XTB_HEADER} is missing (Debian package libxtb-dev): left XtbFunctions.g.cs as it is",
              file=sys.stderr)
    outdated = {path: change for path, content in made.items() if (change := difference(path, content))}
    for path, change in outdated.items():
        if check:
            print(change)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path])
            print(f"wrote {path.relative_to(ROOT)}")
    sys.exit(1 if check and outdated else 0)


if __name__ == "__main__":
    main()
