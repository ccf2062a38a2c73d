// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The body of /metrics, read back by a parser: names, labels, values and the
// differences between the two formats.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "parse_metrics.h"
#include "sample_report.h"
#include "view/exposition.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

std::string rendered(const std::vector<const Report*>& reports,
                     MetricsFormat format, std::size_t max_sites = 50,
                     const DaemonFacts& facts = sample_facts()) {
  return render_metrics(reports, facts,
                        {.format = format, .max_sites = max_sites});
}

ParsedMetrics parsed(const Report& report,
                     MetricsFormat format = MetricsFormat::kPrometheusText,
                     std::size_t max_sites = 50) {
  const ParsedMetrics metrics =
      parse_metrics(rendered({&report}, format, max_sites));
  CHECK_MESSAGE(metrics.error.empty(), metrics.error);
  return metrics;
}

double sum_of(const ParsedMetrics& metrics, const std::string& family) {
  double sum = 0;
  for (const ParsedSample& s : metrics.families.at(family).samples)
    sum += s.value;
  return sum;
}

}  // namespace

TEST_CASE("tasks by state, created less finished, and the working ones") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK(m.value("taskleak_tasks", {{"state", "blocked"}}) == 6);
  CHECK(m.value("taskleak_tasks", {{"state", "running"}}) == 1);
  CHECK(m.value("taskleak_tasks", {{"state", "unknown"}}) == 1);
  CHECK(sum_of(m, "taskleak_tasks") == 10);
  CHECK(m.value("taskleak_system_tasks") == 1);
  CHECK(m.value("taskleak_tasks_created_total") == 120);
  CHECK(m.value("taskleak_tasks_finished_total") == 110);
  CHECK(m.value("taskleak_working_tasks") == 8);
}

TEST_CASE("blocked tasks by kind of wait, zeros included") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK(m.value("taskleak_blocked_tasks", {{"wait", "channel"}}) == 2);
  CHECK(m.value("taskleak_blocked_tasks", {{"wait", "nil_channel"}}) == 1);
  CHECK(m.value("taskleak_blocked_tasks", {{"wait", "mutex"}}) == 0);
  CHECK(sum_of(m, "taskleak_blocked_tasks") == 6);
}

TEST_CASE("every leak verdict is there, also when nothing leaks") {
  const ParsedMetrics leaky = parsed(sample_report());
  const ParsedMetrics clean = parsed(report_of(sample_snapshot(), {}));
  for (const char* verdict : {"suspect", "probable", "proven"}) {
    CHECK(leaky.value("taskleak_leaked_tasks", {{"verdict", verdict}}) == 1);
    CHECK(clean.value("taskleak_leaked_tasks", {{"verdict", verdict}}) == 0);
    CHECK(clean.value("taskleak_leaks_detected_total",
                      {{"verdict", verdict}}) == 0);
  }
}

TEST_CASE("sites beyond the limit are summed in other, none is lost") {
  const Report report = sample_report();
  const ParsedMetrics all = parsed(report);
  const ParsedMetrics two = parsed(report, MetricsFormat::kPrometheusText, 2);
  CHECK(all.families.at("taskleak_site_tasks").samples.size() ==
        report.snapshot->sites.size() + 1);
  CHECK(all.value("taskleak_site_tasks", {{"site", "other"}}) == 0);
  CHECK(two.families.at("taskleak_site_tasks").samples.size() == 3);
  CHECK(sum_of(two, "taskleak_site_tasks") == 10);
  CHECK(sum_of(two, "taskleak_site_leaked_tasks") == 3);
  // The two series go to the sites that leak, not to the largest.
  CHECK(two.value("taskleak_site_leaked_tasks",
                  {{"site", "other"}, {"verdict", "proven"}}) == 0);
}

TEST_CASE("a site's labels say where, and survive every character") {
  const ParsedMetrics m = parsed(sample_report());
  bool seen = false;
  for (const ParsedSample& s : m.families.at("taskleak_site_tasks").samples) {
    if (!s.labels.contains("wait_reason")) continue;
    if (s.labels.at("wait_reason") != "chan receive (nil chan)") continue;
    seen = true;
    CHECK(s.labels.at("created_at") == "main.serve main.go:42");
    CHECK(s.labels.at("blocked_at") ==
          "main.(*Pool[\"x\\y\"]).run p\\q\".go:9");
  }
  CHECK(seen);
}

