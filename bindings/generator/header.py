"""Reads a C header with libclang into plain records: functions, structs, enums, handles, callbacks, constants.

Only what C ABIs of this kind use is understood; anything else is an error that names the line, never a guess.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

from clang import cindex
from clang.cindex import CursorKind, TypeKind


class HeaderError(Exception):
    """The header does not parse or uses a construct that the generator does not know."""


@dataclass(frozen=True)
class Type:
    """A C type.

    kind: "void", "primitive", "enum", "struct", "handle", "callback" or "pointer"; name: its C name (for a pointer
    that of the whole type); target: what a pointer points to; const: of the type itself.
    """

    kind: str
    name: str
    target: "Type | None" = None
    const: bool = False


@dataclass(frozen=True)
class Doc:
    """A documentation comment: its text and the text of each @param."""

    summary: str = ""
    parameters: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Type
    spelling: str  # as C++ declares it


@dataclass(frozen=True)
class Function:
    name: str
    result: Type
    parameters: tuple
    doc: Doc


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    offset: int  # bytes
    doc: Doc


@dataclass(frozen=True)
class Struct:
    name: str
    size: int  # bytes
    fields: tuple
    doc: Doc


@dataclass(frozen=True)
class Enum:
    name: str
    values: tuple  # (name, value, Doc)
    doc: Doc


@dataclass(frozen=True)
class Callback:
    name: str
    result: Type
    parameters: tuple
    doc: Doc


@dataclass(frozen=True)
class Header:
    path: Path
    functions: tuple
    structs: tuple
    enums: tuple
    handles: tuple  # names of opaque types
    callbacks: tuple
    constants: tuple  # (name, value)


def parse(path, prefix, comments=True):
    """Parses a header; declarations whose names do not begin with ``prefix`` (any case) are skipped.

    With ``comments`` false no text of the header's comments is kept, only the parameter names that stand in them.
    Raises HeaderError with file and line for anything that it does not understand.
    """
    path = Path(path)
    if not path.is_file():
        raise HeaderError(f"{path}: no such header")
    unit = cindex.Index.create().parse(
        str(path), args=["-x", "c", "-std=c11"], options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
    for diagnostic in unit.diagnostics:
        if diagnostic.severity >= cindex.Diagnostic.Error:
            raise HeaderError(f"{path}:{diagnostic.location.line}: {diagnostic.spelling}")
    return _Reader(path, prefix.lower(), unit, comments).read()


class _Reader:
    def __init__(self, path, prefix, unit, comments):
        self.path, self.prefix, self.unit, self.comments = path, prefix, unit, comments
        own = [c for c in unit.cursor.get_children() if c.location.file and c.location.file.name == str(path)]
        self.cursors = [c for c in own if c.spelling.lstrip("_").lower().startswith(prefix)]

    def of_kind(self, kind):
        return [c for c in self.cursors if c.kind == kind]

    def read(self):
        functions = [self.function(c) for c in self.of_kind(CursorKind.FUNCTION_DECL)]
        structs = [self.struct(c) for c in self.of_kind(CursorKind.STRUCT_DECL) if c.is_definition()]
        enums = [self.enum(c) for c in self.of_kind(CursorKind.ENUM_DECL)]
        handles = list(dict.fromkeys(_handle_name(c.spelling) for c in self.of_kind(CursorKind.STRUCT_DECL)
                                     if c.get_definition() is None))
        callbacks = [self.callback(c) for c in self.of_kind(CursorKind.TYPEDEF_DECL) if _is_callback(c)]
        constants = [pair for c in self.of_kind(CursorKind.MACRO_DEFINITION) for pair in self.constant(c)]
        return Header(self.path, tuple(functions), tuple(structs), tuple(enums), tuple(handles), tuple(callbacks),
                      tuple(constants))

    def doc(self, cursor):
        return _doc(cursor.raw_comment) if self.comments else Doc()

    def fail(self, cursor, message):
        raise HeaderError(f"{self.path}:{cursor.location.line}: {message}")

    def type(self, clang_type, cursor):
        """A Type of a libclang type."""
        canonical, const = clang_type.get_canonical(), clang_type.is_const_qualified()
        name = clang_type.spelling.replace("const ", "") if const else clang_type.spelling
        kind = canonical.kind
        if kind == TypeKind.VOID:
            return Type("void", "void", const=const)
        if kind == TypeKind.ENUM:
            return Type("enum", canonical.get_declaration().spelling, const=const)
        if kind == TypeKind.RECORD:
            declaration = canonical.get_declaration()
            if declaration.get_definition() is None:
                return Type("handle", _handle_name(declaration.spelling), const=const)
            return Type("struct", declaration.spelling, const=const)
        if kind == TypeKind.POINTER:
            if canonical.get_pointee().kind == TypeKind.FUNCTIONPROTO:
                return Type("callback", name, const=const)
            pointee = clang_type.get_pointee()
            if pointee.kind == TypeKind.INVALID:  # a typedef of a pointer
                pointee = canonical.get_pointee()
            target = self.type(pointee, cursor)
            return Type("pointer", target.name + "*", target, const)
        if kind in (TypeKind.INT, TypeKind.LONG, TypeKind.ULONG, TypeKind.DOUBLE, TypeKind.FLOAT, TypeKind.BOOL,
                    TypeKind.CHAR_S, TypeKind.UINT, TypeKind.UCHAR):
            return Type("primitive", name, const=const)
        self.fail(cursor, f"type '{clang_type.spelling}' of '{cursor.spelling}' is not supported")

    def function(self, cursor):
        names, notes = self.unnamed(cursor)
        doc = self.doc(cursor)
        parameters = tuple(self.parameter(c, names[i] if i < len(names) else "")
                           for i, c in enumerate(cursor.get_arguments()))
        if self.comments:
            doc = Doc(doc.summary, {**notes, **doc.parameters})
        return Function(cursor.spelling, self.type(cursor.result_type, cursor), parameters, doc)

    def parameter(self, cursor, fallback):
        name = cursor.spelling or fallback
        if not name:
            self.fail(cursor, "a parameter has neither a name nor a comment that names it")
        return Parameter(name, self.type(cursor.type, cursor), cursor.type.spelling)

    @staticmethod
    def unnamed(cursor):
        """Names and notes of unnamed parameters from a comment behind each: ``const int* /* numbers [natoms] */``."""
        names, notes = [], {}
        for token in cursor.get_tokens():
            found = re.fullmatch(r"/\*\s*(\w+)\s*(.*?)\s*\*/", token.spelling)
            if found:
                names.append(found[1])
                notes[found[1]] = found[2]
        return names, {name: note for name, note in notes.items() if note}

    def struct(self, cursor):
        fields = tuple(Field(c.spelling, self.type(c.type, c), cursor.type.get_offset(c.spelling) // 8,
                             self.doc(c))
                       for c in cursor.get_children() if c.kind == CursorKind.FIELD_DECL)
        return Struct(cursor.spelling, cursor.type.get_size(), fields, self.doc(cursor))

    def enum(self, cursor):
        values = tuple((c.spelling, c.enum_value, self.doc(c)) for c in cursor.get_children()
                       if c.kind == CursorKind.ENUM_CONSTANT_DECL)
        return Enum(cursor.spelling, values, self.doc(cursor))

    def callback(self, cursor):
        signature = cursor.underlying_typedef_type.get_pointee()
        parameters = [c for c in cursor.get_children() if c.kind == CursorKind.PARM_DECL]
        return Callback(cursor.spelling, self.type(signature.get_result(), cursor),
                        tuple(self.parameter(c, f"argument{i}") for i, c in enumerate(parameters)),
                        self.doc(cursor))

    @staticmethod
    def constant(cursor):
        """(name, value) of a macro that is one integer; nothing for other macros."""
        tokens = [t.spelling for t in cursor.get_tokens()][1:]
        if tokens == ["INT32_MIN"]:
            yield cursor.spelling, -(2 ** 31)
        elif len(tokens) == 1 and re.fullmatch(r"-?\d+", tokens[0]):
            yield cursor.spelling, int(tokens[0])


def _handle_name(name):
    return name.lstrip("_")


def _is_callback(cursor):
    kind = cursor.underlying_typedef_type.kind
    return kind == TypeKind.POINTER and cursor.underlying_typedef_type.get_pointee().kind == TypeKind.FUNCTIONPROTO


def _doc(comment):
    """Splits a ``/** */`` or ``///`` comment into summary and parameters, each on one line."""
    if not comment:
        return Doc()
    lines = []
    for line in comment.splitlines():
        line = re.sub(r"^\s*(/\*\*|///|\*/|\*(?!/))\s?", "", line)
        lines.append(re.sub(r"\s*\*/\s*$", "", line).strip())
    head, *parameters = re.split(r"\s*@param\s+", " ".join(lines))
    pairs = (text.split(None, 1) for text in parameters)
    return Doc(_one_line(head), {name: _one_line(rest[0] if rest else "") for name, *rest in pairs})


def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()
