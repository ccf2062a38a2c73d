// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a request's headers decide before any handler runs: may this Host be
// served, does the client take gzip. Pure functions over header values, which
// are a stranger's bytes.
#pragma once

#include <string>
#include <string_view>

namespace taskleak {

/// May a server on loopback answer to this Host header? Only localhost, a
/// loopback literal and `listen_host` itself pass, with any port (it may have
/// been forwarded): a name of the attacker's that resolves to 127.0.0.1 (DNS
/// rebinding) does not.
bool host_allowed(std::string_view host_header, std::string_view listen_host);

/// Does Accept-Encoding take gzip (by name or "*", q above 0)?
bool accepts_gzip(std::string_view accept_encoding);

/// `bytes` as one gzip member; empty when zlib fails (out of memory).
std::string gzipped(std::string_view bytes);

}  // namespace taskleak
