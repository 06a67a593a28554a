#!/usr/bin/python3
"""Runs every test suite (NUnit beside ctest, then pytest) and ends with one line over all of them.

    tests/run_all.py [--fast] [--only managed|native|python]

``--fast`` leaves out the tests marked slow. The reports lie in build/test-results. The exit status is 0 only if
nothing failed and every suite ran at least one test.
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
RESULTS = BUILD / "test-results"
PYTHON = "/usr/bin/python3"


def environment():
    """Environment of the tests: the built package on the path, one BLAS thread (PyTorch and libxtb are tests' peers)."""
    env = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OMP_STACKSIZE="1G")
    env["PYTHONPATH"] = os.pathsep.join([str(BUILD / "python"), str(ROOT / "training")])
    return env


def run(command, output):
    """Exit status of a command that writes to a file."""
    print("+ " + " ".join(map(str, command)), file=output, flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT).returncode


def managed(fast, output):
    """NUnit: counts (passed, failed, skipped), the failed tests with their messages, and the exit status."""
    for old in RESULTS.glob("*.trx"):
        old.unlink()
    command = ["dotnet", "test", "PluginBridge.sln", "-c", "Release", "--artifacts-path", BUILD / "dotnet-tests",
               "-nodeReuse:false", "--logger", "trx", "--results-directory", RESULTS, "-v", "quiet"]
    if fast:
        command += ["--filter", "TestCategory!=Slow"]
    status = run(command, output)
    counts, failures = [0, 0, 0], []
    for report in RESULTS.glob("*.trx"):
        root = ET.parse(report).getroot()
        counters = root.find(".//{*}ResultSummary/{*}Counters").attrib
        passed, total = int(counters["passed"]), int(counters["total"])
        failed = sum(int(counters[key]) for key in ("failed", "error", "timeout", "aborted"))
        counts = [counts[0] + passed, counts[1] + failed, counts[2] + total - passed - failed]
        failures += [(test.get("testName"), test.findtext(".//{*}Message", ""))
                     for test in root.iterfind(".//{*}UnitTestResult") if test.get("outcome") not in ("Passed", "NotExecuted")]
    return counts, failures, status


def junit(report):
    """Counts of a JUnit report, and its failed tests."""
    if not report.exists():
        return [0, 0, 0], []
    root, counts = ET.parse(report).getroot(), [0, 0, 0]
    for suite in root.iter("testsuite"):
        tests, skipped = int(suite.get("tests")), int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        counts = [counts[0] + tests - failed - skipped, counts[1] + failed, counts[2] + skipped]
    failures = [(f"{case.get('classname')}.{case.get('name')}", bad.get("message") or "")
                for case in root.iter("testcase") for bad in (*case.findall("failure"), *case.findall("error"))]
    return counts, failures


def native(fast, output):
    """ctest: the C ABI, the install tree's consumer, the OpenMM plugin."""
    report = RESULTS / "ctest.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", BUILD / "cmake", "--output-on-failure", "--output-junit", report]
    status = run(command + (["-LE", "slow"] if fast else []), output)
    return *junit(report), status


def python(fast, output):
    """pytest: the Python package, OpenMM, training, the bindings generator; a file's tests stay in one process."""
    report = RESULTS / "pytest.xml"
    report.unlink(missing_ok=True)
    command = [PYTHON, "-m", "pytest", "tests/python", "-q", "-rs", f"--junitxml={report}",
               "-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
    status = run(command + (["-m", "not slow"] if fast else []), output)
    return *junit(report), status


def results(suites, fast):
    """What suites return that run side by side, each as it ends. One alone writes to the terminal at once."""
    if len(suites) == 1:
        yield suites[0], suites[0](fast, sys.stdout)
        return
    print(f"{' and '.join(suite.__name__ for suite in suites)} side by side: what they say follows as they end", flush=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outputs = {suite: tempfile.TemporaryFile("w+") for suite in suites}
        running = {pool.submit(suite, fast, outputs[suite]): suite for suite in suites}
        for ended in concurrent.futures.as_completed(running):
            suite = running[ended]
            with outputs[suite] as output:
                output.seek(0)
                shutil.copyfileobj(output, sys.stdout)
            yield suite, ended.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--fast", action="store_true", help="leave out the tests marked slow")
    parser.add_argument("--only", choices=["managed", "native", "python"], help="one suite")
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)

    total, failures, sound = [0, 0, 0], [], True
    groups = [(managed, native), (python,)]  # the first two keep hardly more than one core busy each
    if arguments.only:
        groups = [[suite] for group in groups for suite in group if suite.__name__ == arguments.only]
    for group in groups:
        for suite, (counts, failed, status) in results(group, arguments.fast):
            failures += failed
            print(f"{suite.__name__}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped", flush=True)
            if status != 0 and counts[1] == 0:
                print(f"{suite.__name__}: ended with status {status} without naming a failed test", flush=True)
            sound = sound and status == 0 and counts[0] > 0
            total = [a + b for a, b in zip(total, counts)]
    for name, message in failures:  # again at the end, where a log is read
        print(f"FAILED {name}\n    " + "\n    ".join(message.strip().splitlines()[:12]))
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 0 if sound and total[1] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
