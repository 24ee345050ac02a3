// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Members of served classes as operations: their tables, and how arguments and results cross. Part of served.hpp.
 */
#pragma once

#include <array>        // for std::array
#include <cstddef>      // for std::size_t
#include <tuple>        // for std::tuple
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::index_sequence

#include "royong/detail/call.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/parameters.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/detail/type_name.hpp"

namespace royong::inline v0::detail {

template <class P>
inline constexpr bool is_made_in_server =
    is_answer<std::remove_cvref_t<P>> || std::is_same_v<std::remove_cvref_t<P>, Caller>;

/// The parameters among `P` that travel, as `Types<...>`.
template <class... P>
struct TravellingOf;
template <>
struct TravellingOf<> {
  using type = Types<>;
};
template <class P, class List>
struct PushFront;
template <class P, class... Rest>
struct PushFront<P, Types<Rest...>> {
  using type = Types<P, Rest...>;
};
template <class P, class... Rest>
struct TravellingOf<P, Rest...> {
  using Later = typename TravellingOf<Rest...>::type;
  using type = typename std::conditional_t<is_made_in_server<P>, std::type_identity<Later>,
                                           PushFront<P, Later>>::type;
};

/// The result of a member: what its Answer takes, else what it returns, decayed.
template <class R, class... P>
struct ResultOf {
  using type = std::decay_t<R>;
  static constexpr bool answers_later = false;
};
template <class R, class... P>
struct ResultOf<void, Answer<R>, P...> {
  using type = R;
  static constexpr bool answers_later = true;
};

template <class Class, class Return, class... P>
struct MemberSignature {
  using Object = Class;
  using All = Types<P...>;
  using Travelling = typename TravellingOf<P...>::type;
  using Result = typename ResultOf<Return, P...>::type;
  static constexpr bool answers_later = ResultOf<Return, P...>::answers_later;
};

template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...));
template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...) const);
template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...) noexcept);
template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...) const noexcept);
template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...) &);
template <class C, class R, class... P>
MemberSignature<C, R, P...> signature_of(R (C::*)(P...) const&);

/// What the type of a member pointer says: `Travelling`, `Result`, `answers_later`.
template <auto Member>
using SignatureOf = decltype(signature_of(Member));

/// The values that travel for parameters `P`, as a tuple.
template <class List>
struct ValuesFor;
template <class... P>
struct ValuesFor<Types<P...>> {
  using type = std::tuple<Stored<P, P>...>;
};

/// Writes arguments as parameters `P` want them: what `run_operation` reads with the same `P`.
template <class... P, class... A>
void write_parameters(Writer& out, Types<P...>, A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A),
                "royong: the operation takes another number of arguments");
  if constexpr (sizeof...(P) == sizeof...(A)) {
    static_assert((std::is_convertible_v<A&&, Stored<P, P>> && ...) || (is_view<P> || ...),
                  "royong: an argument does not convert to the type of its parameter");
    (encode_argument<P>(out, std::forward<A>(arguments)), ...);
  }
}

/// Hands the parameters of a member over: those that travelled from `values`, the others made here.
template <class P, class Values, std::size_t I>
decltype(auto) hand_over(Values& values, IncomingCall& call) {
  if constexpr (is_answer<std::remove_cvref_t<P>>) {
    return call.take_answer<typename std::remove_cvref_t<P>::Result>();
  } else if constexpr (is_made_in_server<P>) {
    return call.caller();
  } else {
    return pass<P>(std::move(std::get<I>(values)));
  }
}

/// How many of the first `N` parameters travelled: the place of parameter `N` among the values.
template <std::size_t N, class... P>
consteval std::size_t place_among_travelling() {
  constexpr bool made[] = {is_made_in_server<P>..., false};
  std::size_t place = 0;
  for (std::size_t i = 0; i < N; ++i) place += made[i] ? 0 : 1;
  return place;
}

template <class Object, auto Member, class... P, std::size_t... I>
decltype(auto) call_member(Object& object, IncomingCall& call,
                           typename ValuesFor<typename TravellingOf<P...>::type>::type& values,
                           Types<P...>, std::index_sequence<I...>) {
  using Values = typename ValuesFor<typename TravellingOf<P...>::type>::type;
  return (object.*Member)(hand_over<P, Values, place_among_travelling<I, P...>()>(values, call)...);
}

template <class Object, auto Member, class... P>
decltype(auto) call_member(Object& object, IncomingCall& call,
                           typename ValuesFor<typename TravellingOf<P...>::type>::type& values,
                           Types<P...> all) {
  return call_member<Object, Member, P...>(object, call, values, all,
                                           std::index_sequence_for<P...>());
}

