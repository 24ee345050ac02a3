// SPDX-License-Identifier: Apache-2.0
#include <mutex>    // for std::lock_guard
#include <utility>  // for std::move

#include "process/runtime.hpp"
#include "royong/process.hpp"

namespace royong::inline v0 {

std::string authkey() {
  auto& own = detail::runtime();
  const std::lock_guard lock(own.mutex);
  return own.authkey;
}

void set_authkey(std::string key) {
  auto& own = detail::runtime();
  const std::lock_guard lock(own.mutex);
  own.authkey = std::move(key);
}

}  // namespace royong::inline v0
