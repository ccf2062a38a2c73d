# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Targets and daemons in containers, which here are namespaces made with
unshare: every combination either counts the target's truth with its probes
attached, or says why there are none. A container ends with its test: its
first process dies with the `unshare` that made it, and all others with it."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import (TASKLEAKD, Daemon, Process, TestCase, build_target,
                     once, wait_for)

NOBODY = "65534"
OFTEN = ("--interval", "200ms", "--overhead-budget", "50%")
# Births that the probe on creation has counted.
SEEN = ("taskleak_probe_hits_total", 'probe="go.newproc1"')
# What `docker run --cap-drop=ALL --cap-add=…` leaves of root's capabilities.
FEW = ("--bounding-set", "-all,+sys_ptrace,+bpf,+perfmon,+dac_read_search")


def child_of(pid):
    """The pid of the only child, which unshare and nsenter fork."""
    def born():
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return int(text.split()[0]) if text.split() else None
    return wait_for(f"child of {pid}", born)


def inner_pid(pid):
    """Its pid in its own namespace."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^NSpid:\s+(.*)$", status, re.M)[1].split()[-1])


class Container(Process):
    """Namespaces with a first process that waits; `setup` runs before it."""

    def __init__(self, *flags, setup="", prefix=()):
        super().__init__([*prefix, "unshare", "--fork", "--kill-child", *flags,
                          "sh", "-ec", setup + "\necho ready; exec sleep 1000"])

        def ready():
            assert self.alive(), self.stderr()
            return "ready" in self.stdout()
        wait_for("container", ready)
        self.init = child_of(self.pid)

    def enter(self, *argv):
        """The command line that runs `argv` inside."""
        return ["nsenter", "--all", "--target", str(self.init), "--",
                *map(str, argv)]


class Inside(Daemon):
    """task-leakd within a container, which shares the host's network."""

    def __init__(self, container, *args, prefix=(), ready=True):
        Process.__init__(self, container.enter(
            *prefix, TASKLEAKD, "--web.listen-address", "127.0.0.1:0", *args))
        self.url = None
        if ready:
            self.wait_ready()


class ContainersCase(TestCase):
    def container(self, *flags, **kwargs):
        return self.start(Container, *flags, **kwargs)

    def births(self, container, *wrap, path=None):
        """A target inside, and its pid outside as `outer`."""
        target = self.target("births", *container.enter(
            *wrap, path or build_target("births"), "-rate", 0)[1:],
            binary="nsenter")
        target.outer = child_of(target.pid)
        return target

    def binaries(self):
        """A directory that anyone may read, with daemon and target."""
        home = self.scratch()
        shutil.copy(TASKLEAKD, home / "task-leakd")
        shutil.copy(build_target("births"), home / "births")
        return home

    def assert_attached(self, snapshot):
        states = snapshot["coverage"]["probes"]
        self.assertEqual(set(states.values()), {"attached"}, states)

    def assert_counts(self, target, daemon, bystander=None):
        """Tasks and births as the target's books say, births also as the
        probes saw them; those of another process of the same file are not
        among them."""
        before, first = target.ask("counts"), daemon.next_snapshot()
        seen = daemon.metric(*SEEN)
        self.assert_attached(first)
        self.assertEqual(first["counts"]["tasks"], before["num_goroutine"])
        for births in filter(None, (target, bystander)):
            births.ask("rate 2000")
        wait_for("births", lambda: target.ask("counts")["created"]
                 > before["created"] + 1000)
        if bystander:
            bystander.ask("rate 0")
        after = target.ask("rate 0")
        last = daemon.next_snapshot()
        born = after["created"] - before["created"]
        self.assertEqual(last["counts"]["tasks"], after["num_goroutine"])
        self.assertEqual(
            last["counts"]["created"] - first["counts"]["created"], born)
        self.assertEqual(daemon.metric(*SEEN) - seen, born, "hits")
        return last

    def assert_state(self, target, done):
        """JSON of one look that counts as the target's books say."""
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = json.loads(done.stdout)
        self.assertEqual(shown["counts"]["tasks"],
                         target.ask("counts")["num_goroutine"])
        return shown


