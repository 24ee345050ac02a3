// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief map_async: one future for many chunks.
 *
 *  The future's state has an engine of its own, a `MapGroup`, that knows the chunks. It drives
 *  nothing and has no thread: to wait is to wait in the pool, and the last chunk that ends ends the
 *  whole. The results are read out of the chunks when somebody asks for them.
 */
#pragma once

#include <atomic>     // for std::atomic
#include <cstddef>    // for std::size_t
#include <deque>      // for std::deque
#include <exception>  // for std::exception_ptr
#include <memory>     // for std::make_shared
#include <mutex>      // for std::mutex
#include <utility>    // for std::move

#include "royong/detail/map.hpp"
#include "royong/future.hpp"

namespace royong::inline v0::detail {

/// Ends its one task, the whole, when all of its chunks have ended.
class ROYONG_API MapGroup final : public TaskEngine {
 public:
  /// @param whole a new state; one of its counts is the group's
  static StateRef<MapGroup> create(StateRef<PoolCore> pool, TaskState& whole);

  /// For the submitter: the pool's count of the chunk has been given away already.
  void add(StateRef<TaskState> chunk, std::size_t elements);
  /// Of the chunks so far.
  std::size_t unfinished() const noexcept {
    return unfinished_.load(std::memory_order_acquire) - 1;
  }
  /// No more chunks: from now on the whole may end.
  void seal();
  /// The submitter cannot go on: what has not begun is cancelled, and nobody gets the future.
  void give_up() noexcept;

  const std::deque<Chunk>& chunks() const noexcept { return chunks_; }
  std::exception_ptr error() const;
  PoolCore& pool() const noexcept { return *pool_; }

  bool wait(const std::atomic<std::uint32_t>& flag, const TaskState* hint,
            Timeout::Clock::time_point deadline) override;
  void nudge() noexcept override { pool_->nudge(); }
  bool cancel(TaskState& state) override;
  bool abort(TaskState& state, Timeout grace) override;
  bool is_running(const TaskState& state) override;
  /// In elements.
  TaskProgress progress(const TaskState& state) override;
  bool add_hook(TaskState& state, CompletionHook& hook) override;
  void remove_hook(TaskState& state, CompletionHook& hook) noexcept override;
  void add_callback(TaskState& state, std::unique_ptr<Callback> callback) override;

 private:
  struct Hook final : CompletionHook {
    void completed() noexcept override {
      if (auto whole = group->one_ended()) group->pool_->bury(std::move(whole));
    }
    MapGroup* group = nullptr;
  };

  MapGroup(StateRef<PoolCore> pool, TaskState& whole);
  StateRef<TaskState> one_ended() noexcept;
  void end(Ending ending, const Chunk* failed);

  const StateRef<PoolCore> pool_;
  TaskState& whole_;
  std::deque<Chunk> chunks_;                // by the submitter, until the whole may be seen
  std::deque<Hook> hooks_;                  // likewise
  std::atomic<std::size_t> unfinished_{1};  // 1 for the submitter
  mutable std::mutex mutex_;  // guards what follows and the whole's extra; after the pool's
  const Chunk* failed_ = nullptr;
};

/// The state of the whole: reads its value from the chunks.
template <class Form, class T = typename Form::Results>
class MapResult final : public ResultState<T> {
 public:
  std::exception_ptr exception() const override { return group().error(); }

  /// Reads the results of the next chunk, which has a value. @throws what decoding throws; then nothing has been read
  void take(const Chunk& chunk) {
    const std::size_t before = results_.size();
    try {
      Form::collect(results_, chunk);
    } catch (...) {
      while (results_.size() > before) results_.pop_back();
      throw;
    }
    ++taken_;
  }

 protected:
  T produce() override {
    const auto& chunks = group().chunks();
    std::size_t count = results_.size();
    for (std::size_t i = taken_; i < chunks.size(); ++i) count += chunks[i].elements;
    results_.reserve(count);
    while (taken_ != chunks.size()) {
      const Chunk& chunk = chunks[taken_];
      take(chunk);
      chunk.state->drop_result();
    }
    return std::move(results_);
  }

 private:
  MapGroup& group() const { return static_cast<MapGroup&>(*this->engine()); }

