// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Resolves, checks and binds the listen address; see serve/listen.h.
#include "serve/listen.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <memory>

namespace taskleak {
namespace {

constexpr int kBacklogConnections = 128;

using AddressList = std::unique_ptr<addrinfo, Call<freeaddrinfo>>;

std::unexpected<Error> not_an_address(const std::string& text) {
  return fail(Errc::kUsage,
              fmt::format("--web.listen-address {:?}: expected HOST:PORT, "
                          "[V6]:PORT or :PORT, such as 127.0.0.1:10190",
                          text));
}

std::string shown(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.host, address.port)
            : fmt::format("{}:{}", address.host, address.port);
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/// "localhost" is 127.0.0.1 first, where people and scrapers look for it; no
/// host at all is every address of both families where the kernel has both.
Result<AddressList> resolve(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_family = address.host == "localhost" ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const std::string port = std::to_string(address.port);
  addrinfo* found = nullptr;
  const int status =
      getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                  port.c_str(), &hints, &found);
  if (status != 0)
    return fail(Errc::kUsage,
                fmt::format("--web.listen-address {}: {}", shown(address),
                            gai_strerror(status)));
  return AddressList(found);
}

/// The entry to bind: with no host, IPv6's any-address takes IPv4 clients too.
const addrinfo* preferred(const addrinfo* list, bool any) {
  if (!any) return list;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next)
    if (at->ai_family == AF_INET6) return at;
  return list;
}

std::unexpected<Error> bind_failed(const ListenAddress& address, int error) {
  if (error == EADDRINUSE)
    return fail_os(
        fmt::format("cannot listen on {}: another program does, perhaps "
                    "another task-leakd (`ss -ltnp sport = :{}` names it); "
                    "stop it or choose another --web.listen-address",
                    shown(address), address.port),
        error);
  return fail_os(fmt::format("cannot listen on {}; choose another "
                             "--web.listen-address",
                             shown(address)),
                 error);
}

Result<Fd> bound_socket(const addrinfo& at, const ListenAddress& address) {
  Fd fd(::socket(at.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return bind_failed(address, errno);
  const int on = 1;
  const int off = 0;
  // A restart must not wait for the old connections' TIME_WAIT to pass.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.ai_family == AF_INET6 && address.host.empty())
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd.get(), at.ai_addr, at.ai_addrlen) != 0 ||
      ::listen(fd.get(), kBacklogConnections) != 0)
    return bind_failed(address, errno);
  return fd;
}

std::uint16_t port_of(const Fd& fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  auto* address = reinterpret_cast<sockaddr*>(&bound);
  if (getsockname(fd.get(), address, &size) != 0) return 0;
  // sin_port and sin6_port lie at the same offset.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return not_an_address(text);
  ListenAddress address{.host = text.substr(0, colon)};
  const char* first = text.data() + colon + 1;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, address.port);
  if (error != std::errc() || end != last) return not_an_address(text);
  std::string& host = address.host;
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find_first_of(":[]/ ") != std::string::npos)
    return not_an_address(text);
  return address;
}

Result<ListenSocket> listen_on(const ListenAddress& address,
                               bool allow_remote) {
  TRY(const AddressList list, resolve(address));
  const addrinfo* at = preferred(list.get(), address.host.empty());
  ListenSocket result;
  result.host = address.host;
  result.loopback = is_loopback(at->ai_addr);
  if (!result.loopback && !allow_remote)
    return fail(Errc::kUsage,
                fmt::format("--web.listen-address {} can be reached from "
                            "other machines, and the server has neither TLS "
                            "nor authentication yet: listen on 127.0.0.1, or "
                            "add --web.allow-remote if the network is trusted",
                            shown(address)));
  TRY(result.fd, bound_socket(*at, address));
  result.port = port_of(result.fd);
  return result;
}

Result<ListenSocket> listen_at(const std::string& text, bool allow_remote) {
  TRY(const ListenAddress address, parse_listen_address(text));
  return listen_on(address, allow_remote);
}

}  // namespace taskleak
