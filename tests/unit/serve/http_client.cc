// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "http_client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace taskleak {
namespace {

constexpr timeval kReadTimeout{.tv_sec = 5, .tv_usec = 0};
constexpr std::string_view kHeadEnd = "\r\n\r\n";

void parse_head(std::string_view head, Reply& reply) {
  const std::string_view status =
      head.substr(std::min(head.find(' '), head.size()));
  if (status.size() > 3)
    std::from_chars(status.data() + 1, status.data() + 4, reply.status);
  for (std::size_t at = head.find("\r\n"); at < head.size();
       at = head.find("\r\n", at + 2)) {
    const std::string_view rest = head.substr(at + 2);
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return std::tolower(c); });
    reply.headers[name] = line.substr(colon + 2);
  }
}

std::size_t body_bytes(const Reply& reply) {
  const auto length = reply.headers.find("content-length");
  return length == reply.headers.end() ? 0 : std::stoul(length->second);
}

}  // namespace

Fd connect_to(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kReadTimeout,
             sizeof kReadTimeout);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    fd.reset();
  return fd;
}

void send_bytes(const Fd& connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server hung up: read_reply tells
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Reply read_reply(const Fd& connection, bool has_body) {
  Reply reply;
  std::string all;
  std::array<char, 65536> chunk{};
  while (true) {
    const std::size_t head_end = all.find(kHeadEnd);
    if (head_end != std::string::npos) {
      if (reply.status == 0) parse_head(all.substr(0, head_end), reply);
      const std::size_t begin = head_end + kHeadEnd.size();
      const std::size_t wanted = has_body ? body_bytes(reply) : 0;
      reply.body = all.substr(begin);
      if (reply.body.size() >= wanted) return reply;
    }
    const ssize_t got = ::recv(connection.get(), chunk.data(), chunk.size(), 0);
    if (got <= 0) return reply;
    all.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

Reply ask(std::uint16_t port, std::string_view raw, bool has_body) {
  const Fd connection = connect_to(port);
  send_bytes(connection, raw);
  return read_reply(connection, has_body);
}

Reply get(std::uint16_t port, const std::string& path,
          const std::string& extra) {
  return ask(port, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + extra +
                       "\r\n");
}

std::string gunzipped(const std::string& bytes) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(std::size_t{1} << 20, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  inflateEnd(&stream);
  return out;
}

}  // namespace taskleak
