#!/usr/bin/python3
"""How fast is it, and how far from what the machine can do? Each part alone, or all.

    PYTHONPATH=build/python /usr/bin/python3 tests/performance/bench.py                    # all, some 20 minutes
    PYTHONPATH=build/python /usr/bin/python3 tests/performance/bench.py --parts scaling startup
    PYTHONPATH=build/python /usr/bin/python3 tests/performance/bench.py --quick --out /tmp/bench   # does it work?

kernels     kernels and whole calls against measured peak and bandwidth
forcecall   against the PyTorch twin, eager and TorchScript
quantum     against libxtb on whole chignolin and Trp-cage; with --psi4 also M06-2X/6-31G* on a capped residue
scaling     138 to 13,800 atoms: time, exponent, memory
openmmstep  a step in OpenMM: host, network, overhead
together    simulated time an hour, with multiple time steps, against the dipeptide scheme in PyTorch at 1 fs
startup     library load to first force
training    frames a second of training

Writes OUT/PART.json for each part, OUT/summary.json over all parts that are there, and with --report the tables and
plots. Run it on an idle machine.
"""
import os

# one BLAS thread unless a part says otherwise; read when the libraries load
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks import report  # noqa: E402
from benchmarks.settings import ROOT, Settings, machine  # noqa: E402

PARTS = tuple(report.SECTIONS)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="folder of the JSON files")
    parser.add_argument("--report", type=Path, help="write tables and plots to this folder (docs/benchmarks)")
    parser.add_argument("--structures", type=Path, help="folder with chig*.pdb, trp*.pdb instead of the built peptides")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each time (5 or more for a claim)")
    parser.add_argument("--psi4", action="store_true", help="time M06-2X/6-31G* of a capped residue too (minutes)")
    parser.add_argument("--quick", action="store_true", help="a size that shows that everything works; no times to quote")
    options = parser.parse_args()
    if min(options.threads) < 1 or options.repeats < 1:
        parser.error("--threads and --repeats must be positive")
    if options.structures is not None and not options.structures.is_dir():
        parser.error(f"the folder of structures '{options.structures}' does not exist")
    return options


def main():
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = Settings(options.out, options.structures, options.quick, 2 if options.quick else options.repeats,
                        options.threads, options.psi4)
    for name in options.parts:
        begin, where = time.time(), machine()
        result = importlib.import_module(f"benchmarks.{name}").run(settings)
        result |= dict(machine_of_run=where, quick=options.quick, seconds=round(time.time() - begin, 1))
        (options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"{name}: {result['seconds']:.0f} s", flush=True)
    parts = {name: json.loads((options.out / f"{name}.json").read_text()) for name in PARTS
             if (options.out / f"{name}.json").is_file()}
    if not options.quick:  # files that a quick run has left say nothing
        parts = {name: part for name, part in parts.items() if not part["quick"]}
    found = report.summary(parts)
    (options.out / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    for key in report.SUMMARY:
        value = found[key]
        print(f"{key:26} {'not measured' if value is None else f'{value:.3g}'}")
    if options.report is not None:
        try:
            report.write(parts, options.report)
        except ValueError as error:
            sys.exit(str(error))
        print(f"wrote {options.report / 'README.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
