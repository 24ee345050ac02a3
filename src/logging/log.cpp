// SPDX-License-Identifier: Apache-2.0
#include "logging/log.hpp"

#include "os/error.hpp"
#include "os/syscalls.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>    // for std::atomic
#include <cerrno>    // for errno
#include <cstddef>   // for std::size_t
#include <iterator>  // for std::back_inserter
#include <memory>    // for std::make_shared, std::unique_ptr

namespace royong::inline v0 {
namespace {

/// spdlog has six levels and Python seven: a "subwarning" travels as info with this in place of its source file.
constexpr const char* subwarning_mark = "royong: subwarning";

/** A value that is replaced now and then and read without a lock, also in the child of a fork.
 *
 *  Earlier values stay: another thread may be using one. A program sets a name and a pattern once.
 */
template <class T>
class Published {
 public:
  const T* get() const noexcept {
    const auto* node = newest_.load(std::memory_order_acquire);
    return node != nullptr ? &node->value : nullptr;
  }
  void publish(T value) {
    auto* node = new Node{std::move(value), newest_.load(std::memory_order_relaxed)};
    while (!newest_.compare_exchange_weak(node->older, node, std::memory_order_release)) {
    }
  }

 private:
  struct Node {
    T value;
    Node* older;
  };
  std::atomic<Node*> newest_{nullptr};
};

/// Without a destructor, so it outlives static ones; without a guard, which a thread that a fork does
/// not copy could hold.
constinit Published<std::string> process_name;

/// Whether subwarnings pass although the logger's own level is `warn`.
std::atomic<bool> subwarnings_pass{false};

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  if (level <= LogLevel::subdebug) return spdlog::level::trace;
  if (level <= LogLevel::debug) return spdlog::level::debug;
  if (level <= LogLevel::info) return spdlog::level::info;
  if (level <= LogLevel::warning) return spdlog::level::warn;
  if (level <= LogLevel::error) return spdlog::level::err;
  if (level <= LogLevel::critical) return spdlog::level::critical;
  return spdlog::level::off;
}

std::string_view python_name(const spdlog::details::log_msg& message) noexcept {
  if (message.source.filename == subwarning_mark) return "SUBWARNING";
  switch (message.level) {
    case spdlog::level::trace: return "SUBDEBUG";
    case spdlog::level::debug: return "DEBUG";
    case spdlog::level::info: return "INFO";
    case spdlog::level::warn: return "WARNING";
    case spdlog::level::err: return "ERROR";
    default: return "CRITICAL";
  }
}

/** stderr, one write a line, no lock.
 *
 *  A lock would be held by a thread that a fork does not copy, and the child's first line would wait for ever.
 *  A line of up to PIPE_BUF bytes (4096) is atomic on a pipe, any line on a file or a terminal opened for appending.
 */
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    if (const auto* custom = custom_.get()) {
      (*custom)->clone()->format(message, line);  // a formatter keeps state: each line has its own
    } else {
      const auto* name = process_name.get();
      const std::string_view payload(message.payload.data(), message.payload.size());
      fmt::format_to(std::back_inserter(line), "[{}/{}] {}\n", python_name(message),
                     name != nullptr ? std::string_view(*name) : "MainProcess", payload);
    }
    write(line);
  }

  void flush() override {}

  void set_pattern(const std::string& pattern) override {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
  }

  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    custom_.publish(std::move(formatter));
  }

 private:
  static void write(const spdlog::memory_buf_t& line) noexcept {
    const int saved = errno;
    std::size_t done = 0;
    while (done < line.size()) {
      const auto n = os::retry(
          [&] { return os::sys().write(STDERR_FILENO, line.data() + done, line.size() - done); });
      if (n <= 0) break;  // stderr is closed or full: there is nobody to tell
      done += static_cast<std::size_t>(n);
    }
    errno = saved;
  }

  Published<std::unique_ptr<spdlog::formatter>> custom_;
};

// Never destroyed: static destructors of the program may still log.
const std::shared_ptr<spdlog::logger>& logger() {
  static const auto& instance = *new std::shared_ptr<spdlog::logger>([] {
    auto made = std::make_shared<spdlog::logger>("royong", std::make_shared<StderrSink>());
    made->set_level(spdlog::level::warn);
    return made;
  }());
  return instance;
}

void report(std::string_view message) noexcept { detail::warn("{}", message); }

// What the os floor reports from destructors goes to the log as soon as there is one.
[[maybe_unused]] const bool reporting = (os::set_error_reporter(&report), true);

}  // namespace

namespace detail {

LogLevel log_level() noexcept {
  switch (logger()->level()) {
    case spdlog::level::trace: return LogLevel::subdebug;
    case spdlog::level::debug: return LogLevel::debug;
    case spdlog::level::info: return LogLevel::info;
    case spdlog::level::warn:
      return subwarnings_pass.load(std::memory_order_relaxed) ? LogLevel::subwarning
                                                              : LogLevel::warning;
    case spdlog::level::err: return LogLevel::error;
    case spdlog::level::critical: return LogLevel::critical;
    default: return LogLevel::off;
  }
}

void set_log_level(LogLevel level) noexcept {
  subwarnings_pass.store(level > LogLevel::info && level <= LogLevel::subwarning,
                         std::memory_order_relaxed);
  logger()->set_level(to_spdlog(level));
}

void set_process_name(std::string name) { process_name.publish(std::move(name)); }

void write_log(LogLevel level, std::string_view text) noexcept {
  const bool subwarning = level > LogLevel::info && level <= LogLevel::subwarning;
  const spdlog::source_loc where =
      subwarning ? spdlog::source_loc{subwarning_mark, 1, ""} : spdlog::source_loc{};
  const spdlog::details::log_msg message(where, "royong",
                                         subwarning ? spdlog::level::info : to_spdlog(level),
                                         spdlog::string_view_t(text.data(), text.size()));
  try {
    for (const auto& sink : logger()->sinks()) {
      if (sink->should_log(message.level)) sink->log(message);
    }
  } catch (...) {
    return;  // out of memory, or a sink of the user's that throws
  }
}

}  // namespace detail

std::shared_ptr<spdlog::logger> get_logger() { return logger(); }

void log_to_stderr(LogLevel level) { detail::set_log_level(level); }

}  // namespace royong::inline v0
