// SPDX-License-Identifier: Apache-2.0
#include "os/poll.hpp"

#include <sys/eventfd.h>

#include <algorithm>  // for std::max, std::min
#include <limits>     // for std::numeric_limits
#include <string>     // for std::to_string

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

using Clock = std::chrono::steady_clock;

Clock::duration time_left(Deadline deadline) {
  if (deadline == Deadline::min()) return Clock::duration::zero();
  return std::max(deadline - Clock::now(), Clock::duration::zero());
}

}  // namespace

int poll(std::span<pollfd> fds, Deadline deadline) {
  for (;;) {
    timespec time{};
    if (deadline != Deadline::max()) {
      const auto left = time_left(deadline);
      const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
      time = {whole.count(), std::chrono::nanoseconds(left - whole).count()};
    }
    const int ready =
        sys().ppoll(fds.data(), fds.size(), deadline == Deadline::max() ? nullptr : &time, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR) throw_errno("cannot poll", std::to_string(fds.size()) + " descriptors");
  }
}

Epoll::Epoll() : fd_(sys().epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_) throw_errno("cannot create", "an epoll instance");
}

void Epoll::control(int operation, int fd, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (sys().epoll_ctl(fd_.get(), operation, fd, &event) == -1) {
    throw_errno(operation == EPOLL_CTL_DEL ? "cannot stop watching" : "cannot watch",
                "descriptor " + std::to_string(fd));
  }
}

void Epoll::add(int fd, std::uint32_t events, std::uint64_t data) {
  control(EPOLL_CTL_ADD, fd, events, data);
}

void Epoll::modify(int fd, std::uint32_t events, std::uint64_t data) {
  control(EPOLL_CTL_MOD, fd, events, data);
}

void Epoll::remove(int fd) { control(EPOLL_CTL_DEL, fd, 0, 0); }

std::span<epoll_event> Epoll::wait(std::span<epoll_event> events, Deadline deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    int time = -1;
    if (deadline != Deadline::max()) {  // rounded up: waking early would only spin
      const auto left = std::chrono::ceil<milliseconds>(time_left(deadline)).count();
      time = static_cast<int>(std::min<std::int64_t>(left, std::numeric_limits<int>::max()));
    }
    const int ready =
        sys().epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()), time);
    if (ready >= 0) return events.first(static_cast<std::size_t>(ready));
    if (errno != EINTR) throw_errno("cannot wait for", "an epoll instance");
  }
}

EventFd::EventFd() : fd_(sys().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw_errno("cannot create", "an event descriptor");
}

void EventFd::signal() noexcept {
  const std::uint64_t one = 1;
  // EAGAIN: the counter is at its limit, so it is readable.
  if (retry([&] { return sys().write(fd_.get(), &one, sizeof one); }) == -1 && errno != EAGAIN) {
    report_errno("cannot signal", "an event descriptor");
  }
}

bool EventFd::drain() noexcept {
  std::uint64_t count = 0;
  return retry([&] { return sys().read(fd_.get(), &count, sizeof count); }) == sizeof count;
}

}  // namespace royong::inline v0::os
