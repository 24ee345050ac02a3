// SPDX-License-Identifier: Apache-2.0
#include "support/hang_report.hpp"

#include <unistd.h>

#include <chrono>      // for std::chrono::steady_clock
#include <filesystem>  // for std::filesystem::directory_iterator
#include <fstream>     // for std::ifstream
#include <string>      // for std::string

#include "support/backtrace.hpp"
#include "support/process_tree.hpp"
#include "support/run_state.hpp"

namespace royong_test {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The lines of /proc/<pid>/status that tell why a process does not run.
std::string status_lines(const std::filesystem::path& folder) {
  std::ifstream file(folder / "status");
  std::string text;
  for (std::string line; std::getline(file, line);) {
    for (const char* key : {"State:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "TracerPid:"}) {
      if (line.starts_with(key)) text += "  " + line + "\n";
    }
  }
  return text;
}

std::string stack_lines(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stack");
  std::string text;
  for (std::string line; std::getline(file, line);) text += "      " + line + "\n";
  return text;
}

void report_process(std::FILE* out, const ProcessInfo& process) {
  std::fprintf(out, "%s\n", describe(process).c_str());
  const std::filesystem::path folder = "/proc/" + std::to_string(process.pid);
  std::fprintf(out, "%s", status_lines(folder).c_str());
  std::error_code error;
  for (std::filesystem::directory_iterator task(folder / "task", error), end; task != end;
       task.increment(error)) {
    const auto& path = task->path();
    std::fprintf(out, "  thread %s `%s`: waits in %s, system call %s\n%s", path.filename().c_str(),
                 first_line(path / "comm").c_str(), first_line(path / "wchan").c_str(),
                 first_line(path / "syscall").c_str(), stack_lines(path).c_str());
  }
  print_backtraces(out, process.pid);
}

}  // namespace

void report_hang(std::FILE* out, pid_t test_process) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const auto seconds = static_cast<double>(now - run_state->started.load()) * 1e-9;
  std::fprintf(out, "\nwatchdog: %s hangs: %.0f s, test process %d\n", run_state->test.data(),
               seconds, test_process);
  for (const auto& process : descendants(::getpid())) report_process(out, process);
  std::fflush(out);
}

}  // namespace royong_test
