# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the daemon and answers queries about its target."""

import shutil
import socket
import unittest
import urllib.parse

from harness import Process, TestCase, fetch, wait_for

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: taskleak
    static_configs: [{{targets: ['{target}']}}]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scrape(TestCase):
    def prometheus(self, daemon):
        """URL of a Prometheus that scrapes it, with nothing of the system's
        own configuration or data."""
        if not shutil.which("prometheus"):
            self.skipTest("prometheus is not installed: scripts/setup --test")
        home, port = self.scratch(), free_port()
        (home / "prometheus.yml").write_text(
            CONFIG.format(target=daemon.url.removeprefix("http://")))
        self.start(Process, [
            "prometheus", f"--config.file={home}/prometheus.yml",
            f"--storage.tsdb.path={home}/data",
            f"--web.listen-address=127.0.0.1:{port}"])
        return f"http://127.0.0.1:{port}"

    def query(self, server, text):
        """The value of a query's first series; None without one."""
        try:
            answer = fetch(f"{server}/api/v1/query?query=" +
                           urllib.parse.quote(text)).json()
        except (OSError, ValueError):
            return None  # not up yet
        series = answer.get("data", {}).get("result", [])
        return float(series[0]["value"][1]) if series else None

    def test_query_returns_the_leaked_count(self):
        shop = self.shop({"chan-send": 30, "mutex": 12})
        daemon = self.daemon("--pid", shop.pid, "--interval", "500ms",
                             "--suspect-after", "1s")
        server = self.prometheus(daemon)
        wait_for("scrape", lambda: self.query(
            server, 'up{job="taskleak"}') == 1, 60, 0.5)
        steady = len([t for t in shop.truth()["tasks"]
                      if t["role"] == "steady"])

        def leaked():
            value = self.query(
                server, 'sum(taskleak_leaked_tasks{verdict=~"suspect|'
                'probable|proven"})') or 0
            return 42 <= value <= 42 + steady + 5
        wait_for("the leaked count", leaked, 60, 0.5)
        self.assertEqual(self.query(
            server, "sum(taskleak_tasks_created_total) - "
            "sum(taskleak_tasks_finished_total) - sum(taskleak_tasks)"), 0)
        self.assertEqual(self.query(
            server, 'sum(taskleak_site_tasks{created_at=~".*leakQuotes.*"})'),
            30)


if __name__ == "__main__":
    unittest.main()
