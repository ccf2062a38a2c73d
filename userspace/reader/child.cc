// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Detects runtimes and takes censuses on request. Every failure of the world
// goes to the parent as an Error; the child itself goes on.
#include "reader/child.h"

#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reader/channel.h"
#include "reader/codec.h"
#include "reader/probe_check.h"
#include "reader/sandbox.h"
#include "target/elf_file.h"

namespace taskleak {
namespace {

constexpr std::size_t kMaxRequestBytes = std::size_t{1} << 20;

/// The target as detect() last found it. On the heap: runtimes keep references
/// to the process and its memory.
struct Session {
  explicit Session(Process opened)
      : process(std::move(opened)),
        memory(process.namespaced_pid().own, process.pid()) {}

  Process process;
  ProcessMemory memory;
  std::vector<std::unique_ptr<Runtime>> runtimes;
};

/// What is known of the container that the target lives in.
std::map<std::string, std::string> container_labels(const Process& process) {
  std::map<std::string, std::string> labels;
  const std::string path = process.procfs().path(process.pid(), "cgroup");
  if (const auto cgroup = read_proc_text(path))
    if (const auto id = parse_container_id(*cgroup))
      labels["container_id"] = *id;
  const NamespacedPid& pid = process.namespaced_pid();
  if (pid.nested) labels["ns_pid"] = std::to_string(pid.inner);
  return labels;
}

TargetInfo describe(const Session& session) {
  const Process& process = session.process;
  TargetInfo target;
  target.pid = process.pid();
  target.start_unix_ns = process.start_unix_ns();
  target.start_monotonic_ns = process.start_monotonic_ns();
  target.exe = process.exe_path();
  target.labels = container_labels(process);
  if (const auto elf = ElfFile::open(process.exe_fd()))
    target.build_id = elf->build_id();
  for (const auto& runtime : session.runtimes)
    target.runtimes.push_back({runtime->name(), runtime->version()});
  return target;
}

class Child {
 public:
  explicit Child(const ChildTask& task) : task_(task) {}

  /// Serves one request after another until the parent is gone.
  Status serve(const Channel& channel) {
    while (true) {
      TRY(const Envelope request,
          channel.receive(kMaxRequestBytes, kNoDeadline));
      if (request.kind == FrameKind::kDetect) {
        TRY(answer(channel, detect()));
      } else {
        if (Status walked = census(channel, request.payload); !walked)
          TRY(channel.send(FrameKind::kError, encode(walked.error()),
                           kNoDeadline));
      }
    }
  }

 private:
  static Status answer(const Channel& channel, const Result<Detection>& found) {
    if (!found)
      return channel.send(FrameKind::kError, encode(found.error()),
                          kNoDeadline);
    return channel.send(FrameKind::kDetection, encode(*found), kNoDeadline);
  }

  Result<Detection> detect() {
    session_.reset();
    TRY(Process process, Process::open(task_.target, task_.procfs));
    auto session = std::make_unique<Session>(std::move(process));
    Status refused;
    for (const RuntimeKind& kind : task_.kinds) {
      auto runtime = kind.detect(session->process, session->memory);
      if (runtime)
        session->runtimes.push_back(std::move(*runtime));
      else if (runtime.error().code() != Errc::kNotFound && refused)
        refused = std::unexpected(std::move(runtime).error());
    }
    if (session->runtimes.empty()) return nothing_found(refused, *session);
    Detection found{describe(*session), {}};
    for (const auto& runtime : session->runtimes) {
      ProbePlan& plan = found.plans.emplace_back(runtime->plan_probes());
      refuse_changed_code(session->process, session->memory, plan);
    }
    session_ = std::move(session);
    return found;
  }

  std::unexpected<Error> nothing_found(const Status& refused,
                                       const Session& session) const {
    if (!refused) return std::unexpected(refused.error());
    std::string looked_for;
    for (const RuntimeKind& kind : task_.kinds)
      looked_for += (looked_for.empty() ? "" : ", ") + std::string(kind.name);
    return fail(Errc::kNotFound,
                "process " + std::to_string(session.process.pid()) + " (" +
                    session.process.exe_path() +
                    ") has no runtime that we know; looked for: " + looked_for);
  }

  /// Sends the parts of a census as they come.
  Status census(const Channel& channel, std::span<const std::byte> payload) {
    TRY(CensusOrder order, decode_order(payload));
    if (!session_ || order.index >= session_->runtimes.size())
      return fail(Errc::kNotFound, "no such runtime was detected");
    const auto send = [&](Census part) {
      part.runtime = static_cast<std::uint8_t>(order.index);
      return channel.send(FrameKind::kCensus, encode(part), kNoDeadline);
    };
    return session_->runtimes[order.index]->take_census(
        {.full = order.full,
         .deadline_ns = order.deadline_ns,
         .name_pcs = std::move(order.name_pcs)},
        send);
  }

  ChildTask task_;
  std::unique_ptr<Session> session_;
};

}  // namespace

void run_child(const ChildTask& task, Fd socket) {
  const Status status =
      enter_sandbox(task.parent, socket.get(), task.limits.memory_bytes);
  const Channel channel(std::move(socket));
  if (status) {
    // Ends when the parent closes the socket; nobody is left to tell why.
    [[maybe_unused]] const Status ended = Child(task).serve(channel);
  } else {
    [[maybe_unused]] const Status told =
        channel.send(FrameKind::kError, encode(status.error()), kNoDeadline);
  }
  _exit(0);
}

}  // namespace taskleak
