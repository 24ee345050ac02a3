// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Progress: how far a long call has come, for people.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <memory>   // for std::shared_ptr
#include <string>   // for std::string

#include "royong/detail/config.hpp"

namespace royong::inline v0 {

/** @brief Shows how far something has come: share, count, time gone and time left, rate.
 *
 *  A small handle; copies show on the same bar. A default-constructed one shows nothing.
 *
 *  **Threads and processes.** Thread-safe; at home in one process. The map functions drive it; a
 *  loop of one's own calls
 *  `start`, `update` and `finish`. Nothing is drawn more than ten times a second.
 *
 *  Example: examples/wordcount
 */
class ROYONG_API Progress {
 public:
  Progress() noexcept = default;

  /** @brief A bar on stderr if that is a terminal; nothing at all elsewhere, so that logs stay
   *  clean, and nothing in a worker, whose program draws its own.
   *
   *  Bars within bars have a line each; that of an inner one goes when it has finished.
   *  @param label what it says in front
   */
  static Progress bar(std::string label);

  /// Whether anything is drawn.
  bool shown() const noexcept { return bar_ != nullptr; }
  /// Begins, or begins again. @param total number of steps; 0: unknown
  void start(std::size_t total) const;
  /// `done` steps are done.
  void update(std::size_t done) const;
  /// Draws the last state and ends the line.
  void finish() const;

 private:
  struct Bar;
  std::shared_ptr<Bar> bar_;
};

}  // namespace royong::inline v0
