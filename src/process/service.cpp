// SPDX-License-Identifier: Apache-2.0
#include "process/service.hpp"

#include <pthread.h>

#include <array>
#include <chrono>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "logging/log.hpp"
#include "os/poll.hpp"
#include "os/quiet_thread.hpp"
#include "process/orphans.hpp"
#include "process/runtime.hpp"

namespace royong::inline v0::detail {
namespace {

struct Service {
  std::mutex mutex;
  std::optional<os::Epoll> epoll;
  std::optional<os::EventFd> doorbell;
  std::vector<void (*)()> work;  ///< to run when the doorbell has rung
  bool running = false;
};

/// Between two looks at orphans that no descriptor tells of.
constexpr std::chrono::milliseconds orphan_pause{20};

constexpr std::uint64_t doorbell_number = 0;  // children are numbered from 1

Service& service() {
  static auto& instance = *new Service;
  return instance;
}

void finish(std::uint64_t number) {
  if (finish_orphan(number)) return;
  std::shared_ptr<Child> child;
  {
    auto& own = runtime();
    const std::lock_guard lock(own.mutex);
    const auto found = own.children.find(number);
    if (found == own.children.end()) return;  // a joiner was here first
    child = found->second;
  }
  child->finish();
}

void run_work() {
  auto& own = service();
  std::vector<void (*)()> work;
  {
    const std::lock_guard lock(own.mutex);
    own.doorbell->drain();
    work.swap(own.work);
  }
  for (const auto run : work) run();
}

[[noreturn]] void serve(os::Epoll& epoll) {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const auto deadline =
        look_after_orphans() ? os::Deadline::clock::now() + orphan_pause : os::Deadline::max();
    for (const epoll_event& event : epoll.wait(events, deadline)) {
      // Every death must be dealt with: one that fails is reported and does not stop the next.
      try {
        if (event.data.u64 == doorbell_number) {
          run_work();
        } else {
          finish(event.data.u64);
        }
      } catch (const std::exception& error) {
        warn("cannot finish a child: {}", error.what());
      }
    }
  }
}

}  // namespace

void start_service(memory::Owner life) {
  auto& own = service();
  const std::lock_guard lock(own.mutex);
  if (own.running) return;
  if (!own.epoll) {
    own.epoll.emplace();
    own.doorbell.emplace();
    own.epoll->add(own.doorbell->fd(), EPOLLIN, doorbell_number);
  }
  std::promise<void> ready;
  auto started = ready.get_future();
  os::start_quiet_thread([&ready, life, &epoll = *own.epoll] {
    try {
      if (life) memory::claim_slot(life);
      ready.set_value();
    } catch (...) {
      ready.set_exception(std::current_exception());
      return;
    }
    serve(epoll);
  }).detach();
  started.get();
  own.running = true;
}

void watch_child(std::uint64_t number, int pidfd) { service().epoll->add(pidfd, EPOLLIN, number); }

void unwatch_child(int pidfd) noexcept {
  try {
    service().epoll->remove(pidfd);
  } catch (const std::exception& error) {
    warn("{}", error.what());
  }
}

void run_in_service(void (*work)()) {
  auto& own = service();
  const std::lock_guard lock(own.mutex);
  own.work.push_back(work);
  own.doorbell->signal();
}

void lock_service() { service().mutex.lock(); }
void unlock_service() { service().mutex.unlock(); }

void forget_service() noexcept {
  service().running = false;
  service().epoll.reset();
  service().doorbell.reset();
  service().work.clear();
}

}  // namespace royong::inline v0::detail
