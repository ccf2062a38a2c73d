#!/usr/bin/env python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""The matrix: Go versions x ways to build, one program that parks goroutines
in every way. In each cell the whole of what is read from outside must equal the
program's truth: by census_dump, and by the daemon with its probes attached.

  sudo tests/e2e/matrix.py [--table FILE] [WORD...]

Runs the cells whose name has one of the words, or all, a line each; --table
writes the results as Markdown. A cell that was run before with the very same
binaries and is not named keeps its place in the table.
"""

import argparse
import collections
import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import textwrap
import time

import harness
import truth

VERSIONS = ("1.18.10 1.19.13 1.20.14 1.21.0 1.21.13 1.22.12 1.23.0 1.23.12 "
            "1.24.0 1.24.9 1.25.4 1.26.0 1.26.8 1.27.0 1.27.4").split()
FLAVOURS = {
    "plain": (),
    "stripped": ("-ldflags=-s -w",),
    "pie": ("-buildmode=pie",),
    "pie-stripped": ("-buildmode=pie", "-ldflags=-s -w"),
    "cgo": (),
}
PROBES = 4
# Goroutines that every build of the program has, the runtime's own included.
FEWEST_TASKS = 70


@dataclasses.dataclass(frozen=True)
class Cell:
    version: str
    flavour: str

    @property
    def minor(self):
        return int(self.version.split(".")[1])

    def __str__(self):
        return f"go{self.version} {self.flavour}"

    def build(self):
        """The truth program, as a module of this very version: what the
        runtime does by default depends on it."""
        folder = harness.CACHE / "modfiles"
        folder.mkdir(parents=True, exist_ok=True)
        modfile = folder / f"go1.{self.minor}.mod"
        modfile.write_text(f"module truth\n\ngo 1.{self.minor}\n")
        return harness.build_target(
            "truth", f"go{self.version}",
            (f"-modfile={modfile}", *FLAVOURS[self.flavour]),
            cgo=self.flavour == "cgo")


EVERY_CELL = [Cell(v, f) for v in VERSIONS for f in FLAVOURS]
# Old and new, each flavour; a cell may cost a build of the standard library.
FEW_CELLS = [
    Cell("1.18.10", "pie-stripped"), Cell("1.19.13", "cgo"),
    Cell("1.20.14", "stripped"), Cell("1.21.13", "pie"),
    Cell("1.23.12", "stripped"), Cell("1.25.4", "pie-stripped"),
    Cell("1.26.8", "plain"), Cell("1.26.8", "cgo"),
    Cell("1.27.4", "pie-stripped"),
]


def snapshot_of(pid):
    """One snapshot of the daemon, its probes attached."""
    done = harness.once("--pid", pid, "--once", "--format", "json", "--for",
                        "300ms")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(cell):
    """A Comparison of all that can be said of one cell."""
    result = truth.Comparison(cell)
    for check_one in check_parked, check_blocked_cleanup:
        program = truth.Truth(cell.build())
        try:
            check_one(result, program)
        finally:
            program.cleanup()
    return result


def check_parked(result, program):
    """While the runtime's own goroutines wait for work."""
    answer = program.ask()
    result.fact("program", "version", answer["version"],
                f"go{result.cell.version}")
    first, second = truth.census(program.pid, 2)
    tasks = truth.tasks_of_census(first)
    if result.cell.minor < 26:  # later ones have no need of that table
        [table] = truth.census(program.pid, 1, "--semtable")
        result.with_waits("semtable", truth.tasks_of_census(table), answer,
                          times=False)
    result.with_everything("census", tasks, answer, program.end_with_dump(),
                           times=True)
    result.fact("census", "count by the runtime", first["oracle_live"],
                answer["num_goroutine"])
    result.fact("census", "created at least", first["created"], len(tasks),
                first["created"] >= len(tasks))
    result.fact("census", "torn", first["torn"], [])
    result.fact("census", "notes", first["notes"], [])
    result.fact("second census", "changed", len(second["tasks"]), 0)
    result.fact("second census", "unchanged", second["unchanged"], len(tasks))


def check_blocked_cleanup(result, program):
    """While finalizers and cleanups block too; the daemon with its probes."""
    answer = program.ask("block cleanup")
    snapshot = snapshot_of(program.pid)
    [last] = truth.census(program.pid)
    dump = program.end_with_dump()
    result.with_everything("last census", truth.tasks_of_census(last), answer,
                           dump)
    result.with_everything("daemon", truth.tasks_of_snapshot(snapshot), answer,
                           dump)
    counts = snapshot["counts"]
    result.fact("daemon", "count in counts", counts["tasks"],
                answer["num_goroutine"])
    result.fact("daemon", "created - finished",
                counts["created"] - counts["finished"], counts["tasks"])
    coverage = snapshot["coverage"]
    result.fact("daemon", "complete", coverage["complete"], True)
    result.fact("daemon", "notes", coverage["notes"], [])
    result.fact("daemon", "probes", coverage["probes"],
                f"{PROBES} attached",
                list(coverage["probes"].values()) == ["attached"] * PROBES)


