// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The two byte rings between a pool and one worker: tasks one way, results the other.
 *
 *  Each ring has one producer process and one consumer process, no lock, and two indices that only
 *  grow. An entry exists from the release store of the tail behind it on; its bytes are the
 *  producer's again from the release store of the head behind it on.
 *
 *  **Why a kill -9 at any instant is harmless.** Truth is three words, each changed by one store or
 *  one compare-and-swap:
 *  - `results.tail`: a result whose bytes were written but not committed by it does not exist; its
 *  task counts as running.
 *  - `TaskEntry::state`: pending -> running (worker) or pending -> withdrawn (pool), by
 *  compare-and-swap. Whoever wins has the
 *    task: it never runs twice because it was taken back, and it never runs after it was cancelled.
 *  - `tasks.head`: stored after the result is committed. A worker that dies between the two leaves
 *  an entry in state running
 *    whose result is there; the pool reads results before it looks at entries, and so sees a
 *    finished task.
 *  So after a death the pool reads the committed results, and then at most one entry is in state
 *  running: that task was lost. Those in state pending never began and run elsewhere. The rings of
 *  the dead worker are thrown away: nothing in them has to be repaired.
 *  The pool's own death ends its workers, so nobody is left to read.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono::nanoseconds
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <cstring>  // for std::memcpy

#include "royong/detail/config.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

inline constexpr std::uint64_t task_ring_bytes = std::uint64_t{64} << 10;
inline constexpr std::uint64_t result_ring_bytes = std::uint64_t{128} << 10;
/// Entries are whole cache lines, so that the pool can write one while the worker takes the one
/// before.
inline constexpr std::uint64_t task_alignment = 64;
inline constexpr std::uint64_t result_alignment = 16;

/// Who has a task that lies in a ring.
enum class EntryState : std::uint32_t { pending = 0, running, withdrawn };

/// What an entry of the task ring is; bits.
struct EntryFlag {
  static constexpr std::uint32_t padding =
      1;  ///< nothing: the rest of the ring was too short for what follows
  static constexpr std::uint32_t stop = 2;  ///< the worker ends here
  static constexpr std::uint32_t by_block =
      4;  ///< the payload is a BlockRange: the call lies in an arena block
  static constexpr std::uint32_t timed = 8;    ///< the worker notes when it began
  static constexpr std::uint32_t traced = 16;  ///< likewise
  /// From here on: so many bytes of the payload, at its end, are the task's name; for a trace only.
  static constexpr std::uint32_t name_shift = 16;
};

/// A longer name of a task is cut.
inline constexpr std::uint32_t max_task_name = 80;

/// What instants are written down as: nanoseconds of the monotonic clock.
inline std::int64_t now_ns() noexcept {
  return std::chrono::nanoseconds(Timeout::Clock::now().time_since_epoch()).count();
}

/// Head of an entry of the task ring; the payload follows.
struct TaskEntry {
  std::atomic<EntryState> state;
  std::uint32_t flags;
  std::uint32_t length;                ///< bytes of payload
  std::atomic<std::uint32_t> element;  ///< map: how many elements of the chunk are finished
  std::uint64_t sequence;
  std::atomic<std::int64_t> began;  ///< as now_ns, where `timed`

  std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* payload() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }
  std::uint32_t name_length() const noexcept { return flags >> EntryFlag::name_shift; }
  /// Bytes of the call, or of its BlockRange.
  std::uint32_t call_length() const noexcept { return length - name_length(); }
};
static_assert(sizeof(TaskEntry) == 32);
static_assert(std::atomic<EntryState>::is_always_lock_free);

/// Bytes in the arena.
struct BlockRange {
  std::uint64_t offset;
  std::uint64_t length;
};

/// What a worker says.
enum class ResultKind : std::uint32_t {
  value = 0,           ///< payload: what the function returned
  exception,           ///< payload: the exception that escaped
  ready,               ///< the worker lives and its initializer has run
  initializer_failed,  ///< payload: the exception that escaped the initializer
  arena_full,          ///< the task ended but its result is longer than the arena may be
  piece,  ///< payload: a part of a result, after its length; or nothing, before all of them
};

/// Where a result lies.
enum class ResultPlacement : std::uint8_t {
  here = 0,   ///< it is the payload
  by_block,   ///< in an arena block: the payload is its BlockRange
  in_pieces,  ///< in the pieces before; there is no payload
};

/// Head of an entry of the result ring; the payload follows and may go on at the ring's beginning.
struct ResultHeader {
  std::uint64_t sequence;  ///< of the task
  std::uint32_t length;    ///< bytes of payload
  std::uint16_t kind;
  ResultPlacement placement = ResultPlacement::here;
  /// The message ends with the list of its handles (Writer::write_handle_list).
  std::uint8_t has_handles = 0;
};
static_assert(sizeof(ResultHeader) == 16);

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// The pool's end of the task ring. One thread at a time.
class TaskProducer {
 public:
  TaskProducer() = default;
  TaskProducer(std::byte* data, std::atomic<std::uint64_t>& tail,
               const std::atomic<std::uint64_t>& head) noexcept
      : data_(data), tail_(&tail), head_(&head) {}

