// SPDX-License-Identifier: Apache-2.0
#include "process/child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "os/poll.hpp"
#include "os/process.hpp"
#include "os/syscalls.hpp"
#include "process/exit.hpp"
#include "process/limits.hpp"
#include "process/orphans.hpp"
#include "process/runtime.hpp"
#include "process/service.hpp"
#include "process/spares.hpp"
#include "process/startup.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

/// A slot, with the spare process that lives in it if there is one. Both are given up unless the
/// start succeeds.
class Reservation {
 public:
  explicit Reservation(std::optional<Spare> spare) : spare_(std::move(spare)) {
    slot_ = spare_ ? spare_->slot : memory::reserve_slot();
  }
  ~Reservation() {
    if (spare_) discard(spare_->process.pid);
    if (!slot_) return;
    // One that ran before it was given up may have started others.
    adopt_orphans_of(slot_);
    memory::sweep(slot_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  memory::Owner slot() const noexcept { return slot_; }
  std::optional<Launched> wake() {
    if (!spare_) return std::nullopt;
    tell_to_go(slot_);
    Launched awake = std::move(spare_->process);
    spare_.reset();
    return awake;
  }
  bool has_spare() const noexcept { return spare_.has_value(); }
  void keep() noexcept { slot_ = {}; }

 private:
  std::optional<Spare> spare_;
  memory::Owner slot_;
};

/// The block belongs to the child's slot from the start: whatever becomes of the child, the sweep returns it.
void hand_over(const StartupMessage& message, memory::Owner slot) {
  const auto bytes = encode_startup(message);
  const memory::Offset block = memory::allocate(bytes.size());
  std::ranges::copy(bytes, memory::block(block).begin());
  memory::set_owner(block, slot);
  memory::slot(slot).startup.store(block);
}

/// Empty where it has none (it was removed).
std::string working_directory() {
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

Launched launch(StartMethod method, memory::Owner slot, const std::function<void()>& local) {
  switch (method) {
    case StartMethod::fork: return launch_by_fork(slot, local);
    case StartMethod::spawn: return launch_by_spawn(slot);
    case StartMethod::forkserver: break;
  }
  return launch_by_forkserver(slot);
}

}  // namespace

/// A child from its plan to its entry in the runtime's table. What is not finished is given up.
class ChildInStart {
 public:
  /// Up to the message that waits in its slot.
  ChildInStart(ProcessPlan plan, Child::OnDeath on_death)
      : method_(plan.options.start_method ? *plan.options.start_method : use_start_method()),
        reservation_(method_ == StartMethod::forkserver && !plan.options.detached ? take_spare()
                                                                                  : std::nullopt),
        local_(std::move(plan.local)) {
    auto& own = runtime();
    child_->name_ = plan.options.name;
    child_->daemon_ = plan.options.daemon.value_or(own.daemon);
    child_->detached_ = plan.options.detached;
    child_->kept_ = std::move(plan.kept);
    child_->on_death_ = std::move(on_death);
    child_->slot_ = reservation_.slot();
    memory::slot(slot()).detached.store(plan.options.detached ? 1 : 0);
    hand_over({.name = child_->name_,
               .daemon = child_->daemon_,
               .parent_pid = ::getpid(),
               .parent_name = own.name,
               .log_level = static_cast<std::int32_t>(log_level()),
               .start_method = get_start_method(),
               .directory = method_ == StartMethod::forkserver ? working_directory() : "",
               .limits = std::move(plan.options.limits),
               .call = std::move(plan.call),
               .authkey = authkey()},
              slot());
  }

  memory::Owner slot() const noexcept { return child_->slot_; }
  /// Whether a copy of the forkserver is to be made for it.
  bool needs_copy() const noexcept {
    return method_ == StartMethod::forkserver && !reservation_.has_spare();
  }

  /// @param launched its process, where it has been started
  std::shared_ptr<Child> finish(std::optional<Launched> launched) {
    if (!launched) launched = reservation_.wake();
    if (!launched) launched = launch(method_, slot(), local_);
    child_->process_ = std::move(*launched);
    child_->parent_ = ::getpid();
    // For whoever adopts the child should this process die before the child has claimed its slot.
    std::uint32_t nobody = 0;
    memory::slot(slot()).pid.compare_exchange_strong(nobody,
                                                     static_cast<std::uint32_t>(child_->pid()));
    auto& own = runtime();
    try {
      const std::lock_guard lock(own.mutex);
      child_->number_ = own.next_child++;
      own.children.emplace(child_->number_, child_);
      child_->watch();
    } catch (...) {
      const std::lock_guard lock(own.mutex);
      own.children.erase(child_->number_);
      discard(child_->pid());
      throw;
    }
    reservation_.keep();
    return std::move(child_);
  }

 private:
  StartMethod method_;
  Reservation reservation_;
  std::function<void()> local_;
  std::shared_ptr<Child> child_{new Child};
};

std::vector<StartedChild> start_children(std::vector<ChildStart> starts) {
  std::vector<StartedChild> started(starts.size());
  const auto guarded = [&](std::size_t i, auto step) {
    try {
      step();
    } catch (...) {
      started[i].error = std::current_exception();
    }
  };
  std::deque<std::optional<ChildInStart>> children(starts.size());
  std::vector<std::optional<Launched>> copies(starts.size());
  std::vector<std::size_t> together;
  std::vector<memory::Owner> slots;
  try {
    require_member();
    const StartScope scope;
    start_service();
    for (std::size_t i = 0; i < starts.size(); ++i) {
      guarded(i, [&] {
        check_limits(starts[i].plan.options.limits);
        children[i].emplace(std::move(starts[i].plan), std::move(starts[i].on_death));
        if (!children[i]->needs_copy()) return;
        together.push_back(i);
        slots.push_back(children[i]->slot());
      });
    }
    if (together.size() > 1) {
      auto made = launch_together(slots);
      for (std::size_t k = 0; k < together.size(); ++k) copies[together[k]] = std::move(made[k]);
    }
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (children[i])
        guarded(i, [&] { started[i].child = children[i]->finish(std::move(copies[i])); });
    }
    children.clear();
  } catch (...) {
    for (StartedChild& one : started) {
      if (!one.child && !one.error) one.error = std::current_exception();
    }
  }
  return started;
}

std::shared_ptr<Child> start_child(ProcessPlan plan, Child::OnDeath on_death) {
  std::vector<ChildStart> starts;
  starts.push_back({std::move(plan), std::move(on_death)});
  StartedChild one = std::move(start_children(std::move(starts)).front());
  if (one.error) {
    hold_main_while_another_exits();
    std::rethrow_exception(one.error);
  }
  return std::move(one.child);
}

bool Child::poll_end(Timeout::Clock::time_point deadline) {
  std::array<pollfd, 1> end{pollfd{sentinel(), POLLIN, 0}};
  if (os::poll(end, deadline) == 0) return false;
  finish();
  return true;
}

void Child::require_parent() const {
  // Before any lock: in a fork, a thread that does not exist there may hold it.
  if (parent_ != ::getpid()) throw UsageError("the process belongs to the parent of this one");
}

bool Child::is_alive() {
  require_parent();
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
  }
  return !poll_end(Timeout::Clock::time_point::min());
}

