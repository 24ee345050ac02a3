// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "os/limits.hpp"
#include "os/poll.hpp"
#include "os/process.hpp"
#include "process/child.hpp"
#include "process/lifeline.hpp"
#include "process/runtime.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"

namespace royong::inline v0 {

using detail::Child;

namespace {

struct Myself {};

/// A member of the family that is not our child. Its slot tells whether it lives; its descriptor is opened when somebody wants to wait.
class Relative {
 public:
  Relative(memory::Owner slot, pid_t pid) : slot_(slot), pid_(pid) {}

  bool is_alive() const noexcept { return memory::is_alive(slot_); }

  /// Nothing when it has ended. @throws std::system_error
  std::optional<int> descriptor() {
    const std::lock_guard lock(mutex_);
    if (pidfd_) return pidfd_.get();
    os::Fd opened;
    try {
      opened = os::pidfd_open(pid_);
    } catch (const std::system_error&) {
      if (is_alive()) throw;
    }
    // Alive now: so the number was its own when the descriptor was opened.
    if (!is_alive()) return std::nullopt;
    pidfd_ = std::move(opened);
    return pidfd_.get();
  }

  void send(int signal) {
    if (!is_alive()) return;
    const auto target = detail::has_pidfds() ? descriptor() : -1;
    if (target) os::send_signal(*target, pid_, signal);
  }

  bool wait(os::Deadline deadline) {
    if (!is_alive()) return true;
    if (!detail::has_pidfds()) return look_until(deadline);
    const auto watched = descriptor();
    if (!watched) return true;
    std::array<pollfd, 1> end{pollfd{*watched, POLLIN, 0}};
    return os::poll(end, deadline) > 0;
  }

 private:
  /// Where no descriptor tells the end, the slot does.
  bool look_until(os::Deadline deadline) const {
    constexpr std::chrono::milliseconds pause{10};
    while (is_alive()) {
      if (os::Deadline::clock::now() >= deadline) return false;
      std::this_thread::sleep_for(pause);
    }
    return true;
  }

  memory::Owner slot_;
  pid_t pid_;
  std::mutex mutex_;
  os::Fd pidfd_;
};

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

struct ProcessView::State {
  template <class Who, class... Args>
  explicit State(std::in_place_type_t<Who> kind, Args&&... args)
      : who(kind, std::forward<Args>(args)...) {}

  std::variant<Myself, std::shared_ptr<Child>, Relative> who;

  template <class... Cases>
  decltype(auto) visit(Cases... cases) {
    return std::visit(Overloaded{std::move(cases)...}, who);
  }
};

struct ViewAccess {
  template <class Who, class... Args>
  static ProcessView make(std::string name, pid_t pid, std::in_place_type_t<Who> kind,
                          Args&&... args) {
    return {std::move(name), pid,
            std::make_shared<ProcessView::State>(kind, std::forward<Args>(args)...)};
  }

  static void send(const ProcessView& view, int signal) {
    view.state_->visit([&](Myself) { ::kill(::getpid(), signal); },
                       [&](const std::shared_ptr<Child>& child) { child->signal(signal); },
                       [&](Relative& relative) { relative.send(signal); });
  }
};

bool ProcessView::is_alive() const {
  return state_->visit([](Myself) { return true; },
                       [](const std::shared_ptr<Child>& child) { return child->is_alive(); },
                       [](const Relative& relative) { return relative.is_alive(); });
}

bool ProcessView::join(Timeout timeout) const {
  return state_->visit(
      [](Myself) -> bool { throw UsageError("a process cannot join itself"); },
      [&](const std::shared_ptr<Child>& child) { return child->wait(timeout.deadline()); },
      [&](Relative& relative) { return relative.wait(timeout.deadline()); });
}

void ProcessView::terminate() const { ViewAccess::send(*this, SIGTERM); }
void ProcessView::kill() const { ViewAccess::send(*this, SIGKILL); }

int ProcessView::sentinel() const {
  return state_->visit([](Myself) -> int { throw UsageError("a process cannot wait for itself"); },
                       [](const std::shared_ptr<Child>& child) { return child->sentinel(); },
                       [](Relative& relative) {
                         if (const auto descriptor = relative.descriptor()) return *descriptor;
                         throw UsageError("the process has ended");
                       });
}

ProcessView current_process() {
  return ViewAccess::make(detail::runtime().name, ::getpid(), std::in_place_type<Myself>);
}

std::optional<ProcessView> parent_process() {
  const auto& own = detail::runtime();
  if (!own.parent) return std::nullopt;
  return ViewAccess::make(own.parent_name, own.parent_pid, std::in_place_type<Relative>, own.parent,
                          own.parent_pid);
}

std::vector<ProcessView> active_children() {
  std::vector<std::shared_ptr<Child>> children;
  {
    auto& own = detail::runtime();
    const std::lock_guard lock(own.mutex);
    for (const auto& [number, child] : own.children) children.push_back(child);
  }
  std::vector<ProcessView> views;
  for (const auto& child : children) {
    if (!child->is_alive()) continue;
    views.push_back(ViewAccess::make(child->name(), child->pid(),
                                     std::in_place_type<std::shared_ptr<Child>>, child));
  }
  return views;
}

int cpu_count() { return os::available_cpus(); }

}  // namespace royong::inline v0
