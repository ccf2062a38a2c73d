# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""The daemon is killed at random moments, attached and detached many times,
while the target serves: no answer of the target is wrong or lost, nothing of
ours stays in the kernel, the next start is clean."""

import random
import signal
import time
import unittest

from harness import Daemon, TestCase, bpf_objects

KILLS = 50
ROUNDS = 200
SEED = 20260102


class Abrupt(TestCase):
    def serve_through(self, disturb):
        """Runs disturb(shop) with the shop under load; the load's tally."""
        shop = self.shop({"chan-send": 50, "mutex": 50})
        before = bpf_objects()
        load = self.load(shop)
        disturb(shop)
        tally = self.stop_load(load)
        self.assertEqual((tally["wrong"], tally["failed"]), (0, 0))
        self.assertGreater(tally["requests"], 1000)
        self.assertTrue(shop.alive())
        self.assertEqual(shop.truth()["leaked"], {"chan-send": 50,
                                                  "mutex": 50})
        self.assert_nothing_left(before)
        return shop

    def assert_starts_clean(self, shop):
        daemon = self.daemon("--pid", shop.pid, "--interval", "200ms")
        shown = daemon.next_snapshot()
        self.assertEqual(shown["counts"]["tasks"],
                         shop.counts()["num_goroutine"])
        self.assertEqual(daemon.stop(), 0, daemon.stderr())

    def test_kill_9_at_random_moments(self):
        moments = random.Random(SEED)

        def kill_often(shop):
            for turn in range(KILLS):
                daemon = Daemon("--pid", shop.pid, "--interval", "100ms",
                                ready=False)
                try:
                    time.sleep(moments.uniform(0, 1.2))
                    self.assertTrue(daemon.alive(), f"turn {turn}: " +
                                    daemon.stderr())
                    self.assertEqual(daemon.stop(signal.SIGKILL),
                                     -signal.SIGKILL)
                finally:
                    daemon.cleanup()
        self.assert_starts_clean(self.serve_through(kill_often))

    def test_attach_and_detach_200_times(self):
        moments = random.Random(SEED)

        def come_and_go(shop):
            for turn in range(ROUNDS):
                daemon = Daemon("--pid", shop.pid, "--interval", "100ms",
                                ready=False)
                try:
                    # Every tenth goes all the way, the others end early.
                    if turn % 10 == 0:
                        daemon.wait_ready()
                    else:
                        time.sleep(moments.uniform(0.02, 0.5))
                    status = daemon.stop()
                    # Before it has set up its signals it may die of one.
                    self.assertIn(status, (0, -signal.SIGTERM),
                                  f"turn {turn}: {daemon.stderr()}")
                finally:
                    daemon.cleanup()
        self.assert_starts_clean(self.serve_through(come_and_go))


if __name__ == "__main__":
    unittest.main()
