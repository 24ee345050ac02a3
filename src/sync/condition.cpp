// SPDX-License-Identifier: Apache-2.0
#include "royong/condition.hpp"

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <string>   // for std::to_string
#include <utility>  // for std::move

#include "memory/arena.hpp"
#include "memory/robust_mutex.hpp"
#include "royong/error.hpp"
#include "sync/lock_repair.hpp"
#include "sync/notice.hpp"
#include "sync/repairing.hpp"
#include "sync/roll.hpp"
#include "sync/state.hpp"
#include "sync/suspicion.hpp"
#include "sync/waiting.hpp"

namespace royong::inline v0 {

namespace {

using detail::ObjectRecord;
using memory::Owner;
using memory::RobustGuard;

/// One thread inside `wait`.
struct Waiter {
  std::atomic<std::uint64_t> owner;   ///< commit word: whose it is; 0 is free
  std::atomic<std::uint64_t> ticket;  ///< its place in the order of arrival; unique
  std::atomic<std::uint64_t> limit;   ///< of its notification: who came later was not meant
  std::atomic<std::uint64_t> heir;    ///< ticket of who gets the notification of a dead waiter
  sync::Notice notice;                ///< commits a notification; what the waiter sleeps on
  std::uint32_t reserved;
};

/** @brief Who waits.
 *
 *  Entries are taken and given notifications under the record's inner lock, which is robust. No field is derived from another:
 *
 *  | the process dies                       | what is there                        | who repairs |
 *  |----------------------------------------|--------------------------------------|-------------|
 *  | a waiter before the store to `owner`   | a free entry                         | nothing to do |
 *  | after it, not notified                 | an entry of the dead, with no notification | the sweep frees it; or a waiter that finds it dead |
 *  | a notifier between two notices           | some are notified, the others are not | nothing to do: it died in the middle of notifying |
 *  | a notifier after a notice, before the wake-up | a waiter that is notified and asleep | it looks again when its slice ends, or at the death broadcast; notice.hpp |
 *  | a waiter that was notified, until it returns from `wait` | an entry of the dead, notified | the sweep passes the notification on, below |
 *  | a waiter that owns the lock again      | the above, and a lock of the dead    | both: the lock is free again, and abandoned |
 *
 *  Passing a notification on: (1) `heir` = the ticket of the longest waiting of those who waited when it was given; (2) that one's `notice`; (3) `owner` = 0. (1)
 *  decides. A sweeper that dies before (3) leaves (2) to the next one, for which it is the same store again, or none, if the heir has returned: no second one is ever woken.
 */
struct ConditionState {
  detail::RecursiveLockWord own_lock;

  // Constant. Which lock it is: the place of its word, and the object that it lies in, unless that is this one.
  memory::Offset word;
  std::uint64_t lock_serial;
  std::uint64_t lock_type;
  std::uint32_t lock_index;
  detail::ObjectKind lock_kind;
  std::uint32_t is_recursive;

