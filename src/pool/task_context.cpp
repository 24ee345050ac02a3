// SPDX-License-Identifier: Apache-2.0
#include "pool/task_context.hpp"

#include <signal.h>
#include <unistd.h>

#include "royong/this_task.hpp"

namespace royong::inline v0 {
namespace detail {
namespace {

thread_local TaskContext* of_thread = nullptr;
std::atomic<TaskContext*> of_process{nullptr};
// A child that a task forks inherits the handler, and must die of the signal nevertheless.
std::atomic<pid_t> process{0};

static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<TaskContext*>::is_always_lock_free);

void on_terminate(int number) {
  TaskContext* context = of_process.load(std::memory_order_acquire);
  if (context != nullptr && process.load(std::memory_order_relaxed) == ::getpid() &&
      context->listens.load(std::memory_order_acquire)) {
    context->requested.store(true, std::memory_order_release);
    return;
  }
  // Delivered when the handler returns, with the effect that it would have had without one.
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

TaskContext* task_context() noexcept {
  return of_thread != nullptr ? of_thread : of_process.load(std::memory_order_acquire);
}

ContextScope::ContextScope(TaskContext& context) noexcept : before_(of_thread) {
  of_thread = &context;
}

ContextScope::~ContextScope() { of_thread = before_; }

void adopt_process_context(TaskContext& context) noexcept {
  of_process.store(&context, std::memory_order_release);
  process.store(::getpid(), std::memory_order_relaxed);
  struct sigaction action{};
  action.sa_handler = on_terminate;
  action.sa_flags = SA_RESTART;  // libraries that do not know EINTR are not to see it
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace detail

namespace this_task {

bool stop_requested() noexcept {
  detail::TaskContext* context = detail::task_context();
  if (context == nullptr) return false;
  context->listens.store(true, std::memory_order_release);
  return context->requested.load(std::memory_order_acquire);
}

void progress(std::size_t done, std::size_t total) noexcept {
  const detail::TaskContext* context = detail::task_context();
  if (context == nullptr || context->report == nullptr) return;
  detail::WorkerReport& report = *context->report;
  // A reader that looks in between sees the new total with the old count: never a count beyond it.
  report.done.store(0, std::memory_order_relaxed);
  report.total.store(total, std::memory_order_release);
  report.done.store(done, std::memory_order_release);
  report.sequence.store(context->sequence, std::memory_order_release);
}

}  // namespace this_task
}  // namespace royong::inline v0