  /// The largest payload that always fits an empty ring, wherever its indices are.
  static constexpr std::uint32_t max_payload =
      task_ring_bytes / 2 - sizeof(TaskEntry) - task_alignment;

  /** @brief Makes room for an entry; nobody sees it before `publish`.
   *  @return nullptr when the ring is full
   */
  TaskEntry* reserve(std::uint32_t payload) noexcept {
    const std::uint64_t size = round_up(sizeof(TaskEntry) + payload, task_alignment);
    const std::uint64_t to_end = task_ring_bytes - (local_tail_ & (task_ring_bytes - 1));
    const std::uint64_t padding = to_end < size ? to_end : 0;
    if (local_tail_ + padding + size - cached_head_ > task_ring_bytes) {
      cached_head_ = head_->load(std::memory_order_acquire);
      if (local_tail_ + padding + size - cached_head_ > task_ring_bytes) return nullptr;
    }
    if (padding != 0) {
      fill(local_tail_, EntryFlag::padding,
           static_cast<std::uint32_t>(padding - sizeof(TaskEntry)));
      local_tail_ += padding;
    }
    position_ = local_tail_;
    local_tail_ += size;
    return fill(position_, 0, payload);
  }
  /// Where the entry that was reserved last begins; `entry_at` finds it again.
  std::uint64_t position() const noexcept { return position_; }
  /// Where it ends: the worker's head is not less once it has done with it.
  std::uint64_t end() const noexcept { return local_tail_; }

  void publish() noexcept { tail_->store(local_tail_, std::memory_order_release); }

  TaskEntry& entry_at(std::uint64_t position) const noexcept {
    return *reinterpret_cast<TaskEntry*>(data_ + (position & (task_ring_bytes - 1)));
  }

 private:
  TaskEntry* fill(std::uint64_t position, std::uint32_t flags, std::uint32_t length) noexcept {
    TaskEntry& entry = entry_at(position);
    entry.state.store(EntryState::pending, std::memory_order_relaxed);
    entry.flags = flags;
    entry.length = length;
    entry.element.store(0, std::memory_order_relaxed);
    entry.began.store(0, std::memory_order_relaxed);
    return &entry;
  }

  std::byte* data_ = nullptr;
  std::atomic<std::uint64_t>* tail_ = nullptr;
  const std::atomic<std::uint64_t>* head_ = nullptr;
  std::uint64_t local_tail_ = 0;
  std::uint64_t cached_head_ = 0;
  std::uint64_t position_ = 0;
};

/// The worker's end of the task ring.
class TaskConsumer {
 public:
  TaskConsumer(std::byte* data, const std::atomic<std::uint64_t>& tail,
               std::atomic<std::uint64_t>& head) noexcept
      : data_(data), tail_(&tail), head_(&head) {}

  /// The next entry, not yet taken; nullptr when there is none.
  TaskEntry* peek() noexcept {
    for (;;) {
      if (local_head_ == cached_tail_) {
        cached_tail_ = tail_->load(std::memory_order_acquire);
        if (local_head_ == cached_tail_) return nullptr;
      }
      auto* entry = reinterpret_cast<TaskEntry*>(data_ + (local_head_ & (task_ring_bytes - 1)));
      if ((entry->flags & EntryFlag::padding) == 0) return entry;
      release(*entry);
    }
  }

  /// Takes what `peek` returned. @return false: the pool was faster and has taken it back
  static bool take(TaskEntry& entry) noexcept {
    auto expected = EntryState::pending;
    return entry.state.compare_exchange_strong(expected, EntryState::running,
                                               std::memory_order_acq_rel);
  }

  /// Gives the entry's bytes back to the pool. @return the new head
  std::uint64_t release(const TaskEntry& entry) noexcept {
    local_head_ += round_up(sizeof(TaskEntry) + entry.length, task_alignment);
    head_->store(local_head_, std::memory_order_release);
    return local_head_;
  }

 private:
  std::byte* data_;
  const std::atomic<std::uint64_t>* tail_;
  std::atomic<std::uint64_t>* head_;
  std::uint64_t local_head_ = 0;
  std::uint64_t cached_tail_ = 0;
};

/// The pool's side of the race for a task. @return false: the worker has it, or has done with it
inline bool withdraw(TaskEntry& entry) noexcept {
  auto expected = EntryState::pending;
  return entry.state.compare_exchange_strong(expected, EntryState::withdrawn,
                                             std::memory_order_acq_rel);
}

/** @brief The worker's end of the result ring.
 *
 *  There is always room for a result by block, for as many tasks as the pool lets a worker have. So a
 *  worker waits for its pool to read only where the arena has no room for such a block: then the result comes in pieces.
 */
class ResultProducer {
 public:
  /// So many tasks at most may be given to a worker and not be answered.
  static constexpr std::uint64_t max_outstanding = 1024;
  static constexpr std::uint64_t by_block_size = sizeof(ResultHeader) + sizeof(BlockRange);
  /// Kept free for the results by block of all of them, and for what a worker says beside its
  /// tasks.
  static constexpr std::uint64_t reserve = (max_outstanding + 2) * by_block_size;

