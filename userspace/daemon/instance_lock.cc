// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Binds an abstract Unix socket named after the target's pid and start time;
// who holds it is asked of the kernel by connecting (SO_PEERCRED).
#include "daemon/instance_lock.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>

namespace taskleak {
namespace {

struct AbstractAddress {
  sockaddr_un value{};
  socklen_t length = 0;
};

AbstractAddress lock_address(const ProcessIdentity& identity) {
  const std::string name =
      fmt::format("task-leakd/{}/{}", identity.pid, identity.start_ticks);
  AbstractAddress address;
  address.value.sun_family = AF_UNIX;
  // sun_path[0] stays 0: an abstract name.
  std::ranges::copy(name, address.value.sun_path + 1);
  address.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Fd unix_socket() {
  return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// The pid that listens there, 0 when it cannot be told.
pid_t holder(const AbstractAddress& address) {
  const Fd socket = unix_socket();
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.value),
                address.length) != 0)
    return 0;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return 0;
  return peer.pid;
}

}  // namespace

Result<Fd> lock_target(const ProcessIdentity& identity) {
  const AbstractAddress address = lock_address(identity);
  Fd socket = unix_socket();
  if (!socket.valid()) return fail_os("creating the lock socket", errno);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.value),
             address.length) != 0) {
    if (errno != EADDRINUSE) return fail_os("locking the target", errno);
    return fail(Errc::kLimit,
                fmt::format("pid {} is already watched by another task-leakd "
                            "(pid {}): use its /metrics, ask once with --once, "
                            "or stop it first",
                            identity.pid, holder(address)));
  }
  if (::listen(socket.get(), 1) != 0)
    return fail_os("listening on the lock socket", errno);
  return socket;
}

}  // namespace taskleak
