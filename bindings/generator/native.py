"""The native side from a parsed header: forwarders of the loader and the plain description of the ABI."""

BANNER = "Made by bindings/generator/generate.py from {name}; do not edit."


def forwarders(header):
    """``PB_FORWARD(result, name, (parameters), (arguments))``, one a function, for an X-macro of the loader."""
    lines = [f"// {BANNER.format(name=header.path.name)}",
             "// One PB_FORWARD(result, name, (parameters), (arguments)) a function: define PB_FORWARD, then include."]
    for function in header.functions:
        names = ", ".join(p.name for p in function.parameters)
        lines.append(f"PB_FORWARD({c_name(function.result)}, {function.name}, ({declare(function)}), ({names}))")
    return "\n".join(lines) + "\n"


def description(header):
    """Every function's signature and every struct's layout on lines of their own, sorted: what must not change while
    the ABI version stays, and what implementations are compared with."""
    lines = [f"# {BANNER.format(name=header.path.name)}"]
    lines += sorted(f"function {c_name(f.result)} {f.name}({declare(f) or 'void'})" for f in header.functions)
    for struct in sorted(header.structs, key=lambda s: s.name):
        lines.append(f"struct {struct.name} {struct.size}")
        lines += [f"  {item.offset} {c_name(item.type)} {item.name}" for item in struct.fields]
    for enum in sorted(header.enums, key=lambda e: e.name):
        lines.append(f"enum {enum.name} " + " ".join(f"{name}={value}" for name, value, _ in enum.values))
    lines += [f"constant {name} {value}" for name, value in header.constants]
    return "\n".join(lines) + "\n"


def declare(function):
    return ", ".join(f"{c_name(p.type)} {p.name}" for p in function.parameters)


def c_name(c_type):
    """A C type as one writes it: ``const char* const*``."""
    if c_type.kind != "pointer":
        return ("const " if c_type.const else "") + c_type.name
    return c_name(c_type.target) + "*" + (" const" if c_type.const else "")
