// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerValue: a value in a manager's server.
 */
#pragma once

#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/value.hpp"
#include "royong/detail/manager/proxy_base.hpp"

namespace royong::inline v0 {

namespace detail {

/// What `ManagerValue::update(f)` sends.
template <class T, class F>
struct UpdateValue {
  F function;
  template <class... A>
  decltype(auto) operator()(ServedValue<T>& value, A&&... arguments) {
    return value.update(function, std::forward<A>(arguments)...);
  }
};

}  // namespace detail

/** @brief One value of any transferable, copyable type that lives in a manager's server: made by `Manager::value<T>(v)`.
 *
 *      const auto best = manager.value<double>(0.0);
 *      best.update([](double& seen, double mine) { if (mine > seen) seen = mine; }, score);
 *
 *  A proxy: a value whose copies refer to the one value. For numbers between processes of one program `Value` is a thousand times faster.
 *
 *  Each member is atomic. **Errors, threads and processes, if the peer dies:** as ManagerDict.
 *
 *  Example: examples/manager_value.cpp
 */
template <class T>
class ManagerValue : public detail::ProxyOf<detail::ServedValue<T>> {
  using Object = detail::ServedValue<T>;

 public:
  using value_type = T;

  using detail::ProxyOf<Object>::ProxyOf;

  T get() const { return this->template invoke<&Object::get>(); }
  void set(const T& value) const { this->template invoke<&Object::set>(value); }
  /// Sets it. @return what was there
  T exchange(const T& value) const { return this->template invoke<&Object::exchange>(value); }
  /// As Value's names.
  T load() const { return get(); }
  void store(const T& value) const { set(value); }

  /// Runs `f(T&, arguments...)` in the server: as ManagerDict::update.
  template <class F, class... A>
  auto update(const F& f, A&&... arguments) const {
    if constexpr (detail::require_transferable<std::decay_t<const F>>()) {
      return this->invoke_function(detail::UpdateValue<T, std::decay_t<const F>>{f},
                                   std::forward<A>(arguments)...);
    }
  }
};

}  // namespace royong::inline v0
