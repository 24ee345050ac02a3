// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a worker of a pool runs.
 */
#pragma once

#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "pool/channel.hpp"
#include "royong/detail/archive.hpp"

namespace royong::inline v0::detail {

/** @brief The whole life of a worker: the initializer, then tasks, until it is told to stop.
 *  @param initializer what write_call wrote; empty: none
 *  @param max_tasks   ends after so many; 0: no limit
 */
void pool_worker_main(const ChannelHandle& channel, const BellHandle& bell, std::uint64_t max_tasks,
                      const std::vector<std::byte>& initializer);

/// Runs a call. @return whether `result` is what it returned; else it is the exception that escaped
bool run_task(std::span<const std::byte> call, Writer& result);

}  // namespace royong::inline v0::detail
