// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief KillStorm: SIGKILL at instants that nobody chose.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>      // for std::atomic
#include <chrono>      // for std::chrono::microseconds
#include <cstdint>     // for std::uint64_t
#include <functional>  // for std::function
#include <thread>      // for std::thread

namespace royong_test {

/** @brief A thread that kills again and again whom a callback names, after pauses of random length.
 *
 *  The pauses are exact to the microsecond: the end of each is waited for busily, for the instants that matter lie between two
 *  instructions. Only descendants of this process are killed, through a pidfd: a pid that was reused meanwhile is safe.
 *
 *      KillStorm storm([&] { return pids[rng() % pids.size()]; }, {.longest = 2ms});
 *      ... work that must survive ...
 *      EXPECT_GT(storm.stop(), 0u);
 */
class KillStorm {
 public:
  struct Options {
    std::chrono::microseconds shortest{0};
    std::chrono::microseconds longest{1000};
    std::uint64_t most_kills = ~std::uint64_t{0};
    int signal = SIGKILL;
    std::uint64_t stream = 0;  ///< tells the random numbers of several storms in one test apart
  };

  /// @param victim  runs on the storm's thread; 0 or less: nobody this time
  explicit KillStorm(std::function<pid_t()> victim) : KillStorm(std::move(victim), Options()) {}
  KillStorm(std::function<pid_t()> victim, Options options);
  ~KillStorm();
  KillStorm(const KillStorm&) = delete;
  KillStorm& operator=(const KillStorm&) = delete;

  /// How many signals have been delivered.
  std::uint64_t kills() const noexcept { return kills_.load(); }
  /// Ends the storm. @return kills()
  std::uint64_t stop();

 private:
  void rage(Options options, std::uint64_t seed);

  std::function<pid_t()> victim_;
  std::atomic<std::uint64_t> kills_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Signals a descendant of this process, never a stranger that got its pid. @return whether it was delivered
bool signal_descendant(pid_t pid, int signal);

}  // namespace royong_test
