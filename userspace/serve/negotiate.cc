// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Header rules and compression; see serve/negotiate.h.
#include "serve/negotiate.h"

#include <arpa/inet.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "base/header.h"

namespace taskleak {
namespace {

/// Level 1 of 9: a snapshot of 100,000 tasks is 80 MB of repetitive text, and
/// the scrape waits for it.
constexpr int kGzipLevel = 1;
constexpr int kGzipWindow = 15 + 16;  ///< zlib's way to say "gzip wrapper"
constexpr int kGzipMemory = 8;        ///< zlib's default

/// The value of "q=", 1 without one.
double quality(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = next_part(parameters, ';');
    if (parameter.starts_with("q=") || parameter.starts_with("Q="))
      return std::strtod(std::string(parameter.substr(2)).c_str(), nullptr);
  }
  return 1;
}

/// Host without its port and brackets.
std::string_view host_part(std::string_view header) {
  header = trimmed(header);
  if (header.starts_with('[')) {
    const std::size_t end = header.find(']');
    return end == std::string_view::npos ? "" : header.substr(1, end - 1);
  }
  return header.substr(0, header.find(':'));
}

bool is_loopback_literal(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1)
    return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

bool host_allowed(std::string_view host_header, std::string_view listen_host) {
  std::string_view host = host_part(host_header);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty()) return false;
  return same_word(host, "localhost") || same_word(host, listen_host) ||
         is_loopback_literal(std::string(host));
}

bool accepts_gzip(std::string_view accept_encoding) {
  double any = 0;
  while (!accept_encoding.empty()) {
    std::string_view entry = next_part(accept_encoding, ',');
    const std::string_view coding = next_part(entry, ';');
    if (same_word(coding, "gzip") || same_word(coding, "x-gzip"))
      return quality(entry) > 0;
    if (coding == "*") any = quality(entry);
  }
  return any > 0;
}

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, kGzipMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  // zlib never writes through next_in; its type is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

}  // namespace taskleak
