# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test stands on: targets built once and started with
their truth at hand, the daemon under test, HTTP, and what the kernel still
holds. Whatever a test starts is ended by its pid when the test ends, however
it ends.

Environment: TASKLEAKD (the binary; build/task-leakd), TASKLEAK_TEST_CACHE
(where Go targets are built; build/e2e), TASKLEAK_GO_VERSIONS (tool chains to
try, "go1.21.13 go1.26.8"), TASKLEAK_TEST_ALL (every tool chain, more rounds).
"""

import contextlib
import glob
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASKLEAKD = pathlib.Path(os.environ.get("TASKLEAKD", ROOT / "build/task-leakd"))
CACHE = pathlib.Path(os.environ.get("TASKLEAK_TEST_CACHE", ROOT / "build/e2e"))
ALL = bool(os.environ.get("TASKLEAK_TEST_ALL"))
EVERY_GO = ("go1.18.10 go1.19.13 go1.20.14 go1.21.13 go1.22.12 go1.23.12 "
            "go1.24.9 go1.25.4 go1.26.8 go1.27.4").split()
FEW_GO = ["go1.18.10", "go1.21.13", "go1.23.12", "go1.26.8"]
GO_VERSIONS = (os.environ.get("TASKLEAK_GO_VERSIONS", "").split()
               or (EVERY_GO if ALL else FEW_GO))

os.environ["PATH"] = os.pathsep.join(
    [str(ROOT / "build/tools/bin"), os.environ["PATH"], "/usr/sbin", "/sbin",
     "/usr/local/go/bin"])


def wait_for(what, condition, seconds=10.0, every=0.02):
    """The first true value of condition(); fails loudly after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s: no {what}")
        time.sleep(every)


def build_target(name, toolchain=None, flags=(), cgo=False):
    """Path of tests/targets/NAME built by a Go tool chain, once per source."""
    source = ROOT / "tests/targets" / name
    digest = hashlib.sha256(repr((toolchain, flags, cgo)).encode())
    for file in sorted([*source.glob("*.[ch]"), *source.glob("*.go"),
                        source / "go.mod"]):
        digest.update(file.read_bytes())
    out = CACHE / f"{name}-{toolchain or 'go'}-{digest.hexdigest()[:12]}"
    if not out.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = out.with_suffix(f".{os.getpid()}")
        env = dict(os.environ, GOFLAGS="-buildvcs=false",
                   CGO_ENABLED="1" if cgo else "0")
        if toolchain:
            env["GOTOOLCHAIN"] = toolchain
            if toolchain.startswith(("go1.19", "go1.20")):
                # These take a GOROOT inside of the module cache for a module.
                env["GODEBUG"] = "goindex=0"
        subprocess.run(["go", "build", *flags, "-o", fresh, "."], cwd=source,
                       env=env, check=True, timeout=600)
        fresh.rename(out)
    return out


class Process:
    """A child with its output in files, so that no pipe can ever block it."""

    def __init__(self, argv, stdin=None, **popen):
        self.out = tempfile.NamedTemporaryFile(prefix="e2e-out-")
        self.err = tempfile.NamedTemporaryFile(prefix="e2e-err-")
        self.child = subprocess.Popen([str(a) for a in argv],
                                      stdin=stdin or subprocess.DEVNULL,
                                      stdout=self.out, stderr=self.err,
                                      **popen)
        self.pid = self.child.pid

    def stdout(self):
        return pathlib.Path(self.out.name).read_text(errors="replace")

    def stderr(self):
        return pathlib.Path(self.err.name).read_text(errors="replace")

    def alive(self):
        return self.child.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Signals it when it runs still, and returns its exit status."""
        if self.alive():
            self.child.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds=20):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.child.args} did not end in {seconds} "
                                 f"s; stderr: {self.stderr()[-2000:]}")

    def cleanup(self):
        if self.alive():
            self.child.kill()
        self.child.wait()
        if self.child.stdin:
            with contextlib.suppress(OSError):
                self.child.stdin.close()
        for file in (self.out, self.err):
            with contextlib.suppress(OSError):
                file.close()


def family(pid):
    """A process and all below it: the daemon, its forker, the readers."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [pid] + [p for child in path.read_text().split()
                    for p in family(int(child))]


@contextlib.contextmanager
def standing_still(pid):
    """Stops a process and all below it (SIGSTOP) for the time of the block."""
    everyone = family(pid)
    for one in everyone:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in reversed(everyone):
            os.kill(one, signal.SIGCONT)


