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

  ~Impl() {
    if (!child || maker != ::getpid() || child->detached()) return;
    try {
      if (child->daemon()) child->end_daemon();
      child->wait(Timeout::Clock::time_point::max());
    } catch (const std::exception& error) {
      detail::warn("cannot wait for {}: {}", plan.options.name, error.what());
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

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

// What was here ends as in the destructor; of an assignment to itself nothing does.
Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) impl_ = std::move(other.impl_);
  return *this;
}

Process::~Process() = default;

Process::Impl& Process::impl() const {
  if (!impl_) throw UsageError("the process object was moved from");
  return *impl_;
}

void Process::start() {
  Impl& own = impl();
  own.require_usable();
  if (own.child) throw UsageError("cannot start a process twice");
  detail::require_member();
  if (own.plan.call.empty() && !own.plan.local)
    throw UsageError("this process object was made before royong::init: make it after");
  // A failed start may be repeated: the plan stays until the child exists.
  own.child = detail::start_child(own.plan);
  own.plan.call = {};
  own.plan.kept = {};
  own.plan.local = {};
}

bool Process::join(Timeout timeout) { return impl().started("join").wait(timeout.deadline()); }

bool Process::is_alive() const {
  impl().require_usable();
  return impl_->child && impl_->child->is_alive();
}

std::optional<int> Process::exitcode() const {
  if (!is_alive() && impl_->child) return impl_->child->exitcode();
  return std::nullopt;
}

void Process::interrupt() { impl().started("interrupt").signal(SIGINT); }
void Process::terminate() { impl().started("terminate").signal(SIGTERM); }
void Process::kill() { impl().started("kill").signal(SIGKILL); }

void Process::close() {
  if (impl().closed) return;
  impl_->require_usable();
  if (is_alive())
    throw UsageError("cannot close a process that still runs: join or terminate it first");
  impl_->child.reset();
  impl_->closed = true;
}

const std::string& Process::name() const noexcept {
  static const std::string& moved_from = *new std::string;
  return impl_ ? impl_->plan.options.name : moved_from;
}

void Process::set_name(std::string name) {
  impl().require_usable();
  if (impl_->child) throw UsageError("cannot rename a process after its start");
  impl_->plan.options.name = std::move(name);
}

bool Process::daemon() const {
  impl().require_usable();
  return *impl_->plan.options.daemon;
}

void Process::set_daemon(bool daemon) {
  impl().require_usable();
  if (impl_->child) throw UsageError("cannot make a process a daemon after its start");
  impl_->plan.options.daemon = daemon;
}

std::optional<pid_t> Process::pid() const {
  impl().require_usable();
  if (!impl_->child) return std::nullopt;
  return impl_->child->pid();
}

int Process::sentinel() const { return impl().started("watch").sentinel(); }

}  // namespace royong::inline v0
