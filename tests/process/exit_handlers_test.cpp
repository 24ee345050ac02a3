// SPDX-License-Identifier: Apache-2.0
// What a worker's exit runs: what the worker itself registered, and nothing that it shares with the process it is a copy of.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "process/every_start_method.hpp"

namespace royong_test {
namespace {

std::string& report_path() {
  static auto& path = *new std::string;  // outlives every destructor of a static
  return path;
}

void report(const char* line) {
  if (!report_path().empty()) std::ofstream(report_path(), std::ios::app) << line << '\n';
}

struct Reporter {
  explicit Reporter(const char* text) : line(text) {}
  ~Reporter() { report(line); }
  const char* line;
};

// Made before main: in a copy it belongs to the process that it was copied from.
const Reporter made_before_main("static of the program");

void leave_handlers(const std::string& path) {
  report_path() = path;
  std::atexit([] { report("handler"); });
  static const Reporter made_here("static of the worker");
  thread_local const Reporter of_thread("thread-local of the worker");
  (void)of_thread;
}

class ExitHandlers : public EveryStartMethod {
 protected:
  // A program that was executed has made all its statics itself.
  std::string rest() const {
    return GetParam() == mp::StartMethod::spawn ? "static of the program\n" : "";
  }
  template <class F>
  std::string report_of(F f) {
    auto process = context().process(f, file("report"));
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    return read_text(file("report"));
  }
};

const char* const own_handlers = "thread-local of the worker\nstatic of the worker\nhandler\n";

TEST_P(ExitHandlers, of_the_worker_run_and_inherited_ones_do_not) {
  EXPECT_EQ(report_of(leave_handlers), own_handlers + rest());
}

TEST_P(ExitHandlers, run_when_the_function_calls_exit) {
  const auto exit_in_the_middle = [](const std::string& path) {
    leave_handlers(path);
    std::exit(0);
  };
  EXPECT_EQ(report_of(exit_in_the_middle), own_handlers + rest());
}

TEST_P(ExitHandlers, of_the_parent_run_once_in_the_parent) {
  EXPECT_EQ(report_of([](const std::string&) {}), "");
}

TEST_P(ExitHandlers, are_followed_by_what_is_left_in_the_buffers) {
  const auto write = [](const std::string& path) {
    if (std::freopen(path.c_str(), "w", stdout) == nullptr) std::abort();
    static std::FILE* const left_open = std::fopen((path + ".file").c_str(), "w");
    std::fputs("file", left_open);
    std::fputs("C ", stdout);
    std::ios_base::sync_with_stdio(false);
    std::cout << "C++";
  };
  // Two buffers, so two orders.
  EXPECT_THAT(report_of(write), testing::AnyOf("C C++", "C++C "));
  EXPECT_EQ(read_text(file("report.file")), "file");
}

TEST_P(ExitHandlers, do_not_wait_for_a_thread_that_holds_a_stream) {
  const auto leave_a_reader = [](const std::string& path) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    std::FILE* const stream = ::fdopen(ends[0], "r");
    // The lock of the stream is held as long as the thread reads, and it reads for ever.
    std::thread([stream] { std::fgetc(stream); }).detach();
    // Taken by the reader: then it is in fgetc.
    while (::ftrylockfile(stream) == 0) {
      ::funlockfile(stream);
      std::this_thread::yield();
    }
    write_text(path, "reached");
  };
  EXPECT_EQ(report_of(leave_a_reader), "reached");
}

ROYONG_EVERY_START_METHOD(ExitHandlers);

}  // namespace
}  // namespace royong_test
