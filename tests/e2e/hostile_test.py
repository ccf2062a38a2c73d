# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""A target that lies in its own memory (tests/targets/hostile), or that is not
what its file says: each time a refusal or the truth, within bounds of time and
memory; the target goes on unharmed, and the daemon with its other targets."""

import json
import os
import shutil
import subprocess
import time

import bad_input_test
from containers_test import ContainersCase
from counts_test import unix_ns
from harness import Process, TestCase, build_target, once, wait_for

OLD, NEW = "go1.21.13", "go1.26.8"

# One look at 121 goroutines: seconds even on a busy machine, and bytes of the
# largest process of it.
MAX_SECONDS, MAX_MIB = 60, 400
# Lies that leave no list to read, by what the refusal must say.
REFUSED = {
    "allglen-beyond": "not readable", "allglen-huge": "allglen",
    "allglen-zero": "allglen", "allgs-itself": "allgptr",
    "allgs-nowhere": "allgptr", "allgs-odd": "none",
    "allgs-one-g": "overlap", "allgs-twice": "overlap",
    "gs-overlap": "overlap", "ids-few": "goidgen", "ids-absurd": "created",
    "reasons-huge": "too long", "text-elsewhere": "disagree",
}
# A list that is shorter and holds together is one that cannot be told apart
# from the truth by a first look; a later one sees that it shrank.
SHORTER = {"allglen-short"}
# Lies of so many records that they are read and not believed: torn.
TORN = {"gs-fake", "g-names-another", "stack-nowhere", "stack-upside-down",
        "sudog-nowhere", "sudog-of-another"}
# Lies that a note tells of.
NOTED = {"sudog-loop": "64 cases", "sudog-loop-of-two": "64 cases",
         "labels-huge": "labels"}


# A version that no tool chain has.
UNKNOWN = {"go1.26.80"}


class Lies(TestCase):
    def look(self, target):
        """One look, its time and memory within bounds."""
        begun = time.monotonic()
        done = once("--pid", target.pid, "--once", "--for", "0", "--format",
                    "json", seconds=MAX_SECONDS,
                    prefix=("/usr/bin/time", "-f", "%M"))
        self.assertLess(time.monotonic() - begun, MAX_SECONDS)
        *lines, kib = done.stderr.strip().splitlines()
        if lines and lines[-1].startswith("Command exited"):
            lines.pop()
        self.assertLess(int(kib) / 1024, MAX_MIB, "MiB")
        return done, lines

    def check(self, lie, version):
        target = self.target("hostile", toolchain=version)
        truth = target.ask()["num_goroutine"]
        told = target.ask("forge " + lie)
        if "this Go has no" in told.get("error", ""):
            return
        self.assertNotIn("error", told)
        done, lines = self.look(target)
        if lie in REFUSED:
            self.assertEqual(done.returncode, 3, done.stdout[:300])
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(REFUSED[lie], lines[0])
        elif lie not in SHORTER:
            self.assertEqual(done.returncode, 0, done.stderr)
            self.believable(json.loads(done.stdout), truth, lie)
        self.assertEqual(target.ask("heal")["num_goroutine"], truth)
        self.assertEqual(self.snapshot_once(target.pid)["counts"]["tasks"],
                         truth)
        target.stop()

    def believable(self, shown, truth, lie):
        """What was not read stands in the coverage; nothing is too much."""
        counts, coverage = shown["counts"], shown["coverage"]
        self.assert_counts_fit(counts)
        if lie in TORN:
            self.assertGreater(coverage["torn_tasks"], 0)
        if coverage["torn_tasks"]:
            self.assertFalse(coverage["complete"])
            self.assertLessEqual(counts["tasks"], truth)
        else:
            self.assertEqual(counts["tasks"], truth)
        self.assertIn(NOTED.get(lie, ""), " ".join(coverage["notes"]))
        for task in shown["tasks"]:
            start = task["wait_start"]
            if start is not None:
                self.assertLess(unix_ns(shown["target"]["start_time"]), unix_ns(start) + 1e9, task)
                self.assertLess(unix_ns(start), time.time() * 1e9, task)
            self.assertLessEqual(len(task["waits_on"]), 64)
            self.assertLessEqual(len(task["stack"]), 512)

    def test_each_lie_is_refused_or_told(self):
        names = self.target("hostile").ask("lies")["lies"]
        for version in (OLD, NEW):
            for lie in names:
                with self.subTest(lie, version=version):
                    self.check(lie, version)

    def test_the_daemon_goes_on_with_its_other_targets(self):
        """Every lie in turn, beside an honest shop: its epochs go on, and
        once a lie is taken back its teller counts right again."""
        shop, target = self.shop({"mutex": 3}), self.target("hostile")
        truth = target.ask()["num_goroutine"]
        daemon = self.daemon("--pid", shop.pid, "--pid", target.pid,
                             "--no-probes", "--interval", "100ms",
                             "--overhead-budget", "100%")

        def epoch(pid):
            return daemon.snapshot(f"?pid={pid}&tasks=1")["epoch"]

        def tasks(pid):
            shown = daemon.snapshot(f"?pid={pid}&tasks=1")
            return shown.get("counts", {}).get("tasks")
        honest = shop.counts()["num_goroutine"]
        # With text-elsewhere the target's own runtime loses its functions.
        lies = set(target.ask("lies")["lies"]) - {"text-elsewhere"}
        for lie in sorted(lies):
            with self.subTest(lie):
                if "error" in target.ask("forge " + lie):
                    continue
                before = epoch(shop.pid)
                wait_for("two epochs of the shop",
                         lambda: epoch(shop.pid) >= before + 2, MAX_SECONDS)
                self.assertEqual(tasks(shop.pid), honest)
                target.ask("heal")
                healed = epoch(target.pid)
                wait_for("the truth again", lambda: epoch(target.pid)
                         >= healed + 2 and tasks(target.pid) == truth,
                         MAX_SECONDS)
        self.assertTrue(daemon.alive() and target.alive())


class Code(TestCase):
    def test_code_that_was_patched_in_memory_is_not_probed(self):
        """A uprobe would execute the file's instruction, not the patched."""
        target = self.target("hostile")
        self.assertNotIn("error", target.ask("forge code-patched"))
        shown = self.snapshot_once(target.pid, "--for", "200ms")
        probes = shown["coverage"]["probes"]
        self.assertIn("in memory", probes["go.gopark"])
        self.assertEqual(probes["go.newproc1"], "attached")
        self.assertEqual(shown["counts"]["tasks"],
                         target.ask()["num_goroutine"])

    def test_a_process_that_only_maps_a_go_file(self):
        path = build_target("births")
        loader = self.start(Process, ["python3", "-c", f"""
import mmap, time
file = open({str(path)!r}, "rb")
image = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
print(len(image[:100]), flush=True)
time.sleep(600)"""])
        wait_for("mapping", loader.stdout)
        self.assert_refused(once("--pid", loader.pid, "--once"), 3,
                            str(loader.pid), "go")


