// SPDX-License-Identifier: Apache-2.0
#include "support/leak_check.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>     // for std::any_of, std::find
#include <chrono>        // for std::chrono::steady_clock
#include <cstdlib>       // for std::getenv, std::strtod
#include <system_error>  // for std::error_code

#include "support/process_tree.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How long a process that was told to die, or a descriptor that another thread is about to close, may take.
Clock::duration grace() {
  const char* text = std::getenv("ROYONG_TEST_GRACE");  // seconds
  const std::chrono::duration<double> seconds(text == nullptr ? 3 : std::strtod(text, nullptr));
  return std::chrono::duration_cast<Clock::duration>(seconds * time_factor());
}

std::set<std::filesystem::path> entries(const LeakScope& scope) {
  std::set<std::filesystem::path> found;
  for (const auto* folders : {&scope.own_folders, &scope.shared_folders}) {
    for (const auto& folder : *folders) {
      std::error_code error;
      for (std::filesystem::directory_iterator entry(folder, error), end; entry != end;
           entry.increment(error)) {
        found.insert(entry->path());
      }
    }
  }
  return found;
}

bool is_in(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& file) {
  return std::find(folders.begin(), folders.end(), file.parent_path()) != folders.end();
}

// Returns when the process ends, but not later than the pause.
void wait_for_end(pid_t pid, std::chrono::milliseconds pause) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd event{pidfd, POLLIN, 0};
  const bool ended = ::poll(&event, 1, static_cast<int>(pause.count())) > 0;
  if (pidfd >= 0) ::close(pidfd);
  if (ended) ::poll(nullptr, 0, 1);  // A zombie: its parent reaps it in a moment.
}

}  // namespace

struct LeakCheck::Findings {
  std::vector<ProcessInfo> processes;
  std::vector<Descriptor> descriptors;
  std::vector<std::filesystem::path> files;
  bool empty() const { return processes.empty() && descriptors.empty() && files.empty(); }
};

LeakCheck::LeakCheck(LeakScope scope)
    : self_(::getpid()),
      scope_(std::move(scope)),
      descriptors_(open_descriptors()),
      files_(entries(scope_)) {
  for (const auto& process : descendants(scope_.family)) processes_.insert(process.pid);
}

LeakCheck::Findings LeakCheck::look() const {
  Findings found;
  PermanentParts parts;
  for (auto& process : descendants(scope_.family)) {
    const bool forkserver = is_forkserver(process, self_);
    parts.forkserver |= forkserver;
    // An orphan's corpse is the supervisor's to bury.
    const bool buried = process.state == 'Z' && process.parent != self_;
    if ((forkserver && scope_.forkserver_stays) || buried || process.pid == self_ ||
        processes_.contains(process.pid))
      continue;
    found.processes.push_back(std::move(process));
  }
  const auto now = open_descriptors();
  parts.arena = std::any_of(now.begin(), now.end(), [](const Descriptor& descriptor) {
    return descriptor.target.starts_with("/memfd:royong");
  });
  found.descriptors = unexpected_descriptors(descriptors_, now, parts);
  for (const auto& file : entries(scope_)) {
    if (!files_.contains(file)) found.files.push_back(file);
  }
  return found;
}

std::vector<std::string> LeakCheck::leftovers() {
  Findings found = look();
  const auto deadline = Clock::now() + grace();
  while (!found.empty() && Clock::now() < deadline) {
    if (found.processes.empty()) {
      ::poll(nullptr, 0, 1);
    } else {
      wait_for_end(found.processes.back().pid, 20ms);
    }
    found = look();
  }

  std::vector<std::string> told;
  for (const auto& process : found.processes) {
    const char* what = process.state == 'Z' ? "not waited for: " : "still running: ";
    told.push_back(what + describe(process));
    ::kill(process.pid, SIGKILL);
    if (process.parent == self_) ::waitpid(process.pid, nullptr, 0);
    processes_.insert(process.pid);
  }
  for (const auto& descriptor : found.descriptors) {
    told.push_back("still open: descriptor " + std::to_string(descriptor.number) + " -> " +
                   descriptor.target);
    descriptors_.insert(descriptor);
  }
  for (const auto& file : found.files) {
    told.push_back("still there: " + file.string());
    std::error_code ignored;
    if (is_in(scope_.own_folders, file)) std::filesystem::remove_all(file, ignored);
    files_.insert(file);
  }
  return told;
}

}  // namespace royong_test
