// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Shared objects: type-stable records with one bit for each process that holds them.
 *
 *  A record's memory is only ever a record (robust mutexes must not lie in memory that becomes something else), and its
 *  mutex is initialised once. `serial` 0 is free; a live serial is unique for ever, so a handle to a destroyed object is recognised, never mistaken.
 *  First-acquire and last-release of a process run under one robust directory lock; each is an idempotent store, so a death in between leaves at most
 *  a bit of a dead process, which the sweep clears.
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
  std::atomic<std::uint64_t> serial;     ///< commit word: 0 = free
  std::atomic<ObjectKind> kind;
  std::uint32_t index;                   ///< own position in the table
  std::atomic<std::uint64_t> type_hash;
  std::atomic<std::uint64_t> block;      ///< variable part: an arena block owned by `memory::family`; freed with the object
  std::atomic<std::uint32_t> pins;       ///< advisory count of transit pins
  std::uint32_t reserved;
  pthread_mutex_t inner;                 ///< robust, process-shared, initialised once in the record's first life
  alignas(64) std::atomic<std::uint64_t> holders[memory::max_processes / 64];
  alignas(64) std::byte state[256];      ///< what the kind keeps; zero-filled at creation
};
static_assert(sizeof(ObjectRecord) == 512 || sizeof(ObjectRecord) == 576);

}  // namespace royong::inline v0::detail

namespace royong::inline v0::memory {

using detail::ObjectKind;
using detail::ObjectName;
using detail::ObjectRecord;
using detail::ObjectRef;

/** @brief Puts a reference on its way in a message whose reader is unknown (a queue, a result).
 *
 *  The pin keeps the object alive until a reader has acquired it. It belongs to the sender's slot; when the sender dies its pins pass to its
 *  parent, so what a finished worker sent can still be read.
 *  @return the pin's number, to be sent beside the name
 *  @throws ArenaFull too many references are on their way
 */
std::uint32_t pin(const ObjectRef& object);

/// The reader's side: acquires the object, then drops the pin. @throws TransferError as ObjectRef::acquire, or no such pin
ObjectRef acquire_pinned(ObjectName name, std::uint32_t pin, ObjectKind kind, std::uint64_t type_hash);

/// What a floor does for an object of `kind`: repair it after the death of a process that held it, wake its sleepers, destroy what its state owns.
struct KindHooks {
  void (*repair)(ObjectRecord&, Owner dead) noexcept = nullptr;
  void (*wake)(ObjectRecord&) noexcept = nullptr;     ///< after every death: cures lost wake-ups
  void (*destroy)(ObjectRecord&) noexcept = nullptr;  ///< last holder gone; `block` is freed afterwards
};
void set_kind_hooks(ObjectKind kind, KindHooks hooks);

/// The death broadcast: wakes the sleepers of every live object.
void wake_all_objects() noexcept;

/// Number of live objects, for leak tests.
std::uint64_t live_objects() noexcept;

/// In a forked child that becomes a member: takes over, with its own bit, every share that its parent held at the fork.
void inherit_shares();

}  // namespace royong::inline v0::memory
