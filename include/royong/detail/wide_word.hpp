// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Sixteen bytes that one instruction changes, where the processor has one.
 *
 *  By hand, because `std::atomic_ref` of 16 bytes is a call into libatomic, which programs would have to link, and which may take a lock of
 *  one process.
 */
#pragma once

#include <cstdint>  // for std::uint64_t

#include "royong/detail/config.hpp"

// ThreadSanitizer does not see what assembly orders, and would accuse the innocent: there the lock is used.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ROYONG_NO_WIDE_WORD
#endif
#endif
#if !defined(__x86_64__) || defined(__SANITIZE_THREAD__)
#define ROYONG_NO_WIDE_WORD
#endif

namespace royong::inline v0::detail {

/// As it lies in memory; `where` below is aligned to 16 bytes.
struct alignas(16) WideWord {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

#ifndef ROYONG_NO_WIDE_WORD

inline constexpr bool may_have_wide_words = true;
/// Whether this processor has the instruction; the earliest of x86-64 had not.
extern ROYONG_API const bool has_wide_words;

/// Sequentially consistent. When the word is not `expected`, that becomes what it is. @return whether it was
inline bool compare_exchange(void* where, WideWord& expected, WideWord desired) noexcept {
  bool was;
  __asm__ __volatile__("lock cmpxchg16b %1"
                       : "=@ccz"(was), "+m"(*static_cast<WideWord*>(where)), "+a"(expected.low),
                         "+d"(expected.high)
                       : "b"(desired.low), "c"(desired.high)
                       : "memory");
  return was;
}

#else

inline constexpr bool may_have_wide_words = false;
inline constexpr bool has_wide_words = false;
inline bool compare_exchange(void*, WideWord&, WideWord) noexcept { return false; }

#endif

/// The word as it is: an exchange of zero for zero changes nothing.
inline WideWord load_wide(void* where) noexcept {
  WideWord seen;
  compare_exchange(where, seen, seen);
  return seen;
}

}  // namespace royong::inline v0::detail
