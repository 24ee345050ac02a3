// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a manager's server is told when it begins.
 */
#pragma once

#include <chrono>      // for std::chrono::hours
#include <cstdint>     // for std::uint64_t
#include <filesystem>  // for std::filesystem::path
#include <optional>    // for std::optional
#include <string>      // for std::string

#include "royong/connection.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/// What a manager's server lets its clients have; whoever wants more is refused, and nobody else is disturbed.
struct ManagerLimits {
  int sessions = 1000;        ///< client processes at a time
  int objects = 1000000;      ///< at a time
  int waiting_calls = 10000;  ///< calls of one client that wait for their answer
  /// Bytes of one message of a client of another program.
  std::uint64_t message = std::uint64_t{1} << 30;
  /** @brief Bytes of answers that are kept for a client that does not read them, beside the longest one.
   *
   *  Whoever has answers left to read gets no others: his requests wait. Only where calls of his that had waited are answered meanwhile it may come to more, and then his session ends.
   */
  std::uint64_t unread = std::uint64_t{256} << 20;
  /** @brief Bytes of memory that a served manager's process holds before clients of other programs are refused what makes it hold more; 0: half of what the machine, or its control group, has.
   *
   *  Refused, with `UsageError`, are operations that keep what they are given, and new objects; arguments that would need more than is left are a `TransferError`.
   *  Reading, taking away, locks and whatever else goes on.
   *
   *  The limit may be passed by what answers take. All clients of other programs together may be owed `unread` bytes beyond it: where they read less, the one that is owed most is dropped, and a single answer
   *  that is longer than that is refused. And an answer must be made to know how long it is: for that moment, one at a time, the process holds it up to three times.
   */
  std::uint64_t memory = 0;
  /// How long an object is kept, without any proxy, for one that is on its way from another machine: in the result of a task that nobody has looked at.
  Timeout lent = std::chrono::hours(1);
};

/// What `Manager::serve` takes.
struct ServeOptions {
  /// Where clients of other programs connect, as for `Listener`. Empty: a fresh abstract name.
  std::string address{};
  /// What both sides must prove to know. Nothing: no proof is asked for.
  std::optional<std::string> authkey{};
  Tls tls{};
  /// Where the published objects are kept: read at the start, written by `snapshot()`, at the orderly end, and as often as the next member says. Empty: nowhere.
  std::filesystem::path snapshot{};
  /// Writes the snapshot whenever so much time has passed since the last one and something was called meanwhile.
  Timeout snapshot_every{};
  /// Clients that may wait to be accepted.
  int backlog = 64;
  ManagerLimits limits{};
};

}  // namespace royong::inline v0
