"""summary.json, and docs/benchmarks: the tables in Markdown and their plots."""
from __future__ import annotations

import json
from pathlib import Path

#: keys of summary.json and the part that has them
SUMMARY = {"fma_fraction": "kernels", "pytorch_eager_ratio": "forcecall", "torchscript_ratio": "forcecall",
           "pytorch_eager_ratio_min": "forcecall", "torchscript_ratio_min": "forcecall", "xtb_ratio_chignolin": "quantum",
           "xtb_ratio_trpcage": "quantum", "scaling_exponent": "scaling", "peak_memory_mb": "scaling",
           "peak_memory_atoms": "scaling", "overhead_us": "openmmstep", "overhead_vacuum_us": "openmmstep",
           "together_ratio": "together", "together_vacuum_ratio": "together",
           "startup_ms": "startup"}

HEAD = """# Benchmarks

Written by `make bench` (`tests/performance/bench.py`); do not edit. Every ratio is one of medians of repeats taken in turn in
one run on one machine; TorchScript and eager PyTorch run the same weights on the same fragments, and forces are compared
before anything is timed. How far the correction's time step can go is in [time-steps.md](time-steps.md), what was tried in the
engine in [engine.md](engine.md).

"""


def summary(parts: dict) -> dict:
    """The figures that matter, from the parts that have run; None where one has not."""
    found = {key: parts.get(part, {}).get(key) for key, part in SUMMARY.items()}
    return found | {"machine": {name: part["machine_of_run"] for name, part in parts.items()}}


def write(parts: dict, folder: Path) -> None:
    """README.md and PNG files of the parts that have run, now or, by parts.json, before.

    Raises
    ------
    ValueError
        README.md has tables of which parts.json knows nothing: they would be lost.
    """
    known, page = folder / "parts.json", folder / "README.md"
    if known.exists():
        parts = {**json.loads(known.read_text()), **parts}
    elif page.exists() and (missing := SECTIONS.keys() - parts):
        raise ValueError(f"{page} is left as it is: there is no {known.name} beside it, and {', '.join(sorted(missing))} have not "
                         "run; run all parts, or delete the page")
    folder.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(parts, indent=1) + "\n")
    text = HEAD + machineLines(parts)
    for name, section in SECTIONS.items():
        if name in parts:
            text += "\n" + section(parts[name], folder)
    page.write_text(text)


