#!/usr/bin/env python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#
# Can the check of BPF stack fail? Compiles programs that use just enough and
# just too much, and asks it.   check_bpf_stack_test.py CLANG LLVM_OBJDUMP SCRIPT
import pathlib
import subprocess
import sys
import tempfile
import unittest

CLANG, OBJDUMP, SCRIPT = (sys.argv.pop(1) for _ in range(3))

DIRECT = """
int f(void *p) {{
    volatile unsigned long long words[{words}];
    for (int i = 0; i < {words}; i++) words[i] = (unsigned long long)p;
    return words[{words} - 1];
}}
"""
BY_POINTER = """
static long (*helper)(void *, int) = (void *)4;
int f(void *p) {{
    char bytes[{words} * 8];
    return helper(bytes, {words} * 8);
}}
"""


def check(source, words):
    """Exit status and complaint of the check for a program with so much stack."""
    with tempfile.TemporaryDirectory() as folder:
        obj = pathlib.Path(folder, "f.o")
        subprocess.run([CLANG, "-target", "bpf", "-O2", "-x", "c", "-c", "-", "-o", obj],
                       input=source.format(words=words), text=True, check=True)
        done = subprocess.run([sys.executable, SCRIPT, OBJDUMP, obj],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr


class CheckBpfStack(unittest.TestCase):
    def test_48_bytes_are_enough(self):
        self.assertEqual(check(DIRECT, 6)[0], 0)
        self.assertEqual(check(BY_POINTER, 6)[0], 0)

    def test_56_bytes_are_too_much_however_they_are_reached(self):
        for source in (DIRECT, BY_POINTER):
            status, complaint = check(source, 7)
            self.assertEqual(status, 1)
            self.assertIn("f uses 56 bytes of stack, limit 48", complaint)

    def test_an_object_without_functions_is_no_success(self):
        self.assertNotEqual(check("int x;", 0)[0], 0)


if __name__ == "__main__":
    unittest.main()
