// SPDX-License-Identifier: Apache-2.0
#include "process/limits.hpp"

#include "os/limits.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

void check_limits(const ResourceLimits& limits) {
  if (limits.cpu < 0) throw UsageError("ResourceLimits: cpu must not be negative");
  if (limits.oom_score_adj && (*limits.oom_score_adj < -1000 || *limits.oom_score_adj > 1000))
    throw UsageError("ResourceLimits: oom_score_adj must be -1000 to 1000");
  for (const int cpu : limits.affinity)
    if (cpu < 0) throw UsageError("ResourceLimits: affinity names a negative processor");
  if (!limits.writable_paths.empty() && !can_restrict_writes())
    throw UsageError("ResourceLimits: writable_paths needs a kernel with landlock");
  if (limits.no_network && !can_forbid_network())
    throw UsageError("ResourceLimits: no_network needs a build with libseccomp");
}

void apply_limits(const ResourceLimits& limits) {
  // RLIMIT_DATA and not RLIMIT_AS: the arena is address space, but not private memory.
  if (limits.memory != 0) os::set_limit(RLIMIT_DATA, limits.memory, limits.memory);
  if (limits.cpu != 0) {
    const auto seconds = static_cast<rlim_t>(limits.cpu);
    os::set_limit(RLIMIT_CPU, seconds, seconds + 1);
  }
  if (limits.nice) os::add_niceness(*limits.nice);
  if (!limits.affinity.empty()) os::set_affinity(limits.affinity);
  if (limits.oom_score_adj) os::set_oom_score_adj(*limits.oom_score_adj);
  if (!limits.writable_paths.empty()) restrict_writes(limits.writable_paths);
  if (limits.no_network) forbid_network();
}

}  // namespace royong::inline v0::detail
