// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/pool.hpp"

#include <algorithm>  // for std::ranges::find_if
#include <cstdint>    // for std::uint64_t
#include <exception>  // for std::current_exception
#include <map>        // for std::map
#include <mutex>      // for std::mutex
#include <utility>    // for std::move
#include <vector>     // for std::vector

#include "logging/log.hpp"
#include "royong/detail/call.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/error.hpp"
#include "royong/pool.hpp"

namespace royong::inline v0::detail {

namespace {

/// The task: runs the call in a worker.
PackedBytes run_packed(const PackedBytes& call) {
  Reader in(call.bytes());
  Writer out(Transit::argument);
  run_call(in, out);
  in.expect_end();
  return PackedBytes(out);
}

/// Tasks that have ended and were not answered yet. Shared with the pool's callbacks, which may come late.
struct Ended {
  using Task = std::pair<std::uint64_t, Future<PackedBytes>>;
  std::mutex mutex;
  std::vector<Task> tasks;
  bool is_closed = false;

  /// @return whether it is the first one: then somebody has to wake the loop
  bool add(std::uint64_t number, const Future<PackedBytes>& task) {
    const std::lock_guard lock(mutex);
    if (is_closed) return false;
    tasks.emplace_back(number, task);
    return tasks.size() == 1;
  }
  /// The loop answers nobody any more, and waits for the callbacks to return.
  void close() {
    const std::lock_guard lock(mutex);
    is_closed = true;
  }
  std::vector<Task> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(tasks, {});
  }
};

}  // namespace

void PoolWaker::wake() const noexcept {
  try {
    invoke<&ServedPool::wake>();
  } catch (const EndOfFile&) {
    return;  // the server ends, and nobody waits for an answer any more
  } catch (const std::exception& error) {
    warn("cannot tell a manager of the end of a task: {}", error.what());
  }
}

struct ServedPool::Impl {
  explicit Impl(int processes) : pool(processes) {}
  ~Impl() {
    ended->close();
    pool.terminate();
  }

  std::shared_ptr<Ended> ended = std::make_shared<Ended>();
  struct Running {
    Answer<PackedBytes> answer;
    Future<PackedBytes> task;
  };
  std::map<std::uint64_t, Running> running;
  std::uint64_t last = 0;
  bool closed = false;
  WaitingLine<bool> joining;
  Pool pool;  // destroyed first: no callback runs any more then
};

ServedPool::ServedPool(int processes) : impl_(std::make_unique<Impl>(processes)) {}
ServedPool::~ServedPool() = default;

void ServedPool::run(Answer<PackedBytes> answer, PoolWaker self, PackedBytes call) {
  const auto task = impl_->pool.apply_async(&run_packed, std::move(call));
  const std::uint64_t number = ++impl_->last;
  impl_->running.emplace(number, Impl::Running{std::move(answer), task});
  task.add_done_callback(
      [number, self = std::move(self), ended = impl_->ended](const Future<PackedBytes>& done) {
        if (ended->add(number, done)) self.wake();
      });
}

void ServedPool::wake() {
  for (auto& [number, task] : impl_->ended->take()) {
    auto entry = impl_->running.extract(number);
    if (entry.empty()) continue;
    try {
      entry.mapped().answer.answer(std::move(task).get());
    } catch (...) {
      entry.mapped().answer.fail(std::current_exception());
    }
  }
  if (!impl_->running.empty()) return;
  while (auto waiter = impl_->joining.take_first()) waiter->answer.answer(true);
}

void ServedPool::close() {
  impl_->closed = true;
  impl_->pool.close();
}

void ServedPool::terminate() {
  impl_->closed = true;
  impl_->pool.terminate();
}

void ServedPool::join(Answer<bool> answer, Timeout timeout) {
  if (!impl_->closed) {
    throw UsageError("cannot join a ManagerPool that was neither closed nor terminated");
  }
  if (impl_->running.empty() || timeout.is_poll()) return answer.answer(impl_->running.empty());
  impl_->joining.wait(std::move(answer), timeout,
                      [](WaitingLine<bool>::Parked late) { late.answer.answer(false); });
}

int ServedPool::size() const { return impl_->pool.size(); }

void ServedPool::forget(SessionId gone) noexcept { impl_->joining.forget(gone); }

void ServedPool::cancel(const CallId& call) noexcept {
  if (impl_->joining.cancel(call)) return;
  const auto found = std::ranges::find_if(
      impl_->running, [&](const auto& entry) { return entry.second.answer.id() == call; });
  if (found == impl_->running.end() || !found->second.task.cancel()) return;
  // Its end wakes the loop, which finds no answer to give, and nobody to wait for perhaps.
  found->second.answer.cancel();
  impl_->running.erase(found);
}

const ServedType& Kind<ServedPool>::type() noexcept { return served_type<ServedPool>(); }
TargetRef Kind<ServedPool>::make(StateRef<Session> session, int processes) {
  return create<ServedPool>(std::move(session), processes);
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0 {

using detail::ServedPool;

void ManagerPool::start(detail::Writer& task, detail::TaskState& state) const {
  detail::OutgoingCall call(target(), detail::operation_index<ServedPool, &ServedPool::run>);
  detail::write_parameters(call.writer(), detail::SignatureOf<&ServedPool::run>::Travelling{},
                           detail::PoolWaker(target()), detail::PackedBytes(task));
  call.start(state);
}
void ManagerPool::close() const { invoke<&ServedPool::close>(); }
void ManagerPool::terminate() const { invoke<&ServedPool::terminate>(); }
bool ManagerPool::join(Timeout timeout) const { return invoke<&ServedPool::join>(timeout); }
int ManagerPool::size() const { return invoke<&ServedPool::size>(); }

}  // namespace royong::inline v0
