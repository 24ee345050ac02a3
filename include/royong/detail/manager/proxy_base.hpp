// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ProxyOf: what every proxy class is made of.
 */
#pragma once

#include <memory>       // for std::shared_ptr
#include <tuple>        // for std::tuple
#include <type_traits>  // for std::is_invocable_v
#include <utility>      // for std::forward

#include "royong/detail/call.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/session.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/error.hpp"
#include "royong/future.hpp"

namespace royong::inline v0::detail {

[[noreturn]] ROYONG_API void throw_empty_proxy();

/// Makes a served object of the values that travelled.
using Creator = std::unique_ptr<ServedObject> (*)(Reader& in);

template <class Class, class... Values>
std::unique_ptr<ServedObject> create_served(Reader& in) {
  auto values = decode<std::tuple<Values...>>(in);
  in.expect_end();
  return std::apply([](Values&... value) { return std::make_unique<Class>(std::move(value)...); },
                    values);
}

/// A creator that another program may name.
struct ROYONG_API RegisteredCreator {
  RegisteredCreator(std::uint64_t creator_hash, const ServedType& (*of)() noexcept,
                    Creator function) noexcept;
  RegisteredCreator(const RegisteredCreator&) = delete;
  RegisteredCreator& operator=(const RegisteredCreator&) = delete;

  const std::uint64_t hash;  ///< of the names of the class and of the values
  const ServedType& (*const type)() noexcept;
  const Creator creator;
  const RegisteredCreator* next = nullptr;
};

/// All of them, in a list.
ROYONG_API const RegisteredCreator* first_creator() noexcept;

/// Names the class and the types of the values, for another program.
template <class Class, class... Values>
struct CreatorName {};

/// What this program makes itself, a client of another program may ask it to make.
template <class Class, class... Values>
inline const RegisteredCreator registered_creator{type_hash<CreatorName<Class, Values...>>(),
                                                  &served_type<Class>,
                                                  &create_served<Class, Values...>};

/// Writes which creator to run: by its place in the program, or by name for another program.
ROYONG_API void write_creator(OutgoingCall& call, const RegisteredCreator& creator,
                              FunctionId (*id)());
ROYONG_API TargetRef read_created(Reply& reply, std::uint64_t type);
ROYONG_API extern const std::uint32_t create_verb;

/** @brief Has the server make a `Class(arguments...)`.
 *  @return what a proxy is made of
 *  @throws EndOfFile the server is gone; what the constructor throws; UsageError a server of another program does not know the class
 */
template <class Class, class... A>
TargetRef create(StateRef<Session> session, A&&... arguments) {
  if constexpr (require_transferable<std::tuple<Stored<Deduced, A&&>...>>()) {
    OutgoingCall call(std::move(session), create_verb);
    write_creator(call, registered_creator<Class, Stored<Deduced, A&&>...>,
                  &thunk_id<&create_served<Class, Stored<Deduced, A&&>...>>);
    (encode_argument<Deduced>(call.writer(), std::forward<A>(arguments)), ...);
    Reply reply;
    call.perform(reply);
    return read_created(reply, type_hash<Class>());
  }
}

/** @brief What a client's unit needs of the served class `Class`: its description, how an object is made, and what users' functions get of one.
 *
 *  The kinds that are no templates specialise it beside their proxies: their served classes, and the tables of their operations, are the library's alone.
 */
template <class Class>
struct Kind {
  static const ServedType& type() noexcept { return served_type<Class>(); }
  /// As `create`.
  template <class... A>
  static TargetRef make(StateRef<Session> session, A&&... arguments) {
    return create<Class>(std::move(session), std::forward<A>(arguments)...);
  }
  /// The served object itself, unless the class says `object()`.
  static decltype(auto) object(ServedObject& self) noexcept {
    auto& served = static_cast<Class&>(self);
    if constexpr (requires { served.object(); }) {
      return served.object();
    } else {
      return (served);
    }
  }
};
template <class Class>
using ObjectOf =
    std::remove_reference_t<decltype(Kind<Class>::object(std::declval<ServedObject&>()))>;

/// What a function with a first parameter `Object&` is called with, and what it returns.
template <class Object, class F, class Indices, class... A>
struct FunctionOn;
template <class Object, class F, std::size_t... I, class... A>
struct FunctionOn<Object, F, std::index_sequence<I...>, A...> {
  using Values = std::tuple<Stored<ParameterAt<F, I + 1>, A>...>;
  static constexpr bool possible = std::is_invocable_v<
      F&, Object&,
      typename PassedType<ParameterAt<F, I + 1>, Stored<ParameterAt<F, I + 1>, A>&&>::type...>;
  template <bool Possible = possible>
  using Result = std::decay_t<std::invoke_result_t<
      F&, Object&,
      typename PassedType<ParameterAt<F, I + 1>, Stored<ParameterAt<F, I + 1>, A>&&>::type...>>;

