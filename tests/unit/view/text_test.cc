// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The text report as a whole, beside golden files: run with TASKLEAK_ACCEPT=1
// to rewrite them, and read the diff. Then what no golden file can say: every
// wait has its advice, hostile names stay harmless, lines stay short.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sample_report.h"
#include "view/escape.h"
#include "view/words.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
  const std::string path = TASKLEAK_GOLDEN "/" + name + ".txt";
  if (std::getenv("TASKLEAK_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  CHECK_MESSAGE(text == golden.str(), path);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// The rest of the line that begins with "Look at:", its continuations joined.
std::string look_at(const Report& report) {
  const std::string text = render_text(report, {});
  const std::size_t begin = text.find("Look at:");
  if (begin == std::string::npos) return "";
  std::string words;
  std::istringstream rest(
      text.substr(begin + 8, text.find("\n\n", begin) - begin - 8));
  for (std::string word; rest >> word;) words += ' ' + word;
  return words;
}

/// A report of three tasks that wait for `reason`, all leaked.
Report leak_of(const std::string& reason, WaitKind kind,
               const std::vector<ObjectRef>& objects) {
  SnapshotBuilder b;
  const FrameId f = b.frame("main.f", "/src/shop/f.go", 7);
  const ReasonId id = b.reason(reason, kind);
  std::map<std::uint64_t, Verdict> verdicts;
  for (std::uint64_t raw = 1; raw <= 3; ++raw) {
    std::vector<ObjectRef> own;
    if (!objects.empty()) own = {objects[(raw - 1) % objects.size()]};
    b.blocked(raw, id, f, f, since(90, WaitStartSource::kEvent), own);
    verdicts[raw] = Verdict::kSuspect;
  }
  return report_of(b.build(), verdicts);
}

Report quiet_report() {
  SnapshotBuilder b;
  const FrameId f = b.frame("main.f", "/src/f.go", 7);
  b.blocked(1, b.reason("chan receive", WaitKind::kChannel), f, f,
            since(90'061, WaitStartSource::kEvent), {{9, WaitKind::kChannel}});
  b.task(2);
  return report_of(b.build(), {});
}

}  // namespace

TEST_CASE("the reports that people see") {
  check_golden("sample", render_text(sample_report(), {}));
  check_golden("shop", render_text(shop_report(), {}));
  check_golden("shop-color", render_text(shop_report(), {.color = true}));
  check_golden("shop-one-site", render_text(shop_report(), {.max_sites = 1}));
  check_golden("quiet", render_text(quiet_report(), {}));
}

TEST_CASE("the first line is the answer") {
  CHECK(first_line(render_text(shop_report(), {})) ==
        "pid 4242 shop (go1.26.8): 1,234 tasks, 1,198 blocked, 1,152 suspected "
        "leaked (oldest ≥ 3m12s)");
  CHECK(first_line(render_text(quiet_report(), {})) ==
        "pid 4242 shop (go1.26.8): 2 tasks, 1 blocked, no leak");
}

TEST_CASE("tasks that were only counted are not called healthy") {
  const Report report = counted_report();
  const std::string text = render_text(report, {});
  CHECK(text.starts_with(
      "pid 1 shop (go1.28.0): 1,234 tasks, counted only: none of them can be "
      "read\n"));
  CHECK(text.find("created") == std::string::npos);
  CHECK(text.find("tasks are only counted") != std::string::npos);
}

TEST_CASE("advice follows from what is waited for") {
  const ObjectRef a{0xa0, WaitKind::kChannel};
  const ObjectRef b{0xb0, WaitKind::kChannel};
  const ObjectRef c{0xc0, WaitKind::kChannel};
  const std::pair<Report, const char*> cases[] = {
      {leak_of("chan send", WaitKind::kChannel, {a}),
       "sends on chan/0xa0 that nobody receives"},
      {leak_of("chan send", WaitKind::kChannel, {a, b, c}),
       "sends on a channel of its own that nobody receives"},
      {leak_of("chan receive", WaitKind::kChannel, {a, a, c}),
       "receives on chan/0xa0 that nobody sends on or closes"},
      {leak_of("chan receive", WaitKind::kChannel, {a, b, c}),
       "receives on a channel of its own"},
      {leak_of("chan send (nil chan)", WaitKind::kNilChannel, {}),
       "nil channel"},
      {leak_of("select", WaitKind::kSelect, {a}), "ctx.Done()"},
      {leak_of("select (no cases)", WaitKind::kSelect, {}), "without cases"},
      {leak_of("sync.Mutex.Lock", WaitKind::kMutex, {{0x10, WaitKind::kMutex}}),
       "waits for mutex/0x10 that another task holds"},
      {leak_of("sync.RWMutex.RLock", WaitKind::kRwMutex, {}), "Unlock"},
      {leak_of("sync.WaitGroup.Wait", WaitKind::kWaitGroup, {}), "Done"},
      {leak_of("sync.Cond.Wait", WaitKind::kCond, {}), "Broadcast"},
      {leak_of("sleep", WaitKind::kTimer, {}), "end its loop"},
      {leak_of("IO wait", WaitKind::kFd, {{7, WaitKind::kFd}}),
       "ls -l /proc/4242/fd/7"},
      {leak_of("coroutine", WaitKind::kUnknown, {}), "waits (coroutine)"},
  };
  for (const auto& [report, words] : cases) {
    const std::string advice = look_at(report);
    CHECK_MESSAGE(advice.find(words) != std::string::npos, advice);
    CHECK_MESSAGE(advice.find("shop/f.go:7") != std::string::npos, advice);
  }
  CHECK(look_at(quiet_report()).empty());
}

TEST_CASE("a name of the target cannot steer the terminal or the page") {
  SnapshotBuilder b;
  const FrameId evil =
      b.frame("main.\x1b[2J<script>\xff\u202e\n", "e\"vil.go", 1);
  b.blocked(1, b.reason("\x1b]0;x\x07 & wait", WaitKind::kUnknown), evil, evil,
            since(90, WaitStartSource::kEvent));
  b.at.target.exe = "/srv/\x1b[31mshop<b>";
  b.at.coverage.notes = {"note \x1b[0m<i>"};
  const Report report = report_of(b.build(), {{1, Verdict::kSuspect}});
  const Report* const reports[] = {&report};
  const std::string text = render_text(report, {});
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\u202e") == std::string::npos);
  const std::string page = render_page(reports, sample_facts());
  for (const char* tag : {"<script>", "<b>", "<i>", "\x1b"})
    CHECK_MESSAGE(page.find(tag) == std::string::npos, tag);
  CHECK(page.find("main.?[2J&lt;script&gt;") != std::string::npos);
}

TEST_CASE("ordinary reports stay within 100 columns") {
  for (const Report& report : {sample_report(), shop_report()}) {
    std::istringstream lines(render_text(report, {}));
    std::string line;
    std::getline(lines, line);  // the answer may be long
    while (std::getline(lines, line)) CHECK_MESSAGE(line.size() <= 102, line);
  }
}

TEST_CASE("the page without a target says so, and names those that are down") {
  CHECK(render_page({}, sample_facts()).find("No snapshot") !=
        std::string::npos);
  DaemonFacts facts = sample_facts();
  facts.targets_down = {{99, "no such <process>"}};
  CHECK(render_page({}, facts).find("Down: no such &lt;process&gt;.") !=
        std::string::npos);
}

TEST_CASE("numbers, durations and paths as a person reads them") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(duration_text(-5) == "0.0ms");
  CHECK(duration_text(420'000) == "0.4ms");
  CHECK(duration_text(12'900'000) == "12ms");
  CHECK(duration_text(950'000'000) == "950ms");
  CHECK(duration_text(192'000'000'000) == "3m12s");
  CHECK(duration_text(7'500'000'000'000) == "2h05m");
  CHECK(duration_text(90'061'000'000'000) == "1d01h");
  CHECK(last_elements("/src/shop/main.go", 2) == "shop/main.go");
  CHECK(last_elements("/main.go", 2) == "main.go");
  CHECK(last_elements("main.go", 2) == "main.go");
  CHECK(last_elements("", 2).empty());
}

TEST_CASE("an age is what is certain, and says when it may be more") {
  SnapshotBuilder b;
  b.task(1);
  const auto snapshot = b.build();
  const auto age = [&](double s, WaitStartSource source, double slack) {
    WaitStart wait = since(s, source, slack);
    if (slack < 0) wait.uncertainty_ns = -1;
    return age_text(age_of(*snapshot, wait).value());
  };
  CHECK(age(192, WaitStartSource::kEvent, 0) == "3m12s");
  CHECK(age(300, WaitStartSource::kRuntime, 110) == "≥ 3m10s");
  CHECK(age(300, WaitStartSource::kRuntime, 0.5) == "4m59s");
  CHECK(age(192, WaitStartSource::kFirstSeen, 60) == "≥ 3m12s");
  CHECK(age(192, WaitStartSource::kFirstSeen, -1) == "≥ 3m12s");
  CHECK(age(0, WaitStartSource::kFirstSeen, -1) == "not known");
  CHECK_FALSE(age_of(*snapshot, WaitStart{}).has_value());
}

TEST_CASE("escapes cut at characters and replace what is not UTF-8") {
  CHECK(valid_utf8("a\xc3\xa4\xff") == "a\xc3\xa4\xef\xbf\xbd");
  CHECK(valid_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(valid_utf8("\xf0\x80\x80\x80").starts_with("\xef\xbf\xbd"));
  CHECK(shortened("a\xc3\xa4z", 2) == "a…");
  CHECK(shortened("abc", 3) == "abc");
  CHECK(printable(std::string(1000, 'x')).size() == kMaxShownBytes + 3);
  CHECK(label_escaped("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
  CHECK(html_escaped("<a href='x'>&\"") ==
        "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  CHECK(json_quoted("\"\\\n\x01") == R"("\"\\\u000a\u0001")");
}
