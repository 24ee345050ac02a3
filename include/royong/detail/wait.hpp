// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief wait: for the first of several connections, queues, descriptors and processes.
 */
#pragma once

#include <concepts>          // for std::same_as
#include <cstddef>           // for std::size_t
#include <functional>        // for std::invoke
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::begin
#include <span>              // for std::span
#include <type_traits>       // for std::remove_cvref_t
#include <utility>           // for std::declval
#include <variant>           // for std::visit
#include <vector>            // for std::vector

#include "royong/detail/config.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {

/// One thing that is waited for: its descriptor, and what tells more than the descriptor does.
struct Waitable {
  int descriptor = -1;
  /// Looks, without waiting. Null: the descriptor alone decides.
  bool (*is_ready)(const void* object) = nullptr;
  const void* object = nullptr;
  /// `is_ready` does not know everything: a ready descriptor counts as well.
  bool either = false;
};

/// @return for each whether it is ready: at least one is, or the time is over. @throws UsageError a descriptor is not open
ROYONG_API std::vector<bool> wait_for_ready(std::span<const Waitable> things, Timeout timeout);

/// Connection and the queues: a descriptor of their own.
template <class T>
concept Pollable = requires(const T& thing) {
  { thing.fileno() } -> std::same_as<int>;
};

/// Process and its views: a descriptor that tells their end.
template <class T>
concept HasSentinel = requires(const T& thing) {
  { thing.sentinel() } -> std::same_as<int>;
};

template <class T>
inline constexpr bool is_variant_of_waitables = false;

template <class T>
concept WaitableThing =
    std::same_as<T, int> || Pollable<T> || HasSentinel<T> || is_variant_of_waitables<T>;

template <class... Ts>
inline constexpr bool is_variant_of_waitables<std::variant<Ts...>> = (WaitableThing<Ts> && ...);

template <class Range>
using ThingOf = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

template <class Range>
concept WaitableRange = requires(Range& range) {
  std::begin(range);
  std::end(range);
} && WaitableThing<ThingOf<Range>>;

template <class T>
Waitable waitable(const T& thing) {
  if constexpr (std::same_as<T, int>) {
    return {.descriptor = thing};
  } else if constexpr (Pollable<T>) {
    if constexpr (requires { thing.poll(); }) {
      return {.descriptor = thing.fileno(),
              .is_ready = [](const void* object) { return static_cast<const T*>(object)->poll(); },
              .object = &thing};
    } else {  // a queue: only its descriptor tells that it was shut down
      return {
          .descriptor = thing.fileno(),
          .is_ready = [](const void* object) { return !static_cast<const T*>(object)->empty(); },
          .object = &thing,
          .either = true};
    }
  } else if constexpr (HasSentinel<T>) {
    return {.descriptor = thing.sentinel()};
  } else {
    return std::visit([](const auto& inner) { return waitable(inner); }, thing);
  }
}

/// What `wait` returns of a thing: itself, or a pointer to what cannot be copied.
template <class T>
auto ready_one(T& thing) {
  if constexpr (std::is_copy_constructible_v<T>) {
    return std::remove_const_t<T>(thing);
  } else {
    return &thing;
  }
}

}  // namespace detail

/** @brief Waits until one of several things is ready.
 *  @param things   a range of connections (something to receive, or the end), queues (a message, or shut down), descriptors (readable, or hung up), processes (ended), or of
 *                  `std::variant`s of those that can be copied
 *  @param timeout  <= 0 only looks
 *  @return all that are ready at that instant, in the order given: copies; of processes, pointers. None: the time is over
 *  @throws UsageError one is closed
 *
 *  Takes nothing: another process may be faster to take what was there. To wait for many things again and again, an epoll over `fileno()` and `sentinel()`
 *  costs less.
 *
 *  **Threads and processes; if the peer dies:** as the members of what is waited for. The death of a peer makes a connection ready.
 *
 *  Example: examples/wait.cpp
 */
template <detail::WaitableRange Range>
auto wait(Range&& things, Timeout timeout = forever) {
  std::vector<detail::Waitable> all;
  for (auto& thing : things) all.push_back(detail::waitable(std::as_const(thing)));
  const std::vector<bool> ready = detail::wait_for_ready(all, timeout);
  std::vector<decltype(detail::ready_one(*std::begin(things)))> result;
  std::size_t i = 0;
  for (auto& thing : things) {
    if (ready[i++]) result.push_back(detail::ready_one(thing));
  }
  return result;
}

/// The same for a list in braces: `wait({a, b}, 1s)`.
template <detail::WaitableThing T>
auto wait(std::initializer_list<T> things, Timeout timeout = forever) {
  return wait(std::span<const T>(things.begin(), things.size()), timeout);
}

}  // namespace royong::inline v0
