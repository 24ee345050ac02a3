// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief MPIPoolExecutor: the pool of a whole cluster.
 */
#pragma once

#include <chrono>   // for std::chrono::milliseconds
#include <utility>  // for std::move
#include <vector>   // for std::vector

#include "royong/basic_pool.hpp"
#include "royong/detail/process_lane.hpp"
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
 *  Proxies travel if other machines can reach their manager, `Manager::serve({.address = "0.0.0.0:0", .authkey = authkey()})`: a queue, a lock or a dict that all nodes share. What an argument refers to
 *  lives at least until the task has ended; what a result refers to until the result has been looked at, for an hour at the most (`ManagerLimits::lent`). A worker that cannot reach the manager ends its task with
 *  `EndOfFile`, one that does not know its key with `AuthenticationError`.
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
class MPIPoolExecutor : public BasicExecutor<detail::ProcessLane<false>> {
 public:
  using Options = MpiOptions;

  /** @brief Makes a pool on every node, and waits until they are there.
   *  @throws UsageError         no `mpi::init`; a negative number; options that only one machine can have
   *  @throws TransferError      the initializer holds a handle
   *  @throws std::system_error  no worker could be started here
   */
  explicit MPIPoolExecutor(MpiOptions options = {})
      : BasicExecutor(detail::StateRef<detail::PoolCore>(
            MpiCore::create(
                {detail::PoolAccess::plan(options.workers_per_node, std::move(options.pool)),
                 options.heartbeat, options.node_timeout, options.start_timeout,
                 options.max_backlog, options.use_rank_0})
                .take())) {}

  /// Cancels every task that has not ended, and ends the workers: SIGTERM, half a second later SIGKILL.
  void terminate_workers() { core().terminate(); }
  /// The same by SIGKILL at once.
  void kill_workers() { core().kill(); }

  /// The ranks of the job, and what is the matter with those that take no part.
  std::vector<NodeInfo> nodes() const { return stats().nodes; }
  /// What it has done, and what it holds.
  MpiStats stats() const { return static_cast<MpiCore&>(core()).mpi_stats(); }
};

}  // namespace royong::inline v0::mpi
