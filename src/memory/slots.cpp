// SPDX-License-Identifier: Apache-2.0
#include "memory/slots.hpp"

#include <linux/futex.h>
#include <unistd.h>

#include <array>      // for std::array
#include <cerrno>     // for EOWNERDEAD
#include <exception>  // for std::exception
#include <mutex>      // for std::mutex
#include <string>     // for std::to_string

#include "memory/layout.hpp"
#include "memory/robust_mutex.hpp"
#include "memory/sweepers.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::memory {
namespace {

static_assert(sizeof(Slot) == 128);

std::atomic<std::uint64_t> own_slot{0};

constexpr std::size_t max_hooks = 16;
std::array<std::atomic<SweepHook>, max_hooks> sweep_hooks{};
std::mutex hooks_mutex;  // registration only; sweeps read without it

// The slot of `owner` in its present life; null where it is free or lives another life.
Slot* present(Owner owner) noexcept {
  if (!has_arena() || !owner || owner.index() >= header().slots_high.load()) return nullptr;
  Slot& found = slot_table()[owner.index()];
  if (found.generation.load() != owner.generation()) return nullptr;
  return found.state.load() == SlotState::free ? nullptr : &found;
}

// The kernel clears the thread id of a robust mutex when its owner dies. Read as an atomic because
// the kernel and other processes write it.
bool token_is_held(Slot& which) noexcept {
  const auto word = std::atomic_ref<int>(which.token.__data.__lock).load(std::memory_order_acquire);
  return (static_cast<unsigned>(word) & FUTEX_TID_MASK) != 0;
}

Slot* find_free(Header& head) {
  const std::uint32_t high = head.slots_high.load();
  for (std::uint32_t i = 0; i < high; ++i) {
    if (slot_table()[i].state.load() == SlotState::free) return &slot_table()[i];
  }
  if (high == max_processes) return nullptr;
  // First use of this slot. A death before the mark moves only means that the next one initialises
  // it again.
  Slot& fresh = slot_table()[high];
  init_robust(fresh.token);
  init_robust(fresh.slabs_lock);
  head.slots_high.store(high + 1);
  return &fresh;
}

void run_hooks(Owner dead) noexcept {
  for (const auto& hook : sweep_hooks) {
    if (const SweepHook call = hook.load()) call(dead);
  }
  sweep_objects(dead);
  sweep_blocks(dead);
}

}  // namespace

Owner reserve_slot() {
  Header& head = checked_header();
  const RobustGuard guard(head.slots_lock);
  Slot* found = find_free(head);
  if (!found) {
    throw ArenaFull("no more than " + std::to_string(max_processes) +
                    " processes can be members of one program");
  }
  const std::uint64_t generation = found->generation.load() + 1;
  found->generation.store(generation);
  found->pid.store(0);
  found->parent.store(self().bits);
  found->startup.store(0);
  found->go.store(0);
  found->detached.store(0);
  found->state.store(SlotState::reserved);
  return Owner::of(static_cast<std::uint32_t>(found - slot_table()), generation);
}

void cancel_slot(Owner slot) noexcept { sweep(slot); }

void claim_slot(Owner owner) {
  checked_header();
  Slot* mine = present(owner);
  if (!mine || mine->state.load() != SlotState::reserved || token_is_held(*mine)) {
    throw TransferError("process slot " + std::to_string(owner.index()) + " of generation " +
                        std::to_string(owner.generation()) + " is not reserved for this process");
  }
  const int error = ::pthread_mutex_lock(&mine->token);
  if (error == EOWNERDEAD) {  // the life before
    ::pthread_mutex_consistent(&mine->token);
  } else if (error != 0) {
    os::throw_error(error, "cannot lock", "the alive token of a process slot");
  }
  mine->pid.store(static_cast<std::uint32_t>(::getpid()));
  mine->state.store(SlotState::live);
  own_slot.store(owner.bits);
}

Owner self() noexcept { return {own_slot.load(std::memory_order_relaxed)}; }

void forget_self() noexcept { own_slot.store(0); }

Slot& slot(Owner owner) {
  checked_header();
  if (!owner || owner.index() >= max_processes) {
    throw TransferError("there is no process slot " + std::to_string(owner.index()));
  }
  return slot_table()[owner.index()];
}

bool is_alive(Owner owner) noexcept {
  Slot* found = present(owner);
  // The generation is looked at again: a slot that was swept and claimed anew in between has a held
  // token too.
  return found && token_is_held(*found) && found->generation.load() == owner.generation();
}

void sweep(Owner dead) noexcept {
  if (!has_arena()) return;
  try {
    const RobustGuard guard(header().sweep_lock);
    Slot* found = present(dead);
    if (!found || token_is_held(*found)) return;
    found->state.store(SlotState::sweeping);
    run_hooks(dead);
    found->state.store(SlotState::free);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot sweep a dead process: ") + error.what());
  }
}

void add_sweep_hook(SweepHook hook) {
  const std::lock_guard lock(hooks_mutex);
  for (auto& entry : sweep_hooks) {
    if (entry.load() == hook) return;
    if (!entry.load()) {
      entry.store(hook);
      return;
    }
  }
  throw UsageError("too many sweep hooks");
}

std::uint32_t used_slots() noexcept {
  if (!has_arena()) return 0;
  std::uint32_t used = 0;
  for (std::uint32_t i = 0; i < header().slots_high.load(); ++i) {
    used += slot_table()[i].state.load() != SlotState::free;
  }
  return used;
}

Owner find_alive(Owner except) noexcept {
  if (!has_arena()) return {};
  for (std::uint32_t i = 0; i < header().slots_high.load(); ++i) {
    const Owner owner = Owner::of(i, slot_table()[i].generation.load());
    if (owner != except && is_alive(owner)) return owner;
  }
  return {};
}

void for_each_child(Owner parent, void (*visit)(Owner child, void* context), void* context) {
  const std::uint32_t high = checked_header().slots_high.load();
  for (std::uint32_t i = 0; i < high; ++i) {
    const Slot& candidate = slot_table()[i];
    const std::uint64_t generation = candidate.generation.load();
    if (candidate.state.load() == SlotState::free || candidate.parent.load() != parent.bits) {
      continue;
    }
    if (candidate.generation.load() == generation) visit(Owner::of(i, generation), context);
  }
}

}  // namespace royong::inline v0::memory
