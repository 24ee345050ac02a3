// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a pool and its workers share: one channel for each worker, one bell for the pool.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <utility>  // for std::move

#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "pool/rings.hpp"
#include "pool/task_context.hpp"
#include "royong/detail/object.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0::detail {

/// The indices and the rings of one worker: the object's block. Each writer has lines of its own.
struct ChannelMemory {
  struct alignas(128) PoolSide {
    std::atomic<std::uint64_t> tasks_tail;
    std::atomic<std::uint64_t> results_head;
    /// A worker that has come so far in its task ring rings the bell, if somebody may be asleep.
    std::atomic<std::uint64_t> ring_at;
  } pool;
  struct alignas(128) WorkerSide {
    std::atomic<std::uint64_t> tasks_head;
    std::atomic<std::uint64_t> results_tail;
  } worker;
  struct alignas(128) Bed {
    sync::EventCount events;  ///< the worker sleeps here
  } bed;
  struct alignas(128) Report : WorkerReport {
  } report;
  alignas(128) std::byte tasks[task_ring_bytes];
  std::byte results[result_ring_bytes];
};

/** @brief A worker's channel. The pool holds it until it has read what a dead worker left; the
 *  worker acquires it as an argument.
 *
 *  A large result goes as an arena block. From before its commit until the pool has read it, it
 *  belongs to the channel: so the sweep of a dead worker leaves committed results alone, and one
 *  that was not committed ends with the channel.
 */
class ChannelHandle {
 public:
  ChannelHandle() noexcept = default;
  /// @throws ArenaFull
  static ChannelHandle create();
  ChannelMemory& memory() const;
  /// Owner of the blocks on their way through it.
  memory::Owner owner() const noexcept { return memory::owner_of_object(object_.record()); }
  /// What carries the handles in results on their way through it: those that nobody reads end with it.
  const ObjectRef& carrier() const noexcept { return object_; }
  explicit operator bool() const noexcept { return static_cast<bool>(object_); }

 private:
  friend struct HandleAccess;
  static constexpr ObjectKind kind_ = ObjectKind::worker_channel;
  static constexpr std::uint64_t type_hash_ = 1;
  explicit ChannelHandle(ObjectRef object) noexcept : object_(std::move(object)) {}
  ObjectRef object_;
};

/// Where a pool's leader sleeps and its workers ring: the state of an object of the channels' kind.
class BellHandle {
 public:
  BellHandle() noexcept = default;
  /// @throws ArenaFull
  static BellHandle create();
  sync::EventCount& events() const noexcept;
  explicit operator bool() const noexcept { return static_cast<bool>(object_); }

 private:
  friend struct HandleAccess;
  static constexpr ObjectKind kind_ = ObjectKind::worker_channel;
  static constexpr std::uint64_t type_hash_ = 2;
  explicit BellHandle(ObjectRef object) noexcept : object_(std::move(object)) {}
  ObjectRef object_;
};

}  // namespace royong::inline v0::detail
