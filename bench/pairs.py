# Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
"""What the benches share to say something on a noisy machine: windows in ABBA
order, so that a drift falls on both sides alike, and a confidence interval by
bootstrap, so that too few or too restless windows show as a wide interval and
not as a result.
"""

import random
import statistics

LEVEL = 0.95
RESAMPLES = 4000
MEDIAN = statistics.median


def percentile_90(values):
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def interval(blocks, statistic):
    """(value, low, high) of statistic(blocks). A block is what was measured
    side by side; blocks are drawn anew with replacement, so that what happened
    to neighbours stays together."""
    draw = random.Random(1)  # the same windows give the same interval
    seen = sorted(statistic(draw.choices(blocks, k=len(blocks)))
                  for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - LEVEL) / 2)
    return statistic(blocks), seen[cut], seen[-1 - cut]


def abba(ways, turn):
    """The order of block `turn`: forward, and the next block backward."""
    return list(ways) if turn % 2 == 0 else list(reversed(ways))


def judge(low, high, goal, at_least):
    """"met", "missed", or "open" when the goal lies inside the interval."""
    if at_least:
        return "met" if low >= goal else "missed" if high < goal else "open"
    return "met" if high <= goal else "missed" if low > goal else "open"


def exit_status(verdicts):
    """1 when any goal is missed, 77 when one is open, else 0."""
    verdicts = list(verdicts)
    return 1 if "missed" in verdicts else 77 if "open" in verdicts else 0