class Target(Process):
    """A program of tests/targets that answers lines on stdin with JSON."""

    def __init__(self, name, *args, toolchain=None, binary=None, seconds=60,
                 **popen):
        argv = [binary or build_target(name, toolchain), *args]
        super().__init__(argv, stdin=subprocess.PIPE, **popen)
        self.answers = 0
        wait_for(f"first line of {name}", self.spoken, seconds)

    def spoken(self):
        assert self.alive(), f"{self.child.args} ended: {self.stderr()}"
        return "\n" in self.stdout()

    def ask(self, line="", seconds=60):
        """One line in, one line of JSON out."""
        self.child.stdin.write((line + "\n").encode())
        self.child.stdin.flush()
        self.answers += 1

        def answered():
            lines = self.stdout().split("\n")
            return len(lines) > self.answers + 1 and lines[self.answers]
        return json.loads(wait_for("answer", answered, seconds, 0.001))


class Shop(Target):
    """tests/targets/leaky. `leak` maps kinds to how many leak at the start."""

    def __init__(self, leak=None, *args, **popen):
        for kind, count in (leak or {}).items():
            args += ("-leak", f"{kind}={count}")
        super().__init__("leaky", "-console", *args, **popen)
        self.url = re.search(r"listening on (\S+)", self.stdout())[1]
        self.address = self.url.removeprefix("http://")

    def get(self, path):
        return json.loads(fetch(self.url + path).body)

    def truth(self):
        """What the shop knows of itself, once all its tasks have parked."""
        def parked():
            truth = self.get("/truth")
            moving = [t for t in truth["tasks"] if t["wait_reason"] in
                      ("running", "runnable", "", "waiting", "sleep")]
            return not moving and truth
        return wait_for("truth at rest", parked, 30, 0.1)

    def counts(self):
        """Totals, asked in a way that adds no goroutine. At rest: twice the
        same (the connection of an earlier request takes a moment to end)."""
        def steady():
            first = self.ask()
            time.sleep(0.05)
            return first == self.ask() and first
        return wait_for("a quiet shop", steady, 20)


class Answer:
    """An HTTP response, whatever its status."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        body = self.body
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return body.decode()

    def json(self):
        return json.loads(self.text())


def fetch(url, method="GET", seconds=20, **headers):
    """Never throws for a status; header names take _ for -."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        names.setdefault("Connection", "close")
        connection.request(method, target or "/", headers=names)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Daemon(Process):
    """task-leakd as a daemon on a port of its own."""

    def __init__(self, *args, ready=True, listen="127.0.0.1:0", **popen):
        super().__init__([TASKLEAKD, "--web.listen-address", listen, *args],
                         **popen)
        self.url = None
        if ready:
            self.wait_ready()

    def find_url(self):
        found = re.search(r'listening.*\bport"?[=:]\s*"?(\d+)', self.stderr())
        if found:
            self.url = f"http://127.0.0.1:{found[1]}"
        return self.url

    def wait_ready(self, seconds=60):
        def ready():
            if not self.alive():
                raise AssertionError(f"task-leakd ended with "
                                     f"{self.child.returncode}: "
                                     f"{self.stderr()[-2000:]}")
            return self.find_url() and self.get("/-/ready").status == 200
        wait_for("ready daemon", ready, seconds)

    def get(self, path, **headers):
        return fetch(self.url + path, **headers)

    def snapshot(self, query=""):
        return self.get("/api/v1/snapshot" + query).json()

    def next_snapshot(self, after=None, seconds=70):
        """The snapshot of an epoch later than `after` (default: the newest)."""
        if after is None:
            after = self.snapshot("?tasks=1")["epoch"]
        wait_for("next epoch", lambda: self.metric("taskleak_snapshot_epoch")
                 > after, seconds)
        return self.snapshot()

    def metrics(self):
        """name{labels} -> value, of the text format."""
        values = {}
        for line in self.get("/metrics").text().splitlines():
            if line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                values[series] = float(value)
        return values

    def metric(self, name, *labels):
        """The sum of the series that have this name and all these
        'label="value"' texts; None when there is none."""
        found = [v for s, v in self.metrics().items()
                 if s.split("{")[0] == name and all(l in s for l in labels)]
        return sum(found) if found else None


def once(*args, seconds=60, binary=None, prefix=(), **run):
    """task-leakd to its end: CompletedProcess with text."""
    argv = [*prefix, str(binary or TASKLEAKD), *map(str, args)]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds, **run)


# --- What the kernel holds --------------------------------------------------

def _bpf_show(kind):
    out = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True,
                         text=True, timeout=60).stdout
    return json.loads(out) if out.strip() else []


