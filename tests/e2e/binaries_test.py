# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Any way to build and strip a Go program: what task-leakd says of it is as
true as of a plain one, and its probes attach."""

import collections
import os
import shutil
import subprocess
import unittest

from harness import GO_VERSIONS, TestCase, build_target, user_tasks, wait_for

STRIP = "-ldflags=-s -w"
PIE = "-buildmode=pie"
STATIC = "-ldflags=-s -w -linkmode=external -extldflags=-static"
# name: flags of `go build`, cgo
FLAVOURS = {
    "stripped": ((STRIP,), False),
    "stripped, paths trimmed": ((STRIP, "-trimpath"), False),
    "PIE": ((PIE,), False),
    "PIE, stripped": ((PIE, STRIP), False),
    "cgo": ((), True),
    "cgo, stripped": ((STRIP,), True),
    "cgo, linked internally, stripped":
        (("-ldflags=-s -w -linkmode=internal",), True),
    "cgo, PIE, stripped": ((PIE, STRIP), True),
    "cgo, static, stripped":
        ((STATIC, "-tags=netgo,osusergo"), True),
}
# The newest in all flavours, the others in those that say most.
FEW_FLAVOURS = ("stripped", "PIE, stripped", "cgo, PIE, stripped")
LEAK = {"chan-send": 7, "chan-receive": 6, "mutex": 5, "select": 4,
        "waitgroup": 3, "cond": 2, "rwmutex-read": 8, "nil-chan": 9}
REASONS = {"chan send": 7, "chan send (nil chan)": 9, "sync.Cond.Wait": 2}


def without_section_headers(path, out):
    """A copy whose section headers the ELF header does not name any more."""
    data = bytearray(path.read_bytes())
    data[40:48] = bytes(8)  # e_shoff
    data[60:64] = bytes(4)  # e_shnum, e_shstrndx
    out.write_bytes(data)
    out.chmod(0o755)


class Binaries(TestCase):

    def check(self, binary):
        """Counts, wait reasons and places of a shop in this binary, from state
        alone and then with probes."""
        shop = self.shop(LEAK, binary=binary)
        truth = shop.counts()
        shown = self.snapshot_once(shop.pid)
        self.assertEqual(shown["counts"]["tasks"], truth["num_goroutine"])
        self.assert_counts_fit(shown["counts"])
        self.assertEqual(shown["counts"]["uncertainty"], 0)
        reasons = collections.Counter(
            t["wait_reason"] for t in user_tasks(shown))
        for reason, count in REASONS.items():
            self.assertGreaterEqual(reasons[reason], count, reasons)
        senders = [t for t in shown["tasks"] if
                   "main.askCourier" in (f["function"] for f in t["stack"])]
        self.assertEqual(len(senders), LEAK["chan-send"])
        for task in senders:
            self.assertEqual(task["created_by"]["function"], "main.leakQuotes")
            self.assertTrue(task["waits_on"])
        self.check_probes(shop)
        shop.stop()

    def check_probes(self, shop):
        daemon = self.daemon("--pid", shop.pid, "--interval", "200ms",
                             "--overhead-budget", "50%")
        probes = daemon.snapshot()["coverage"]["probes"]
        self.assertEqual(set(probes.values()), {"attached"}, probes)

        def ended_waits():
            return daemon.metric("taskleak_wait_duration_seconds_count") or 0
        before = ended_waits()
        for _ in range(5):
            shop.get("/truth")
        wait_for("waits seen by a probe", lambda: ended_waits() > before, 20)
        self.assertEqual(daemon.next_snapshot()["counts"]["tasks"],
                         shop.counts()["num_goroutine"])
        daemon.stop()

    def test_every_flavour(self):
        for version in GO_VERSIONS:
            newest = version == GO_VERSIONS[-1]
            for name in FLAVOURS if newest else FEW_FLAVOURS:
                flags, cgo = FLAVOURS[name]
                with self.subTest(version=version, flavour=name):
                    self.check(build_target("leaky", version, flags, cgo=cgo))

    def test_stripped_by_strip(self):
        binary = self.scratch() / "shop"
        plain = build_target("leaky", GO_VERSIONS[-1], cgo=True)
        subprocess.run(["strip", "-s", "-o", binary, plain], check=True)
        self.check(binary)

    def test_without_section_headers(self):
        for flags in ((STRIP,), (PIE, STRIP)):
            with self.subTest(flags):
                binary = self.scratch() / "shop"
                without_section_headers(
                    build_target("leaky", GO_VERSIONS[-1], flags), binary)
                self.check(binary)

    def test_deleted_or_replaced_on_disk(self):
        for change in (os.unlink, lambda path: shutil.copy("/bin/true", path)):
            with self.subTest(change):
                binary = self.scratch() / "shop"
                shutil.copy(build_target("leaky", GO_VERSIONS[-1],
                                         (PIE, STRIP)), binary)
                shop = self.shop(LEAK, binary=binary)
                os.rename(binary, binary.with_suffix(".old"))
                shutil.copy(binary.with_suffix(".old"), binary)
                os.unlink(binary.with_suffix(".old"))
                change(binary)
                self.assertEqual(
                    self.snapshot_once(shop.pid)["counts"]["tasks"],
                    shop.counts()["num_goroutine"])
                self.check_probes(shop)
                shop.stop()


if __name__ == "__main__":
    unittest.main()