  T results_;  // of the first chunks, as many as `taken_`
  std::size_t taken_ = 0;
};
template <class Form>
class MapResult<Form, void> final : public ResultState<void> {
 public:
  std::exception_ptr exception() const override {
    return static_cast<MapGroup&>(*this->engine()).error();
  }
  void take(const Chunk&) {}
};

/** @brief Takes the chunks of a form for a group.
 *
 *  **Backpressure.** Where the arena has no room for the next chunk, the results of the first ones are waited for and taken out of it.
 */
template <class Form>
class AsyncRun {
 public:
  AsyncRun(MapGroup& group, MapResult<Form>& whole, const MapOptions& options, std::size_t elements)
      : group_(group),
        whole_(whole),
        options_(options),
        sizer_(elements, options.chunksize, group.pool().size(), Form::limit) {
    check_map(group.pool(), options);
    sizer_.do_not_learn();
    if (options.progress.shown()) {
      options.progress.start(elements);
      shown_ = std::make_shared<Shown>(options.progress, elements);
    }
  }

  std::size_t next() { return sizer_.next(); }

  PoolCore& pool() const noexcept { return group_.pool(); }
  TaskBlock block(std::size_t bytes) {
    for (;;) {
      try {
        return TaskBlock(bytes);
      } catch (const ArenaFull&) {
        if (!make_room()) throw;
      }
    }
  }

  void submit(std::size_t elements, Writer& call, TaskBlock block = {}) {
    for (;;) {
      auto state = make_state<void>(&options_.task);
      if (block.offset() != 0) {
        state->extra().blocks.push_back(std::move(block));
        state->extra().keep_blocks = true;
      }
      try {
        group_.pool().submit(*state, call);
        return add(StateRef<TaskState>(state.take()), elements);
      } catch (const ArenaFull&) {
        auto& blocks = state->extra().blocks;
        if (!blocks.empty()) block = std::move(blocks.front());
        if (!make_room()) throw;
      }
    }
  }

  void submit(std::size_t elements, StateRef<TaskState> state) {
    Writer none(Transit::argument);
    group_.pool().submit(*state, none);
    add(std::move(state), elements);
  }

 private:
  /// A bar that the callback thread of the pool draws.
  struct Shown {
    Shown(Progress bar, std::size_t count) : progress(std::move(bar)), total(count) {}
    Progress progress;
    std::size_t total;
    std::size_t done = 0;  // of the callback thread
  };
  struct Step final : Callback {
    Step(std::shared_ptr<Shown> which, std::size_t count)
        : shown(std::move(which)), elements(count) {}
    void run() override {
      shown->progress.update(shown->done += elements);
      if (shown->done == shown->total) shown->progress.finish();
    }
    std::shared_ptr<Shown> shown;
    std::size_t elements;
  };

  /// @return false: nothing of this map lies in the arena any more @throws what decoding a result throws
  bool make_room() {
    if (next_ == group_.chunks().size()) return false;
    const Chunk& chunk = group_.chunks()[next_];
    chunk.state->wait(forever);
    // With one that has failed there are no results: what the others return only has to be gone.
    failed_ |= chunk.state->ending() != Ending::value;
    if (!failed_) whole_.take(chunk);
    ++next_;
    chunk.state->drop_result();
    return true;
  }

  void add(StateRef<TaskState> state, std::size_t elements) {
    TaskState& chunk = *state;
    group_.add(std::move(state), elements);
    if (shown_) group_.pool().add_callback(chunk, std::make_unique<Step>(shown_, elements));
  }

  MapGroup& group_;
  MapResult<Form>& whole_;
  const MapOptions& options_;
  ChunkSizer sizer_;
  std::size_t next_ = 0;  // of the chunks: the first one whose result is where it was
  bool failed_ = false;
  std::shared_ptr<Shown> shown_;
};

/** @brief Submits all chunks of a form.
 *  @throws what encoding or submitting throws; then nothing is left to wait for
 */
template <class Form>
Future<typename Form::Results> start_form(StateRef<PoolCore> pool, const MapOptions& options,
                                          std::size_t count, Form form) {
  using T = typename Form::Results;
  auto* const result = new MapResult<Form>;
  StateRef<ResultState<T>> whole(result);
  const auto group = MapGroup::create(std::move(pool), *whole);
  try {
    AsyncRun<Form> run(*group, *result, options, count);
    while (const std::size_t elements = run.next()) form.submit(run, options, elements);
  } catch (...) {
    group->give_up();
    throw;
  }
  group->seal();
  return FutureAccess::make(std::move(whole));
}

}  // namespace royong::inline v0::detail
