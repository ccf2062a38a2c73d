// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The story: find the targets, load the programs, attach, collect, serve. The
// only place that prints a failure: one line that says what to do next, and
// the exit status that scripts branch on.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "daemon/collector.h"
#include "daemon/layout_command.h"
#include "daemon/options.h"
#include "daemon/routes.h"
#include "daemon/self.h"
#include "daemon/watch.h"
#include "kernel/kernel.h"
#include "reader/forker.h"
#include "serve/listen.h"
#include "serve/server.h"
#include "view/views.h"

namespace taskleak {
namespace {

ExitStatus exit_status(const Error& error) {
  switch (error.code()) {
    case Errc::kUsage: return ExitStatus::kUsage;
    case Errc::kDenied: return ExitStatus::kMissingCapability;
    default: return ExitStatus::kTargetRefused;
  }
}

/// The programs, when wanted and possible. A kernel that cannot run them
/// leaves state alone, said once; a missing right is an error.
Status load_kernel(const Options& options, std::unique_ptr<Kernel>& kernel,
                   ProbeSource& source) {
  if (!options.probes) {
    source.why_none = "switched off (--no-probes)";
    return {};
  }
  if (options.once && options.for_ns == 0) {
    source.why_none = "one look (--for 0) has no time for events";
    return {};
  }
  auto loaded = Kernel::load(options.kernel);
  if (!loaded && loaded.error().code() == Errc::kUnsupported) {
    source.why_none = loaded.error().message();
    log(LogLevel::kWarn, "no probes: reading state alone",
        {{"err", source.why_none}});
    return {};
  }
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  kernel = std::make_unique<Kernel>(std::move(*loaded));
  TRY(source.cost_per_hit_ns, kernel->calibrate());
  source.kernel = kernel.get();
  return {};
}

Result<std::vector<std::unique_ptr<Watch>>> open_watches(
    const Options& options, const std::shared_ptr<Forker>& forker) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (const auto pid : options.pids) {
    TRY(std::unique_ptr<Watch> watch,
        Watch::open(forker, pid, options, !options.once));
    watches.push_back(std::move(watch));
  }
  return watches;
}

Status print_once(const Options& options, Collector& collector) {
  TRY(const std::shared_ptr<const Report> report, collector.run_once());
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const auto put = [](std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  };
  const bool whole =
      options.format == OutputFormat::kJson
          ? write_json(*report, {.pretty = terminal}, put)
          : put(render_text(
                *report, {.color = terminal, .max_sites = options.max_sites}));
  if (!whole || std::fflush(stdout) != 0)
    return fail(Errc::kOs, "writing the snapshot to stdout failed");
  return {};
}

Status serve(const Options& options, ListenSocket socket,
             Collector& collector) {
  Published<World> world;
  TRY(const Server server,
      Server::start(std::move(socket), make_routes(world), ServerLimits{}));
  log(LogLevel::kInfo, "listening",
      {{"address", options.listen}, {"port", std::to_string(server.port())}});
  return collector.run(world);
}

/// Prints what is found in one executable.
Status print_layout(const LayoutOptions& options) {
  TRY(const LayoutAnswer answer, describe_layout(options));
  if (std::fwrite(answer.text.data(), 1, answer.text.size(), stdout) !=
          answer.text.size() ||
      std::fflush(stdout) != 0)
    return fail(Errc::kOs, "writing to stdout failed");
  if (!answer.refused.empty()) return fail(Errc::kUnsupported, answer.refused);
  return {};
}

/// Memory that is for one epoch or one answer goes back to the kernel at once.
/// Left to itself glibc raises the bound with every large block that is freed,
/// and keeps what a census of a million tasks took; readers inherit it.
void keep_heap_small() {
  constexpr int kMappedFromBytes = 256 << 10;
  mallopt(M_MMAP_THRESHOLD, kMappedFromBytes);
}

Status run(const Options& options) {
  if (options.layout) return print_layout(*options.layout);
  std::unique_ptr<Kernel> kernel;  // outlives the watches that use it
  ProbeSource source;
  // Before any thread exists and before the programs are loaded.
  TRY(const std::shared_ptr<Forker> forker,
      Forker::start(runtime_kinds(), options.procfs));
  TRY(auto watches, open_watches(options, forker));
  TRY(load_kernel(options, kernel, source));
  for (const auto& watch : watches) watch->attach_probes(source);
  // A port below 1024 takes a right that is dropped below.
  ListenSocket socket;
  if (!options.once) {
    TRY(socket, listen_at(options.listen, options.allow_remote));
  }
  TRY(drop_capabilities(kernel.get()));
  Collector collector(options, std::move(watches));
  return options.once ? print_once(options, collector)
                      : serve(options, std::move(socket), collector);
}

}  // namespace
}  // namespace taskleak

int main(int argc, char** argv) {
  using namespace taskleak;
  const ParsedOptions parsed = parse_options(argc, argv);
  if (!parsed.options) {
    std::fprintf(parsed.status == ExitStatus::kDone ? stdout : stderr, "%s\n",
                 parsed.text.c_str());
    return static_cast<int>(parsed.status);
  }
  keep_heap_small();
  set_log(parsed.options->log_level, parsed.options->log_format);
  block_signals();
  if (const Status status = run(*parsed.options); !status) {
    std::fprintf(stderr, "task-leakd: %s\n", status.error().message().c_str());
    return static_cast<int>(exit_status(status.error()));
  }
  return static_cast<int>(ExitStatus::kDone);
}