class DaemonOnTheHost(ContainersCase):
    def watch(self, target, bystander=None):
        daemon = self.daemon("--pid", target.outer, *OFTEN)
        shown = self.assert_counts(target, daemon, bystander)
        self.assertEqual(shown["target"]["labels"]["ns_pid"],
                         str(inner_pid(target.outer)))
        self.assertIn(f'ns_pid="{inner_pid(target.outer)}"',
                      daemon.get("/metrics").text())
        self.assertTrue(target.alive())
        return daemon

    def test_a_target_in_pid_mount_and_network_namespaces(self):
        box = self.container("--pid", "--mount-proc", "--net", "--uts", "--ipc")
        self.watch(self.births(box), bystander=self.births(box))

    def test_a_target_two_pid_namespaces_down(self):
        box = self.container("--pid", "--mount-proc")
        target = self.births(box, "unshare", "--pid", "--fork", "--kill-child")
        target.outer = child_of(target.outer)
        status = pathlib.Path(f"/proc/{target.outer}/status").read_text()
        self.assertEqual(
            len(re.search(r"NSpid:(.*)", status)[1].split()), 3)
        self.watch(target)

    def test_another_users_target_in_a_user_namespace(self):
        box = self.container(
            "--user", "--map-root-user", "--pid", "--mount-proc", "--net",
            prefix=("setpriv", "--reuid", NOBODY, "--regid", NOBODY,
                    "--clear-groups"))
        target = self.births(box, path=self.binaries() / "births")
        self.assertEqual(os.stat(f"/proc/{target.outer}").st_uid, int(NOBODY))
        self.watch(target)

    def overlay(self):
        """A container whose /merged is an overlay of a directory with births
        and a memory file system."""
        home = self.scratch()
        (home / "lower").mkdir()
        shutil.copy(build_target("births"), home / "lower/births")
        return self.container("--pid", "--mount-proc", setup=f"""
            mkdir {home}/rw {home}/merged
            mount -t tmpfs none {home}/rw
            mkdir {home}/rw/upper {home}/rw/work
            mount -t overlay -o lowerdir={home}/lower,upperdir={home}/rw/upper,\
workdir={home}/rw/work none {home}/merged"""), home / "merged"

    def test_a_root_on_overlayfs(self):
        box, root = self.overlay()
        self.watch(self.births(box, "chroot", root, path="/births"))

    def test_deleted_on_overlayfs(self):
        box, root = self.overlay()
        target = self.births(box, "chroot", root, path="/births")
        subprocess.run(box.enter("rm", root / "births"), check=True)
        self.assertIn("(deleted)", os.readlink(f"/proc/{target.outer}/exe"))
        self.watch(target)

    def test_replaced_on_overlayfs(self):
        box, root = self.overlay()
        target = self.births(box, "chroot", root, path="/births")
        subprocess.run(box.enter("sh", "-ec",
                                 f"cp /bin/true {root}/new; "
                                 f"mv {root}/new {root}/births"), check=True)
        self.watch(target)

    def test_copied_up_on_overlayfs(self):
        """Changing the mode copies the file to the upper layer; the target
        goes on with the one below."""
        box, root = self.overlay()
        target = self.births(box, "chroot", root, path="/births")
        subprocess.run(box.enter("chmod", "700", root / "births"), check=True)
        daemon = self.daemon("--pid", target.outer, *OFTEN)
        daemon.next_snapshot()
        born = target.ask("counts")["created"]
        target.ask("rate 2000")
        wait_for("births", lambda: target.ask("counts")["created"]
                 > born + 1000)
        truth = target.ask("rate 0")
        last = daemon.next_snapshot()
        self.assertEqual(last["counts"]["tasks"], truth["num_goroutine"])
        for state in last["coverage"]["probes"].values():
            self.assertIn("overlayfs", state)
        self.assertEqual(daemon.metric("taskleak_probe_attached"), 0)

    def test_a_root_that_is_gone(self):
        """A lazy unmount leaves the target running from nowhere."""
        box, root = self.overlay()
        target = self.births(box, "chroot", root, path="/births")
        subprocess.run(box.enter("umount", "--lazy", root), check=True)
        self.watch(target)


