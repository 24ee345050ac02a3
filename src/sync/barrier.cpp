// SPDX-License-Identifier: Apache-2.0
#include "royong/barrier.hpp"

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <cstring>  // for std::memcpy
#include <mutex>    // for std::try_to_lock
#include <string>   // for std::to_string

#include "memory/blocks.hpp"
#include "memory/robust_mutex.hpp"
#include "royong/error.hpp"
#include "royong/lock.hpp"
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

enum class Stage : std::uint32_t { filling = 0, acting, broken };

enum class Outcome : std::uint32_t { open = 0, passed, broken };

/// A few microseconds: far longer than the inner lock is held, unless its holder lost its processor.
constexpr int inner_spins = 15;

/** @brief Runs `section` under the inner lock, for which it waits awake at first.
 *
 *  Those who pass a barrier together come to the next one together, and one of them finds the lock held for a few dozen instructions: the mutex would send it to
 *  sleep, and a sleep and a wake-up cost both of them more than all the rest.
 */
template <class Section>
auto under_inner_lock(pthread_mutex_t& inner, Section section) {
  sync::Spinner spinner(inner_spins);
  do {
    if (memory::looks_locked(inner)) continue;
    const RobustGuard guard(inner, std::try_to_lock);
    if (guard.owns()) return section();
  } while (spinner.once());
  const RobustGuard guard(inner);
  return section();
}

/// How many rounds a round's outcome is remembered in the word.
constexpr std::uint32_t remembered = 30;

/** @brief Where the barrier is, in one word: bits 0-1 the stage, 2-31 how the last rounds ended (bit 2 the one before this; 1: all passed), 32-63 the number of
 *  the round.
 */
struct Word {
  std::uint64_t bits;

  std::uint32_t round() const noexcept { return static_cast<std::uint32_t>(bits >> 32); }
  Stage stage() const noexcept { return static_cast<Stage>(bits & 3); }
  Word with(Stage stage) const noexcept {
    return {(bits & ~std::uint64_t{3}) | static_cast<std::uint64_t>(stage)};
  }
  /// The next round, empty.
  Word next(Outcome outcome) const noexcept {
    const std::uint64_t history = (bits & 0xfffffffc) << 1 | (outcome == Outcome::passed ? 4U : 0U);
    return {std::uint64_t{round() + 1} << 32 | (history & 0xfffffffc)};
  }
  /// How an earlier round ended, or this one stands; one that is too long ago is told by the party's entry.
  Outcome outcome_of(std::uint32_t number) const noexcept {
    const std::uint32_t age = round() - number;
    if (age == 0) return stage() == Stage::broken ? Outcome::broken : Outcome::open;
    if (age > remembered) return Outcome::open;
    return (bits >> (age + 1) & 1) != 0 ? Outcome::passed : Outcome::broken;
  }
};

/// One thread inside `wait`.
struct Party {
  std::atomic<std::uint64_t> owner;  ///< commit word: whose it is; 0 is free
  std::atomic<std::uint32_t> round;  ///< in which it arrived
  std::atomic<Outcome> outcome;      ///< how that ended, once the word is about to forget it
};

}  // namespace

namespace detail {

/** @brief Who has arrived, and where the round stands.
 *
 *  All changes are made under the record's inner lock, which is robust. No field is derived from another: a round is complete if as many entries as there are parties
 *  carry its number.
 *
 *  | the process dies                          | what is there                       | who repairs |
 *  |-------------------------------------------|-------------------------------------|-------------|
 *  | before the store to its entry's `owner`   | it has not arrived                  | nothing to do |
 *  | after it, until the round is over: waiting, or running the action | an entry of the dead in this round | the sweep: the store of `broken` commits, then the entry is freed; or a waiter that finds it dead does so |
 *  | the last to arrive, before the store of the next round | the above              | the same: nobody passes |
 *  | after that store, before the wake-up      | a round that is over, sleepers, an entry of the dead in an earlier round | sleepers look again when their slice ends or at the death broadcast, and pass; the sweep breaks the round that now fills |
 *  | who breaks or resets, after the store     | it is broken or reset, sleepers     | the same |
 *
 *  The store to `word` is what commits: that all pass, that it is broken, that it is reset. A sweeper that dies after it and before the entry is freed leaves
 *  the entry to the next one, which stores the same again.
 */
struct BarrierState {
  std::atomic<std::uint64_t> word;
  sync::EventCount changed;

