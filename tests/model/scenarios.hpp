// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What is explored: small programs over the library's own EventCount, LockWord and Notice, and what must hold in them.
 */
#pragma once

#include <string>  // for std::string
#include <vector>  // for std::vector

#include "model/explorer.hpp"

namespace royong_model {

/// The ways in which a program may use an event count wrongly, each of which the explorer has to find.
enum class Misuse {
  none,
  no_second_look,
  announces_after_the_second_look,
  notifies_before_it_publishes
};

/// The sources as they are, or with one line of theirs changed (tests/model/mutants.cmake).
struct Scenarios {
  std::string mutant;  ///< "none" for the sources as they are
  /// Two waiters for one item each; thread 2 publishes `count`, one by one, each with notify_one.
  Outcome (*items)(Conditions, Misuse, int count);
  /// Two waiters for a flag; thread 2 sets it and notifies all.
  Outcome (*flag)(Conditions, Misuse);
  /// Two or three processes that take a lock and release it.
  Outcome (*lock)(Conditions, int processes);
  /// One or two processes that wait as on a Condition. Behind them the one that notifies all who do, or two, for one each.
  Outcome (*notices)(Conditions, int waiters, int notifiers);
};

bool register_scenarios(Scenarios scenarios);
const std::vector<Scenarios>& all_scenarios();

}  // namespace royong_model
