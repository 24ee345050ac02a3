// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Identity: as whom this process acts. Processes made ahead of time must not keep rights that it has given up since.
 */
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace royong::inline v0::detail {

struct Identity {
  uid_t real_user = 0;
  uid_t user = 0;
  gid_t real_group = 0;
  gid_t group = 0;

  static Identity current() noexcept { return {::getuid(), ::geteuid(), ::getgid(), ::getegid()}; }
  friend bool operator==(const Identity&, const Identity&) = default;
};

}  // namespace royong::inline v0::detail
