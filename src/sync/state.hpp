// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The state area of an object's record as the type that its kind keeps there.
 */
#pragma once

#include "memory/objects.hpp"

namespace royong::inline v0::sync {

template <class State>
State& state_of(detail::ObjectRecord& record) noexcept {
  static_assert(sizeof(State) <= sizeof record.state && alignof(State) <= 64);
  return *reinterpret_cast<State*>(record.state);
}

template <class State>
State& state_of(const detail::ObjectRef& object) noexcept {
  return state_of<State>(object.record());
}

}  // namespace royong::inline v0::sync
