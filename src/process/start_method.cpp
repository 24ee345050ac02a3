// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "process/runtime.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"

namespace royong::inline v0 {

StartMethod get_start_method() {
  const std::lock_guard lock(detail::runtime().mutex);
  return detail::runtime().start_method;
}

StartMethod detail::use_start_method() {
  auto& own = runtime();
  const std::lock_guard lock(own.mutex);
  own.start_method_fixed = true;
  return own.start_method;
}

void set_start_method(StartMethod method, bool force) {
  auto& own = detail::runtime();
  const std::lock_guard lock(own.mutex);
  if (own.start_method_fixed && !force)
    throw UsageError(
        "the start method was set or used before; pass force = true to change it nevertheless");
  own.start_method = method;
  own.start_method_fixed = true;
}

std::vector<StartMethod> get_all_start_methods() {
  return {StartMethod::forkserver, StartMethod::spawn, StartMethod::fork};
}

}  // namespace royong::inline v0
