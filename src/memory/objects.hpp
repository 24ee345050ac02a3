// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Shared objects: type-stable records with one bit for each process that holds them.
 *
 *  A record's memory is only ever a record (robust mutexes must not lie in memory that becomes
 * something else), and its mutex is initialised once. `serial` 0 is free; a live serial is unique
 * for ever, so a handle to a destroyed object is recognised, never mistaken. First-acquire and
 * last-release of a process run under one robust directory lock; each is an idempotent store, so a
 * death in between leaves at most a bit of a dead process, which the sweep clears:
 *
 *  - create: the store of `serial` commits; before it the record is free, after it a dead holder's.
 *  - release: the holder's bit goes, and an object that nobody holds and no pin keeps is destroyed:
 * hook `destroy`, then `block` passes to the destroyer, then `serial` = 0 commits, then the block
 * is freed. A death before the commit leaves an object without a holder: every sweep destroys those
 * (again from the start: hooks are idempotent; the block is still live, because a sweep looks at
 * objects before blocks). A death after it leaves a block of the dead.
 *  - pin: `pins` of the record is raised before the pin's owner word commits, and lowered after it
 * is cleared: it may be too high, never too low, and every sweep counts it anew.
 *
 *  Hooks run under the directory lock: they may lock `inner` and use blocks, but not create, copy
 * or drop an ObjectRef.
 */
#pragma once

#include <pthread.h>

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t

#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::detail {

struct alignas(64) ObjectRecord {
  std::atomic<std::uint64_t> serial;  ///< commit word: 0 = free
  std::atomic<ObjectKind> kind;
  std::uint32_t index;  ///< own position in the table
  std::atomic<std::uint64_t> type_hash;
  std::atomic<std::uint64_t> block;  ///< variable part: an arena block owned by
                                     ///< `memory::owner_of_object`; freed with the object
  std::atomic<std::uint32_t> pins;   ///< advisory count of transit pins
  std::uint32_t reserved;
  pthread_mutex_t inner;  ///< robust, process-shared, initialised once in the record's first life
  alignas(64) std::atomic<std::uint64_t> holders[memory::max_processes / 64];
  alignas(64) std::byte state[256];  ///< what the kind keeps; zero-filled at creation
};
static_assert(sizeof(ObjectRecord) == 512);

}  // namespace royong::inline v0::detail

namespace royong::inline v0::memory {

using detail::ObjectKind;
using detail::ObjectName;
using detail::ObjectRecord;
using detail::ObjectRef;

/** @brief Puts a reference on its way in a message whose reader is unknown (a queue, a result).
 *
 *  The pin keeps the object alive until a reader has acquired it. It belongs to the sender's slot;
 * when the sender dies its pins pass to its parent, so what a finished worker sent can still be
 * read. A message that may never be read should rather belong to what carries it:
 *  @param carrier `owner_of_object` of the queue, whose end then drops the pin; nobody: the sender
 *  @return the pin's number, to be sent beside the name
 *  @throws ArenaFull too many references are on their way
 */
std::uint32_t pin(const ObjectRef& object, Owner carrier = {});

/// The reader's side: acquires the object, then drops the pin. @throws TransferError as
/// ObjectRef::acquire, or no such pin
ObjectRef acquire_pinned(ObjectName name, std::uint32_t pin, ObjectKind kind,
                         std::uint64_t type_hash);
/// The same, whatever the object is: for who keeps a message for its reader.
ObjectRef acquire_pinned(ObjectName name, std::uint32_t pin);

/// The owner of blocks that belong to an object. They end with it: `block` at once, any other by
/// the hook `destroy` or else at the next sweep.
Owner owner_of_object(const ObjectRecord& object) noexcept;
/// Whether `owner` is an object that was destroyed.
bool is_gone_object(Owner owner) noexcept;

/// What a floor does for an object of `kind`: repair it after the death of a process that held it,
/// wake its sleepers, destroy what its state owns.
struct KindHooks {
  void (*repair)(ObjectRecord&, Owner dead) noexcept = nullptr;
  void (*wake)(ObjectRecord&) noexcept = nullptr;  ///< after every death: cures lost wake-ups
  void (*destroy)(ObjectRecord&) noexcept =
      nullptr;  ///< last holder gone; `block` is freed afterwards
};
/// From that floor's static or init code, before there are other threads.
void set_kind_hooks(ObjectKind kind, KindHooks hooks);

/// The death broadcast: wakes the sleepers of every live object.
void wake_all_objects() noexcept;

/// Number of live objects, for leak tests.
std::uint64_t live_objects() noexcept;

/// Before a fork: makes `child` a holder of everything that this process holds, so that nothing is
/// destroyed before the child takes it over. `cancel_slot` and the sweep of the child undo it.
void grant_shares(Owner child);

/// In a forked child that becomes a member: takes over, with its own bit, every share that its
/// parent held at the fork.
void inherit_shares();

}  // namespace royong::inline v0::memory