  ResultProducer(std::byte* data, std::atomic<std::uint64_t>& tail,
                 const std::atomic<std::uint64_t>& head) noexcept
      : data_(data), tail_(&tail), head_(&head) {}

  /// Whether a payload of this length may go inside the ring; else it has to go by block.
  bool fits_inline(std::uint64_t length) noexcept {
    if (length > max_payload) return false;
    const std::uint64_t size = round_up(sizeof(ResultHeader) + length, result_alignment);
    return size <= by_block_size || has_room(size);
  }
  /// The same for a piece of one, which leaves the reserve alone.
  bool fits_piece(std::uint64_t length) noexcept {
    return has_room(round_up(sizeof(ResultHeader) + length, result_alignment));
  }

  /// The longest payload that goes inside the ring.
  static constexpr std::uint64_t max_payload = result_ring_bytes / 8;

  /// Writes and commits one result.
  void put(const ResultHeader& header, const void* payload) noexcept {
    std::memcpy(data_ + (local_tail_ & (result_ring_bytes - 1)), &header, sizeof header);
    const std::uint64_t at = (local_tail_ + sizeof header) & (result_ring_bytes - 1);
    const std::uint64_t first =
        header.length < result_ring_bytes - at ? header.length : result_ring_bytes - at;
    if (first != 0) std::memcpy(data_ + at, payload, first);
    if (first != header.length)
      std::memcpy(data_, static_cast<const std::byte*>(payload) + first, header.length - first);
    local_tail_ += round_up(sizeof header + header.length, result_alignment);
    tail_->store(local_tail_, std::memory_order_release);
  }

 private:
  bool has_room(std::uint64_t size) noexcept {
    if (local_tail_ + size + reserve - cached_head_ <= result_ring_bytes) return true;
    cached_head_ = head_->load(std::memory_order_acquire);
    return local_tail_ + size + reserve - cached_head_ <= result_ring_bytes;
  }

  std::byte* data_;
  std::atomic<std::uint64_t>* tail_;
  const std::atomic<std::uint64_t>* head_;
  std::uint64_t local_tail_ = 0;
  std::uint64_t cached_head_ = 0;
};
// Of a result in pieces the first entry and the last one are in the reserve.
static_assert(ResultProducer::by_block_size >= 2 * sizeof(ResultHeader));
static_assert(ResultProducer::reserve + ResultProducer::max_payload + sizeof(ResultHeader) <
              result_ring_bytes);
static_assert(task_ring_bytes / task_alignment <= ResultProducer::max_outstanding);

/// The pool's end of the result ring. One thread at a time. Believes nothing: a worker may have
/// scribbled over its ring.
class ResultConsumer {
 public:
  ResultConsumer() = default;
  ResultConsumer(const std::byte* data, const std::atomic<std::uint64_t>& tail,
                 std::atomic<std::uint64_t>& head) noexcept
      : data_(data), tail_(&tail), head_(&head) {}

  /// Whether there may be something to read: for polling, without the right to read.
  bool has_news() const noexcept {
    return tail_->load(std::memory_order_relaxed) != head_->load(std::memory_order_relaxed);
  }

  enum class Look { nothing, result, nonsense };
  /// Looks at the next result.
  Look peek(ResultHeader& header) noexcept {
    if (local_head_ == cached_tail_) {
      cached_tail_ = tail_->load(std::memory_order_acquire);
      if (local_head_ == cached_tail_) return Look::nothing;
    }
    std::memcpy(&header, data_ + (local_head_ & (result_ring_bytes - 1)), sizeof header);
    const std::uint64_t available = cached_tail_ - local_head_;
    if (available > result_ring_bytes || sizeof header + header.length > available ||
        (header.placement == ResultPlacement::by_block && header.length != sizeof(BlockRange)))
      return Look::nonsense;
    return Look::result;
  }

  /// Copies the payload out.
  void copy(const ResultHeader& header, void* to) const noexcept {
    if (header.length == 0) return;
    const std::uint64_t at = (local_head_ + sizeof header) & (result_ring_bytes - 1);
    const std::uint64_t first =
        header.length < result_ring_bytes - at ? header.length : result_ring_bytes - at;
    std::memcpy(to, data_ + at, first);
    if (first != header.length)
      std::memcpy(static_cast<std::byte*>(to) + first, data_, header.length - first);
  }

  /// Goes on to the next; the worker sees the room after `release`.
  void skip(const ResultHeader& header) noexcept {
    local_head_ += round_up(sizeof header + header.length, result_alignment);
  }
  void release() noexcept { head_->store(local_head_, std::memory_order_release); }

 private:
  const std::byte* data_ = nullptr;
  const std::atomic<std::uint64_t>* tail_ = nullptr;
  std::atomic<std::uint64_t>* head_ = nullptr;
  std::uint64_t local_head_ = 0;
  std::uint64_t cached_tail_ = 0;
};

}  // namespace royong::inline v0::detail
