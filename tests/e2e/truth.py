# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""A program's truth about its goroutines, and how far a snapshot agrees.

Three accounts of one process, tests/targets/truth, are compared with what is
read from outside: what each goroutine said before it blocked (the object, when,
its labels), the runtime's own dump of the program's goroutines, and the dump
that it leaves when SIGQUIT ends it, which has the runtime's own goroutines and
all frames too.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import harness

CENSUS_DUMP = pathlib.Path(os.environ.get(
    "CENSUS_DUMP", harness.ROOT / "build/tests/unit/go/census_dump"))
GOROUTINE = re.compile(r"goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?"
                       r"\[([^\],]+)[^\]]*\](?: \{.*\})?:")
CREATED = re.compile(r"created by (\S+)(?: in goroutine (\d+))?$")
PLACE = re.compile(r"^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=.*)?$")
# What a goroutine may be doing when it does not wait.
STATES = {"running", "runnable", "syscall"}
# Functions that only pass a call on. The runtime shows them in no dump but that
# of GOTRACEBACK=system, and nor do we: closures of go statements (named like any
# closure up to 1.21), generic wrappers, what calls finalizers and defers.
WRAPPER = re.compile(
    r"\.gowrap\d+$|^runtime\.call\d+$|·dwrap·\d+$|"
    r"^runtime\.(deferreturn|deferCallSave|runOpenDeferFrame)$|"
    r"^runtime\.(gcenable|gcBgMarkStartWorkers)\.func\d+$")
# A wrapper where it calls a generic function of the runtime (from 1.26).
CLEANUP_WRAPPER = ("runtime.callCleanup[...]", "runtime.AddCleanup[...].func1")
# Waits of which the program cannot name the object: how many there are.
UNNAMED = {"behind once": 1, "shared read": 1, "system call": 0, "C call": 0,
           "synctest.Wait": 0}


class Truth(harness.Target):
    """A running truth program."""

    def __init__(self, binary):
        super().__init__("truth", binary=binary,
                         env=dict(os.environ, GOTRACEBACK="system"))

    def end_with_dump(self):
        """The dump of everything that SIGQUIT makes the runtime leave."""
        self.stop(signal.SIGQUIT)
        return self.stderr()


