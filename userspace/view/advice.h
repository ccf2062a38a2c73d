// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What to look at next: one sentence that follows from what a site waits for.
// It names places and questions, never a cause that has not been seen.
#pragma once

#include <string>

#include "view/site_objects.h"

namespace taskleak {

/// Function without the directories of its package: "api.(*Server).quote".
std::string short_function(std::string_view function);
/// "api/quote.go:57", or the function where no file is known; "" for none.
std::string place_text(const SnapshotTables& tables, FrameId id);
/// What an object is, in words: "unbuffered", "capacity 4, 4 buffered",
/// "closed"; "" when nothing is known.
std::string object_facts(const WaitObject& object);
/// The sentence for a site that leaks; not yet made printable.
std::string advice_for(const Snapshot& snapshot, const Site& site,
                       const SiteObjects& objects);

}  // namespace taskleak
