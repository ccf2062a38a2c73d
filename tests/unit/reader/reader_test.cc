// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Real children, made-up runtimes: what the runtime does in there is what a
// hostile target might make it do.
#include "reader/reader.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

using namespace taskleak;

namespace {

/// Set before the child is forked, called in there for each census.
std::function<Result<Census>(const CensusRequest&)> g_census;
/// Instead of it where set: gives the parts itself.
std::function<Status(const CensusSink&)> g_walk;

class FakeRuntime final : public Runtime {
 public:
  std::string name() const override { return "fake"; }
  std::string version() const override { return "fake1"; }
  ProbePlan plan_probes() const override { return {}; }
  Status take_census(const CensusRequest& request,
                     const CensusSink& sink) override {
    if (g_walk) return g_walk(sink);
    TRY(Census census, g_census(request));
    return sink(std::move(census));
  }
};

/// All parts of a census together.
Result<Census> census_of(Reader& reader, std::size_t index, bool full,
                         std::vector<std::uint64_t> name_pcs = {}) {
  return collect([&](const CensusSink& sink) {
    return reader.census(index, full, std::move(name_pcs), sink);
  });
}

Result<std::unique_ptr<Runtime>> detect_fake(const Process&,
                                             const MemoryReader&) {
  return std::make_unique<FakeRuntime>();
}
Result<std::unique_ptr<Runtime>> detect_none(const Process&,
                                             const MemoryReader&) {
  return fail(Errc::kNotFound, "not there");
}
Result<std::unique_ptr<Runtime>> detect_unreadable(const Process&,
                                                   const MemoryReader&) {
  return fail(Errc::kUnsupported, "too new");
}

constexpr std::array kFake = {RuntimeKind{"none", &detect_none},
                              RuntimeKind{"fake", &detect_fake}};
constexpr std::array kNone = {RuntimeKind{"none", &detect_none}};
constexpr std::array kUnreadable = {RuntimeKind{"none", &detect_none},
                                    RuntimeKind{"new", &detect_unreadable}};

/// A reader from a forker of its own, which knows what was set before.
Result<Reader> start_reader(std::span<const RuntimeKind> kinds,
                            const ReaderLimits& limits = {},
                            pid_t target = getpid()) {
  TRY(std::shared_ptr<Forker> forker, Forker::start(kinds));
  return Reader::start(std::move(forker), target, limits);
}

/// A reader of this very process that has detected the fake runtime.
Reader fake_reader(const ReaderLimits& limits = {}) {
  auto reader = start_reader(kFake, limits);
  REQUIRE(reader);
  const auto detection = reader->detect();
  REQUIRE_MESSAGE(detection.has_value(),
                  (detection ? "" : detection.error().message()));
  return std::move(*reader);
}

/// Runs `work` in the child; its numbers come back as a census's `ended`.
std::vector<std::uint32_t> in_child(
    const std::function<void(std::vector<std::uint32_t>&)>& work) {
  g_census = [work](const CensusRequest&) -> Result<Census> {
    Census census;
    work(census.ended);
    return census;
  };
  Reader reader = fake_reader();
  const auto census = census_of(reader, 0, true);
  REQUIRE(census);
  return census->ended;
}

/// errno of a call that failed in the child, 0 when it did not fail.
std::uint32_t errno_of(const std::function<long()>& call) {
  return in_child([&](std::vector<std::uint32_t>& out) {
    out.push_back(call() < 0 ? static_cast<std::uint32_t>(errno) : 0);
  })[0];
}

}  // namespace

TEST_CASE("the child says which target and runtimes there are") {
  auto reader = start_reader(kFake);
  REQUIRE(reader);
  const auto detection = reader->detect();
  REQUIRE(detection);
  CHECK(detection->target.pid == getpid());
  CHECK(detection->target.start_monotonic_ns > 0);
  REQUIRE(detection->target.runtimes.size() == 1);
  CHECK(detection->target.runtimes[0].version == "fake1");
  CHECK(detection->plans.size() == 1);
}

TEST_CASE("without a runtime: not found, or why the one there is refused") {
  auto none = start_reader(kNone);
  REQUIRE(none);
  CHECK(none->detect().error().code() == Errc::kNotFound);
  auto refused = start_reader(kUnreadable);
  REQUIRE(refused);
  const auto error = refused->detect().error();
  CHECK(error.code() == Errc::kUnsupported);
  CHECK(error.text() == "too new");
  CHECK(refused->child_pid() > 0);
}

