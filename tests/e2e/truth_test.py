#!/usr/bin/env python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""The comparison of the matrix itself: a true snapshot has no mismatch, and
each single fact that is wrong is one."""

import copy
import unittest

import matrix
import truth

SHORT = """goroutine 1 [running]:
main.main()
\t/app/main.go:9 +0x1

goroutine 7 [chan receive, 2 minutes] {"request": "17"}:
main.worker(...)
\t/app/main.go:30
created by main.main in goroutine 1
\t/app/main.go:12 +0x1a
"""
FULL = """SIGQUIT: quit

goroutine 0 gp=0x1 m=0 mp=0x2 [idle]:
runtime.futex()
\t/go/src/runtime/sys_linux_amd64.s:557 +0x21 fp=0x1 sp=0x2 pc=0x3

goroutine 1 gp=0x3 m=4 mp=0x5 [syscall]:
syscall.read(0x0)
\t/go/src/syscall/zsyscall.go:736 +0x38 fp=0x1 sp=0x2 pc=0x3
main.main()
\t/app/main.go:40 +0x2 fp=0x1 sp=0x2 pc=0x3

goroutine 2 gp=0x6 m=nil [force gc (idle)]:
runtime.gopark(0x0?)
\t/go/src/runtime/proc.go:462 +0xce fp=0x1 sp=0x2 pc=0x3
runtime.forcegchelper()
\t/go/src/runtime/proc.go:375 +0xb3 fp=0x1 sp=0x2 pc=0x3
runtime.goexit({})
\t/go/src/runtime/asm_amd64.s:1771 +0x1 fp=0x1 sp=0x2 pc=0x3
created by runtime.init.7 in goroutine 1
\t/go/src/runtime/proc.go:363 +0x1a

goroutine 7 gp=0x7 m=nil [chan receive, 2 minutes]:
runtime.gopark(0x0?)
\t/go/src/runtime/proc.go:462 +0xce fp=0x1 sp=0x2 pc=0x3
main.worker(...)
\t/app/main.go:30
main.main.gowrap1()
\t/app/main.go:12 +0x1 fp=0x1 sp=0x2 pc=0x3
runtime.goexit({})
\t/go/src/runtime/asm_amd64.s:1771 +0x1 fp=0x1 sp=0x2 pc=0x3
created by main.main in goroutine 1
\t/app/main.go:12 +0x1a

rax    0x0
"""
ANSWER = {"num_goroutine": 2, "stacks": SHORT, "waits": {
    "7": {"name": "receive", "objects": ["chan/0xc1"], "ends_in_ms": 0,
          "since_unix_ns": 0, "labels": {"request": "17"}}}}


def frame(function, file, line):
    return {"function": function, "file": file, "line": line}


PARK = frame("runtime.gopark", "/go/src/runtime/proc.go", 462)
TASKS = {
    1: {"state": "syscall", "system": False, "parent": 0, "waits_on": [],
        "stack": [frame("syscall.read", "/go/src/syscall/zsyscall.go", 736),
                  frame("main.main", "/app/main.go", 40)]},
    2: {"state": "blocked", "system": True, "reason": "force gc (idle)",
        "parent": 1, "waits_on": [],
        "created_at": frame("runtime.init.7", "/go/src/runtime/proc.go", 363),
        "stack": [PARK, frame("runtime.forcegchelper",
                              "/go/src/runtime/proc.go", 375)]},
    7: {"state": "blocked", "system": False, "reason": "chan receive",
        "parent": 1, "waits_on": ["chan/0xc1"], "deadline_ns": 0,
        "labels": {"request": "17"},
        "created_at": frame("main.main", "/app/main.go", 12),
        "stack": [PARK, frame("main.worker", "/app/main.go", 30)]},
}


class Comparing(unittest.TestCase):

    def mismatches(self, change=lambda tasks: None):
        tasks = copy.deepcopy(TASKS)
        change(tasks)
        result = truth.Comparison(matrix.Cell("1.26.8", "plain"))
        result.with_everything("test", tasks, ANSWER, FULL, times=True)
        return result.mismatches

    def test_what_is_true_has_no_mismatch(self):
        self.assertEqual(self.mismatches(), [])

    def test_each_wrong_fact_is_a_mismatch(self):
        wrong = {
            "a task is missing": lambda t: t.pop(7),
            "a task of the runtime is missing": lambda t: t.pop(2),
            "one too many": lambda t: t.update({9: copy.deepcopy(t[7])}),
            "system": lambda t: t[2].update(system=False),
            "state": lambda t: t[1].update(state="runnable"),
            "reason": lambda t: t[7].update(reason="chan send"),
            "reason of the runtime's": lambda t: t[2].update(reason="select"),
            "object": lambda t: t[7].update(waits_on=["chan/0xc2"]),
            "no object": lambda t: t[7].update(waits_on=[]),
            "parent": lambda t: t[7].update(parent=2),
            "created at": lambda t: t[7]["created_at"].update(line=13),
            "not created": lambda t: t[7].pop("created_at"),
            "function": lambda t: t[7]["stack"][1].update(function="main.w"),
            "line": lambda t: t[2]["stack"][1].update(line=1),
            "a frame less": lambda t: t[2]["stack"].pop(),
            "a frame more": lambda t: t[7]["stack"].append(PARK),
            "labels": lambda t: t[7].update(labels={}),
            "deadline": lambda t: t[7].update(deadline_ns=5),
        }
        for name, change in wrong.items():
            with self.subTest(name):
                self.assertNotEqual(self.mismatches(change), [])


if __name__ == "__main__":
    unittest.main()
