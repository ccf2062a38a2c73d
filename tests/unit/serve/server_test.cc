// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The server over real loopback sockets, in this process: what a well-behaved
// client gets, and what one that is not gets instead.
#include "serve/server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "http_client.h"

using namespace taskleak;

namespace {

const std::string kLongBody(5000, 'x');

std::map<std::string, HttpHandler> sample_routes() {
  return {
      {"/short", [](const HttpRequest&) { return HttpResponse{.body = "hi"}; }},
      {"/long",
       [](const HttpRequest&) {
         HttpResponse response{.body = kLongBody};
         response.headers["Vary"] = "Accept";
         return response;
       }},
      {"/packed",
       [](const HttpRequest&) {
         HttpResponse response{.body = kLongBody};
         response.headers["Content-Encoding"] = "gzip";
         return response;
       }},
      {"/echo",
       [](const HttpRequest& request) {
         const auto one = [](const auto& map, const char* key) {
           return map.contains(key) ? map.at(key) : std::string("none");
         };
         return HttpResponse{.body = request.path + "|" +
                                     one(request.query, "a") + "|" +
                                     one(request.headers, "x-test")};
       }},
      {"/broken",
       [](const HttpRequest&) {
         return HttpResponse{.status = 503, .body = "not ready"};
       }},
  };
}

Server start(const ServerLimits& limits = {}) {
  auto server = Server::start("127.0.0.1:0", false, sample_routes(), limits);
  REQUIRE(server);
  return *std::move(server);
}

}  // namespace

TEST_CASE("a route answers with its body and the headers of every answer") {
  const Server server = start();
  const Reply reply = get(server.port(), "/short");
  CHECK(reply.status == 200);
  CHECK(reply.body == "hi");
  CHECK(reply.headers.at("content-type") == "text/plain; charset=utf-8");
  CHECK(reply.headers.at("x-content-type-options") == "nosniff");
  CHECK(reply.headers.at("content-security-policy")
            .starts_with("default-src 'none'; style-src 'unsafe-inline'"));
  CHECK(reply.headers.at("vary") == "Accept-Encoding");
  CHECK(get(server.port(), "/broken").status == 503);
}

TEST_CASE("a handler sees path, query and headers in lower case") {
  const Server server = start();
  CHECK(get(server.port(), "/echo?a=b%20c", "X-TEST: v\r\n").body ==
        "/echo|b c|v");
  CHECK(get(server.port(), "/echo?a", "X-Test: 1\r\nX-Test: 2\r\n").body ==
        "/echo||1, 2");
}

TEST_CASE("HEAD has the length of the body and no body") {
  const Server server = start();
  const Reply reply = ask(server.port(),
                          "HEAD /long HTTP/1.1\r\nHost: localhost\r\n"
                          "Connection: close\r\n\r\n",
                          false);
  CHECK(reply.status == 200);
  CHECK(reply.headers.at("content-length") == "5000");
  CHECK(reply.body.empty());
}

TEST_CASE("one connection serves request after request") {
  const Server server = start();
  const Fd connection = connect_to(server.port());
  const std::string request = "GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    send_bytes(connection, request);
    CHECK(read_reply(connection).body == "hi");
  }
}

TEST_CASE("gzip only when the client takes it and the body is worth it") {
  const Server server = start();
  const std::string takes = "Accept-Encoding: deflate, gzip;q=0.5\r\n";
  const Reply small = get(server.port(), "/long", takes);
  CHECK(small.headers.at("content-encoding") == "gzip");
  CHECK(small.headers.at("vary") == "Accept, Accept-Encoding");
  CHECK(small.body.size() < 200);
  CHECK(gunzipped(small.body) == kLongBody);
  CHECK(get(server.port(), "/long").body == kLongBody);
  CHECK(get(server.port(), "/long", "Accept-Encoding: gzip;q=0\r\n").body ==
        kLongBody);
  CHECK(get(server.port(), "/short", takes).body == "hi");
  CHECK(get(server.port(), "/packed", takes).body == kLongBody);
}

TEST_CASE("an unknown path lists what there is") {
  const Server server = start();
  const Reply reply = get(server.port(), "/nope");
  CHECK(reply.status == 404);
  CHECK(reply.body ==
        "There is nothing here. What there is:\n  /broken\n  /echo\n  /long\n"
        "  /packed\n  /short\n");
}

TEST_CASE("only GET and HEAD, and no request body") {
  const Server server = start();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    const Reply reply =
        ask(server.port(), std::string(method) +
                               " /short HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Length: 3\r\n\r\nabc");
    CHECK_MESSAGE(reply.status == 405, method);
    CHECK(reply.headers.at("allow") == "GET, HEAD");
  }
  CHECK(get(server.port(), "/short", "Content-Length: 1000000\r\n").status ==
        413);
  CHECK(get(server.port(), "/short", "Content-Length: 0\r\n").status == 200);
}