TEST_CASE("a pid that is not there is gone") {
  constexpr pid_t kNoSuchPid = 0x3fffffff;
  auto reader = start_reader(kFake, {}, kNoSuchPid);
  REQUIRE(reader);
  CHECK(reader->detect().error().code() == Errc::kGone);
}

TEST_CASE("requests reach the runtime, its census and errors come back") {
  g_census = [](const CensusRequest& request) -> Result<Census> {
    if (!request.full) return fail(Errc::kFault, "no list", 0x123);
    Census census;
    for (const std::uint64_t pc : request.name_pcs)
      census.named_pcs.emplace_back(pc, FrameId{1});
    return census;
  };
  Reader reader = fake_reader();
  const auto census = census_of(reader, 0, true, {7, 8});
  REQUIRE(census);
  CHECK(census->named_pcs.size() == 2);
  const auto failed = census_of(reader, 0, false);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == Errc::kFault);
  CHECK(failed.error().address() == 0x123);
  CHECK(census_of(reader, 1, true).error().code() == Errc::kNotFound);
  CHECK(census_of(reader, 0, true));
}

TEST_CASE("parts come one by one, an error may come after some of them") {
  g_walk = [](const CensusSink& sink) -> Status {
    for (std::uint32_t part = 0; part < 3; ++part) {
      Census census;
      census.part = part;
      census.last = false;
      census.ended = {part};
      TRY(sink(std::move(census)));
    }
    return fail(Errc::kFault, "no more");
  };
  Reader reader = fake_reader();
  std::vector<std::uint32_t> got;
  const auto take = [&got](Census part) -> Status {
    got.insert(got.end(), part.ended.begin(), part.ended.end());
    return {};
  };
  CHECK(reader.census(0, true, {}, take).error().code() == Errc::kFault);
  CHECK(got == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(reader.child_pid() > 0);
  g_walk = {};
}

TEST_CASE("a part that the parent refuses ends the child") {
  g_walk = [](const CensusSink& sink) -> Status {
    Census census;
    for (census.last = false;; ++census.part) TRY(sink(census));
  };
  Reader reader = fake_reader();
  const auto refuse = [](const Census& part) -> Status {
    if (part.part < 3) return {};
    return fail(Errc::kCorrupt, "not that");
  };
  CHECK(reader.census(0, true, {}, refuse).error().text() == "not that");
  CHECK(reader.child_pid() == 0);
  g_walk = {};
}

TEST_CASE("a child that stalls is ended at the deadline") {
  g_census = [](const CensusRequest&) -> Result<Census> {
    for (volatile int forever = 1; forever != 0;) {
    }
    return Census{};
  };
  Reader reader = fake_reader({.census_deadline_ns = 30'000'000});
  const pid_t child = reader.child_pid();
  CHECK(census_of(reader, 0, true).error().code() == Errc::kTimeout);
  CHECK(kill(child, 0) == -1);
  CHECK(reader.child_pid() == 0);
  CHECK_FALSE(census_of(reader, 0, true));
}

TEST_CASE("a child that dies says how") {
  g_census = [](const CensusRequest&) -> Result<Census> { _exit(3); };
  Reader exits = fake_reader();
  const auto status = census_of(exits, 0, true);
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == Errc::kCorrupt);
  CHECK(status.error().text() == "the reader ended with status 3");
  g_census = [](const CensusRequest&) -> Result<Census> {
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
  };
  Reader aborts = fake_reader();
  CHECK(census_of(aborts, 0, true).error().text() ==
        "the reader was ended by signal: Aborted");
}