class OtherFile(ContainersCase):
    """/proc/PID/exe opens another Go program than the one that runs: on an
    overlay, the copy in the upper layer was overwritten."""

    def overwritten(self, other):
        home = self.scratch()
        (home / "lower").mkdir()
        shutil.copy(build_target("births"), home / "lower/births")
        box = self.container("--pid", "--mount-proc", setup=f"""
            mkdir {home}/rw {home}/merged
            mount -t tmpfs none {home}/rw
            mkdir {home}/rw/upper {home}/rw/work
            mount -t overlay -o lowerdir={home}/lower,upperdir={home}/rw/upper,\
workdir={home}/rw/work none {home}/merged""")
        target = self.births(box, "chroot", home / "merged", path="/births")
        subprocess.run(box.enter("sh", "-ec", f"""
            chmod 700 {home}/merged/births
            cat {other} > {home}/rw/upper/births"""), check=True)
        self.assertEqual(os.stat(f"/proc/{target.outer}/exe").st_size,
                         other.stat().st_size)
        return target

    def test_it_is_refused(self):
        for other in (build_target("leaky"),
                      build_target("births", toolchain=OLD)):
            with self.subTest(other.name):
                target = self.overwritten(other)
                done = once("--pid", target.outer, "--once")
                self.assertEqual(done.returncode, 3, done.stdout[:300])
                self.assertEqual(len(done.stderr.strip().splitlines()), 1)
                self.assertTrue(target.alive())
                target.stop()


class Versions(TestCase):
    """A file that calls itself by another version of Go than built it: refused,
    or, where nobody knows what that version must have, counted only."""

    def called(self, toolchain, version, flags=()):
        path = self.scratch() / "shop"
        data = bytearray(build_target("leaky", toolchain, flags).read_bytes())
        bad_input_test.Executables.call_it(version)(data)
        path.write_bytes(data)
        path.chmod(0o755)
        shop = self.shop({"mutex": 3, "select": 3, "cond": 3}, binary=path)
        done = once("--pid", shop.pid, "--once", "--for", "0", "--format",
                    "json")
        if version in UNKNOWN and done.returncode == 0:
            shown = json.loads(done.stdout)
            self.assertEqual(shown["tasks"], [])
            self.assertEqual(shown["counts"]["tasks"],
                             shop.counts()["num_goroutine"])
        else:
            self.assert_refused(done, 3)
        self.assertTrue(shop.alive())
        shop.stop()

    def test_old_says_new_and_new_says_old(self):
        for flags in ((), ("-ldflags=-w",)):
            for toolchain, version in (
                    ("go1.21.13", "go1.26.80"), ("go1.26.8", "go1.21.1"),
                    ("go1.21.13", "go1.23.12"), ("go1.23.12", "go1.21.13"),
                    ("go1.26.8", "go1.24.9")):
                with self.subTest(toolchain, says=version, flags=flags):
                    self.called(toolchain, version, flags)


if __name__ == "__main__":
    import unittest
    unittest.main()
