// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Watch: an object in shared memory seen through a descriptor, for poll, epoll and `wait`.
 *
 *  Shared memory has no descriptor, and one that every change wrote to would cost a system call for each message. So the descriptor (an eventfd, each
 *  process its own) is moved by the process that watches: one *watcher thread* a process, begun with the first watch, sleeps on one futex word,
 *  the *doorbell* in the slot of its process. Whoever changes an object rings the doorbells of those who hold it, and only
 *  if somebody asked for that very change since the last ring. While nobody watches, a change costs one load
 *  of a word beside those that it touches anyway, and no system call.
 *
 *  Use, in the shared state of an object: two bells. Where the object changes:
 *
 *      publish();                         // any store
 *      events.notify_one();               // its full fence stands between the store and the look at the bell; or one of your own
 *      became_ready.ring(record);         // after changes that may make it ready;
 *      became_unready.ring(record);       // after those that may end that
 *
 *  in the hook `wake` of its kind: `ring_all(record)`. And in the process that watches: `Watch(object, became_ready, became_unready, ready).fd()`.
 *
 *  **Level-triggered.** The descriptor is readable while the object is ready. What this process itself changes shows at
 *  once, before the call returns; what others change, as soon as the watcher thread has run: to be readable means that a look is worth while, as with every
 *  descriptor that several processes read from.
 *
 *  **Why no readiness is lost.** A watch asks for a change by setting its bell (A), then looks at the object (B), and shows
 *  what it saw. A notifier publishes (C), then looks at the bell (D). A is a read-modify-write, and a full fence stands
 *  between C and D, as between A and B: either D sees the bell set, or B sees what C published. A notifier that sees it set clears it, and
 *  then rings every holder's doorbell: whoever asked will look, and asks again by step A before it does. The doorbell is an eventcount: the watcher thread
 *  prepares to sleep, looks at every watch, and only then sleeps; a ring after the preparation keeps it awake or wakes it. That one bell serves many watchers is no
 *  harm: each ring reaches all of them.
 *
 *  A steady flow rings nobody: while the object stays ready, only the bell of its end is set.
 *
 *  **If somebody dies.** A watcher leaves at most a bell that is set, which the next change clears at the price of one look at the holders' doorbells. A notifier that
 *  dies between C and the ring, or between the clearing and the ring, leaves watchers that have not been told: the
 *  death broadcast rings them whatever the bells say, and where nobody reaps, the watcher thread looks by itself when its slice ends.
 *
 *  **Forks.** A child has neither the thread nor the watches. A `Watch` that it inherited gets a descriptor of its own when it is next asked for one; the
 *  number that the parent's had means nothing there.
 */
#pragma once

#include <atomic>    // for std::atomic
#include <cstdint>   // for std::uint32_t, std::uint64_t
#include <optional>  // for std::optional

#include "memory/objects.hpp"
#include "os/poll.hpp"

namespace royong::inline v0::sync {

/// A change of which watchers want to be told; in the object's shared state, best on a line that the change touches anyway. Zero-filled: nobody asked.
struct Bell {
  std::atomic<std::uint32_t> asked;  ///< 1: somebody asked since it was last rung

  /// The change has happened. A full fence stands between it and this call.
  void ring(detail::ObjectRecord& record) noexcept {
    if (asked.load(std::memory_order_relaxed) != 0) ring_those_who_asked(record);
  }

 private:
  void ring_those_who_asked(detail::ObjectRecord& record) noexcept;
};

/// Rings whoever may watch the object, whatever it asked for. For the hook `wake`: takes no lock.
void ring_all(detail::ObjectRecord& record) noexcept;

/** @brief One process's watch over one object.
 *
 *  Threads: `fd` may be called by several at a time; the destructor comes after all of them.
 */
class Watch {
 public:
  /** Whether the object is ready: a few loads (acquire), no lock. `which` is the caller's own: the end of a pipe, say.
   *
   *  Runs on any thread of this process, never after the Watch is gone.
   */
  using Ready = bool (*)(detail::ObjectRecord& record, std::uint32_t which) noexcept;

  /// The bells lie in the state of `object`, which is held as long as this lives.
  Watch(detail::ObjectRef object, Bell& became_ready, Bell& became_unready, Ready ready,
        std::uint32_t which = 0) noexcept;
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /** @brief A descriptor that is readable while the object is ready: to be polled, never read from.
   *
   *  The first call begins the watch. The same number every time, but another one in a forked child.
   *  @throws UsageError this process is no member of the family
   *  @throws std::system_error no descriptor, or no thread, is left
   */
  int fd();

  /// Makes the descriptor show what is true now.
  void refresh() noexcept;

 private:
  friend class Watcher;

  bool look() noexcept;
  /// To be told of the change that would make what is shown untrue. A full fence comes with it.
  void ask() noexcept;

  detail::ObjectRef object_;
  Bell& became_ready_;
  Bell& became_unready_;
  Ready ready_;
  std::uint32_t which_;
  // Guarded by the watcher's mutex.
  std::optional<os::EventFd> event_;
  std::uint64_t begun_ =
      0;  ///< the watcher's life in which `event_` was made: another one after a fork
  bool shown_ = false;
};

}  // namespace royong::inline v0::sync
