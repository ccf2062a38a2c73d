// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Renders and writes one log line; see base/log.h.
#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/clock.h"

namespace taskleak {
namespace {

LogLevel g_level = LogLevel::kInfo;
LogFormat g_format = LogFormat::kLogfmt;

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info",
                                                         "warn", "error"};

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out += '"';
}

std::string logfmt_value(std::string_view text) {
  constexpr std::string_view kNeedsQuotes = " =\"\\\t\n\r";
  const bool plain = !text.empty() &&
                     text.find_first_of(kNeedsQuotes) == std::string_view::npos;
  return plain ? std::string(text) : json_quoted(text);
}

}  // namespace

void set_log(LogLevel level, LogFormat format) {
  g_level = level;
  g_format = format;
}

void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (level < g_level) return;
  const std::string now = rfc3339(monotonic_now_ns() + wall_offset_ns());
  const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
  const bool json = g_format == LogFormat::kJson;
  std::string line = json ? fmt::format(R"({{"ts":"{}","level":"{}","msg":{})",
                                        now, name, json_quoted(message))
                          : fmt::format("ts={} level={} msg={}", now, name,
                                        logfmt_value(message));
  for (const auto& [key, value] : fields)
    line += json ? fmt::format(R"(,"{}":{})", key, json_quoted(value))
                 : fmt::format(" {}={}", key, logfmt_value(value));
  line += json ? "}\n" : "\n";
  // A log that cannot be written has nowhere to complain.
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace taskleak
