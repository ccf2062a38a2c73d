// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Structured log lines on stderr, logfmt or JSON, as Prometheus exporters
// write them: ts, level, msg, then key=value pairs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace taskleak {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kLogfmt, kJson };

/// Sets what is written from now on. Call once, before any thread starts.
void set_log(LogLevel level, LogFormat format);

using LogField = std::pair<std::string_view, std::string>;

/// Writes one line (a single write(2), so lines of threads never mix).
/// Values are quoted where the format needs it; nothing of the target's memory
/// may stand in them except names of functions and files.
void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace taskleak
