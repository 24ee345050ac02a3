// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Members: which nodes take part in an executor, from the opening of their pools to the closing.
 *
 *  Everything is guarded by the cluster's mutex.
 */
#pragma once

#include <atomic>     // for std::atomic
#include <cstdint>    // for std::uint32_t
#include <exception>  // for std::exception_ptr
#include <vector>     // for std::vector

#include "mpi/cluster.hpp"
#include "mpi/node_scheduler.hpp"
#include "royong/mpi/core.hpp"

namespace royong::inline v0::mpi {

/// This process, which has a pool like all others.
inline constexpr NodeId own_node = 0;

class Members {
 public:
  /// @param scheduler is told who joins and who leaves
  Members(Cluster& cluster, NodeScheduler& scheduler, const MpiPlan& plan);

  /// Asks every rank that is here for a pool. Who comes later is asked by `came`.
  void open(std::uint32_t session);
  void came(NodeId node);
  /// What the pool of this process is to be.
  royong::detail::PoolPlan own_plan() const;
  /// It is there. It joins if the plan says so, and else when no other node is left.
  void own_opened(std::uint32_t workers);
  void opened(NodeId node, std::uint32_t workers);
  /// The node cannot make a pool. @return false: it had made one, so it is the executor that is broken
  bool refused(NodeId node, const std::exception_ptr& error);
  void lose(NodeId node);
  /// Those that have not answered are not waited for; somebody takes part in any case.
  void begin();

  /// Has the pools closed, once. @param kill the workers are killed, not asked to end
  void close(bool kill = false);
  void closed(NodeId node);

  /// Not 0: every node has a pool, has said that it cannot, or is gone.
  const std::atomic<std::uint32_t>& all_answered() const noexcept { return all_answered_; }
  /// Not 0: every node has closed its pool, or is gone.
  const std::atomic<std::uint32_t>& all_left() const noexcept { return all_left_; }
  /// Of the node's pool; 0: it has made none.
  std::uint32_t workers(NodeId node) const noexcept { return nodes_[node].workers; }

 private:
  struct Node {
    bool asked = false;
    bool answered = false;
    bool closed = false;
    std::uint32_t workers = 0;
  };

  void join_own_node();
  void note() noexcept;

  Cluster& cluster_;
  NodeScheduler& scheduler_;
  const MpiPlan& plan_;
  std::uint32_t session_ = 0;  // 0: not open yet
  bool closing_ = false;
  std::vector<Node> nodes_;
  std::atomic<std::uint32_t> all_answered_{0};
  std::atomic<std::uint32_t> all_left_{0};
};

}  // namespace royong::inline v0::mpi
