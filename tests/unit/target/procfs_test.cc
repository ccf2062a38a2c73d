// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What texts of /proc say of namespaces and containers, and pids as a procfs
// shows them. Other namespaces are made in tests/e2e/containers_test.py.
#include "target/procfs.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

using namespace taskleak;

namespace {

const std::string kId =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

}  // namespace

TEST_CASE("NSpid names a process in each namespace, outermost first") {
  using Pids = std::vector<pid_t>;
  CHECK(parse_ns_pids("Name:\tx\nNSpid:\t4711\t12\t1\nNSpgid:\t5\n") ==
        Pids{4711, 12, 1});
  CHECK(parse_ns_pids("NSpid:\t7") == Pids{7});
  CHECK(parse_ns_pids("NSpid:\t\n").empty());
  CHECK(parse_ns_pids("Pid:\t7\n").empty());
  CHECK(parse_ns_pids("").empty());
  // a name cannot hold a newline here, but it can hold the word
  CHECK(parse_ns_pids("Name:\tNSpid:\t1\nNSpid:\t9\n") == Pids{9});
}

TEST_CASE("a container's id is the last 64 hexadecimal digits of its cgroup") {
  CHECK(parse_container_id("0::/system.slice/docker-" + kId + ".scope\n") ==
        kId);
  CHECK(parse_container_id("12:memory:/docker/" + kId + "\n0::/\n") == kId);
  const std::string pod =
      "0::/kubepods.slice/kubepods-burstable.slice/"
      "kubepods-burstable-pod0a1b2c3d_11ee.slice/"
      "cri-containerd-";
  CHECK(parse_container_id(pod + kId + ".scope\n") == kId);
  CHECK(parse_container_id("0::/../" + kId) == kId);
  CHECK(parse_container_id("0::/user.slice/user-0.slice\n") == std::nullopt);
  CHECK(parse_container_id("0::/" + kId + "0\n") == std::nullopt);
  CHECK(parse_container_id("0::/" + kId.substr(1) + "\n") == std::nullopt);
}

TEST_CASE("in our own procfs a pid is the one of system calls") {
  const auto self = open_pid({}, getpid());
  REQUIRE(self);
  CHECK(self->pid.own == getpid());
  CHECK(self->pid.inner == getpid());
  CHECK(!self->pid.nested);
  CHECK(self->pidfd.valid());
  struct stat info{};
  REQUIRE(stat("/proc/self/ns/pid", &info) == 0);
  CHECK(self->pid.namespace_inode == info.st_ino);
  CHECK(self->pid.namespace_device == info.st_dev);
}

TEST_CASE("what is no process, no pid or no procfs is told apart") {
  CHECK(open_pid({}, 0).error().code() == Errc::kUsage);
  CHECK(open_pid({}, INT_MAX).error().code() == Errc::kGone);
  const auto wrong = open_pid({.root = "/nonexistent"}, getpid());
  CHECK(wrong.error().code() == Errc::kUnsupported);
  CHECK(wrong.error().message().find("/nonexistent") != std::string::npos);
}