  std::atomic<std::uint64_t> tickets;
  sync::Roll<Waiter, 4> waiters;
};

ConditionState& state_of(const detail::ObjectRef& object) noexcept {
  return sync::state_of<ConditionState>(object);
}

/// The longest waiting of those that are not notified and whose ticket is at most `limit`; or null.
Waiter* oldest(ObjectRecord& record, ConditionState& state, std::uint64_t limit) {
  Waiter* first = nullptr;
  state.waiters.for_each(record, [&](std::size_t, Waiter& waiter) {
    if (waiter.owner.load() == 0 || waiter.notice.is_given()) return;
    const auto ticket = waiter.ticket.load();
    if (ticket <= limit && (first == nullptr || ticket < first->ticket.load())) first = &waiter;
  });
  return first;
}

/// Commits a notification, unless it has one. Whom that leaves asleep is for `wake_...`. The inner lock is held.
void notify_one(Waiter& waiter, std::uint64_t limit) noexcept {
  if (waiter.notice.is_given()) return;
  waiter.limit.store(limit);
  waiter.notice.give();
}

void wake_all_notified(ObjectRecord& record, ConditionState& state, detail::LockWord& lock) {
  state.waiters.for_each(record,
                         [&](std::size_t, Waiter& waiter) { waiter.notice.wake_at_release(lock); });
}

/// What the dead left: its entry, and a notification that it did not use. The inner lock is held. @return whom to wake, or null
Waiter* bury(ObjectRecord& record, ConditionState& state, Waiter& dead) {
  Waiter* heir = nullptr;
  if (dead.notice.is_given()) {
    if (dead.heir.load() == 0) {
      if (const Waiter* next = oldest(record, state, dead.limit.load())) {
        dead.heir.store(next->ticket.load());  // (1)
      }
    }
    if (const auto ticket = dead.heir.load(); ticket != 0) {
      heir = state.waiters.find(record, [&](std::size_t, const Waiter& waiter) {
        return waiter.owner.load() != 0 && waiter.ticket.load() == ticket;
      });
      if (heir != nullptr) notify_one(*heir, dead.limit.load());  // (2)
    }
  }
  dead.owner.store(0);  // (3)
  return heir;
}

/// Buries all waiters of whom `is_dead(owner)`.
template <class IsDead>
void bury_all(ObjectRecord& record, ConditionState& state, IsDead is_dead) {
  for (;;) {
    Waiter* heir = nullptr;
    {
      const RobustGuard guard(record.inner);
      Waiter* dead = state.waiters.find(record, [&](std::size_t, const Waiter& waiter) {
        const Owner owner{waiter.owner.load()};
        return owner && is_dead(owner);
      });
      if (dead == nullptr) return;
      heir = bury(record, state, *dead);
    }
    if (heir != nullptr) heir->notice.wake_now();
  }
}

/// The calling thread's entry, from its arrival to its return.
class Waiting {
 public:
  Waiting(ObjectRecord& record, ConditionState& state) : record_(record), state_(state) {
    while (!(waiter_ = enter())) state.waiters.grow(record);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (waiter_ != nullptr) waiter_->owner.store(0, std::memory_order_release);
  }

  /// @return whether it was notified; false: the deadline passed, and no notification will come any more
  bool until(Timeout::Clock::time_point deadline) {
    sync::Notice& notice = waiter_->notice;
    const bool is_over = deadline <= Timeout::Clock::now();
    for (sync::Spinner spinner(is_over ? 0 : sync::wait_spins, &state_); spinner.once();) {
      if (notice.is_given()) return true;
    }
    sync::Suspicion suspicion;
    for (;;) {
      switch (notice.sleep(deadline)) {
        case sync::Notice::Sleep::given: return true;
        case sync::Notice::Sleep::too_late: return !withdraw();
        case sync::Notice::Sleep::ended: break;
      }
      bury_all(record_, state_, [&](Owner owner) { return suspicion.confirmed(owner); });
    }
  }

 private:
  Waiter* enter() {
    const RobustGuard guard(record_.inner);
    Waiter* found = state_.waiters.find(
        record_, [](std::size_t, const Waiter& waiter) { return waiter.owner.load() == 0; });
    if (found == nullptr) return nullptr;
    found->ticket.store(state_.tickets.fetch_add(1) + 1);
    found->heir.store(0);
    found->notice.clear();
    found->owner.store(memory::self().bits);  // commits
    return found;
  }

  /// Stops waiting, unless it is notified. From here on a notification goes to another, though it may be a while until the lock is owned again.
  bool withdraw() {
    const RobustGuard guard(record_.inner);
    if (waiter_->notice.is_given()) return false;
    waiter_->owner.store(0);
    waiter_ = nullptr;
    return true;
  }

  ObjectRecord& record_;
  ConditionState& state_;
  Waiter* waiter_ = nullptr;  // null after a withdrawal
};

void wake_all(ObjectRecord& record) noexcept {
  auto& state = sync::state_of<ConditionState>(record);
  sync::wake_sleepers(state.own_lock.lock_word);
  state.waiters.for_each(record, [](std::size_t, Waiter& waiter) {
    if (waiter.owner.load() != 0) waiter.notice.wake_after_a_death();
  });
}

void repair(ObjectRecord& record, Owner dead) noexcept {
  auto& state = sync::state_of<ConditionState>(record);
  sync::free_of_dead(state.own_lock, dead, "The lock of a Condition");
  sync::report_failure("repair a Condition", [&] {
    state.waiters.adopt(record, dead);
    bury_all(record, state, [&](Owner owner) { return owner == dead; });
  });
}

void destroy(ObjectRecord& record) noexcept {
  sync::report_failure("destroy a Condition",
                       [&] { sync::state_of<ConditionState>(record).waiters.destroy(record); });
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::condition,
                         {.repair = &repair, .wake = &wake_all, .destroy = &destroy});
  return true;
}();

}  // namespace