/// Reads the arguments of `Member`, calls it on `object`, answers.
template <auto Member, class Object>
void run_member(Object& object, IncomingCall& call) {
  using Signature = SignatureOf<Member>;
  using Values = typename ValuesFor<typename Signature::Travelling>::type;
  auto values = decode<Values>(call.in());
  call.in().expect_end();
  using All = typename Signature::All;
  if constexpr (Signature::answers_later) {
    call_member<Object, Member>(object, call, values, All{});
  } else if constexpr (std::is_void_v<typename Signature::Result>) {
    call_member<Object, Member>(object, call, values, All{});
    call.reply();
  } else {
    // Decayed before the arguments end: a reference that comes back may be to one of them.
    const typename Signature::Result result =
        call_member<Object, Member>(object, call, values, All{});
    call.reply(result);
  }
}

/// The operation of a served class.
template <class Class, auto Member>
void run_operation(ServedObject& self, IncomingCall& call) {
  run_member<Member>(static_cast<Class&>(self), call);
}

template <auto A, auto B>
inline constexpr bool is_same_member = false;
template <auto A>
inline constexpr bool is_same_member<A, A> = true;

template <auto Member, class List>
struct PlaceOf;
template <auto Member, auto... Members>
struct PlaceOf<Member, OperationList<Members...>> {
  static consteval std::uint32_t find() {
    constexpr bool same[] = {is_same_member<Member, Members>..., false};
    std::uint32_t place = 0;
    while (place < sizeof...(Members) && !same[place]) ++place;
    return place;
  }
  static constexpr std::uint32_t value = find();
  static_assert(value < sizeof...(Members), "royong: the member is no operation of its class");
};

/// The place of `Member` in the table of the served class `Class`.
template <class Class, auto Member>
inline constexpr std::uint32_t operation_index = PlaceOf<Member, typename Class::Operations>::value;

template <auto Member, class List>
inline constexpr bool is_among = false;
template <auto Member, auto... Members>
inline constexpr bool is_among<Member, OperationList<Members...>> =
    (is_same_member<Member, Members> || ...);

template <class Class, auto Member>
consteval bool keeps_arguments() {
  if constexpr (requires { typename Class::Keeping; }) {
    return is_among<Member, typename Class::Keeping>;
  } else {
    return true;
  }
}

template <class Class, class List>
struct OperationTable;
template <class Class, auto... Members>
struct OperationTable<Class, OperationList<Members...>> {
  static constexpr std::array<ServedOperation, sizeof...(Members)> table{
      &run_operation<Class, Members>...};
  static constexpr std::array<bool, sizeof...(Members)> keeps{keeps_arguments<Class, Members>()...};

  /// The class, and of each operation the types that travel.
  static consteval std::uint64_t signature() {
    std::uint64_t hash = type_hash<Class>();
    ((hash = TypeHash<typename SignatureOf<Members>::Travelling>::add(hash),
      hash = TypeHash<typename SignatureOf<Members>::Result>::add(hash)),
     ...);
    return hash;
  }
};

template <class Class>
concept CanBeLoaded = std::is_default_constructible_v<Class> &&
                      requires(Class& object, Reader& in) { object.load(in); };
template <class Class>
concept CanBeRestored = requires(Reader& in) { Class::restore(in); };
template <class Class>
concept CanBeSaved = (CanBeLoaded<Class> || CanBeRestored<Class>) &&
                     requires(const Class& saved, Writer& out) { saved.save(out); };

template <class Class>
ServedType make_served_type() {
  using Table = OperationTable<Class, typename Class::Operations>;
  ServedType type{type_name<Class>(), type_hash<Class>(), Table::signature(), Table::table,
                  Table::keeps};
  if constexpr (requires { Class::is_for_strangers; }) {
    type.is_for_strangers = Class::is_for_strangers;
  }
  if constexpr (CanBeSaved<Class>) {
    type.save = [](const ServedObject& self, Writer& out) {
      static_cast<const Class&>(self).save(out);
    };
    type.restore = [](Reader& in) -> std::unique_ptr<ServedObject> {
      if constexpr (CanBeRestored<Class>) {
        return Class::restore(in);
      } else {
        auto object = std::make_unique<Class>();
        object->load(in);
        return object;
      }
    };
  }
  return type;
}

/// The one description of `Class` in this process.
template <class Class>
const ServedType& served_type() noexcept {
  static const ServedType type = make_served_type<Class>();
  return type;
}

template <class Derived>
const ServedType& Served<Derived>::type() const noexcept {
  return served_type<Derived>();
}

}  // namespace royong::inline v0::detail