  // Constant. The action: a block of the object, and how much of it; 0: none.
  std::uint32_t parties;
  std::int64_t timeout;  // in ticks of the clock; the greatest number: for ever
  std::atomic<memory::Offset> action;
  std::uint64_t action_size;

  sync::Roll<Party, 12> arrived;
};

}  // namespace detail

namespace {

using detail::BarrierState;

Word word_of(const BarrierState& state) noexcept {
  // acquire: who sees a round ended sees what all parties wrote before they arrived.
  return {state.word.load(std::memory_order_acquire)};
}

void store(BarrierState& state, Word word) noexcept {
  state.word.store(word.bits, std::memory_order_release);
}

std::uint32_t count_arrived(ObjectRecord& record, BarrierState& state, std::uint32_t round) {
  std::uint32_t count = 0;
  state.arrived.for_each(record, [&](std::size_t, const Party& party) {
    if (party.owner.load() != 0 && party.round.load() == round) ++count;
  });
  return count;
}

/// Whether a party of the round is dead that the sweep has not come to yet. The inner lock is held.
bool any_dead(ObjectRecord& record, BarrierState& state, std::uint32_t round) {
  return state.arrived.find(record, [&](std::size_t, const Party& party) {
    const Owner owner{party.owner.load()};
    return owner && party.round.load() == round && !memory::is_alive(owner);
  }) != nullptr;
}

/// Begins the next round. The inner lock is held.
void end_round(ObjectRecord& record, BarrierState& state, Outcome outcome) {
  const Word now = word_of(state);
  const Word next = now.next(outcome);
  // Whoever is still here from a round that the next word forgets finds its outcome in its entry: written before the word.
  state.arrived.for_each(record, [&](std::size_t, Party& party) {
    if (party.owner.load() != 0 && next.round() - party.round.load() == remembered + 1) {
      party.outcome.store(now.outcome_of(party.round.load()));
    }
  });
  store(state, next);  // commits
}

/// Breaks the round, if it is still that one and not over. @return whether it did
bool break_round(ObjectRecord& record, BarrierState& state, std::uint32_t round) {
  {
    const RobustGuard guard(record.inner);
    const Word now = word_of(state);
    if (now.round() != round || now.stage() == Stage::broken) return false;
    store(state, now.with(Stage::broken));
  }
  state.changed.notify_all();
  return true;
}

/// Frees the entries of whom `is_dead(owner)`, and breaks the round where one had counted.
template <class IsDead>
void bury(ObjectRecord& record, BarrierState& state, IsDead is_dead) {
  bool broke = false;
  {
    const RobustGuard guard(record.inner);
    state.arrived.for_each(record, [&](std::size_t, Party& party) {
      const Owner owner{party.owner.load()};
      if (!owner || !is_dead(owner)) return;
      const Word now = word_of(state);
      const Outcome past = party.outcome.load();
      const Outcome outcome = past != Outcome::open ? past : now.outcome_of(party.round.load());
      // Of a round that was broken or reset anyway nobody counts on it any more.
      if (outcome != Outcome::broken && now.stage() != Stage::broken) {
        store(state, now.with(Stage::broken));
        broke = true;
      }
      party.owner.store(0);
    });
  }
  if (broke) state.changed.notify_all();
}

/// The calling thread's part in one round: from its arrival to its return.
class Arrival {
 public:
  Arrival(ObjectRecord& record, BarrierState& state) : record_(record), state_(state) {}
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;
  ~Arrival() {
    if (party_ != nullptr) party_->owner.store(0, std::memory_order_release);
  }

  enum class Entrance { arrived, last, last_with_action, last_with_dead, later, full, broken };

