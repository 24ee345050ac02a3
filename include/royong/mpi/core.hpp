// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The compiled half of MPIPoolExecutor, as the templates see it.
 */
#pragma once

#include <chrono>   // for std::chrono::nanoseconds
#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::uint64_t
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "royong/detail/pool_core.hpp"

namespace royong::inline v0::mpi {

/// One process of the MPI job, as rank 0 sees it.
struct NodeInfo {
  int rank = 0;
  /// What errors call it: "rank 2 on cn07".
  std::string name{};
  std::string host{};
  /// Of its pool; 0: it has none.
  int workers = 0;
  /// Whether it is given tasks.
  bool alive = false;
  /// Why not: it was refused, or lost.
  std::string reason{};
  /// Of the process, on its host.
  int pid = 0;
  /// Results of `map_reduce` that are there, to be combined there.
  std::uint64_t kept_results = 0;
};

/// What an executor has done, for the curious and for tests.
struct MpiStats {
  PoolStats tasks{};
  /// Messages with tasks that were given to nodes.
  std::uint64_t batches = 0;
  /// Tasks that were taken back from slow nodes for idle ones.
  std::uint64_t taken_back = 0;
  /// Of results that came here from other nodes.
  std::uint64_t result_bytes = 0;
  /// Results of `map_reduce` that stayed on the node that computed them, and were combined there.
  std::uint64_t kept_results = 0;
  std::vector<NodeInfo> nodes{};
};

/// The options of an executor without their templates.
struct MpiPlan {
  detail::PoolPlan pool;
  std::chrono::nanoseconds heartbeat{};
  std::chrono::nanoseconds node_timeout{};
  std::chrono::nanoseconds start_timeout{};
  std::size_t max_backlog = 0;
  bool use_rank_0 = true;
};

/** @brief The engine behind an MPIPoolExecutor: a pool whose workers are on many machines.
 *
 *  To the templates it is a PoolCore like any other; what needs shared memory it refuses.
 */
class ROYONG_API MpiCore : public detail::PoolCore {
 public:
  /// @throws UsageError no mpi::init; what the options cannot have
  static detail::StateRef<MpiCore> create(MpiPlan plan);

  virtual MpiStats mpi_stats() = 0;

 protected:
  MpiCore() noexcept : PoolCore(detail::Transit::call_abroad) {}
};

}  // namespace royong::inline v0::mpi