Condition::Condition() : Condition(detail::ObjectRef::create(kind_)) {}

Condition::Condition(const RLock& lock)
    : Condition(lock.object_, lock.word_->lock_word, /*recursive=*/true) {}
Condition::Condition(const Lock& lock)
    : Condition(lock.object_, *lock.word_, /*recursive=*/false) {}

Condition::Condition(const detail::ObjectRef& lock, const detail::LockWord& word, bool recursive)
    : object_(detail::ObjectRef::create(kind_)) {
  ConditionState& state = state_of(object_);
  state.word = memory::offset_of(&word);
  state.lock_index = lock.name().index;
  state.lock_serial = lock.name().serial;
  state.lock_kind = lock.kind();
  state.lock_type = lock.type_hash();
  state.is_recursive = recursive ? 1 : 0;
  // For as long as the condition lives, whoever still has a handle to the lock.
  memory::pin(lock, memory::owner_of_object(object_.record()));
  *this = Condition(object_);
}

Condition::Condition(detail::ObjectRef object) : object_(std::move(object)) {
  ConditionState& state = state_of(object_);
  if (state.lock_serial == 0) {
    recursive_ = &state.own_lock;
    word_ = &recursive_->lock_word;
    return;
  }
  lock_ = detail::ObjectRef::acquire({state.lock_index, state.lock_serial}, state.lock_kind,
                                     state.lock_type);
  word_ = &memory::at<detail::LockWord>(state.word);
  // Its first member, and so at its address.
  if (state.is_recursive != 0) recursive_ = reinterpret_cast<detail::RecursiveLockWord*>(word_);
}

const char* Condition::give() const noexcept {
  if (recursive_ != nullptr) {
    return recursive_->unlock()
               ? nullptr
               : "cannot release the lock of a Condition that this thread does not own";
  }
  return word_->unlock() ? nullptr : "cannot release the lock of a Condition: it is free";
}

void Condition::release() const {
  if (const char* problem = give()) throw UsageError(problem);
}

void Condition::require_owned(const char* action) const {
  const auto self = detail::self_word();
  const bool owned =
      recursive_ != nullptr ? recursive_->owned() : self != 0 && word_->owner() == self;
  if (!owned) throw UsageError(std::string(action) + ": the caller does not own its lock");
}

bool Condition::wait_until(Timeout::Clock::time_point deadline) const {
  require_owned("cannot wait on a Condition");
  Waiting waiting(object_.record(), state_of(object_));
  std::uint32_t depth = 1;
  if (recursive_ != nullptr) {
    // The owner alone looks at the count.
    depth = recursive_->count.exchange(1, std::memory_order_relaxed);
    recursive_->unlock();
  } else {
    word_->unlock();
  }
  const auto take_back = [&] {
    take(forever);
    if (recursive_ != nullptr) recursive_->count.store(depth, std::memory_order_relaxed);
  };
  bool was_notified = false;
  try {
    was_notified = waiting.until(deadline);
  } catch (...) {
    take_back();
    throw;
  }
  take_back();
  return was_notified;
}

void Condition::notify(int n) const {
  require_owned("cannot notify a Condition");
  if (n < 0) {
    throw UsageError("cannot notify " + std::to_string(n) +
                     " waiters of a Condition: the number is negative");
  }
  ObjectRecord& record = object_.record();
  ConditionState& state = state_of(object_);
  int given = 0;
  Waiter* last = nullptr;
  {
    const RobustGuard guard(record.inner);
    const auto limit = state.tickets.load();
    for (; given < n; ++given) {
      Waiter* next = oldest(record, state, limit);
      if (next == nullptr) break;
      notify_one(*next, limit);
      last = next;
    }
  }
  // The release of the lock wakes one of them. The others are woken here, without the inner lock: a wake-up is a system call.
  if (given == 1) {
    last->notice.wake_at_release(*word_);
  } else if (given > 1) {
    wake_all_notified(record, state, *word_);
  }
}

void Condition::notify_all() const {
  require_owned("cannot notify a Condition");
  ObjectRecord& record = object_.record();
  ConditionState& state = state_of(object_);
  {
    const RobustGuard guard(record.inner);
    const auto limit = state.tickets.load();
    state.waiters.for_each(record, [&](std::size_t, Waiter& waiter) {
      if (waiter.owner.load() != 0) notify_one(waiter, limit);
    });
  }
  wake_all_notified(record, state, *word_);
}

}  // namespace royong::inline v0
