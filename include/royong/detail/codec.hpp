// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How each shape is written and read: the bodies of encode and decode.
 */
#pragma once

#include <cstdint>      // for std::uintptr_t
#include <cstring>      // for std::memcpy
#include <type_traits>  // for std::underlying_type_t
#include <utility>      // for std::move, std::in_place_index

#include "royong/detail/archive.hpp"
#include "royong/detail/codec_containers.hpp"
#include "royong/detail/function_id.hpp"

namespace royong::inline v0::detail {

template <class T>
void encode_number(Writer& out, T value) {
  if constexpr (is_plain<T>) {
    out.write_plain(value);
  } else if constexpr (std::is_same_v<T, long double>) {
    std::memcpy(out.extend(long_double_bytes), &value, long_double_bytes);
  } else {
    out.write_plain(static_cast<std::uint8_t>(value));  // bool, or an enumeration of bool
  }
}

template <class T>
T decode_number(Reader& in) {
  if constexpr (is_plain<T>) {
    T value;
    in.read_plain(value);
    return value;
  } else if constexpr (std::is_same_v<T, long double>) {
    T value = 0;
    std::memcpy(&value, in.take(long_double_bytes, "long double"), long_double_bytes);
    return value;
  } else {
    return static_cast<T>(in.read_below(2, type_name<T>()) != 0);
  }
}

/// A function pointer is the number of its module and the offset there; all bits set is null.
inline constexpr std::uint64_t null_function = ~std::uint64_t{0};

template <class T>
void encode_function(Writer& out, T function) {
  if (out.is_foreign()) [[unlikely]]
    out.fail("a function pointer means nothing to another program");
  out.write_plain(function ? identify(reinterpret_cast<const void*>(function)).bits
                           : null_function);
}

template <class T>
T decode_function(Reader& in) {
  if (in.is_foreign()) [[unlikely]]
    in.fail("function pointer that may come from another program");
  FunctionId id;
  in.read_plain(id.bits);
  return id.bits == null_function ? nullptr : reinterpret_cast<T>(resolve(id));
}

template <class T>
void encode_variant(Writer& out, const T& value) {
  if (value.valueless_by_exception()) [[unlikely]]
    out.fail("a std::variant without a value cannot be sent");
  out.write_count(value.index());
  const auto alternative = [&]<std::size_t... I>(std::index_sequence<I...>) {
    static_cast<void>(((value.index() == I ? (encode(out, get<I>(value)), true) : false) || ...));
  };
  [&]<class... Ts>(Types<Ts...>) { alternative(std::index_sequence_for<Ts...>()); }(Arguments<T>{});
}

template <class T, std::size_t I = 0, class First, class... Rest>
T decode_alternative(Reader& in, std::size_t index, Types<First, Rest...>) {
  if constexpr (sizeof...(Rest) > 0) {
    if (index != I) return decode_alternative<T, I + 1>(in, index, Types<Rest...>{});
  }
  if (index != I) [[unlikely]]
    in.fail("the index of a std::variant");
  return T(std::in_place_index<I>, decode<std::remove_cv_t<First>>(in));
}

template <class T>
void encode_bitset(Writer& out, const T& value) {
  const std::size_t size = value.size();
  std::byte* bytes = out.extend(min_size<T>);
  std::memset(bytes, 0, min_size<T>);
  for (std::size_t i = 0; i < size; ++i) {
    if (value[i]) bytes[i / 8] |= std::byte{1} << (i % 8);
  }
}

template <class T>
T decode_bitset(Reader& in) {
  T value;
  const std::byte* bytes = in.take(min_size<T>, "std::bitset");
  for (std::size_t i = 0; i < value.size(); ++i) {
    value[i] = std::to_integer<bool>(bytes[i / 8] >> (i % 8) & std::byte{1});
  }
  return value;
}

template <class T, class... Ts, bool... BitFields>
T decode_members(Reader& in, MemberList<Member<Ts, BitFields>...>) {
  // Braces are read from left to right, and each value is made in its place: no default constructor
  // is asked for.
  return T{decode<std::remove_cv_t<Ts>>(in)...};
}

template <class T, class... Ts>
T decode_product(Reader& in, Types<Ts...>) {
  return T{decode<Ts>(in)...};
}

template <class T, class U, std::size_t... I>
T decode_short_array(Reader& in, std::index_sequence<I...>) {
  return T{{(static_cast<void>(I), decode<U>(in))...}};
}

template <class T>
T decode_array(Reader& in) {
  using Element = typename T::value_type;
  constexpr std::size_t size = std::tuple_size<T>::value;
  if constexpr (size > 64 && std::is_default_constructible_v<T>) {  // not one line of code for each
    T value;
    for (auto& element : value) decode_into(in, element);
    return value;
  } else {
    return decode_short_array<T, Element>(in, std::make_index_sequence<size>());
  }
}

template <class T>
void encode_serializable(Writer& out, const T& value) {
  typename Writer::Nested level(out);
  auto& object = const_cast<T&>(
      value);  // one `serialize` does both directions, so it is not const; a writer changes nothing
  if constexpr (MemberSerialize<T>) {
    object.serialize(out);
  } else {
    serialize(out, object);
  }
}

template <class T>
void decode_serializable(Reader& in, T& object) {
  typename Reader::Nested level(in);
  if constexpr (MemberSerialize<T>) {
    object.serialize(in);
  } else {
    serialize(in, object);
  }
}

template <class T>
void encode_value(Writer& out, const T& value) {
  constexpr Shape s = shape<T>;
  if constexpr (is_plain<T>) {
    out.write_plain(value);
  } else if constexpr (s == Shape::boolean || s == Shape::number || s == Shape::enumeration) {
    encode_number(out, value);
  } else if constexpr (s == Shape::function_pointer) {
    encode_function(out, value);
  } else if constexpr (s == Shape::handle) {
    out.write_object(HandleAccess::object(value));
  } else if constexpr (s == Shape::serializable) {
    encode_serializable(out, value);
  } else if constexpr (s == Shape::aggregate) {
    visit_members(value, [&](const auto&... members) { (encode(out, members), ...); });
  } else if constexpr (s == Shape::product) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (encode(out, get<I>(value)), ...);
    }(std::make_index_sequence<std::tuple_size<T>::value>());
  } else if constexpr (s == Shape::optional || s == Shape::unique_ptr) {
    typename Writer::Nested level(out);
    const bool present = static_cast<bool>(value);
    out.write_plain(static_cast<std::uint8_t>(present));
    if (present) encode(out, *value);
  } else if constexpr (s == Shape::variant) {
    typename Writer::Nested level(out);
    encode_variant(out, value);
  } else if constexpr (s == Shape::complex) {
    encode(out, value.real());
    encode(out, value.imag());
  } else if constexpr (s == Shape::bitset) {
    encode_bitset(out, value);
  } else if constexpr (s == Shape::path) {
    encode(out, value.native());
  } else if constexpr (s == Shape::duration) {
    encode(out, value.count());
  } else if constexpr (s == Shape::time_point) {
    encode(out, value.time_since_epoch().count());
  } else if constexpr (s != Shape::stateless) {
    encode_container(out, value);
  }
}

