// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Orders and answers are packets of fixed size over a socket pair; an order to
// make a reader carries the reader's end of its own socket.
#include "reader/forker.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/privilege.h"
#include "reader/child.h"
#include "reader/reader.h"
#include "reader/sandbox.h"

namespace taskleak {
namespace {

struct Order {
  enum class What : std::uint32_t { kMake, kEnd };
  What what = What::kMake;
  pid_t pid = 0;  ///< kMake: of the target; kEnd: of the reader
  ReaderLimits limits;
};

struct Answer {
  std::int32_t error = 0;  ///< errno
  std::int32_t value = 0;  ///< the reader's pid, or its wait status
};

/// What is the same for all readers.
struct Known {
  std::span<const RuntimeKind> kinds;
  ProcFs procfs;
};

/// Room for one descriptor beside a packet.
union Control {
  cmsghdr header;
  char space[CMSG_SPACE(sizeof(int))];
};

bool send_order(int socket, const Order& order, int passed) {
  iovec part{const_cast<Order*>(&order), sizeof order};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  ssize_t sent = 0;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == sizeof order;
}

/// False when the other end is closed.
bool receive_order(int socket, Order& order, Fd& passed) {
  iovec part{&order, sizeof order};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != sizeof order) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  int number = -1;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
  passed = Fd(number);
  return true;
}

Answer make(const Order& order, Fd socket, const Known& known) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return {errno, 0};
  if (child == 0)
    run_child({parent, order.pid, order.limits, known.kinds, known.procfs},
              std::move(socket));
  return {0, child};
}

Answer end(pid_t reader) {
  int status = 0;
  const pid_t dead = waitpid(reader, &status, WNOHANG);
  if (dead == reader) return {0, status};
  if (dead < 0) return {};  // no child of ours
  kill(reader, SIGKILL);
  while (waitpid(reader, &status, 0) < 0 && errno == EINTR) {
  }
  return {0, status};
}

[[noreturn]] void serve(pid_t parent, const Fd& socket, const Known& known) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Ctrl-C and a service stop are the parent's to handle; it ends us.
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    std::signal(number, SIG_IGN);
  const Status dropped = keep_only_capabilities(kReaderCapabilities);
  Order order;
  Fd passed;
  // The parent may have died before the first line.
  while (dropped && getppid() == parent &&
         receive_order(socket.get(), order, passed)) {
    const Answer answer = order.what == Order::What::kMake
                              ? make(order, std::move(passed), known)
                              : end(order.pid);
    if (send(socket.get(), &answer, sizeof answer, MSG_NOSIGNAL) < 0) break;
  }
  _exit(0);
}

Result<Answer> ask(const Fd& socket, const Order& order, int passed) {
  Answer answer;
  if (!send_order(socket.get(), order, passed))
    return fail(Errc::kOs, "the process that makes readers has ended");
  ssize_t got = 0;
  do got = recv(socket.get(), &answer, sizeof answer, 0);
  while (got < 0 && errno == EINTR);
  if (got != sizeof answer)
    return fail(Errc::kOs, "the process that makes readers has ended");
  return answer;
}

}  // namespace

Result<std::shared_ptr<Forker>> Forker::start(
    std::span<const RuntimeKind> kinds, const ProcFs& procfs) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return fail_os("making a socket for the process that makes readers", errno);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0)
    return fail_os("starting the process that makes readers", errno);
  if (child == 0) {
    ours = Fd();
    serve(parent, theirs, {kinds, procfs});
  }
  return std::shared_ptr<Forker>(new Forker(child, std::move(ours)));
}

Forker::~Forker() {
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<pid_t> Forker::make_reader(pid_t target, const ReaderLimits& limits,
                                  const Fd& socket) {
  TRY(const Answer answer,
      ask(socket_, {Order::What::kMake, target, limits}, socket.get()));
  if (answer.error != 0) return fail_os("starting the reader", answer.error);
  return answer.value;
}

int Forker::end_reader(pid_t reader) {
  const Result<Answer> answer =
      ask(socket_, {Order::What::kEnd, reader, {}}, -1);
  return answer ? answer->value : 0;
}

}  // namespace taskleak
