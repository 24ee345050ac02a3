// SPDX-License-Identifier: Apache-2.0
#include "royong/semaphore.hpp"

#include <algorithm>  // for std::min
#include <atomic>     // for std::atomic
#include <climits>    // for INT_MAX
#include <cstdint>    // for std::uint32_t, std::uint64_t
#include <string>     // for std::to_string

#include "memory/robust_mutex.hpp"
#include "royong/error.hpp"
#include "royong/lock.hpp"
#include "sync/repairing.hpp"
#include "sync/roll.hpp"
#include "sync/state.hpp"
#include "sync/suspicion.hpp"
#include "sync/waiting.hpp"

namespace royong::inline v0 {

namespace detail {

/** @brief Permits, in one of two ways of keeping them.
 *
 *  **A counter** (Semaphore). `free` is the truth; each change is one compare-and-swap of it. Whoever dies before it has changed
 *  nothing; after it, the permit is taken or there. Nothing to repair.
 *
 *  **A ledger** (BoundedSemaphore, and Semaphore with `return_on_death`). The truth is `total`, the permits that exist, and one word for each process
 *  slot in `held`: the generation of the process and how many it holds. `free` = total - the sum of `held` is derived. All of it changes under the
 *  record's inner lock, which is robust:
 *
 *  | the process dies                      | what is there             | who repairs |
 *  |---------------------------------------|---------------------------|-------------|
 *  | before the store to its word          | as before                 | nothing to do |
 *  | after it, before `free` is adjusted   | the truth; `free` is off  | who locks next learns of the owner's death and computes `free` anew |
 *  | holding permits                       | its word says how many    | the sweep: one store of 0 to the word commits; then `free`, then the waiters are woken |
 *  | after a release, before the wake-up   | permits that are free     | sleepers look again when their slice ends, or at the death broadcast |
 *  | in the middle of a release of several | some of them are released | the sweep, for those that it still held |
 *
 *  The generation makes a word of an earlier life of the slot worthless: its next user finds it and takes the permits back first. So no permit is lost or doubled
 *  when a process dropped its last handle, and the sweep does not come by here.
 */
struct SemaphoreState {
  using Held = std::atomic<std::uint64_t>;

  std::atomic<std::uint32_t> free;
  sync::EventCount changed;
  std::atomic<std::uint32_t> total;
  std::uint32_t has_ledger;  // constant, as the next one
  std::uint32_t is_bounded;
  alignas(64) sync::Roll<Held, 24> held;
};
static_assert(sizeof(SemaphoreState) == 256);

}  // namespace detail

namespace {

using detail::ObjectKind;
using detail::ObjectRecord;
using detail::SemaphoreState;
using memory::Owner;

/// A word of the ledger.
struct Holding {
  std::uint32_t
      generation;  // its lower half: enough, since a slot's next life begins after its sweep
  std::uint32_t count;

  static Holding of(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  std::uint64_t word() const noexcept { return std::uint64_t{generation} << 32 | count; }
};

std::uint32_t lower_half(std::uint64_t generation) noexcept {
  return static_cast<std::uint32_t>(generation);
}

/// The ledger, with the inner lock held and `free` right.
class Ledger {
 public:
  Ledger(ObjectRecord& record, SemaphoreState& state)
      : record_(record), state_(state), guard_(record.inner) {
    if (guard_.owner_died()) recount();
  }

  std::uint32_t free() const noexcept { return state_.free.load(std::memory_order_relaxed); }
  std::uint32_t total() const noexcept { return state_.total.load(std::memory_order_relaxed); }

  /// What the process holds in its present life; what an earlier life of its slot left comes back first.
  std::uint32_t held_by(Owner owner, SemaphoreState::Held* word) noexcept {
    if (word == nullptr) return 0;
    const Holding seen = Holding::of(word->load(std::memory_order_relaxed));
    if (seen.generation == lower_half(owner.generation())) return seen.count;
    give_back(*word, seen.count);
    return 0;
  }

  void take(Owner owner, SemaphoreState::Held& word) noexcept {
    const std::uint32_t count = held_by(owner, &word);
    // Commits.
    word.store(Holding{lower_half(owner.generation()), count + 1}.word(),
               std::memory_order_relaxed);
    state_.free.store(free() - 1, std::memory_order_relaxed);
  }

  /// Takes `count` off the word; it holds as many.
  void give_back(SemaphoreState::Held& word, std::uint32_t count) noexcept {
    Holding now = Holding::of(word.load(std::memory_order_relaxed));
    now.count -= count;
    word.store(now.word(), std::memory_order_relaxed);  // commits
    state_.free.store(free() + count, std::memory_order_relaxed);
  }

  void add(std::uint32_t count) noexcept {
    state_.total.store(total() + count, std::memory_order_relaxed);  // commits
    state_.free.store(free() + count, std::memory_order_relaxed);
  }