def run(cell):
    """A cell's result as plain data, whatever happens."""
    begun = time.monotonic()
    try:
        done = check(cell)
        result = {"tasks": done.tasks, "facts": done.facts,
                  "reasons": sorted(done.reasons),
                  "mismatches": done.mismatches}
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        result = {"error": str(error).strip().splitlines()[-1]}
    result["seconds"] = round(time.monotonic() - begun, 1)
    return result


def verdict(result):
    """What the table shows of a result."""
    if result is None:
        return "not run"
    if "error" in result:
        return "**failed**"
    differ = len(result["mismatches"])
    shown = f"**{differ}**" if differ else "0"
    return f"{shown} of {result['facts']}, {result['tasks']} tasks"


def under_test():
    """Names the binaries that a result is of."""
    digest = hashlib.sha256()
    for binary in (harness.TASKLEAKD, truth.CENSUS_DUMP):
        digest.update(binary.read_bytes())
    return digest.hexdigest()


class Results:
    """Results of these binaries, kept between runs."""

    def __init__(self):
        self.path = harness.CACHE / "matrix.json"
        self.binaries = under_test()
        self.cells = {}
        if self.path.exists():
            kept = json.loads(self.path.read_text())
            if kept["binaries"] == self.binaries:
                self.cells = kept["cells"]

    def add(self, cell, result):
        self.cells[str(cell)] = result
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(
            {"binaries": self.binaries, "cells": self.cells}, indent=1))


def machine():
    """Processor, cores and kernel, in one line."""
    found = re.search(r"^model name\s*: (.*)$",
                      pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return (f"{found[1] if found else platform.machine()}, "
            f"{os.cpu_count()} cores, Linux {platform.release()}")


def git(*args):
    return subprocess.run(["git", *args], cwd=harness.ROOT, text=True,
                          capture_output=True, check=True).stdout.strip()


def reason_lines(cells):
    """Lines that name each wait reason of the cells, and in how many it is."""
    count = collections.Counter(r for c in cells for r in c["reasons"])
    text = ", ".join(f"{reason} {n}" for reason, n in sorted(count.items()))
    return textwrap.wrap(text + ".", 118, break_on_hyphens=False)


def table(results):
    """The page of results."""
    cells = [results.get(str(c)) for c in EVERY_CELL]
    done = [c for c in cells if c and "error" not in c]
    day = datetime.date.today().isoformat()
    lines = [
        "# The matrix", "",
        "One program (`tests/targets/truth`) parks goroutines in every way "
        "that its Go has; in each",
        "cell what `task-leakd` reads from outside is compared with the "
        "program's truth. A cell shows the",
        "facts that differ, of how many, about how many goroutines. "
        "[development.md](development.md#the-matrix)",
        "says what a fact is.", "",
        f"`sudo tests/e2e/matrix.py --table docs/matrix.md`, {day}, commit "
        f"{git('rev-parse', '--short=10', 'HEAD')}",
        f"on {machine()}:",
        f"{sum(1 for c in done if not c['mismatches'])} of {len(cells)} "
        f"cells without a difference, {sum(c['facts'] for c in done):,} facts "
        f"compared.", "",
        "| Go | " + " | ".join(FLAVOURS) + " |",
        "|---" * (len(FLAVOURS) + 1) + "|"]
    for version in VERSIONS:
        row = [verdict(results.get(str(Cell(version, f)))) for f in FLAVOURS]
        lines.append(f"| {version} | " + " | ".join(row) + " |")
    lines += ["", "Wait reasons compared, with the number of cells that have "
              "them:", ""] + reason_lines(done)
    for cell in EVERY_CELL:
        result = results.get(str(cell)) or {}
        wrong = [result["error"]] if "error" in result else \
            result.get("mismatches", [])
        if wrong:
            lines += ["", f"{cell}:", ""] + [f"- {w}" for w in wrong[:5]]
    return "\n".join(lines) + "\n"


def main():
    options = argparse.ArgumentParser(
        description="Runs cells of the matrix of Go versions and builds.")
    options.add_argument("words", nargs="*", metavar="WORD")
    options.add_argument("--table", metavar="FILE", type=pathlib.Path)
    options = options.parse_args()
    results = Results()
    failed = 0
    for cell in EVERY_CELL:
        if options.words and not any(w in str(cell) for w in options.words):
            continue
        result = run(cell)
        results.add(cell, result)
        failed += result.get("mismatches") != []
        print(f"{str(cell):24} {verdict(result)} ({result['seconds']} s)")
        for text in [result.get("error"), *result.get("mismatches", [])[:9]]:
            if text:
                print(f"    {text[:400]}")
        sys.stdout.flush()
    if options.table:
        options.table.write_text(table(results.cells))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
