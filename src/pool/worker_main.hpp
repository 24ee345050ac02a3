// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a worker of a pool runs.
 */
#pragma once

#include <cstddef>     // for std::byte
#include <cstdint>     // for std::uint64_t
#include <functional>  // for std::function
#include <span>        // for std::span
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "pool/channel.hpp"
#include "royong/detail/archive.hpp"

namespace royong::inline v0::detail {

/// What a worker is told when it starts. Transferable.
struct WorkerPlan {
  std::uint64_t max_tasks = 0;         ///< ends after so many; 0: no limit
  std::vector<std::byte> initializer;  ///< what write_call wrote; empty: none
  std::string trace;                   ///< file; empty: none
  std::uint32_t lane = 0;              ///< in the trace
  bool abroad = false;                 ///< results may go to other machines
};

/// The whole life of a worker process: the initializer, then tasks, until it is told to stop.
void pool_worker_main(const ChannelHandle& channel, const BellHandle& bell, const WorkerPlan& plan);

/// The same for a thread, whose tasks are states of this process (TaskState::run_here). It ends when
/// `context` says so as well. @throws what the initializer throws; nobody is told of that
void pool_thread_main(const ChannelHandle& channel, const BellHandle& bell, TaskContext& context,
                      const std::function<void()>& initializer);

/// Runs a call. @return whether `result` is what it returned; else it is the exception that escaped
bool run_task(std::span<const std::byte> call, Writer& result);

}  // namespace royong::inline v0::detail
