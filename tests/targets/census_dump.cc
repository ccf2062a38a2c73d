// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Prints censuses of a live process, without the reader child and the model:
// for tests and for the developer of a runtime plug-in.
//   census_dump [--json] [--quiet] [--epochs N] [--sleep-ms MS]
//               [--semtable] PID
// --semtable: find what locks wait for through runtime.semtable alone.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "probes/go/go_runtime.h"

namespace {

using namespace taskleak;

struct Options {
  bool json = false;
  bool quiet = false;
  bool semtable = false;
  int epochs = 1;
  int sleep_ms = 0;
  pid_t pid = 0;
};

/// The interning tables, as a receiver keeps them.
struct Tables {
  std::vector<Frame> frames;
  std::vector<std::vector<FrameId>> stacks;
  std::vector<Labels> labels;
  std::vector<WaitReason> reasons;

  void append(const Census& census) {
    if (census.full) *this = {};
    const CensusTables& t = census.tables;
    frames.insert(frames.end(), t.frames.begin(), t.frames.end());
    stacks.insert(stacks.end(), t.stacks.begin(), t.stacks.end());
    labels.insert(labels.end(), t.labels.begin(), t.labels.end());
    reasons.insert(reasons.end(), t.reasons.begin(), t.reasons.end());
  }
};

nlohmann::json frame_json(const Frame& frame) {
  static constexpr const char* kOwners[] = {"user", "library", "runtime"};
  return {{"function", frame.function},
          {"file", frame.file},
          {"line", frame.line},
          {"owner", kOwners[static_cast<int>(frame.owner)]}};
}

nlohmann::json task_json(const CensusTask& task, const Tables& tables) {
  nlohmann::json out = {{"slot", task.slot},
                        {"id", task.raw_id},
                        {"state", task_state_name(task.state)},
                        {"system", task.system},
                        {"parent", task.parent_raw_id},
                        {"run_count", task.run_count},
                        {"wait_earliest_ns", task.wait_earliest_ns},
                        {"wait_latest_ns", task.wait_latest_ns},
                        {"deadline_ns", task.deadline_ns},
                        {"waits_on", nlohmann::json::array()},
                        {"stack", nlohmann::json::array()},
                        {"labels", nlohmann::json::object()}};
  if (task.reason.valid()) {
    out["reason"] = tables.reasons[task.reason.value].text;
    out["kind"] = wait_kind_name(tables.reasons[task.reason.value].kind);
  }
  if (task.created_at.valid())
    out["created_at"] = frame_json(tables.frames[task.created_at.value]);
  for (const ObjectRef& ref : task.waits_on)
    out["waits_on"].push_back(object_id(ref));
  if (task.stack.valid())
    for (const FrameId frame : tables.stacks[task.stack.value])
      out["stack"].push_back(frame_json(tables.frames[frame.value]));
  if (task.labels.valid())
    for (const auto& [key, value] : tables.labels[task.labels.value])
      out["labels"][key] = value;
  return out;
}

nlohmann::json census_json(const Census& census, const Tables& tables) {
  nlohmann::json out = {
      {"full", census.full},
      {"duration_ns", census.end_ns - census.begin_ns},
      {"unchanged", census.unchanged},
      {"ended", census.ended},
      {"torn", census.torn},
      {"bounds", census.bounds.size()},
      {"created", census.totals.created},
      {"oracle_live", census.totals.oracle_live},
      {"created_during_walk", census.totals.created_during_walk},
      {"notes", census.notes},
      {"tasks", nlohmann::json::array()},
      {"objects", nlohmann::json::array()}};
  for (const CensusTask& task : census.changed)
    out["tasks"].push_back(task_json(task, tables));
  for (const WaitObject& object : census.objects)
    out["objects"].push_back({{"id", object_id(object.ref)},
                              {"capacity", object.capacity},
                              {"buffered", object.buffered},
                              {"element_size", object.element_size},
                              {"closed", object.closed}});
  return out;
}

void print_text(const Census& census, const Tables& tables) {
  fmt::print(
      "{} changed, {} unchanged, {} ended, {} torn, created {}, live by the "
      "runtime {}, {:.3f} ms\n",
      census.changed.size(), census.unchanged, census.ended.size(),
      census.torn.size(), census.totals.created, census.totals.oracle_live,
      static_cast<double>(census.end_ns - census.begin_ns) / 1e6);
  for (const std::string& note : census.notes) fmt::print("note: {}\n", note);
  for (const CensusTask& task : census.changed)
    fmt::print("{}\n", task_json(task, tables).dump());
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json")
      options.json = true;
    else if (word == "--quiet")
      options.quiet = true;
    else if (word == "--semtable")
      options.semtable = true;
    else if (word == "--epochs" && i + 1 < argc)
      options.epochs = std::atoi(argv[++i]);
    else if (word == "--sleep-ms" && i + 1 < argc)
      options.sleep_ms = std::atoi(argv[++i]);
    else
      options.pid = std::atoi(word.c_str());
  }
  return options.pid > 0;
}

Status run(const Options& options) {
  TRY(const Process process, Process::open(options.pid));
  const ProcessMemory memory(options.pid);
  TRY(const std::unique_ptr<Runtime> go,
      detect_go_with(process, memory, {.search_frames = !options.semtable}));
  Tables tables;
  nlohmann::json all = nlohmann::json::array();
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    if (epoch != 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(options.sleep_ms));
    TRY(Census census, collect([&go](const CensusSink& sink) {
          return go->take_census({}, sink);
        }));
    tables.append(census);
    if (options.quiet) census.changed.clear();
    if (options.json)
      all.push_back(census_json(census, tables));
    else
      print_text(census, tables);
  }
  if (options.json) fmt::print("{}\n", all.dump());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr,
               "usage: census_dump [--json] [--quiet] [--epochs N] "
               "[--sleep-ms MS] [--semtable] PID\n");
    return 2;
  }
  if (const Status status = run(options); !status) {
    fmt::print(stderr, "census_dump: {}: {}\n",
               errc_name(status.error().code()), status.error().message());
    return 1;
  }
  return 0;
}
