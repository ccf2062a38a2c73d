# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""200,000 goroutines: the counts, what the daemon and its reader take in
memory for each, and a listing in pages that is the whole. (A million:
bench/million.)"""

import json
import pathlib
import re
import unittest

from harness import Daemon, TestCase, once, wait_for

MANY = 200_000
FEW = 1_000
# A million tasks in 300 MiB, with the daemon's own 60 MiB left out of it.
BYTES_PER_TASK = 252
PAGE = 20_000


def family(pid):
    """A process and all that it started: the daemon, what forks its readers,
    and the readers."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid] + [p for c in children.split() for p in family(int(c))]


def peak_bytes(daemon):
    """The most memory that each of them ever had, together."""
    total = 0
    for pid in family(daemon.pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    return total


class Scale(TestCase):
    def watched(self, n):
        """A target of n goroutines, and a daemon that had three epochs."""
        target = self.target("parked", "-n", str(n))
        daemon = self.daemon("--pid", target.pid, "--no-probes", "--interval",
                             "1s", "--overhead-budget", "0")
        wait_for("three epochs", lambda: daemon.metric(
            "taskleak_snapshot_epoch") >= 3, 60)
        return target, daemon

    def test_memory_for_each_task_is_bounded(self):
        few, small = self.watched(FEW)
        base = peak_bytes(small)
        small.stop()
        few.cleanup()
        target, daemon = self.watched(MANY)
        daemon.get("/metrics")
        tasks = daemon.snapshot("?limit=1")["counts"]["tasks"]
        self.assertEqual(tasks, target.ask()["num_goroutine"])
        for_each = (peak_bytes(daemon) - base) / (MANY - FEW)
        self.assertLess(for_each, BYTES_PER_TASK,
                        f"base {base >> 20} MiB")
        # What is small stays small.
        self.assertLess(len(daemon.get("/metrics").text()), 100_000)
        self.assertEqual(len(daemon.snapshot()["tasks"]), 10_000)

    def test_pages_together_are_the_whole(self):
        target = self.target("parked", "-n", str(MANY), "-depth", "1")
        daemon = self.start(Daemon, "--pid", target.pid, "--no-probes",
                            "--interval", "10m")
        pages, query = [], f"?limit={PAGE}"
        while query:
            pages.append(daemon.snapshot(query))
            after = pages[-1]["next"]
            query = after and f"?limit={PAGE}&after={after}"
        ids = [t["id"] for page in pages for t in page["tasks"]]
        self.assertEqual(len(ids), len(set(ids)))
        counts = pages[0]["counts"]
        self.assertEqual(len(ids), counts["tasks"] + counts["system"])
        self.assertEqual({page["tasks_total"] for page in pages}, {len(ids)})
        self.assertEqual({page["epoch"] for page in pages}, {1})
        for page in pages[:-1]:
            self.assertEqual(len(page["tasks"]), PAGE)
        self.assert_whole(target, ids)
        self.assert_sites(daemon, pages[0])

    def assert_whole(self, target, ids):
        done = once("--pid", target.pid, "--once", "--for", "0", "--format",
                    "json", "--no-probes", seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        whole = json.loads(done.stdout)
        self.assertEqual(whole["tasks_omitted"], 0)
        self.assertIsNone(whole["next"])
        listed = {t["id"] for t in whole["tasks"] if not t["system"]}
        # Nothing but the runtime's own tasks comes and goes here.
        self.assertEqual(len(listed), whole["counts"]["tasks"])
        self.assertLessEqual(len(listed - set(ids)), 8)

    def assert_sites(self, daemon, page):
        for site in page["sites"][:3]:
            some = daemon.snapshot(f"?limit=10&site={site['id']}")
            self.assertEqual(some["tasks_total"], site["tasks"])
            self.assertEqual({t["site"] for t in some["tasks"]}, {site["id"]})

    def test_what_a_page_cannot_be_is_refused(self):
        _, daemon = self.watched(FEW)
        for query in ("limit=0", "limit=20001", "limit=x", "after=go",
                      "after=jvm/1", "tasks=1&after=go/1", "tasks=x"):
            answer = daemon.get(f"/api/v1/snapshot?{query}")
            self.assertEqual(answer.status, 400, query)
        self.assertEqual(len(daemon.snapshot("?tasks=7")["tasks"]), 7)
        self.assertEqual(daemon.snapshot("?site=none")["tasks"], [])


if __name__ == "__main__":
    unittest.main()
