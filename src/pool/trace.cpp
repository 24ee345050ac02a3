// SPDX-License-Identifier: Apache-2.0
#include "pool/trace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "logging/log.hpp"
#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::detail {
namespace {

static_assert(4096 % Trace::record == 0);

os::Fd open_file(const std::string& path, int flags) {
  os::Fd file(os::sys().create(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666));
  if (!file) os::throw_errno("cannot write", path);
  return file;
}

}  // namespace

std::string json_quoted(std::string_view text, std::size_t limit) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (quoted.size() + 3 > limit) break;
    if (c == '"' || c == '\\') quoted += '\\';
    const auto code = static_cast<unsigned char>(c);
    quoted += code < 0x20 || code > 0x7e ? '?' : c;
  }
  return quoted + '"';
}

Trace Trace::create(const std::string& path) {
  Trace trace;
  trace.file_ = open_file(path, O_CREAT | O_TRUNC);
  trace.write("[");
  return trace;
}

Trace Trace::append(const std::string& path) noexcept {
  Trace trace;
  if (path.empty()) return trace;
  try {
    trace.file_ = open_file(path, 0);
  } catch (const std::exception& error) {
    log(LogLevel::warning, "a worker cannot trace: {}", error.what());
  }
  return trace;
}

void Trace::name_lane(std::uint32_t lane, std::string_view name) noexcept {
  if (!file_) return;
  write(fmt::format(R"({{"name":"thread_name","ph":"M","pid":1,"tid":{},"args":{{"name":{}}}}},)",
                    lane + 1, json_quoted(name)));
}

void Trace::task(std::uint32_t lane, std::string_view name, std::uint64_t sequence,
                 std::int64_t began, std::int64_t ended, std::string_view outcome,
                 long pid) noexcept {
  if (!file_) return;
  const std::string label = name.empty() ? fmt::format("\"task {}\"", sequence) : json_quoted(name);
  write(fmt::format(R"({{"name":{},"ph":"X","pid":1,"tid":{},"ts":{}.{:03},"dur":{}.{:03},)"
                    R"("args":{{"task":{},"ended":"{}","worker":{}}}}},)",
                    label, lane + 1, began / 1000, began % 1000, (ended - began) / 1000,
                    (ended - began) % 1000, sequence, outcome, pid));
}

void Trace::finish() noexcept {
  if (!file_) return;
  write(R"({"name":"process_name","ph":"M","pid":1,"args":{"name":"royong pool"}}])");
  file_.reset();
}

void Trace::write(std::string text) noexcept {
  text.resize(record - 1, ' ');  // never shorter: names are cut, and numbers have their longest
  text += '\n';
  // A part of a record can only be written where the disk is full: then there is nothing to mend.
  if (os::retry([&] { return os::sys().write(file_.get(), text.data(), text.size()); }) == -1)
    log(LogLevel::warning, "cannot write the trace: it ends here");
}

}  // namespace royong::inline v0::detail
