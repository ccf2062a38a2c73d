# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Losses are forced with tiny kernel maps: counts stay exact, and what was
lost is published."""

import unittest

from harness import TestCase, wait_for

# All probes stay attached, whatever they cost: the loss is what is tested.
TINY = ("--kernel.max-sites", "2", "--kernel.max-parks", "8",
        "--kernel.max-waits", "2", "--overhead-budget", "1",
        "--interval", "200ms")


class TinyMaps(TestCase):
    def setUp(self):
        super().setUp()
        self.target_shop = self.shop({"chan-send": 20})
        self.server = self.daemon("--pid", self.target_shop.pid, *TINY)
        for kind in ("chan-send", "chan-receive", "select", "mutex", "cond"):
            self.target_shop.get(f"/leak/{kind}?n=40")
        self.load(self.target_shop, 2).wait()

    def test_loss_is_published_and_counts_are_exact(self):
        lost = wait_for("loss", lambda: self.server.metric(
            "taskleak_events_lost_total"), 20, 0.2)
        self.assertGreater(lost, 0)
        # An epoch is incomplete when it lost something itself.
        load = self.load(self.target_shop, 3)
        wait_for("an incomplete epoch", lambda: not self.server.snapshot(
            "?tasks=1")["coverage"]["complete"], 3)
        load.wait()
        shown = self.server.next_snapshot()
        truth = self.target_shop.counts()
        shown = self.server.next_snapshot()
        self.assertEqual(shown["counts"]["tasks"], truth["num_goroutine"])
        self.assert_counts_fit(shown["counts"])
        self.assertGreater(sum(shown["coverage"]["lost_events"].values()), 0)
        self.assertIsNotNone(self.server.metric("taskleak_count_drift_tasks"))

    def test_no_loss_with_the_maps_of_every_day(self):
        self.server.stop()
        server = self.daemon("--pid", self.target_shop.pid, "--interval",
                             "200ms")
        self.load(self.target_shop, 2).wait()
        shown = server.next_snapshot()
        self.assertEqual(sum(shown["coverage"]["lost_events"].values()), 0,
                         shown["coverage"])


if __name__ == "__main__":
    unittest.main()
