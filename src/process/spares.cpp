// SPDX-License-Identifier: Apache-2.0
#include "process/spares.hpp"

#include <poll.h>

#include <array>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "logging/log.hpp"
#include "os/poll.hpp"
#include "process/runtime.hpp"
#include "process/service.hpp"
#include "royong/error.hpp"

namespace royong::inline v0 {
namespace detail {
namespace {

struct Spares {
  std::mutex mutex;
  std::vector<Spare> ready;
  int wanted = 0;
  bool refilling = false;  ///< the service thread has been asked
};

Spares& spares() {
  static auto& instance = *new Spares;
  return instance;
}

bool has_ended(const Spare& spare) {
  std::array<pollfd, 1> end{pollfd{spare.process.end.get(), POLLIN, 0}};
  return os::poll(end, Timeout::Clock::time_point::min()) != 0;
}

void end(Spare spare) noexcept {
  // Told to go without a message it ends by itself: one made before this process changed its user cannot be killed.
  tell_to_go(spare.slot);
  discard(spare.process.pid);
  memory::sweep(spare.slot);
}

Spare make() {
  const memory::Owner slot = memory::reserve_slot();
  try {
    const Identity identity = Identity::current();
    return {slot, launch_by_forkserver(slot, Readiness::when_told), identity};
  } catch (...) {
    memory::sweep(slot);
    throw;
  }
}

/// On the service thread, one spare after the other, without holding the lock while a process is made.
void refill() {
  auto& own = spares();
  for (;;) {
    {
      const std::lock_guard lock(own.mutex);
      if (std::cmp_greater_equal(own.ready.size(), own.wanted)) {
        own.refilling = false;
        return;
      }
    }
    try {
      Spare made = make();
      const std::lock_guard lock(own.mutex);
      if (std::cmp_less(own.ready.size(), own.wanted)) {
        own.ready.push_back(std::move(made));
      } else {
        end(std::move(made));  // fewer are wanted than when it was begun
      }
    } catch (const std::exception& error) {
      // Processes start without spares, only slower; the next start asks again.
      log(LogLevel::info, "cannot make a spare process: {}", error.what());
      const std::lock_guard lock(own.mutex);
      own.refilling = false;
      return;
    }
  }
}

void ask_for_refill(Spares& own) {
  if (own.refilling || std::cmp_greater_equal(own.ready.size(), own.wanted)) return;
  own.refilling = true;
  run_in_service(refill);
}

}  // namespace

std::optional<Spare> take_spare() {
  auto& own = spares();
  const std::lock_guard lock(own.mutex);
  std::optional<Spare> taken;
  while (!own.ready.empty() && !taken) {
    Spare spare = std::move(own.ready.back());
    own.ready.pop_back();
    if (has_ended(spare) || spare.identity != Identity::current()) {
      end(std::move(spare));
    } else {
      taken = std::move(spare);
    }
  }
  // Making the next one while this one sets out would take the processor from it.
  if (own.ready.empty()) ask_for_refill(own);
  return taken;
}

void refill_spares() {
  auto& own = spares();
  const std::lock_guard lock(own.mutex);
  ask_for_refill(own);
}

void stop_spares() noexcept {
  auto& own = spares();
  std::vector<Spare> rest;
  {
    const std::lock_guard lock(own.mutex);
    own.wanted = 0;
    rest.swap(own.ready);
  }
  for (auto& spare : rest) end(std::move(spare));
}

void lock_spares() { spares().mutex.lock(); }
void unlock_spares() { spares().mutex.unlock(); }

void forget_spares() noexcept {
  auto& own = spares();
  own.ready.clear();
  own.wanted = 0;
  own.refilling = false;
}

int ready_spares() noexcept {
  const std::lock_guard lock(spares().mutex);
  return static_cast<int>(spares().ready.size());
}

}  // namespace detail

void set_warm_processes(int count) {
  using namespace detail;
  if (count < 0) throw UsageError("set_warm_processes: the number must not be negative");
  require_member();
  start_service();
  auto& own = spares();
  std::vector<Spare> surplus;
  {
    const std::lock_guard lock(own.mutex);
    own.wanted = count;
    while (std::cmp_greater(own.ready.size(), count)) {
      surplus.push_back(std::move(own.ready.back()));
      own.ready.pop_back();
    }
    ask_for_refill(own);
  }
  for (auto& spare : surplus) end(std::move(spare));
}

}  // namespace royong::inline v0
