// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The smallest HTTP client that can also misbehave: it sends exactly the bytes
// it is given over loopback, reads until the server closes or the answer is
// whole, and parses what came back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace taskleak {

struct Reply {
  int status = 0;  ///< 0 = the server closed without an answer
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// A connection to 127.0.0.1:port that gives up reading after 5 seconds.
Fd connect_to(std::uint16_t port);
void send_bytes(const Fd& connection, std::string_view bytes);
/// One whole answer, or what came before the server closed.
Reply read_reply(const Fd& connection, bool has_body = true);
/// Sends `raw` on a fresh connection and reads one answer.
Reply ask(std::uint16_t port, std::string_view raw, bool has_body = true);
/// A well-formed GET with `extra` header lines, each ended by \r\n.
Reply get(std::uint16_t port, const std::string& path,
          const std::string& extra = "");
std::string gunzipped(const std::string& bytes);

}  // namespace taskleak
