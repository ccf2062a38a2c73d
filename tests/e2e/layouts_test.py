# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Layouts of Go's runtime structs: the table says of a real binary what its
debug information says, and each is taken when it should be."""

import collections
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import ALL, EVERY_GO, ROOT, build_target

VERSIONS = EVERY_GO if ALL else ["go1.18.10", "go1.20.14", "go1.24.9",
                                 "go1.26.8"]
DUMP = pathlib.Path(os.environ.get(
    "TASKLEAK_LAYOUT_DUMP", ROOT / "build/tests/unit/go/layout_dump"))
# Of a few versions; the generator's own check of others is scripts/go-layouts.
MANY_FIELDS = 80


def dump(program):
    """{"version": text, "source": text, "dwarf": {field: offset}, ...}"""
    text = subprocess.run([DUMP, program], check=True, capture_output=True,
                          text=True, timeout=60).stdout
    result = collections.defaultdict(dict)
    for line in text.splitlines():
        key, value = line.split(" ", 1)
        if key in ("dwarf", "table") and not value.startswith("none: "):
            field, offset = value.split()
            result[key][field] = int(offset)
        else:
            result[key] = value
    return result


@unittest.skipUnless(DUMP.exists(), f"{DUMP} is not built: scripts/build all")
class Layouts(unittest.TestCase):

    def test_table_agrees_with_debug_information(self):
        for version in VERSIONS:
            with self.subTest(version):
                found = dump(build_target("leaky", version))
                self.assertEqual(found["version"], version)
                self.assertEqual(found["source"], "dwarf")
                self.assertGreater(len(found["dwarf"]), MANY_FIELDS)
                self.assertEqual(found["dwarf"], found["table"])
                self.assertTrue(found["build_id"])
                self.assertTrue(found["module"])

    def test_uncompressed_debug_information_says_the_same(self):
        version = VERSIONS[-1]
        plain = build_target("leaky", version,
                             ("-ldflags=-compressdwarf=false",))
        found = dump(plain)
        self.assertEqual(found["source"], "dwarf")
        self.assertEqual(found["dwarf"], found["table"])

    def test_without_debug_information_the_table_is_taken(self):
        for flags in ("-w", "-s -w"):
            with self.subTest(flags):
                found = dump(build_target("leaky", VERSIONS[-1],
                                          (f"-ldflags={flags}",)))
                self.assertTrue(found["source"].startswith("table go1."))
                self.assertTrue(found["dwarf"].startswith("none: "))
                self.assertGreater(len(found["table"]), MANY_FIELDS)

    def test_what_a_program_cannot_wait_for_may_be_missing(self):
        # A linker drops the types that no function uses: no sync.Cond here.
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "go.mod").write_text("module tiny\n\ngo 1.21\n")
            (folder / "main.go").write_text("package main\nfunc main() {}\n")
            subprocess.run(["go", "build", "-o", "tiny", "."], cwd=folder,
                           check=True, timeout=300,
                           env=dict(os.environ, GOTOOLCHAIN=VERSIONS[-1]))
            found = dump(folder / "tiny")
        self.assertEqual(found["source"], "dwarf")
        missing = found["table"].keys() - found["dwarf"].keys()
        self.assertTrue(missing)
        self.assertLessEqual({name.split(".")[0] for name in missing},
                             {"notify_list", "poll_desc"})

    def test_what_is_not_go_is_said_so(self):
        refused = subprocess.run([DUMP, "/bin/sh"], capture_output=True,
                                 text=True, timeout=60)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not a Go program", refused.stderr)


if __name__ == "__main__":
    unittest.main()
