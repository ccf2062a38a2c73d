// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "serve/listen.h"

#include <doctest/doctest.h>

#include "serve/negotiate.h"

using namespace taskleak;

TEST_CASE("a listen address is host and port, with brackets around v6") {
  CHECK(parse_listen_address("127.0.0.1:10190")->host == "127.0.0.1");
  CHECK(parse_listen_address("127.0.0.1:10190")->port == 10190);
  CHECK(parse_listen_address("[::1]:0")->host == "::1");
  CHECK(parse_listen_address(":9100")->host.empty());
}

TEST_CASE("what is no listen address is a usage error that names the flag") {
  for (const char* text : {"", "10190", "localhost", "host:", "host:99999",
                           "host:-1", "host:12x", "::1:80", "http://x:80"}) {
    const auto parsed = parse_listen_address(text);
    REQUIRE_MESSAGE(!parsed, text);
    CHECK(parsed.error().code() == Errc::kUsage);
    CHECK(parsed.error().message().starts_with("--web.listen-address"));
  }
}

TEST_CASE("every address but loopback needs the flag that the error names") {
  for (const char* text : {":0", "0.0.0.0:0", "[::]:0"}) {
    const ListenAddress address = parse_listen_address(text).value();
    const auto refused = listen_on(address, false);
    REQUIRE_MESSAGE(!refused, text);
    CHECK(refused.error().code() == Errc::kUsage);
    CHECK(refused.error().message().find("--web.allow-remote") !=
          std::string::npos);
  }
  const auto open = listen_on({.host = "0.0.0.0"}, true);
  REQUIRE(open);
  CHECK_FALSE(open->loopback);
  CHECK(open->port != 0);
  CHECK(listen_on({.host = "localhost"}, false)->loopback);
}

TEST_CASE("an address that is not this machine's cannot be had") {
  const auto foreign = listen_on({.host = "192.0.2.1"}, true);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message().find("--web.listen-address") !=
        std::string::npos);
}

TEST_CASE("gzip is taken by name or star, unless its q is 0") {
  CHECK(accepts_gzip("gzip"));
  CHECK(accepts_gzip("deflate, GZIP ; q=0.1, br"));
  CHECK(accepts_gzip("*"));
  CHECK(accepts_gzip("identity;q=0.5, *;q=0.1"));
  CHECK_FALSE(accepts_gzip(""));
  CHECK_FALSE(accepts_gzip("br, deflate"));
  CHECK_FALSE(accepts_gzip("gzip;q=0, *"));
  CHECK_FALSE(accepts_gzip("*;q=0.000"));
  CHECK_FALSE(accepts_gzip("notgzip"));
}

TEST_CASE("the listen host itself is an allowed Host") {
  CHECK(host_allowed("Box.Internal:80", "box.internal"));
  CHECK(host_allowed("localhost.", ""));
  CHECK(host_allowed("127.8.9.1", ""));
  CHECK_FALSE(host_allowed("", ""));
  CHECK_FALSE(host_allowed(":80", ""));
  CHECK_FALSE(host_allowed("[::1", ""));
}
