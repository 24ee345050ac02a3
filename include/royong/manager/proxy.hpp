// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Proxy: an object of any class that lives in a manager. register_type: what another program may do with it.
 */
#pragma once

#include <memory>       // for std::unique_ptr
#include <string>       // for std::string
#include <type_traits>  // for std::is_invocable_v
#include <utility>      // for std::forward

#include "royong/detail/manager/proxy_base.hpp"
#include "royong/detail/manager/registry.hpp"
#include "royong/transferable.hpp"

namespace royong::inline v0 {

namespace detail {

/// An object of a user's class in a server. Its operations are functions and registered methods.
template <class T>
class Hosted final : public Served<Hosted<T>> {
 public:
  template <class... A>
  explicit Hosted(std::in_place_t, A&&... arguments) : object_(std::forward<A>(arguments)...) {}

  T& object() noexcept { return object_; }

  void save(Writer& out) const
    requires Transferable<T>
  {
    encode(out, object_);
  }
  static std::unique_ptr<Hosted> restore(Reader& in)
    requires Transferable<T>
  {
    return std::make_unique<Hosted>(std::in_place, decode<T>(in));
  }

  using Operations = OperationList<>;

 private:
  T object_;
};

/// Runs a method of a hosted object.
template <class T, auto Member>
void run_method(ServedObject& self, IncomingCall& call) {
  run_member<Member>(static_cast<Hosted<T>&>(self).object(), call);
}

template <class T, auto Member>
inline constexpr bool is_method_of = std::is_base_of_v<typename SignatureOf<Member>::Object, T>;

/// Of the types that travel.
template <auto Member>
consteval std::uint64_t method_signature() {
  return TypeHash<typename SignatureOf<Member>::Result>::add(
      type_hash<typename SignatureOf<Member>::Travelling>());
}

}  // namespace detail

/** @brief An object of a user's class `T` that lives in a manager: what `Manager::make` returns.
 *
 *  A value: copies refer to the same object, which ends when the last one anywhere is gone. It may be an argument, a message, a result, and part of an
 *  object in the manager. Each call runs alone, so each is atomic; it runs in the manager's process, on its one thread: a long one holds up all others.
 *
 *  Methods take values that travel, by the rules of `Process` and `Pool`; results and exceptions come back as themselves. A reference that a method returns
 *  becomes a copy.
 *
 *  **Errors.** Members throw what the method or function throws; `EndOfFile` the manager is gone; `UsageError` the proxy is empty, or the
 *  manager is another program's and the method is not registered; `TransferError` something in the arguments cannot go there.
 *
 *  **Threads and processes.** Thread-safe; any process of the program, and those that got it from `Manager::find`.
 *
 *  **If the peer dies.** If the manager dies, every call, also those that are waiting, ends with `EndOfFile` at once. If a process with a proxy dies, its
 *  proxies are gone, and a call that it made runs or has run.
 *
 *  Example: examples/manager_object.cpp
 */
template <class T>
class Proxy : public detail::ProxyOf<detail::Hosted<T>> {
  using Base = detail::ProxyOf<detail::Hosted<T>>;

 public:
  using Base::Base;

  /// Calls `object.*Method(arguments...)` and waits for what it returns.
  template <auto Method, class... A>
  typename detail::SignatureOf<Method>::Result call(A&&... arguments) const {
    using R = typename detail::SignatureOf<Method>::Result;
    auto outgoing = begin_method<Method>();
    write<Method>(outgoing, std::forward<A>(arguments)...);
    return Base::template finish<R>(outgoing);
  }

  /// The same without waiting.
  template <auto Method, class... A>
  Future<typename detail::SignatureOf<Method>::Result> call_async(A&&... arguments) const {
    using R = typename detail::SignatureOf<Method>::Result;
    auto outgoing = begin_method<Method>();
    write<Method>(outgoing, std::forward<A>(arguments)...);
    return Base::template begin<R>(outgoing);
  }

  /** @brief Runs `f(object, arguments...)` in the manager and waits for what it returns.
   *  @param f          a callable that travels; its first parameter is `T&`
   *  @param arguments  travel as well
   *  @throws UsageError the manager is another program's
   */
  template <class F, class... A>
  auto call(const F& f, A&&... arguments) const {
    return this->invoke_function(f, std::forward<A>(arguments)...);
  }
  /// The same without waiting.
  template <class F, class... A>
  auto call_async(const F& f, A&&... arguments) const {
    return this->invoke_function_async(f, std::forward<A>(arguments)...);
  }

 private:
  template <auto Method>
  detail::OutgoingCall begin_method() const {
    static_assert(detail::is_method_of<T, Method>,
                  "royong: this is no method of the proxy's class");
    if (this->target()->object()) {
      return {this->target(), detail::thunk_id<&detail::run_method<T, Method>>()};
    }
    const auto number = detail::method_number<Method>.load(std::memory_order_acquire);
    if (number == 0) detail::throw_not_registered();
    return {this->target(), number - 1};
  }
  template <auto Method, class... A>
  static void write(detail::OutgoingCall& outgoing, A&&... arguments) {
    detail::write_parameters(outgoing.writer(), typename detail::SignatureOf<Method>::Travelling{},
                             std::forward<A>(arguments)...);
  }
};

/// What `register_type` returns: methods can be added.
template <class T>
class TypeRegistration {
 public:
  explicit TypeRegistration(std::uint32_t number) noexcept : number_(number) {}

  /** @brief Makes a method known by name: a client of another program may call it.
   *  @throws UsageError the name is another method's
   */
  template <auto Method>
  const TypeRegistration& method(std::string name) const {
    static_assert(detail::is_method_of<T, Method>, "royong: this is no method of the class");
    const auto place = detail::register_method(
        number_,
        {std::move(name), detail::method_signature<Method>(), &detail::run_method<T, Method>});
    detail::method_number<Method>.store(place + 1, std::memory_order_release);
    return *this;
  }

 private:
  std::uint32_t number_;
};

/** @brief Makes a class known by name, so that two programs mean the same: each registers it and its methods before it makes, publishes or finds an object of it.
 *
 *      register_type<Account>("Account", 2).method<&Account::deposit>("deposit");
 *
 *  Inside one program nothing need be registered. Where processes are started by spawn or forkserver, registration belongs where all of them pass: before `init`, or into a static
 *  initialiser.
 *  @param name     of the class, in both programs
 *  @param revision of the class: `find` refuses another one
 *  @throws UsageError the name or the class is registered with something else
 *
 *  Example: examples/manager_remote.cpp
 */
template <class T>
TypeRegistration<T> register_type(std::string name, int revision = 1) {
  return TypeRegistration<T>(
      detail::register_class(detail::served_type<detail::Hosted<T>>(), std::move(name), revision));
}

}  // namespace royong::inline v0
