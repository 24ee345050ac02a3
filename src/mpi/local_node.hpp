// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief LocalNode: the tasks that this machine was given, in a Pool of its own.
 *
 *  An agent has one for each executor, and so has rank 0. User code runs in the pool's workers only.
 *  Used by one thread at a time; the pool's own thread may note the end of a task meanwhile.
 */
#pragma once

#include <atomic>         // for std::atomic
#include <cstddef>        // for std::byte
#include <cstdint>        // for std::uint64_t
#include <mutex>          // for std::mutex
#include <span>           // for std::span
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map
#include <vector>         // for std::vector

#include "mpi/messages.hpp"
#include "royong/detail/pool_core.hpp"

namespace royong::inline v0::mpi {

class LocalNode;

/// A task as the local pool has it.
class LocalTask final : public royong::detail::ResultState<void>,
                        public royong::detail::CompletionHook {
 public:
  LocalTask(LocalNode& node, const TaskHead& head)
      : ticket(head.ticket), keep(head.keep), bound_here(head.bound), node_(node) {}
  void completed() noexcept override;

  const std::uint64_t ticket;
  const bool keep;
  const bool bound_here;
  bool recalled = false;        ///< it was cancelled because rank 0 wants it back
  LocalTask* before = nullptr;  ///< in the node's list of those that have not been taken
  LocalTask* after = nullptr;
  LocalTask* next_ended = nullptr;

 private:
  LocalNode& node_;
};

/// What `LocalNode::take` tells of a task that has ended. The bytes live as long as the call.
struct LocalResult {
  std::uint64_t ticket = 0;
  Outcome outcome = Outcome::value;
  std::span<const std::byte>
      bytes;  ///< the encoded value or exception, or what is told of a kept one
};

class LocalNode {
 public:
  /// @param name what errors call this node; empty on rank 0, which is no other machine.
  /// @throws what making a pool throws
  LocalNode(royong::detail::PoolPlan plan, std::string name);
  ~LocalNode();
  LocalNode(const LocalNode&) = delete;
  LocalNode& operator=(const LocalNode&) = delete;

  /// Ends the workers and waits for that. What runs is terminated: SIGTERM, half a second later SIGKILL.
  void end() noexcept;

  std::uint32_t workers() const { return workers_; }
  bool has_tasks() const noexcept { return first_ != nullptr; }

  /// Hands a call to the pool. Whatever happens to it, `take` tells; nothing is thrown.
  void run(const TaskHead& head, std::string name, std::span<std::byte> call);
  /// Gives back up to so many tasks that have not begun, the last ones first.
  void recall(std::uint32_t count);
  Answer ask(const Ask& ask);
  /// A result that was kept is not needed any more.
  void forget(std::uint64_t block) noexcept;

  /// Reads the pool's results. @return whether `take` has something
  bool pump();
  /// The same, after a sleep until there is one, `wake` is called or the time is over.
  bool sleep(Timeout::Clock::time_point until);
  /// Begins to end the workers, whatever they do. Does not wait.
  void terminate() { pool_->terminate(); }
  void kill() { pool_->kill(); }
  /// Ends the sleep of another thread. Any thread.
  void wake() noexcept;

  /// Calls `use(LocalResult)` for each task that has ended since.
  template <class Use>
  void take(Use&& use) {
    for (LocalTask* task = take_ended(); task != nullptr;) {
      LocalTask* const next = task->next_ended;
      const LocalResult result = result_of(*task);
      use(result);
      if (result.outcome == Outcome::kept) {
        keep(*task);
      } else {
        drop(*task);
      }
      task = next;
    }
    for (auto& failed : std::exchange(failed_, {}))
      use(LocalResult{failed.first, Outcome::exception, failed.second});
  }

  /// Why the pool can run nothing any more, as bytes; empty while it can.
  const std::vector<std::byte>& broken() const noexcept { return broken_; }

 private:
  friend class LocalTask;

  void note(LocalTask& task) noexcept;
  LocalTask* take_ended();
  LocalResult result_of(LocalTask& task);
  std::exception_ptr as_seen_from_afar(const std::exception_ptr& error) const;
  bool may_stay(const LocalTask& task) const noexcept;
  LocalResult kept_result_of(LocalTask& task);
  void keep(LocalTask& task);
  void unlink(LocalTask& task) noexcept;
  void drop(LocalTask& task) noexcept;
  LocalTask* find(std::uint64_t ticket) const noexcept;

  const std::string name_;
  royong::detail::StateRef<royong::detail::PoolCore> pool_;
  std::uint32_t workers_ = 0;
  bool over_ = false;
  LocalTask* first_ = nullptr;
  LocalTask* last_ = nullptr;
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> failed_;  // never reached the pool
  std::vector<std::byte> scratch_;
  std::vector<std::byte> broken_;
  /// Results that stay, by their blocks. What is freed while a task reads it would be another's: rank 0
  /// says `forget` only when the tasks that it bound here for them have ended.
  std::unordered_map<std::uint64_t, royong::detail::StateRef<LocalTask>> kept_;
  std::uint64_t kept_bytes_ = 0;

  std::atomic<std::uint32_t> flag_{0};  // 1: look
  std::mutex mutex_;                    // guards what follows; after the pool's
  LocalTask* first_ended_ = nullptr;
  LocalTask* last_ended_ = nullptr;
};

}  // namespace royong::inline v0::mpi
