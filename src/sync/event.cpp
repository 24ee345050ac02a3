// SPDX-License-Identifier: Apache-2.0
#include "royong/sync.hpp"
#include "sync/eventcount.hpp"
#include "sync/spin.hpp"
#include "sync/state.hpp"

namespace royong::inline v0 {
namespace {

/** The truth is one word: bit 0 is the flag, the rest counts how often it was set, so that a waiter sees a pulse.
 *
 *  A setter that dies before its swap has set nothing; after it, the event is set and its sleepers wake at the death broadcast or when their slice ends.
 *  There is nothing to repair.
 */
struct EventState {
  std::atomic<std::uint64_t> word;
  sync::EventCount changed;
};

EventState& state(const detail::ObjectRef& object) noexcept {
  return sync::state_of<EventState>(object);
}

constexpr int spin_rounds = 64;

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::event,
                         {.wake = [](detail::ObjectRecord& record) noexcept {
                           sync::state_of<EventState>(record).changed.wake_after_a_death();
                         }});
  return true;
}();

}  // namespace

void Event::set() const noexcept {
  auto& [word, changed] = state(object_);
  auto seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & 1) != 0) break;
  } while (!word.compare_exchange_weak(seen, (seen + 2) | 1, std::memory_order_release));
  changed.notify_all();
}

void Event::clear() const noexcept {
  state(object_).word.fetch_and(~std::uint64_t{1}, std::memory_order_acq_rel);
}

bool Event::is_set() const noexcept {
  return (state(object_).word.load(std::memory_order_acquire) & 1) != 0;
}

bool Event::wait(Timeout timeout) const {
  auto& word = state(object_).word;
  auto& changed = state(object_).changed;
  const auto before = word.load(std::memory_order_acquire);
  // Set now, or set at any time since: acquire, so that what the setter wrote before is seen.
  const auto happened = [&] {
    const auto now = word.load(std::memory_order_acquire);
    return (now & 1) != 0 || now >> 1 != before >> 1;
  };
  // One look decides: a second one might find it cleared again, and no sign of a pulse, since it was set at the first.
  if (happened()) return true;
  if (timeout.is_poll()) return false;
  const auto deadline = timeout.deadline();
  for (sync::Spinner spinner(spin_rounds, &word); spinner.once();) {
    if (happened()) return true;
  }
  for (;;) {
    const auto key = changed.prepare();
    if (happened()) return true;
    if (!changed.wait(key, deadline)) return happened();
  }
}

}  // namespace royong::inline v0
