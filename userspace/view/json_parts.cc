// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Builds the small parts of a snapshot's JSON; see view/json_parts.h.
#include "view/json_parts.h"

#include "base/clock.h"
#include "view/words.h"

namespace taskleak {
namespace {

constexpr std::size_t kIndentColumns = 2;

Json moment(const std::optional<std::int64_t>& unix_ns) {
  return unix_ns ? Json(rfc3339(*unix_ns)) : Json();
}

template <class T>
Json known(T number) {
  return number < 0 ? Json() : Json(number);
}

Json verdicts_json(const VerdictCounts& counts) {
  Json json = Json::object();
  for (int v = 0; v < kVerdicts; ++v)
    json[std::string(verdict_name(static_cast<Verdict>(v)))] =
        counts[static_cast<std::size_t>(v)];
  return json;
}

}  // namespace

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Indenter::add(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  bool quoted = false;
  const auto new_line = [&] {
    (out += '\n').append(depth_ * kIndentColumns, ' ');
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      out += c;
      if (c == '\\') out += text[++i];
      quoted = c != '"';
    } else if (c == '{' || c == '[') {
      out += c;
      const bool empty = text[i + 1] == (c == '{' ? '}' : ']');
      if (empty) out += text[++i];
      depth_ += empty ? 0 : 1;
      if (!empty) new_line();
    } else if (c == '}' || c == ']') {
      --depth_;
      new_line();
      out += c;
    } else if (c != '\n') {
      out += c;
      quoted = c == '"';
      if (c == ',') new_line();
      if (c == ':') out += ' ';
    }
  }
  return out;
}

Json frame_json(const Frame& frame) {
  return {
      {"function", frame.function}, {"file", frame.file}, {"line", frame.line}};
}

Json target_json(const TargetInfo& target) {
  Json runtimes = Json::array();
  for (const RuntimeInfo& runtime : target.runtimes)
    runtimes.push_back({{"name", runtime.name}, {"version", runtime.version}});
  return {{"pid", target.pid},    {"start_time", rfc3339(target.start_unix_ns)},
          {"exe", target.exe},    {"build_id", target.build_id},
          {"runtimes", runtimes}, {"labels", Json(target.labels)}};
}

Json coverage_json(const Coverage& coverage) {
  Json probes = Json::object();
  for (const ProbeStatus& probe : coverage.probes)
    probes[probe.name] = probe.attached
                             ? "attached"
                             : (probe.why.empty() ? "not attached" : probe.why);
  return {{"complete", coverage.complete},
          {"torn_tasks", coverage.torn_tasks},
          {"lost_events", Json(coverage.lost_events)},
          {"probes", probes},
          {"notes", coverage.notes}};
}

Json counts_json(const Report& report) {
  const Counts& counts = report.snapshot->counts;
  Json states = Json::object();
  for (int s = 0; s < kTaskStates; ++s)
    states[std::string(task_state_name(static_cast<TaskState>(s)))] =
        counts.by_state[static_cast<std::size_t>(s)];
  const auto detail = [&](std::uint64_t number) {
    return counts.count_only ? Json() : Json(number);
  };
  return {{"tasks", counts.tasks},
          {"created", detail(counts.created)},
          {"finished", detail(counts.finished)},
          {"created_exact", counts.created_exact},
          {"working", report.working},
          {"system", detail(counts.system_tasks)},
          {"uncertainty", counts.uncertainty},
          {"drift", counts.drift_known ? Json(counts.drift) : Json()},
          {"by_state", states},
          {"by_verdict", verdicts_json(report.counts)}};
}

Json site_json(const Report& report, std::size_t index) {
  const Snapshot& snapshot = *report.snapshot;
  const SnapshotTables& tables = *snapshot.tables;
  const Site& site = snapshot.sites[index];
  const auto frame = [&](FrameId id) {
    const Frame* found = frame_at(tables, id);
    return found == nullptr ? Json() : frame_json(*found);
  };
  const auto text = [](std::string_view words) {
    return words.empty() ? Json() : Json(words);
  };
  Json json = {{"id", site.id},
               {"created_at", text(frame_text(tables, site.created_at))},
               {"blocked_at", text(frame_text(tables, site.blocked_at))},
               {"wait_reason", text(reason_text(tables, site.reason))},
               {"created_frame", frame(site.created_at)},
               {"blocked_frame", frame(site.blocked_at)},
               {"tasks", site.tasks},
               {"verdicts", verdicts_json(site_verdicts(report, index))},
               {"created", known(site.created)},
               {"finished", known(site.finished)}};
  const bool waits = site.oldest_wait.source != WaitStartSource::kNone;
  json["oldest_wait_start"] =
      waits ? moment(unix_moment(snapshot, site.oldest_wait.start_ns)) : Json();
  json["oldest_wait_start_source"] =
      waits ? Json(wait_start_source_name(site.oldest_wait.source)) : Json();
  json["root_cause"] = nullptr;
  return json;
}

}  // namespace taskleak
