// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The compiled half of a pool, as the templates see it.
 */
#pragma once

#include <chrono>      // for std::chrono::seconds
#include <cstddef>     // for std::byte
#include <cstdint>     // for std::uint64_t
#include <filesystem>  // for std::filesystem::path
#include <functional>  // for std::function
#include <memory>      // for std::unique_ptr
#include <optional>    // for std::optional
#include <span>        // for std::span
#include <string>      // for std::string
#include <utility>     // for std::move
#include <vector>      // for std::vector

#include "royong/detail/call.hpp"
#include "royong/detail/task_state.hpp"
#include "royong/future.hpp"
#include "royong/process.hpp"

namespace royong::inline v0 {

/** @brief How many workers may die before they are ready (in their initializer, or before it) until
 *  the pool gives up.
 *
 *  Counted are those in `period`, since a worker became ready the last time.
 */
struct RestartLimit {
  int count = 10;
  std::chrono::seconds period{60};
};

/// What a pool has done since it was made, and what it holds now.
struct PoolStats {
  /// Tasks that were submitted; a chunk of a map is one. Each is in exactly one of `done`, `failed`,
  /// `cancelled`, `queue_depth` and `running`.
  std::uint64_t submitted = 0;
  /// Returned a value.
  std::uint64_t done = 0;
  /// Threw, were lost with their worker, ran out of time, or could not be run.
  std::uint64_t failed = 0;
  /// Were cancelled or aborted, or had not ended when the pool was terminated.
  std::uint64_t cancelled = 0;
  /// Runs that were begun again after the death of a worker (TaskOptions::retries).
  std::uint64_t retried = 0;
  /// Workers that died unasked: not those that a time limit, an abort, `maxtasksperchild` or the
  /// end of the pool ended.
  std::uint64_t deaths = 0;
  /// Tasks that no worker has begun.
  std::size_t queue_depth = 0;
  /// Tasks that a worker has begun.
  std::size_t running = 0;
  /// For each place of a worker, over all workers that had it: how long it was awake with work. The
  /// moment for which a worker looks for more before it sleeps (0.1 ms) counts.
  std::vector<std::chrono::nanoseconds> busy{};
};

/// What a single task may ask for.
struct TaskOptions {
  /// How errors and the log call it; default: its number.
  std::string name{};
  /// From its beginning on. Then its worker is killed, and `get` throws TimeoutError. Zero or less: as
  /// soon as it is seen to have begun.
  Timeout timeout{};
  /// How often it is run again after the death of its worker.
  int retries = 0;
};

namespace detail {

/// A pool's options without their templates.
struct PoolPlan {
  int processes = 0;
  std::vector<std::byte> initializer;  ///< what write_call wrote; empty: none
  std::vector<ObjectRef> kept;         ///< handles in it
  int maxtasksperchild = 0;
  std::optional<StartMethod> start_method;
  ResourceLimits limits;
  std::string name;
  RestartLimit restarts;
  std::filesystem::path trace;
  bool inline_tasks = false;
  /// The workers are threads of this process, tasks are TaskState::run_here.
  bool threads = false;
  std::function<void()> local_initializer{};  ///< for threads
  /// Whoever owns the pool looks for results all the time, and waits in it only when it has looked for long elsewhere: `wait` sleeps at
  /// once, and the pool's own thread leaves hooks and the backlog to it.
  bool polled = false;
  bool abroad = false;  ///< results may go to other machines: Transit::result_abroad
};

/** @brief A pool of processes: scheduler, rings, workers. Thread-safe.
 *
 *  Made by `PoolCore::create`; implemented in src/pool/.
 */
class ROYONG_API PoolCore : public TaskEngine {
 public:
  /// @throws UsageError, std::system_error, ArenaFull: nothing is left of it
  static StateRef<PoolCore> create(PoolPlan plan);

  /// Throws what `submit` would, where the engine takes no more tasks.
  virtual void check_open() = 0;
  /** @brief Takes over one count of `state`, also when it throws.
   *  @throws UsageError          closed, or used in a child of a fork
   *  @throws BrokenProcessPool   the pool cannot run tasks any more
   *  @throws ArenaFull           the call does not fit the arena
   */
  virtual void submit(TaskState& state, Writer& call) = 0;
  virtual void close() = 0;
  virtual void terminate() = 0;
  /// Terminates by SIGKILL.
  virtual void kill() = 0;
  /// Cancels every task that no worker has begun.
  virtual void cancel_pending() = 0;
  /// @throws UsageError not closed
  virtual bool join(Timeout timeout) = 0;
  virtual void resize(int workers) = 0;
  virtual int size() = 0;
  virtual PoolStats stats() = 0;
  /// Runs `callback` on the callback thread. Any thread, also from a CompletionHook.
  virtual void post(std::unique_ptr<Callback> callback) = 0;
  /// How the calls that are submitted here travel.
  Transit transit() const noexcept { return transit_; }
  /// For a CompletionHook, which runs with the engine's lock held: lets go of a count when it is not, for it may be the last one.
  virtual void bury(StateRef<TaskState> ended) { const auto gone = std::move(ended); }

 protected:
  explicit PoolCore(Transit transit = Transit::argument) noexcept : transit_(transit) {}

 private:
  const Transit transit_;
};

/// What a pool's handle does at its end: close or terminate, then join. Never throws.
ROYONG_API void end_pool(PoolCore& pool, bool terminate) noexcept;

/// A longer call goes as an arena block.
inline constexpr std::size_t largest_inline_call = 8 << 10;

/// What the call of a task is written with: a large one lies in its block at once, and is not copied again.
class CallWriter : public Writer {
 public:
  explicit CallWriter(const PoolCore& pool)
      : Writer(pool.transit(), Large{largest_inline_call + 1}) {}
};

/// Whether these options ask for anything.
inline bool needs_extra(const TaskOptions& options) {
  return !options.name.empty() || !options.timeout.is_forever() || options.retries != 0;
}
/// Notes the options in the task. @throws UsageError negative retries
ROYONG_API void apply_options(const TaskOptions& options, TaskState& state);

/// The state of a task that is about to be submitted: besides the reference there is a count for
/// the engine.
template <class R>
StateRef<ResultState<R>> make_state(const TaskOptions* options) {
  auto state = std::make_unique<RemoteState<R>>();
  if (options != nullptr && needs_extra(*options)) apply_options(*options, *state);
  return StateRef<ResultState<R>>(state.release());
}

template <class F, class... Args>
auto submit_call(PoolCore& pool, const TaskOptions* options, const F& f, Args&&... args) {
  if constexpr (require_call<std::decay_t<const F>, Args...>()) {
    using R = CallResult<std::decay_t<const F>, Args...>;
    CallWriter call(pool);
    write_call(call, f, std::forward<Args>(args)...);
    auto state = make_state<R>(options);
    pool.submit(*state, call);
    return FutureAccess::make(std::move(state));
  }
}

/// In a worker: a block that the task was given. @throws TransferError there is no such block, or
/// it is shorter
ROYONG_API std::span<std::byte> task_block(std::uint64_t offset, std::uint64_t bytes);
/// In a worker: the running task, a map's chunk, is about to begin this element of it.
ROYONG_API void begin_element(std::uint32_t index) noexcept;

}  // namespace detail

}  // namespace royong::inline v0
