// SPDX-License-Identifier: Apache-2.0
#include "support/backtrace.hpp"

#include <execinfo.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>      // for errno
#include <charconv>    // for std::from_chars
#include <filesystem>  // for std::filesystem::directory_iterator
#include <fstream>     // for std::ifstream
#include <map>         // for std::map
#include <sstream>     // for std::istringstream
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "support/run_state.hpp"
#include "support/subprocess.hpp"

namespace royong_test {
namespace {

int backtrace_signal() { return SIGRTMAX - 2; }

void record_backtrace(int) {
  const int saved = errno;
  const unsigned slot = run_state->traced.fetch_add(1);
  if (slot < run_state->traces.size()) {
    ThreadTrace& trace = run_state->traces[slot];
    trace.pid = ::getpid();
    trace.tid = static_cast<pid_t>(::syscall(SYS_gettid));
    trace.depth = ::backtrace(trace.frames.data(), static_cast<int>(trace.frames.size()));
    trace.ready.store(true, std::memory_order_release);
  }
  errno = saved;
}

// The default of this signal is death: only who catches it is asked.
bool catches_signal(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    const auto mask = std::stoull(line.substr(line.find('\t') + 1), nullptr, 16);
    return ((mask >> (backtrace_signal() - 1)) & 1) != 0;
  }
  return false;
}

struct Place {
  std::string module;
  std::uintptr_t offset = 0;
};

// Where an address of the process lies: the file mapped there, and how far from the file's first mapping.
Place place_of(pid_t process, std::uintptr_t address) {
  std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
  std::map<std::string, std::uintptr_t> base;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, last = 0;
    const auto dash = line.find('-'), space = line.find(' ');
    std::from_chars(line.data(), line.data() + dash, first, 16);
    std::from_chars(line.data() + dash + 1, line.data() + space, last, 16);
    const auto path = line.find('/');
    if (path == std::string::npos) continue;
    const auto module = line.substr(path);
    const auto start = base.try_emplace(module, first).first->second;
    if (first <= address && address < last) return {module, address - start};
  }
  return {};
}

std::string hexadecimal(std::uintptr_t value) {
  std::ostringstream text;
  text << "0x" << std::hex << value;
  return text.str();
}

// Where the module's file can be opened. In a changed root the program may be named by a path outside of it: its link leads there all the same.
std::string file_of(pid_t process, const std::string& module) {
  std::error_code error;
  if (std::filesystem::exists(module, error)) return module;
  const std::filesystem::path link = "/proc/" + std::to_string(process) + "/exe";
  return std::filesystem::read_symlink(link, error) == module ? link.string() : module;
}

// One line for each place of the process, with function, file and line where binutils can tell.
std::vector<std::string> names_of(pid_t process, const std::vector<Place>& places) {
  std::map<std::string, std::vector<std::size_t>> modules;
  std::vector<std::string> names(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    names[i] = places[i].module + "+" + hexadecimal(places[i].offset);
    if (!places[i].module.empty()) modules[places[i].module].push_back(i);
  }
  for (const auto& [module, indices] : modules) {
    Command command{.arguments = {"addr2line", "-Cfpe", file_of(process, module)}};
    // A frame holds the address after its call: one less lies inside it.
    for (const auto i : indices)
      command.arguments.push_back(hexadecimal(places[i].offset - (places[i].offset > 0)));
    const Finished finished = run(command);
    std::istringstream lines(finished.output);
    std::string line;
    for (const auto i : indices) {
      if (finished.exit_code != 0 || !std::getline(lines, line)) break;
      if (!line.starts_with("??")) names[i] = line;
    }
  }
  return names;
}

int ask_every_thread(pid_t process) {
  int asked = 0;
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(process) + "/task";
  for (std::filesystem::directory_iterator task(tasks, error), end; task != end;
       task.increment(error)) {
    const int tid = std::stoi(task->path().filename());
    if (::syscall(SYS_tgkill, process, tid, backtrace_signal()) == 0) ++asked;
  }
  return asked;
}

}  // namespace

void install_backtrace_handler() {
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // The first call loads a library, which a signal handler must not.
  struct sigaction action{};
  action.sa_handler = record_backtrace;
  action.sa_flags = SA_RESTART;
  ::sigaction(backtrace_signal(), &action, nullptr);
}

void print_backtraces(std::FILE* out, pid_t process) {
  if (run_state == nullptr || !catches_signal(process)) return;
  const unsigned before = run_state->traced.load();
  const int asked = ask_every_thread(process);
  for (int i = 0; i < 100;
       ++i) {  // One second: a stopped thread or one that blocks the signal never answers.
    if (run_state->traced.load() - before >= static_cast<unsigned>(asked)) break;
    ::poll(nullptr, 0, 10);
  }
  ::poll(nullptr, 0, 10);
  for (auto& trace : run_state->traces) {
    if (trace.pid != process || !trace.ready.exchange(false, std::memory_order_acquire)) continue;
    std::fprintf(out, "  thread %d of process %d:\n", trace.tid, trace.pid);
    std::vector<Place> places;
    for (int i = 2; i < trace.depth; ++i) {  // Without the handler and the kernel's frame.
      places.push_back(place_of(
          process, reinterpret_cast<std::uintptr_t>(trace.frames[static_cast<std::size_t>(i)])));
    }
    for (const auto& name : names_of(process, places)) std::fprintf(out, "    %s\n", name.c_str());
  }
}

}  // namespace royong_test
