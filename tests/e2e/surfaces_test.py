# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Everything a user touches, read by the parser that its users have: text,
JSON, both metrics formats, HTTP, logs, exit statuses."""

import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from harness import TestCase, family, once, user_tasks, wait_for

LEAKS = {"chan-send": 12, "mutex": 7, "peer": 3, "nil-chan": 2}


class Once(TestCase):
    def setUp(self):
        super().setUp()
        self.target_shop = self.shop(LEAKS)

    def test_text_names_the_worst_site_first(self):
        done = once("--pid", self.target_shop.pid, "--once", "--for", "2s",
                    "--suspect-after", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout
        for word in ("main.leakQuotes", "main.askCourier", "orders.go",
                     "chan send", "main.reserveItem", "sync.Mutex.Lock"):
            self.assertIn(word, text)
        self.assertLess(text.index("main.askCourier"),
                        text.index("main.reserveItem"))
        self.assertLess(max(map(len, text.splitlines())), 160)
        self.assertNotIn("\x1b", text, "colours though not a terminal")

    def test_json_is_schema_1(self):
        shown = self.snapshot_once(self.target_shop.pid)
        self.assertEqual(shown["schema"], 1)
        for key in ("epoch", "taken_at", "target", "coverage", "counts",
                    "tasks", "objects", "edges", "sites", "cycles", "roots"):
            self.assertIn(key, shown)
        self.assertEqual(shown["target"]["pid"], self.target_shop.pid)
        runtime = shown["target"]["runtimes"][0]
        self.assertEqual(runtime["name"], "go")
        self.assertEqual(runtime["version"],
                         self.target_shop.counts()["go_version"])
        self.assertTrue(shown["coverage"]["complete"])
        self.assertEqual(shown["coverage"]["torn_tasks"], 0)

    def test_json_refers_only_to_what_it_holds(self):
        shown = self.snapshot_once(self.target_shop.pid)
        tasks = {t["id"] for t in shown["tasks"]}
        objects = {o["id"] for o in shown["objects"]}
        sites = {s["id"]: s for s in shown["sites"]}
        for task in shown["tasks"]:
            self.assertLessEqual(set(task["waits_on"]), objects, task["id"])
        for task in user_tasks(shown):
            self.assertIn(task["site"], sites)
        for item in shown["objects"]:
            self.assertLessEqual(set(item["waiters"]), tasks)
        for edge in shown["edges"]:
            self.assertIn(edge["from"], tasks | objects)
        self.assertEqual(sum(s["tasks"] for s in sites.values()),
                         shown["counts"]["tasks"])
        self.assertEqual(sum(shown["counts"]["by_state"].values()),
                         shown["counts"]["tasks"])

    def test_an_old_wait_is_suspect_and_a_young_one_is_not(self):
        leaked = {t["goid"] for t in self.target_shop.truth()["tasks"]
                  if t["role"] == "leaked"}
        done = once("--pid", self.target_shop.pid, "--once", "--format",
                    "json", "--for", "3s", "--suspect-after", "1s")
        old = json.loads(done.stdout)
        suspects = {int(t["id"].split("/")[1]) for t in user_tasks(old)
                    if t["verdict"] in ("suspect", "probable", "proven")}
        self.assertLessEqual(leaked, suspects)
        for task in old["tasks"]:
            if task["verdict"] == "suspect":
                self.assertTrue(task["evidence"], task["id"])
        young = self.snapshot_once(self.target_shop.pid, "--for", "1s")
        self.assertEqual(young["counts"]["by_verdict"].get("suspect", 0), 0)


class CommandLine(TestCase):
    needs_root = False

    def test_version(self):
        done = once("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"task-leakd .*\d+\.\d+\.\d+")

    def test_help_names_every_option(self):
        done = once("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--pid", "--once", "--for", "--format", "--no-probes",
                       "--interval", "--overhead-budget", "--suspect-after",
                       "--web.listen-address", "--log.level", "--log.format",
                       "--version"):
            self.assertIn(option, done.stdout)

    def test_usage_errors_end_with_2(self):
        for args in ([], ["--pid"], ["--pid", "x"], ["--pid", "-1"],
                     ["--pid", "0"], ["--pid", "99999999999999999999"],
                     ["--nonsense"], ["--pid", "1", "--format", "xml"],
                     ["--pid", "1", "--for", "soon"],
                     ["--pid", "1", "--interval", "1ns"],
                     ["--pid", "1", "--overhead-budget", "200%"],
                     ["--pid", "1", "--log.level", "loud"]):
            with self.subTest(args):
                self.assert_refused(once(*args), 2, "task-leakd")


class Web(TestCase):
    def setUp(self):
        super().setUp()
        self.target_shop = self.shop(LEAKS)
        self.server = self.daemon("--pid", self.target_shop.pid, "--interval",
                                  "200ms", "--suspect-after", "1s")

    def test_health_and_readiness(self):
        self.assertEqual(self.server.get("/-/healthy").status, 200)
        self.assertEqual(self.server.get("/-/ready").status, 200)

    def test_snapshot_is_what_once_prints(self):
        shown = self.server.snapshot()
        printed = self.snapshot_once(self.target_shop.pid)
        self.assertEqual(set(shown), set(printed))
        self.assertEqual(shown["counts"]["tasks"], printed["counts"]["tasks"])
        self.assertEqual(
            {(s["id"], s["tasks"]) for s in shown["sites"]},
            {(s["id"], s["tasks"]) for s in printed["sites"]})

    def test_page_names_the_leaking_site(self):
        page = self.server.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn("text/html", page.headers["Content-Type"])
        for word in ("askCourier", "chan send", "/metrics"):
            self.assertIn(word, page.text())

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.server.get("/nothing").status, 404)
        self.assertEqual(self.server.get("/metrics/../x").status, 404)
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(self.server.get("/metrics", method=method).status,
                             405)
        head = self.server.get("/metrics", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_gzip_only_when_accepted(self):
        plain = self.server.get("/metrics")
        self.assertIsNone(plain.headers.get("Content-Encoding"))
        packed = self.server.get("/metrics", Accept_Encoding="gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertIn(b"taskleak_tasks", gzip.decompress(packed.body))
        refused = self.server.get("/metrics", Accept_Encoding="gzip;q=0")
        self.assertIsNone(refused.headers.get("Content-Encoding"))

    def test_one_epoch_everywhere(self):
        """Metrics and snapshot of the same epoch tell the same."""
        def pair():
            shown, values = self.server.snapshot(), self.server.metrics()
            epoch = sum(v for s, v in values.items()
                        if s.startswith("taskleak_snapshot_epoch{"))
            return shown["epoch"] == epoch and (shown, values)
        shown, values = wait_for("a pair of one epoch", pair)
        self.assertEqual(sum(v for s, v in values.items()
                             if s.startswith("taskleak_tasks{")),
                         shown["counts"]["tasks"])
        for name in ("created", "finished"):
            self.assertEqual(
                sum(v for s, v in values.items()
                    if s.startswith(f"taskleak_tasks_{name}_total{{")),
                shown["counts"][name])


class Overhead(TestCase):
    """What the daemon says that it costs is what the kernel charges it."""

    @staticmethod
    def cpu_seconds(pid):
        total = 0
        for each in family(pid):
            stat = pathlib.Path(f"/proc/{each}/stat").read_text()
            total += sum(map(int, stat.rsplit(")", 1)[1].split()[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def test_daemon_ratio_holds_the_epochs_themselves(self):
        parked = self.target("parked", "-n", 50_000)
        server = self.daemon("--pid", parked.pid, "--interval", "250ms",
                             "--overhead-budget", "100%")
        server.next_snapshot()  # the first epoch reads everything
        server.next_snapshot()
        begin, cpu = time.monotonic(), self.cpu_seconds(server.pid)
        ratios = []
        while time.monotonic() < begin + 4:
            ratios.append(server.metric("taskleak_overhead_ratio",
                                        'who="daemon"'))
            time.sleep(0.25)
        charged = self.cpu_seconds(server.pid) - cpu
        charged /= time.monotonic() - begin
        said = sum(ratios) / len(ratios)
        self.assertGreater(said, 0.5 * charged)
        self.assertLess(said, 2 * charged)


class Metrics(TestCase):
    OPENMETRICS = "application/openmetrics-text; version=1.0.0"
    WANTED = """taskleak_tasks taskleak_tasks_created_total
        taskleak_tasks_finished_total taskleak_working_tasks
        taskleak_blocked_tasks taskleak_leaked_tasks taskleak_site_tasks
        taskleak_snapshot_epoch taskleak_snapshot_timestamp_seconds
        taskleak_snapshot_duration_seconds
        taskleak_snapshot_torn_tasks_total taskleak_probe_attached
        taskleak_overhead_ratio taskleak_target_up taskleak_target_info
        taskleak_build_info process_cpu_seconds_total""".split()

    def setUp(self):
        super().setUp()
        self.target_shop = self.shop(LEAKS)
        self.server = self.daemon("--pid", self.target_shop.pid, "--interval",
                                  "200ms", "--suspect-after", "1s")
        load = self.load(self.target_shop, 2)
        load.wait()

    def test_text_format_by_promtool(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed: scripts/setup --test")
        answer = self.server.get("/metrics")
        self.assertIn("text/plain; version=0.0.4",
                      answer.headers["Content-Type"])
        check = subprocess.run(["promtool", "check", "metrics"],
                               input=answer.body, capture_output=True,
                               timeout=60)
        self.assertEqual((check.returncode, check.stdout, check.stderr),
                         (0, b"", b""))

    def test_the_first_set_of_names(self):
        names = {s.split("{")[0] for s in self.server.metrics()}
        self.assertEqual([n for n in self.WANTED if n not in names], [])

    def test_openmetrics_by_the_official_parser(self):
        try:
            from prometheus_client.openmetrics import parser
        except ImportError:
            self.skipTest("prometheus_client is not installed: "
                          "scripts/setup --test")
        answer = self.server.get("/metrics", Accept=self.OPENMETRICS)
        self.assertIn("application/openmetrics-text",
                      answer.headers["Content-Type"])
        families = list(parser.text_string_to_metric_families(answer.text()))
        samples = {s.name for f in families for s in f.samples}
        self.assertEqual([n for n in self.WANTED if n not in samples and
                          not n.endswith("_info")], [])

    def test_both_formats_have_the_same_families(self):
        def families(text):
            return {re.sub(r"_total$|_info$", "", n)
                    for n in re.findall(r"^# TYPE (\S+)", text, re.M)}
        text = self.server.get("/metrics").text()
        other = self.server.get("/metrics", Accept=self.OPENMETRICS).text()
        self.assertEqual(families(text), families(other))
        self.assertTrue(other.endswith("# EOF\n"))

    def test_suspects_are_counted(self):
        leaked = sum(LEAKS.values())
        wait_for("suspects", lambda: (self.server.metric(
            "taskleak_leaked_tasks", 'verdict="suspect"') or 0) >= leaked)


class Logs(TestCase):
    def run_daemon(self, form):
        shop = self.shop()
        daemon = self.daemon("--pid", shop.pid, "--interval", "200ms",
                             "--log.format", form, "--log.level", "debug")
        self.assertEqual(daemon.stop(), 0, daemon.stderr())
        lines = daemon.stderr().strip().splitlines()
        self.assertGreater(len(lines), 0)
        return lines

    def test_json_lines(self):
        for line in self.run_daemon("json"):
            entry = json.loads(line)
            self.assertLessEqual({"ts", "level", "msg"}, set(entry))

    def test_logfmt_lines(self):
        for line in self.run_daemon("logfmt"):
            self.assertRegex(line, r"^ts=\S+ level=\w+ msg=")


if __name__ == "__main__":
    unittest.main()