  /// Takes `count` off the words of whoever holds any, in the order of the slots.
  void take_from_anybody(std::uint32_t count) {
    state_.held.find(record_, [&](std::size_t, SemaphoreState::Held& word) {
      const auto part = std::min(count, Holding::of(word.load(std::memory_order_relaxed)).count);
      if (part != 0) give_back(word, part);
      count -= part;
      return count == 0;
    });
  }

  /// Gets back what the processes hold of whom `is_dead(owner)`. @return how many permits
  template <class IsDead>
  std::uint32_t collect(IsDead is_dead) {
    const std::uint32_t before = free();
    state_.held.for_each(record_, [&](std::size_t index, SemaphoreState::Held& word) {
      const Holding seen = Holding::of(word.load(std::memory_order_relaxed));
      if (seen.count == 0) return;
      const auto slot = static_cast<std::uint32_t>(index);
      const std::uint64_t present = memory::slot(Owner::of(slot, 0)).generation.load();
      if (seen.generation != lower_half(present) || is_dead(Owner::of(slot, present))) {
        give_back(word, seen.count);
      }
    });
    return free() - before;
  }

 private:
  void recount() {
    std::uint32_t taken = 0;
    state_.held.for_each(record_, [&](std::size_t, SemaphoreState::Held& word) {
      taken += Holding::of(word.load(std::memory_order_relaxed)).count;
    });
    state_.free.store(total() - taken, std::memory_order_relaxed);
  }