TEST_CASE("the oldest wait's start is the latest that it can have been") {
  SnapshotBuilder b;
  const FrameId f = b.frame("main.f", "f.go", 1);
  b.blocked(1, b.reason("chan send", WaitKind::kChannel), f, f,
            since(300, WaitStartSource::kRuntime, 110));
  const Report report = report_of(b.build(), {});
  const ParsedMetrics m = parsed(report);
  CHECK(m.value("taskleak_oldest_wait_start_timestamp_seconds",
                {{"site", report.snapshot->sites[0].id}}) ==
        doctest::Approx(1767323045.678 - 190));
  const auto& samples =
      m.families.at("taskleak_oldest_wait_start_timestamp_seconds").samples;
  CHECK(samples[0].number == "1767322855.678");
}

TEST_CASE("waits by reason: cumulative buckets in powers of two") {
  const ParsedMetrics m = parsed(sample_report());
  const auto bucket = [&](const char* le) {
    return m.value("taskleak_wait_duration_seconds_bucket",
                   {{"wait_reason", "chan receive"}, {"le", le}});
  };
  CHECK(bucket("2e-06") == 0);
  CHECK(bucket("0.002048") == 2);
  CHECK(bucket("0.004096") == 2);
  CHECK(bucket("0.008192") == 3);
  CHECK(bucket("134.217728") == 3);
  CHECK(bucket("+Inf") == 3);
  CHECK(m.value("taskleak_wait_duration_seconds_count",
                {{"wait_reason", "chan receive"}}) == 3);
  CHECK(m.value("taskleak_wait_duration_seconds_sum",
                {{"wait_reason", "chan receive"}}) == doctest::Approx(0.007));
}

TEST_CASE("what was lost, torn, refused and spent is published") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK(m.value("taskleak_events_lost_total", {{"stage", "recursion"}}) == 1);
  CHECK(m.value("taskleak_snapshot_torn_tasks_total") == 3);
  CHECK(m.value("taskleak_probe_attached", {{"probe", "go.newproc1"}}) == 1);
  CHECK(m.value("taskleak_probe_attached", {{"probe", "go.gopark"}}) == 0);
  CHECK(m.value("taskleak_probe_hits_total", {{"probe", "go.gopark"}}) == 7);
  CHECK(m.value("taskleak_overhead_ratio", {{"who", "target"}}) == 0.007);
  CHECK(m.value("taskleak_count_drift_tasks") == -2);
  CHECK(m.value("taskleak_count_uncertainty_tasks") == 4);
  CHECK(m.value("taskleak_snapshot_epoch") == 7);
  CHECK(m.value("taskleak_snapshot_duration_seconds") == 0.004);
}

TEST_CASE("what is not known is left out, not made up") {
  SnapshotBuilder b;
  b.task(1);
  const ParsedMetrics m = parsed(report_of(b.build(), {}));
  CHECK(std::isnan(m.value("taskleak_count_drift_tasks")));
  CHECK_FALSE(m.families.contains("taskleak_overhead_ratio"));
  CHECK_FALSE(m.families.contains("taskleak_wait_duration_seconds"));
  CHECK_FALSE(m.families.contains("taskleak_wait_cycles"));
  DaemonFacts bare = sample_facts();
  bare.process.reset();
  const ParsedMetrics daemon =
      parse_metrics(rendered({}, MetricsFormat::kPrometheusText, 50, bare));
  CHECK_FALSE(daemon.families.contains("process_open_fds"));
  CHECK(daemon.families.contains("taskleak_build_info"));
}

TEST_CASE("of tasks that were only counted nothing else is claimed") {
  const ParsedMetrics metrics = parsed(counted_report());
  CHECK(sum_of(metrics, "taskleak_tasks") == 1234);
  CHECK(sum_of(metrics, "taskleak_working_tasks") == 1234);
  for (const char* family :
       {"taskleak_system_tasks", "taskleak_tasks_created_total",
        "taskleak_tasks_finished_total", "taskleak_blocked_tasks",
        "taskleak_leaked_tasks", "taskleak_site_tasks"}) {
    CAPTURE(family);
    const auto found = metrics.families.find(family);
    CHECK((found == metrics.families.end() || found->second.samples.empty()));
  }
}

