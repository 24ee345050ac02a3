// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How the chunks of one call of the map family are submitted and collected.
 */
#pragma once

#include <cstddef>    // for std::size_t
#include <cstdint>    // for std::int64_t
#include <cstring>    // for std::memcpy
#include <exception>  // for std::exception_ptr
#include <utility>    // for std::move

#include "royong/detail/chunks.hpp"
#include "royong/detail/pool_core.hpp"
#include "royong/error.hpp"
#include "royong/progress.hpp"

namespace royong::inline v0 {

/// What the functions of the map family may be told.
struct MapOptions {
  /// Elements of one task. 0: by the time that elements take, so that a task is about a millisecond
  /// of work, and less towards the end; of map_async a 64th of a worker's share of what is left; of the lazy forms 1, because they do not wait for inputs.
  int chunksize = 0;
  /// Lazy forms: elements that may be ahead of the reader; 0: four chunks for each worker.
  int buffersize = 0;
  /// `timeout` and `retries` count for each element.
  TaskOptions task{};
  /// Shows how many elements are done.
  Progress progress{};
};

namespace detail {

/// Before a map reads its first element. @throws UsageError a negative count; what `submit` would throw
ROYONG_API void check_map(PoolCore& pool, const MapOptions& options);

/** @brief A limit for map_reduce, whose chunks should not be so long that a death costs much where
 *  deaths are reckoned with.
 */
ROYONG_API std::size_t reduce_chunk_limit(std::size_t elements, const MapOptions& options,
                                          int workers);

/// A task that is a chunk: its state, and how many elements it is for.
struct Chunk {
  StateRef<TaskState> state;
  std::size_t elements = 0;
};

/// Nanoseconds that a chunk took: the first thing in its result.
using ChunkTime = std::int64_t;
inline ChunkTime time_of(const TaskState& chunk) {
  ChunkTime time = 0;
  if (chunk.bytes().size() >= sizeof time) std::memcpy(&time, chunk.bytes().data(), sizeof time);
  return time;
}

/// In a worker: makes room for the time of a chunk at the beginning of its result, and notes it at
/// the end.
class ROYONG_API ChunkClock {
 public:
  explicit ChunkClock(Writer& result);
  void stop();

 private:
  Writer& result_;
  Timeout::Clock::time_point began_;
};

/** @brief Submits the chunks of one call and collects them in order.
 *
 *  Lives on the stack of the caller. `collect(chunk)` gets each chunk that ended with a value.
 *
 *  **Backpressure.** So many chunks are under way that no worker runs dry, and no more: memory in
 *  the arena does not grow with the length of the range. Where there is no room, earlier chunks are waited for.
 */
template <class Collect>
class ChunkRun {
 public:
  ChunkRun(PoolCore& pool, const MapOptions& options, std::size_t elements, std::size_t limit,
           Collect collect)
      : pool_(pool),
        options_(options),
        collect_(std::move(collect)),
        sizer_(elements, options.chunksize, pool.size(), limit),
        most_(static_cast<std::size_t>(pool.size()) * 3),
        window_(pool) {
    check_map(pool, options);
    options_.progress.start(elements);
  }

  /// Waits until another chunk should be submitted. @return its elements; 0: that was all
  std::size_t next() {
    window_.wait_below(most_);
    for (const auto& ended : window_.take_ended()) {
      if (ended.state->ending() == Ending::value)
        sizer_.learn(ended.elements, collect_.time(*ended.state));
    }
    while (!window_.empty() && window_.front().state->has_ended()) collect_first();
    return sizer_.next();
  }

  /// An arena block for a chunk; waits for earlier chunks where there is no room. @throws ArenaFull
  TaskBlock block(std::size_t bytes) {
    for (;;) {
      try {
        return TaskBlock(bytes);
      } catch (const ArenaFull&) {
        if (window_.empty()) throw;
      }
      collect_first();
    }
  }

  PoolCore& pool() const noexcept { return pool_; }
  /// Submits an encoded chunk.
  void submit(std::size_t elements, Writer& call, TaskBlock block = {}) {
    submit(elements, call, std::move(block), [](TaskState&) {});
  }
  /// The same, with `prepare(state)` before each attempt.
  void submit(std::size_t elements, Writer& call, TaskBlock block, auto prepare) {
    for (;;) {
      auto state = make_state<void>(&options_.task);
      prepare(*state);
      if (block.offset() != 0) {
        state->extra().blocks.push_back(std::move(block));
        state->extra().keep_blocks = true;
      }
      try {
        pool_.submit(*state, call);
        window_.add(StateRef<TaskState>(state.take()), elements);
        return;
      } catch (const ArenaFull&) {
        if (window_.empty()) throw;
        auto& blocks = state->extra().blocks;  // for the next attempt
        if (!blocks.empty()) block = std::move(blocks.front());
      }
      collect_first();
    }
  }

  /// Submits a chunk that is a state of its own. Takes over both of its counts.
  void submit(std::size_t elements, StateRef<TaskState> state) {
    Writer none(Transit::argument);
    pool_.submit(*state, none);
    window_.add(std::move(state), elements);
  }

  /// Waits for all. @throws the first error
  void finish() {
    while (!window_.empty()) collect_first();
    options_.progress.finish();
    if (error_) std::rethrow_exception(error_);
  }

  /// Collects what is left, without an end.
  void drain() {
    while (!window_.empty()) collect_first();
  }
  bool failed() const noexcept { return error_ != nullptr; }

 private:
  void collect_first() {
    window_.wait_front();
    const Chunk chunk{window_.front().state, window_.front().elements};
    window_.pop_front();
    try {
      if (chunk.state->ending() != Ending::value) chunk.state->rethrow();
      if (!error_) collect_.collect(chunk);
    } catch (...) {
      if (!error_) error_ = std::current_exception();
    }
    done_ += chunk.elements;
    options_.progress.update(done_);
  }

  PoolCore& pool_;
  const MapOptions& options_;
  Collect collect_;
  ChunkSizer sizer_;
  const std::size_t most_;  // under way: no worker runs dry
  ChunkWindow window_;
  std::size_t done_ = 0;
  std::exception_ptr error_;
};

}  // namespace detail

}  // namespace royong::inline v0
