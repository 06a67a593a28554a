"""The bindings generator: what it reads from a header, what it writes, and that the tree holds what it writes."""
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("clang.cindex", reason="libclang for Python is missing (Debian package python3-clang-14)")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "generator"))

import generate  # noqa: E402
import native  # noqa: E402
from csharp import CSharp  # noqa: E402
from header import HeaderError, parse  # noqa: E402

SMALL_HEADER = """\
#include <stdint.h>
#define T_VERSION 3
#define T_NONE INT32_MIN
#define T_TEXT "no constant of ours"
/** What came
 *  of a call & more. */
typedef enum t_status { T_OK = 0, /** It failed. */ T_BAD = 4 } t_status;
typedef struct t_thing t_thing;
typedef void (*t_callback)(int32_t level, const char* text, void* user);
/** A pair. */
typedef struct t_pair {
    /** First, nm */
    double first;
    int32_t second;
    const char* const* names;
} t_pair;
/** Makes a thing.
 *  @param in   [n][3] nm,
 *              row by row
 *  @param out  the new handle */
t_status t_make(const double* in, const t_pair* pair, t_thing** out);
/// Calls back.
void t_call(t_callback callback, void* user);
extern int t_unnamed(t_thing* /* thing */, const int* /* numbers [n] */);
int other_function(void);
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("header") / "small.h"
    path.write_text(SMALL_HEADER)
    return parse(path, "t_")


@pytest.fixture(scope="module")
def csharp(small):
    return CSharp(small).imports("Small", "Methods", "small", ["made by a test"])


def test_only_declarations_with_the_prefix_are_read(small):
    assert [f.name for f in small.functions] == ["t_make", "t_call", "t_unnamed"]
    assert small.handles == ("t_thing",)
    assert dict(small.constants) == {"T_VERSION": 3, "T_NONE": -2**31}
    assert [(e.name, [v[:2] for v in e.values]) for e in small.enums] == [("t_status", [("T_OK", 0), ("T_BAD", 4)])]


def test_struct_layout_is_the_compilers(small):
    (pair,) = small.structs
    assert pair.size == 24
    assert [(f.name, f.offset) for f in pair.fields] == [("first", 0), ("second", 8), ("names", 16)]


def test_comments_are_carried_over(small, csharp):
    make, _, unnamed = small.functions
    assert make.doc.summary == "Makes a thing."
    assert make.doc.parameters == {"in": "[n][3] nm, row by row", "out": "the new handle"}
    assert [p.name for p in unnamed.parameters] == ["thing", "numbers"]
    assert unnamed.doc.parameters == {"numbers": "[n]"}
    assert "/// <summary>What came of a call &amp; more.</summary>" in csharp
    assert '/// <param name="in">[n][3] nm, row by row</param>' in csharp


def test_comments_can_be_left_out(small, tmp_path):
    (tmp_path / "small.h").write_text(SMALL_HEADER)
    bare = parse(tmp_path / "small.h", "t_", comments=False)
    assert all(f.doc.summary == "" and not f.doc.parameters for f in bare.functions)
    assert [[p.name for p in f.parameters] for f in bare.functions] == [[p.name for p in f.parameters]
                                                                       for f in small.functions]
    code = CSharp(bare).imports("Small", "Methods", "small", ["made by a test"])
    for text in ("What came", "A pair", "First, nm", "It failed", "Makes a thing", "[n]"):
        assert text not in code


def test_csharp_types_are_blittable_and_handles_distinct(csharp):
    assert "internal static partial t_status t_make(double* @in, t_pair* pair, t_thing** @out);" in csharp
    assert "delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* user" in csharp
    assert "internal struct t_thing;" in csharp
    assert "public byte** names;" in csharp
    assert "internal const int T_NONE = int.MinValue;" in csharp


def test_function_table_checks_the_names_that_are_asked_for(small):
    table = CSharp(small).table("Small", "Table", ["made by a test"], ["t_call"])
    assert 'NativeLibrary.GetExport(library, "t_call")' in table and "t_make" not in table
    with pytest.raises(ValueError, match="t_absent"):
        CSharp(small).table("Small", "Table", [], ["t_absent"])


def test_native_side_repeats_the_c_declarations(small):
    assert ("PB_FORWARD(t_status, t_make, (const double* in, const t_pair* pair, t_thing** out), (in, pair, out))"
            in native.forwarders(small).splitlines())
    description = native.description(small).splitlines()
    assert "function void t_call(t_callback callback, void* user)" in description
    assert "  16 const char* const* names" in description


@pytest.mark.parametrize("line, message", [
    ("long double t_wide(void);", "small.h:2: type 'long double'"),
    ("void t_short(int x, short y);", "small.h:2: type 'short' of 'y'"),
    ("void t_array(int x[3]);", "small.h:2: type 'int[3]' of 'x'"),
    ("void t_open(int);", "small.h:2: a parameter has neither"),
    ("void t_broken(", "small.h:"),
])
def test_what_is_not_understood_is_refused_by_line(tmp_path, line, message):
    (tmp_path / "small.h").write_text("#include <stdint.h>\n" + line + "\n")
    with pytest.raises(HeaderError) as error:
        parse(tmp_path / "small.h", "t_")
    assert message in str(error.value)


def test_a_missing_header_is_named(tmp_path):
    with pytest.raises(HeaderError, match="absent.h: no such header"):
        parse(tmp_path / "absent.h", "t_")


def test_files_of_pluginbridge_in_the_tree_are_up_to_date():
    for path, content in generate.outputs_of_pluginbridge().items():
        assert not generate.difference(path, content), "run bindings/generator/generate.py"


def test_files_of_xtb_in_the_tree_are_up_to_date():
    if not generate.XTB_HEADER.exists():
        pytest.skip(f"{generate.XTB_HEADER} is missing (Debian package libxtb-dev)")
    for path, content in generate.outputs_of_xtb().items():
        assert not generate.difference(path, content), "run bindings/generator/generate.py"


def test_check_fails_on_a_changed_file(tmp_path, monkeypatch, capsys):
    changed = generate.ROOT / "native/src/forwarders.inc"
    made = {changed: changed.read_text() + "one more line\n"}
    monkeypatch.setattr(generate, "outputs", lambda: made)
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    with pytest.raises(SystemExit) as end:
        generate.main()
    assert end.value.code == 1
    assert "+one more line" in capsys.readouterr().out
    assert "one more line" not in changed.read_text()


def test_forwarders_compile(tmp_path):
    source = tmp_path / "forwarders.cpp"
    source.write_text('#include "pluginbridge.h"\n#define PB_FORWARD(type, name, parameters, arguments) '
                      "static_assert(sizeof(&name) != 0); static type(*const pointer_##name) parameters = &name;\n"
                      '#include "forwarders.inc"\n')
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", "-Wno-unused-variable", f"-I{ROOT / 'native/include'}",
                    f"-I{ROOT / 'native/src'}", source], check=True)