TEST_CASE("an answer beyond the bound is refused") {
  g_census = [](const CensusRequest&) -> Result<Census> {
    Census census;
    census.notes.assign(1000, std::string(1000, 'x'));
    return census;
  };
  Reader reader = fake_reader({.reply_bytes = 100'000});
  CHECK(census_of(reader, 0, true).error().code() == Errc::kLimit);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a child that wants more memory than its cap ends, and says so") {
  g_census = [](const CensusRequest&) -> Result<Census> {
    std::vector<std::string> kept;
    for (std::size_t size = 1;; size *= 2) kept.emplace_back(size, 'x');
  };
  Reader reader = fake_reader({.memory_bytes = std::uint64_t{512} << 20});
  const auto census = census_of(reader, 0, true);
  REQUIRE_FALSE(census);
  CHECK(census.error().code() == Errc::kLimit);
  CHECK(census.error().text() ==
        "the reader reached its memory cap of 512 MiB");
}
#endif

TEST_CASE("readers are made while other threads hold the allocator") {
  auto forker = Forker::start(kFake);
  REQUIRE(forker);
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!stop) std::vector<std::string>(100, std::string(100, 'x'));
    });
  for (int i = 0; i < 20; ++i) {
    auto reader = Reader::start(*forker, getpid(), {});
    REQUIRE(reader);
    CHECK(reader->detect());
  }
  stop = true;
}

TEST_CASE("one forker makes many readers, each with a life of its own") {
  g_census = [](const CensusRequest&) -> Result<Census> { _exit(3); };
  auto forker = Forker::start(kFake);
  REQUIRE(forker);
  auto dies = Reader::start(*forker, getpid(), {});
  auto lives = Reader::start(*forker, getpid(), {});
  REQUIRE((dies && lives));
  REQUIRE((dies->detect() && lives->detect()));
  CHECK(census_of(*dies, 0, true).error().text() ==
        "the reader ended with status 3");
  CHECK(lives->detect());
  CHECK((*forker)->end_reader(getpid()) == 0);  // none of its children
}

TEST_CASE("without its forker a reader is gone, and none can be made") {
  auto forker = Forker::start(kFake);
  REQUIRE(forker);
  auto reader = Reader::start(*forker, getpid(), {});
  REQUIRE(reader);
  kill((*forker)->pid(), SIGKILL);
  // It may still answer before the kernel tells it.
  bool gone = false;
  for (int i = 0; i < 10'000 && !gone; ++i) gone = !reader->detect();
  CHECK(gone);
  CHECK(Reader::start(*forker, getpid(), {}).error().code() == Errc::kOs);
}

TEST_CASE("the child can read the target, and only read") {
  static int number = 42;
  const auto got = in_child([](std::vector<std::uint32_t>& out) {
    int copy = 0;
    iovec local{&copy, sizeof(copy)};
    iovec remote{&number, sizeof(number)};
    process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    out.push_back(static_cast<std::uint32_t>(copy));
  });
  CHECK(got[0] == 42);
  CHECK(errno_of([] { return open("/proc/self/maps", O_RDONLY); }) == 0);
  CHECK(errno_of([] { return open("/dev/null", O_WRONLY); }) == EPERM);
  CHECK(errno_of([] { return open("/tmp", O_TMPFILE | O_RDWR, 0600); }) ==
        EPERM);
  CHECK(errno_of([] {
          iovec piece{&number, sizeof(number)};
          return process_vm_writev(getpid(), &piece, 1, &piece, 1, 0);
        }) == EPERM);
}

TEST_CASE("the child reaches nobody and starts nothing") {
  CHECK(errno_of([] { return socket(AF_INET, SOCK_STREAM, 0); }) == EPERM);
  CHECK(errno_of([] { return kill(getppid(), 0); }) == EPERM);
  CHECK(errno_of([] { return fork(); }) == EPERM);
  CHECK(errno_of([] {
          return execl("/bin/true", "true", static_cast<char*>(nullptr));
        }) == EPERM);
  CHECK(errno_of([] { return prctl(PR_SET_DUMPABLE, 1); }) == EPERM);
}

TEST_CASE("the child keeps none of its parent's files") {
  const Fd ours(open("/dev/zero", O_RDONLY));
  REQUIRE(ours.get() > STDERR_FILENO);
  const auto kept = in_child([](std::vector<std::uint32_t>& out) {
    for (std::uint32_t fd = 0; fd < 64; ++fd) {
      std::array<char, 64> path{};
      const std::string link = "/proc/self/fd/" + std::to_string(fd);
      if (readlink(link.c_str(), path.data(), path.size() - 1) > 0 &&
          std::string(path.data()) == "/dev/zero")
        out.push_back(fd);
    }
    // Looking works: stdin became /dev/null.
    std::array<char, 64> path{};
    if (readlink("/proc/self/fd/0", path.data(), path.size() - 1) < 0)
      out.push_back(0);
  });
  CHECK(kept.empty());
}