TEST_CASE("on loopback a foreign Host is refused: DNS rebinding") {
  const Server server = start();
  const auto status = [&](const std::string& host) {
    return ask(server.port(),
               "GET /short HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
        .status;
  };
  CHECK(status("localhost:10190") == 200);
  CHECK(status("127.0.0.1") == 200);
  CHECK(status("[::1]:8080") == 200);
  CHECK(status("evil.example") == 421);
  CHECK(status("localhost.evil.example") == 421);
  CHECK(status("127.0.0.1.evil.example") == 421);
  CHECK(status("10.0.0.1") == 421);
}

TEST_CASE("malformed requests get an error or a closed connection") {
  const Server server = start();
  const auto status = [&](const std::string& raw) {
    return ask(server.port(), raw + "\r\n\r\n").status;
  };
  const auto refused = [](int code) {
    return code == 0 || (code >= 400 && code <= 505);
  };
  CHECK(refused(status("\x16\x03\x01\x02")));
  CHECK(refused(status("GET")));
  CHECK(refused(status("GET /short HTTP/9.9\r\nHost: localhost")));
  CHECK(refused(status("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost")));
  CHECK(
      refused(status("GET /short HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Length: -5")));
  CHECK(get(server.port(), "/short").body == "hi");
}

TEST_CASE("headers beyond the limit are refused") {
  ServerLimits limits;
  limits.header_bytes = 4096;
  const Server server = start(limits);
  const std::string big = "X-Big: " + std::string(20'000, 'a') + "\r\n";
  const int status = get(server.port(), "/short", big).status;
  CHECK((status == 431 || status == 413 || status == 0));
  const std::string uri = "/" + std::string(20'000, 'a');
  const int uri_status = get(server.port(), uri).status;
  CHECK((uri_status == 414 || uri_status == 431 || uri_status == 0));
  CHECK(get(server.port(), "/short").body == "hi");
}

TEST_CASE("a client that stalls holds up nobody and is hung up on") {
  ServerLimits limits;
  limits.idle_seconds = 1;
  const Server server = start(limits);
  const Fd stalled = connect_to(server.port());
  send_bytes(stalled, "GET /short HTTP/1.1\r\nHost: loc");
  for (int i = 0; i < 8; ++i) CHECK(get(server.port(), "/short").body == "hi");
  // Well within the 5 s after which read_reply itself would give up; an answer
  // to half a request could only be a time-out.
  const Reply reply = read_reply(stalled);
  CHECK((reply.status == 0 || reply.status == 408));
}

TEST_CASE("answers that nobody reads do not pile up") {
  ServerLimits limits;
  limits.unread_bytes = 1'000'000;
  auto routes = sample_routes();
  // More than the sockets of both ends hold.
  const std::string huge(64'000'000, 'h');
  routes["/huge"] = [&](const HttpRequest&) {
    return HttpResponse{.body = huge};
  };
  routes["/large"] = [&](const HttpRequest&) {
    return HttpResponse{.body = huge.substr(0, 500'000)};
  };
  auto server = Server::start("127.0.0.1:0", false, routes, limits);
  REQUIRE(server);
  Fd lazy = connect_to(server->port());
  send_bytes(lazy, "GET /huge HTTP/1.1\r\nHost: localhost\r\n\r\n");
  char first = 0;
  REQUIRE(::recv(lazy.get(), &first, 1, 0) == 1);
  CHECK(get(server->port(), "/short").status == 200);
  const Reply busy = get(server->port(), "/large");
  CHECK(busy.status == 503);
  CHECK(busy.headers.at("retry-after") == "1");
  lazy.reset();
  // The server learns of the hang-up at its own pace.
  int status = 0;
  for (int i = 0; i < 10'000 && status != 200; ++i)
    status = get(server->port(), "/large").status;
  CHECK(status == 200);
}

TEST_CASE("connections beyond the limit of one address are closed") {
  ServerLimits limits;
  limits.connections = 16;
  limits.connections_per_address = 2;
  const Server server = start(limits);
  const Fd first = connect_to(server.port());
  const Fd second = connect_to(server.port());
  const std::string request = "GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n";
  send_bytes(first, request);
  send_bytes(second, request);
  CHECK(read_reply(first).body == "hi");
  CHECK(read_reply(second).body == "hi");
  CHECK(get(server.port(), "/short").status == 0);
}

TEST_CASE("a port in use says who may hold it and which flag to change") {
  const Server server = start();
  const std::string taken = "127.0.0.1:" + std::to_string(server.port());
  const auto again = Server::start(taken, false, sample_routes(), {});
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == Errc::kOs);
  CHECK(again.error().os_error() == EADDRINUSE);
  const std::string text = again.error().message();
  CHECK(text.find(taken) != std::string::npos);
  CHECK(text.find("--web.listen-address") != std::string::npos);
}

TEST_CASE("the port is free again once the server is gone") {
  std::string address;
  {
    const Server server = start();
    address = "127.0.0.1:" + std::to_string(server.port());
    CHECK(get(server.port(), "/short").status == 200);
  }
  CHECK(Server::start(address, false, sample_routes(), {}));
}
