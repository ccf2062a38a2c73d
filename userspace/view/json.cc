// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Schema 1 of a snapshot (docs/json.md). A target may have a million tasks:
// they are written one by one behind each other, and what many share (a stack,
// a frame, a wait reason) is made JSON once. One array element a line, so that
// grep and diff are of use without a JSON tool.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

#include "base/clock.h"
#include "view/escape.h"
#include "view/json_parts.h"
#include "view/views.h"
#include "view/words.h"

namespace taskleak {
namespace {

constexpr int kSchema = 1;
/// What a task takes in the document beyond its stack, edges and object
/// included; only a first guess of how much memory to ask for.
constexpr std::size_t kTaskBytes = 1000;

std::string quoted_moment(const std::optional<std::int64_t>& unix_ns) {
  return unix_ns ? '"' + rfc3339(*unix_ns) + '"' : "null";
}

/// An array in the making: what separates its elements, and its end.
class List {
 public:
  List(std::string& out, std::string_view name) : out_(out) {
    out_ += fmt::format(",\n\"{}\":[", name);
  }
  /// The text to append the next element to.
  std::string& next() {
    out_ += std::exchange(first_, false) ? "\n" : ",\n";
    return out_;
  }
  void end() { out_ += ']'; }

 private:
  std::string& out_;
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

/// Writes one report; lives for one render_json().
class Writer {
 public:
  Writer(const Report& report, const JsonOptions& options)
      : report_(report),
        at_(*report.snapshot),
        tables_(*at_.tables),
        frames_(tables_.frames.size()),
        stacks_(tables_.stacks.size()),
        labels_(tables_.labels.size()),
        evidence_(report.evidence.size()) {
    choose_tasks(options.max_tasks);
  }

  std::string write();

 private:
  std::size_t expected_bytes();
  void choose_tasks(std::size_t max_tasks);
  const std::string& frame(FrameId id);
  const std::string& stack(StackId id);
  const std::string& labels(LabelsId id);
  const std::string& evidence(std::uint32_t index);
  std::string task_id(const Task& task) const {
    return task_id_text(tables_, task.id);
  }
  std::span<const ObjectRef> waits(const Task& task) const;
  TaskVerdict verdict(std::size_t index) const;
  const Task* parent(const Task& task) const;
  void write_created_by(const Task& task, std::string& out);
  void write_task(std::size_t index, std::string& out);
  void write_objects(std::string& out) const;
  void write_edges(std::string& out) const;

