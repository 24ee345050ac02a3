// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Questions: what rank 0 asks a node about one of its tasks, and waits to hear.
 *
 *  Everything is guarded by the cluster's mutex.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <map>      // for std::map

#include "mpi/cluster.hpp"

namespace royong::inline v0::mpi {

class Questions {
 public:
  explicit Questions(Cluster& cluster) : cluster_(cluster) {}

  /// Asks and waits, without the lock meanwhile. A node that is lost says no.
  /// @param sleep_in this process's pool, whose results are looked for as well
  Answer ask(Cluster::Lock& lock, NodeId node, Ask ask, LocalNode* sleep_in);
  void answered(const Answer& answer);
  void lose(NodeId node);

 private:
  struct Pending {
    NodeId node = 0;
    Answer answer;
    std::atomic<std::uint32_t> there{0};
  };

  Cluster& cluster_;
  std::uint64_t count_ = 0;
  std::map<std::uint64_t, Pending*> pending_;
};

}  // namespace royong::inline v0::mpi
