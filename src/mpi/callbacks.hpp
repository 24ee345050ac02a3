// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Callbacks: the thread that runs the users' callbacks of one executor.
 */
#pragma once

#include <condition_variable>  // for std::condition_variable
#include <deque>               // for std::deque
#include <memory>              // for std::unique_ptr
#include <mutex>               // for std::mutex
#include <thread>              // for std::thread

#include "royong/detail/task_state.hpp"

namespace royong::inline v0::mpi {

class Callbacks {
 public:
  Callbacks() = default;
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;
  ~Callbacks() { stop(); }

  /// Runs it, after those that were added before. The thread begins with the first one.
  void add(std::unique_ptr<royong::detail::Callback> callback);
  /// Returns when all have run; from the thread itself at once.
  void stop() noexcept;

 private:
  /// What the thread has a share in: the last future may be dropped by a callback, and this with it.
  struct State {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::unique_ptr<royong::detail::Callback>> queue;
    bool stop = false;
  };
  static void run(State& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;  // guarded by the state's mutex
};

}  // namespace royong::inline v0::mpi
