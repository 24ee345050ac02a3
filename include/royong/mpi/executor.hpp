// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief MPIPoolExecutor: the pool of a whole cluster.
 */
#pragma once

#include <chrono>       // for std::chrono::milliseconds
#include <exception>    // for std::uncaught_exceptions
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/mapreduce.hpp"
#include "royong/mpi/core.hpp"
#include "royong/pool.hpp"

namespace royong::inline v0::mpi {

/// How an MPIPoolExecutor is made.
struct MpiOptions {
  /// Of each node's pool; 0: the processors that the rank may use, divided among ranks that share them.
  int workers_per_node = 0;
  /// Of each node's pool: initializer, limits, name ... A `trace` gets the rank at its end ("trace.json.2").
  /// `inline_tasks` is refused.
  PoolOptions pool{};
  /// How often a node says that it lives, when it has nothing else to say.
  std::chrono::milliseconds heartbeat{250};
  /// A node that was silent for so long is lost. Many heartbeats, as a machine may be very busy.
  std::chrono::milliseconds node_timeout{10000};
  /// So long the constructor waits for nodes that have not joined; afterwards they may come still.
  std::chrono::milliseconds start_timeout{30000};
  /// Bytes of calls that wait on rank 0 for a node to have room. Beyond them `submit` waits.
  std::size_t max_backlog = std::size_t{256} << 20;
  /// Whether this rank runs tasks as well. If not, it does so only when no other node is left.
  bool use_rank_0 = true;
};

/** @brief Worker processes on every node of an MPI job, and functions that run in them. Move-only.
 *
 *  What `ProcessPoolExecutor` is for one machine, with the same futures: `as_completed`, `wait` and `gather` take them together with
 *  those of local pools. Each rank has a Pool, also rank 0. Tasks travel in batches, whose sizes follow from the measured length of the
 *  tasks; work that lies behind other work on a slow node is taken back for idle ones.
 *
 *  **Errors.** As `Pool`. Arguments and results are values: a handle among them (a queue, a lock, an array) is refused by
 *  `TransferError`, at the sender. An initializer that throws on any node breaks the executor.
 *
 *  **Threads and processes.** Thread-safe. Needs `mpi::init`. Several executors may live at the same time; each has its own workers.
 *
 *  **If the peer dies.** A worker: only the task it was running, which ends with `WorkerDied`, whose `node()` names rank and host, or is
 *  run again if it has `retries`. A node (its agent was killed, its machine is gone, or it was silent for `node_timeout`): what it had been
 *  given is run elsewhere if it has retries left, and else ends with `NodeLost`; what it had not been given runs elsewhere; the program goes on. Nobody can know
 *  which of its tasks a lost node had begun, so the loss counts as a death for each of them. When this process
 *  dies, all agents and workers end.
 *
 *  Example: examples/mpi_squares.cpp
 */
class MPIPoolExecutor {
 public:
  using Options = MpiOptions;

  /** @brief Makes a pool on every node, and waits until they are there.
   *  @throws UsageError         no `mpi::init`; a negative number; options that only one machine can have
   *  @throws TransferError      the initializer holds a handle
   *  @throws std::system_error  no worker could be started here
   */
  explicit MPIPoolExecutor(MpiOptions options = {})
      : core_(MpiCore::create(
            {detail::PoolAccess::plan(options.workers_per_node, std::move(options.pool)),
             options.heartbeat, options.node_timeout, options.start_timeout, options.max_backlog,
             options.use_rank_0})) {}
  MPIPoolExecutor(MPIPoolExecutor&& other) noexcept = default;
  MPIPoolExecutor& operator=(MPIPoolExecutor&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(unwinding_, other.unwinding_);
    return *this;
  }
  /// As Pool: waits for every task; while an exception unwinds it terminates instead.
  ~MPIPoolExecutor() {
    if (core_) detail::end_pool(*core_, std::uncaught_exceptions() > unwinding_);
  }

  /** @brief Hands `f(args...)` to a worker somewhere.
   *  @return the result's future. It may be dropped: the task runs all the same.
   *  @throws TransferError a handle among the arguments
   */
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto submit(const F& f, Args&&... args) {
    return detail::submit_call(core(), nullptr, f, std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto submit(const TaskOptions& options, const F& f, Args&&... args) {
    return detail::submit_call(core(), &options, f, std::forward<Args>(args)...);
  }

  /// See Pool::map.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map(const F& f, Range&& range) {
    return map(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return detail::with_map_form<std::decay_t<const F>, false>(
        f, range, [&](auto form, std::size_t count) {
          return detail::run_form(core(), options, count, std::move(form));
        });
  }
  /// See Pool::map_async.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map_async(const F& f, Range&& range) {
    return map_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map_async(const MapOptions& options, const F& f, Range&& range) {
    return detail::with_map_form<std::decay_t<const F>, false>(
        f, range, [&](auto form, std::size_t count) {
          return detail::start_form(pool(), options, count, std::move(form));
        });
  }
  /// See Pool::starmap.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto starmap(const F& f, Range&& range) {
    return starmap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap(const MapOptions& options, const F& f, Range&& range) {
    return detail::with_starmap_form<std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::run_form(core(), options, count, std::move(form));
        });
  }
  /// See Pool::imap: lazy, in the order of the inputs, never more than `buffersize` of them ahead.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap(const F& f, Range&& range) {
    return imap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap(const MapOptions& options, const F& f, Range&& range) {
    return lazy<true>(options, f, std::forward<Range>(range));
  }
  /// As `imap`, but each result as soon as it is there.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap_unordered(const F& f, Range&& range) {
    return imap_unordered(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap_unordered(const MapOptions& options, const F& f, Range&& range) {
    return lazy<false>(options, f, std::forward<Range>(range));
  }

  /** @brief No more tasks. Repeatable.
   *  @param wait           return when everything has ended, on every node
   *  @param cancel_futures cancel what no worker has begun
   */
  void shutdown(bool wait = true, bool cancel_futures = false) {
    core().close();
    if (cancel_futures) core().cancel_pending();
    if (wait) core().join(forever);
  }
  /// Cancels every task that has not ended, and ends the workers: SIGTERM, half a second later SIGKILL.
  void terminate_workers() { core().terminate(); }
  /// The same by SIGKILL at once.
  void kill_workers() { core().kill(); }

  /// Workers on all nodes that are alive.
  int size() const { return core().size(); }
  /// The ranks of the job, and what is the matter with those that take no part.
  std::vector<NodeInfo> nodes() const { return core().mpi_stats().nodes; }
  /// What it has done, and what it holds.
  MpiStats stats() const { return core().mpi_stats(); }

 private:
  friend struct detail::PoolAccess;

  template <bool Ordered, class F, class Range>
  auto lazy(const MapOptions& options, const F& f, Range&& range) {
    using Function = std::decay_t<const F>;
    if constexpr (detail::require_call<Function, const detail::ElementOf<Range>&>()) {
      return LazyResults<Function, Range, Ordered>(pool(), options, f, std::forward<Range>(range));
    }
  }

  MpiCore& core() const {
    if (!core_) throw UsageError("the executor was moved away");
    return *core_;
  }
  detail::StateRef<detail::PoolCore> pool() const {
    core().add_reference();
    return detail::StateRef<detail::PoolCore>(core_.get());
  }

  detail::StateRef<MpiCore> core_;
  int unwinding_ = std::uncaught_exceptions();
};

}  // namespace royong::inline v0::mpi
