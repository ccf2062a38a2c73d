// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The JSON of a snapshot, read back with a parser. That it fits the published
// schema is check_formats.py's to say.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "sample_report.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

using Json = nlohmann::json;

Json json_of(const Report& report, const JsonOptions& options = {}) {
  return Json::parse(render_json(report, options));
}

Json by_id(const Json& array, const std::string& id) {
  for (const Json& element : array)
    if (element.at("id") == id) return element;
  return nullptr;
}

std::size_t edges_of_kind(const Json& json, const char* kind) {
  std::size_t count = 0;
  for (const Json& edge : json.at("edges"))
    count += edge.at("kind") == kind ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("head, target and coverage say whose snapshot it is and what lacks") {
  const Json json = json_of(sample_report());
  CHECK(json.at("schema") == 1);
  CHECK(json.at("epoch") == 7);
  CHECK(json.at("taken_at") == "2026-01-02T03:04:05.678Z");
  CHECK(json.at("target").at("pid") == 4242);
  CHECK(json.at("target").at("start_time") == "2026-01-02T02:49:05.678Z");
  CHECK(json.at("target").at("runtimes") ==
        Json::parse(R"([{"name":"go","version":"go1.26.8"}])"));
  CHECK(json.at("coverage") == Json::parse(R"({
    "complete":false,"torn_tasks":1,"lost_events":
    {"recursion":1,"site_map_full":2},"probes":{"go.newproc1":"attached",
    "go.gopark":"over budget until 3 s"},
    "notes":["labels of 1 task could not be read"]})"));
}

TEST_CASE("counts: created less finished is tasks, drift only when known") {
  const Json counts = json_of(sample_report()).at("counts");
  CHECK(counts.at("tasks") == 10);
  CHECK(counts.at("created") == 120);
  CHECK(counts.at("finished") == 110);
  CHECK(counts.at("working") == 8);
  CHECK(counts.at("system") == 1);
  CHECK(counts.at("uncertainty") == 4);
  CHECK(counts.at("drift") == -2);
  CHECK(counts.at("by_state").at("blocked") == 6);
  CHECK(counts.at("by_verdict").at("proven") == 1);
  SnapshotBuilder b;
  b.task(1);
  CHECK(json_of(report_of(b.build(), {})).at("counts").at("drift").is_null());
}

TEST_CASE("counts: what a count alone does not tell is null") {
  const auto json = nlohmann::json::parse(render_json(counted_report(), {}));
  const auto& counts = json["counts"];
  CHECK(counts["tasks"] == 1234);
  CHECK(counts["by_state"]["unknown"] == 1234);
  CHECK(counts["by_verdict"]["unknown"] == 1234);
  for (const char* name : {"created", "finished", "system", "drift"})
    CHECK(counts[name].is_null());
  CHECK(json["tasks"].empty());
}

TEST_CASE("a task tells what it waits on, since when, by whom created") {
  const Json task = by_id(json_of(sample_report()).at("tasks"), "go/17");
  CHECK(task.at("state") == "blocked");
  CHECK(task.at("system") == false);
  CHECK(task.at("wait_reason") == "chan receive");
  CHECK(task.at("waits_on") == Json::parse(R"(["chan/0xc000012345"])"));
  CHECK(task.at("wait_start") == "2026-01-02T02:54:05.678Z");
  CHECK(task.at("wait_start_source") == "event");
  CHECK(task.at("wait_start_uncertainty_seconds") == 0);
  CHECK(task.at("deadline").is_null());
  CHECK(task.at("trace").is_null());
  CHECK(task.at("created_by") == Json::parse(R"({"task":"go/1",
    "function":"main.serve","file":"/src/main.go","line":42})"));
  CHECK(task.at("stack").size() == 3);
  CHECK(task.at("stack")[2] == Json::parse(R"({"function":"main.worker",
    "file":"/src/main.go","line":57})"));
  CHECK(task.at("labels").at("tenant") == "a\"b\\c\n");
  CHECK(task.at("verdict") == "suspect");
  CHECK(task.at("evidence")[0].at("kind") == "age");
  CHECK(task.at("evidence")[1].at("text") == "did not run \"meanwhile\"");
}

TEST_CASE("what is not known of a task is null") {
  const Json tasks = json_of(sample_report()).at("tasks");
  const Json running = by_id(tasks, "go/1");
  for (const char* name : {"wait_reason", "wait_start", "wait_start_source",
                           "wait_start_uncertainty_seconds", "created_by"})
    CHECK_MESSAGE(running.at(name).is_null(), name);
  CHECK(running.at("stack").empty());
  CHECK(running.at("waits_on").empty());
  const Json late = by_id(tasks, "go/20");
  CHECK(late.at("wait_start_source") == "first_seen");
  CHECK(late.at("wait_start_uncertainty_seconds").is_null());
  CHECK(late.at("created_by").at("task").is_null());
  CHECK(by_id(tasks, "go/21").at("deadline") == "2026-01-02T03:04:10.678Z");
  CHECK(by_id(tasks, "go/2").at("system") == true);
  CHECK(by_id(tasks, "go/25").at("torn") == true);
}

TEST_CASE("a moment beyond all calendars is null, not a wrapped date") {
  SnapshotBuilder b;
  b.task(1).deadline_ns = INT64_MAX;
  b.task(2).deadline_ns = INT64_MIN;
  const Json tasks = json_of(report_of(b.build(), {})).at("tasks");
  CHECK(tasks.size() == 2);
  for (const Json& task : tasks) CHECK(task.at("deadline").is_null());
}

TEST_CASE("objects list their waiters, edges say the same") {
  const Json json = json_of(sample_report());
  const Json queue = by_id(json.at("objects"), "chan/0xc000012345");
  CHECK(queue.at("kind") == "channel");
  CHECK(queue.at("capacity") == 4);
  CHECK(queue.at("buffered") == 0);
  CHECK(queue.at("closed") == false);
  CHECK(queue.at("waiters") == Json::parse(R"(["go/17","go/18"])"));
  CHECK(queue.at("holders").empty());
  CHECK(queue.at("peer").is_null());
  CHECK(by_id(json.at("objects"), "fd/7").at("capacity").is_null());
  CHECK(json.at("objects").size() == 5);
  CHECK(edges_of_kind(json, "waits_on") == 6);
  CHECK(edges_of_kind(json, "created_by") == 2);
}

TEST_CASE("sites: worst first, with their verdicts and frames") {
  const Json json = json_of(sample_report());
  const Json site = json.at("sites")[0];
  CHECK(site.at("created_at") == "main.serve main.go:42");
  CHECK(site.at("blocked_at") == "main.worker main.go:57");
  CHECK(site.at("wait_reason") == "chan receive");
  CHECK(site.at("blocked_frame").at("file") == "/src/main.go");
  CHECK(site.at("tasks") == 2);
  CHECK(site.at("verdicts").at("suspect") == 1);
  CHECK(site.at("verdicts").at("probable") == 1);
  CHECK(site.at("created").is_null());
  CHECK(site.at("oldest_wait_start") == "2026-01-02T02:54:05.678Z");
  CHECK(site.at("oldest_wait_start_source") == "event");
  CHECK(site.at("root_cause").is_null());
  CHECK(by_id(json.at("tasks"), "go/17").at("site") == site.at("id"));
  CHECK(json.at("cycles").empty());
  CHECK(json.at("roots").empty());
}

TEST_CASE("a bound keeps the leaked tasks and counts the rest") {
  const Report report = sample_report();
  const Json json = json_of(report, {.max_tasks = 3});
  CHECK(json.at("tasks").size() == 3);
  CHECK(json.at("tasks_omitted") == 8);
  for (const char* id : {"go/17", "go/18", "go/20"})
    CHECK_FALSE(by_id(json.at("tasks"), id).is_null());
  CHECK(json_of(report).at("tasks_omitted") == 0);
}

TEST_CASE("pages go by id, together they are the whole") {
  const Report report = sample_report();
  std::vector<std::string> ids;
  JsonOptions options{.limit = 4};
  for (int pages = 1;; ++pages) {
    const Json json = json_of(report, options);
    CHECK(json.at("tasks_total") == 11);
    for (const Json& task : json.at("tasks")) ids.push_back(task.at("id"));
    CHECK(json.at("tasks_omitted") == 11 - json.at("tasks").size());
    if (json.at("next").is_null()) {
      CHECK(pages == 3);
      break;
    }
    CHECK(json.at("next") == ids.back());
    options.after = parse_task_id(*report.snapshot->tables, ids.back());
    REQUIRE(options.after);
  }
  CHECK(ids == std::vector<std::string>{"go/1", "go/2", "go/17", "go/18",
                                        "go/19", "go/20", "go/21", "go/22",
                                        "go/23", "go/24", "go/25"});
}

TEST_CASE("a page has its own objects, and the parents that live elsewhere") {
  const Report report = sample_report();
  const Json json = json_of(report, {.limit = 1, .after = TaskId{.raw = 2}});
  CHECK(json.at("tasks")[0].at("id") == "go/17");
  CHECK(json.at("objects").size() == 1);
  CHECK(edges_of_kind(json, "created_by") == 1);
}

TEST_CASE("tasks of one site") {
  const Report report = sample_report();
  const Json whole = json_of(report);
  const Json& site = whole.at("sites")[0];
  const Json some = json_of(report, {.limit = 1, .site = site.at("id")});
  CHECK(some.at("tasks_total") == site.at("tasks"));
  CHECK(some.at("tasks").size() == 1);
  CHECK(some.at("tasks")[0].at("site") == site.at("id"));
  CHECK(json_of(report, {.site = "none"}).at("tasks").empty());
}

TEST_CASE("only an id of a known runtime is an id") {
  const auto tables = sample_snapshot()->tables;
  CHECK(parse_task_id(*tables, "go/17") == TaskId{.raw = 17});
  CHECK(parse_task_id(*tables, "go/17@2") ==
        TaskId{.raw = 17, .generation = 2});
  for (const char* text : {"", "go", "go/", "go/x", "go/1x", "go/1@", "jvm/1",
                           "go/-1", "go/99999999999999999999"})
    CHECK_MESSAGE(!parse_task_id(*tables, text), text);
}

TEST_CASE("a document goes out in pieces until nobody wants more") {
  SnapshotBuilder b;
  for (std::uint64_t id = 1; id <= 5000; ++id) b.task(id);
  const Report report = report_of(b.build(), {});
  for (const bool pretty : {false, true}) {
    std::size_t pieces = 0;
    std::string whole;
    CHECK(write_json(report, {.pretty = pretty}, [&](std::string_view piece) {
      ++pieces;
      whole += piece;
      return true;
    }));
    CHECK(pieces > 1);
    CHECK(Json::parse(whole).at("tasks").size() == 5000);
    CHECK(whole.ends_with("}\n"));
  }
  int taken = 0;
  CHECK_FALSE(write_json(report, {},
                         [&taken](std::string_view) { return ++taken < 1; }));
  CHECK(taken == 1);
}

TEST_CASE("pretty is the same document") {
  const Report report = sample_report();
  CHECK(json_of(report, {.pretty = true}) == json_of(report));
  const std::string pretty = render_json(report, {.pretty = true});
  CHECK(pretty.starts_with("{\n  \"schema\": 1,\n  \"epoch\": 7,\n"));
  CHECK(pretty.ends_with("\n  \"cycles\": [],\n  \"roots\": []\n}\n"));
}

TEST_CASE("bytes that are not UTF-8 stay a valid document") {
  SnapshotBuilder b;
  b.task(1).created_at = b.frame("main.\xff\xc3(", "\xed\xa0\x80.go", 1);
  b.tasks[0].labels = b.labels({{"k\x01", "\x80"}});
  b.at.target.exe = "/\xfe";
  b.at.coverage.notes = {"\xc0\xaf"};
  b.blocked(2, b.reason("r\xff", WaitKind::kUnknown), FrameId::none(),
            b.frame("\xf8"), since(1, WaitStartSource::kEvent));
  const Json json = json_of(report_of(b.build(), {}));
  CHECK(json.at("tasks")[0].at("created_by").at("function") ==
        "main.\xef\xbf\xbd\xef\xbf\xbd(");
}

TEST_CASE("ids that point nowhere cost a fact, not the document") {
  SnapshotBuilder b;
  Task& task = b.task(1);
  task.stack = StackId{99};
  task.labels = LabelsId{99};
  task.id.runtime = 9;
  auto broken = std::make_shared<Snapshot>(*b.build());
  auto empty = std::make_shared<SnapshotTables>();
  empty->runtimes = broken->tables->runtimes;
  broken->tables = empty;
  broken->sites.clear();
  Report report;
  report.snapshot = broken;
  const Json json = json_of(report);
  CHECK(json.at("tasks")[0].at("id") == "unknown/1");
  CHECK(json.at("tasks")[0].at("site").is_null());
}
