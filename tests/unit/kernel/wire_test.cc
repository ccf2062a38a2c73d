// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The layout that BPF programs and userspace must agree on, compiled by two
// compilers: sizes as literals (drain.cc proves that there is no padding).
#include "bpf/wire.h"

#include <doctest/doctest.h>

#include <cstddef>

#include "model/events.h"
#include "probes/probe_spec.h"

TEST_CASE("records have the size that the programs' maps have") {
  CHECK(sizeof(taskleak_config) == 32);
  CHECK(sizeof(taskleak_site_key) == 16);
  CHECK(sizeof(taskleak_site_counts) == 16);
  CHECK(sizeof(taskleak_park_key) == 16);
  CHECK(sizeof(taskleak_park) == 32 + TASKLEAK_G_SPAN);
  CHECK(sizeof(taskleak_wait_key) == 24);
  CHECK(sizeof(taskleak_wait_histogram) == 8 + 8 * TASKLEAK_WAIT_BUCKETS);
  CHECK(sizeof(taskleak_counters) == 8 * TASKLEAK_COUNTERS);
}

TEST_CASE("every key begins with its owner, which purging relies on") {
  CHECK(offsetof(taskleak_site_key, target) == 0);
  CHECK(offsetof(taskleak_park_key, target) == 0);
  CHECK(offsetof(taskleak_wait_key, target) == 0);
}
