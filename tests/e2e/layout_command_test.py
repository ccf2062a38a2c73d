# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""`task-leakd layout`: what it finds in a stripped binary is what the symbols
of the same binary say, address by address, whatever Go and whatever way to
build; and what it says to a person, a script, and of files that are no good."""

import json
import pathlib
import shutil
import subprocess
import unittest

from harness import GO_VERSIONS, TASKLEAKD, TestCase, build_target, once

# Global variables and tables by symbol; the line table has its own name.
PCLNTAB = "runtime.pclntab"
SINCE = {"runtime.gcCleanups": 25}  # minor version of Go
PIE, INTERNAL = "-buildmode=pie", "-ldflags=-linkmode=internal"
# name: target, flags of `go build`, cgo
FLAVOURS = {
    "bare": ("bare", (), False),
    "bare, PIE": ("bare", (PIE,), False),
    "plain": ("leaky", (), False),
    "cgo": ("leaky", (), True),
    "cgo, PIE": ("leaky", (PIE,), True),
    "cgo, linked internally": ("leaky", (INTERNAL,), True),
}


def minor(version):
    return int(version.split(".")[1])


def layout(*args):
    """The report as JSON, and how the command ended."""
    done = once("layout", *args, "--format", "json")
    return json.loads(done.stdout) if done.stdout else None, done


def symbols(binary):
    """Linked address of each symbol."""
    text = subprocess.run(["nm", binary], check=True, capture_output=True,
                          text=True).stdout
    rows = (line.split() for line in text.splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


class Stripped(TestCase):
    """The same binary twice, once without its symbols."""

    def test_finds_what_the_symbols_say(self):
        for version in GO_VERSIONS:
            for name, (target, flags, cgo) in FLAVOURS.items():
                with self.subTest(version=version, flavour=name):
                    binary = build_target(target, version, flags, cgo=cgo)
                    self.compare(binary, version)

    def compare(self, binary, version):
        bare = self.scratch() / "stripped"
        subprocess.run(["strip", "-s", "-o", bare, binary], check=True)
        told, _ = layout("--exe", binary)
        found, done = layout("--exe", bare)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(found["readable"])
        self.assertEqual(found["facts"]["symbols"], "no")
        self.assertEqual(told["facts"]["symbols"], "yes")
        known = symbols(binary)
        for place in found["addresses"]:
            symbol = place["name"].replace("pclntab", PCLNTAB)
            if minor(version) < SINCE.get(symbol, 0):
                self.assertIsNone(place["address"], place)
            else:
                self.assertEqual(place["address"] and
                                 int(place["address"], 16), known[symbol],
                                 place)
        self.assertEqual(found["probes"], told["probes"])
        self.assertEqual([p["refused"] for p in found["probes"]], [None] * 4)
        self.check_probes(found["probes"], bare)

    def check_probes(self, probes, binary):
        """The bytes are those of the file, at those places."""
        data = binary.read_bytes()
        for probe in probes:
            at = int(probe["file_offset"], 16)
            expected = bytes.fromhex(probe["bytes"])
            self.assertEqual(data[at:at + len(expected)], expected, probe)


class Command(TestCase):

    def setUp(self):
        super().setUp()
        self.binary = build_target("leaky", GO_VERSIONS[-1],
                                   (PIE, "-ldflags=-s -w"))

    def test_a_running_process(self):
        shop = self.shop(binary=self.binary)
        report, done = layout("--pid", shop.pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(report["pid"], shop.pid)
        self.assertEqual(report["exe"], str(self.binary))
        self.assertEqual(report["facts"]["memory"], "agrees with the file")
        # The bias is where the kernel put the first mapping of the file.
        maps = pathlib.Path(f"/proc/{shop.pid}/maps").read_text()
        first = min(int(line.split("-")[0], 16) for line in maps.splitlines()
                    if line.endswith(str(self.binary)))
        of_file, _ = layout("--exe", self.binary)
        self.assertEqual(report["addresses"], of_file["addresses"])
        bias = int(report["facts"]["load bias"], 16)
        self.assertIn(first - bias, (0, 0x400000))

    def test_a_process_that_does_not_match_its_file(self):
        """Another table of file names in the process's memory than in the
        file: neither command believes anything of it."""
        shop = self.shop(binary=self.binary)
        report, _ = layout("--pid", shop.pid)
        module = next(int(a["address"], 16) for a in report["addresses"]
                      if a["name"] == "runtime.firstmoduledata")
        # moduledata.filetab, the same place since Go 1.16.
        at = module + int(report["facts"]["load bias"], 16) + 56
        with open(f"/proc/{shop.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(at)
            kept = memory.read(8)
            memory.seek(at)
            memory.write((int.from_bytes(kept, "little") + 8).to_bytes(
                8, "little"))
            refused, done = layout("--pid", shop.pid)
            once_done = once("--pid", shop.pid, "--once", "--for", "0")
            memory.seek(at)
            memory.write(kept)
        self.assertEqual(done.returncode, 3)
        self.assertIn("moduledata", refused["refused"])
        self.assert_refused(once_done, 3, "moduledata")
        self.assertTrue(layout("--pid", shop.pid)[0]["readable"])

    def test_text_for_a_person(self):
        done = once("layout", "--exe", self.binary)
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in (GO_VERSIONS[-1], "table go1.", "runtime.allglen",
                      "push rbp", "Its tasks can be listed."):
            self.assertIn(words, done.stdout)

    def test_a_stripped_binary_needs_no_right(self):
        home = self.scratch()
        for path in (self.binary, TASKLEAKD):
            shutil.copy(path, home)
        done = once("layout", "--exe", home / self.binary.name,
                    binary=home / "task-leakd", user=65534, group=65534,
                    extra_groups=[])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_mistakes_of_the_command_line(self):
        for args in ((), ("--exe", self.binary, "--pid", "1"), ("--exe",),
                     ("--exe", self.binary, "--format", "xml"),
                     ("--pid", "0")):
            with self.subTest(args):
                self.assert_refused(once("layout", *args), 2)

    def test_files_that_are_no_good(self):
        folder = self.scratch()
        (folder / "empty").touch()
        (folder / "text").write_text("no program")
        (folder / "cut").write_bytes(self.binary.read_bytes()[:100_000])
        for path in (*folder.iterdir(), "/bin/sh", folder / "missing", folder):
            with self.subTest(path):
                self.assert_refused(once("layout", "--exe", path), 3)

    def test_a_future_version_is_told_and_refused(self):
        path = self.scratch() / "shop"
        data = bytearray(self.binary.read_bytes())
        at = data.index(b"\xff Go buildinf:")
        begin = data.index(b"go1.", at)
        data[begin:begin + 6] = b"go1.99"
        path.write_bytes(data)
        report, done = layout("--exe", path)
        self.assertEqual(done.returncode, 3)
        self.assertFalse(report["readable"])
        self.assertIn("1.99", report["runtime"]["version"])
        self.assertIn("1.99", report["refused"])
        self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