class DaemonInAContainer(ContainersCase):
    def test_with_the_target_in_one_pid_namespace(self):
        box = self.container("--pid", "--mount-proc")
        target, other = self.births(box), self.births(box)
        daemon = self.start(Inside, box, "--pid", inner_pid(target.outer),
                            *OFTEN)
        self.assert_counts(target, daemon, bystander=other)

    def test_with_the_target_in_a_namespace_below(self):
        """As a daemon in a virtual machine's container engine would."""
        box = self.container("--pid", "--mount-proc")
        target = self.births(box, "unshare", "--pid", "--fork", "--kill-child")
        target.outer = child_of(target.outer)
        status = pathlib.Path(f"/proc/{target.outer}/status").read_text()
        middle = re.search(r"NSpid:(.*)", status)[1].split()[1]
        daemon = self.start(Inside, box, "--pid", middle, *OFTEN)
        self.assert_counts(target, daemon)

    HOST_PROC = ("mkdir {0}/proc; mount --rbind /proc {0}/proc; "
                 "mount -t proc none /proc")

    def test_the_hosts_proc_shows_other_pids(self):
        """Its own pid namespace and the host's /proc: --pid is the host's."""
        box = self.container("--pid", "--mount",
                             setup=self.HOST_PROC.format(self.scratch()))
        root = self.proc_of(box)
        target = self.births(box)
        daemon = self.start(Inside, box, "--path.procfs", root, "--pid",
                            target.outer, *OFTEN)
        shown = self.assert_counts(target, daemon)
        self.assertEqual(shown["target"]["pid"], target.outer)

    def test_a_target_outside_of_its_pid_namespace_is_refused(self):
        box = self.container("--pid", "--mount",
                             setup=self.HOST_PROC.format(self.scratch()))
        other = self.container("--pid", "--mount-proc")
        for target in (self.target("births", "-rate", 0),
                       self.births(other)):
            pid = getattr(target, "outer", target.pid)
            done = subprocess.run(
                box.enter(TASKLEAKD, "--path.procfs", self.proc_of(box),
                          "--pid", pid, "--once"),
                capture_output=True, text=True, timeout=60)
            self.assert_refused(done, 3, str(pid), "pid namespace", "hostPID")
            self.assertTrue(target.alive())

    def test_a_proc_of_a_namespace_below_is_refused(self):
        home = self.scratch()
        box = self.container("--pid", "--mount-proc",
                             prefix=("unshare", "--mount", "--propagation",
                                     "private"))
        target = self.births(box)
        done = once("--path.procfs", f"/proc/{box.init}/root/proc", "--pid",
                    inner_pid(target.outer), "--once")
        self.assert_refused(done, 3, "pid namespace")
        done = once("--path.procfs", home, "--pid", target.outer, "--once")
        self.assert_refused(done, 3, str(home))

    @staticmethod
    def proc_of(box):
        """Where the host's /proc is mounted inside."""
        mounts = pathlib.Path(f"/proc/{box.init}/mounts").read_text()
        return re.search(r"^\S+ (\S*/e2e-\S+/proc) proc ", mounts, re.M)[1]

    def test_the_hosts_pids_and_a_network_of_its_own(self):
        """docker run --pid=host -v /proc:/host/proc"""
        home = self.scratch()
        box = self.container("--mount", "--net", setup=f"""
            ip link set lo up
            mkdir {home}/proc; mount --rbind /proc {home}/proc""")
        target = self.births(self.container("--pid", "--mount-proc", "--net"))
        daemon = self.start(Inside, box, "--path.procfs", home / "proc", "--pid",
                            target.outer, prefix=("setpriv", *FEW), ready=False)
        wait_for("listening", daemon.find_url)
        curl = "import sys, urllib.request as r; " \
               "print(r.urlopen(sys.argv[1]).read().decode())"

        def ready():
            out = subprocess.run(
                box.enter("python3", "-c", curl,
                          daemon.url + "/api/v1/snapshot"),
                capture_output=True, text=True, timeout=60)
            return out.returncode == 0 and json.loads(out.stdout)
        shown = wait_for("snapshot", ready, 30)
        self.assert_attached(shown)
        self.assertEqual(shown["counts"]["tasks"],
                         target.ask("counts")["num_goroutine"])

    def test_few_capabilities_and_a_target_of_another_user(self):
        """docker run --cap-drop=ALL --cap-add=SYS_PTRACE …"""
        box = self.container("--mount")
        home = self.binaries()
        own = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY,
               "--clear-groups")
        target = self.births(self.container("--pid", "--mount-proc"), *own,
                             path=home / "births")
        daemon = self.start(Inside, box, "--pid", target.outer, *OFTEN, prefix=("setpriv", *FEW))
        self.assert_counts(target, daemon)
        held = pathlib.Path(
            f"/proc/{child_of_name(daemon.pid)}/status").read_text()
        # dac_read_search, sys_ptrace, perfmon, bpf
        self.assertEqual(int(re.search(r"CapPrm:\s+(\w+)", held)[1], 16),
                         1 << 2 | 1 << 19 | 1 << 38 | 1 << 39)

    def test_a_user_namespace_of_its_own_reads_state_alone(self):
        """Rootless: capabilities count within it, and for BPF nowhere."""
        home = self.binaries()
        box = self.container(
            "--user", "--map-root-user", "--pid", "--mount-proc",
            prefix=("setpriv", "--reuid", NOBODY, "--regid", NOBODY,
                    "--clear-groups"))
        target = self.births(box, path=home / "births")
        done = subprocess.run(
            box.enter(home / "task-leakd", "--pid", inner_pid(target.outer),
                      "--once", "--for", "300ms", "--format", "json"),
            capture_output=True, text=True, timeout=60)
        shown = self.assert_state(target, done)
        for state in shown["coverage"]["probes"].values():
            self.assertIn("user namespace", state)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)


def child_of_name(pid):
    """nsenter forks only when it enters a pid namespace; then the child."""
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return pid if name.startswith("task-leakd") else int(text[0])


if __name__ == "__main__":
    import unittest
    unittest.main()
