// SPDX-License-Identifier: Apache-2.0
#include "manager/server_state.hpp"

#include "memory/arena.hpp"
#include "memory/directory.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRecord;

void tell(ObjectRecord& record) noexcept {
  ServerState& state = server_state(record);
  state.work.notify_all();  // a full fence, and one load while nobody sleeps
  if (state.sleeps_in_epoll.load(std::memory_order_relaxed) == 0) return;
  // A flow of messages writes the word once for each time that the server wanted to sleep.
  if (state.posted.load(std::memory_order_relaxed) == 0) {
    state.posted.store(1, std::memory_order_seq_cst);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  state.attention.ring(record);
}

bool is_posted(ObjectRecord& record, std::uint32_t) noexcept {
  return server_state(record).posted.load(std::memory_order_acquire) != 0;
}

std::uint64_t next_grave(ServerState& state, bool& all) noexcept {
  if (state.overflow.load(std::memory_order_relaxed) != 0) {
    state.overflow.store(0, std::memory_order_seq_cst);
    all = true;
  }
  const auto at = state.exhumed.load(std::memory_order_relaxed);
  // acquire: the number is there.
  if (at == state.buried.load(std::memory_order_acquire)) return 0;
  const auto id = state.graves[at % state.graves.size()].load(std::memory_order_relaxed);
  state.exhumed.store(at + 1, std::memory_order_release);
  return id;
}

bool is_gone(const detail::ObjectName& name, ObjectRecord& record) {
  // Under the lock: an end that is under way is over.
  const memory::Directory directory;
  return record.serial.load() != name.serial;
}

namespace {

void bury(ObjectRecord& managed) noexcept {
  const ManagedState& object = managed_state(managed);
  if (object.server_record == 0) return;  // its creation failed
  try {
    ObjectRecord& record = memory::at<ObjectRecord>(object.server_record);
    ServerState& state = server_state(record);
    const auto at = state.buried.load(std::memory_order_relaxed);
    // acquire: the server is done with the grave.
    if (at - state.exhumed.load(std::memory_order_acquire) < state.graves.size()) {
      state.graves[at % state.graves.size()].store(object.id, std::memory_order_relaxed);
      state.buried.store(at + 1, std::memory_order_release);
    } else {
      state.overflow.store(1, std::memory_order_seq_cst);
    }
    tell(record);
  } catch (const TransferError&) {
    return;  // not an offset of the arena: nobody writes such a thing
  }
}

void wake(ObjectRecord& record) noexcept {
  ServerState& state = server_state(record);
  state.work.wake_after_a_death();
  state.posted.store(1);
  sync::ring_all(record);
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(ObjectKind::managed, {.destroy = &bury});
  memory::set_kind_hooks(ObjectKind::manager, {.wake = &wake});
  return true;
}();

}  // namespace

}  // namespace royong::inline v0::manager