  static decltype(auto) call(F& function, Object& object, Values& values) {
    return function(object, pass<ParameterAt<F, I + 1>>(std::move(std::get<I>(values)))...);
  }
  static void write(Writer& out, A... arguments) {
    (encode_argument<ParameterAt<F, I + 1>>(out, std::forward<A>(arguments)), ...);
  }
};
template <class Object, class F, class... A>
using FunctionOnOf = FunctionOn<Object, F, std::index_sequence_for<A...>, A&&...>;

/// Runs a function on a served object: what `ProxyOf::invoke_function` names.
template <class Class, class F, class... A>
void run_function(ServedObject& self, IncomingCall& call) {
  using Call = FunctionOnOf<ObjectOf<Class>, F, A...>;
  auto function = decode_callable<F>(call.in());
  auto values = decode<typename Call::Values>(call.in());
  call.in().expect_end();
  auto& object = Kind<Class>::object(self);
  if constexpr (std::is_void_v<typename Call::template Result<>>) {
    Call::call(function, object, values);
    call.reply();
  } else {
    const typename Call::template Result<> result = Call::call(function, object, values);
    call.reply(result);
  }
}

/** @brief Base of the proxy classes of the served class `Class`.
 *
 *  A proxy is a value: copies refer to the same object of the server, which lives until the last proxy anywhere is gone. It may be an argument, a
 *  message or a result inside its family, and an argument or a result of calls to its own server from another program. A default-constructed one
 *  refers to nothing, and is a UsageError to use.
 *
 *  Between machines (tasks of an mpi::MPIPoolExecutor) those of a manager travel that has an address (`Manager::serve`, `Manager::connect`); of a class of the user's, with its registered
 *  methods. The process that one comes to uses the connection that it has to that manager, else makes one, with `authkey()` if the manager asks for a key; where it uses certificates, there
 *  must be one. It is kept for the next proxies. Each costs a round trip to the manager at either end.
 */
template <class Class>
class ProxyOf {
 public:
  using ServedClass = Class;

  ProxyOf() noexcept = default;
  /// What `create` and archives make proxies of.
  explicit ProxyOf(TargetRef target) noexcept : target_(std::move(target)) {}

  /// Whether it refers to an object.
  bool valid() const noexcept { return target_ != nullptr; }
  /// Whether both refer to the same object.
  friend bool operator==(const ProxyOf& a, const ProxyOf& b) noexcept {
    return a.target_ == b.target_ || (a.target_ && b.target_ && a.target_->equals(*b.target_));
  }

  /// For archives.
  template <class Archive>
  void serialize(Archive& archive) {
    if constexpr (Archive::is_saving) {
      write_target(archive, target_, type_hash<Class>());
    } else {
      target_ = read_target(archive, type_hash<Class>());
    }
  }

  /// For the library's own parts.
  const TargetRef& target() const {
    if (!target_) throw_empty_proxy();
    return target_;
  }

 protected:
  /// Calls an operation and waits for its result.
  template <auto Member, class... A>
  typename SignatureOf<Member>::Result invoke(A&&... arguments) const {
    OutgoingCall call(target(), operation_index<Class, Member>);
    write_parameters(call.writer(), typename SignatureOf<Member>::Travelling{},
                     std::forward<A>(arguments)...);
    return finish<typename SignatureOf<Member>::Result>(call);
  }

  /// Calls an operation; its result comes in a future: as `R`, which `State` makes of the answer.
  template <auto Member, class R, class State = CallState<R>, class... A>
  Future<R> invoke_async_as(A&&... arguments) const {
    OutgoingCall call(target(), operation_index<Class, Member>);
    write_parameters(call.writer(), typename SignatureOf<Member>::Travelling{},
                     std::forward<A>(arguments)...);
    return begin<R, State>(call);
  }
  template <auto Member, class... A>
  Future<typename SignatureOf<Member>::Result> invoke_async(A&&... arguments) const {
    return invoke_async_as<Member, typename SignatureOf<Member>::Result>(
        std::forward<A>(arguments)...);
  }

  /** @brief Runs `f(object, arguments...)` in the server, where `object` is the served object (or its `object()`). No registration.
   *  @throws UsageError the server is another program
   */
  template <class F, class... A>
  auto invoke_function(const F& f, A&&... arguments) const {
    using Function = std::decay_t<const F>;
    if constexpr (check_function<Function, A...>()) {
      using Call = FunctionOnOf<ObjectOf<Class>, Function, A...>;
      OutgoingCall call(target(), thunk_id<&run_function<Class, Function, A...>>());
      write_function_call<Call, Function>(call.writer(), f, std::forward<A>(arguments)...);
      return finish<typename Call::template Result<>>(call);
    }
  }
  template <class F, class... A>
  auto invoke_function_async(const F& f, A&&... arguments) const {
    using Function = std::decay_t<const F>;
    if constexpr (check_function<Function, A...>()) {
      using Call = FunctionOnOf<ObjectOf<Class>, Function, A...>;
      OutgoingCall call(target(), thunk_id<&run_function<Class, Function, A...>>());
      write_function_call<Call, Function>(call.writer(), f, std::forward<A>(arguments)...);
      return begin<typename Call::template Result<>>(call);
    }
  }

  template <class R>
  static R finish(OutgoingCall& call) {
    Reply reply;
    call.perform(reply);
    return reply.read<R>();
  }
  template <class R, class State = CallState<R>>
  static Future<R> begin(OutgoingCall& call) {
    StateRef<ResultState<R>> state(new State);
    call.start(*state);
    return FutureAccess::make<R>(std::move(state));
  }

 private:
  template <class Function, class... A>
  static consteval bool check_function() {
    if constexpr (!require_transferable<Function>()) {
      return false;
    } else if constexpr (!require_transferable<
                             typename FunctionOnOf<ObjectOf<Class>, Function, A...>::Values>()) {
      return false;
    } else {
      constexpr bool possible = FunctionOnOf<ObjectOf<Class>, Function, A...>::possible;
      static_assert(possible,
                    "royong: the function cannot be called with the object and these arguments as "
                    "values of their own");
      return possible;
    }
  }
  template <class Call, class Function, class F, class... A>
  static void write_function_call(Writer& out, const F& f, A&&... arguments) {
    if constexpr (std::is_same_v<Function, F>) {
      encode_callable(out, f);
    } else {
      encode_callable(out, Function(f));
    }
    Call::write(out, std::forward<A>(arguments)...);
  }

  TargetRef target_;
};

}  // namespace royong::inline v0::detail
