// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Identity of real processes: this one, and children that end, execute another
// program or lack rights. Children wait on pipes, never on time.
#include "target/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "base/clock.h"
#include "target/proc_text.h"

using namespace taskleak;

namespace {

/// A child that waits for one byte, then executes cat, which ends when its
/// input does.
class ExecChild {
 public:
  ExecChild() {
    std::array<int, 2> in{}, cloexec{};
    REQUIRE(pipe2(in.data(), 0) == 0);
    REQUIRE(pipe2(cloexec.data(), O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ == 0) run(in, cloexec);
    close(in[0]);
    close(cloexec[1]);
    input_ = Fd(in[1]);
    executed_ = Fd(cloexec[0]);
  }
  ~ExecChild() {
    if (pid_ > 0) end();
  }
  ExecChild(const ExecChild&) = delete;
  ExecChild& operator=(const ExecChild&) = delete;

  pid_t pid() const { return pid_; }
  /// Returns once the other program runs.
  void exec() {
    char byte = 'x';
    REQUIRE(write(input_.get(), &byte, 1) == 1);
    CHECK(read(executed_.get(), &byte, 1) == 0);
  }
  /// Returns once it has ended; it stays a zombie.
  void end_unreaped() {
    input_.reset();
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void end() {
    input_.reset();
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  [[noreturn]] static void run(std::array<int, 2> in,
                               std::array<int, 2> cloexec) {
    char byte = 0;
    close(in[1]);
    close(cloexec[0]);
    if (read(in[0], &byte, 1) != 1) _exit(0);
    dup2(in[0], 0);
    execl("/bin/cat", "cat", nullptr);
    _exit(1);
  }
  pid_t pid_ = -1;
  Fd input_;
  Fd executed_;
};

/// The code that Process::open ends with in a child that is nobody; its memory
/// and its parent's belong to others then.
Errc open_as_nobody(pid_t pid, std::string& text) {
  std::array<int, 2> pipe_fds{};
  REQUIRE(pipe(pipe_fds.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(1);
    const auto process = Process::open(pid);
    std::string line = process ? "opened" : process.error().message();
    line.insert(
        line.begin(),
        static_cast<char>(process ? Errc::kUsage : process.error().code()));
    _exit(write(pipe_fds[1], line.data(), line.size()) < 0);
  }
  close(pipe_fds[1]);
  std::array<char, 1024> line{};
  const ssize_t got = read(pipe_fds[0], line.data(), line.size());
  close(pipe_fds[0]);
  waitpid(child, nullptr, 0);
  REQUIRE(got > 1);
  text.assign(line.data() + 1, static_cast<std::size_t>(got - 1));
  return static_cast<Errc>(line[0]);
}

}  // namespace

TEST_CASE("this process is known by pid, start, image and executable") {
  const auto self = Process::open(getpid());
  REQUIRE(self);
  CHECK(self->pid() == getpid());
  CHECK(self->identity().start_ticks > 0);
  CHECK(self->still_same());
  std::array<char, PATH_MAX> path{};
  REQUIRE(readlink("/proc/self/exe", path.data(), path.size() - 1) > 0);
  CHECK(self->exe_path() == path.data());
  CHECK(Process::open(getpid())->identity() == self->identity());
}

TEST_CASE("its start lies in the past, on both clocks alike") {
  const auto self = Process::open(getpid());
  REQUIRE(self);
  CHECK(self->start_monotonic_ns() <= monotonic_now_ns());
  CHECK(self->start_monotonic_ns() > monotonic_now_ns() - 3600 * kNsPerSecond);
  const std::int64_t offset =
      self->start_unix_ns() - self->start_monotonic_ns();
  CHECK(std::abs(offset - wall_offset_ns()) < kNsPerSecond);
}

TEST_CASE("its mappings hold its own code and its stack, in order") {
  const auto maps = Process::open(getpid())->mappings();
  REQUIRE(maps);
  const auto holds = [&](const void* p) {
    for (const Mapping& m : *maps) {
      const auto address = reinterpret_cast<std::uint64_t>(p);
      if (m.begin.value <= address && address < m.end.value) return m;
    }
    return Mapping{};
  };
  const int on_stack = 0;
  CHECK(holds(reinterpret_cast<void*>(&monotonic_now_ns)).executable);
  CHECK(holds(&on_stack).writable);
  for (std::size_t i = 1; i < maps->size(); i++)
    CHECK((*maps)[i - 1].end <= (*maps)[i].begin);
}

TEST_CASE("where it was loaded tells each of its functions' addresses") {
  const Process self = Process::open(getpid()).value();
  const ElfFile elf = ElfFile::open(self.exe_fd()).value();
  const std::uint64_t bias = self.load_bias(elf).value();
  // Of the code here, by the mapping and its place in the file.
  const auto code = reinterpret_cast<std::uint64_t>(&parse_mapping);
  const Addr linked{code - bias};
  const std::uint64_t offset = elf.file_offset(linked).value();
  const auto mappings = self.mappings();
  REQUIRE(mappings);
  for (const Mapping& mapping : *mappings)
    if (mapping.begin <= Addr{code} && Addr{code} < mapping.end)
      CHECK(offset == mapping.offset + (code - mapping.begin.value));
}

TEST_CASE("another file than the one it runs is told by where it begins") {
  const Process self = Process::open(getpid()).value();
  const Fd other(open("/bin/sh", O_RDONLY | O_CLOEXEC));
  const auto bias = self.load_bias(ElfFile::open(other.get()).value());
  REQUIRE_FALSE(bias);
  CHECK(bias.error().code() == Errc::kCorrupt);
}

TEST_CASE("a process that executes another program is not the same one") {
  ExecChild child;
  const auto process = Process::open(child.pid());
  REQUIRE(process);
  CHECK(process->still_same());
  child.exec();
  const Status status = process->still_same();
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == Errc::kNotFound);
  const auto again = Process::open(child.pid());
  REQUIRE(again);
  CHECK(again->exe_path().find("cat") != std::string::npos);
  CHECK(again->identity().start_ticks == process->identity().start_ticks);
  CHECK(again->identity().image_mark != process->identity().image_mark);
  CHECK(again->still_same());
}

TEST_CASE("a process that ended is gone, as a zombie and after") {
  ExecChild child;
  const pid_t pid = child.pid();
  const auto process = Process::open(pid);
  REQUIRE(process);
  child.end_unreaped();
  CHECK(process->still_same().error().code() == Errc::kGone);
  CHECK(process->mappings().error().code() == Errc::kGone);
  CHECK(Process::open(pid).error().code() == Errc::kGone);
  pollfd waiting{process->pidfd(), POLLIN, 0};
  CHECK(poll(&waiting, 1, 0) == 1);
  child.end();
  CHECK(process->still_same().error().code() == Errc::kGone);
  CHECK(Process::open(pid).error().code() == Errc::kGone);
}

TEST_CASE("what is no process id is a mistake of the user's") {
  CHECK(Process::open(0).error().code() == Errc::kUsage);
  CHECK(Process::open(-5).error().code() == Errc::kUsage);
  CHECK(Process::open(INT_MAX).error().code() == Errc::kGone);
}

TEST_CASE("a kernel thread is not supported") {
  constexpr pid_t kKthreadd = 2;
  const auto stat = read_proc_stat({}, kKthreadd);
  if (!stat || (stat->flags & 0x200000) == 0) return;  // another pid namespace
  CHECK(Process::open(kKthreadd).error().code() == Errc::kUnsupported);
}

TEST_CASE("without the right, the refusal names it and the command") {
  std::string text;
  REQUIRE(open_as_nobody(1, text) == Errc::kDenied);
  CHECK(text.find("CAP_SYS_PTRACE") != text.npos);
  CHECK(text.find("sudo") != text.npos);
  CHECK(text.find("setcap") != text.npos);
}

TEST_CASE("who dropped the right still knows a process he opened before") {
  ExecChild target;
  const auto process = Process::open(target.pid());
  REQUIRE(process);
  const auto as_nobody = [&] {
    const pid_t child = fork();
    if (child == 0) {
      if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(100);
      const Status same = process->still_same();
      _exit(same ? 0 : 1 + static_cast<int>(same.error().code()));
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(as_nobody() == 0);
  target.exec();
  CHECK(as_nobody() == 1 + static_cast<int>(Errc::kNotFound));
}

TEST_CASE("a command's name cannot forge its stat line") {
  const auto stat = parse_proc_stat(
      "17 (a) Z 1 2 (\n) R 1 17 17 0 -1 4194560 1 2 3 4 55 66 0 0 20 0 1 0 "
      "12345 999 88 18446744073709551615 4198400 5 6 7");
  REQUIRE(stat);
  CHECK(stat->state == 'R');
  CHECK(stat->flags == 4194560);
  CHECK(stat->start_ticks == 12345);
  CHECK(stat->code_begin == Addr{4198400});
  for (const char* bad : {"", "17", "17 (x)", "17 (x) R", "17 (x) R 1 1 1",
                          "17 (x) RR 1 17 17 0 -1 1 1 1 1 1"})
    CHECK(parse_proc_stat(bad).error().code() == Errc::kCorrupt);
}

TEST_CASE("a line of maps is read field by field") {
  const auto m = parse_mapping(
      "7f12a000-7f12b000 r-xp 0001f000 fd:1a 4711    /tmp/a b (deleted)");
  REQUIRE(m);
  CHECK(m->begin == Addr{0x7f12a000});
  CHECK(m->end == Addr{0x7f12b000});
  CHECK(m->offset == 0x1f000);
  CHECK(m->device_major == 0xfd);
  CHECK(m->device_minor == 0x1a);
  CHECK(m->inode == 4711);
  CHECK((m->readable && m->executable && !m->writable));
  CHECK(m->path == "/tmp/a b (deleted)");
  CHECK(parse_mapping("1000-2000 rw-p 00000000 00:00 0")->path.empty());
  for (const char* bad : {"", "1000", "1000-", "2000-1000 r--p 0 00:00 0",
                          "1000-2000 r 0 0:0 0", "1000-2000 r--p x 00:00 0",
                          "1000-2000 r--p 0 00 0", "1000 2000 r--p 0 00:00 0"})
    CHECK(parse_mapping(bad).error().code() == Errc::kCorrupt);
}
