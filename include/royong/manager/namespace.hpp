// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Namespace: attributes of any types in a manager's server.
 */
#pragma once

#include <concepts>     // for std::same_as
#include <cstddef>      // for std::size_t
#include <optional>     // for std::optional
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/attributes.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/transferable.hpp"

namespace royong::inline v0 {

namespace detail {

class ROYONG_API ServedNamespace;  // in the server: src/manager/objects/namespace.hpp
template <>
struct ROYONG_API Kind<ServedNamespace> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session);
  static Attributes& object(ServedObject& self) noexcept;
};

/// @throws UsageError an attribute cannot have this name
ROYONG_API void require_attribute_name(std::string_view name);

/// What `Namespace::update<T>(name, f)` sends.
template <class T, class F>
struct UpdateAttribute {
  F function;
  decltype(auto) operator()(Attributes& attributes, const std::string& name) {
    return attributes.update<T>(name, function);
  }
};

}  // namespace detail

/** @brief Named values of any transferable types that live in a manager's server: made by `Manager::ns()`.
 *
 *      const auto config = manager.ns();
 *      config["threads"] = 4;
 *      config["name"] = "nightly";                         // a std::string
 *      int threads = config["threads"];
 *      auto name = config.get<std::string>("name");
 *
 *  A proxy: a value whose copies refer to the one namespace. It may be an argument, a message, a result, or an element of another object of the manager. An attribute may hold handles and
 *  proxies; they live as long as it does. Its type is the one that was assigned, and is asked for exactly: an `int` is not read as a `long`.
 *
 *  A name that is empty or begins with `_` is refused: in Python such an attribute would stay in the proxy, and the copies of a proxy have nothing of their own.
 *
 *  Each member is atomic. **Errors.** As ManagerDict's; an attribute that is not there is `std::out_of_range`, one of another type `TransferError`. In a server of another
 *  program handles, proxies and function pointers cannot be attributes: `TransferError` at the sender. **Threads and processes, if the peer dies:** as ManagerDict.
 *
 *  Example: examples/manager_namespace.cpp
 */
class ROYONG_API Namespace : public detail::ProxyOf<detail::ServedNamespace> {
 public:
  using detail::ProxyOf<detail::ServedNamespace>::ProxyOf;

  /// Sets an attribute. A string literal becomes a `std::string`. @throws UsageError the name is empty or begins with `_`
  template <class T>
  void set(const std::string& name, const T& value) const {
    detail::require_attribute_name(name);
    if constexpr (std::is_convertible_v<const T&, std::string_view> &&
                  !std::same_as<T, std::string>) {
      store(name, std::string(std::string_view(value)));
    } else {
      store(name, value);
    }
  }
  /// An attribute. @throws std::out_of_range it is not there @throws TransferError it is of another type
  template <class T>
  T get(const std::string& name) const {
    if constexpr (detail::require_transferable<T>()) {
      return read(name).unpack<T>("attribute '" + name + "'");
    }
  }
  /// An attribute; the default if it is not there. @throws TransferError it is of another type
  template <class T>
  T get(const std::string& name, const T& fallback) const {
    if constexpr (detail::require_transferable<T>()) {
      const auto packed = find(name);
      return packed ? packed->template unpack<T>("attribute '" + name + "'") : fallback;
    }
  }
  bool has(const std::string& name) const;
  /// Drops an attribute: Python's `del ns.name`. @throws std::out_of_range it is not there
  void del(const std::string& name) const;
  /// Drops an attribute. @return whether it was there
  bool erase(const std::string& name) const;
  /// Of all attributes, in alphabetical order.
  std::vector<std::string> names() const;
  std::size_t size() const;

  /** @brief Runs `f(T&)` in the server on an attribute: as ManagerDict::update.
   *  @throws std::out_of_range it is not there
   *  @throws TransferError it is of another type
   *  @throws what `f` throws; the attribute is as it was then
   */
  template <class T, class F>
  auto update(const std::string& name, const F& f) const {
    if constexpr (detail::require_transferable<T>() &&
                  detail::require_transferable<std::decay_t<const F>>()) {
      return invoke_function(detail::UpdateAttribute<T, std::decay_t<const F>>{f}, name);
    }
  }

  class Attribute;
  /// `ns["x"]`: nothing happens before it is read or assigned to.
  Attribute operator[](std::string name) const;

 private:
  template <class T>
  void store(const std::string& name, const T& value) const {
    if constexpr (detail::require_transferable<T>()) {
      write(name, detail::PackedValue::pack(value));
    }
  }
  void write(const std::string& name, const detail::PackedValue& value) const;
  detail::PackedValue read(const std::string& name) const;
  std::optional<detail::PackedValue> find(const std::string& name) const;
};

/// `ns["x"]`: stands for an attribute. Reading it is `get` of the type that is wanted, assigning to it is `set`.
class Namespace::Attribute {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for the attribute.
  template <class T>
    requires(Transferable<T> &&
             !std::same_as<T, char>)  // a std::string would be assignable in two ways
  operator T() const {
    return ns_.get<T>(name_);
  }
  template <class T>
  T get() const {
    return ns_.get<T>(name_);
  }
  template <class T>
    requires(!std::same_as<T, Attribute>)
  const Attribute& operator=(const T& value) const {
    ns_.set(name_, value);
    return *this;
  }
  /// Copies an attribute, whatever its type.
  const Attribute& operator=(const Attribute& other) const {
    detail::require_attribute_name(name_);
    ns_.write(name_, other.ns_.read(other.name_));
    return *this;
  }
  Attribute(const Attribute&) = default;
  template <class T>
    requires(!std::same_as<T, Attribute>)
  friend bool operator==(const Attribute& attribute, const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return attribute.get<std::string>() == std::string_view(value);
    } else {
      return attribute.get<T>() == value;
    }
  }

 private:
  friend class Namespace;
  Attribute(Namespace ns, std::string name) : ns_(std::move(ns)), name_(std::move(name)) {}
  Namespace ns_;
  std::string name_;
};

inline Namespace::Attribute Namespace::operator[](std::string name) const {
  return {*this, std::move(name)};
}

}  // namespace royong::inline v0
