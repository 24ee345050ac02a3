// SPDX-License-Identifier: Apache-2.0
#include "logging/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>  // for std::atomic
#include <string>  // for std::string
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "os/error.hpp"
#include "royong/logging.hpp"

namespace royong {
namespace {

/// Stderr goes into a pipe for as long as this lives; the level and the name are as before afterwards.
class Stderr {
 public:
  Stderr() : level_(detail::log_level()), saved_(dup(STDERR_FILENO)) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    read_ = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
  }
  ~Stderr() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    close(read_);
    detail::set_log_level(level_);
    detail::set_process_name("MainProcess");
  }
  /// What was written since the last call; each element is one write that found an empty pipe.
  std::string text() const {
    std::string all(65536, '\0');
    const auto n = read(read_, all.data(), all.size());
    all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return all;
  }

 private:
  LogLevel level_;
  int saved_;
  int read_ = -1;
};

TEST(Log, shows_warnings_and_worse_until_it_is_told_otherwise) {
  Stderr captured;
  detail::log(LogLevel::info, "an info");
  detail::log(LogLevel::subwarning, "a subwarning");
  detail::warn("{} warning", "a");
  detail::log(LogLevel::critical, "a critical");
  EXPECT_EQ(captured.text(),
            "[WARNING/MainProcess] a warning\n[CRITICAL/MainProcess] a critical\n");
}

TEST(Log, writes_pythons_name_of_each_level) {
  Stderr captured;
  log_to_stderr(LogLevel::subdebug);
  for (const auto level :
       {LogLevel::subdebug, LogLevel::debug, LogLevel::info, LogLevel::subwarning,
        LogLevel::warning, LogLevel::error, LogLevel::critical}) {
    detail::log(level, "x");
  }
  EXPECT_EQ(captured.text(),
            "[SUBDEBUG/MainProcess] x\n[DEBUG/MainProcess] x\n[INFO/MainProcess] x\n"
            "[SUBWARNING/MainProcess] x\n[WARNING/MainProcess] x\n[ERROR/MainProcess] x\n"
            "[CRITICAL/MainProcess] x\n");
}

TEST(Log, keeps_apart_info_and_subwarning_which_spdlog_does_not) {
  Stderr captured;
  log_to_stderr(LogLevel::subwarning);
  EXPECT_EQ(detail::log_level(), LogLevel::subwarning);
  detail::log(LogLevel::info, "no");
  get_logger()->info("no");
  detail::log(LogLevel::subwarning, "yes");
  EXPECT_EQ(captured.text(), "[SUBWARNING/MainProcess] yes\n");
}

TEST(Log, every_level_that_is_set_can_be_read_back_for_a_worker) {
  Stderr captured;
  for (const auto level :
       {LogLevel::subdebug, LogLevel::debug, LogLevel::info, LogLevel::subwarning,
        LogLevel::warning, LogLevel::error, LogLevel::critical, LogLevel::off}) {
    detail::set_log_level(level);
    EXPECT_EQ(detail::log_level(), level);
  }
}

TEST(Log, off_silences_even_critical_messages) {
  Stderr captured;
  log_to_stderr(LogLevel::off);
  detail::log(LogLevel::critical, "no");
  get_logger()->critical("no");
  EXPECT_EQ(captured.text(), "");
}

TEST(Log, a_program_uses_the_logger_and_its_levels_as_any_of_spdlog) {
  Stderr captured;
  get_logger()->set_level(spdlog::level::info);
  detail::set_process_name("Process-1:2");
  get_logger()->info("{} + {}", 1, 2);
  detail::log(LogLevel::info, "ours");
  EXPECT_EQ(captured.text(), "[INFO/Process-1:2] 1 + 2\n[INFO/Process-1:2] ours\n");
}

TEST(Log, a_pattern_of_the_programs_own_replaces_the_format) {
  Stderr captured;
  const pid_t child = fork();  // there is no way back to the format of before
  if (child == 0) {
    get_logger()->set_pattern("%v!");
    detail::warn("mine");
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(captured.text(), "mine!\n");
}

TEST(Log, what_the_os_floor_reports_comes_out_as_a_warning) {
  Stderr captured;
  os::report_error("cannot close descriptor 7");
  EXPECT_EQ(captured.text(), "[WARNING/MainProcess] cannot close descriptor 7\n");
}

TEST(Log, a_closed_stderr_is_no_error) {
  Stderr captured;
  close(STDERR_FILENO);
  EXPECT_NO_THROW(detail::warn("nobody hears this"));
}

TEST(Log, lines_of_several_threads_and_processes_do_not_mix) {
  Stderr captured;
  constexpr int lines = 100;
  const auto write = [](char letter) {
    for (int i = 0; i < lines; ++i) detail::warn("{}", std::string(60, letter));
  };
  const pid_t child = fork();
  if (child == 0) {
    write('c');
    _exit(0);
  }
  std::thread a(write, 'a');
  std::thread b(write, 'b');
  a.join();
  b.join();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const auto text = captured.text();
  const std::string head = "[WARNING/MainProcess] ";
  ASSERT_EQ(text.size(), 3 * lines * (head.size() + 61));
  for (std::size_t at = 0; at < text.size(); at += head.size() + 61) {
    EXPECT_EQ(text.substr(at, head.size()), head);
    const auto body = text.substr(at + head.size(), 61);
    EXPECT_EQ(body, std::string(60, body[0]) + "\n");
  }
}

TEST(Log, a_child_forked_while_another_thread_logs_can_log) {
  Stderr captured;
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) detail::warn("busy");
  });
  std::thread drain([&] {
    while (!stop) captured.text();
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      detail::warn("child");
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }
  stop = true;
  busy.join();
  drain.join();
}

}  // namespace
}  // namespace royong
