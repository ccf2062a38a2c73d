// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// From what the user wrote after --web.listen-address to a socket that
// listens. The page shows what a service does, so that only loopback is
// listened on unless a flag says otherwise; every refusal names the flag.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace taskleak {

struct ListenAddress {
  std::string host;  ///< without brackets; empty = every address
  std::uint16_t port = 0;
};

/// Parses "host:port", "[v6]:port" or ":port". kUsage, naming the flag, for
/// anything else.
Result<ListenAddress> parse_listen_address(const std::string& text);

struct ListenSocket {
  std::string host;  ///< as asked for
  Fd fd;
  std::uint16_t port = 0;  ///< the one chosen when 0 was asked for
  bool loopback = false;
};

/// Binds and listens, not blocking. kUsage: the host has no address, or is not
/// loopback and `allow_remote` is false; kDenied: a port that needs a right;
/// kOs: taken (EADDRINUSE), or another failure of the system.
Result<ListenSocket> listen_on(const ListenAddress& address, bool allow_remote);
/// The same for what the user wrote.
Result<ListenSocket> listen_at(const std::string& text, bool allow_remote);

}  // namespace taskleak
