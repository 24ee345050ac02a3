// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief type_hash: tells one type from another across processes, by the names of its parts.
 *
 *  Not by the name of the whole: g++ writes the argument of a template as the unit spelled it when it met it first, `std::map<int, std::vector<int> >` in one
 *  unit and `std::map<int, std::vector<int, std::allocator<int> > >` in another. What stands before the last argument list is the same everywhere, and so are
 *  the names of types that are no templates.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <cstdint>      // for std::uint64_t
#include <string_view>  // for std::string_view

#include "royong/detail/config.hpp"
#include "royong/detail/type_name.hpp"

namespace royong::inline v0::detail {

/// FNV-1a, and an end mark: "ab" and "c" are not "a" and "bc".
consteval std::uint64_t add_to_hash(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return (hash ^ 0xff) * 1099511628211U;
}

/// "std::vector" for `std::vector<int>`.
template <class T>
consteval std::string_view template_name() {
  std::string_view name = type_name<T>();
  std::size_t open = name.size();
  int depth = 0;
  do {
    --open;
    if (name[open] == '>') ++depth;
    if (name[open] == '<') --depth;
  } while (depth > 0 && open > 0);
  return name.substr(0, open);
}

/// Adds a type to a hash, part by part.
template <class T>
struct TypeHash {
  static consteval std::uint64_t add(std::uint64_t hash) {
    return add_to_hash(hash, type_name<T>());
  }
};
template <template <class...> class C, class... T>
struct TypeHash<C<T...>> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    hash = add_to_hash(hash, template_name<C<T...>>());
    ((hash = TypeHash<T>::add(hash)), ...);
    return add_to_hash(hash, ">");
  }
};
template <template <class, std::size_t> class C, class T, std::size_t N>
struct TypeHash<C<T, N>> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    hash = TypeHash<T>::add(add_to_hash(hash, template_name<C<T, N>>()));
    return (hash ^ N) * 1099511628211U;
  }
};
template <class R, class... P>
struct TypeHash<R (*)(P...)> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    hash = TypeHash<R>::add(add_to_hash(hash, "(*)"));
    ((hash = TypeHash<P>::add(hash)), ...);
    return add_to_hash(hash, ")");
  }
};
template <class T>
struct TypeHash<const T> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    return TypeHash<T>::add(add_to_hash(hash, "const"));
  }
};
template <class T>
struct TypeHash<T&> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    return TypeHash<T>::add(add_to_hash(hash, "&"));
  }
};
template <class T>
struct TypeHash<T&&> {
  static consteval std::uint64_t add(std::uint64_t hash) {
    return TypeHash<T>::add(add_to_hash(hash, "&&"));
  }
};

/// The same in every unit of a program, and in all programs of one compiler. Never zero. Not an identity: see `type_name`.
template <class T>
consteval std::uint64_t type_hash() {
  const std::uint64_t hash = TypeHash<T>::add(14695981039346656037U);
  return hash == 0 ? 1 : hash;
}

}  // namespace royong::inline v0::detail
