// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Cluster: rank 0's view of the job, and who drives it.
 *
 *  One mutex guards everything of the component on rank 0: the transport, what is known of the ranks,
 *  and every session with its scheduler. It is never held while user code runs or anybody sleeps.
 *  Locks that come after it: those of the local pools.
 *
 *  **Who drives.** Whoever waits for a future: it looks for messages and results itself, so there is
 *  no thread hop on the way back. A thread of the cluster's own drives without haste when nobody
 *  waits, and does the heartbeats. To drive is to call `step` again and again, with the mutex held in
 *  it; several threads may do so in turns. Whose step ends a task that another one waits for wakes
 *  the others.
 */
#pragma once

#include <atomic>              // for std::atomic
#include <condition_variable>  // for std::condition_variable
#include <cstdint>             // for std::uint32_t
#include <map>                 // for std::map
#include <memory>              // for std::unique_ptr
#include <mutex>               // for std::mutex, std::unique_lock
#include <string>              // for std::string
#include <thread>              // for std::thread
#include <vector>              // for std::vector

#include "mpi/backoff.hpp"
#include "mpi/node_scheduler.hpp"
#include "mpi/transport.hpp"
#include "royong/mpi/core.hpp"

namespace royong::inline v0::mpi {

class LocalNode;
class Session;

class Cluster final : private Receiver {
 public:
  using Lock = std::unique_lock<std::mutex>;
  using Clock = Timeout::Clock;

  /// @throws UsageError there is none: mpi::init was not called
  static Cluster& instance();
  /// Makes it, once. @param transport nullptr: this process is alone
  static void create(std::unique_ptr<Transport> transport);
  static bool exists() noexcept;
  /// Whether this process is the one that made it, and no copy of that by fork.
  static bool is_home() noexcept;

  std::mutex& mutex() noexcept { return mutex_; }
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(ranks_.size()); }
  static std::int64_t now_ns() noexcept {
    return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
  }

  // For sessions, with the mutex held.

  struct Rank {
    bool here = false;  ///< it has said hello, and was welcome
    bool gone = false;  ///< it is lost, refused, or has ended
    bool lost = false;  ///< it may come back, and must not
    bool said_bye = false;
    std::string reason;  ///< why it is gone
    std::string name;
    Hello hello;
    std::uint32_t modules = 0;  ///< how many it knows
    Clock::time_point sent{};
    Clock::time_point heard{};
  };
  const Rank& rank(NodeId node) const { return ranks_[node]; }
  std::uint32_t add_session(Session& session);
  void remove_session(std::uint32_t id);
  /// Sends to a rank that is here.
  void send(NodeId to, MessagePtr message);
  /// Tells the rank of modules that it does not know, before functions in them.
  void send_modules(NodeId to);
  /// A rank is lost: every session loses it.
  /// @param orderly it says so itself, and ends MPI as it should
  void lose(NodeId node, std::string reason, bool orderly = false);
  /// How many workers the rank's pool should have.
  int default_workers(NodeId node) const;
  /// Not 0: every rank has said a word, or is gone.
  const std::atomic<std::uint32_t>& all_here() const noexcept { return all_here_; }
  /// Callbacks or hooks wait: somebody has to drive, also if nobody waits.
  void ask_driver() noexcept;
  void use_times(std::chrono::nanoseconds heartbeat, std::chrono::nanoseconds node_timeout);
  /// Somebody's flag was set.
  void note_end() noexcept { ended_ = true; }

  /// Waits until the flag is set, driving meanwhile. The mutex is not held.
  bool wait(const std::atomic<std::uint32_t>& flag, LocalNode* sleep_in,
            Clock::time_point deadline);
  /// One look at everything. The mutex is held. @param own 1 if this thread is one of those that wait
  /// @return whether anything happened
  bool step(int own);
  /// What `submit` does at its end: the thread that floods the cluster drives it as well, rather than contend for the mutex with the driver. The
  /// mutex is held.
  void look_sometimes();

  /// At the program's exit: ends the sessions, then the agents.
  void end() noexcept;

 private:
  explicit Cluster(std::unique_ptr<Transport> transport);

  void received(int from, std::span<std::byte> message) override;
  void failed(int rank, const std::string& why) override;
  void welcome(NodeId node, Hello hello);
  void refuse(NodeId node, const std::string& reason);
  void look_at_the_clock(Clock::time_point now);
  void drive();
  void count_the_silent() noexcept;
  void handle_losses();

  std::mutex mutex_;  // guards what follows
  std::unique_ptr<Transport> transport_;
  std::vector<Rank> ranks_;
  std::map<std::uint32_t, Session*> sessions_;
  std::uint32_t next_session_ = 1;
  std::chrono::nanoseconds heartbeat_ = std::chrono::milliseconds(250);
  std::chrono::nanoseconds node_timeout_ = std::chrono::seconds(10);
  Clock::time_point looked_{};
  std::vector<std::pair<NodeId, bool>> losing_;  // orderly?
  bool any_lost_ = false;
  bool driver_idles_ = false;
  std::atomic<std::uint32_t> all_here_{0};
  std::atomic<std::uint32_t> all_left_{0};
  bool ended_ = false;   // a task has, since the last time that somebody was woken
  bool ending_ = false;  // the agents were told to end
  bool stop_ = false;
  int waiters_ = 0;  // threads of the user's that drive
  std::condition_variable driver_wake_;
  std::thread driver_;
  bool user_looked_ = false;  // since the driver looked last
  std::uint32_t submissions_ = 0;
};

}  // namespace royong::inline v0::mpi
