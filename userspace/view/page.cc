// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The landing page: the answer for each target, its sites worst first, links
// to the rest. Plain HTML with inline style and without script, so that a
// content policy can forbid everything else; every name is escaped.
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "view/advice.h"
#include "view/escape.h"
#include "view/headline.h"
#include "view/views.h"
#include "view/words.h"

namespace taskleak {
namespace {

/// Rows of a target's table; what is left out is counted below it.
constexpr std::size_t kMaxRows = 100;

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>task-leakd</title>
<style>
:root { color-scheme: light dark; --line: #8884; --leak: #b00020; --dim: #666; }
@media (prefers-color-scheme: dark) { :root { --leak: #ff8a80; --dim: #aaa; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.1rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.f { overflow-wrap: anywhere; } td small { color: var(--dim); display: block; }
.leak { color: var(--leak); font-weight: 600; } .dim { color: var(--dim); }
.look { border-left: 3px solid var(--leak); padding-left: .75rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>task-leakd</h1>
<nav><a href="/">Refresh</a><a href="/metrics">/metrics</a><a href="/api/v1/snapshot">/api/v1/snapshot</a><a href="/-/healthy">/-/healthy</a><a href="/-/ready">/-/ready</a></nav>
)";

std::string frame_cell(const SnapshotTables& tables, FrameId id) {
  const Frame* frame = frame_at(tables, id);
  if (frame == nullptr) return R"(<td class="dim">–</td>)";
  const std::string where =
      frame->file.empty() ? ""
                          : fmt::format("<small>{}:{}</small>",
                                        html_escaped(frame->file), frame->line);
  return fmt::format(R"(<td class="f">{}{}</td>)",
                     html_escaped(frame->function), where);
}

std::string site_row(const Report& report, std::uint32_t index) {
  const Snapshot& snapshot = *report.snapshot;
  const SnapshotTables& tables = *snapshot.tables;
  const Site& site = snapshot.sites[index];
  const VerdictCounts& verdicts = site_verdicts(report, index);
  const std::optional<Age> age = age_of(snapshot, site.oldest_wait);
  const bool leaks = leaked(verdicts) > 0;
  return fmt::format(
      "<tr><td class=\"n\">{}</td><td{}>{}</td><td>{}</td>"
      "<td class=\"n\">{}</td>{}{}</tr>\n",
      grouped(site.tasks), leaks ? " class=\"leak\"" : "",
      html_escaped(verdict_words(verdicts, site.tasks)),
      site.reason.valid() ? html_escaped(reason_text(tables, site.reason))
                          : "not blocked",
      age ? html_escaped(age_text(*age)) : "",
      frame_cell(tables, site.blocked_at), frame_cell(tables, site.created_at));
}

/// Evidence that the worst site leaks comes with what to look at next.
std::string look_at(const Report& report, std::uint32_t worst) {
  if (leaked(site_verdicts(report, worst)) == 0) return "";
  const Snapshot& snapshot = *report.snapshot;
  const std::uint32_t sites[] = {worst};
  const SiteObjects objects = objects_of_sites(snapshot, sites).front();
  return fmt::format(
      "<p class=\"look\">Look at: {}</p>\n",
      html_escaped(advice_for(snapshot, snapshot.sites[worst], objects)));
}

std::string table_of(const Report& report,
                     const std::vector<std::uint32_t>& order) {
  std::string html =
      "<table>\n<thead><tr><th class=\"n\">tasks</th><th>verdict</th>"
      "<th>waits in</th><th class=\"n\">oldest</th><th>blocked at</th>"
      "<th>created at</th></tr></thead>\n<tbody>\n";
  const std::size_t shown = std::min(order.size(), kMaxRows);
  for (std::size_t i = 0; i < shown; ++i) html += site_row(report, order[i]);
  html += "</tbody>\n</table>\n";
  if (shown < order.size())
    html += fmt::format("<p class=\"dim\">and {}, not shown</p>\n",
                        plural(order.size() - shown, "more site"));
  return html;
}

std::string target_section(const Report& report, const DaemonFacts& facts) {
  const Snapshot& snapshot = *report.snapshot;
  const bool leaks = leaked(report.counts) > 0;
  std::string html =
      fmt::format("<h2{}>{}</h2>\n", leaks ? " class=\"leak\"" : "",
                  html_escaped(headline(report)));
  const auto down = facts.targets_down.find(snapshot.target.pid);
  if (down != facts.targets_down.end())
    html += fmt::format(
        "<p class=\"leak\">Down: {}. This was its last "
        "snapshot.</p>\n",
        html_escaped(down->second));
  const Counts& counts = snapshot.counts;
  const std::string lives =
      counts.count_only
          ? ""
          : fmt::format(
                "; {} created, {} finished since {}", grouped(counts.created),
                grouped(counts.finished),
                counts.created_exact ? "the target started" : "we attached");
  html += fmt::format("<p class=\"dim\">Epoch {}, read at {} in {}{}.</p>\n",
                      snapshot.epoch, rfc3339(snapshot.taken_unix_ns),
                      duration_text(snapshot.duration_ns), lives);
  const std::vector<std::uint32_t> order = ranked_sites(report);
  if (!order.empty()) html += look_at(report, order.front());
  html += table_of(report, order);
  const std::vector<std::string> limits = limits_of(report);
  if (limits.empty()) return html;
  html += "<p class=\"dim\">What limits this answer:</p>\n<ul class=\"dim\">\n";
  for (const std::string& line : limits)
    html += fmt::format("<li>{}</li>\n", html_escaped(line));
  return html + "</ul>\n";
}

}  // namespace

std::string render_page(std::span<const Report* const> reports,
                        const DaemonFacts& facts) {
  std::string html(kHead);
  std::map<std::int32_t, std::string> never_read = facts.targets_down;
  for (const Report* report : reports) {
    html += target_section(*report, facts);
    never_read.erase(report->snapshot->target.pid);
  }
  for (const auto& [pid, why] : never_read)
    html += fmt::format("<h2>pid {}</h2>\n<p class=\"leak\">Down: {}.</p>\n",
                        pid, html_escaped(why));
  if (reports.empty() && never_read.empty())
    html += "<p>No snapshot has been taken yet.</p>\n";
  return html + fmt::format(
                    "<p class=\"dim\">task-leakd {} {}, a snapshot "
                    "every {}</p>\n</body>\n</html>\n",
                    html_escaped(facts.version), html_escaped(facts.revision),
                    duration_text(facts.interval_ns));
}

}  // namespace taskleak
