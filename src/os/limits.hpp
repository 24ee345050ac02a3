// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What this process may use: resource limits, processors, memory; its own and its control
 * group's.
 */
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>   // for std::uint64_t
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <vector>    // for std::vector

namespace royong::inline v0::os {

/// @param resource RLIMIT_... @throws std::system_error
rlimit get_limit(int resource);
void set_limit(int resource, rlim_t soft, rlim_t hard);

/// The processors that the calling thread may run on. @throws std::system_error
std::vector<int> affinity();
void set_affinity(const std::vector<int>& cpus);

/// Lowers the priority by `difference` (raises it, where that is allowed, by a negative one).
/// @throws std::system_error
void add_niceness(int difference);
/// Makes the kernel's out-of-memory killer prefer (up to 1000) or avoid (down to -1000) this
/// process.
void set_oom_score_adj(int value);

/** @name The control group's limits
 *  Version 2 and version 1, the tightest of the group and its ancestors; nothing where there is no
 * limit or none can be read.
 *  @param root a folder that stands for "/" in tests
 */
///@{
std::optional<double> cgroup_cpus(const std::string& root = {});
std::optional<std::uint64_t> cgroup_memory(const std::string& root = {});

/// How many processes the kernel has killed for want of memory.
struct OomKills {
  std::uint64_t count = 0;
  bool whole_machine = false;  ///< since boot; else of this process's control group
  friend bool operator==(const OomKills&, const OomKills&) = default;
};
/// Of the control group if it counts them, else of the machine; nothing where neither is told.
std::optional<OomKills> oom_kills(const std::string& root = {});
///@}

/// Processors to start workers for: the affinity, cut by the group's quota rounded up; at least 1.
int available_cpus(const std::string& root = {});

/// Bytes of memory that this process alone holds: in memory, and swapped out. @throws std::system_error
std::uint64_t own_memory(const std::string& root = {});

/// Bytes of memory that the machine has. @throws std::system_error
std::uint64_t total_memory(const std::string& root = {});

}  // namespace royong::inline v0::os