  /// Arrives, if it can now. `later`: an action runs; `full`: the roll must grow
  Entrance enter(Owner me) {
    return under_inner_lock(record_.inner, [&] { return enter_locked(me); });
  }

  /// After the action: lets all pass. @return false: the round was broken or reset, or a party died, meanwhile
  bool pass() {
    const RobustGuard guard(record_.inner);
    const Word now = word_of(state_);
    if (now.round() != round_ || now.stage() != Stage::acting) return false;
    if (any_dead(record_, state_, round_)) {
      store(state_, now.with(Stage::broken));
      return false;
    }
    end_round(record_, state_, Outcome::passed);
    return true;
  }

  Outcome outcome() const noexcept {
    const Outcome now = word_of(state_).outcome_of(round_);
    return now != Outcome::open ? now : party_->outcome.load(std::memory_order_acquire);
  }

  int index() const noexcept { return index_; }
  std::uint32_t round() const noexcept { return round_; }

 private:
  Entrance enter_locked(Owner me) {
    const Word now = word_of(state_);
    round_ = now.round();
    if (now.stage() == Stage::broken) return Entrance::broken;
    if (now.stage() == Stage::acting) return Entrance::later;
    std::uint32_t before = 0;
    Party* room = nullptr;
    state_.arrived.for_each(record_, [&](std::size_t, Party& party) {
      if (party.owner.load(std::memory_order_acquire) == 0) {
        if (room == nullptr) room = &party;
      } else if (party.round.load() == round_) {
        ++before;
      }
    });
    if (room == nullptr) return Entrance::full;
    index_ = static_cast<int>(before);
    room->round.store(round_);
    room->outcome.store(Outcome::open);
    room->owner.store(me.bits);  // commits: it has arrived
    party_ = room;
    if (before + 1 < state_.parties) return Entrance::arrived;
    if (any_dead(record_, state_, round_)) {
      store(state_, now.with(Stage::broken));
      return Entrance::last_with_dead;
    }
    if (state_.action_size != 0) {
      store(state_, now.with(Stage::acting));
      return Entrance::last_with_action;
    }
    end_round(record_, state_, Outcome::passed);
    return Entrance::last;
  }

  ObjectRecord& record_;
  BarrierState& state_;
  Party* party_ = nullptr;
  std::uint32_t round_ = 0;
  int index_ = 0;
};

/// Waits until `is_over()`, and finds the dead meanwhile.
template <class IsOver>
bool wait_for_change(ObjectRecord& record, BarrierState& state, Timeout::Clock::time_point deadline,
                     IsOver is_over) {
  sync::Suspicion suspicion;
  return sync::await(state.changed, deadline, is_over, [&] {
    bury(record, state, [&](Owner owner) { return suspicion.confirmed(owner); });
  });
}

[[noreturn]] void throw_broken() {
  throw BrokenBarrierError(
      "the barrier is broken: a party's time was over, a party died, the action failed, or it was "
      "aborted or reset");
}

void run_action(const BarrierState& state) {
  const auto bytes = memory::block(state.action.load()).first(state.action_size);
  detail::Reader call(bytes);
  detail::Writer result;
  detail::run_call(call, result);
}

BarrierState* state_of(const detail::ObjectRef& object) noexcept {
  return static_cast<BarrierState*>(detail::object_state(object));
}

void repair(ObjectRecord& record, Owner dead) noexcept {
  sync::report_failure("repair a Barrier", [&] {
    auto& state = sync::state_of<BarrierState>(record);
    state.arrived.adopt(record, dead);
    bury(record, state, [&](Owner owner) { return owner == dead; });
  });
}

void wake(ObjectRecord& record) noexcept {
  sync::state_of<BarrierState>(record).changed.wake_after_a_death();
}

void destroy(ObjectRecord& record) noexcept {
  sync::report_failure("destroy a Barrier", [&] {
    auto& state = sync::state_of<BarrierState>(record);
    state.arrived.destroy(record);
    // Forgotten first: a death in between leaves it to the sweep, as a block of an object that is gone.
    if (const auto action = state.action.exchange(0)) memory::free_block(action);
  });
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::barrier,
                         {.repair = &repair, .wake = &wake, .destroy = &destroy});
  return true;
}();

}  // namespace

