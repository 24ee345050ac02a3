// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Tracebacks: stacks become text beside a server's loop, for which they are too slow: the first look into a program's debug information takes a tenth of a second.
 *
 *  A thread makes the text, each stack's once: a stack is known from then on, and who throws at the same place again is answered at once. A text is about this process as
 *  it was; of a module that was unloaded meanwhile it tells what was there.
 */
#pragma once

#include <atomic>              // for std::atomic
#include <condition_variable>  // for std::condition_variable
#include <functional>          // for std::function
#include <map>                 // for std::map
#include <mutex>               // for std::mutex
#include <optional>            // for std::optional
#include <string>              // for std::string
#include <string_view>         // for std::string_view
#include <thread>              // for std::thread
#include <vector>              // for std::vector

#include "royong/detail/exception.hpp"
#include "transfer/symbols.hpp"

namespace royong::inline v0::manager {

/// Used by one thread, the loop, on which all answers run.
class Tracebacks {
 public:
  using Frames = detail::Frames;
  using Answer = std::function<void(std::string_view traceback)>;
  using Describe = std::function<std::string(std::span<void* const> frames)>;

  /// @param wake called from the other thread when there is something for `run_answers`
  explicit Tracebacks(std::function<void()> wake, Describe describe = &transfer::describe_frames);
  Tracebacks(const Tracebacks&) = delete;
  Tracebacks& operator=(const Tracebacks&) = delete;
  /// Answers that were not given are dropped.
  ~Tracebacks();

  /// Calls `answer` with the text of the stack: now if it is known, else in `run_answers`. With none if too many wait for theirs. Throws nothing but what `answer` throws.
  void describe(Frames frames, Answer answer);
  /// Gives the answers whose text has been made. @return whether there were any
  bool run_answers();
  /// Waits for all texts and gives the answers.
  void finish();

 private:
  void work();
  void stop();

  static constexpr std::size_t most_known = 256;
  static constexpr std::size_t most_waiting = 1024;

  const std::function<void()> wake_;
  const Describe describe_;
  std::map<Frames, std::string> known_;
  std::map<Frames, std::vector<Answer>> waiting_;
  std::size_t waiting_answers_ = 0;
  std::thread thread_;

  std::atomic<bool> has_made_{false};
  std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::vector<Frames> wanted_;
  std::vector<std::pair<Frames, std::string>> made_;
  bool ending_ = false;
};

}  // namespace royong::inline v0::manager
