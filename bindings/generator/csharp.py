"""C# from a parsed header: blittable types only, so that it compiles ahead of time and needs no marshalling stubs.

Names stay those of the header. ``const`` and array shapes have no place in the types and go into the comments.
"""
import textwrap
from xml.sax.saxutils import escape

PRIMITIVES = {
    "int": "int", "int32_t": "int", "uint32_t": "uint", "int64_t": "long", "uint64_t": "ulong", "size_t": "nuint",
    "double": "double", "float": "float", "char": "byte", "uint8_t": "byte", "_Bool": "byte", "bool": "byte",
}
KEYWORDS = {"params", "string", "object", "ref", "in", "out", "base", "event", "lock", "is", "as", "checked"}
WIDTH = 110


class CSharp:
    """Writes C# for the declarations of one header."""

    def __init__(self, header):
        self.header = header
        self.callbacks = {c.name: c for c in header.callbacks}

    def type(self, c_type):
        if c_type.kind == "pointer":
            return self.type(c_type.target) + "*"
        if c_type.kind == "callback":
            callback = self.callbacks[c_type.name]
            return self.function_pointer(callback.result, callback.parameters)
        if c_type.kind == "primitive":
            return PRIMITIVES[c_type.name]
        return c_type.name

    def function_pointer(self, result, parameters):
        types = [self.type(p.type) for p in parameters] + [self.type(result)]
        return f"delegate* unmanaged[Cdecl]<{', '.join(types)}>"

    def parameters(self, function):
        return ", ".join(f"{self.type(p.type)} {identifier(p.name)}" for p in function.parameters)

    # ------------------------------------------------------------ whole files

    def imports(self, namespace, class_name, library, origin):
        """``[LibraryImport]`` declarations of every function, with the types that they need."""
        lines = file_head(origin, ["System.Runtime.CompilerServices", "System.Runtime.InteropServices"], namespace)
        lines += self.handles() + self.enums() + self.structs()
        lines += doc(f"The functions of {self.header.path.name}, one to one.", indent=0)
        lines += [f"internal static unsafe partial class {class_name}", "{"]
        lines += [f'    internal const string LibraryName = "{library}";', ""]
        for name, value in self.header.constants:
            lines += [f"    internal const int {name} = {'int.MinValue' if value == -2**31 else value};", ""]
        for function in self.header.functions:
            lines += function_doc(function)
            lines += ["    [LibraryImport(LibraryName)]",
                      "    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]"]
            lines += wrap_call(f"    internal static partial {self.type(function.result)} {function.name}(",
                               self.parameters(function), ");")
            lines += [""]
        return text(lines[:-1] + ["}"])

    def table(self, namespace, class_name, origin, names):
        """A class of function pointers, filled from a library that the caller has loaded: a library or function
        that is missing then shows as soon as it is loaded, not in the middle of a calculation."""
        functions = [f for f in self.header.functions if f.name in names]
        missing = sorted(set(names) - {f.name for f in functions})
        if missing:
            raise ValueError(f"{self.header.path}: no function {', '.join(missing)}")
        lines = file_head(origin, ["System.Runtime.InteropServices"], namespace)
        lines += self.handles()
        lines += doc(f"Functions of {self.header.path.name}, looked up in a loaded library.", indent=0)
        lines += [f"internal sealed unsafe class {class_name}", "{"]
        lines += [f"    private readonly nint _{function.name};" for function in functions]
        lines += [""] + doc("Looks up every function.", {"library": "A handle of NativeLibrary.Load."})
        lines += ['    /// <exception cref="EntryPointNotFoundException">The library lacks a function.</exception>',
                  f"    internal {class_name}(nint library)", "    {"]
        lines += [f'        _{function.name} = NativeLibrary.GetExport(library, "{function.name}");'
                  for function in functions]
        lines += ["    }", ""]
        for function in functions:
            pointer = self.function_pointer(function.result, function.parameters)
            call = ", ".join(identifier(p.name) for p in function.parameters)
            lines += function_doc(function)
            lines += wrap_call(f"    internal {self.type(function.result)} {function.name}(",
                               self.parameters(function), ") =>")
            lines += textwrap.wrap(f"(({pointer})_{function.name})({call});", WIDTH - 8, initial_indent=" " * 8,
                                   subsequent_indent=" " * 12, break_long_words=False) + [""]
        return text(lines[:-1] + ["}"])

    # ------------------------------------------------------------ types

    def handles(self):
        lines = []
        for name in self.header.handles:
            lines += doc(f"Opaque: what {name}* points to.", indent=0) + [f"internal struct {name};", ""]
        return lines

    def enums(self):
        lines = []
        for enum in self.header.enums:
            lines += doc(enum.doc.summary, indent=0) + [f"internal enum {enum.name}", "{"]
            for name, value, comment in enum.values:
                lines += doc(comment.summary) + [f"    {name} = {value},", ""]
            lines = lines[:-1] + ["}", ""]
        return lines

    def structs(self):
        lines = []
        for struct in self.header.structs:
            lines += doc(struct.doc.summary, indent=0)
            lines += ["[StructLayout(LayoutKind.Sequential)]", f"internal unsafe struct {struct.name}", "{"]
            for item in struct.fields:
                lines += doc(item.doc.summary) + [f"    public {self.type(item.type)} {identifier(item.name)};", ""]
            lines = lines[:-1] + ["}", ""]
        return lines


def identifier(name):
    return "@" + name if name in KEYWORDS else name


def doc(summary, parameters=None, indent=4):
    """XML comment lines; none for an empty summary."""
    if not summary:
        return []
    lines = _tag("summary", summary, indent)
    for name, meaning in (parameters or {}).items():
        lines += _tag("param", meaning, indent, f' name="{name}"')
    return lines


def function_doc(function):
    named = {p.name: function.doc.parameters[p.name] for p in function.parameters
             if function.doc.parameters.get(p.name)}
    return doc(function.doc.summary, named)


def _tag(tag, content, indent, attributes=""):
    return textwrap.wrap(f"<{tag}{attributes}>{escape(content)}</{tag}>", WIDTH, initial_indent=" " * indent + "/// ",
                         subsequent_indent=" " * indent + "/// ", break_long_words=False, break_on_hyphens=False)


def wrap_call(head, parameters, tail):
    """A declaration on one line or, where it is too long, with its parameters on lines of their own."""
    first_tail = tail.split("\n")[0]
    if len(head + parameters + first_tail) <= WIDTH:
        return (head + parameters + tail).split("\n")
    body = textwrap.wrap(parameters, WIDTH - 8, initial_indent=" " * 8, subsequent_indent=" " * 8,
                         break_long_words=False)
    return [head.rstrip()] + (body[:-1] + (body[-1] + tail).split("\n") if body else [" " * 8 + tail])


def file_head(origin, usings, namespace):
    return ["// <auto-generated>", *(f"// {line}" for line in origin), "// </auto-generated>", "#nullable enable",
            "#pragma warning disable CS1573 // the header documents some parameters only",
            *(f"using {name};" for name in usings), "", f"namespace {namespace};", ""]


def text(lines):
    return "\n".join(lines) + "\n"
