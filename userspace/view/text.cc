// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The report for a tired person at night, who reads the first line and perhaps
// the second: the answer, the sites that leak (worst first, with what to look
// at), the others one line each, and what limits the answer. Plain text; names
// come from the target and are made printable before they go out.
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

constexpr std::size_t kColumns = 100;
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kReset = "\x1b[0m";

/// Renders one report; lives for one render_text().
class TextWriter {
 public:
  TextWriter(const Report& report, const TextOptions& options)
      : report_(report),
        at_(*report.snapshot),
        tables_(*at_.tables),
        options_(options),
        order_(ranked_sites(report)) {
    const std::size_t shown = std::min(order_.size(), options.max_sites);
    objects_ = objects_of_sites(at_, std::span(order_).first(shown));
  }

  std::string write();

 private:
  std::string painted(const char* paint, const std::string& text) const {
    return options_.color ? paint + text + kReset : text;
  }
  const Site& site(std::size_t rank) const { return at_.sites[order_[rank]]; }
  const VerdictCounts& verdicts(std::size_t rank) const {
    return site_verdicts(report_, order_[rank]);
  }
  std::string site_age(const Site& site) const;
  std::string frame_words(FrameId id, std::size_t width) const;
  void write_frames(const Site& site);
  void write_objects(const SiteObjects& objects);
  void write_wrapped(const std::string& first, const std::string& text);
  void write_leak(std::size_t rank);
  void write_others(std::size_t first);
  void write_coverage();

  const Report& report_;
  const Snapshot& at_;
  const SnapshotTables& tables_;
  const TextOptions& options_;
  std::vector<std::uint32_t> order_;
  std::vector<SiteObjects> objects_;  ///< of the sites shown
  std::string out_;
};

std::string TextWriter::site_age(const Site& site) const {
  const std::optional<Age> age = age_of(at_, site.oldest_wait);
  return age ? age_text(*age) : "";
}

std::string TextWriter::frame_words(FrameId id, std::size_t width) const {
  const Frame* frame = frame_at(tables_, id);
  if (frame == nullptr) return "(not known)";
  std::string function = printable(short_function(frame->function));
  if (frame->file.empty()) return function;
  return fmt::format("{:<{}}  {}", function, width,
                     printable(place_text(tables_, id)));
}

void TextWriter::write_frames(const Site& site) {
  std::size_t width = 0;
  for (const FrameId id : {site.blocked_at, site.created_at})
    if (const Frame* frame = frame_at(tables_, id))
      width =
          std::max(width, printable(short_function(frame->function)).size());
  if (site.blocked_at.valid())
    out_ += "      blocked at  " + frame_words(site.blocked_at, width) + '\n';
  out_ += "      created at  " + frame_words(site.created_at, width) + '\n';
}

std::string kind_plural(WaitKind kind) {
  switch (kind) {
    case WaitKind::kMutex: return "mutexes";
    case WaitKind::kRwMutex: return "rwmutexes";
    case WaitKind::kFd: return "file descriptors";
    case WaitKind::kFutex: return "futexes";
    case WaitKind::kProcess: return "processes";
    default: return std::string(wait_kind_name(kind)) + "s";
  }
}

void TextWriter::write_objects(const SiteObjects& objects) {
  if (objects.waiters == 0) return;
  std::string text;
  if (objects.single()) {
    text = object_id(objects.top.ref);
    const std::string facts = object_facts(objects.top);
    if (!facts.empty()) text += ", " + facts;
    if (objects.dominated())
      text += objects.top_waiters == objects.waiters
                  ? ", all of them"
                  : fmt::format(", {} of {}", grouped(objects.top_waiters),
                                grouped(objects.waiters));
  } else {
    text = fmt::format("{} different {}", grouped(objects.distinct),
                       kind_plural(objects.top.ref.kind));
  }
  out_ += "      waiting on  " + text + '\n';
}

