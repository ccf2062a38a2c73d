// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The line table of a made-up program: places, inlined calls, frame sizes; and
// what a file that lies gets.
#include "probes/go/pclntab.h"

#include <doctest/doctest.h>

#include "tests/unit/go/fake_code.h"

using namespace taskleak;

namespace {

constexpr GoVersion kNew{26, 8};
/// The newest with the tables' other form.
constexpr GoVersion kOld{19, 13};

GoLayout layout(GoVersion version = kNew) {
  return layout_from_table(version).value();
}

Image image_of(const TestElf& file) {
  return Image::of(file.open().value(), 0).value();
}

Result<Pclntab> table_of(const Image& image, GoVersion version = kNew) {
  return Pclntab::open(image, layout(version), version,
                       Addr{FakeCode::kModuledata});
}

struct Program {
  explicit Program(FakeCode code, GoVersion of = kNew)
      : version(of), file(code.build()), image(image_of(file)) {}
  Result<Pclntab> table() const { return table_of(image, version); }
  GoVersion version;
  TestElf file;
  Image image;
};

FakeCode two_functions(GoVersion version = kNew) {
  FakeCode code(layout(version));
  code.add({"runtime.gopark", 0x40});
  code.add({"main.outer", 0x28, 0, "main.inner"});
  return code;
}

}  // namespace

TEST_CASE("an address belongs to the function that begins before it") {
  const FakeCode code = two_functions();
  const Program program(code);
  const Pclntab table = program.table().value();
  const std::uint64_t outer = code.at("main.outer");
  CHECK(table.name(*table.find(outer)) == "main.outer");
  CHECK(table.name(*table.find(outer - 1)) == "runtime.gopark");
  CHECK(table.find(outer)->entry == outer);
  CHECK_FALSE(table.find(FakeCode::kText - 1));
  CHECK_FALSE(table.find(outer + FakeCode::kFunctionBytes));
}

TEST_CASE("an inlined call is a frame of its own, innermost first") {
  for (const GoVersion version : {kOld, kNew}) {
    CAPTURE(version.minor);
    const FakeCode code = two_functions(version);
    const Program program(code, version);
    const Pclntab table = program.table().value();
    const std::uint64_t outer = code.at("main.outer");
    const auto places = table.places(*table.find(outer), outer + 0x90);
    REQUIRE(places.size() == 2);
    CHECK(places[0].function == "main.inner");
    CHECK(places[0].line == 16);
    CHECK_FALSE(places[0].wrapper);
    CHECK(places[1].function == "main.outer");
    CHECK(places[1].line == 11);
    CHECK(places[1].file == "/app/main.go");
    CHECK(table.places(*table.find(outer), outer + 0x10).size() == 1);
  }
}

TEST_CASE("a table in the form of other versions is refused") {
  const FakeCode code = two_functions(kOld);
  const Program program(code, kOld);
  CHECK(Pclntab::open(program.image, layout(kOld), {20, 14},
                      Addr{FakeCode::kModuledata})
            .error()
            .code() == Errc::kUnsupported);
}

TEST_CASE("a frame has its size behind the prologue, none before") {
  const FakeCode code = two_functions();
  const Program program(code);
  const Pclntab table = program.table().value();
  const auto outer = *table.find(code.at("main.outer"));
  CHECK(table.frame_bytes(outer, outer.entry) == 0);
  CHECK(table.frame_bytes(outer, outer.entry + 0x10) == 0x28);
}

TEST_CASE("a table that does not fit the file is refused") {
  const FakeCode code = two_functions();
  const TestElf file = code.build();
  std::string bytes = file.bytes();
  SUBCASE("another magic number") {
    const std::uint32_t magic = 0xfffffff1;
    const std::size_t at =
        bytes.find(std::string(reinterpret_cast<const char*>(&magic), 4));
    bytes[at] = 0;
    const TestElf broken(bytes);
    const Image image = image_of(broken);
    const auto table = table_of(image);
    REQUIRE_FALSE(table);
    CHECK(table.error().code() == Errc::kUnsupported);
  }
  SUBCASE("moduledata outside of the file") {
    const Image image = image_of(file);
    CHECK_FALSE(Pclntab::open(image, layout(), {26, 8}, Addr{0x12340000}));
  }
  SUBCASE("every single byte of the tables flipped") {
    // Whatever comes out, it ends, and no read leaves the file.
    for (std::size_t i = 0x400; i < bytes.size(); i += 1) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ 0xff);
      const TestElf broken(flipped);
      auto elf = broken.open();
      if (!elf) continue;
      const auto image = Image::of(std::move(*elf), 0);
      if (!image) continue;
      const auto table = table_of(*image);
      if (!table) continue;
      for (std::uint64_t pc = FakeCode::kText; pc < FakeCode::kText + 0x200;
           pc += 0x48)
        if (const auto function = table->find(pc); function) {
          CHECK(table->places(*function, pc).size() <=
                Pclntab::kMaxInlineDepth);
          table->frame_bytes(*function, pc);
        }
    }
  }
}
