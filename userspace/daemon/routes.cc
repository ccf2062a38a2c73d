// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The table of paths. Every handler takes the newest world once and renders
// from that alone, so one response never mixes two epochs.
#include "daemon/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "daemon/self.h"
#include "daemon/version.h"
#include "view/views.h"

namespace taskleak {
namespace {

using WorldPtr = std::shared_ptr<const World>;

// A world older than this many intervals means that the collector is stuck.
constexpr std::int64_t kStuckAfterIntervals = 4;
constexpr std::int64_t kStuckAfterAtLeastNs = 120 * kNsPerSecond;

// Tasks of one page of a snapshot when nothing else is asked for, and at most:
// some 20 and 40 MB of JSON, which the daemon has to hold.
constexpr std::uint64_t kPageTasks = 10'000;
constexpr std::uint64_t kMaxPageTasks = 20'000;

HttpResponse plain(int status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

std::vector<const Report*> reports_of(const World& world) {
  std::vector<const Report*> result;
  for (const auto& report : world.reports) result.push_back(report.get());
  return result;
}

DaemonFacts facts_of(const World& world) {
  DaemonFacts facts;
  facts.version = kVersion;
  facts.revision = kRevision;
  facts.start_unix_ns = world.daemon_start_unix_ns;
  facts.interval_ns = world.interval.ns;
  for (int i = 0; i < kIntervalReasons; ++i) {
    const auto reason = static_cast<IntervalReason>(i);
    facts.interval_reasons[std::string(interval_reason_name(reason))] =
        reason == world.interval.reason;
  }
  facts.targets_down = world.down;
  facts.process = process_facts();
  return facts;
}

HttpResponse metrics(const World& world, const HttpRequest& request) {
  const auto accept = request.headers.find("accept");
  const MetricsFormat format =
      negotiate_metrics(accept == request.headers.end() ? "" : accept->second);
  const auto reports = reports_of(world);
  return {.content_type = std::string(metrics_content_type(format)),
          .body = render_metrics(reports, facts_of(world), {.format = format}),
          .headers = {{"Vary", "Accept"}}};
}

/// A whole number of the query: `fallback` when absent, nothing when it is no
/// number.
std::optional<std::uint64_t> query_number(const HttpRequest& request,
                                          const std::string& name,
                                          std::uint64_t fallback) {
  const auto it = request.query.find(name);
  if (it == request.query.end()) return fallback;
  std::uint64_t value = 0;
  const char* const end = it->second.data() + it->second.size();
  const auto parsed = std::from_chars(it->second.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

/// What ?tasks=, ?limit=, ?after= and ?site= ask of a snapshot's JSON; the
/// error is for the client.
Result<JsonOptions> json_options(const HttpRequest& request,
                                 const SnapshotTables& tables) {
  const auto tasks = query_number(request, "tasks", 0);
  const auto limit = query_number(request, "limit", kPageTasks);
  if (!tasks) return fail(Errc::kUsage, "tasks takes a whole number");
  if (!limit || *limit == 0 || *limit > kMaxPageTasks)
    return fail(Errc::kUsage,
                fmt::format("limit takes a number from 1 to {}; the whole of a "
                            "larger target comes from --once --format json",
                            kMaxPageTasks));
  JsonOptions options;
  if (*tasks != 0)
    options.max_tasks = std::min(*tasks, kMaxPageTasks);
  else
    options.limit = *limit;
  if (const auto site = request.query.find("site"); site != request.query.end())
    options.site = site->second;
  const auto after = request.query.find("after");
  if (after == request.query.end()) return options;
  options.after = parse_task_id(tables, after->second);
  if (*tasks != 0 || !options.after)
    return fail(Errc::kUsage,
                "after takes the \"next\" of another page, and no tasks=");
  return options;
}

HttpResponse snapshot_of(const Report& report, const HttpRequest& request) {
  const auto options = json_options(request, *report.snapshot->tables);
  if (!options) return plain(400, options.error().text());
  return {.content_type = "application/json; charset=utf-8",
          .body = render_json(report, *options)};
}

HttpResponse snapshot(const World& world, const HttpRequest& request) {
  const auto pid = query_number(request, "pid", 0);
  if (!pid) return plain(400, "pid takes a whole number");
  if (*pid == 0 && world.targets > 1) {
    std::string text = "several targets are watched; add ?pid= with one of:";
    for (const auto& report : world.reports)
      text += fmt::format(" {}", report->snapshot->target.pid);
    return plain(400, std::move(text));
  }
  for (const auto& report : world.reports) {
    const auto reported =
        static_cast<std::uint64_t>(report->snapshot->target.pid);
    if (*pid == 0 || *pid == reported) return snapshot_of(*report, request);
  }
  for (const auto& [down_pid, why] : world.down)
    if (*pid == 0 || *pid == static_cast<std::uint64_t>(down_pid))
      return plain(503, fmt::format("pid {}: {}", down_pid, why));
  return *pid == 0 ? plain(503, "no epoch yet")
                   : plain(404, fmt::format("pid {} is not watched", *pid));
}

HttpResponse healthy(const World& world, const HttpRequest&) {
  const std::int64_t stuck_ns =
      std::max(kStuckAfterAtLeastNs, kStuckAfterIntervals * world.interval.ns);
  const bool stuck = world.last_epoch_ns != 0 &&
                     monotonic_now_ns() - world.last_epoch_ns > stuck_ns;
  return stuck ? plain(503, "the collector is stuck") : plain(200, "healthy");
}

HttpResponse ready(const World& world, const HttpRequest&) {
  const bool is_ready =
      world.targets > 0 && world.reports.size() == world.targets;
  return is_ready
             ? plain(200, "ready")
             : plain(503, fmt::format("{} of {} targets have a snapshot",
                                      world.reports.size(), world.targets));
}

HttpResponse page(const World& world, const HttpRequest&) {
  const auto reports = reports_of(world);
  return {.content_type = "text/html; charset=utf-8",
          .body = render_page(reports, facts_of(world))};
}

}  // namespace

std::map<std::string, HttpHandler> make_routes(const Published<World>& world) {
  using Render = HttpResponse (*)(const World&, const HttpRequest&);
  const auto route = [&world](Render render) -> HttpHandler {
    return [&world, render](const HttpRequest& request) {
      return render(*world.get(), request);
    };
  };
  return {{"/", route(page)},
          {"/metrics", route(metrics)},
          {"/api/v1/snapshot", route(snapshot)},
          {"/-/healthy", route(healthy)},
          {"/-/ready", route(ready)}};
}

}  // namespace taskleak
