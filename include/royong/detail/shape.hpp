// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Shape: the way in which a type is written to bytes.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <string_view>  // for std::string_view
#include <type_traits>  // for std::is_arithmetic_v ...
#include <utility>      // for std::declval

#include "royong/detail/members.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/type_name.hpp"

namespace royong::inline v0::detail {

class Writer;
class Reader;

/// How a type travels. Everything from `opaque` on does not.
enum class Shape {
  boolean,
  number,
  enumeration,
  function_pointer,
  handle,
  serializable,  // has serialize(Archive&), as member or found by argument-dependent lookup
  string,
  sequence,  // push_back: vector, deque, list
  bits,      // vector<bool>
  forward_list,
  set,
  map,
  array,
  product,  // pair, tuple
  optional,
  variant,
  unique_ptr,
  complex,
  bitset,
  path,
  duration,
  time_point,
  calendar,  // std::chrono::year_month_day ...
  aggregate,
  stateless,  // an empty class: a lambda without captures, std::less<int>
  opaque,
  // The rest are refused, each with words of its own.
  pointer,
  null_pointer,
  member_pointer,
  reference,
  c_array,
  view,
  reference_wrapper,
  function,
  shared_ptr,
  synchronisation,
  at_home,  // ours, of use in the process that made it
  union_type,
  polymorphic,
  lambda,
};

template <class... Ts>
struct Types {};

/// The arguments of a class template that takes only types; no `type` for anything else.
template <class T>
struct TemplateArguments {};
template <template <class...> class C, class... Ts>
struct TemplateArguments<C<Ts...>> {
  using type = Types<Ts...>;
};

/// Instances of `std::array` and `std::bitset`, and not of the classes nested in them.
template <class T>
inline constexpr bool is_array_like = false;
template <template <class, std::size_t> class C, class T, std::size_t N>
inline constexpr bool is_array_like<C<T, N>> = true;
template <class T>
inline constexpr bool is_bitset_like = false;
template <template <std::size_t> class C, std::size_t N>
inline constexpr bool is_bitset_like<C<N>> = true;

template <class T>
concept TypeTemplate = requires { typename TemplateArguments<T>::type; };

template <class T>
concept MemberSerialize = requires(T& value, Writer& writer, Reader& reader) {
  value.serialize(writer);
  value.serialize(reader);
};
template <class T>
concept FreeSerialize = !MemberSerialize<T> && requires(T& value, Writer& writer, Reader& reader) {
  serialize(writer, value);
  serialize(reader, value);
};

/// Whether `name` is one of the words of `list`, which are divided by single blanks.
consteval bool is_one_of(std::string_view name, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = list.find(' ');
    if (list.substr(0, end) == name) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
  return false;
}

/// The shape of a class of the standard library that is known by name; `opaque` for any other.
template <class T>
consteval Shape std_shape() {
  constexpr std::string_view name = std_name<T>();
  if constexpr (name.empty()) {
    return Shape::opaque;
  } else if constexpr (TypeTemplate<T>) {
    if (name == "basic_string") return Shape::string;
    if constexpr (name == "vector") {
      return std::is_same_v<typename T::value_type, bool> ? Shape::bits : Shape::sequence;
    }
    if (is_one_of(name, "deque list")) return Shape::sequence;
    if (name == "forward_list") return Shape::forward_list;
    if (is_one_of(name, "set multiset unordered_set unordered_multiset")) return Shape::set;
    if (is_one_of(name, "map multimap unordered_map unordered_multimap")) return Shape::map;
    if (is_one_of(name, "pair tuple")) return Shape::product;
    if (name == "optional") return Shape::optional;
    if (name == "variant") return Shape::variant;
    if (name == "unique_ptr") return Shape::unique_ptr;
    if (name == "complex") return Shape::complex;
    if (name == "time_point") return Shape::time_point;
    if (is_one_of(name, "basic_string_view initializer_list")) return Shape::view;
    if (name == "reference_wrapper") return Shape::reference_wrapper;
    if (is_one_of(name, "function move_only_function copyable_function function_ref")) {
      return Shape::function;
    }
    if (is_one_of(name, "shared_ptr weak_ptr")) return Shape::shared_ptr;
    if (is_one_of(name,
                  "atomic atomic_ref future shared_future promise packaged_task unique_lock "
                  "shared_lock scoped_lock lock_guard barrier")) {
      return Shape::synchronisation;
    }
    if (name == "duration") return Shape::duration;
    return Shape::opaque;
  } else {
    if (name == "array" && is_array_like<T>) return Shape::array;
    if (name == "bitset" && is_bitset_like<T>) return Shape::bitset;
    if (name == "path" && requires { typename T::string_type; }) return Shape::path;
    if (name == "span") return Shape::view;
    if (is_one_of(
            name,
            "mutex timed_mutex recursive_mutex recursive_timed_mutex shared_mutex "
            "shared_timed_mutex condition_variable condition_variable_any once_flag thread "
            "jthread latch atomic_flag counting_semaphore stop_source stop_token __atomic_base")) {
      return Shape::synchronisation;
    }
    if constexpr (std::is_class_v<T> && std::is_trivially_copyable_v<T> &&
                  type_name<T>().find("chrono::") != std::string_view::npos) {
      if constexpr (requires(const T& t) { t.ok(); }) {
        return std::has_unique_object_representations_v<T> ? Shape::calendar : Shape::opaque;
      }
    }
    return Shape::opaque;
  }
}

/// Whether it is one of the library's classes that stay in the process that made them.
template <class T>
consteval bool is_at_home() {
  return is_one_of(name_in<T>("royong::"),
                   "Process ProcessView Pool ProcessPoolExecutor ThreadPool ThreadPoolExecutor "
                   "MPIPoolExecutor Listener Manager Future");
}

template <class T>
consteval Shape class_shape() {
  if constexpr (Handle<T>) {
    return Shape::handle;
  } else if constexpr (is_at_home<T>()) {
    return Shape::at_home;
  } else if constexpr (constexpr Shape known = std_shape<T>(); known != Shape::opaque) {
    return known;
  } else if constexpr (MemberSerialize<T> || FreeSerialize<T>) {
    return Shape::serializable;
  } else if constexpr (std::is_union_v<T>) {
    return Shape::union_type;
  } else if constexpr (std::is_polymorphic_v<T>) {
    return Shape::polymorphic;
  } else if constexpr (std::is_empty_v<T> && std::is_trivially_copyable_v<T> &&
                       std::is_default_constructible_v<T>) {
    // Before the aggregates: std::plus<int> is one, with a base class.
    return Shape::stateless;
  } else if constexpr (std::is_aggregate_v<T>) {
    return Shape::aggregate;
  } else {
    constexpr std::string_view name = type_name<T>();
    const bool lambda = name.find("<lambda") != std::string_view::npos ||
                        name.find("(lambda at") != std::string_view::npos;
    return lambda && !TypeTemplate<T> ? Shape::lambda : Shape::opaque;
  }
}

template <class T>
consteval Shape find_shape() {
  if constexpr (std::is_reference_v<T>) {
    return Shape::reference;
  } else if constexpr (std::is_same_v<T, bool>) {
    return Shape::boolean;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return Shape::number;
  } else if constexpr (std::is_enum_v<T>) {
    return Shape::enumeration;
  } else if constexpr (std::is_pointer_v<T>) {
    return std::is_function_v<std::remove_pointer_t<T>> ? Shape::function_pointer : Shape::pointer;
  } else if constexpr (std::is_null_pointer_v<T>) {
    return Shape::null_pointer;
  } else if constexpr (std::is_member_pointer_v<T>) {
    return Shape::member_pointer;
  } else if constexpr (std::is_array_v<T>) {
    return Shape::c_array;
  } else if constexpr (std::is_class_v<T> || std::is_union_v<T>) {
    return class_shape<T>();
  } else {
    return Shape::opaque;
  }
}

template <class T>
inline constexpr Shape shape = find_shape<std::remove_cv_t<T>>();

/// The arguments of a class template as `Types<...>`.
template <class T>
using Arguments = typename TemplateArguments<std::remove_cv_t<T>>::type;

}  // namespace royong::inline v0::detail
