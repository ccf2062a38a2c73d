// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Prints one view of one of the test reports, for readers that are not ours:
// check_formats.py, or a person's eye.
#include <cstdio>
#include <string_view>

#include "sample_report.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

std::string rendered(std::string_view view, const Report& report) {
  const Report* const reports[] = {&report};
  if (view == "text") return render_text(report, {});
  if (view == "color") return render_text(report, {.color = true});
  if (view == "json") return render_json(report, {});
  if (view == "page") return render_page(reports, sample_facts());
  if (view == "metrics")
    return render_metrics(reports, sample_facts(),
                          {.format = MetricsFormat::kPrometheusText});
  if (view == "openmetrics")
    return render_metrics(reports, sample_facts(),
                          {.format = MetricsFormat::kOpenMetrics});
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs(
        "usage: render-sample text|color|json|page|metrics|openmetrics "
        "sample|shop\n",
        stderr);
    return 2;
  }
  const Report report =
      std::string_view(argv[2]) == "shop" ? shop_report() : sample_report();
  const std::string text = rendered(argv[1], report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return text.empty() ? 2 : 0;
}
