// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Command line to Options with CLI11, whose exceptions end here. Every default
// that --help shows is read from the struct, so that the two cannot differ.
#include "daemon/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "daemon/version.h"

namespace taskleak {
namespace {

constexpr std::string_view kFooter = R"(
Ways to call it:
  sudo task-leakd --pid PID               watch it; http://127.0.0.1:10190/
  sudo task-leakd --pid PID --once        one snapshot as text, then exit
  sudo task-leakd --pid PID --once --format json --for 0
  task-leakd layout --exe PATH            what is found in a binary, and how

Exit status: 0 done, 2 usage, 3 target gone or refused, 4 missing capability.
Nothing of the target is written, stopped or signalled.)";

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
// "ms" before "m": the longer name is tried first.
constexpr std::array<Unit, 6> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

std::unexpected<Error> bad_duration(std::string_view text) {
  return fail(
      Errc::kUsage,
      fmt::format("'{}' is not a duration; write 500ms, 3s, 2m or 1h", text));
}

std::string duration_text(std::int64_t ns) {
  if (ns % 60'000'000'000 == 0 && ns != 0)
    return fmt::format("{}m", ns / 60'000'000'000);
  return fmt::format("{}s", ns / 1'000'000'000);
}

/// Raw words of the command line that need more than CLI11's own checks.
struct Words {
  std::string for_duration;
  std::string interval;
  std::string budget;
  std::string suspect_after;
  std::string format = "text";
  std::string log_level = "info";
  std::string log_format = "logfmt";
  bool no_probes = false;
  LayoutOptions layout;
  std::string layout_format = "text";
};

void add_what(CLI::App& app, Options& options, Words& words) {
  app.add_option("--pid", options.pids,
                 "process to watch; give it again for several")
      ->check(CLI::Range(1, std::numeric_limits<std::int32_t>::max()))
      ->type_name("PID");
  app.add_option("--path.procfs", options.procfs.root,
                 "where the targets' /proc is mounted; --pid is as it shows")
      ->type_name("DIR")
      ->default_str(options.procfs.root);
  app.add_flag("--once", options.once, "print one snapshot and exit");
  app.add_option("--for", words.for_duration,
                 "with --once: watch this long before the answer; 0 = one look")
      ->type_name("DURATION")
      ->default_str(duration_text(options.for_ns));
  app.add_option("--format", words.format, "with --once: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->default_str(words.format);
  app.add_option("--max-sites", options.max_sites,
                 "with --once --format text: sites to list")
      ->type_name("N")
      ->default_str(std::to_string(options.max_sites));
  app.add_option("--suspect-after", words.suspect_after,
                 "a task that waited this long and never ran is suspect")
      ->type_name("DURATION")
      ->default_str(duration_text(options.suspect_after_ns));
}

void add_cost(CLI::App& app, Options& options, Words& words) {
  app.add_option("--interval", words.interval, "time between two epochs")
      ->type_name("DURATION")
      ->default_str(duration_text(options.interval_ns));
  app.add_option("--overhead-budget", words.budget,
                 "share of one core that probes may cost the target, and "
                 "epochs the daemon")
      ->type_name("RATIO")
      ->default_str(fmt::format("{}%", options.overhead_budget * 100));
  app.add_flag("--no-probes", words.no_probes,
               "read state alone: no eBPF, no cost to the target");
  const auto bound = [&app](const char* name, std::uint32_t& value,
                            const char* what) {
    app.add_option(name, value, what)
        ->check(CLI::Range(1U, 1U << 24))
        ->type_name("N")
        ->default_str(std::to_string(value));
  };
  bound("--kernel.max-sites", options.kernel.sites,
        "bound of the kernel's map of creation sites");
  bound("--kernel.max-parks", options.kernel.parks,
        "bound of the kernel's map of parked tasks");
  bound("--kernel.max-waits", options.kernel.waits,
        "bound of the kernel's map of wait histograms");
}

void add_web_and_log(CLI::App& app, Options& options, Words& words) {
  app.add_option("--web.listen-address", options.listen,
                 "where to serve HTTP; port 0 takes a free one")
      ->type_name("HOST:PORT")
      ->default_str(options.listen);
  app.add_flag("--web.allow-remote", options.allow_remote,
               "serve on an address that is not loopback (no TLS, no "
               "authentication yet: anyone who reaches it can read)");
  app.add_option("--log.level", words.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->default_str(words.log_level);
  app.add_option("--log.format", words.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->type_name("FORMAT")
      ->default_str(words.log_format);
}

CLI::App* add_layout(CLI::App& app, Words& words) {
  CLI::App* layout = app.add_subcommand(
      "layout", "say what is found in an executable and by which way");
  auto* exe = layout->add_option("--exe", words.layout.exe, "the executable")
                  ->type_name("PATH");
  layout->add_option("--pid", words.layout.pid, "the process that runs it")
      ->check(CLI::Range(1, std::numeric_limits<std::int32_t>::max()))
      ->type_name("PID")
      ->excludes(exe);
  layout
      ->add_option("--path.procfs", words.layout.procfs.root,
                   "the /proc whose pids are meant")
      ->type_name("DIR")
      ->default_str(words.layout.procfs.root);
  layout->add_option("--format", words.layout_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->default_str(words.layout_format);
  return layout;
}

Status interpret_layout(const Words& words, Options& options) {
  if (!options.pids.empty())
    return fail(Errc::kUsage, "--pid belongs behind layout");
  options.layout = words.layout;
  if (options.layout->exe.empty() && options.layout->pid == 0)
    return fail(Errc::kUsage, "layout wants --exe PATH or --pid PID");
  options.layout->format =
      words.layout_format == "json" ? OutputFormat::kJson : OutputFormat::kText;
  return {};
}

LogLevel log_level(std::string_view word) {
  if (word == "debug") return LogLevel::kDebug;
  if (word == "warn") return LogLevel::kWarn;
  return word == "error" ? LogLevel::kError : LogLevel::kInfo;
}

Status take_duration(const std::string& word, const char* option,
                     std::int64_t& value) {
  if (word.empty()) return {};
  auto parsed = parse_duration(word);
  if (!parsed) return std::unexpected(std::move(parsed.error()).in(option));
  value = *parsed;
  return {};
}

Status interpret(const Words& words, Options& options) {
  constexpr std::int64_t kShortestIntervalNs = 100'000'000;
  if (options.pids.empty()) return fail(Errc::kUsage, "--pid is required");
  TRY(take_duration(words.for_duration, "--for", options.for_ns));
  TRY(take_duration(words.interval, "--interval", options.interval_ns));
  TRY(take_duration(words.suspect_after, "--suspect-after",
                    options.suspect_after_ns));
  if (options.interval_ns < kShortestIntervalNs)
    return fail(Errc::kUsage, "--interval: the shortest is 100ms");
  if (!words.budget.empty()) {
    auto ratio = parse_ratio(words.budget);
    if (!ratio)
      return std::unexpected(std::move(ratio.error()).in("--overhead-budget"));
    options.overhead_budget = *ratio;
  }
  if (options.once && options.pids.size() > 1)
    return fail(Errc::kUsage, "--once answers for one --pid at a time");
  std::ranges::sort(options.pids);
  if (std::ranges::adjacent_find(options.pids) != options.pids.end())
    return fail(Errc::kUsage, "--pid: the same process is named twice");
  options.format =
      words.format == "json" ? OutputFormat::kJson : OutputFormat::kText;
  options.log_level = log_level(words.log_level);
  options.log_format =
      words.log_format == "json" ? LogFormat::kJson : LogFormat::kLogfmt;
  options.probes = !words.no_probes && options.overhead_budget > 0;
  return {};
}

ParsedOptions usage_error(const std::string& text) {
  return {.options = std::nullopt,
          .text = fmt::format("task-leakd: {}; see task-leakd --help", text),
          .status = ExitStatus::kUsage};
}

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  double total_ns = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number,
                        std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(number) || number < 0)
      return bad_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto* const unit = std::ranges::find_if(
        kUnits, [rest](const Unit& u) { return rest.starts_with(u.name); });
    if (unit == kUnits.end()) return bad_duration(text);
    total_ns += number * static_cast<double>(unit->ns);
    rest.remove_prefix(unit->name.size());
  }
  constexpr double kLongestNs = 1e18;  // 31 years
  if (text.empty() || total_ns > kLongestNs) return bad_duration(text);
  return static_cast<std::int64_t>(total_ns);
}

Result<double> parse_ratio(std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view digits =
      percent ? text.substr(0, text.size() - 1) : text;
  double number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number,
                      std::chars_format::fixed);
  const double ratio = percent ? number / 100 : number;
  if (error != std::errc{} || end != digits.data() + digits.size() ||
      !(ratio >= 0 && ratio <= 1))
    return fail(
        Errc::kUsage,
        fmt::format("'{}' is no share of a core; write 1% or 0.01", text));
  return ratio;
}

ParsedOptions parse_options(int argc, const char* const* argv) {
  CLI::App app{
      "Says how many tasks (goroutines) a running process really has, which "
      "are blocked, on what, since when and who created them.",
      "task-leakd"};
  app.footer(std::string(kFooter));
  app.set_version_flag("--version", std::string(version_line()));
  Options options;
  Words words;
  add_what(app, options, words);
  add_cost(app, options, words);
  add_web_and_log(app, options, words);
  const CLI::App* layout = add_layout(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {.options = std::nullopt,
            .text = layout->parsed() ? layout->help() : app.help()};
  } catch (const CLI::CallForVersion& version) {
    return {.options = std::nullopt, .text = version.what()};
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  const Status status = layout->parsed() ? interpret_layout(words, options)
                                         : interpret(words, options);
  if (!status) return usage_error(status.error().message());
  return {.options = std::move(options), .text = {}};
}

}  // namespace taskleak
