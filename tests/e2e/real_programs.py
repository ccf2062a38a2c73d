# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, a class each: where it comes from, how
it is configured, and a load of its own kind. The versions are pinned here and
nowhere else.
"""

import base64
import json
import signal
import socket
import subprocess

import harness
from program import BUILD_SECONDS, STEP_SECONDS, Program, request


class Etcd(Program):
    """Puts through its HTTP gateway, which is gRPC inside."""

    operation = "puts"
    module, version, go = "go.etcd.io/etcd/server/v3", "v3.7.3", "go1.26.8"

    @classmethod
    def build_command(cls):
        return ["go", "build", "-o", "etcd", cls.module]

    @classmethod
    def build(cls, place, env, log):
        (place / "go.mod").unlink(missing_ok=True)
        for command in (["go", "mod", "init", "etcd"],
                        ["go", "get", f"{cls.module}@{cls.version}"],
                        cls.build_command()):
            subprocess.run(command, cwd=place, env=env, stdout=log, stderr=log,
                           check=True, timeout=BUILD_SECONDS)

    def arguments(self):
        self.profile = self.url + "/debug/pprof/goroutine"
        peer = f"http://127.0.0.1:{self.other_port}"
        return ["--data-dir", self.dir / "data", "--enable-pprof",
                "--listen-client-urls", self.url,
                "--advertise-client-urls", self.url,
                "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer,
                "--initial-cluster", "default=" + peer]

    def ready(self):
        return harness.fetch(self.url + "/health").status == 200

    def step(self, thread, number):
        def text(words):
            return base64.b64encode(words.encode()).decode()
        request(self.url + "/v3/kv/put", "POST", json.dumps(
            {"key": text(f"{thread}/{number % 100}"), "value": text("x" * 64)}))


class Caddy(Program):
    module, package = "github.com/caddyserver/caddy/v2", "/cmd/caddy"
    version, go = "v2.11.9", "go1.26.8"

    def prepare(self):
        admin = f"127.0.0.1:{self.other_port}"
        self.profile = f"http://{admin}/debug/pprof/goroutine"
        self.write("site/index.html", "<p>hello</p>\n" * 100)
        self.write("Caddyfile", f"{{\n admin {admin}\n auto_https off\n}}\n"
                   f"{self.url} {{\n root * {self.dir}/site\n encode gzip\n"
                   " file_server\n}\n")

    def arguments(self):
        return ["run", "--config", self.dir / "Caddyfile"]

    def step(self, thread, number):
        request(self.url + "/", headers={"Accept-Encoding": "gzip"})


class Nats(Program):
    """Publishes over raw sockets and receives what it published."""

    operation = "connections of 200 messages each"
    module, version = "github.com/nats-io/nats-server/v2", "v2.15.2"
    go, quick = "go1.26.8", True

    def arguments(self):
        self.profile = f"http://127.0.0.1:{self.other_port}" \
            "/debug/pprof/goroutine"
        return ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd",
                self.dir / "store", "--profile", str(self.other_port)]

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            return sock.recv(4) == b"INFO"

    def step(self, thread, number):
        with socket.create_connection(("127.0.0.1", self.port),
                                      STEP_SECONDS) as sock:
            sock.sendall(b'CONNECT {"verbose":false}\r\nSUB a.*.%d 1\r\n' %
                         thread + b"PUB a.b.%d 5\r\nhello\r\n" % thread * 200 +
                         b"PING\r\n")
            seen = b""
            while seen.count(b"MSG a.b") < 200 or b"PONG" not in seen:
                more = sock.recv(65536)
                assert more, seen[-200:]
                seen += more


class Mc(Program):
    """Mirrors a directory into another while files come."""

    operation = "files copied"
    module, go = "github.com/minio/mc", "go1.23.12"
    version = "v0.0.0-20250313080218-cf909e1063a9"

    def prepare(self):
        self.write("from/first", "first")
        (self.dir / "into").mkdir()

    def arguments(self):
        return ["--config-dir", self.dir / "mc", "--disable-pager", "mirror",
                "--watch", self.dir / "from", self.dir / "into"]

    def ready(self):
        return (self.dir / "into/first").exists()

    def step(self, thread, number):
        name = f"{thread}-{number % 200}"
        self.write(f"from/{name}", str(number))
        harness.wait_for("the copy", (self.dir / "into" / name).exists,
                         STEP_SECONDS, 0.05)


class Pebble(Program):
    """Its own benchmark: reads and writes of a store, at a set rate; then one
    operation a second. A step is a line of its report."""

    module, package = "github.com/cockroachdb/pebble/v2", "/cmd/pebble"
    version, go, quick = "v2.1.7", "go1.24.9", True
    operation = "lines of its report, at 500 reads and writes a second"
    rate = 500

    def arguments(self):
        return ["bench", "ycsb", self.dir / "store", "--workload", "A",
                "--duration", "0", "--concurrency", "8", "--cache", "16777216",
                "--initial-keys", "1000", "--rate", str(self.rate)]

    def ready(self):
        return "update" in self.process.stdout()

    def step(self, thread, number):
        before = len(self.process.stdout())
        harness.wait_for("its report", lambda: len(self.process.stdout()) >
                         before, STEP_SECONDS, 0.1)

    def calm(self, case):
        self.process.stop(signal.SIGKILL)
        self.rate = 1
        self.dir /= "calm"
        self.dir.mkdir()
        self.start(case)


PROGRAMS = [Etcd, Caddy, Nats, Mc, Pebble]
