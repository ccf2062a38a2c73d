// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The small parts of a snapshot's JSON, of which a document has few: head,
// coverage, counts, sites. Built with nlohmann-json; view/json.cc writes the
// large ones.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "verdict/judge.h"

namespace taskleak {

using Json = nlohmann::ordered_json;

/// One line; bytes that are not UTF-8 become U+FFFD.
std::string dumped(const Json& json);
/// Two spaces a level, for people. The pieces given to it are together valid
/// JSON; each but the last ends behind an element of a list.
class Indenter {
 public:
  std::string add(std::string_view piece);

 private:
  std::size_t depth_ = 0;
};

Json frame_json(const Frame& frame);
Json target_json(const TargetInfo& target);
Json coverage_json(const Coverage& coverage);
Json counts_json(const Report& report);
Json site_json(const Report& report, std::size_t index);

}  // namespace taskleak
