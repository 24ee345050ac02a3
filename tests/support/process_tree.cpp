// SPDX-License-Identifier: Apache-2.0
#include "support/process_tree.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>      // for std::replace
#include <array>          // for std::array
#include <charconv>       // for std::from_chars
#include <filesystem>     // for std::filesystem::directory_iterator
#include <map>            // for std::multimap
#include <sstream>        // for std::istringstream
#include <system_error>   // for std::error_code
#include <unordered_set>  // for std::unordered_set

#include "support/eventually.hpp"

namespace royong_test {
namespace {

// Set by the kernel on a process that was forked and has not called exec (linux/sched.h).
constexpr unsigned long kForkedButNotExecuted = 0x40;

// Empty when the process has gone, also between open and read (where a stream would throw).
std::string read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size; (size = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(size));
  ::close(fd);
  return text;
}

std::string command_of(pid_t pid, const std::string& name) {
  std::string text = read_text("/proc/" + std::to_string(pid) + "/cmdline");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text.empty() ? "[" + name + "]" : text;
}

std::vector<ProcessInfo> all_processes() {
  std::vector<ProcessInfo> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    if (auto process = process_info(pid)) found.push_back(*std::move(process));
  }
  return found;
}

}  // namespace

std::optional<ProcessInfo> process_info(pid_t pid) {
  const std::string text = read_text("/proc/" + std::to_string(pid) + "/stat");
  // The name stands in parentheses and may contain anything, so the fields begin after the last one.
  const auto open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(close + 1));
  ProcessInfo process;
  long group = 0, session = 0, terminal = 0, foreground = 0;
  unsigned long flags = 0;
  fields >> process.state >> process.parent >> group >> session >> terminal >> foreground >> flags;
  if (!fields) return std::nullopt;
  process.pid = pid;
  process.executed = (flags & kForkedButNotExecuted) == 0;
  process.command = command_of(pid, text.substr(open + 1, close - open - 1));
  return process;
}

std::vector<ProcessInfo> descendants(pid_t root) {
  std::multimap<pid_t, ProcessInfo> children;
  for (auto& process : all_processes()) children.emplace(process.parent, std::move(process));
  std::vector<ProcessInfo> found;
  std::vector<pid_t> parents{root};
  std::unordered_set<pid_t> seen{root};
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const auto [first, last] = children.equal_range(parents[i]);
    for (auto child = first; child != last; ++child) {
      if (!seen.insert(child->second.pid).second) continue;
      parents.push_back(child->second.pid);
      found.push_back(child->second);
    }
  }
  return found;
}

bool is_descendant(pid_t process, pid_t ancestor) {
  for (auto info = process_info(process); info && info->parent > 0;
       info = process_info(info->parent)) {
    if (info->parent == ancestor) return true;
  }
  return false;
}

void until_asleep(pid_t thread) {
  eventually([&] {
    const auto info = process_info(thread);
    return !info || (info->state != 'R' && info->state != 'D');
  });
}

std::string describe(const ProcessInfo& process) {
  return "process " + std::to_string(process.pid) + " (state " + process.state + ", parent " +
         std::to_string(process.parent) + ") `" + process.command + "`";
}

bool is_forkserver(const ProcessInfo& process, pid_t owner) {
  return process.parent == owner && process.executed &&
         process.command.find("--royong-forkserver") != std::string::npos;
}

pid_t own_forkserver() {
  for (const auto& process : descendants(::getpid()))
    if (is_forkserver(process, ::getpid())) return process.pid;
  return 0;
}

}  // namespace royong_test
