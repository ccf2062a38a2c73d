#!/usr/bin/env python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""A census against the truth: tests/targets/truth parks goroutines in every
way and says what each waits for; the runtime's own dump (debug=2) says their
reasons, stacks, creators. Both are compared with what census_dump reads from
outside, for each Go version.

Environment: as harness.py, and CENSUS_DUMP (build/tests/unit/go/census_dump).
"""

import json
import os
import pathlib
import re
import select
import subprocess
import time
import unittest

import harness

CENSUS_DUMP = pathlib.Path(os.environ.get(
    "CENSUS_DUMP", harness.ROOT / "build/tests/unit/go/census_dump"))
GOROUTINE = re.compile(r"goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?"
                       r"\[([^\],]+)([^\]]*)\]:")
CREATED = re.compile(r"created by (\S+) in goroutine (\d+)")
PLACE = re.compile(r"^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?$")


class Truth:
    """A running truth program."""

    def __init__(self, toolchain):
        binary = harness.build_target("truth", toolchain)
        self.child = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=dict(os.environ, GODEBUG="asynctimerchan=0"))
        self.pid = self.child.pid
        assert self.line() == "ready"

    def line(self):
        ready, _, _ = select.select([self.child.stdout], [], [], 30)
        assert ready, "truth does not answer"
        return self.child.stdout.readline().strip()

    def ask(self):
        self.child.stdin.write("?\n")
        self.child.stdin.flush()
        return json.loads(self.line())

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


def census(pid, *options):
    done = subprocess.run([CENSUS_DUMP, "--json", *options, str(pid)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def place(file, line):
    return f"{pathlib.PurePath(file).name}:{line}"


def parse_dump(text):
    """The runtime's dump: goid -> state, frames, parent, created at."""
    result = {}
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        head = GOROUTINE.match(lines[0])
        frames, created, parent = [], None, 0
        names = lines[1::2]
        places = [PLACE.match(line) for line in lines[2::2]]
        for name, at in zip(names, places):
            if name.startswith("..."):
                raise AssertionError("the dump was cut")
            where = place(*at.groups())
            made = CREATED.match(name)
            if made:
                created, parent = where, int(made[2])
            else:
                frames.append((name[:name.rindex("(")], where))
        result[int(head[1])] = {"reason": head[2], "frames": frames,
                                "created": created, "parent": parent}
    return result


def shown(frames):
    """Those of our frames that the runtime's dump shows too."""
    def hidden(name):
        return name.startswith("runtime.") and not re.match(
            r"runtime\.[A-Z]|runtime\.\(\*?[A-Z]", name) and \
            name != "runtime.gopanic"
    # runtime.gopanic is printed as panic, its file being the runtime's.
    return [("panic" if f["function"] == "runtime.gopanic" else f["function"],
             place(f["file"], f["line"]))
            for i, f in enumerate(frames) if not hidden(f["function"])]


@unittest.skipUnless(CENSUS_DUMP.exists(),
                     f"{CENSUS_DUMP} is not built: scripts/build all")
class CensusTest(unittest.TestCase):

    def check(self, toolchain):
        truth = Truth(toolchain)
        self.addCleanup(truth.stop)
        answer = truth.ask()
        first, second = census(truth.pid, "--epochs", "2")
        waits = {int(k): v for k, v in answer["waits"].items()}
        dump = parse_dump(answer["stacks"])
        tasks = {t["id"]: t for t in first["tasks"]}
        users = {i: t for i, t in tasks.items() if not t["system"]}
        with self.subTest("counts"):
            self.assertEqual(len(users), answer["num_goroutine"])
            self.assertEqual(first["oracle_live"], answer["num_goroutine"])
            self.assertEqual(set(users), set(dump))
            self.assertGreaterEqual(first["created"], len(tasks))
            self.assertEqual(first["torn"], [])
            self.assertEqual(first["notes"], [])
        for goid, said in dump.items():
            if goid == 1 or goid not in users:  # it ran to answer
                continue
            with self.subTest(goid=goid, **waits.get(goid, {})):
                self.check_task(users[goid], said)
        for goid, wait in waits.items():
            with self.subTest(goid=goid, **wait):
                self.check_wait(users[goid], wait, answer)
        with self.subTest("a quiet second epoch"):
            self.assertEqual(second["tasks"], [])
            self.assertEqual(second["unchanged"], len(tasks))

    def check_task(self, task, said):
        if task["state"] == "blocked":
            self.assertEqual(task["reason"], said["reason"])
        self.assertEqual(task["parent"], said["parent"])
        self.assertEqual(shown(task["stack"]), said["frames"])
        if said["created"]:
            at = task["created_at"]
            self.assertEqual(place(at["file"], at["line"]), said["created"])

    def check_wait(self, task, wait, answer):
        unnamed = ("behind once", "shared read", "system call")
        if wait["name"] in unnamed:
            self.assertEqual(len(task["waits_on"]),
                             0 if wait["name"] == "system call" else 1)
        elif wait["name"] == "sleep":
            self.assertRegex(task["waits_on"][0], "^timer/0x")
        else:
            self.assertEqual(sorted(task["waits_on"]),
                             sorted(wait["objects"]))
        self.assertEqual(task["labels"], wait.get("labels", {}))
        minor = int(answer["version"].split(".")[1])
        self.check_start(task, wait)
        timed = minor >= 23 or wait["name"] in ("sleep", "read with a deadline")
        self.assertEqual(task["deadline_ns"] != 0,
                         wait["ends_in_ms"] != 0 and timed)

    def check_start(self, task, wait):
        """The bounds hold the truth; behind two cycles they are narrow."""
        if task["state"] != "blocked":
            return
        wall = time.time_ns() - time.monotonic_ns()
        began = wait["since_unix_ns"] - wall
        slack = 50_000_000
        if task["wait_latest_ns"]:
            self.assertLessEqual(task["wait_earliest_ns"], began + slack)
            self.assertGreaterEqual(task["wait_latest_ns"], began)
        if wait["name"] == "late":
            self.assertGreater(task["wait_earliest_ns"],
                               began - 1_000_000_000)
            self.assertLess(task["wait_latest_ns"], began + 2_000_000_000)

    def test_every_version(self):
        for toolchain in harness.GO_VERSIONS:
            with self.subTest(go=toolchain):
                self.check(toolchain)


if __name__ == "__main__":
    unittest.main()
