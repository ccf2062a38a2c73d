// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Schema 1 of a snapshot (docs/json.md). A target may have a million tasks:
// they are written one by one and handed on in pieces, and what many share (a
// stack, a frame, a wait reason) is made JSON once. One array element a line,
// so that grep and diff are of use without a JSON tool.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/clock.h"
#include "view/escape.h"
#include "view/json_choice.h"
#include "view/json_parts.h"
#include "view/site_objects.h"
#include "view/words.h"

namespace taskleak {
namespace {

constexpr int kSchema = 1;
/// What is handed on at a time.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
/// Sites in a document of a page; the rest is counted.
constexpr std::size_t kMaxPageSites = 1000;

std::string quoted_moment(const std::optional<std::int64_t>& unix_ns) {
  return unix_ns ? '"' + rfc3339(*unix_ns) + '"' : "null";
}

/// The document in the making, handed on piece by piece.
class Document {
 public:
  Document(const TextSink& sink, bool pretty) : sink_(sink), pretty_(pretty) {}

  std::string& text() { return text_; }
  /// Behind an element of a list: hands on what has come together.
  void element_done() {
    if (text_.size() >= kPieceBytes) flush();
  }
  /// The rest; false when the sink wanted no more.
  bool finish() {
    flush();
    return wanted_ && (!pretty_ || sink_("\n"));
  }
  bool wanted() const { return wanted_; }

 private:
  void flush() {
    if (wanted_) wanted_ = sink_(pretty_ ? indenter_.add(text_) : text_);
    text_.clear();
  }

  const TextSink& sink_;
  bool pretty_;
  bool wanted_ = true;
  Indenter indenter_;
  std::string text_;
};

/// An array in the making: what separates its elements, and its end.
class List {
 public:
  List(Document& document, std::string_view name) : document_(document) {
    document.text() += fmt::format(",\n\"{}\":[", name);
  }
  /// The text to append the next element to.
  std::string& next() {
    if (!first_) document_.element_done();
    std::string& out = document_.text();
    return out += std::exchange(first_, false) ? "\n" : ",\n";
  }
  void end() { document_.text() += ']'; }

 private:
  Document& document_;
  bool first_ = true;
};

/// The start of a wait as the three members that tell it.
struct WaitMembers {
  std::string start;
  std::string source;
  std::string uncertainty;
};

WaitMembers wait_members(const Snapshot& snapshot, const WaitStart& wait) {
  if (wait.source == WaitStartSource::kNone) return {"null", "null", "null"};
  return {quoted_moment(unix_moment(snapshot, wait.start_ns)),
          fmt::format("\"{}\"", wait_start_source_name(wait.source)),
          wait.uncertainty_ns < 0
              ? "null"
              : fmt::format("{}", static_cast<double>(wait.uncertainty_ns) /
                                      kNsPerSecond)};
}

/// Writes one report; lives for one write_json().
class Writer {
 public:
  Writer(const Report& report, const JsonOptions& options, const TextSink& sink)
      : report_(report),
        at_(*report.snapshot),
        tables_(*at_.tables),
        options_(options),
        chosen_(choose_tasks(report, options)),
        document_(sink, options.pretty),
        frames_(tables_.frames.size()),
        stacks_(tables_.stacks.size()),
        labels_(tables_.labels.size()),
        evidence_(report.evidence.size()) {
    find_parents();
  }

  bool write();

 private:
  /// A task that created some chosen one, and where it lies if it lives.
  struct Parent {
    std::uint64_t raw_id = 0;
    std::uint32_t place = kNowhere;
  };
  static constexpr std::uint32_t kNowhere = 0xffffffffU;

  void find_parents();
  const std::string& frame(FrameId id);
  const std::string& stack(StackId id);
  const std::string& labels(LabelsId id);
  const std::string& evidence(std::uint32_t index);
  std::string task_id(std::uint32_t place) const {
    return task_id_text(tables_, at_.tasks[place].id);
  }
  void write_created_by(const Task& task, std::string& out);
  void write_task(const Task& task, std::string& out);
  void write_tasks();
  void write_objects();
  void write_edges();
  void write_sites();

