# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Versions of Go that nobody here has tried: read by their debug information,
else counted only. Made from a binary of the newest Go that is known, whose
build information names another version of the same length."""

import stat
import unittest

from harness import EVERY_GO, TestCase, build_target, once, wait_for

NEWEST = EVERY_GO[-1]
# Texts of the same length: "go1.27.4".
NEWER = "go1.28.0"
CANDIDATE = "go1.28rc"
VENDOR = "go1.27-x"
LEAK = {"chan-send": 40, "mutex": 30, "select": 20}


class NewerGo(TestCase):

    def shop_of(self, version, *flags):
        """A shop that says it was built by this version."""
        self.assertEqual(len(version), len(NEWEST))
        built = build_target("leaky", NEWEST, flags)
        binary = self.scratch() / "shop"
        binary.write_bytes(built.read_bytes().replace(
            NEWEST.encode(), version.encode()))
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        return self.shop(LEAK, binary=binary)

    def assert_counted_only(self, shop):
        snapshot = self.snapshot_once(shop.pid)
        counts, truth = snapshot["counts"], shop.counts()
        self.assertEqual(counts["tasks"], truth["num_goroutine"])
        self.assertEqual(counts["uncertainty"], 0)
        self.assertEqual(counts["by_state"]["unknown"], counts["tasks"])
        self.assertEqual(counts["by_state"]["blocked"], 0)
        self.assertEqual(counts["by_verdict"]["unknown"], counts["tasks"])
        for unknown in ("created", "finished", "system", "drift"):
            self.assertIsNone(counts[unknown], unknown)
        self.assertEqual(snapshot["tasks"], [])
        self.assertFalse(snapshot["coverage"]["complete"])
        self.assertIn("only counted", snapshot["coverage"]["notes"][0])
        self.assertNotIn("attached", snapshot["coverage"]["probes"].values())
        return snapshot

    def test_with_debug_information_all_is_read(self):
        for version in (NEWER, CANDIDATE, VENDOR):
            with self.subTest(version):
                shop = self.shop_of(version)
                snapshot = self.snapshot_once(shop.pid)
                counts = snapshot["counts"]
                self.assertEqual(counts["tasks"],
                                 shop.counts()["num_goroutine"])
                self.assert_counts_fit(counts)
                self.assertEqual(counts["by_state"]["unknown"], 0)
                self.assertIn(version, snapshot["coverage"]["notes"][0])
                self.assertIn("debug information",
                              snapshot["coverage"]["notes"][0])

    def test_position_independent_ones_are_counted_too(self):
        shop = self.shop_of(NEWER, "-buildmode=pie", "-ldflags=-w")
        self.assert_counted_only(shop)

    def test_without_it_the_count_is_exact(self):
        for version in (NEWER, CANDIDATE, VENDOR):
            with self.subTest(version):
                shop = self.shop_of(version, "-ldflags=-w")
                self.assert_counted_only(shop)
                shop.get("/leak/chan-send?n=50")
                self.assert_counted_only(shop)

    def test_the_views_say_so_and_show_no_number_that_is_not_known(self):
        shop = self.shop_of(NEWER, "-ldflags=-w")
        done = once("--pid", shop.pid, "--once", "--for", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("counted only", done.stdout.splitlines()[0])
        self.assertNotIn("created", done.stdout)
        daemon = self.daemon("--pid", shop.pid, "--interval", "200ms")
        truth = shop.counts()["num_goroutine"]
        wait_for("the count", lambda: daemon.metric("taskleak_tasks") == truth)
        self.assertEqual(daemon.metric("taskleak_tasks", 'state="unknown"'),
                         truth)
        for name in ("tasks_created_total", "tasks_finished_total",
                     "system_tasks", "blocked_tasks", "leaked_tasks",
                     "site_tasks"):
            self.assertIsNone(daemon.metric("taskleak_" + name), name)
        self.assertIn("counted only", daemon.get("/").text())

    def test_what_cannot_even_be_counted_is_refused(self):
        shop = self.shop_of(NEWER, "-ldflags=-s -w")
        done = once("--pid", shop.pid, "--once", "--for", "0")
        self.assertEqual(done.returncode, 3, done.stderr)


if __name__ == "__main__":
    unittest.main()