Barrier::Barrier(int parties, const BarrierAction& action, Timeout timeout) {
  if (parties <= 0) {
    throw UsageError("a barrier cannot have " + std::to_string(parties) +
                     " parties: it needs one at least");
  }
  object_ = detail::ObjectRef::create(kind_);
  state_ = state_of(object_);
  state_->parties = static_cast<std::uint32_t>(parties);
  state_->timeout = timeout.duration().count();
  if (action.call().empty()) return;
  const Owner owner = memory::owner_of_object(object_.record());
  const memory::Offset block = memory::allocate(action.call().size());
  std::memcpy(memory::block(block).data(), action.call().data(), action.call().size());
  // Ours until the state names it; nobody else knows the object yet, so it ends with us.
  state_->action = block;
  state_->action_size = action.call().size();
  memory::set_owner(block, owner);
  // What is bound to the action lives as long as the barrier.
  for (const detail::ObjectRef& kept : action.kept()) memory::pin(kept, owner);
}

Barrier::Barrier(detail::ObjectRef object)
    : object_(std::move(object)), state_(state_of(object_)) {}

int Barrier::wait() const {
  const Timeout::Clock::duration time(state_->timeout);
  return wait(time == Timeout::Clock::duration::max() ? forever : Timeout(time));
}

int Barrier::wait(Timeout timeout) const {
  using Entrance = Arrival::Entrance;
  const Owner me = memory::self();
  if (!me) {
    throw UsageError(
        "this process cannot wait at a barrier: it is no member of the program's family "
        "(royong::init was not called, or it is a child of a fork that royong did not make)");
  }
  ObjectRecord& record = object_.record();
  const auto deadline = sync::deadline_of(timeout);
  Arrival arrival(record, *state_);
  for (;;) {
    switch (arrival.enter(me)) {
      case Entrance::last: state_->changed.notify_all(); return arrival.index();
      case Entrance::last_with_dead: state_->changed.notify_all(); throw_broken();
      case Entrance::last_with_action: try { run_action(*state_);
        } catch (...) {
          break_round(record, *state_, arrival.round());
          throw;
        }
        {
          const bool all_pass = arrival.pass();
          state_->changed.notify_all();
          if (!all_pass) throw_broken();
        }
        return arrival.index();
      case Entrance::arrived: {
        const auto is_over = [&] { return arrival.outcome() != Outcome::open; };
        if (!wait_for_change(record, *state_, deadline, is_over)) {
          break_round(record, *state_, arrival.round());
        }
        if (arrival.outcome() != Outcome::passed) throw_broken();
        return arrival.index();
      }
      case Entrance::later: {
        const auto is_over = [&] {
          const Word now = word_of(*state_);
          return now.round() != arrival.round() || now.stage() != Stage::acting;
        };
        if (!wait_for_change(record, *state_, deadline, is_over)) {
          break_round(record, *state_, arrival.round());
        }
        break;
      }
      case Entrance::full: state_->arrived.grow(record); break;
      case Entrance::broken: throw_broken();
    }
  }
}

void Barrier::reset() const {
  ObjectRecord& record = object_.record();
  {
    const RobustGuard guard(record.inner);
    end_round(record, *state_, Outcome::broken);
  }
  state_->changed.notify_all();
}

void Barrier::abort() const {
  {
    const RobustGuard guard(object_.record().inner);
    store(*state_, word_of(*state_).with(Stage::broken));
  }
  state_->changed.notify_all();
}

int Barrier::parties() const noexcept { return static_cast<int>(state_->parties); }

int Barrier::n_waiting() const {
  ObjectRecord& record = object_.record();
  const RobustGuard guard(record.inner);
  const Word now = word_of(*state_);
  if (now.stage() == Stage::broken) return 0;
  return static_cast<int>(count_arrived(record, *state_, now.round()));
}

bool Barrier::broken() const noexcept { return word_of(*state_).stage() == Stage::broken; }

}  // namespace royong::inline v0