TEST_CASE("the interval between epochs, and what decides over it") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK(m.families.at("taskleak_epoch_interval_seconds").samples[0].value == 1);
  const auto& reasons = m.families.at("taskleak_epoch_interval_reason").samples;
  REQUIRE(reasons.size() == 2);
  for (const ParsedSample& s : reasons)
    CHECK(s.value == (s.labels.at("reason") == "budget" ? 1 : 0));
}

TEST_CASE("every series of a target has pid and runtime") {
  const ParsedMetrics m = parsed(sample_report());
  for (const auto& [name, family] : m.families) {
    const bool of_daemon = !name.starts_with("taskleak_") ||
                           name.starts_with("taskleak_epoch_interval") ||
                           name == "taskleak_build_info";
    if (of_daemon) continue;
    for (const ParsedSample& s : family.samples) {
      CHECK_MESSAGE(s.labels.at("pid") == "4242", name);
      CHECK_MESSAGE(s.labels.at("runtime") == "go", name);
    }
  }
}

TEST_CASE("two targets share each family, once") {
  const Report one = sample_report();
  SnapshotBuilder b;
  b.at.target.pid = 7;
  b.task(1);
  const Report two = report_of(b.build(), {});
  const ParsedMetrics m =
      parse_metrics(rendered({&one, &two}, MetricsFormat::kOpenMetrics));
  CHECK_MESSAGE(m.error.empty(), m.error);
  CHECK(m.families.at("taskleak_target_up").samples.size() == 2);
  CHECK(sum_of(m, "taskleak_tasks") == 11);
}

TEST_CASE("a target that is gone is down and claims no counts") {
  const Report report = sample_report();
  DaemonFacts facts = sample_facts();
  facts.targets_down = {{4242, "exited"}, {99, "no such process"}};
  const ParsedMetrics m = parse_metrics(
      rendered({&report}, MetricsFormat::kOpenMetrics, 50, facts));
  CHECK_MESSAGE(m.error.empty(), m.error);
  CHECK(m.families.at("taskleak_target_up").samples.size() == 2);
  CHECK(sum_of(m, "taskleak_target_up") == 0);
  CHECK(m.value("taskleak_snapshot_epoch") == 7);
  CHECK_FALSE(m.families.contains("taskleak_tasks"));
}

TEST_CASE("target_info carries the facts and the allowed labels") {
  SnapshotBuilder b;
  b.at.target.labels = {{"service.name", "shop"},
                        {"__x", "hidden"},
                        {"9", "nine"},
                        {"exe", "forged"},
                        {"---", "nameless"}};
  b.task(1);
  const ParsedMetrics m = parsed(report_of(b.build(), {}));
  const auto& labels =
      m.families.at("taskleak_target_info").samples.at(0).labels;
  CHECK(labels ==
        std::map<std::string, std::string>{{"pid", "4242"},
                                           {"runtime", "go"},
                                           {"exe", "/srv/shop"},
                                           {"build_id", "c0ffee"},
                                           {"runtime_version", "go1.26.8"},
                                           {"service_name", "shop"},
                                           {"x", "hidden"}});
}

TEST_CASE("the daemon tells of itself") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK(m.value("process_cpu_seconds_total") == 1.25);
  CHECK(m.value("process_resident_memory_bytes") == 20'000'000);
  CHECK(m.value("process_max_fds") == 1024);
  CHECK(m.value("process_start_time_seconds") ==
        doctest::Approx(1767323015.678));
  CHECK(m.value("taskleak_build_info",
                {{"version", "0.1.0"}, {"revision", "abc123"}}) == 1);
}

