# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""A program that has loaded a Go plugin: counts stay right, functions of the
plugin have no name rather than a wrong one, and a note says so."""

import os
import shutil
import subprocess
import unittest

from harness import CACHE, ROOT, Target, TestCase, user_tasks

EACH = 7  # as in tests/targets/plugged/main.go


def build(toolchain):
    """The program and its plugin, built once."""
    home = CACHE / f"plugged-{toolchain}"
    env = dict(os.environ, GOTOOLCHAIN=toolchain, CGO_ENABLED="1",
               GOFLAGS="-buildvcs=false")
    if not (home / "part.so").exists():
        home.mkdir(parents=True, exist_ok=True)
        for flags in (("-o", home / "main", "."),
                      ("-buildmode=plugin", "-o", home / "part.so", "./part")):
            subprocess.run(["go", "build", *flags], env=env, check=True,
                           cwd=ROOT / "tests/targets/plugged", timeout=900)
    return home


class Plugins(TestCase):
    @unittest.skipUnless(shutil.which("gcc"), "plugins need a C compiler")
    def test_counts_are_right_and_no_name_is_wrong(self):
        for toolchain in ("go1.26.8",):
            with self.subTest(toolchain):
                self.check(build(toolchain))

    def check(self, home):
        target = self.start(Target, "plugged", home / "part.so",
                            binary=home / "main")
        shown = self.snapshot_once(target.pid)
        self.assertEqual(shown["counts"]["tasks"],
                         target.ask()["num_goroutine"])
        self.assert_counts_fit(shown["counts"])
        self.assertIn("plugin", " ".join(shown["coverage"]["notes"]))
        self.assertEqual(shown["coverage"]["torn_tasks"], 0)
        own, called, hidden = [], [], []
        for task in user_tasks(shown):
            if task["wait_reason"] != "chan receive":
                continue
            names = [f["function"] for f in task["stack"]
                     if not f["function"].startswith("runtime.")]
            if task["created_by"] and task["created_by"]["function"]:
                self.assertEqual(task["created_by"]["function"], "main.main")
                self.assertEqual(names, ["main.wait"])
                own.append(task)
            elif names:
                self.assertEqual(names, ["main.wait"])
                called.append(task)
            else:
                hidden.append(task)
        self.assertEqual([len(own), len(called), len(hidden)], [EACH] * 3)
        self.assertTrue(target.alive())


if __name__ == "__main__":
    unittest.main()
