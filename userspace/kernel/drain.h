// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reads the kernel's maps and clears what a target left in them. The programs
// go on counting meanwhile: a total may be newer than the one read before it,
// never wrong by more than the hits of that moment.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bpf/wire.h"
#include "kernel/object.h"
#include "model/events.h"

namespace taskleak {

/// Whose entries: a slot, and its generation in the keys.
struct MapOwner {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

/// The counters of a slot, summed over CPUs.
Result<taskleak_counters> read_counters(const LoadedObject& object,
                                        std::uint32_t slot);
Status clear_counters(const LoadedObject& object, std::uint32_t slot);

Result<std::vector<EventSite>> read_sites(const LoadedObject& object,
                                          MapOwner owner);
Result<std::vector<EventWaits>> read_waits(const LoadedObject& object,
                                           MapOwner owner);
std::optional<EventPark> read_park(const LoadedObject& object, MapOwner owner,
                                   std::uint64_t record);

/// Removes all entries of a slot, of whatever generation, that probes of this
/// class made.
Status purge(const LoadedObject& object, std::uint32_t slot,
             ProbeClass probe_class);

}  // namespace taskleak
