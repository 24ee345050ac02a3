// SPDX-License-Identifier: Apache-2.0
#include "process/orphans.hpp"

#include <poll.h>

#include <array>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "memory/objects.hpp"
#include "os/poll.hpp"
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
};

Orphanage& orphanage() {
  static auto& instance = *new Orphanage;
  return instance;
}

/// The process of a slot; nothing when it has ended (its number may be a stranger's by now).
os::Fd find_process(memory::Owner slot) {
  const memory::Slot& entry = memory::slot(slot);
  const auto pid = static_cast<pid_t>(entry.pid.load());
  if (pid == 0) return {};  // its parent died before it had made it
  os::Fd pidfd;
  try {
    pidfd = os::pidfd_open(pid);
  } catch (const std::system_error&) {
    return {};
  }
  // Alive now, so the number was its own when the descriptor was opened. One that has not claimed
  // its slot yet cannot prove it; if the number is a stranger's, the slot is swept at the stranger's end.
  if (!memory::is_alive(slot) && entry.state.load() != memory::SlotState::reserved) return {};
  return pidfd;
}

void bury(memory::Owner slot) {
  adopt_orphans_of(slot);
  memory::sweep(slot);
  memory::wake_all_objects();
}

void adopt(memory::Owner slot) {
  os::Fd pidfd = find_process(slot);
  if (!pidfd) {
    bury(slot);
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
  watch_child(number, descriptor);
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
