# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Ten programs that nobody here wrote, a class each: where it comes from, how
it is configured, and a load of its own kind. The versions are pinned here and
nowhere else.
"""

import base64
import json
import re
import signal
import socket
import struct
import subprocess
import threading

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


class Prometheus(Program):
    module, package = "github.com/prometheus/prometheus", "/cmd/prometheus"
    version, go = "v0.316.0", "go1.26.8"

    def prepare(self):
        self.profile = self.url + "/debug/pprof/goroutine"
        self.write("prometheus.yml", "global: {scrape_interval: 5s}\n"
                   "scrape_configs:\n- job_name: self\n  static_configs:\n"
                   f"  - targets: ['127.0.0.1:{self.port}']\n")

    def arguments(self):
        return [f"--config.file={self.dir}/prometheus.yml",
                f"--storage.tsdb.path={self.dir}/data",
                f"--web.listen-address=127.0.0.1:{self.port}"]

    def ready(self):
        return harness.fetch(self.url + "/-/ready").status == 200

    def step(self, thread, number):
        request(self.url + "/api/v1/query?query=sum(rate(go_goroutines[1m]))")


class Alertmanager(Program):
    module, package = "github.com/prometheus/alertmanager", "/cmd/alertmanager"
    version, go = "v0.28.1", "go1.22.12"

    def prepare(self):
        self.profile = self.url + "/debug/pprof/goroutine"
        self.write("alertmanager.yml", "route: {receiver: nobody}\n"
                   "receivers: [{name: nobody}]\n")

    def arguments(self):
        return [f"--config.file={self.dir}/alertmanager.yml",
                f"--storage.path={self.dir}/data",
                "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{self.port}"]

    def ready(self):
        return harness.fetch(self.url + "/-/ready").status == 200

    def step(self, thread, number):
        request(self.url + "/api/v2/alerts", "POST", json.dumps(
            [{"labels": {"alertname": f"a{number % 50}",
                         "thread": str(thread)}}]),
            {"Content-Type": "application/json"})


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


class Hugo(Program):
    """Serves a site, one of whose pages is rewritten all the time."""

    module, version = "github.com/gohugoio/hugo", "v0.148.2"
    go = "go1.25.4"

    def prepare(self):
        self.write("hugo.toml", 'title = "site"\n')
        self.write("layouts/home.html", "{{ range .Pages }}{{ .Content }}"
                   "{{ end }}\n")
        self.write("layouts/page.html", "{{ .Content }}\n")
        for page in range(20):
            self.page(page, "first")

    def page(self, page, text):
        self.write(f"content/p{page}.md", f"+++\ntitle = 'p'\n+++\n# {text}\n")

    def arguments(self):
        return ["server", "--source", self.dir, "--bind", "127.0.0.1",
                "--port", str(self.port), "--renderToMemory"]

    def step(self, thread, number):
        if thread == 0 and number % 50 == 0:
            self.page(0, f"text {number}")
        request(self.url + "/p1/")


class Gopls(Program):
    """A session of the language server protocol on a small module."""

    operation = "hovers"
    module, version, go = "golang.org/x/tools/gopls", "v0.24.0", "go1.27.4"

    def prepare(self):
        self.profile = self.url + "/debug/pprof/goroutine"
        self.lock = threading.Lock()
        self.write("go.mod", "module small\n\ngo 1.21\n")
        self.file = self.write(
            "main.go", "package main\n\nimport \"fmt\"\n\n"
            "func main() {\n\tfmt.Println(\"hello\")\n}\n")

    def arguments(self):
        return ["serve", f"-debug=127.0.0.1:{self.port}"]

    def stdin(self):
        return subprocess.PIPE

    def send(self, method, params, number=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        body = json.dumps(message).encode()
        with self.lock:
            self.process.child.stdin.write(
                b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.process.child.stdin.flush()

    def call(self, method, params, number):
        self.send(method, params, number)
        mark = re.compile(rf'"id":{number}[,}}]')
        harness.wait_for(f"answer to {method}", lambda: mark.search(
            self.process.stdout()), 60, 0.02)

    def ready(self):
        if not harness.fetch(self.url + "/debug/").status == 200:
            return False
        root = self.dir.as_uri()
        self.call("initialize", {"processId": None, "rootUri": root,
                                 "capabilities": {}}, 1_000_000)
        self.send("initialized", {})
        self.send("textDocument/didOpen", {"textDocument": {
            "uri": self.file.as_uri(), "languageId": "go", "version": 1,
            "text": self.file.read_text()}})
        return True

    def step(self, thread, number):
        self.call("textDocument/hover", {
            "textDocument": {"uri": self.file.as_uri()},
            "position": {"line": 5, "character": 6}},
            thread * 100_000 + number)


class Coredns(Program):
    """Answers queries for names of a hosts file, over UDP."""

    operation = "queries"
    module, version, go = "github.com/coredns/coredns", "v1.15.0", "go1.26.8"

    def prepare(self):
        self.profile = f"http://127.0.0.1:{self.other_port}" \
            "/debug/pprof/goroutine"
        self.write("Corefile", f".:{self.port} {{\n bind 127.0.0.1\n"
                   f" pprof 127.0.0.1:{self.other_port}\n hosts {{\n"
                   "  127.0.0.9 name.test\n }\n cache\n}\n")

    def arguments(self):
        return ["-conf", self.dir / "Corefile"]

    def ready(self):
        self.step(0, 0)
        return harness.fetch(self.profile + "?debug=1").status == 200

    def step(self, thread, number):
        question = struct.pack(">HHHHHH", number & 0xffff, 0x100, 1, 0, 0, 0) \
            + b"\4name\4test\0" + struct.pack(">HH", 1, 1)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(STEP_SECONDS)
            sock.connect(("127.0.0.1", self.port))
            sock.send(question)
            assert sock.recv(512).endswith(bytes([127, 0, 0, 9]))


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


PROGRAMS = [Etcd, Caddy, Nats, Prometheus, Alertmanager, Mc, Hugo, Gopls,
            Coredns, Pebble]
