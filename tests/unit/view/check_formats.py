#!/usr/bin/python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Asks readers that are not ours to read what the views write.

usage: check_formats.py RENDER_SAMPLE SCHEMA

promtool lints the text format, prometheus_client's strict OpenMetrics parser
reads the other, jsonschema checks the JSON against the published schema, and
html.parser walks the page. A reader that is not installed is skipped; when any
was, the exit status is 77, which meson reports as a skip.
"""

import html.parser
import json
import shutil
import subprocess
import sys
import unittest

RENDER, SCHEMA = sys.argv[1:3]
SAMPLES = ("sample", "shop")
VOID_TAGS = {"meta", "link", "br", "hr", "img", "input"}


def render(view, sample):
    return subprocess.run(
        [RENDER, view, sample], check=True, stdout=subprocess.PIPE
    ).stdout.decode("utf-8")


class Page(html.parser.HTMLParser):
    """Collects text, links and tags; fails on tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.tags, self.attributes = [], [], set(), set()
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, "unbalanced " + tag

    def handle_data(self, data):
        self.text.append(data)


class Formats(unittest.TestCase):
    @unittest.skipUnless(shutil.which("promtool"), "no promtool")
    def test_promtool_has_nothing_to_say(self):
        for sample in SAMPLES:
            done = subprocess.run(
                ["promtool", "check", "metrics"],
                input=render("metrics", sample).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_prometheus_client_reads_open_metrics(self):
        try:
            from prometheus_client.openmetrics import parser
        except ImportError:
            self.skipTest("no prometheus_client")
        for sample in SAMPLES:
            text = render("openmetrics", sample)
            families = {
                f.name: f for f in parser.text_string_to_metric_families(text)
            }
            leaked = families["taskleak_leaked_tasks"].samples
            self.assertEqual(len(leaked), 3)
            self.assertTrue(families["taskleak_tasks_created"].samples)
            detected = families["taskleak_leaks_detected"].samples
            self.assertTrue(any(s.exemplar for s in detected))

    def test_both_formats_tell_the_same(self):
        try:
            from prometheus_client import parser
            from prometheus_client.openmetrics import parser as open_parser
        except ImportError:
            self.skipTest("no prometheus_client")
        for sample in SAMPLES:
            plain = {
                (s.name, tuple(sorted(s.labels.items()))): s.value
                for f in parser.text_string_to_metric_families(
                    render("metrics", sample)
                )
                for s in f.samples
            }
            opened = {
                (s.name, tuple(sorted(s.labels.items()))): s.value
                for f in open_parser.text_string_to_metric_families(
                    render("openmetrics", sample)
                )
                for s in f.samples
            }
            self.assertEqual(plain, opened)

    def test_json_fits_the_schema(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("no jsonschema")
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        checker = jsonschema.Draft202012Validator(schema)
        checker.check_schema(schema)
        for sample in SAMPLES:
            document = json.loads(render("json", sample))
            problems = [e.message for e in checker.iter_errors(document)]
            self.assertEqual(problems, [])
            # A schema that lets everything pass proves nothing.
            document["tasks"][0]["wait_start_source"] = "guessed"
            self.assertFalse(checker.is_valid(document))

    def test_json_edges_end_at_nodes(self):
        for sample in SAMPLES:
            document = json.loads(render("json", sample))
            nodes = {task["id"] for task in document["tasks"]}
            nodes |= {thing["id"] for thing in document["objects"]}
            for edge in document["edges"]:
                self.assertIn(edge["from"], nodes)
                self.assertIn(edge["to"], nodes)

    def test_page_is_balanced_and_runs_nothing(self):
        for sample in SAMPLES:
            page = Page()
            page.feed(render("page", sample))
            page.close()
            self.assertEqual(page.open, [])
            self.assertFalse(page.tags & {"script", "iframe", "img", "form"})
            self.assertFalse([a for a in page.attributes if a[:2] == "on"])
            self.assertTrue(
                {"/metrics", "/api/v1/snapshot", "/-/healthy"}
                <= set(page.links)
            )

    def test_page_begins_with_the_answer_of_the_text(self):
        for sample in SAMPLES:
            page = Page()
            page.feed(render("page", sample))
            answer = render("text", sample).splitlines()[0]
            self.assertIn(answer, page.text)

    def test_page_shows_names_as_they_are(self):
        page = Page()
        page.feed(render("page", "sample"))
        self.assertIn('main.(*Pool["x\\y"]).run', page.text)


if __name__ == "__main__":
    program = unittest.main(argv=sys.argv[:1], exit=False)
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if program.result.skipped else 0)
