// SPDX-License-Identifier: Apache-2.0
// Compiled once with the sources as they are, and once with each mutant of theirs: ROYONG_MODEL_MUTANT names it, or is `none`.
#include "model/scenarios.hpp"

#include "model/world.hpp"

#define ROYONG_MODEL_QUOTED_AFTER_EXPANSION(name) #name
#define ROYONG_MODEL_QUOTED(name) ROYONG_MODEL_QUOTED_AFTER_EXPANSION(name)

namespace ROYONG_MODEL_MUTANT {

ROYONG_MODEL_WORLD

// The library's own text. lock_word.cpp includes the others.
#include "sync/lock_word.cpp"
#include "sync/notice.hpp"

namespace model {
namespace {

using royong::detail::LockWord;
using royong::sync::EventCount;
using royong::sync::Notice;
using royong_model::Conditions;
using royong_model::Misuse;
using royong_model::Outcome;
using royong_model::Program;

constexpr auto no_deadline = royong::Timeout::Clock::time_point::max();

// ---- EventCount ----

struct Events {
  std::atomic<std::uint32_t> state;  // items that are there, or the flag
  EventCount changed;
};

// As the head of eventcount.hpp prescribes it.
template <class Ready>
void wait_for(Events& events, Misuse misuse, Ready ready) {
  while (!ready()) {
    royong_model::forget(1);
    if (misuse == Misuse::announces_after_the_second_look) {
      if (ready()) return;
      events.changed.wait(events.changed.prepare(), no_deadline);
      continue;
    }
    const auto key = events.changed.prepare();
    if (misuse != Misuse::no_second_look && ready()) return;
    events.changed.wait(key, no_deadline);
  }
}

bool take_item(Events& events) {
  auto seen = events.state.load();
  while (seen != 0) {
    if (events.state.compare_exchange_strong(seen, seen - 1)) return true;
  }
  return false;
}

// Nobody may sleep beside a state that it waits for; and when nobody sleeps, one notification takes the bit down that the dead have left.
std::string what_is_wrong(Events& events, void (EventCount::*notify)() noexcept) {
  bool sleeps = false;
  for (int i = 0; i < 2; ++i) {
    if (!royong_model::is_asleep(i)) continue;
    sleeps = true;
    if (events.state.peek() != 0) return "a waiter sleeps for ever beside what it waits for";
  }
  if (!sleeps) {
    (events.changed.*notify)();
    if ((events.changed.word.peek() & 1) != 0) return "the bit stays up";
  }
  return "";
}

Outcome items(Conditions conditions, Misuse misuse, int count) {
  static Events events;
  const auto waiter = [&] { wait_for(events, misuse, [&] { return take_item(events); }); };
  const auto notifier = [&] {
    for (int i = 0; i < count; ++i) {
      royong_model::forget(10 + static_cast<std::uint64_t>(i));
      if (misuse == Misuse::notifies_before_it_publishes) events.changed.notify_one();
      events.state.fetch_add(1);
      if (misuse != Misuse::notifies_before_it_publishes) events.changed.notify_one();
    }
  };
  return explore({.shared = &events,
                  .bytes = sizeof events,
                  .threads = {waiter, waiter, notifier},
                  .sweep = [&](int) { events.changed.wake_after_a_death(); },
                  .at_the_end = [&] { return what_is_wrong(events, &EventCount::notify_one); }},
                 conditions);
}

Outcome flag(Conditions conditions, Misuse misuse) {
  static Events events;
  const auto waiter = [&] { wait_for(events, misuse, [&] { return events.state.load() != 0; }); };
  const auto setter = [&] {
    if (misuse == Misuse::notifies_before_it_publishes) events.changed.notify_all();
    events.state.store(1);
    if (misuse != Misuse::notifies_before_it_publishes) events.changed.notify_all();
  };
  return explore({.shared = &events,
                  .bytes = sizeof events,
                  .threads = {waiter, waiter, setter},
                  .sweep = [&](int) { events.changed.wake_after_a_death(); },
                  .at_the_end = [&] { return what_is_wrong(events, &EventCount::notify_all); }},
                 conditions);
}

// ---- LockWord ----

struct Locked {
  royong_model::Slot slots[3];
  LockWord lock;
  // The books, kept between two steps: who is inside, and whether somebody died there and nobody has put it right.
  std::uint32_t inside[3];
  std::uint32_t died_inside;
};

Outcome lock(Conditions conditions, int processes) {
  static Locked shared;
  royong::memory::slots_of_world = shared.slots;
  const auto process = [&, processes] {
    const int me = royong_model::this_thread();
    shared.lock.lock();
    royong_model::forget(1);
    for (int i = 0; i < processes; ++i) {
      if (shared.inside[i] != 0 && !royong_model::is_dead(i)) {
        royong_model::violated("two processes own the lock");
      }
    }
    shared.inside[me] = 1;
    const bool told = shared.lock.abandoned();
    if (told != (shared.died_inside != 0)) {
      royong_model::violated(told ? "the owner is told of a death that was none"
                                  : "the owner is not told that one before it died");
    }
    if (told && me != 0) {  // process 0 leaves it as it is: the mark has to outlast an unlock
      shared.lock.mark_consistent();
      shared.died_inside = 0;
    }
    shared.inside[me] = 0;
    if (!shared.lock.unlock()) royong_model::violated("what is owned could not be released");
  };
  Program program{
      .shared = &shared,
      .bytes = sizeof shared,
      .threads = {},
      .sweep =
          [&](int dead) {
            royong::sync::free_of_dead(shared.lock, royong_model::owner_of(dead), "A lock");
            royong::sync::wake_sleepers(shared.lock);
            shared.slots[dead].generation.fetch_add(1);  // only now may the slot begin another life
          },
      .at_the_end = [&, processes]() -> std::string {
        for (int i = 0; i < processes; ++i) {
          if (royong_model::is_asleep(i)) return "a process waits for ever for a lock";
        }
        return "";
      },
      .at_a_death =
          [&](int dead) {
            const auto owner = shared.lock.word.peek() & LockWord::owner_mask;
            if (owner == royong::word_of(royong_model::owner_of(dead))) shared.died_inside = 1;
          }};
  for (int i = 0; i < processes; ++i) program.threads.push_back(process);
  return explore(program, conditions);
}

// ---- Notice, and the debt of a LockWord ----

struct Noticed {
  royong_model::Slot slots[4];
  LockWord lock;
  Notice notices[2];
  // Under the lock.
  std::uint32_t waits[2];
  std::uint32_t is_set;
};

// As condition.cpp does it, with one entry a waiter instead of a roll. Two waiters have come before it begins, and go without the lock: their fight for it
// is what `lock` explores, and would multiply the orders here.
Outcome notices(Conditions conditions, int waiters, int notifiers) {
  static Noticed shared;
  royong::memory::slots_of_world = shared.slots;
  const auto wait = [&](int me) {
    while (shared.notices[me].sleep(no_deadline) != Notice::Sleep::given) royong_model::forget(2);
    royong_model::forget(3);
  };
  const auto waiter = [&, waiters] {
    const int me = royong_model::this_thread();
    if (waiters == 2) {
      wait(me);
      return;
    }
    shared.lock.lock();
    royong_model::forget(1);
    if (shared.is_set == 0) {
      shared.notices[me].clear();
      shared.waits[me] = 1;
      shared.lock.unlock();
      wait(me);
      shared.lock.lock();
      if (shared.is_set == 0) royong_model::violated("notified before there was a reason");
      royong_model::forget(4);
    }
    shared.lock.unlock();
  };
  const auto notifier = [&, waiters, notifiers] {
    const int first = notifiers == 1 ? 0 : royong_model::this_thread() - waiters;
    const int last = notifiers == 1 ? waiters : first + 1;
    shared.lock.lock();
    royong_model::forget(5);
    shared.is_set = 1;
    for (int i = first; i < last; ++i) {
      if (waiters == 2 || shared.waits[i] != 0) shared.notices[i].give();
    }
    for (int i = first; i < last; ++i) shared.notices[i].wake_at_release(shared.lock);
    shared.lock.unlock();
  };
  Program program{.shared = &shared,
                  .bytes = sizeof shared,
                  .threads = {},
                  .sweep =
                      [&, waiters](int dead) {
                        royong::sync::free_of_dead(shared.lock, royong_model::owner_of(dead),
                                                   "A lock");
                        royong::sync::wake_sleepers(shared.lock);
                        for (int i = 0; i < waiters; ++i) shared.notices[i].wake_after_a_death();
                        shared.slots[dead].generation.fetch_add(1);
                      },
                  .at_the_end = [&, waiters, notifiers]() -> std::string {
                    for (int i = 0; i < waiters; ++i) {
                      if (!royong_model::is_asleep(i)) continue;
                      if (shared.notices[i].is_given())
                        return "a waiter that was notified sleeps for ever";
                      // Who died before it notified has told nobody; who lives has told all who waited.
                      if (!royong_model::is_dead(notifiers == 1 ? waiters : waiters + i)) {
                        return "a waiter was not notified";
                      }
                    }
                    for (int i = waiters; i < waiters + notifiers; ++i) {
                      if (royong_model::is_asleep(i))
                        return "a notifier waits for ever for the lock";
                    }
                    return "";
                  }};
  program.threads.assign(static_cast<std::size_t>(waiters), waiter);
  for (int i = 0; i < notifiers; ++i) program.threads.push_back(notifier);
  return explore(program, conditions);
}

[[maybe_unused]] const bool registered =
    royong_model::register_scenarios({.mutant = ROYONG_MODEL_QUOTED(ROYONG_MODEL_MUTANT),
                                      .items = &items,
                                      .flag = &flag,
                                      .lock = &lock,
                                      .notices = &notices});

}  // namespace
}  // namespace model

}  // namespace ROYONG_MODEL_MUTANT
