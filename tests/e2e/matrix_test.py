#!/usr/bin/env python3
# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""The cells of the matrix (matrix.py), a test each: a few, or all of them with
TASKLEAK_TEST_ALL. A tool chain that cannot be had fails its cells."""

import unittest

import harness
import matrix
import truth

MOST_SHOWN = 20


class Matrix(harness.TestCase):

    def check(self, cell):
        if not truth.CENSUS_DUMP.exists():
            self.fail(f"{truth.CENSUS_DUMP} is not built: scripts/build all")
        result = matrix.check(cell)
        self.assertGreater(result.tasks, matrix.FEWEST_TASKS)
        self.assertFalse(
            result.mismatches,
            f"{len(result.mismatches)} of {result.facts} facts differ:\n" +
            "\n".join(result.mismatches[:MOST_SHOWN]))


def add_tests():
    """test_go1_26_8_pie and so on: each can be named to tests/e2e/run."""
    for cell in matrix.EVERY_CELL if harness.ALL else matrix.FEW_CELLS:
        name = f"test_{cell}".replace(".", "_").replace(" ", "_")
        setattr(Matrix, name.replace("-", "_"),
                lambda self, cell=cell: self.check(cell))


add_tests()

if __name__ == "__main__":
    unittest.main()
