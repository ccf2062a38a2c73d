# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""How a program that nobody here wrote is built, started, found ready and put
under load: what the rows of real_programs.py have in common. Built by
`go install MODULE@VERSION`, once, into TASKLEAK_TEST_CACHE/programs; run on
loopback, in a directory of its own.
"""

import http.client
import os
import pathlib
import socket
import subprocess
import threading

import harness

BUILD_SECONDS = 3000  # on a machine that others use too
LOAD_THREADS = 4
STEP_SECONDS = 10  # a step of load that takes longer has failed


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Program:
    """A row of the table, and how to run it. Subclasses fill in the rest."""

    module = package = version = go = ""
    operation = "requests"  # what a step of load is, for the table
    profile = None  # URL of /debug/pprof/goroutine, where it has one
    quick = False  # built within CI's time

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.port, self.other_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.prepare()

    @classmethod
    def name(cls):
        return cls.__name__.lower()

    @classmethod
    def build_command(cls):
        return ["go", "install", f"{cls.module}{cls.package}@{cls.version}"]

    @classmethod
    def binary(cls):
        """Path of the program, built when it is not there yet."""
        place = harness.CACHE / "programs" / \
            f"{cls.name()}-{cls.version}-{cls.go}"
        found = [f for f in place.glob("*") if os.access(f, os.X_OK)]
        if not found:
            place.mkdir(parents=True, exist_ok=True)
            flags = os.environ.get("GOFLAGS", "") + " -buildvcs=false"
            env = dict(os.environ, GOTOOLCHAIN=cls.go, GOBIN=str(place),
                       GOFLAGS=flags.strip())
            with open(place / "log", "w") as log:
                cls.build(place, env, log)
            found = [f for f in place.glob("*") if os.access(f, os.X_OK)]
        return found[0]

    @classmethod
    def build(cls, place, env, log):
        subprocess.run(cls.build_command(), cwd=place, env=env, stdout=log,
                       stderr=log, check=True, timeout=BUILD_SECONDS)

    def prepare(self):
        """Writes what it needs into self.dir."""

    def arguments(self):
        return []

    def start(self, case):
        env = dict(os.environ, HOME=str(self.dir), TMPDIR=str(self.dir),
                   XDG_CONFIG_HOME=str(self.dir), XDG_DATA_HOME=str(self.dir),
                   XDG_CACHE_HOME=str(self.dir), GOTELEMETRY="off")
        self.process = case.start(
            harness.Process, [self.binary(), *self.arguments()], cwd=self.dir,
            env=env, stdin=self.stdin())
        harness.wait_for(f"{self.name()} to be ready", self.ready_or_dead, 120,
                         0.2)

    def stdin(self):
        return None

    def ready_or_dead(self):
        if not self.process.alive():
            raise AssertionError(f"{self.name()} ended: "
                                 f"{self.process.stderr()[-2000:]}")
        try:
            return self.ready()
        except OSError:
            return False

    def ready(self):
        return harness.fetch(self.url + "/").status < 500

    def step(self, thread, number):
        """One operation of load; raises when it failed."""
        raise NotImplementedError

    def calm(self, case):
        """What it takes to have it idle after load, beyond no more load."""

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Load:
    """A few threads that repeat Program.step until the with block ends."""

    def __init__(self, program):
        self.program, self.done, self.failed = program, 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(i,))
                        for i in range(LOAD_THREADS)]

    def repeat(self, thread):
        number = 0
        while not self.over.is_set() and not self.failed:
            try:
                self.program.step(thread, number)
                number += 1
                self.done += 1
            except (OSError, AssertionError, http.client.HTTPException) as err:
                self.failed.append(repr(err))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(3 * STEP_SECONDS)


def request(url, method="GET", body=None, headers=None):
    """A request on a connection of its own; anything but 2xx is an error."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=STEP_SECONDS)
    try:
        connection.request(method, "/" + path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status // 100 == 2, (answer.status, data[:200])
        return data
    finally:
        connection.close()