bool Child::wait(Timeout::Clock::time_point deadline) {
  if (!is_alive()) return true;
  if (deadline <= Timeout::Clock::now()) return false;
  const Waiter waiter(*this);
  return poll_end(deadline);
}

Child::Waiter::Waiter(Child& child) : child_(child) {
  const std::lock_guard lock(child_.mutex_);
  if (child_.waiters_++ == 0) child_.unwatch();
}

Child::Waiter::~Waiter() {
  const std::lock_guard lock(child_.mutex_);
  if (--child_.waiters_ > 0 || child_.ended_) return;
  try {
    child_.watch();
  } catch (const std::exception& error) {
    warn("{}: its end will be seen by join only", error.what());
  }
}

void Child::watch() {
  watch_child(number_, sentinel());
  watched_ = true;
}

void Child::unwatch() noexcept {
  if (std::exchange(watched_, false)) unwatch_child(sentinel());
}

std::optional<int> Child::exitcode() const {
  require_parent();
  const std::lock_guard lock(mutex_);
  return exitcode_;
}

void Child::signal(int number) const {
  require_parent();
  const std::lock_guard lock(mutex_);
  if (!ended_) os::send_signal(process_.pidfd(), pid(), number);
}

void Child::end_daemon() const {
  signal(SIGTERM);
  signal(SIGCONT);
}

void Child::abandon() noexcept { process_.end.reset(); }

void Child::finish() {
  // A lifeline ends a moment before the process does. Not waited for with the lock held: somebody may have to send SIGKILL to one
  // that closed what was not its own.
  if (!process_.is_pidfd) {
    siginfo_t info{};
    os::retry([&] { return ::waitid(P_PID, static_cast<id_t>(pid()), &info, WEXITED | WNOWAIT); });
  }
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (const auto status = os::wait_child(process_.pidfd(), pid(), os::Wait::block))
      exitcode_ = status->exitcode;
    adopt_orphans_of(slot_);
    memory::sweep(slot_);
    kept_.clear();
    unwatch();
    ended_ = true;
  }
  // The death broadcast: a waiter may have been woken by the dead process, which did not live to pass it on.
  memory::wake_all_objects();
  {
    auto& own = runtime();
    const std::lock_guard lock(own.mutex);
    own.children.erase(number_);
  }
  if (auto callback = std::exchange(on_death_, {})) callback(*this);
  refill_spares();
}

}  // namespace royong::inline v0::detail