def census(pid, epochs=1, *options):
    """What census_dump reads of a process, a dictionary an epoch."""
    done = subprocess.run(
        [CENSUS_DUMP, "--json", "--epochs", str(epochs), *options, str(pid)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tasks_of_census(epoch):
    return {t["id"]: t for t in epoch["tasks"]}


def tasks_of_snapshot(snapshot):
    """The daemon's tasks with census_dump's names."""
    result = {}
    for task in snapshot["tasks"]:
        made = task["created_by"] or {}
        result[harness.raw_goid(task)] = dict(
            task, reason=task["wait_reason"], created_at=made,
            parent=int((made.get("task") or "go/0").split("/")[1]),
            system=task.get("system", False))
    return result


def place(file, line):
    return f"{pathlib.PurePath(file).name}:{line}"


def parse_dump(text):
    """The runtime's dump: goid -> reason, frames, parent, created at."""
    result = {}
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        head = lines and GOROUTINE.match(lines[0])
        if not head or head[1] == "0":  # registers; the scheduler's stack
            continue
        frames, created, parent = [], None, 0
        for name, at in zip(lines[1::2], lines[2::2]):
            if name.startswith("..."):
                raise AssertionError("the dump was cut")
            where = place(*PLACE.match(at).groups())
            made = CREATED.match(name)
            if made:
                created, parent = where, int(made[2] or 0)
            else:
                frames.append((name[:name.rindex("(")], where))
        reason = head[2]
        if reason.startswith("synctest."):
            # The dump says so of every durable wait in a bubble; elsewhere it
            # is part of the reason.
            reason = reason.removesuffix(" (durable)")
        result[int(head[1])] = {"reason": reason, "frames": frames,
                                "created": created, "parent": parent}
    return result


def named(frames):
    """Our frames as a dump names them: runtime.gopanic is printed as panic."""
    return [("panic" if f["function"] == "runtime.gopanic" else f["function"],
             place(f["file"], f["line"])) for f in frames]


def hidden(name):
    """Does the dump of the program's goroutines leave this frame out? It shows
    of the runtime what is exported (runtime/traceback.go, showfuncinfo)."""
    if not name.startswith("runtime."):
        return "." not in name and name != "panic"
    receiver, _, function = name.removeprefix("runtime.").rpartition(".")
    return not (function[:1].isupper() and
                receiver.lstrip("(*")[:1].isupper() == bool(receiver))


def without_wrappers(full, short):
    """The frames of a full dump, less runtime.goexit, where it ends, and the
    wrappers. `short` are the goroutine's frames in the dump of the program's
    goroutines, None for one of the runtime's: a frame of the program that is
    missing there is a wrapper."""
    result, rest = [], list(short or [])
    for frame in full:
        name, where = frame
        if rest and frame == rest[0]:
            result.append(rest.pop(0))
        elif not (name == "runtime.goexit" or WRAPPER.search(name) or
                  where.startswith("<autogenerated>") or
                  result and (result[-1][0], name) == CLEANUP_WRAPPER or
                  short is not None and not hidden(name)):
            result.append(frame)
    return result + rest


def without(mapping, keys):
    return {k: v for k, v in mapping.items() if k not in keys}


class Comparison:
    """Facts compared, and those that differ, in words."""

    def __init__(self, cell):
        self.cell = cell
        self.tasks = 0  # compared with one dump, the most
        self.reasons = set()
        self.facts = 0
        self.mismatches = []

    def fact(self, who, what, ours, truth, equal=None):
        """Counts a fact; ours must be the truth (or `equal` as computed)."""
        self.facts += 1
        if not (ours == truth if equal is None else equal):
            self.mismatches.append(f"{who}: {what}: {ours!r}, not {truth!r}")

    def with_everything(self, witness, tasks, answer, dump, times=False):
        """`tasks` (id -> task) against an answer of the program and the dump
        that it left when it was ended; see with_waits for `times`."""
        system = {i for i, task in tasks.items() if task["system"]}
        self.fact(witness, "count", len(tasks) - len(system),
                  answer["num_goroutine"])
        short, full = parse_dump(answer["stacks"]), parse_dump(dump)
        short.pop(1)  # main ran to answer
        self._with_dump(f"{witness}, all frames", tasks, {
            i: dict(said, frames=without_wrappers(
                said["frames"], short[i]["frames"] if i in short else None))
            for i, said in full.items()})
        # Finalizers that block are in the dump, and are still the runtime's.
        self._with_dump(witness, without(tasks, system | {1}),
                        without(short, system),
                        shown=lambda frame: not hidden(frame[0]))
        self.with_waits(witness, tasks, answer, times)

    def _with_dump(self, witness, tasks, dump, shown=lambda frame: True):
        self.fact(witness, "goroutines", sorted(tasks), sorted(dump))
        both = sorted(tasks.keys() & dump.keys())
        self.tasks = max(self.tasks, len(both))
        for goid in both:
            frames = list(filter(shown, named(tasks[goid]["stack"])))
            self._one(f"{witness}, goroutine {goid}", tasks[goid], frames,
                      dump[goid])

    def _one(self, who, task, frames, said):
        reason = said["reason"]
        self.fact(who, "state", task["state"],
                  reason if reason in STATES else "blocked")
        if reason not in STATES:
            self.reasons.add(reason)
            self.fact(who, "wait reason", task["reason"], reason)
        self.fact(who, "parent", task["parent"], said["parent"])
        made = task.get("created_at") or {}
        self.fact(who, "created at",
                  place(made["file"], made["line"]) if made else None,
                  said["created"])
        self.fact(who, "stack", frames, said["frames"])

    def with_waits(self, witness, tasks, answer, times):
        """Each of `tasks` against what the goroutine itself had said; `times`:
        labels and times too, where the tasks are census_dump's."""
        for goid, wait in answer["waits"].items():
            who = f"{witness}, goroutine {goid} ({wait['name']})"
            task = tasks.get(int(goid))
            self.fact(who, "listed", task is not None, True)
            if task is None:
                continue
            self._objects(who, task, wait)
            if times:
                self.fact(who, "labels", task["labels"],
                          wait.get("labels", {}))
                self._start(who, task, wait)
                self._deadline(who, task, wait)

    def _objects(self, who, task, wait):
        waits_on = sorted(task["waits_on"])
        if wait["name"] in UNNAMED:
            self.fact(who, "number of wait objects", len(waits_on),
                      UNNAMED[wait["name"]])
        elif wait["name"] == "sleep":
            self.fact(who, "wait objects", waits_on, "a timer",
                      len(waits_on) == 1 and
                      waits_on[0].startswith("timer/0x"))
        else:
            self.fact(who, "wait objects", waits_on, sorted(wait["objects"]))

    def _start(self, who, task, wait):
        """The bounds hold the truth; behind two cycles they are narrow."""
        if task["state"] != "blocked" or not wait["since_unix_ns"]:
            return
        began = wait["since_unix_ns"] - (time.time_ns() - time.monotonic_ns())
        earliest, latest = task["wait_earliest_ns"], task["wait_latest_ns"]
        slack = 50_000_000
        if latest:
            self.fact(who, "wait start", (earliest, latest), began,
                      earliest <= began + slack and latest >= began)
        if wait["name"] == "late":
            self.fact(who, "narrow wait start", (earliest, latest), began,
                      earliest > began - 1_000_000_000 and
                      latest < began + 2_000_000_000)

    def _deadline(self, who, task, wait):
        """From 1.23 on a channel names its timer."""
        timed = wait["ends_in_ms"] != 0 and (
            self.cell.minor >= 23 or
            wait["name"] in ("sleep", "read with a deadline"))
        self.fact(who, "has a deadline", task["deadline_ns"] != 0, timed)
