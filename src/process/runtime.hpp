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

  /// The exit has begun: no start is let in any more (see StartScope).
  std::atomic<bool> ending{false};
  std::atomic<int> starts{0};  ///< under way

  std::mutex mutex;  ///< guards what follows; held across fork
  std::unordered_map<std::uint64_t, std::shared_ptr<Child>> children;  ///< living ones, by number
  std::uint64_t next_child = 1;
  int process_names = 0;  ///< for "Process-N"
  StartMethod start_method = StartMethod::forkserver;
  bool start_method_fixed = false;
  std::string authkey;
};

Runtime& runtime() noexcept;

/// What `get_start_method` says, for a start: from now on only `force` changes it.
StartMethod use_start_method();

/// @throws UsageError this process cannot start others: the text names the fix
void require_member();

/** @brief A start of a process, while it is under way.
 *
 *  At exit glibc forgets the fork handlers of a module when it runs the module's destructors, while other threads still run. A process
 *  that one of them forked then would keep the write end of the death pipe, and nobody of its family would ever die with the parent.
 *  So the exit, in this order, stores `ending`, lets nobody in who comes after, and waits for those who came before. Both sides store first and
 *  then look at the other's word, sequentially consistent: one of the two sees the other.
 */
class StartScope {
 public:
  /// @throws UsageError the program is exiting
  StartScope();
  ~StartScope();
  StartScope(const StartScope&) = delete;
  StartScope& operator=(const StartScope&) = delete;
};

/// From now on no start begins.
void refuse_starts() noexcept;
/// Until none is under way.
void await_starts() noexcept;

/// Registers the fork handlers, once. After the arena's, so that a fork takes this floor's mutex
/// before the memory floor's, as everything else does.
void watch_forks();

/// In a fork of ours, before the child claims its slot: everything of the parent's is let go.
void reset_after_fork() noexcept;

}  // namespace royong::inline v0::detail
