// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What this process knows about itself and its children.
 */
#pragma once

#include <sys/types.h>

#include <atomic>         // for std::atomic
#include <cstdint>        // for std::uint64_t
#include <memory>         // for std::shared_ptr
#include <mutex>          // for std::mutex
#include <optional>       // for std::optional
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map
#include <vector>         // for std::vector

#include "memory/slots.hpp"
#include "process/child.hpp"

namespace royong::inline v0::detail {

/// What this process is. A child of the user's own fork is an outsider whatever its parent was.
enum class Role { uninitialised, main, worker, forkserver, outsider };

/// One for each process; never destroyed, because threads and exit handlers use it to the very end.
struct Runtime {
  std::atomic<Role> role{Role::uninitialised};

  // Written before the first thread is started (init or the worker's bootstrap), read-only afterwards.
  std::vector<std::string> arguments;  ///< the user's own command line
  std::string executable;              ///< what to execute to start this program again
  std::string name = "MainProcess";
  bool daemon = false;
  memory::Owner parent;  ///< nobody in the main process
  pid_t parent_pid = 0;
  std::string parent_name;
  std::atomic<pid_t> pid{0};  ///< to recognise a child of the user's fork

  std::mutex mutex;  ///< guards what follows; held across fork
  std::unordered_map<std::uint64_t, std::shared_ptr<Child>> children;  ///< living ones, by number
  std::uint64_t next_child = 1;
  int process_names = 0;  ///< for "Process-N"
  StartMethod start_method = StartMethod::forkserver;
  bool start_method_fixed = false;
};

Runtime& runtime() noexcept;

/// The default, without fixing it as `get_start_method` does.
StartMethod default_start_method();

/// @throws UsageError this process cannot start others: the text names the fix
void require_member();

/// Registers the fork handlers, once. After the arena's, so that a fork takes this floor's mutex
/// before the memory floor's, as everything else does.
void watch_forks();

/// In a fork of ours, before the child claims its slot: everything of the parent's is let go.
void reset_after_fork() noexcept;

}  // namespace royong::inline v0::detail
