// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Containers as bytes: a count, then the elements.
 */
#pragma once

#include <cstdint>      // for std::uintptr_t
#include <cstring>      // for std::memcpy, std::memset
#include <type_traits>  // for std::is_same_v
#include <utility>      // for std::move

#include "royong/detail/archive.hpp"

namespace royong::inline v0::detail {

/// Ranges of at least so many bytes are aligned in the message, so that they can be copied as
/// elements and not only as bytes.
inline constexpr std::size_t aligned_range = 1024;

/// Writes a contiguous range of plain elements: one memcpy.
template <class T>
void encode_plain_range(Writer& out, const T* data, std::size_t count) {
  out.write_count(count);
  if (count * sizeof(T) >= aligned_range) {
    out.write_aligned(data, count * sizeof(T), alignof(T));
  } else if (count > 0) {
    out.write_raw(data, count * sizeof(T));
  }
}

/// The bytes of a contiguous range of plain elements, after every check.
struct PlainRange {
  const std::byte* data;
  std::size_t count;
};
template <class T>
PlainRange take_plain_range(Reader& in, std::string_view what) {
  const std::size_t count = in.read_elements<sizeof(T)>(sizeof(T), what);
  if (count * sizeof(T) >= aligned_range) in.skip_alignment(what);
  return {in.take(count * sizeof(T), what), count};
}

template <class T>
T decode_plain_range(Reader& in) {
  using Element = typename T::value_type;
  const PlainRange range = take_plain_range<Element>(in, type_name<T>());
  if (reinterpret_cast<std::uintptr_t>(range.data) % alignof(Element) == 0) {
    const auto* first = reinterpret_cast<const Element*>(range.data);  // written as such elements
    return T(first, first + range.count);
  }
  T value;
  value.resize(range.count);
  if (range.count > 0) std::memcpy(value.data(), range.data, range.count * sizeof(Element));
  return value;
}

/** @brief Calls `read()` for each of `count` elements that take `MinSize` bytes at least, keeping
 *  the account of what is promised.
 */
template <std::size_t MinSize, class Read>
void decode_elements(Reader& in, std::size_t count, std::string_view what, Read read) {
  typename Reader::Nested level(in);
  in.promise(count * MinSize);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (MinSize > 0) {
      in.redeem(MinSize);
      read();
    } else {
      const std::size_t before = in.position();
      read();
      if (in.position() == before) in.count_empty(what);
    }
  }
}

/// How many elements to make room for at once: all, or few where their number could be checked
/// against nothing.
template <std::size_t MinSize>
constexpr std::size_t reserve_for(std::size_t count) {
  constexpr std::size_t unchecked = 256;
  return MinSize > 0 || count < unchecked ? count : unchecked;
}

template <class T>
void encode_bits(Writer& out, const T& value) {
  const std::size_t size = value.size();
  out.write_count(size);
  const std::size_t length = size / 8 + (size % 8 != 0);
  std::byte* bytes = out.extend(length);
  if (length > 0) std::memset(bytes, 0, length);
  for (std::size_t i = 0; i < size; ++i) {
    if (value[i]) bytes[i / 8] |= std::byte{1} << (i % 8);
  }
}