  ObjectRecord& record_;
  SemaphoreState& state_;
  memory::RobustGuard guard_;
};

constexpr const char* no_member =
    "this process cannot use a semaphore that knows its holders: it is no member of the program's "
    "family (royong::init was not called, or it is a child of a fork that royong did not make)";
constexpr const char* too_many =
    "cannot release a Semaphore: there would be more than 2147483647 permits";
constexpr const char* beyond_bound =
    "cannot release a BoundedSemaphore: released too many times, more permits would be free than "
    "it was made with";

bool take_one(SemaphoreState& state, Timeout timeout) {
  const auto take = [&] {
    // seq_cst, for EventCount::has_sleepers; and acquire, to see what was written before the release of this permit.
    auto seen = state.free.load(std::memory_order_seq_cst);
    while (seen != 0) {
      if (state.free.compare_exchange_weak(seen, seen - 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  };
  return take() || sync::await(state.changed, sync::deadline_of(timeout), take, [] {});
}

const char* release_some(SemaphoreState& state, std::uint32_t n) noexcept {
  auto seen = state.free.load(std::memory_order_relaxed);
  do {
    if (n > INT_MAX - seen) return too_many;
  } while (!state.free.compare_exchange_weak(seen, seen + n, std::memory_order_seq_cst,
                                             std::memory_order_relaxed));
  if (state.changed.has_sleepers()) state.changed.notify(static_cast<int>(n));
  return nullptr;
}

bool take_from_ledger(ObjectRecord& record, SemaphoreState& state, Timeout timeout) {
  const Owner me = memory::self();
  if (!me) throw UsageError(no_member);
  SemaphoreState::Held* word = nullptr;
  while ((word = state.held.at(record, me.index())) == nullptr) state.held.grow(record);

  const auto take = [&] {
    std::uint32_t back = 0;
    {
      Ledger ledger(record, state);
      if (ledger.free() == 0) {
        back = ledger.collect(sync::is_swept);
        if (back == 0) return false;
      }
      ledger.take(me, *word);
    }
    if (back > 1) state.changed.notify(static_cast<int>(back - 1));  // one was for ourselves
    return true;
  };
  if (take()) return true;
  // `free` is derived, but wrong only while nobody has locked since its writer's death, and then the look around
  // puts it right.
  const auto try_again = [&] { return state.free.load(std::memory_order_relaxed) != 0 && take(); };
  sync::Suspicion suspicion;
  return sync::await(state.changed, sync::deadline_of(timeout), try_again, [&] {
    std::uint32_t back = 0;
    {
      Ledger ledger(record, state);
      back = ledger.collect([&](Owner owner) { return suspicion.confirmed(owner); });
    }
    if (back > 1) state.changed.notify(static_cast<int>(back - 1));  // one is for ourselves
  });
}

const char* release_to_ledger(ObjectRecord& record, SemaphoreState& state, std::uint32_t n) {
  const Owner me = memory::self();
  if (!me) return no_member;
  {
    Ledger ledger(record, state);
    SemaphoreState::Held* word = state.held.at(record, me.index());
    const std::uint32_t own = std::min(n, ledger.held_by(me, word));
    const std::uint32_t rest = n - own;
    if (state.is_bounded != 0) {
      if (n > ledger.total() - ledger.free()) return beyond_bound;
    } else if (rest > INT_MAX - ledger.total()) {
      return too_many;
    }
    if (own != 0) ledger.give_back(*word, own);
    if (rest != 0) {
      if (state.is_bounded != 0) {
        ledger.take_from_anybody(rest);
      } else {
        ledger.add(rest);
      }
    }
  }
  state.changed.notify(static_cast<int>(n));
  return nullptr;
}

bool take(const detail::ObjectRef& object, SemaphoreState& state, Timeout timeout) {
  return state.has_ledger != 0 ? take_from_ledger(object.record(), state, timeout)
                               : take_one(state, timeout);
}

const char* release(const detail::ObjectRef& object, SemaphoreState& state, std::uint32_t n) {
  return state.has_ledger != 0 ? release_to_ledger(object.record(), state, n)
                               : release_some(state, n);
}

void checked_release(const detail::ObjectRef& object, SemaphoreState& state, int n,
                     const char* name) {
  if (n < 0) {
    throw UsageError("cannot release " + std::to_string(n) + " permits of a " + name +
                     ": the number is negative");
  }
  if (n == 0) return;
  if (const char* problem = release(object, state, static_cast<std::uint32_t>(n))) {
    throw UsageError(problem);
  }
}

int value_of(const detail::ObjectRef& object, SemaphoreState& state) {
  if (state.has_ledger == 0) return static_cast<int>(state.free.load(std::memory_order_acquire));
  Ledger ledger(object.record(), state);
  ledger.collect(sync::is_swept);
  return static_cast<int>(ledger.free());
}

SemaphoreState* state_of(const detail::ObjectRef& object) noexcept {
  return static_cast<SemaphoreState*>(detail::object_state(object));
}

detail::ObjectRef create(ObjectKind kind, int value, bool has_ledger) {
  if (value < 0) {
    throw UsageError("a semaphore cannot begin with " + std::to_string(value) +
                     " permits: the number is negative");
  }
  auto object = detail::ObjectRef::create(kind);
  SemaphoreState& state = *state_of(object);
  state.free = static_cast<std::uint32_t>(value);
  state.total = static_cast<std::uint32_t>(value);
  state.has_ledger = has_ledger ? 1 : 0;
  state.is_bounded = kind == ObjectKind::bounded_semaphore ? 1 : 0;
  return object;
}

void repair(ObjectRecord& record, Owner dead) noexcept {
  sync::report_failure("repair a semaphore", [&] {
    auto& state = sync::state_of<SemaphoreState>(record);
    if (state.has_ledger == 0) return;
    state.held.adopt(record, dead);
    std::uint32_t back = 0;
    {
      Ledger ledger(record, state);
      back = ledger.collect([&](Owner owner) { return owner == dead; });
    }
    state.changed.notify(static_cast<int>(back));
  });
}

[[maybe_unused]] const bool hooked = [] {
  const memory::KindHooks hooks{
      .repair = &repair,
      .wake =
          [](ObjectRecord& record) noexcept {
            sync::state_of<SemaphoreState>(record).changed.wake_after_a_death();
          },
      .destroy =
          [](ObjectRecord& record) noexcept {
            sync::report_failure("destroy a semaphore", [&] {
              sync::state_of<SemaphoreState>(record).held.destroy(record);
            });
          }};
  memory::set_kind_hooks(ObjectKind::semaphore, hooks);
  memory::set_kind_hooks(ObjectKind::bounded_semaphore, hooks);
  return true;
}();

}  // namespace

Semaphore::Semaphore(int value, SemaphoreOptions options)
    : Semaphore(create(kind_, value, options.return_on_death)) {}
Semaphore::Semaphore(detail::ObjectRef object)
    : object_(std::move(object)), state_(state_of(object_)) {}
bool Semaphore::take(Timeout timeout) const { return royong::take(object_, *state_, timeout); }
const char* Semaphore::give() const noexcept { return royong::release(object_, *state_, 1); }
void Semaphore::release(int n) const { checked_release(object_, *state_, n, "Semaphore"); }
int Semaphore::get_value() const { return value_of(object_, *state_); }

BoundedSemaphore::BoundedSemaphore(int value) : BoundedSemaphore(create(kind_, value, true)) {}
BoundedSemaphore::BoundedSemaphore(detail::ObjectRef object)
    : object_(std::move(object)), state_(state_of(object_)) {}
bool BoundedSemaphore::take(Timeout timeout) const {
  return royong::take(object_, *state_, timeout);
}
const char* BoundedSemaphore::give() const noexcept { return royong::release(object_, *state_, 1); }
void BoundedSemaphore::release(int n) const {
  checked_release(object_, *state_, n, "BoundedSemaphore");
}
int BoundedSemaphore::get_value() const { return value_of(object_, *state_); }

}  // namespace royong::inline v0
