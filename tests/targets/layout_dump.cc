// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Prints what we hold of a Go binary: its version, the source that find_layout
// takes, and every field by each source, "dwarf g.goid 152", for tests and for
// the developer of the Go plug-in.
//   layout_dump EXECUTABLE
#include <fcntl.h>
#include <fmt/format.h>

#include <cstdio>

#include "base/fd.h"
#include "probes/go/build_info.h"
#include "probes/go/layout.h"

namespace {

using namespace taskleak;

void print(const char* source, const Result<GoLayout>& found) {
  if (!found) {
    fmt::print("{} none: {}\n", source, found.error().message());
    return;
  }
  // A field whose name changed stands in the list twice; once is enough.
  std::string last;
#define FIELD(group, field, path, first, last_minor)                         \
  if (last != #group "." #field && GoLayout::has(found->group.field))        \
    fmt::print("{} {} {}\n", source, #group "." #field, found->group.field); \
  last = #group "." #field;
#include "probes/go/layout_fields.inc"
#undef FIELD
}

Status dump(const char* path) {
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_os(path, errno);
  TRY(const ElfFile elf, ElfFile::open(file.get()));
  TRY(const GoBuildInfo info, read_build_info(elf));
  TRY(const GoVersion version, GoVersion::parse(info.version));
  fmt::print("version {}\nbuild_id {}\nmodule {}\n", info.version,
             elf.build_id(), info.main_module);
  TRY(const GoLayout taken, find_layout(file.get(), version));
  fmt::print("source {}\n", taken.source);
  print("dwarf", layout_from_dwarf(file.get(), version));
  print("table", layout_from_table(version));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: layout_dump EXECUTABLE\n");
    return 2;
  }
  const Status status = dump(argv[1]);
  if (status) return 0;
  fmt::print(stderr, "layout_dump: {}\n", status.error().message());
  return 1;
}
