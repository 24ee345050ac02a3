// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How large the chunks of a map are, and how many are under way.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::int64_t
#include <deque>    // for std::deque
#include <mutex>    // for std::mutex
#include <vector>   // for std::vector

#include "royong/detail/pool_core.hpp"

namespace royong::inline v0::detail {

/** @brief Divides elements into chunks.
 *
 *  A chunk should take so long that what it costs to hand it out does not count, and so short that
 *  in the end nobody waits for the last one. How long an element takes is measured: the first chunks
 *  are a 64th of a worker's share at most, so that a wrong guess costs little; then a chunk is about
 *  a millisecond of work, and at most eight times the one before. Towards the end a chunk is half of
 *  what each worker would get of the rest. So tiny elements go in large chunks, and elements that
 *  take longer than a millisecond one by one.
 */
class ROYONG_API ChunkSizer {
 public:
  /** @param chunksize what the user says; 0: automatic
   *  @param limit     no automatic chunk has more elements
   */
  ChunkSizer(std::size_t elements, int chunksize, int workers, std::size_t limit);

  /// For one who hands out all chunks before the first has ended: a 64th of each worker's share of what is left, each time. So a wrong
  /// guess costs little whatever elements take; how many of such chunks a worker is given at once is the scheduler's to measure.
  void do_not_learn() noexcept { guess_ = false; }

  /// Elements of the next chunk; 0: there are none left.
  std::size_t next() noexcept;
  /// A chunk has ended.
  void learn(std::size_t elements, std::int64_t nanoseconds) noexcept;

 private:
  std::size_t left_;
  std::size_t fixed_;
  std::size_t workers_;
  std::size_t limit_;
  std::size_t first_;
  std::size_t last_ = 0;
  double per_element_ = -1;  // nanoseconds; negative: unknown
  bool guess_ = true;
};

/** @brief The chunks of one call that are under way, in the order in which they were submitted.
 *
 *  Tells in which order they end, so that the next one is submitted as soon as *any* has ended, also
 *  while the first one takes long. One thread.
 */
class ROYONG_API ChunkWindow {
 public:
  struct Entry final : CompletionHook {
    Entry(ChunkWindow& in, StateRef<TaskState> of, std::size_t count)
        : window(in), state(std::move(of)), elements(count) {}
    void completed() noexcept override { window.note(*this); }
    ChunkWindow& window;
    StateRef<TaskState> state;
    std::size_t elements;
    std::atomic<bool> noted{false};
  };

  explicit ChunkWindow(PoolCore& pool) : pool_(pool) {}
  ~ChunkWindow();
  ChunkWindow(const ChunkWindow&) = delete;
  ChunkWindow& operator=(const ChunkWindow&) = delete;

  void add(StateRef<TaskState> state, std::size_t elements);
  bool empty() const noexcept { return entries_.empty(); }
  /// Chunks that have not ended.
  std::size_t unfinished() const noexcept { return unfinished_.load(std::memory_order_acquire); }
  /// Waits until fewer than `limit` have not ended.
  void wait_below(std::size_t limit);
  /// Waits until the first has ended.
  Entry& wait_front();
  Entry& front() noexcept { return entries_.front(); }
  void pop_front() noexcept;
  /// Those that have ended since the last call. They may be gone from here: what counts is copied.
  struct Ended {
    std::size_t elements;
    StateRef<TaskState> state;
  };
  std::vector<Ended> take_ended();

 private:
  void note(Entry& entry) noexcept;

  PoolCore& pool_;
  std::deque<Entry> entries_;
  std::atomic<std::size_t> unfinished_{0};
  std::atomic<std::uint32_t> changed_{0};
  std::mutex mutex_;  // guards what follows; after the engine's
  std::vector<Entry*> ended_;
};

}  // namespace royong::inline v0::detail