  const Report& report_;
  const Snapshot& at_;
  const SnapshotTables& tables_;
  const JsonOptions& options_;
  JsonChoice chosen_;
  Document document_;
  /// Pieces already made JSON; empty = not yet.
  std::vector<std::string> frames_;
  std::vector<std::string> stacks_;
  std::vector<std::string> labels_;
  std::vector<std::string> evidence_;
  std::vector<Parent> parents_;  ///< by raw id
};

void Writer::find_parents() {
  for (const std::uint32_t place : chosen_.places) {
    const std::uint64_t raw_id = at_.tasks[place].parent_raw_id;
    // Neighbours often have the same one.
    if (raw_id != 0 && (parents_.empty() || parents_.back().raw_id != raw_id))
      parents_.push_back({.raw_id = raw_id});
  }
  std::ranges::sort(parents_, {}, &Parent::raw_id);
  const auto twice = std::ranges::unique(parents_, {}, &Parent::raw_id);
  parents_.erase(twice.begin(), twice.end());
  if (parents_.empty()) return;
  for (const Task& task : at_.tasks) {
    const auto found =
        std::ranges::lower_bound(parents_, task.id.raw, {}, &Parent::raw_id);
    if (found != parents_.end() && found->raw_id == task.id.raw)
      found->place = std::min(found->place, task.place);
  }
}

const std::string& Writer::frame(FrameId id) {
  static const std::string kNull = "null";
  if (id.value >= frames_.size()) return kNull;
  std::string& text = frames_[id.value];
  if (text.empty()) text = dumped(frame_json(tables_.frames[id.value]));
  return text;
}

const std::string& Writer::stack(StackId id) {
  static const std::string kNone = "[]";
  if (id.value >= stacks_.size()) return kNone;
  std::string& text = stacks_[id.value];
  if (!text.empty()) return text;
  for (const FrameId frame_id : tables_.stacks[id.value])
    (text += text.empty() ? '[' : ',') += frame(frame_id);
  return text += text.empty() ? "[]" : "]";
}

const std::string& Writer::labels(LabelsId id) {
  static const std::string kNone = "{}";
  if (id.value >= labels_.size()) return kNone;
  std::string& text = labels_[id.value];
  if (!text.empty()) return text;
  Json json = Json::object();
  for (const auto& [name, value] : tables_.labels[id.value]) json[name] = value;
  return text = dumped(json);
}

const std::string& Writer::evidence(std::uint32_t index) {
  static const std::string kNone = "[]";
  if (index >= evidence_.size()) return kNone;
  std::string& text = evidence_[index];
  if (!text.empty()) return text;
  Json json = Json::array();
  for (const Evidence& fact : report_.evidence[index])
    json.push_back({{"kind", fact.kind}, {"text", fact.text}});
  return text = dumped(json);
}

void Writer::write_created_by(const Task& task, std::string& out) {
  const Frame* at = frame_at(tables_, task.created_at);
  if (at == nullptr && task.parent_raw_id == 0) {
    out += "null";
    return;
  }
  TaskId parent_id = task.id;
  parent_id.raw = task.parent_raw_id;
  parent_id.generation = 0;
  const std::string by =
      task.parent_raw_id == 0
          ? "null"
          : fmt::format("\"{}\"", task_id_text(tables_, parent_id));
  // The frame's own members follow the creator's in one object.
  const std::string members =
      at == nullptr ? R"("function":null,"file":null,"line":null})"
                    : frame(task.created_at).substr(1);
  out += fmt::format(R"({{"task":{},{})", by, members);
}

void Writer::write_task(const Task& task, std::string& out) {
  const WaitMembers wait = wait_members(at_, task.wait);
  const std::string_view reason = reason_text(tables_, task.reason);
  const std::string_view runtime =
      task.id.runtime < tables_.runtimes.size()
          ? std::string_view(tables_.runtimes[task.id.runtime].name)
          : std::string_view("unknown");
  const bool has_site = task.site.value < at_.sites.size();
  auto to = std::back_inserter(out);
  fmt::format_to(to, R"({{"id":"{}","site":{},"runtime":"{}","state":"{}",)",
                 task_id_text(tables_, task.id),
                 has_site ? json_quoted(at_.sites[task.site.value].id) : "null",
                 runtime, task_state_name(task.state));
  fmt::format_to(to, R"("system":{},"torn":{},"wait_reason":{},"waits_on":[)",
                 task.system, task.torn,
                 reason.empty() ? "null" : json_quoted(reason));
  for (const StoredWait& wait_on : at_.tasks.waits(task.place))
    fmt::format_to(to, "{}\"{}\"", out.back() == '[' ? "" : ",",
                   object_id(wait_on.ref()));
  fmt::format_to(to,
                 R"(],"wait_start":{},"wait_start_source":{},)"
                 R"("wait_start_uncertainty_seconds":{},"deadline":{},)",
                 wait.start, wait.source, wait.uncertainty,
                 task.deadline_ns == 0
                     ? "null"
                     : quoted_moment(unix_moment(at_, task.deadline_ns)));
  out += R"("created_by":)";
  write_created_by(task, out);
  const TaskVerdict judged = verdict_of(report_, task);
  fmt::format_to(to,
                 R"(,"stack":{},"labels":{},"trace":null,"verdict":"{}",)"
                 R"("evidence":{}}})",
                 stack(task.stack), labels(task.labels),
                 verdict_name(judged.verdict), evidence(judged.evidence));
}

void Writer::write_tasks() {
  List list(document_, "tasks");
  for (const std::uint32_t place : chosen_.places) {
    if (!document_.wanted()) return;
    write_task(at_.tasks[place], list.next());
  }
  list.end();
  std::string& out = document_.text();
  out += fmt::format(",\n\"tasks_total\":{},\n\"tasks_omitted\":{}",
                     chosen_.total, chosen_.total - chosen_.places.size());
  out += fmt::format(",\n\"next\":{}",
                     chosen_.next.empty() ? "null" : json_quoted(chosen_.next));
}

void write_facts(const WaitObject& object, std::string& out) {
  const auto number = [](std::int64_t value) {
    return value < 0 ? std::string("null") : std::to_string(value);
  };
  out += fmt::format(R"({{"id":"{}","kind":"{}","capacity":{},"buffered":{},)"
                     R"("element_size":{},"closed":{},"waiters":[)",
                     object_id(object.ref), wait_kind_name(object.ref.kind),
                     number(object.capacity), number(object.buffered),
                     number(object.element_size),
                     object.closed < 0    ? "null"
                     : object.closed == 0 ? "false"
                                          : "true");
}

void Writer::write_objects() {
  std::vector<std::pair<ObjectRef, std::uint32_t>> waiters;
  for (const std::uint32_t place : chosen_.places)
    for (const StoredWait& wait : at_.tasks.waits(place))
      waiters.emplace_back(wait.ref(), place);
  // A select may wait on one channel twice; it is one waiter all the same.
  std::ranges::sort(waiters);
  const auto twice = std::ranges::unique(waiters);
  waiters.erase(twice.begin(), twice.end());
  List list(document_, "objects");
  for (std::size_t i = 0; i < waiters.size() && document_.wanted();) {
    const std::size_t first = i;
    std::uint32_t newest = waiters[i].second;
    for (; i < waiters.size() && waiters[i].first == waiters[first].first; ++i)
      if (at_.tasks.read_epoch(waiters[i].second) >
          at_.tasks.read_epoch(newest))
        newest = waiters[i].second;
    std::string& out = list.next();
    write_facts(object_of(at_.tasks, newest, waiters[first].first), out);
    for (std::size_t w = first; w < i; ++w)
      out += fmt::format("{}\"{}\"", w == first ? "" : ",",
                         task_id(waiters[w].second));
    out += R"(],"holders":[],"could_wake":[],"peer":null})";
  }
  list.end();
}

void Writer::write_edges() {
  List list(document_, "edges");
  constexpr const char* kEdge = R"({{"from":"{}","to":"{}","kind":"{}"}})";
  for (const std::uint32_t place : chosen_.places) {
    if (!document_.wanted()) return;
    const Task task = at_.tasks[place];
    const std::string from = task_id_text(tables_, task.id);
    std::vector<ObjectRef> refs;
    for (const StoredWait& wait : at_.tasks.waits(place))
      refs.push_back(wait.ref());
    std::ranges::sort(refs);
    const auto twice = std::ranges::unique(refs);
    refs.erase(twice.begin(), twice.end());
    for (const ObjectRef& ref : refs)
      list.next() += fmt::format(kEdge, from, object_id(ref), "waits_on");
    const auto by = std::ranges::lower_bound(parents_, task.parent_raw_id, {},
                                             &Parent::raw_id);
    if (by != parents_.end() && by->raw_id == task.parent_raw_id &&
        by->place != kNowhere)
      list.next() += fmt::format(kEdge, from, task_id(by->place), "created_by");
  }
  list.end();
}

void Writer::write_sites() {
  std::vector<std::uint32_t> ranked = ranked_sites(report_);
  const std::size_t all = ranked.size();
  if (options_.limit != 0 && all > kMaxPageSites) ranked.resize(kMaxPageSites);
  List list(document_, "sites");
  for (const std::uint32_t index : ranked)
    list.next() += dumped(site_json(report_, index));
  list.end();
  document_.text() +=
      fmt::format(",\n\"sites_omitted\":{}", all - ranked.size());
}

bool Writer::write() {
  document_.text() += fmt::format(
      "{{\"schema\":{},\"epoch\":{},\"taken_at\":\"{}\","
      "\"duration_seconds\":{},\n\"target\":{},\n\"coverage\":{},\n"
      "\"counts\":{}",
      kSchema, at_.epoch, rfc3339(at_.taken_unix_ns),
      static_cast<double>(at_.duration_ns) / kNsPerSecond,
      dumped(target_json(at_.target)), dumped(coverage_json(at_.coverage)),
      dumped(counts_json(report_)));
  write_tasks();
  write_objects();
  write_edges();
  write_sites();
  document_.text() += ",\n\"cycles\":[],\n\"roots\":[]}";
  if (!options_.pretty) document_.text() += '\n';
  return document_.finish();
}

}  // namespace

bool write_json(const Report& report, const JsonOptions& options,
                const TextSink& sink) {
  return Writer(report, options, sink).write();
}

std::string render_json(const Report& report, const JsonOptions& options) {
  std::string whole;
  write_json(report, options, [&whole](std::string_view piece) {
    whole += piece;
    return true;
  });
  return whole;
}

}  // namespace taskleak
