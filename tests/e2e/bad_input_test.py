# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Bad input and a hostile world: each ends with one line that says what to do
and the exit status that scripts branch on; the target is never harmed and
nothing stays behind."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import time
import unittest

from harness import (TASKLEAKD, Process, TestCase, bpf_objects, build_target,
                     once, wait_for)

NOBODY = "65534"
MAGIC = b"\xff Go buildinf:"  # opens .go.buildinfo


class Pids(TestCase):
    def test_no_such_process(self):
        child = subprocess.Popen(["true"])
        child.wait()
        for args in (("--once",), ()):
            self.assert_refused(once("--pid", child.pid, *args), 3,
                                str(child.pid))

    def test_a_kernel_thread(self):
        self.assert_refused(once("--pid", 2, "--once"), 3, "2")

    def test_a_process_that_is_not_go(self):
        sleeper = self.start(Process, ["sleep", "600"])
        line = self.assert_refused(once("--pid", sleeper.pid, "--once"), 3,
                                   str(sleeper.pid))
        self.assertRegex(line.lower(), r"\bgo\b")
        self.assertTrue(sleeper.alive())

    def test_a_zombie(self):
        parent = self.start(Process, [
            "sh", "-c", "sleep 0.01 & echo $!; exec sleep 600"])
        pid = wait_for("pid", lambda: parent.stdout().strip())
        time.sleep(0.1)
        self.assert_refused(once("--pid", pid, "--once"), 3, pid)

    def test_a_process_that_ends_meanwhile(self):
        moments = random.Random(1)
        for turn in range(10):
            shop = self.shop({"chan-send": 2000})
            child = self.start(Process, [TASKLEAKD, "--pid", shop.pid,
                                         "--once", "--for", "1s"])
            time.sleep(moments.uniform(0, 0.9))
            shop.child.kill()
            shop.wait()
            status = child.wait()
            with self.subTest(turn, stderr=child.stderr()):
                self.assertEqual(status, 3)
                self.assertEqual(len(child.stderr().strip().splitlines()), 1)


