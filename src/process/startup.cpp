// SPDX-License-Identifier: Apache-2.0
#include "process/startup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include "royong/detail/archive.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

constexpr std::uint32_t startup_magic = 0x30595253;  // "SRY0"
constexpr std::string_view worker_begin = "--royong-worker=";
constexpr std::string_view forkserver_begin = "--royong-forkserver=";
constexpr std::string_view keeper_begin = "--royong-keeper=";

constexpr std::string_view begin_of(Marker::Role role) {
  switch (role) {
    case Marker::Role::worker: return worker_begin;
    case Marker::Role::forkserver: return forkserver_begin;
    case Marker::Role::keeper: break;
  }
  return keeper_begin;
}

void check(bool holds, const char* what) {
  if (!holds) throw TransferError(std::string("malformed start-up message: ") + what);
}

}  // namespace

std::vector<std::byte> encode_startup(const StartupMessage& message) {
  Writer body(Transit::argument);
  body(message);
  Writer writer(Transit::argument);
  writer(startup_magic, std::uint64_t{body.size()});
  writer.write_raw(body.bytes().data(), body.size());
  const auto bytes = writer.bytes();
  return {bytes.begin(), bytes.end()};
}

StartupMessage decode_startup(std::span<const std::byte> bytes) {
  Reader header(bytes);
  check(header.read<std::uint32_t>() == startup_magic, "wrong magic");
  const auto size = header.read<std::uint64_t>();
  check(size <= header.remaining(), "longer than its block");
  Reader reader(bytes.subspan(bytes.size() - header.remaining(), size));
  auto message = reader.read<StartupMessage>();
  reader.expect_end();
  check(message.start_method == StartMethod::fork || message.start_method == StartMethod::spawn ||
            message.start_method == StartMethod::forkserver,
        "unknown start method");
  check(message.parent_pid > 0, "no parent");
  check(message.limits.cpu >= 0, "negative processor time");
  return message;
}

std::string encode_marker(const Marker& marker) {
  const auto number = [](auto value) { return std::to_string(value); };
  return std::string(begin_of(marker.role)) + number(marker.arena) + ',' +
         number(marker.death_pipe) + ',' + number(marker.socket) + ',' + number(marker.slot.bits) +
         ',' + number(marker.preload);
}

bool is_marker(std::string_view argument) noexcept {
  return argument.starts_with(worker_begin) || argument.starts_with(forkserver_begin) ||
         argument.starts_with(keeper_begin);
}

std::optional<Marker> decode_marker(std::string_view argument) {
  Marker marker;
  if (!is_marker(argument)) return std::nullopt;
  for (const auto role : {Marker::Role::worker, Marker::Role::forkserver, Marker::Role::keeper}) {
    if (argument.starts_with(begin_of(role))) marker.role = role;
  }
  argument.remove_prefix(begin_of(marker.role).size());
  const char* position = argument.data();
  const char* const end = position + argument.size();
  const auto number = [&](auto& value, bool last = false) {
    const auto result = std::from_chars(position, end, value);
    check(result.ec == std::errc() &&
              (last ? result.ptr == end : result.ptr != end && *result.ptr == ','),
          "bad marker in the command line");
    position = result.ptr + (last ? 0 : 1);
  };
  number(marker.arena);
  number(marker.death_pipe);
  number(marker.socket);
  number(marker.slot.bits);
  number(marker.preload, true);
  check(marker.arena >= 0, "no arena in the command line");
  return marker;
}

bool has_marker() noexcept {
  // The arguments of a constructor would vanish under link-time optimisation; /proc does not.
  const int file = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  // A marker is the second string. Longer program paths than this do not occur (PATH_MAX).
  std::array<char, 4096 + 64> text{};
  std::size_t length = 0;
  while (length < text.size()) {
    const auto got = ::read(file, text.data() + length, text.size() - length);
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  ::close(file);
  const std::string_view all(text.data(), length);
  const auto first_end = all.find('\0');
  return first_end != all.npos && is_marker(all.substr(first_end + 1));
}

}  // namespace royong::inline v0::detail