template <class T>
T decode_bits(Reader& in) {
  constexpr std::string_view what = type_name<T>();
  const std::size_t size = in.read_elements<0>(1, what);
  const std::byte* bytes = in.take(size / 8 + (size % 8 != 0), what);
  T value(size, false);
  for (std::size_t i = 0; i < size; ++i) {
    if ((bytes[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0}) value[i] = true;
  }
  return value;
}

/// A vector or string whose elements can be copied all at once.
template <class T>
concept PlainContiguous = (shape<T> == Shape::sequence || shape<T> == Shape::string) &&
                          is_plain<typename T::value_type> && requires(T& range) {
                            range.data();
                            range.resize(std::size_t{});
                          };

/// A map from plain to plain: its elements have one size, so their room is checked once.
template <class T>
concept PlainMap =
    shape<T> == Shape::map && is_plain<typename T::key_type> && is_plain<typename T::mapped_type>;

template <PlainMap T>
void encode_plain_map(Writer& out, const T& value) {
  constexpr std::size_t key_size = sizeof(typename T::key_type);
  constexpr std::size_t mapped_size = sizeof(typename T::mapped_type);
  const typename Writer::Nested level(out);  // as the reader counts it
  out.write_count(value.size());
  std::byte* to = out.extend(value.size() * (key_size + mapped_size));
  for (const auto& [key, mapped] : value) {
    std::memcpy(to, &key, key_size);
    std::memcpy(to + key_size, &mapped, mapped_size);
    to += key_size + mapped_size;
  }
}

template <class T>
void encode_container(Writer& out, const T& value) {
  constexpr Shape s = shape<T>;
  if constexpr (PlainContiguous<T>) {
    encode_plain_range(out, value.data(), value.size());
  } else if constexpr (s == Shape::bits) {
    encode_bits(out, value);
  } else if constexpr (PlainMap<T>) {
    encode_plain_map(out, value);
  } else {
    typename Writer::Nested level(out);
    if constexpr (s == Shape::forward_list) {
      std::size_t count = 0;
      for (auto i = value.begin(); i != value.end(); ++i) ++count;
      out.write_count(count);
    } else if constexpr (s != Shape::array) {
      out.write_count(value.size());
    }
    for (const auto& element : value) {
      if constexpr (s == Shape::map) {
        encode(out, element.first);
        encode(out, element.second);
      } else {
        encode(out, element);
      }
    }
  }
}

template <class T>
T decode_sequence(Reader& in) {
  using Element = typename T::value_type;
  constexpr std::string_view what = type_name<T>();
  constexpr std::size_t smallest = min_size<Element>;
  const std::size_t count = in.read_elements<smallest>(sizeof(Element), what);
  T value;
  if constexpr (shape<T> == Shape::forward_list) {
    auto last = value.before_begin();
    decode_elements<smallest>(in, count, what,
                              [&] { last = value.insert_after(last, decode<Element>(in)); });
  } else {
    if constexpr (requires { value.reserve(count); }) value.reserve(reserve_for<smallest>(count));
    decode_elements<smallest>(in, count, what, [&] { value.push_back(decode<Element>(in)); });
  }
  return value;
}

/// Sets and maps. The order in the bytes is only a hint; a key that comes twice where it may not is
/// an error.
template <class T>
T decode_associative(Reader& in) {
  using Key = typename T::key_type;
  constexpr std::string_view what = type_name<T>();
  constexpr std::size_t smallest = sum_of_min_sizes(typename PartsOf<T>::type{});
  const std::size_t count = in.read_elements<smallest>(sizeof(typename T::value_type), what);
  T value;
  if constexpr (requires { value.reserve(count); }) value.reserve(reserve_for<smallest>(count));
  decode_elements<smallest>(in, count, what, [&] {
    const std::size_t before = value.size();
    if constexpr (shape<T> == Shape::map) {
      auto key = decode<Key>(in);
      value.emplace_hint(value.end(), std::move(key), decode<typename T::mapped_type>(in));
    } else {
      value.emplace_hint(value.end(), decode<Key>(in));
    }
    if (value.size() == before) [[unlikely]]
      in.fail(what);
  });
  return value;
}

template <class T>
T decode_container(Reader& in) {
  constexpr Shape s = shape<T>;
  if constexpr (PlainContiguous<T>) {
    return decode_plain_range<T>(in);
  } else if constexpr (s == Shape::bits) {
    return decode_bits<T>(in);
  } else if constexpr (s == Shape::set || s == Shape::map) {
    return decode_associative<T>(in);
  } else {
    return decode_sequence<T>(in);
  }
}

}  // namespace royong::inline v0::detail