/// Words of `text` behind `first`, broken at kColumns, continued below.
void TextWriter::write_wrapped(const std::string& first,
                               const std::string& text) {
  const std::string indent(first.size(), ' ');
  std::string line = painted(kBold, first);
  std::size_t used = first.size();
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (used + 1 + word.size() > kColumns && used > indent.size()) {
      out_ += line + '\n';
      line = indent;
      used = indent.size();
    }
    ((line += ' ') += word);
    used += 1 + word.size();
  }
  out_ += line + '\n';
}

void TextWriter::write_leak(std::size_t rank) {
  const Site& at = site(rank);
  const VerdictCounts& counts = verdicts(rank);
  const std::string age = site_age(at);
  const bool suspects_only =
      leaked(counts) == count_of(counts, Verdict::kSuspect);
  out_ += fmt::format(
      "\n{:>3}. {}  {}{}{}\n", rank + 1,
      painted(kBold, plural(at.tasks, "task")),
      painted(suspects_only ? kYellow : kRed, verdict_words(counts, at.tasks)),
      at.reason.valid() ? "  in " + printable(reason_text(tables_, at.reason))
                        : "",
      age.empty() ? "" : "  oldest " + age);
  write_frames(at);
  write_objects(objects_[rank]);
  if (rank == 0)
    write_wrapped("      Look at:",
                  printable(advice_for(at_, at, objects_[rank])));
}

/// Sites without a leak, one line each, in columns.
void TextWriter::write_others(std::size_t first) {
  if (first >= objects_.size()) return;
  std::size_t tasks_width = 0;
  std::size_t reason_width = 0;
  const auto reason = [&](std::size_t rank) {
    return site(rank).reason.valid()
               ? printable(reason_text(tables_, site(rank).reason))
               : std::string("not blocked");
  };
  for (std::size_t rank = first; rank < objects_.size(); ++rank) {
    tasks_width = std::max(tasks_width, grouped(site(rank).tasks).size());
    reason_width = std::max(reason_width, reason(rank).size());
  }
  out_ += first == 0 ? "\nSites by tasks:\n" : "\nSites without a leak:\n";
  for (std::size_t rank = first; rank < objects_.size(); ++rank) {
    const Site& at = site(rank);
    const bool blocked = at.blocked_at.valid();
    out_ += fmt::format(
        "  {:>{}}  {:<{}}  {:>9}  {} {}\n", grouped(at.tasks), tasks_width,
        reason(rank), reason_width, site_age(at), blocked ? "at" : "created at",
        frame_words(blocked ? at.blocked_at : at.created_at, 0));
  }
}

void TextWriter::write_coverage() {
  const Counts& counts = at_.counts;
  out_ +=
      fmt::format("\nEpoch {}, read in {} at {}.\n", at_.epoch,
                  duration_text(at_.duration_ns), rfc3339(at_.taken_unix_ns));
  if (!counts.count_only)
    out_ +=
        fmt::format("Since {}: {} created, {} finished.\n",
                    counts.created_exact ? "the target started" : "we attached",
                    plural(counts.created, "task"), grouped(counts.finished));
  const std::vector<std::string> limits = limits_of(report_);
  if (limits.empty()) return;
  out_ += "What limits this answer:\n";
  for (const std::string& line : limits) write_wrapped("  -", printable(line));
}

std::string TextWriter::write() {
  out_ = painted(kBold, printable(headline(report_))) + '\n';
  std::size_t leaking = 0;
  while (leaking < objects_.size() && leaked(verdicts(leaking)) > 0)
    write_leak(leaking++);
  write_others(leaking);
  std::uint64_t rest = 0;
  for (std::size_t rank = objects_.size(); rank < order_.size(); ++rank)
    rest += site(rank).tasks;
  if (objects_.size() < order_.size())
    out_ += fmt::format("{}  and {} with {}, not shown\n",
                        leaking == objects_.size() ? "\n" : "",
                        plural(order_.size() - objects_.size(), "more site"),
                        plural(rest, "task"));
  write_coverage();
  return std::move(out_);
}

}  // namespace

std::string render_text(const Report& report, const TextOptions& options) {
  return TextWriter(report, options).write();
}

}  // namespace taskleak