def _held_by_processes():
    """Ids of programs, maps and links that some process has open."""
    held = {"prog": set(), "map": set(), "link": set()}
    for path in glob.glob("/proc/[0-9]*/fdinfo/*"):
        with contextlib.suppress(OSError):
            with open(path) as file:
                text = file.read()
            for kind, number in re.findall(
                    r"^(prog|map|link)_id:\s+(\d+)", text, re.M):
                held[kind].add(int(number))
    return held


def bpf_objects():
    """(kind, id) of all programs, maps and links in the kernel."""
    return {(kind, item["id"]) for kind in ("prog", "map", "link")
            for item in _bpf_show(kind)}


def bpf_orphans(before):
    """What is in the kernel now, was not in `before` (bpf_objects()), and has
    no living owner. Other programs may come and go meanwhile: theirs has."""
    held = _held_by_processes()
    shown = {kind: _bpf_show(kind) for kind in ("prog", "map", "link")}
    again = _held_by_processes()
    for kind in held:
        held[kind] |= again[kind]
    for link in shown["link"]:
        if link["id"] in held["link"]:
            held["prog"].add(link.get("prog_id"))
    for prog in shown["prog"]:
        if prog["id"] in held["prog"]:
            held["map"].update(prog.get("map_ids", []))
    return {(kind, item["id"], item.get("name")) for kind in shown
            for item in shown[kind] if (kind, item["id"]) not in before
            and item["id"] not in held[kind]}


def tracefs_probes():
    """Probe definitions that someone left in tracefs."""
    with contextlib.suppress(OSError):
        return pathlib.Path("/sys/kernel/tracing/uprobe_events").read_text()
    return ""


class TestCase(unittest.TestCase):
    """Starts things and ends them. Tests run as root unless they say so."""

    needs_root = True

    def setUp(self):
        if self.needs_root and os.geteuid() != 0:
            self.skipTest("needs root: run it with sudo")
        if not TASKLEAKD.exists():
            self.fail(f"{TASKLEAKD} is not built; run scripts/build")
        self.longMessage = True

    def start(self, cls, *args, **kwargs):
        """An instance of a Process class, ended with the test."""
        process = cls.__new__(cls)
        self.addCleanup(self._end, process)
        process.__init__(*args, **kwargs)
        return process

    @staticmethod
    def _end(process):
        if hasattr(process, "child"):
            process.cleanup()

    def shop(self, leak=None, *args, **popen):
        return self.start(Shop, leak, *args, **popen)

    def target(self, name, *args, **popen):
        return self.start(Target, name, *args, **popen)

    def daemon(self, *args, **kwargs):
        return self.start(Daemon, *args, **kwargs)

    def load(self, shop, seconds=600, connections=4):
        """Load on a shop until its stdin is closed; see stop_load."""
        return self.start(
            Process, [build_target("load"), "-address", shop.address, "-for",
                      f"{seconds}s", "-connections", connections, "-stdin"],
            stdin=subprocess.PIPE)

    def stop_load(self, load):
        load.child.stdin.close()
        self.assertEqual(load.wait(40), 0, load.stderr())
        return json.loads(load.stdout())

    def scratch(self):
        """A directory that everyone may read, removed with the test."""
        path = pathlib.Path(tempfile.mkdtemp(prefix="e2e-"))
        path.chmod(0o755)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def snapshot_once(self, pid, *args):
        """JSON of --once --for 0 (or as `args` say)."""
        done = once("--pid", pid, "--once", "--format", "json",
                    *(args or ("--for", "0")))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def assert_refused(self, done, status, *words):
        """Ended with `status` and one line on stderr with these words."""
        self.assertEqual(done.returncode, status, done.stderr)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        return lines[0]

    def assert_nothing_left(self, before, seconds=10):
        """No BPF object without an owner, nothing pinned, no tracefs probe."""
        left = None

        def clean():
            nonlocal left
            left = bpf_orphans(before)
            return not left
        try:
            wait_for("clean kernel", clean, seconds, 0.2)
        except AssertionError:
            self.fail(f"left in the kernel: {left}")
        self.assertNotIn("taskleak", tracefs_probes())

    def assert_counts_fit(self, counts):
        self.assertEqual(counts["created"] - counts["finished"],
                         counts["tasks"], counts)


def raw_goid(task):
    """17 of the task id "go/17"."""
    return int(task["id"].split("/")[1].split("@")[0])


def user_tasks(snapshot):
    return [t for t in snapshot["tasks"] if not t.get("system")]
