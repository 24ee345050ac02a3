// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The open descriptors of this process, and which of them the library may keep for good.
 */
#pragma once

#include <compare>  // for operator<=>
#include <set>      // for std::set
#include <string>   // for std::string
#include <vector>   // for std::vector

namespace royong_test {

/// An open descriptor and what it leads to, as /proc/self/fd names it.
struct Descriptor {
  int number = -1;
  std::string target;
  auto operator<=>(const Descriptor&) const = default;
};

/// All that are open now.
std::set<Descriptor> open_descriptors();

/// Which of the library's permanent parts have been started: each brings descriptors that stay.
struct PermanentParts {
  bool arena = false;
  bool forkserver = false;
};

/// Whether something can be read at once, or the end has come.
bool is_readable(int descriptor);

/** @brief Those in `now` that were not there `before` and that the library does not keep for good.
 *
 *  With the arena that is the death pipe (both ends), with the forkserver the socket to it. All else is a leak.
 */
std::vector<Descriptor> unexpected_descriptors(const std::set<Descriptor>& before,
                                               const std::set<Descriptor>& now,
                                               PermanentParts parts);

}  // namespace royong_test
