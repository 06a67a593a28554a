"""One ABI, written down in four places: pluginbridge.h, the C# exports, the Python prototypes, the built library."""
import ctypes
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("clang.cindex", reason="libclang for Python is missing (Debian package python3-clang-14)")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "generator"))

from csharp import PRIMITIVES, CSharp  # noqa: E402
from header import parse  # noqa: E402

EXPORTS = ROOT / "managed" / "PluginBridge.Exports"
LIBRARIES = ROOT / "build" / "lib"
# Between the loader and its cores, not for users.
PRIVATE_PREFIX = "pb_core_"


@pytest.fixture(scope="module")
def header():
    return parse(ROOT / "native" / "include" / "pluginbridge.h", "pb_")


# ------------------------------------------------------------ C# exports

def plain(name):
    """pb_model_info, PbModelInfo -> pbmodelinfo"""
    return name.replace("_", "").lower()


def expected(c_type, header):
    """How the exports have to spell a C type: handles as nint, enums as int."""
    if c_type.kind == "enum":
        return "int"
    if c_type.kind == "pointer":
        return "nint" if c_type.target.kind == "handle" else expected(c_type.target, header) + "*"
    if c_type.kind == "struct":
        return plain(c_type.name)
    if c_type.kind == "callback":
        return CSharp(header).type(c_type).replace(" ", "")
    return PRIMITIVES.get(c_type.name, c_type.name)


def written(csharp_type):
    """A C# type in the same spelling."""
    text = csharp_type.replace(" ", "")
    return plain(text) if text.startswith("Pb") else text


def split(parameters):
    """Parameters of a C# list, whose function pointers have commas of their own."""
    depth, start, parts = 0, 0, []
    for i, character in enumerate(parameters + ","):
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append(parameters[start:i].strip())
            start = i + 1
    return [part for part in parts if part]


def exports(source):
    """Entry point -> (result, parameter types) of every [UnmanagedCallersOnly] method in C# source."""
    found = {}
    pattern = re.compile(r'\[UnmanagedCallersOnly\(EntryPoint = "(\w+)"[^;{]*?\)\]\s*'
                         r"public static (?:unsafe )?(.+?) (\w+)\(([^)]*)\)", re.S)
    for entry, result, _, parameters in pattern.findall(source):
        found[entry] = (written(result), [written(p.rsplit(None, 1)[0]) for p in split(parameters)])
    return found


def structs(source):
    """Plain name -> [(plain field name, type)] of C#'s Pb structs."""
    found = {}
    for name, body in re.findall(r"struct (Pb\w+)\s*\{(.*?)\n\}", source, re.S):
        fields = re.findall(r"(?:public|internal) ([\w*]+) (\w+);", body)
        found[plain(name)] = [(plain(field), written(type_)) for type_, field in fields]
    return found


@pytest.fixture(scope="module")
def export_source():
    return "\n".join(path.read_text() for path in sorted(EXPORTS.rglob("*.cs")) if "obj" not in path.parts)


def test_exports_have_the_headers_names_and_types(header, export_source):
    found = {k: v for k, v in exports(export_source).items() if not k.startswith(PRIVATE_PREFIX)}
    assert len(re.findall(r"\[UnmanagedCallersOnly\(EntryPoint", export_source)) == len(exports(export_source))
    assert found == {f.name: (expected(f.result, header), [expected(p.type, header) for p in f.parameters])
                     for f in header.functions}


def test_structs_of_the_exports_have_the_headers_fields(header, export_source):
    found = structs(export_source)
    for struct in header.structs:
        assert found.get(plain(struct.name)) == [(plain(f.name), expected(f.type, header)) for f in struct.fields], \
            struct.name