  const Report& report_;
  const Snapshot& at_;
  const SnapshotTables& tables_;
  std::vector<std::size_t> chosen_;  ///< indices of tasks, in their order
  /// Pieces already made JSON; empty = not yet.
  std::vector<std::string> frames_;
  std::vector<std::string> stacks_;
  std::vector<std::string> labels_;
  std::vector<std::string> evidence_;
  /// User and system tasks by raw id, for created_by edges.
  std::vector<std::pair<std::uint64_t, std::size_t>> by_raw_id_;
};

/// Leaked tasks first when not all can be shown, each group in its order.
void Writer::choose_tasks(std::size_t max_tasks) {
  chosen_.resize(at_.tasks.size());
  std::iota(chosen_.begin(), chosen_.end(), std::size_t{0});
  if (max_tasks != 0 && max_tasks < chosen_.size()) {
    std::ranges::stable_partition(chosen_, [&](std::size_t index) {
      return is_leak(verdict(index).verdict);
    });
    chosen_.resize(max_tasks);
    std::ranges::sort(chosen_);
  }
  for (const std::size_t index : chosen_)
    by_raw_id_.emplace_back(at_.tasks[index].id.raw, index);
  std::ranges::sort(by_raw_id_);
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

std::span<const ObjectRef> Writer::waits(const Task& task) const {
  const std::size_t end = std::size_t{task.first_wait} + task.wait_count;
  if (end > at_.waits.size()) return {};
  return std::span(at_.waits).subspan(task.first_wait, task.wait_count);
}

TaskVerdict Writer::verdict(std::size_t index) const {
  return index < report_.tasks.size() ? report_.tasks[index] : TaskVerdict{};
}

const Task* Writer::parent(const Task& task) const {
  if (task.parent_raw_id == 0) return nullptr;
  const auto found = std::ranges::lower_bound(
      by_raw_id_, std::pair(task.parent_raw_id, std::size_t{0}));
  if (found == by_raw_id_.end() || found->first != task.parent_raw_id)
    return nullptr;
  return &at_.tasks[found->second];
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

void Writer::write_task(std::size_t index, std::string& out) {
  const Task& task = at_.tasks[index];
  const WaitMembers wait = wait_members(at_, task.wait);
  const std::string_view reason = reason_text(tables_, task.reason);
  const std::string_view runtime =
      task.id.runtime < tables_.runtimes.size()
          ? std::string_view(tables_.runtimes[task.id.runtime].name)
          : std::string_view("unknown");
  const bool has_site = task.site.value < at_.sites.size();
  auto to = std::back_inserter(out);
  fmt::format_to(to, R"({{"id":"{}","site":{},"runtime":"{}","state":"{}",)",
                 task_id(task),
                 has_site ? json_quoted(at_.sites[task.site.value].id) : "null",
                 runtime, task_state_name(task.state));
  fmt::format_to(to, R"("system":{},"torn":{},"wait_reason":{},"waits_on":[)",
                 task.system, task.torn,
                 reason.empty() ? "null" : json_quoted(reason));
  for (const ObjectRef& ref : waits(task))
    fmt::format_to(to, "{}\"{}\"", out.back() == '[' ? "" : ",",
                   object_id(ref));
  fmt::format_to(to,
                 R"(],"wait_start":{},"wait_start_source":{},)"
                 R"("wait_start_uncertainty_seconds":{},"deadline":{},)",
                 wait.start, wait.source, wait.uncertainty,
                 task.deadline_ns == 0
                     ? "null"
                     : quoted_moment(unix_moment(at_, task.deadline_ns)));
  out += R"("created_by":)";
  write_created_by(task, out);
  const TaskVerdict judged = verdict(index);
  fmt::format_to(to,
                 R"(,"stack":{},"labels":{},"trace":null,"verdict":"{}",)"
                 R"("evidence":{}}})",
                 stack(task.stack), labels(task.labels),
                 verdict_name(judged.verdict), evidence(judged.evidence));
}

void Writer::write_objects(std::string& out) const {
  std::vector<std::pair<ObjectRef, std::size_t>> waiters;
  for (const std::size_t index : chosen_)
    for (const ObjectRef& ref : waits(at_.tasks[index]))
      waiters.emplace_back(ref, index);
  // A select may wait on one channel twice; it is one waiter all the same.
  std::ranges::sort(waiters);
  const auto twice = std::ranges::unique(waiters);
  waiters.erase(twice.begin(), twice.end());
  std::map<ObjectRef, const WaitObject*> facts;
  for (const WaitObject& object : at_.objects) facts[object.ref] = &object;
  const WaitObject unknown;
  List list(out, "objects");
  for (std::size_t i = 0; i < waiters.size();) {
    const ObjectRef ref = waiters[i].first;
    const auto found = facts.find(ref);
    const WaitObject& object = found == facts.end() ? unknown : *found->second;
    const auto number = [](std::int64_t value) {
      return value < 0 ? std::string("null") : std::to_string(value);
    };
    list.next() += fmt::format(
        R"({{"id":"{}","kind":"{}","capacity":{},"buffered":{},)"
        R"("element_size":{},"closed":{},"waiters":[)",
        object_id(ref), wait_kind_name(ref.kind), number(object.capacity),
        number(object.buffered), number(object.element_size),
        object.closed < 0    ? "null"
        : object.closed == 0 ? "false"
                             : "true");
    for (; i < waiters.size() && waiters[i].first == ref; ++i)
      out += fmt::format("{}\"{}\"", out.back() == '[' ? "" : ",",
                         task_id(at_.tasks[waiters[i].second]));
    out += R"(],"holders":[],"could_wake":[],"peer":null})";
  }
  list.end();
}

void Writer::write_edges(std::string& out) const {
  List list(out, "edges");
  constexpr const char* kEdge = R"({{"from":"{}","to":"{}","kind":"{}"}})";
  for (const std::size_t index : chosen_) {
    const Task& task = at_.tasks[index];
    const std::string from = task_id(task);
    std::vector<ObjectRef> refs(waits(task).begin(), waits(task).end());
    std::ranges::sort(refs);
    const auto twice = std::ranges::unique(refs);
    refs.erase(twice.begin(), twice.end());
    for (const ObjectRef& ref : refs)
      list.next() += fmt::format(kEdge, from, object_id(ref), "waits_on");
    if (const Task* by = parent(task))
      list.next() += fmt::format(kEdge, from, task_id(*by), "created_by");
  }
  list.end();
}

/// Growing a text of 200 MB step by step would copy it over and over.
std::size_t Writer::expected_bytes() {
  std::size_t bytes = 0;
  for (const std::size_t index : chosen_)
    bytes += kTaskBytes + stack(at_.tasks[index].stack).size();
  return bytes;
}

std::string Writer::write() {
  std::string out;
  out.reserve(expected_bytes());
  out += fmt::format(
      "{{\"schema\":{},\"epoch\":{},\"taken_at\":\"{}\","
      "\"duration_seconds\":{},\n\"target\":{},\n\"coverage\":{},\n"
      "\"counts\":{}",
      kSchema, at_.epoch, rfc3339(at_.taken_unix_ns),
      static_cast<double>(at_.duration_ns) / kNsPerSecond,
      dumped(target_json(at_.target)), dumped(coverage_json(at_.coverage)),
      dumped(counts_json(report_)));
  List tasks(out, "tasks");
  for (const std::size_t index : chosen_) write_task(index, tasks.next());
  tasks.end();
  out +=
      fmt::format(",\n\"tasks_omitted\":{}", at_.tasks.size() - chosen_.size());
  write_objects(out);
  write_edges(out);
  List sites(out, "sites");
  for (const std::uint32_t index : ranked_sites(report_))
    sites.next() += dumped(site_json(report_, index));
  sites.end();
  out += ",\n\"cycles\":[],\n\"roots\":[]}\n";
  return out;
}

}  // namespace

std::string render_json(const Report& report, const JsonOptions& options) {
  std::string text = Writer(report, options).write();
  if (options.pretty) return indented(text);
  return text;
}

}  // namespace taskleak
