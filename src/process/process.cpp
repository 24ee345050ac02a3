// SPDX-License-Identifier: Apache-2.0
#include "royong/process.hpp"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "logging/log.hpp"
#include "process/child.hpp"
#include "process/runtime.hpp"
#include "royong/error.hpp"

namespace royong::inline v0 {

using detail::Child;

struct Process::Impl {
  explicit Impl(detail::ProcessPlan p) : plan(std::move(p)), maker(::getpid()) {}

  detail::ProcessPlan plan;
  std::shared_ptr<Child> child;  // nothing before start and after close
  bool closed = false;
  pid_t maker;

  /// @throws UsageError closed, or another process
  void require_usable() const {
    if (closed) throw UsageError("the process object is closed");
    if (maker != ::getpid())
      throw UsageError("a process object is used only by the process that made it");
  }

  /// @throws UsageError as above, or not started
  Child& started(const char* action) const {
    require_usable();
    if (!child)
      throw UsageError(std::string("cannot ") + action + " a process that was not started");
    return *child;
  }
};

namespace {

std::string next_name() {
  auto& own = detail::runtime();
  const std::lock_guard lock(own.mutex);
  const std::string number = std::to_string(++own.process_names);
  // As in Python: the second child of Process-1 is Process-1:2.
  return own.parent && own.name.starts_with("Process-") ? own.name + ":" + number
                                                        : "Process-" + number;
}

}  // namespace

Process::Process(detail::ProcessPlan plan) : impl_(std::make_unique<Impl>(std::move(plan))) {
  auto& options = impl_->plan.options;
  if (options.name.empty()) options.name = next_name();
  if (!options.daemon) options.daemon = detail::runtime().daemon;
}

Process::Process(Process&& other) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Process::~Process() {
  if (!impl_ || !impl_->child || impl_->maker != ::getpid()) return;
  try {
    if (impl_->child->detached()) return;
    if (impl_->child->daemon()) impl_->child->signal(SIGTERM);
    impl_->child->wait(Timeout::Clock::time_point::max());
  } catch (const std::exception& error) {
    detail::warn("cannot wait for {}: {}", name(), error.what());
  }
}

void Process::start() {
  impl_->require_usable();
  if (impl_->child) throw UsageError("cannot start a process twice");
  detail::require_member();
  if (impl_->plan.call.empty() && !impl_->plan.local)
    throw UsageError("this process object was made before royong::init: make it after");
  // A failed start may be repeated: the plan stays until the child exists.
  impl_->child = detail::start_child(impl_->plan);
  impl_->plan.call = {};
  impl_->plan.kept = {};
  impl_->plan.local = {};
}

bool Process::join(Timeout timeout) { return impl_->started("join").wait(timeout.deadline()); }

bool Process::is_alive() const {
  impl_->require_usable();
  return impl_->child && impl_->child->is_alive();
}

std::optional<int> Process::exitcode() const {
  if (!is_alive() && impl_->child) return impl_->child->exitcode();
  return std::nullopt;
}

void Process::interrupt() { impl_->started("interrupt").signal(SIGINT); }
void Process::terminate() { impl_->started("terminate").signal(SIGTERM); }
void Process::kill() { impl_->started("kill").signal(SIGKILL); }

void Process::close() {
  if (impl_->closed) return;
  impl_->require_usable();
  if (is_alive())
    throw UsageError("cannot close a process that still runs: join or terminate it first");
  impl_->child.reset();
  impl_->closed = true;
}

const std::string& Process::name() const noexcept { return impl_->plan.options.name; }

void Process::set_name(std::string name) {
  impl_->require_usable();
  if (impl_->child) throw UsageError("cannot rename a process after its start");
  impl_->plan.options.name = std::move(name);
}

bool Process::daemon() const {
  impl_->require_usable();
  return *impl_->plan.options.daemon;
}

void Process::set_daemon(bool daemon) {
  impl_->require_usable();
  if (impl_->child) throw UsageError("cannot make a process a daemon after its start");
  impl_->plan.options.daemon = daemon;
}

std::optional<pid_t> Process::pid() const {
  impl_->require_usable();
  if (!impl_->child) return std::nullopt;
  return impl_->child->pid();
}

int Process::sentinel() const { return impl_->started("watch").sentinel(); }

}  // namespace royong::inline v0
