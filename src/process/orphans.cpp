// SPDX-License-Identifier: Apache-2.0
#include "process/orphans.hpp"

#include <signal.h>

#include <cerrno>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "memory/objects.hpp"
#include "os/process.hpp"
#include "process/runtime.hpp"
#include "process/service.hpp"

namespace royong::inline v0::detail {
namespace {

struct Orphan {
  memory::Owner slot;
  os::Fd pidfd;
};

struct Orphanage {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Orphan> orphans;
  std::vector<memory::Owner> unwatched;  ///< no descriptor tells their ends
};

Orphanage& orphanage() {
  static auto& instance = *new Orphanage;
  return instance;
}

/// Whether the process of a slot may still run. One that has not claimed its slot cannot prove that the number is its own; if it
/// is a stranger's by now, the slot is swept at the stranger's end.
bool may_run(memory::Owner slot) {
  if (memory::is_alive(slot)) return true;
  const memory::Slot& entry = memory::slot(slot);
  const auto pid = static_cast<pid_t>(entry.pid.load());
  // 0: its parent died before it had made it.
  return pid != 0 && entry.state.load() == memory::SlotState::reserved &&
         (::kill(pid, 0) == 0 || errno != ESRCH);
}

/// Nothing when it has ended, or where there is no descriptor to be had.
os::Fd find_process(memory::Owner slot) {
  const auto pid = static_cast<pid_t>(memory::slot(slot).pid.load());
  if (pid == 0) return {};
  try {
    os::Fd pidfd = os::pidfd_open(pid);
    // It may run now: so the number was its own when the descriptor was opened.
    if (may_run(slot)) return pidfd;
  } catch (const std::system_error&) {
    // Gone, or out of descriptors: may_run tells which.
  }
  return {};
}

void bury(memory::Owner slot) {
  adopt_orphans_of(slot);
  memory::sweep(slot);
  memory::wake_all_objects();
}

void leave_unwatched(memory::Owner slot) {
  auto& own = orphanage();
  {
    const std::lock_guard lock(own.mutex);
    own.unwatched.push_back(slot);
  }
  run_in_service([] {});  // so that it looks after them from now on
}

void adopt(memory::Owner slot) {
  os::Fd pidfd = find_process(slot);
  if (!pidfd && !may_run(slot)) {
    bury(slot);
    return;
  }
  if (!pidfd) {
    leave_unwatched(slot);
    return;
  }
  std::uint64_t number = 0;
  {
    auto& own = runtime();
    const std::lock_guard lock(own.mutex);
    number = own.next_child++;
  }
  const int descriptor = pidfd.get();
  {
    auto& own = orphanage();
    const std::lock_guard lock(own.mutex);
    own.orphans.emplace(number, Orphan{slot, std::move(pidfd)});
  }
  try {
    watch_child(number, descriptor);
  } catch (const std::system_error&) {
    auto& own = orphanage();
    {
      const std::lock_guard lock(own.mutex);
      own.orphans.erase(number);
    }
    leave_unwatched(slot);
  }
}

}  // namespace

void adopt_orphans_of(memory::Owner dead) {
  std::vector<memory::Owner> children;
  memory::for_each_child(
      dead,
      [](memory::Owner child, void* context) {
        static_cast<std::vector<memory::Owner>*>(context)->push_back(child);
      },
      &children);
  for (const memory::Owner child : children) adopt(child);
}

bool look_after_orphans() {
  auto& own = orphanage();
  std::vector<memory::Owner> ended;
  bool some_left = false;
  {
    const std::lock_guard lock(own.mutex);
    std::erase_if(own.unwatched, [&](memory::Owner slot) {
      if (may_run(slot)) return false;
      ended.push_back(slot);
      return true;
    });
    some_left = !own.unwatched.empty();
  }
  for (const memory::Owner slot : ended) bury(slot);
  return some_left;
}

void lock_orphans() { orphanage().mutex.lock(); }
void unlock_orphans() { orphanage().mutex.unlock(); }

void forget_orphans() noexcept {
  orphanage().orphans.clear();
  orphanage().unwatched.clear();
}

bool finish_orphan(std::uint64_t number) {
  Orphan orphan;
  {
    auto& own = orphanage();
    const std::lock_guard lock(own.mutex);
    const auto found = own.orphans.find(number);
    if (found == own.orphans.end()) return false;
    orphan = std::move(found->second);
    own.orphans.erase(found);
  }
  unwatch_child(orphan.pidfd.get());
  bury(orphan.slot);
  return true;
}

}  // namespace royong::inline v0::detail
