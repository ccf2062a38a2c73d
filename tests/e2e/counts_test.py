# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""Counts are true: against the target's own runtime.NumGoroutine and its own
books, in quiet and in a storm of births, attached early or late."""

import datetime
import unittest

from harness import GO_VERSIONS, TestCase, raw_goid, user_tasks, wait_for

KINDS = ("chan-send chan-receive select mutex rwmutex-read rwmutex-write "
         "waitgroup cond context peer nil-chan").split()


# Goroutines that have signed out of the target's books and not yet returned.
LEAVING = 2


def unix_ns(text):
    """Nanoseconds of "2026-01-02T03:04:05.678Z"."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(when.timestamp() * 1e9)


class QuietCounts(TestCase):
    """Nothing moves: the error is 0."""

    def test_equal_to_the_runtimes_own(self):
        for version in GO_VERSIONS:
            with self.subTest(version):
                shop = self.shop({k: 5 for k in KINDS}, toolchain=version)
                truth = shop.counts()
                counts = self.snapshot_once(shop.pid)["counts"]
                self.assertEqual(counts["tasks"], truth["num_goroutine"])
                self.assert_counts_fit(counts)
                self.assertEqual(counts["uncertainty"], 0)
                shop.stop()

    def test_created_and_finished_grow_as_the_books_do(self):
        births = self.target("births", "-rate", "0")
        for rate in (0, 20_000, 500):
            first, shown = births.ask(), self.snapshot_once(births.pid)
            births.ask(f"rate {rate}")
            wait_for("births", lambda: not rate or births.ask("counts")[
                "created"] > first["created"] + rate)
            last = births.ask("rate 0")
            again = self.snapshot_once(births.pid)
            for name, book in (("created", "created"), ("finished", "ended")):
                self.assertEqual(
                    again["counts"][name] - shown["counts"][name],
                    last[book] - first[book], name)
            self.assertEqual(again["counts"]["tasks"], last["num_goroutine"])

    def test_recovers_when_leaks_end(self):
        shop = self.shop({k: 20 for k in KINDS if k != "nil-chan"})
        daemon = self.daemon("--pid", shop.pid, "--interval", "200ms")
        leaking = daemon.next_snapshot()["counts"]
        self.assertEqual(leaking["tasks"], shop.counts()["num_goroutine"])
        shop.get("/release")
        truth = wait_for("release", lambda: not shop.get("/truth")["leaked"]
                         and shop.counts())
        healed = daemon.next_snapshot()["counts"]
        self.assertEqual(healed["tasks"], truth["num_goroutine"])
        self.assertLess(healed["tasks"], leaking["tasks"] - 190)
        self.assert_counts_fit(healed)


class LateAttach(TestCase):
    """10,000 goroutines were there first: each is listed as it is."""

    def test_every_goroutine_as_the_target_knows_it(self):
        for version in GO_VERSIONS:
            with self.subTest(version):
                self.check(version)

    def check(self, version):
        leak = {k: 970 for k in KINDS} | {"peer": 300}
        shop = self.shop(leak, toolchain=version)
        truth = shop.truth()
        self.assertGreaterEqual(sum(truth["leaked"].values()), 10_000)
        snapshot = self.snapshot_once(shop.pid)
        tasks = {raw_goid(t): t for t in user_tasks(snapshot)}
        wrong = []
        for known in truth["tasks"]:
            shown = tasks.get(known["goid"])
            wrong += self.differences(known, shown) if shown else [
                f"go/{known['goid']} ({known['kind']}) is missing"]
        self.assertEqual(wrong[:10], [], f"{len(wrong)} differences")
        self.assertEqual(len(tasks), snapshot["counts"]["tasks"])
        shop.stop()

    def differences(self, known, shown):
        """Texts: where a listed task is not what the target says of it."""
        name = f"go/{known['goid']} ({known['kind']}): "
        wrong = []

        def same(what, want, got):
            if want != got:
                wrong.append(f"{name}{what} is {got}, should be {want}")
        same("state", "blocked", shown["state"])
        same("wait reason", known["wait_reason"], shown["wait_reason"])
        for place in ("function", "file", "line"):
            same("created_by " + place, known["created_by"][place],
                 (shown["created_by"] or {}).get(place))
        own = [f for f in shown["stack"] if f["function"].startswith("main.")]
        for place in ("function", "file", "line"):
            same("blocked at " + place, known["blocked_at"][place],
                 own[0][place] if own else None)
        if not self.object_fits(known, shown["waits_on"]):
            wrong.append(f"{name}waits on {shown['waits_on']}, should be "
                         f"{known.get('object', known.get('fd'))}")
        return wrong

    @staticmethod
    def object_fits(known, waits_on):
        """The runtime may name an address inside of the object."""
        if "fd" in known:
            return [f"fd/{known['fd']}"] == waits_on
        if "object" not in known:  # a nil channel has no address
            return True
        begin = int(known["object"], 16)
        end = begin + known["object_size"]
        return any(begin <= int(o.split("/")[1], 16) < end for o in waits_on)


class Births(TestCase):
    """50,000 births a second: within the published uncertainty, always."""

    def storm(self, rounds, *options):
        births = self.target("births", "-rate", "50000")
        daemon = self.daemon("--pid", births.pid, "--interval", "100ms",
                             *options)
        epoch, worst = 0, 0
        for _ in range(rounds):
            shown = daemon.next_snapshot(epoch)
            epoch, counts = shown["epoch"], shown["counts"]
            self.assert_counts_fit(counts)
            begin = unix_ns(shown["taken_at"])  # to the millisecond
            end = begin + 1_000_000 + int(shown["duration_seconds"] * 1e9)
            true = births.ask(f"range {begin} {end}")
            off = max(true["least"] - counts["tasks"],
                      counts["tasks"] - true["most"], 0)
            worst = max(worst, off)
            self.assertLessEqual(off, counts["uncertainty"] + LEAVING,
                                 f"{counts} but true {true}")
        quiet = births.ask("rate 0")
        after = daemon.next_snapshot()["counts"]
        self.assertEqual(after["tasks"], quiet["num_goroutine"])
        self.assert_counts_fit(after)
        return worst

    def test_with_probes(self):
        self.storm(25)

    def test_on_state_alone(self):
        self.storm(25, "--no-probes")

    def test_with_a_budget_that_lets_probes_stay(self):
        self.storm(15, "--overhead-budget", "1")


class ProbesComeAndGo(TestCase):
    """The governor detaches what costs too much; no count notices."""

    def test_counts_fit_at_every_epoch(self):
        births = self.target("births", "-rate", "50000")
        births.ask("rate 0")
        daemon = self.daemon("--pid", births.pid, "--interval", "100ms",
                             "--overhead-budget", "0.5%")
        epoch, states = 0, set()
        for turn in range(30):
            if turn % 10 == 5:
                births.ask("rate 0" if turn % 20 == 15 else "rate 50000")
            shown = daemon.next_snapshot(epoch)
            epoch = shown["epoch"]
            self.assert_counts_fit(shown["counts"])
            states.add(tuple(sorted(
                (name, "attached" in str(state).split(":")[0])
                for name, state in shown["coverage"]["probes"].items())))
        self.assertGreater(len(states), 1, "no probe was ever detached")


if __name__ == "__main__":
    unittest.main()
