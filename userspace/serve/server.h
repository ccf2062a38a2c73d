// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// HTTP: sockets, routes and limits over libmicrohttpd. It has never heard of a
// leak: handlers turn a request into a response.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/listen.h"

namespace taskleak {

struct HttpRequest {
  std::string path;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::map<std::string, std::string> headers = {};
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct ServerLimits {
  unsigned connections = 128;
  unsigned connections_per_address = 64;
  unsigned idle_seconds = 30;
  std::size_t header_bytes = 32 * 1024;
  /// While clients have this much of their answers yet to read, large ones
  /// become a 503: a snapshot may be hundreds of megabytes.
  std::size_t unread_bytes = std::size_t{512} << 20;
};

/// Serves GET and HEAD until destroyed. Responses are gzipped when the client
/// accepts it and it pays. Handlers run on the server's threads.
class Server {
 public:
  /// `listen` is "host:port", "[v6]:port" or ":port". kUsage: not an address,
  /// or not loopback (until TLS and authentication exist, other addresses need
  /// `allow_remote`); kOs with EADDRINUSE in words: taken, and by whom to ask.
  static Result<Server> start(const std::string& listen, bool allow_remote,
                              std::map<std::string, HttpHandler> routes,
                              const ServerLimits& limits);
  /// The same on a socket that listens already. kOs.
  static Result<Server> start(ListenSocket socket,
                              std::map<std::string, HttpHandler> routes,
                              const ServerLimits& limits);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();
  /// The port in use: the one asked for, or the one chosen for port 0.
  std::uint16_t port() const;

 private:
  Server();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskleak
