// SPDX-License-Identifier: Apache-2.0
#include "sync/watch.hpp"

#include <pthread.h>

#include <algorithm>  // for std::erase
#include <bit>        // for std::countr_zero
#include <mutex>      // for std::mutex
#include <thread>     // for std::thread
#include <utility>    // for std::move
#include <vector>     // for std::vector

#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/quiet_thread.hpp"
#include "royong/error.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0::sync {

using detail::ObjectRecord;
using memory::Owner;

namespace {

static_assert(sizeof(EventCount) == sizeof(memory::Slot::doorbell));

EventCount& doorbell_of(Owner process) {
  return reinterpret_cast<EventCount&>(memory::slot(process).doorbell);
}

/// Watches of this process; read without the lock by every ring.
constinit std::atomic<std::size_t> watches_here{0};

/// Visits the doorbells of all holders. A process that watches an object holds it; a bit that is set meanwhile belongs to one that looks for itself.
template <class Visit>
void for_each_doorbell(const ObjectRecord& record, Visit visit) noexcept {
  for (std::uint32_t word = 0; word < std::size(record.holders); ++word) {
    for (auto bits = record.holders[word].load(std::memory_order_relaxed); bits != 0;
         bits &= bits - 1) {
      const auto index = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      visit(index, doorbell_of(Owner::of(index, 0)));
    }
  }
}

}  // namespace

/** @brief The watches of this process, and the thread that looks after them.
 *
 *  Order of locks: `mutex_`, then those that a fork takes. Nothing is locked under it, and it is never taken under the
 *  directory's lock: hooks ring doorbells only.
 */
class Watcher {
 public:
  // Never destroyed: the thread runs to the very end.
  static Watcher& instance() {
    static auto& watcher = *new Watcher;
    return watcher;
  }

  int begin(Watch& watch) {
    const Owner me = memory::self();
    if (!me) {
      throw UsageError("this process is no member of the family: it cannot watch shared objects");
    }
    const std::lock_guard lock(mutex_);
    if (watch.event_ && watch.begun_ == life_) return watch.event_->fd();
    watches_.reserve(watches_.size() + 1);
    start_thread(me);
    watch.event_.emplace();  // what a fork has copied is closed: it is the parent's event too
    watch.begun_ = life_;
    watch.shown_ = false;
    watches_.push_back(&watch);
    watches_here.store(watches_.size(), std::memory_order_relaxed);
    look(watch);
    if (watches_.size() == 1) {
      first_watches_.fetch_add(1);
      os::futex_wake(first_watches_, 1);
    }
    return watch.event_->fd();
  }

  void end(Watch& watch) noexcept {
    const std::lock_guard lock(mutex_);
    if (!watch.event_ || watch.begun_ != life_) return;
    std::erase(watches_, &watch);
    watches_here.store(watches_.size(), std::memory_order_relaxed);
  }

  void refresh(Watch& watch) noexcept {
    const std::lock_guard lock(mutex_);
    if (watch.event_ && watch.begun_ == life_) look(watch);
  }

  /// After a change that this process made.
  void refresh_all_of(const ObjectRecord& record) noexcept {
    const std::lock_guard lock(mutex_);
    for (Watch* watch : watches_) {
      if (&watch->object_.record() == &record) look(*watch);
    }
  }

 private:
  Watcher() {
    // Registered after the handlers of the floors below and of the process floor, so that this mutex is locked before theirs.
    const int error =
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] {
                           instance().forget();
                           instance().mutex_.unlock();
                         });
    if (error != 0) os::throw_error(error, "cannot register", "fork handlers");
  }

  // In a fork: the watches are the parent's, and there is no thread.
  void forget() noexcept {
    ++life_;
    running_ = false;
    watches_.clear();
    watches_here.store(0, std::memory_order_relaxed);
  }

  static void look(Watch& watch) noexcept {
    // A first look without asking: what is about to be shown otherwise need not be asked for. What is shown in the end has
    // been seen after its change was asked for.
    bool ready = watch.look();
    for (;;) {
      if (ready != watch.shown_) {
        ready ? watch.event_->signal() : static_cast<void>(watch.event_->drain());
        watch.shown_ = ready;
      }
      watch.ask();
      ready = watch.look();
      if (ready == watch.shown_) return;
    }
  }

  void start_thread(Owner me) {
    if (running_) return;
    os::start_quiet_thread([this, me] { serve(doorbell_of(me)); }).detach();
    running_ = true;
  }

  [[noreturn]] void serve(EventCount& doorbell) {
    constexpr auto never = Timeout::Clock::time_point::max();
    for (;;) {
      const auto seen = first_watches_.load();
      const auto key = doorbell.prepare();
      bool idle = false;
      {
        const std::lock_guard lock(mutex_);
        for (Watch* watch : watches_) look(*watch);
        idle = watches_.empty();
      }
      if (idle) {
        // Not at the doorbell: the changes of what this process merely holds are none of our business.
        os::futex_wait(first_watches_, seen, never);
      } else {
        doorbell.wait(key, never);
      }
    }
  }

  std::mutex mutex_;
  std::vector<Watch*> watches_;
  std::atomic<std::uint32_t> first_watches_{
      0};  ///< how often there was a watch after none; the thread sleeps here while there is none
  std::uint64_t life_ = 1;
  bool running_ = false;
};

void Bell::ring_those_who_asked(ObjectRecord& record) noexcept {
  // seq_cst: whoever asks after this is told by its own look, whoever asked before is rung; by another
  // notifier, where that was faster: those look after its clearing, and so after our change.
  if (asked.exchange(0, std::memory_order_seq_cst) == 0) return;
  if (watches_here.load(std::memory_order_relaxed) != 0) {
    Watcher::instance().refresh_all_of(record);
  }
  const Owner me = memory::self();  // has looked for itself
  for_each_doorbell(record, [&](std::uint32_t index, EventCount& doorbell) {
    if (!me || index != me.index()) doorbell.notify_all();
  });
}

void ring_all(ObjectRecord& record) noexcept {
  for_each_doorbell(record, [](std::uint32_t, EventCount& doorbell) {
    // Who rang may have died before it woke the thread that it rang for. 0: there never was one.
    if (doorbell.word.load(std::memory_order_relaxed) != 0) doorbell.wake_after_a_death();
  });
}

Watch::Watch(detail::ObjectRef object, Bell& became_ready, Bell& became_unready, Ready ready,
             std::uint32_t which) noexcept
    : object_(std::move(object)),
      became_ready_(became_ready),
      became_unready_(became_unready),
      ready_(ready),
      which_(which) {}

Watch::~Watch() {
  if (event_) Watcher::instance().end(*this);
}

int Watch::fd() { return Watcher::instance().begin(*this); }

void Watch::refresh() noexcept {
  if (watches_here.load(std::memory_order_relaxed) != 0) Watcher::instance().refresh(*this);
}

bool Watch::look() noexcept { return ready_(object_.record(), which_); }

void Watch::ask() noexcept {
  Bell& bell = shown_ ? became_unready_ : became_ready_;
  // Set already: then whoever clears it rings after that, and the look that follows need not see what it has done.
  if (bell.asked.load(std::memory_order_seq_cst) == 0) {
    bell.asked.exchange(1, std::memory_order_seq_cst);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace royong::inline v0::sync
