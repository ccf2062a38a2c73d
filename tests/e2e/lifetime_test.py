# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Targets end, execute other programs, and the daemon is told to stop."""

import os
import signal
import unittest

from harness import TestCase, bpf_objects, build_target, family, wait_for


class Lifetime(TestCase):
    def test_sigterm_and_sigint_end_it_with_0(self):
        shop = self.shop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = bpf_objects()
            daemon = self.daemon("--pid", shop.pid)
            self.assertEqual(daemon.stop(number), 0, daemon.stderr())
            self.assert_nothing_left(before)
            self.assertTrue(shop.alive())

    def test_the_only_target_ends(self):
        shop = self.shop()
        before = bpf_objects()
        daemon = self.daemon("--pid", shop.pid, "--interval", "10s")
        shop.stop(signal.SIGKILL)
        self.assertEqual(daemon.wait(5), 3, "not at once: " + daemon.stderr())
        last = daemon.stderr().strip().splitlines()[-1]
        self.assertIn(str(shop.pid), last)
        self.assert_nothing_left(before)

    def test_one_of_two_targets_ends(self):
        first, second = self.shop(), self.shop()
        daemon = self.daemon("--pid", first.pid, "--pid", second.pid,
                             "--interval", "200ms")
        first.stop(signal.SIGKILL)
        wait_for("target_up 0", lambda: daemon.metric(
            "taskleak_target_up", f'pid="{first.pid}"') == 0)
        self.assertEqual(daemon.metric(
            "taskleak_target_up", f'pid="{second.pid}"'), 1)
        self.assertIsNone(daemon.metric("taskleak_tasks",
                                        f'pid="{first.pid}"'))
        self.assertGreater(daemon.metric("taskleak_tasks",
                                         f'pid="{second.pid}"'), 0)

    def watch_one_that_executes(self, command):
        births = self.target("births", "-rate", "100")
        daemon = self.daemon("--pid", births.pid, "--interval", "200ms")
        births.child.stdin.write(f"exec {' '.join(command)}\n".encode())
        births.child.stdin.flush()
        return daemon, births

    def test_target_executes_another_go_program(self):
        daemon, target = self.watch_one_that_executes(
            [str(build_target("births")), "-rate", "0"])
        wait_for("the other program", lambda: daemon.snapshot()["target"][
            "exe"].split("/")[-1].startswith("births"), 20, 0.1)
        self.assert_counts_fit(daemon.snapshot()["counts"])
        self.assertTrue(target.alive())

    def test_target_executes_something_that_is_no_go(self):
        daemon, target = self.watch_one_that_executes(["sleep", "600"])
        self.assertEqual(daemon.wait(10), 3, daemon.stderr())
        self.assertIn(str(target.pid), daemon.stderr())
        self.assertTrue(target.alive())

    def test_a_reader_that_dies_is_replaced(self):
        """By one that the forker makes, not the daemon with its threads."""
        parked = self.target("parked", "-n", 1000)
        daemon = self.daemon("--pid", parked.pid, "--interval", "200ms")
        whole = daemon.next_snapshot()["counts"]["tasks"]
        _, forker, first = family(daemon.pid)
        os.kill(first, signal.SIGKILL)
        wait_for("another reader", lambda: len(family(daemon.pid)) == 3 and
                 family(daemon.pid)[2] != first)
        self.assertEqual(family(daemon.pid)[1], forker)
        self.assertEqual(daemon.next_snapshot()["counts"]["tasks"], whole)
        self.assertIn("the reader was ended by signal", daemon.stderr())
        self.assertEqual(daemon.stop(), 0)

    def test_killed_it_takes_its_children_along(self):
        parked = self.target("parked", "-n", 1000)
        daemon = self.daemon("--pid", parked.pid)
        children = family(daemon.pid)[1:]
        self.assertEqual(len(children), 2)
        daemon.child.kill()
        daemon.child.wait()
        wait_for("their end", lambda: not any(
            os.path.exists(f"/proc/{pid}") for pid in children))


if __name__ == "__main__":
    unittest.main()
