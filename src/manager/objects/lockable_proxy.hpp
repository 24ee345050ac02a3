// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The bodies of LockableProxy and LockProxy, for the units that instantiate them.
 */
#pragma once

#include <exception>  // for std::exception

#include "royong/detail/lockable.hpp"
#include "royong/detail/manager/lockable_proxy.hpp"

namespace royong::inline v0::detail {

template <class D, class Object>
bool LockableProxy<D, Object>::take(Timeout timeout) const {
  return this->template invoke<&Object::acquire>(timeout);
}

template <class D, class Object>
Future<void> LockableProxy<D, Object>::acquire_async() const {
  return this->template invoke_async_as<&Object::acquire, void>(forever);
}

template <class D, class Object>
void LockableProxy<D, Object>::unlock() const noexcept {
  try {
    static_cast<const D&>(*this).release();
  } catch (const std::exception& error) {
    report_unlock(error.what());
  }
}

template <class D, class Object>
void LockProxy<D, Object>::release() const {
  this->template invoke<&Object::release>();
}

template <class D, class Object>
bool LockProxy<D, Object>::locked() const {
  return this->template invoke<&Object::locked>();
}

template <class D, class Object>
bool LockProxy<D, Object>::abandoned() const {
  return this->template invoke<&Object::abandoned>();
}

template <class D, class Object>
void LockProxy<D, Object>::mark_consistent() const {
  this->template invoke<&Object::mark_consistent>();
}

}  // namespace royong::inline v0::detail