def test_a_wrong_signature_is_noticed():
    source = ('[UnmanagedCallersOnly(EntryPoint = "pb_a", CallConvs = [typeof(CallConvCdecl)])]\n'
              "    public static int A(nint model, delegate* unmanaged[Cdecl]<int, void> f, PbModelInfo* info) =>")
    assert exports(source) == {"pb_a": ("int", ["nint", "delegate*unmanaged[Cdecl]<int,void>", "pbmodelinfo*"])}
    assert structs("struct PbX\n{\n    internal int A;\n    public double* B;\n}") == \
        {"pbx": [("a", "int"), ("b", "double*")]}


# ------------------------------------------------------------ Python prototypes

@pytest.fixture(scope="module")
def prototypes():
    spec = importlib.util.spec_from_file_location("abi", ROOT / "bindings" / "python" / "pluginbridge" / "abi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_python_structs_have_the_compilers_layout(header, prototypes):
    for struct in header.structs:
        name = "".join(word.capitalize() for word in struct.name.split("_")[1:])
        python = getattr(prototypes, name)
        assert ctypes.sizeof(python) == struct.size, name
        assert [(f, getattr(python, f).offset) for f, _ in python._fields_] == \
            [(f.name, f.offset) for f in struct.fields], name


def test_python_prototypes_fit_the_header(header, prototypes):
    """Kinds of result and arguments: integers by width, reals, pointers."""
    functions = {f.name: f for f in header.functions}
    for name, (result, arguments) in prototypes.PROTOTYPES.items():
        function = functions[name]
        assert ctypes_kind(result) == kind(function.result), name
        assert [ctypes_kind(a) for a in arguments] == [kind(p.type) for p in function.parameters], name


def kind(c_type):
    return {"pointer": "pointer", "callback": "pointer", "enum": "int4", "void": "void"}.get(c_type.kind) or \
        {"int32_t": "int4", "int64_t": "int8", "size_t": "int8", "double": "real"}[c_type.name]


def ctypes_kind(ctype):
    if ctype is None:
        return "void"
    if ctype is ctypes.c_double:
        return "real"
    if ctype in (ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t):
        return f"int{ctypes.sizeof(ctype)}"
    return "pointer"


def test_python_constants_are_the_headers(header, prototypes):
    constants = dict(header.constants)
    assert prototypes.ABI_VERSION == constants["PB_ABI_VERSION"]
    assert prototypes.CHARGE_FROM_TEMPLATES == constants["PB_CHARGE_FROM_TEMPLATES"]
    enums = {e.name: {name: value for name, value, _ in e.values} for e in header.enums}
    assert {f"PB_SCHEME_{k.upper().replace('+', '_')}": v for k, v in prototypes.SCHEMES.items()} == enums["pb_scheme"]
    assert {f"PB_QUANTITY_{k.upper()}": v for k, v in prototypes.QUANTITIES.items()} == enums["pb_quantity"]


# ------------------------------------------------------------ built libraries

def symbols(library, which):
    """Names that a library defines or leaves undefined."""
    lines = subprocess.run(["nm", "-D", f"--{which}-only", library], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1].split("@")[0] for line in lines}


def exported(library):
    """Names of our functions that a library exports."""
    return {name for name in symbols(library, "defined") if name.startswith("pb_")}


def built(pattern):
    libraries = sorted(LIBRARIES.glob(pattern))
    if not libraries:
        pytest.skip(f"{LIBRARIES}/{pattern} is not built: run make")
    return libraries


def test_the_library_exports_the_header_and_nothing_else(header):
    for library in built("libpluginbridge.so"):
        assert exported(library) == {f.name for f in header.functions}, library


def test_every_core_exports_the_header(header):
    for library in built("pluginbridge/libpluginbridge-core-*.so"):
        names = {name for name in exported(library) if not name.startswith(PRIVATE_PREFIX)}
        assert names == {f.name for f in header.functions}, library


def test_no_core_multiplies_and_adds_lane_by_lane():
    """A fused multiply-add that the instruction set lacks becomes a call of the C library for each lane of a register."""
    for library in built("pluginbridge/libpluginbridge-core-*.so"):
        assert not symbols(library, "undefined") & {"fma", "fmaf"}, library