template <class T>
T decode_value(Reader& in) {
  constexpr Shape s = shape<T>;
  if constexpr (is_plain<T> && std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
    T value;
    in.read_plain(value);
    return value;
  } else if constexpr (s == Shape::boolean || s == Shape::number || s == Shape::enumeration) {
    return decode_number<T>(in);
  } else if constexpr (s == Shape::function_pointer) {
    return decode_function<T>(in);
  } else if constexpr (s == Shape::handle) {
    return HandleAccess::make<T>(
        in.read_object(HandleAccess::kind<T>(), HandleAccess::type_hash<T>()));
  } else if constexpr (s == Shape::serializable) {
    T value{};
    decode_serializable(in, value);
    return value;
  } else if constexpr (s == Shape::aggregate) {
    return decode_members<T>(in, MembersOf<T>{});
  } else if constexpr (s == Shape::product) {
    return decode_product<T>(in, typename PartsOf<T>::type{});
  } else if constexpr (s == Shape::array) {
    return decode_array<T>(in);
  } else if constexpr (s == Shape::optional) {
    typename Reader::Nested level(in);
    if (in.read_below(2, type_name<T>()) == 0) return T();
    return T(std::in_place, decode<std::remove_cv_t<typename T::value_type>>(in));
  } else if constexpr (s == Shape::unique_ptr) {
    using Element = typename T::element_type;
    typename Reader::Nested level(in);
    if (in.read_below(2, type_name<T>()) == 0) return T();
    return T(new Element(decode<std::remove_cv_t<Element>>(in)));
  } else if constexpr (s == Shape::variant) {
    typename Reader::Nested level(in);
    return decode_alternative<T>(in, in.read_count(type_name<T>()), Arguments<T>{});
  } else if constexpr (s == Shape::complex) {
    auto real = decode<typename T::value_type>(in);
    return T(real, decode<typename T::value_type>(in));
  } else if constexpr (s == Shape::bitset) {
    return decode_bitset<T>(in);
  } else if constexpr (s == Shape::path) {
    return T(decode<typename T::string_type>(in));
  } else if constexpr (s == Shape::duration) {
    return T(decode<typename T::rep>(in));
  } else if constexpr (s == Shape::time_point) {
    return T(typename T::duration(decode<typename T::rep>(in)));
  } else if constexpr (s == Shape::stateless) {
    return T{};
  } else {
    return decode_container<T>(in);
  }
}

template <class T>
void encode(Writer& out, const T& value) {
  if constexpr (std::is_array_v<T>) {
    for (const auto& element : value) encode(out, element);
  } else if constexpr (require_transferable<T>()) {
    encode_value(out, value);
  }
}

template <class T>
T decode(Reader& in) {
  if constexpr (require_transferable<T>()) {
    return decode_value<T>(in);
  }
}

template <class T>
void decode_into(Reader& in, T& value) {
  if constexpr (std::is_array_v<T>) {
    for (auto& element : value) decode_into(in, element);
  } else if constexpr (require_transferable<T>()) {
    if constexpr (shape<T> == Shape::serializable) {
      decode_serializable(in, value);  // in place: it may be a base class of something larger
    } else {
      value = decode_value<T>(in);
    }
  }
}

}  // namespace royong::inline v0::detail
