// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <doctest/doctest.h>

#include <vector>

using namespace taskleak;

namespace {

ParsedOptions parse(std::vector<const char*> words) {
  words.insert(words.begin(), "task-leakd");
  return parse_options(static_cast<int>(words.size()), words.data());
}

}  // namespace

TEST_CASE("durations are read with their units, and summed") {
  CHECK(parse_duration("0").value() == 0);
  CHECK(parse_duration("500ms").value() == 500'000'000);
  CHECK(parse_duration("1m30s").value() == 90'000'000'000);
  CHECK(parse_duration("0.5s").value() == 500'000'000);
}

TEST_CASE("what is no duration is refused") {
  for (const char* text : {"", "3", "s", "-1s", "3 s", "1e9s", "nans", "infs",
                           "5x", "99999999999h"})
    CHECK_MESSAGE(!parse_duration(text), text);
}

TEST_CASE("a budget is a percentage or a ratio of one core") {
  CHECK(parse_ratio("1%").value() == doctest::Approx(0.01));
  CHECK(parse_ratio("0.02").value() == doctest::Approx(0.02));
  for (const char* text : {"", "%", "-1%", "200%", "2", "1%%", "nan", "x"})
    CHECK_MESSAGE(!parse_ratio(text), text);
}

TEST_CASE("a plain --pid gives the documented defaults") {
  const ParsedOptions parsed = parse({"--pid", "42"});
  REQUIRE(parsed.options);
  CHECK(parsed.options->pids == std::vector<std::int32_t>{42});
  CHECK(parsed.options->listen == "127.0.0.1:10190");
  CHECK(parsed.options->probes);
  CHECK_FALSE(parsed.options->once);
}

TEST_CASE("a zero budget is state alone") {
  const ParsedOptions parsed = parse({"--pid", "42", "--overhead-budget", "0"});
  REQUIRE(parsed.options);
  CHECK_FALSE(parsed.options->probes);
}

TEST_CASE("layout takes a file or a process, and nothing of the daemon's") {
  const ParsedOptions file = parse({"layout", "--exe", "/srv/shop"});
  REQUIRE(file.options);
  REQUIRE(file.options->layout);
  CHECK(file.options->layout->exe == "/srv/shop");
  CHECK(file.options->layout->format == OutputFormat::kText);
  const ParsedOptions process =
      parse({"layout", "--pid", "7", "--format", "json"});
  REQUIRE(process.options);
  CHECK(process.options->layout->pid == 7);
  CHECK(process.options->layout->format == OutputFormat::kJson);
  CHECK_FALSE(parse({"--pid", "7"}).options->layout);
}

TEST_CASE("a mistake is one line and exit status 2") {
  const std::vector<std::vector<const char*>> mistakes = {
      {},
      {"--pid", "0"},
      {"--pid", "x"},
      {"--pid", "1", "--interval", "1ms"},
      {"--pid", "1", "--pid", "1"},
      {"--pid", "1", "--pid", "2", "--once"},
      {"--pid", "1", "--format", "xml"},
      {"layout"},
      {"layout", "--exe", "a", "--pid", "1"},
      {"--pid", "1", "layout", "--exe", "a"},
      {"layout", "--exe", "a", "--once"},
      {"--pid", "1", "--nonsense"}};
  for (const auto& words : mistakes) {
    const ParsedOptions parsed = parse(words);
    CHECK_FALSE(parsed.options);
    CHECK(parsed.status == ExitStatus::kUsage);
    CHECK_MESSAGE(parsed.text.find('\n') == std::string::npos, parsed.text);
  }
}

TEST_CASE("--help and --version are no mistakes") {
  CHECK(parse({"--help"}).status == ExitStatus::kDone);
  CHECK(parse({"--help"}).text.find("--suspect-after") != std::string::npos);
  CHECK(parse({"--version"}).text.starts_with("task-leakd "));
}
