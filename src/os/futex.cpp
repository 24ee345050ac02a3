// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <linux/futex.h>

#include <algorithm>  // for std::max

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 &&
              std::atomic<std::uint32_t>::is_always_lock_free);

std::uint32_t* raw(std::atomic<std::uint32_t>& word) noexcept {
  return reinterpret_cast<std::uint32_t*>(&word);
}

}  // namespace

// Without FUTEX_PRIVATE_FLAG: the key is the page of the file, the same in every process.
FutexWait futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  timespec until{};
  if (deadline != Deadline::max()) {
    // The kernel refuses negative times; the clock starts at zero, so that is the past anyway.
    const auto since = std::max(deadline.time_since_epoch(), Deadline::duration::zero());
    const auto whole = std::chrono::duration_cast<seconds>(since);
    until.tv_sec = whole.count();
    until.tv_nsec = nanoseconds(since - whole).count();
  }
  const long result =
      sys().futex(raw(word), FUTEX_WAIT_BITSET, expected,
                  deadline == Deadline::max() ? nullptr : &until, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return FutexWait::woken;
  switch (errno) {
    case EAGAIN: return FutexWait::changed;
    case EINTR: return FutexWait::interrupted;
    case ETIMEDOUT: return FutexWait::timed_out;
    default: throw_errno("cannot wait on", "a futex");
  }
}

int futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  const long woken =
      sys().futex(raw(word), FUTEX_WAKE, static_cast<std::uint32_t>(count), nullptr, 0);
  if (woken >= 0) return static_cast<int>(woken);
  report_errno("cannot wake", "the sleepers of a futex");
  return 0;
}

}  // namespace royong::inline v0::os