TEST_CASE("OpenMetrics: EOF, units, families without suffix, exemplars") {
  const ParsedMetrics m = parsed(sample_report(), MetricsFormat::kOpenMetrics);
  CHECK(m.eof);
  CHECK(m.families.at("taskleak_tasks_created").type == "counter");
  CHECK(m.families.at("taskleak_target").type == "info");
  CHECK(m.families.at("process_cpu_seconds").unit == "seconds");
  for (const auto& [name, family] : m.families) {
    CHECK_MESSAGE(!family.help.empty(), name);
    CHECK_MESSAGE((family.unit.empty() || name.ends_with("_" + family.unit)),
                  name);
    for (const ParsedSample& s : family.samples)
      CHECK_MESSAGE((s.exemplar.empty() || family.type == "counter"), name);
  }
  bool seen = false;
  for (const ParsedSample& s : m.families.at("taskleak_leaks_detected").samples)
    if (s.labels.at("verdict") == "proven") {
      seen = true;
      CHECK(s.exemplar.at("task") == "go/20");
    }
  CHECK(seen);
}

TEST_CASE("Prometheus text: no EOF, no unit, no exemplar, no info type") {
  const ParsedMetrics m = parsed(sample_report());
  CHECK_FALSE(m.eof);
  CHECK(m.families.at("taskleak_tasks_created_total").type == "counter");
  CHECK(m.families.at("taskleak_target_info").type == "gauge");
  for (const auto& [name, family] : m.families) {
    CHECK(family.unit.empty());
    for (const ParsedSample& s : family.samples) CHECK(s.exemplar.empty());
  }
}

TEST_CASE("two sites with one id do not void the scrape") {
  SnapshotBuilder b;
  const FrameId f = b.frame("main.f", "f.go", 1);
  const ReasonId send = b.reason("chan send", WaitKind::kChannel);
  b.blocked(1, send, f, f, since(5, WaitStartSource::kEvent));
  b.task(2);
  auto twin = std::make_shared<Snapshot>(*b.build());
  twin->sites[1].id = twin->sites[0].id;
  const ParsedMetrics m = parsed(report_of(twin, {}));
  CHECK(sum_of(m, "taskleak_site_tasks") == 2);
}

TEST_CASE("numbers as the formats write them") {
  CHECK(seconds_text(0) == "0");
  CHECK(seconds_text(1'500'000'000) == "1.5");
  CHECK(seconds_text(-1) == "-0.000000001");
  Exposition out(MetricsFormat::kOpenMetrics);
  out.family({"x", MetricType::kGauge, "", "help"});
  out.sample(LabelSet().with("a", "1"), std::nan(""));
  out.sample(LabelSet().with("a", "2"), -1.0 / 0.0);
  const ParsedMetrics m = parse_metrics(out.finish());
  CHECK(m.families.at("x").samples[0].number == "NaN");
  CHECK(m.families.at("x").samples[1].number == "-Inf");
}

TEST_CASE("docs/metrics.md names every family there is") {
  std::ifstream file(TASKLEAK_DOCS "/metrics.md");
  std::stringstream docs;
  docs << file.rdbuf();
  const ParsedMetrics m = parsed(sample_report());
  for (const auto& [name, family] : m.families)
    CHECK_MESSAGE(docs.str().find('`' + name) != std::string::npos, name);
}

TEST_CASE("OpenMetrics is sent only to who asks for it by name") {
  const auto open = [](const char* accept) {
    return negotiate_metrics(accept) == MetricsFormat::kOpenMetrics;
  };
  CHECK(
      open("application/openmetrics-text;version=1.0.0,"
           "application/openmetrics-text;version=0.0.1;q=0.75,"
           "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  CHECK(
      open("Application/OpenMetrics-Text; version=\"1.0.0\"; "
           "escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5"));
  CHECK(open("application/openmetrics-text"));
  CHECK_FALSE(open(""));
  CHECK_FALSE(open("*/*"));
  CHECK_FALSE(open("application/*"));
  CHECK_FALSE(open("text/html,application/xhtml+xml,*/*;q=0.8"));
  CHECK_FALSE(open("application/openmetrics-text;version=2.0.0,*/*;q=0.1"));
  CHECK_FALSE(open("application/openmetrics-text;q=0"));
  CHECK_FALSE(open("application/openmetrics-text;q=0.3,text/plain"));
  CHECK_FALSE(open("application/openmetrics-text;q=junk,,;;=,"));
}