def table(header: list[str], rows: list[list]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def machineLines(parts: dict) -> str:
    """One line for each machine, with the parts that ran on it and how busy it was."""
    seen: dict[str, dict[str, float]] = {}
    for name, part in parts.items():
        m = part["machine_of_run"]
        text = (f"{m['processor']}, {m['processors']} processors, PluginBridge {m['pluginbridge']} ({m['instruction_set']}"
                + (f", commit {m['commit']}" if m["commit"] else "") + f"), {m['date']}")
        seen.setdefault(text, {})[name] = m["load"]
    return "".join(f"- {text}: {', '.join(loads)}; load average at their start {min(loads.values()):.1f} to "
                   f"{max(loads.values()):.1f}\n" for text, loads in seen.items())


def figure(folder: Path, name: str, draw, size=(6.4, 3.4)) -> str:
    """Draws into folder/name and returns its Markdown."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=size, constrained_layout=True)
    draw(axis)
    fig.savefig(folder / name, dpi=90)
    plt.close(fig)
    return f"\n![{name[:-4]}]({name})\n"


def bars(axis, labels, series: dict, unit: str, line=None):
    """Horizontal bars, a group a label."""
    height = 0.8 / len(series)
    for k, (name, values) in enumerate(series.items()):
        axis.barh([row + (k - (len(series) - 1) / 2) * height for row in range(len(labels))], values, height, label=name)
    axis.set_yticks(range(len(labels)), labels, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel(unit)
    if line is not None:
        axis.axvline(line, color="0.4", lw=0.8)
    if len(series) > 1:
        axis.legend(fontsize=7)


def kernels(part: dict, folder: Path) -> str:
    text = "## Kernels against the machine\n\n"
    text += table(["threads", "peak of fused multiply-adds, GFLOP/s", "memory (triad), GB/s"],
                  [[m["threads"], f"{m['peak_gflops']:.0f}", f"{m['bandwidth_gbs']:.1f}"] for m in part["machine"]])
    text += ("\nPeak and bandwidth are the best of the repeats, before and after; kernels are medians, single precision, one "
             "thread.\n\n")
    text += table(["kernel", "shape", "µs", "GFLOP/s", "of peak", "GB/s", "of bandwidth"],
                  [[k["name"], k["shape"], f"{k['microseconds']:.1f}",
                    *((f"{k['gflops']:.0f}", f"{k['peak_fraction']:.0%}") if k["gflops"] else ("", "")),
                    *((f"{k['gbs']:.1f}", f"{k['bandwidth_fraction']:.0%}") if k["gbs"] else ("", ""))]
                   for k in part["kernels"]])
    text += (f"\nThe whole call (energy and forces of {part['structure']}, {part['atoms']} atoms, scheme `whole`): operations as "
             "executed, counted by running the same kernels with registers that count (a multiply-add is two, everything else "
             "one; the product's tiles overlap by up to 3 %), divided by time and peak.\n\n")
    text += table(["network", "threads", "GFLOP", "ms", "GFLOP/s", "of peak"],
                  [[r["network"], r["threads"], f"{r['gflop']:.2f}", f"{r['ms']:.2f}", f"{r['gflops']:.0f}",
                    f"{r['peak_fraction']:.0%}"] for r in part["calls"]])
    products = [k for k in part["kernels"] if k["gflops"]]
    labels = [k["name"].replace("Gemm, ", "") for k in products] + [f"call: {r['network']}, {r['threads']} thr." for r in part["calls"]]
    values = [k["peak_fraction"] for k in products] + [r["peak_fraction"] for r in part["calls"]]
    text += figure(folder, "kernels.png", lambda axis: bars(axis, labels, {"": values}, "share of the FMA peak", 1.0))
    return text + steps(part, folder)


def steps(part: dict, folder: Path) -> str:
    """Where the time of a call goes: a table by step, and a roofline."""
    machine = next(m for m in part["machine"] if m["threads"] == min(m["threads"] for m in part["machine"]))
    peak, bandwidth = machine["peak_gflops"], machine["bandwidth_gbs"]
    text = ("\nWhere that time goes, step by step (one thread; all layers together; bytes are those between registers and memory, caches "
            "included).\n\n")
    found = {}
    for network, rows in part["steps"].items():
        whole = sum(row["seconds"] for row in rows)
        found[network] = [(row["name"], row["seconds"] / whole, 1e-9 * row["flops"] / row["seconds"], row["flops"] / max(row["bytes"], 1))
                          for row in rows if row["seconds"] > 0.01 * whole]
    names = [row["name"] for row in next(iter(part["steps"].values())) if any(row["name"] in (f[0] for f in x) for x in found.values())]
    cells = {network: {name: (f"{share:.0%}", f"{gflops:.0f}", f"{gflops / peak:.0%}") for name, share, gflops, _ in rows}
             for network, rows in found.items()}
    text += table(["step", *(title for network in found for title in (f"{network}: of the time", "GFLOP/s", "of peak"))],
                  [[name, *(cell for network in found for cell in cells[network].get(name, ("", "", "")))] for name in names])

    def draw(axis):
        import numpy as np

        intensity = np.linspace(0, 3, 50)
        axis.plot(intensity, np.minimum(peak, bandwidth * intensity), color="0.4", label="from main memory at most")
        axis.axhline(peak, color="0.4", ls=":", label="peak")
        for k, (network, rows) in enumerate(found.items()):
            axis.scatter([x for *_, x in rows], [y for _, _, y, _ in rows], [1500 * share for _, share, *_ in rows], alpha=0.5,
                         color=f"C{k}", label=network)
            for name, share, y, x in rows if k == 1 else ():
                if share > 0.05:
                    axis.annotate(name, (x, y), xytext=(8, -12), textcoords="offset points", fontsize=7)
        axis.set(xlabel="operations a byte between registers and memory, caches included", ylabel="GFLOP/s (area: share of the time)",
                 xlim=(0, 3), ylim=(0, 1.1 * peak))
        axis.legend(fontsize=7, markerscale=0.3, loc="lower right")

    return text + figure(folder, "roofline.png", draw, (6.4, 4.2))


def forcecall(part: dict, folder: Path) -> str:
    text = "## Force call against PyTorch\n\n"
    text += table(["structure", "network", "scheme", "threads", "ours, ms", "eager, ms", "ratio", "TorchScript, ms", "ratio"],
                  [[f"{r['structure']} ({r['atoms']})", r["network"], f"`{r['scheme']}`", r["threads"], f"{r['ours_ms']:.2f}",
                    f"{r['eager_ms']:.1f}", f"{r['eager_ratio']:.2f}", f"{r['torchscript_ms']:.1f}",
                    f"{r['torchscript_ratio']:.2f}"] for r in part["rows"]])
    labels = [f"{r['structure']}, {r['network'].replace(' channels', '').replace(' layers', '')}, {r['scheme']}, {r['threads']} thr."
              for r in part["rows"]]
    series = {"eager": [r["eager_ratio"] for r in part["rows"]], "TorchScript": [r["torchscript_ratio"] for r in part["rows"]]}
    return text + figure(folder, "forcecall.png", lambda axis: bars(axis, labels, series, "times as fast as PyTorch", 1.0),
                         (6.4, 1.2 + 0.22 * len(labels)))


def quantum(part: dict, folder: Path) -> str:
    return "## Against the quantum chemistry that was learnt\n\nOne thread each.\n\n" + table(
        ["structure", "method", "network", "its ms", "ours, ms", "ratio"],
        [[f"{r['structure']} ({r['atoms']})", r["method"], r.get("network", "visnet-gfn2"), f"{r['theirs_ms']:.0f}",
          f"{r['ours_ms']:.2f}", f"{r['ratio']:.0f}"] for r in part["rows"]])


def scaling(part: dict, folder: Path) -> str:
    text = (f"## Scaling\n\nCopies of the demo's peptide (138 atoms) packed until they touch, as one graph, scheme `whole`. "
            f"Exponent of time with atoms, one thread: **{part['scaling_exponent']:.2f}**.\n\n")
    text += table(["atoms", "threads", "neighbours", "ms", "µs an atom", "set up and first call, s", "memory, MB"],
                  [[r["atoms"], r["threads"], f"{r['neighbours']:.1f}", f"{r['ms']:.1f}", f"{1e3 * r['ms'] / r['atoms']:.1f}",
                    f"{r['setup_s']:.2f}", f"{r['memory_mb']:.0f}"] for r in part["rows"]])

    def draw(axis):
        for threads in sorted({r["threads"] for r in part["rows"]}):
            rows = [r for r in part["rows"] if r["threads"] == threads]
            axis.loglog([r["atoms"] for r in rows], [r["ms"] for r in rows], "o-", label=f"{threads} threads, ms")
        rows = [r for r in part["rows"] if r["threads"] == part["rows"][0]["threads"]]
        axis.loglog([r["atoms"] for r in rows], [r["memory_mb"] for r in rows], "s--", color="0.5", label="memory, MB")
        axis.set_xlabel("atoms")
        axis.legend(fontsize=8)

    return text + figure(folder, "scaling.png", draw)


def openmmstep(part: dict, folder: Path) -> str:
    text = (f"## A step in OpenMM\n\nCPU platform, {part['threads']} threads, 1 fs, Langevin middle. The overhead is an evaluation of "
            "the zero correction less one of an empty force group; beside it what the zero correction adds to whole steps (medians of "
            "paired differences; quartiles in brackets).\n\n")
    rows = []
    for name in ("water", "vacuum"):
        b = part[name]
        spans = ["{:.0f} ({:.0f} to {:.0f})".format(b[key + "_us"], *b[key + "_quartiles_us"]) for key in ("overhead", "step_difference")]
        rows.append([f"{b['region']} atoms in {name} ({b['atoms']} in all)", f"{b['host_us']:.0f}", f"{b['correction_us']:.0f}",
                     f"{b['direct_call_us']:.0f}", *spans])
    text += table(["system", "host's step, µs", "the network adds, µs", "its call alone, µs", "overhead, µs", "added to a step, µs"], rows)

    def draw(axis):
        for row, name in enumerate(("water", "vacuum")):
            b, left = part[name], 0.0
            shares = [("host", b["host_us"]), ("network's call", b["direct_call_us"]),
                      ("plugin and sharing of cores", max(0.0, b["correction_us"] - b["direct_call_us"]))]
            for k, (label, value) in enumerate(shares):
                axis.barh(row, value, left=left, color=f"C{k}", label=label if row == 0 else None)
                left += value
        axis.set_yticks([0, 1], ["water", "vacuum"])
        axis.set_xlabel("µs a step")
        axis.legend(fontsize=7)

    return text + figure(folder, "step.png", draw, (6.4, 2.0))


def together(part: dict, folder: Path) -> str:
    text = (f"## Everything together\n\nSimulated time an hour, {part['threads']} threads: scheme `whole` every {part['outer_fs']:g} fs, "
            f"{part['inner_steps']} steps of the host in between, in OpenMM; against a step of 1 fs made of the host's own step and an eager "
            "PyTorch call of `visnet-gfn2` on all fragments of AI²BMD's scheme, `dipeptide`. Rows of `visnet-gfn2` compare the same weights; "
            "`visnet-gfn2-fast` is a smaller network as well. The errors of networks and schemes are in the networks' cards.\n\n")
    return text + table(["system", "network", "rival's 1 fs, µs", f"ours, {part['outer_fs']:g} fs, µs", "simulated time, ratio"],
                        [[f"peptide in {r['where']} ({r['atoms']} atoms in all)", r["network"], f"{r['rival_us']:.0f}",
                          f"{r['outer_us']:.0f}", f"**{r['ratio']:.1f}**"] for r in part["rows"]])


def startup(part: dict, folder: Path) -> str:
    text = f"## Start-up\n\n{part['structure']} ({part['atoms']} atoms), medians of {part['rounds']} fresh processes.\n\n"
    return text + table(["stage", "ms"], [[stage.replace("_", " "), f"{value:.1f}"] for stage, value in part["milliseconds"].items()]
                        + [["library to first force", f"{part['startup_ms']:.1f}"]])


def training(part: dict, folder: Path) -> str:
    text = f"## Training\n\nFrames a second ({part['atoms_per_frame']:.0f} atoms a frame, {part['threads']} thread).\n\n"
    return text + table(["route", "frames/s", "times plain PyTorch"],
                        [[name, f"{rate:.1f}", f"{part['ratio_to_plain'][name]:.2f}"] for name, rate in part["frames_per_s"].items()])


SECTIONS = {"kernels": kernels, "forcecall": forcecall, "quantum": quantum, "scaling": scaling, "openmmstep": openmmstep,
            "together": together, "startup": startup, "training": training}
