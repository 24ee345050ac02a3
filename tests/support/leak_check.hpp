// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a test left behind: processes, descriptors, files.
 */
#pragma once

#include <sys/types.h>

#include <filesystem>  // for std::filesystem::path
#include <set>         // for std::set
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "support/descriptors.hpp"

namespace royong_test {

/// Where to look.
struct LeakScope {
  pid_t family = 0;  ///< its descendants are looked at; orphans are among them if it is a subreaper
  std::vector<std::filesystem::path> own_folders =
      {};  ///< nobody else's: what is left there is removed
  std::vector<std::filesystem::path> shared_folders =
      {};                        ///< what is left there is told, and stays
  bool forkserver_stays = true;  ///< the forkserver of this process is no leak
};

/// Compares what is there with what was there when it was made. It looks at the descriptors of this process as well.
class LeakCheck {
 public:
  explicit LeakCheck(LeakScope scope);

  /** @brief One line for each thing that is left, after what is about to go has had its time to go.
   *
   *  Each thing is told once. Processes that are left are killed, and files in our own folders removed: the next test begins clean.
   */
  std::vector<std::string> leftovers();

 private:
  struct Findings;
  Findings look() const;

  pid_t self_;
  LeakScope scope_;
  std::set<Descriptor> descriptors_;
  std::set<std::filesystem::path> files_;
  std::set<pid_t> processes_;
};

}  // namespace royong_test
