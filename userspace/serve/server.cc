// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The HTTP server: libmicrohttpd does sockets, parsing and limits, this file
// decides what a request gets. In: routes. Out: their responses with the
// headers every response carries. libmicrohttpd calls in from its own
// threads; what they share (routes, listen host) is never changed after start.
#include "serve/server.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <limits>
#include <optional>

#include "serve/listen.h"
#include "serve/negotiate.h"

namespace taskleak {
namespace {

/// A long answer to one client must not hold up the scrape of another.
constexpr unsigned kThreads = 2;
/// Below it the gzip header and the work cost more than they save.
constexpr std::size_t kGzipFromBytes = 1024;
/// Health checks and scrapes: always answered, whatever others have not read.
constexpr std::size_t kSmallBytes = 256 * 1024;
/// zlib counts in 32 bits; beyond that the body goes out as it is.
constexpr std::size_t kGzipUpToBytes = std::numeric_limits<unsigned>::max();

/// The page carries its style inline and no script at all; whatever a hostile
/// function name might smuggle in does not run.
constexpr const char* kContentPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

using DaemonPtr = std::unique_ptr<MHD_Daemon, Call<MHD_stop_daemon>>;
using ResponsePtr = std::unique_ptr<MHD_Response, Call<MHD_destroy_response>>;

std::string header(MHD_Connection* connection, const char* name) {
  const char* value =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

HttpResponse plain(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

MHD_Result collect_header(void* into, MHD_ValueKind, const char* key,
                          const char* value) {
  std::string name = key;
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  auto& values = *static_cast<std::map<std::string, std::string>*>(into);
  std::string& all = values[name];
  // Repeated headers are one list (RFC 9110, 5.3).
  if (!all.empty()) all += ", ";
  all += value == nullptr ? "" : value;
  return MHD_YES;
}

MHD_Result collect_argument(void* into, MHD_ValueKind, const char* key,
                            const char* value) {
  auto& values = *static_cast<std::map<std::string, std::string>*>(into);
  values[key] = value == nullptr ? "" : value;
  return MHD_YES;
}

HttpRequest request_of(MHD_Connection* connection, const char* path) {
  HttpRequest request;
  request.path = path;
  MHD_get_connection_values(connection, MHD_HEADER_KIND, collect_header,
                            &request.headers);
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, collect_argument,
                            &request.query);
  return request;
}

bool has_body(MHD_Connection* connection) {
  const std::string length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return (!length.empty() && length != "0") ||
         !header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
}

/// Compresses the body where the client takes it and it pays, and says that
/// the answer depends on that.
void encode(HttpResponse& response, const std::string& accept_encoding) {
  std::string& vary = response.headers[MHD_HTTP_HEADER_VARY];
  vary += vary.empty() ? "Accept-Encoding" : ", Accept-Encoding";
  const std::size_t size = response.body.size();
  if (response.headers.contains(MHD_HTTP_HEADER_CONTENT_ENCODING)) return;
  if (size <= kGzipFromBytes || size > kGzipUpToBytes) return;
  if (!accepts_gzip(accept_encoding)) return;
  std::string small = gzipped(response.body);
  if (small.empty() || small.size() >= size) return;
  response.body = std::move(small);
  response.headers[MHD_HTTP_HEADER_CONTENT_ENCODING] = "gzip";
}

HttpResponse busy() {
  HttpResponse response =
      plain(MHD_HTTP_SERVICE_UNAVAILABLE,
            "Other clients have yet to read their answers; try again.\n");
  response.headers[MHD_HTTP_HEADER_RETRY_AFTER] = "1";
  return response;
}

/// A body on its way to a client, counted until libmicrohttpd lets go of it.
struct Unread {
  Unread(std::string body, std::atomic<std::size_t>& total)
      : body(std::move(body)), total(total) {
    total += this->body.size();
  }
  ~Unread() { total -= body.size(); }
  Unread(const Unread&) = delete;
  Unread& operator=(const Unread&) = delete;

  std::string body;
  std::atomic<std::size_t>& total;
};

ResponsePtr to_wire(HttpResponse response,
                    std::atomic<std::size_t>& unread_total) {
  auto unread =
      std::make_unique<Unread>(std::move(response.body), unread_total);
  ResponsePtr wire(MHD_create_response_from_buffer_with_free_callback_cls(
      unread->body.size(), unread->body.data(),
      [](void* owned) { delete static_cast<Unread*>(owned); }, unread.get()));
  if (!wire) return nullptr;
  // From here on libmicrohttpd frees it, once the last byte is sent.
  [[maybe_unused]] const Unread* given = unread.release();
  response.headers.try_emplace(MHD_HTTP_HEADER_CONTENT_TYPE,
                               response.content_type);
  response.headers.try_emplace(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  response.headers.try_emplace("X-Content-Type-Options", "nosniff");
  response.headers.try_emplace("Content-Security-Policy", kContentPolicy);
  response.headers.try_emplace("Referrer-Policy", "no-referrer");
  response.headers.try_emplace("Cross-Origin-Resource-Policy", "same-origin");
  for (const auto& [name, value] : response.headers)
    MHD_add_response_header(wire.get(), name.c_str(), value.c_str());
  return wire;
}

}  // namespace

struct Server::Impl {
  std::map<std::string, HttpHandler> routes;
  std::string listen_host;
  bool loopback = false;
  std::uint16_t port = 0;
  std::size_t unread_limit = 0;
  std::atomic<std::size_t> unread_bytes = 0;
  // Last, so that its threads end before what they read is destroyed.
  DaemonPtr daemon;

  std::optional<HttpResponse> refusal(MHD_Connection* connection,
                                      std::string_view method) const;
  HttpResponse answer(MHD_Connection* connection, const char* path) const;
  bool too_much(const HttpResponse& response) const {
    return response.body.size() > kSmallBytes && unread_bytes > unread_limit;
  }
  bool start_daemon(ListenSocket listening, const ServerLimits& limits);
  static MHD_Result on_request(void* self, MHD_Connection* connection,
                               const char* path, const char* method,
                               const char* version, const char* upload,
                               size_t* upload_size, void** seen);
};

/// What is refused by its method and headers alone, whatever the path.
std::optional<HttpResponse> Server::Impl::refusal(
    MHD_Connection* connection, std::string_view method) const {
  if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
    HttpResponse refused =
        plain(MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are served.\n");
    refused.headers[MHD_HTTP_HEADER_ALLOW] = "GET, HEAD";
    return refused;
  }
  const std::string host = header(connection, MHD_HTTP_HEADER_HOST);
  if (loopback && !host.empty() && !host_allowed(host, listen_host))
    return plain(MHD_HTTP_MISDIRECTED_REQUEST,
                 "This server listens on loopback and answers to localhost, "
                 "127.0.0.1 and [::1] only.\n");
  if (has_body(connection))
    return plain(MHD_HTTP_CONTENT_TOO_LARGE, "A request takes no body.\n");
  return std::nullopt;
}

HttpResponse Server::Impl::answer(MHD_Connection* connection,
                                  const char* path) const {
  const auto route = routes.find(path);
  if (route != routes.end()) return route->second(request_of(connection, path));
  std::string text = "There is nothing here. What there is:\n";
  for (const auto& [known, handler] : routes) text += "  " + known + "\n";
  return plain(MHD_HTTP_NOT_FOUND, std::move(text));
}

/// Called once with the headers and, unless answered then, once more with the
/// whole request. Refused on the first call, so that no body is ever read (it
/// costs the client its connection); answered on the second, which keeps it.
MHD_Result Server::Impl::on_request(void* self, MHD_Connection* connection,
                                    const char* path, const char* method,
                                    const char* /*version*/,
                                    const char* /*upload*/,
                                    size_t* /*upload_size*/, void** seen) {
  auto& impl = *static_cast<Impl*>(self);
  std::optional<HttpResponse> response;
  if (*seen == nullptr) {
    *seen = self;
    response = impl.refusal(connection, method);
    if (!response) return MHD_YES;
  } else {
    response = impl.answer(connection, path);
  }
  encode(*response, header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
  if (impl.too_much(*response)) response = busy();
  const auto status = static_cast<unsigned>(response->status);
  const ResponsePtr wire = to_wire(*std::move(response), impl.unread_bytes);
  if (!wire) return MHD_NO;
  return MHD_queue_response(connection, status, wire.get());
}

bool Server::Impl::start_daemon(ListenSocket listening,
                                const ServerLimits& limits) {
  loopback = listening.loopback;
  port = listening.port;
  unread_limit = limits.unread_bytes;
  const unsigned threads = std::clamp(limits.connections, 1U, kThreads);
  // libmicrohttpd owns the socket from here on. When it cannot start, some of
  // its versions have closed it and some not: a leak then, never a second
  // close of a number that may be someone else's by now.
  const int socket = listening.fd.release();
  daemon.reset(MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, on_request, this,
      MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE,
      threads > 1 ? threads : 0U, MHD_OPTION_CONNECTION_LIMIT,
      limits.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      limits.connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
      limits.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      limits.header_bytes, MHD_OPTION_END));
  return daemon != nullptr;
}

Server::Server() : impl_(std::make_unique<Impl>()) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

std::uint16_t Server::port() const { return impl_->port; }

Result<Server> Server::start(const std::string& listen, bool allow_remote,
                             std::map<std::string, HttpHandler> routes,
                             const ServerLimits& limits) {
  TRY(ListenSocket socket, listen_at(listen, allow_remote));
  return start(std::move(socket), std::move(routes), limits);
}

Result<Server> Server::start(ListenSocket socket,
                             std::map<std::string, HttpHandler> routes,
                             const ServerLimits& limits) {
  Server server;
  server.impl_->routes = std::move(routes);
  server.impl_->listen_host = std::move(socket.host);
  const std::uint16_t port = socket.port;
  if (!server.impl_->start_daemon(std::move(socket), limits))
    return fail(Errc::kOs,
                "cannot start the HTTP server on port " + std::to_string(port));
  return server;
}

}  // namespace taskleak