class Rights(TestCase):
    """Without rights: which capability is missing, and how to grant it."""

    def setUp(self):
        super().setUp()
        self.target_shop = self.shop({"mutex": 3})
        self.binary = self.scratch() / "task-leakd"
        shutil.copy(TASKLEAKD, self.binary)
        self.binary.chmod(0o755)

    def run_with(self, *setpriv, args=("--once",)):
        return once("--pid", self.target_shop.pid, *args, binary=self.binary,
                    prefix=("setpriv", *setpriv))

    def test_another_users_process(self):
        line = self.assert_refused(
            self.run_with("--reuid", NOBODY, "--regid", NOBODY,
                          "--clear-groups"), 4, "CAP_SYS_PTRACE")
        self.assertRegex(line, "setcap|sudo")
        self.assertTrue(self.target_shop.alive())

    def test_no_right_to_load_programs(self):
        """Root that may read the target but load nothing."""
        line = self.assert_refused(
            self.run_with("--bounding-set", "-bpf,-perfmon,-sys_admin",
                          "--inh-caps", "-bpf,-perfmon,-sys_admin"), 4, "CAP_")
        self.assertRegex(line, "CAP_BPF|CAP_PERFMON")

    def test_state_alone_needs_no_right_to_load(self):
        done = self.run_with("--bounding-set", "-bpf,-perfmon,-sys_admin",
                             args=("--once", "--no-probes", "--for", "0"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sync.Mutex.Lock", done.stdout)

    def test_no_right_to_read_memory(self):
        self.assert_refused(
            self.run_with("--reuid", NOBODY, "--regid", NOBODY,
                          "--clear-groups", args=("--once", "--no-probes",
                                                  "--for", "0")),
            4, "CAP_SYS_PTRACE")

    def test_ones_own_process_needs_no_right_at_all(self):
        home = self.scratch()
        binary = home / "shop"
        shutil.copy(build_target("leaky"), binary)
        binary.chmod(0o755)
        ids = {"user": int(NOBODY), "group": int(NOBODY), "extra_groups": []}
        shop = self.shop({"mutex": 3}, binary=binary, **ids)
        done = once("--pid", shop.pid, "--once", "--no-probes", "--for", "0",
                    binary=self.binary, **ids)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sync.Mutex.Lock", done.stdout)


class Executables(TestCase):
    """Binaries that are not what they should be."""

    def changed(self, change, name="shop"):
        """A shop running from a file of its own, which `change` edits while
        it runs (through a new file of the same name: the running one's text
        cannot be written)."""
        path = self.scratch() / name
        shutil.copy(build_target("leaky"), path)
        shop = self.shop({"mutex": 3}, binary=path)
        change(path)
        return shop

    def edited(self, edit):
        """A shop whose file was edited before it started."""
        path = self.scratch() / "shop"
        data = bytearray(build_target("leaky").read_bytes())
        edit(data)
        path.write_bytes(data)
        path.chmod(0o755)
        return self.shop({"mutex": 3}, binary=path)

    def refused(self, shop, *words):
        before = bpf_objects()
        line = self.assert_refused(once("--pid", shop.pid, "--once"), 3, *words)
        self.assertTrue(shop.alive())
        self.assert_nothing_left(before)
        return line

    def right_or_refused(self, shop):
        """Damage may lie where nobody reads; then the answer is the truth."""
        done = once("--pid", shop.pid, "--once", "--for", "0", "--format",
                    "json")
        if done.returncode != 0:
            self.assert_refused(done, 3)
        else:
            self.assertEqual(json.loads(done.stdout)["counts"]["tasks"],
                             shop.counts()["num_goroutine"])
        self.assertTrue(shop.alive())

    @staticmethod
    def call_it(version):
        """Writes another Go version, of the same length, into the build
        info and the runtime's own string."""
        def edit(data):
            at = data.index(MAGIC)
            begin = data.index(b"go1.", at)
            end = begin
            while chr(data[end]) in "go.0123456789":
                end += 1
            old = bytes(data[begin:end])
            new = version.encode().ljust(len(old), b"0")[:len(old)]
            place = data.find(old)
            while place >= 0:
                data[place:place + len(old)] = new
                place = data.find(old, place + len(old))
        return edit

    def test_a_version_of_the_future(self):
        """Read by its own debug information, and said so; see newer_test for
        one that has none."""
        shop = self.edited(self.call_it("go1.99.0"))
        shown = self.snapshot_once(shop.pid)
        self.assertEqual(shown["counts"]["tasks"],
                         shop.counts()["num_goroutine"])
        self.assertIn("newer than any Go that was tried",
                      " ".join(shown["coverage"]["notes"]))

    def test_a_version_before_ours(self):
        self.refused(self.edited(self.call_it("go1.17.1")), "go1.17.1")

    def test_a_version_that_makes_no_sense(self):
        self.refused(self.edited(self.call_it("go1.....")))

    def test_section_table_outside_of_the_file(self):
        def edit(data):
            data[40:48] = (1 << 60).to_bytes(8, "little")  # e_shoff
        self.refused(self.edited(edit))

    def test_more_sections_than_there_are(self):
        def edit(data):
            data[60:62] = b"\xff\xff"  # e_shnum
        self.right_or_refused(self.edited(edit))

    def test_truncated_behind_what_is_loaded(self):
        """Sections and symbols cut off: it runs, it cannot be read."""
        path = self.scratch() / "shop"
        data = build_target("leaky").read_bytes()
        at = data.index(b".go.buildinfo")  # in the section names
        path.write_bytes(data[:at - len(data) // 8])
        path.chmod(0o755)
        try:
            shop = self.shop({"mutex": 3}, binary=path)
        except AssertionError:
            self.skipTest("this cut does not run")
        self.refused(shop)

    def test_corrupt_debug_information(self):
        """Random bytes over a quarter of the file's end (debug information
        and tables): right or refused, never a crash and never nonsense."""
        for seed in range(4):
            def edit(data, dice=random.Random(seed)):
                begin = int(len(data) * 0.7)
                for _ in range(3000):
                    data[dice.randrange(begin, len(data))] = dice.randrange(256)
            with self.subTest(seed):
                self.right_or_refused(self.edited(edit))

    def test_a_deleted_executable_works(self):
        shop = self.changed(os.unlink)
        shown = self.snapshot_once(shop.pid)
        self.assertEqual(shown["counts"]["tasks"],
                         shop.counts()["num_goroutine"])

    def test_a_file_replaced_while_it_runs_does_not_matter(self):
        def replace(path):
            path.unlink()
            path.write_bytes(b"\x7fELF" + os.urandom(4096))
        shop = self.changed(replace)
        shown = self.snapshot_once(shop.pid)
        self.assertEqual(shown["counts"]["tasks"],
                         shop.counts()["num_goroutine"])


CAP_NET_BIND_SERVICE = 10


class Ports(TestCase):
    def test_port_in_use(self):
        shop = self.shop()
        before = bpf_objects()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = once("--pid", shop.pid, "--web.listen-address", address,
                        "--log.level", "error")
        self.assertNotEqual(done.returncode, 0)
        self.assert_refused(done, done.returncode, address.split(":")[1],
                            "--web.listen-address")
        self.assert_nothing_left(before)

    def test_a_port_below_1024_is_taken_before_the_right_is_dropped(self):
        shop = self.shop()
        for port in range(1023, 900, -1):
            with contextlib.suppress(OSError), \
                    socket.create_server(("127.0.0.1", port)):
                break
        daemon = self.daemon("--pid", shop.pid,
                             listen=f"127.0.0.1:{port}")
        self.assertEqual(daemon.url, f"http://127.0.0.1:{port}")
        [held] = re.findall(r"^CapEff:\s+(\w+)", pathlib.Path(
            f"/proc/{daemon.pid}/status").read_text(), re.M)
        self.assertFalse(int(held, 16) >> CAP_NET_BIND_SERVICE & 1)

    def test_addresses_that_are_none(self):
        shop = self.shop()
        for address in ("nonsense", "127.0.0.1", "127.0.0.1:99999",
                        "256.0.0.1:1", "127.0.0.1:x", ""):
            with self.subTest(address):
                self.assert_refused(
                    once("--pid", shop.pid, "--web.listen-address", address,
                         "--log.level", "error"), 2)

    def test_not_loopback_without_a_word(self):
        shop = self.shop()
        self.assert_refused(
            once("--pid", shop.pid, "--web.listen-address", "0.0.0.0:0",
                 "--log.level", "error"), 2, "--web.allow-remote")


class Twice(TestCase):
    def test_a_second_daemon_on_the_same_target(self):
        shop = self.shop()
        first = self.daemon("--pid", shop.pid, "--interval", "200ms")
        before = bpf_objects()
        done = once("--pid", shop.pid, "--web.listen-address", "127.0.0.1:0")
        self.assert_refused(done, 3, str(shop.pid), str(first.pid))
        self.assert_nothing_left(before)
        # A single look beside it is fine, and the first goes on.
        self.assertEqual(self.snapshot_once(shop.pid)["counts"]["tasks"],
                         first.next_snapshot()["counts"]["tasks"])
        first.stop()
        self.daemon("--pid", shop.pid).stop()


class NoBtf(TestCase):
    # A mount namespace in which the kernel's BTF cannot be seen.
    HIDDEN = ("unshare", "--mount", "sh", "-c",
              'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh")

    def test_state_alone_says_so_and_counts(self):
        shop = self.shop({"chan-send": 30})
        done = once("--pid", shop.pid, "--once", "--for", "300ms", "--format",
                    "json", prefix=self.HIDDEN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("BTF", done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)
        snapshot = json.loads(done.stdout)
        self.assertGreaterEqual(snapshot["counts"]["tasks"], 30)
        for state in snapshot["coverage"]["probes"].values():
            self.assertIn("BTF", state)


if __name__ == "__main__":
    unittest.main()
