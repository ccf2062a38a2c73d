// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The command line as a plain struct. Only options.cc knows the library that
// parses it; everything else sees checked values with their units.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "target/procfs.h"

namespace taskleak {

enum class OutputFormat : std::uint8_t { kText, kJson };

/// What the process ends with; the same for every command.
enum class ExitStatus : std::uint8_t {
  kDone = 0,
  kLeaksFound = 1,
  kUsage = 2,
  kTargetRefused = 3,      ///< target gone, or nothing we can read
  kMissingCapability = 4,  ///< the text names it and the command that grants it
};

/// Of `task-leakd layout`: one of the two is named.
struct LayoutOptions {
  std::string exe;
  std::int32_t pid = 0;
  ProcFs procfs;  ///< whose pid `pid` is
  OutputFormat format = OutputFormat::kText;
};

struct Options {
  /// Set: describe one executable and do nothing else.
  std::optional<LayoutOptions> layout;
  std::vector<std::int32_t> pids;
  ProcFs procfs;  ///< whose pids `pids` are
  bool once = false;
  std::int64_t for_ns = 3'000'000'000;
  OutputFormat format = OutputFormat::kText;
  std::size_t max_sites = 20;
  bool probes = true;
  std::int64_t interval_ns = 5'000'000'000;
  double overhead_budget = 0.01;  ///< of one core, for target and daemon each
  std::int64_t suspect_after_ns = 60'000'000'000;
  std::string listen = "127.0.0.1:10190";
  bool allow_remote = false;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
  KernelLimits kernel;
};

/// Options, or what to do instead: print `text` and end with `status` (help,
/// version, a mistake in the command line).
struct ParsedOptions {
  std::optional<Options> options;
  std::string text;
  ExitStatus status = ExitStatus::kDone;
};

ParsedOptions parse_options(int argc, const char* const* argv);

/// "3s", "500ms", "2m", "1h30m", "0" as nanoseconds. kUsage on anything else,
/// a negative or an overflow.
Result<std::int64_t> parse_duration(std::string_view text);
/// "1%", "0.5%" or "0.01" as a ratio of one core. kUsage outside 0..1.
Result<double> parse_ratio(std::string_view text);

}  // namespace taskleak
