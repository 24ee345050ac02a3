// SPDX-License-Identifier: Apache-2.0
// What happens to one task: it is submitted, given, asked about, and ends.
#include <algorithm>  // for std::max, std::min
#include <cstring>    // for std::memcpy
#include <map>        // for std::map
#include <mutex>      // for std::lock_guard
#include <thread>     // for std::this_thread
#include <utility>    // for std::exchange, std::move

#include "mpi/session.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::mpi {

using namespace royong::detail;

namespace {

/// What is on a node as long as somebody here names it.
class KeptOnNode final : public KeptResult {
 public:
  KeptOnNode(Session& session, ResultPlace where) : KeptResult(where), session_(&session) {
    session.add_reference();
  }
  ~KeptOnNode() override { session_->forget(place); }

 private:
  StateRef<Session> session_;
};

}  // namespace

void Session::submit(TaskState& state, Writer& call) {
  StateRef<TaskState> own(&state);  // the engine's count, until the task is the scheduler's
  require_home();
  if (const TaskExtra* extra = state.extra_if_any(); extra != nullptr && !extra->blocks.empty())
    throw UsageError("a task with a block of shared memory cannot go to another machine");
  const auto bytes = call.bytes();
  state.extra().call.assign(bytes.begin(), bytes.end());
  state.extra().held = call.take_held();

  Lock lock(cluster_.mutex());
  require_open();
  while (scheduler_.backlog_bytes() > plan_.max_backlog) {
    const bool any = cluster_.step(0);
    lock.unlock();
    if (!any && local_ != nullptr)
      local_->sleep(Timeout::Clock::now() + std::chrono::microseconds(200));
    lock.lock();
    require_open();
  }
  state.set_engine(*this);
  (void)own.take();
  const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), ~0U));
  if (state.bound) {
    scheduler_.submit_bound(state, size, Cluster::now_ns());
  } else {
    scheduler_.submit(state, size, Cluster::now_ns());
  }
  cluster_.look_sometimes();
}

void Session::give(NodeId node, std::span<Task* const> tasks) {
  const auto head_of = [](TaskState& state) {
    TaskHead head;
    head.ticket = state.end;
    head.length = state.extra().call.size();
    if (state.timed) head.timeout = state.extra().timeout.duration().count();
    head.retries = std::max(state.retries - state.deaths, 0);
    head.named = !state.extra().name.empty();
    head.keep = state.extra().keep_result;
    head.bound = state.bound;
    return head;
  };
  if (node == own_node) {
    for (Task* task : tasks) {
      auto& state = static_cast<TaskState&>(*task);
      local_->run(head_of(state), state.extra().name, state.extra().call);
    }
    return;
  }
  cluster_.send_modules(node);
  MessagePtr message = make_message(Kind::batch);
  message->write_plain(id_);
  message->write_plain(static_cast<std::uint32_t>(tasks.size()));
  for (Task* task : tasks) {
    auto& state = static_cast<TaskState&>(*task);
    const TaskHead head = head_of(state);
    message->write_plain(head);
    if (head.named) (*message)(state.extra().name);
    message->write_raw(state.extra().call.data(), head.length);
  }
  cluster_.send(node, std::move(message));
}

void Session::recall(NodeId node, std::uint32_t count) {
  if (node == own_node) {
    local_->recall(count);
    recalled_here_ = true;  // `take_local` says so: not from within the scheduler
  } else {
    cluster_.send(node, make_message(Kind::recall, Recall{id_, count}));
  }
}

bool Session::step() {
  if (local_ == nullptr) return false;
  bool any = local_->pump();
  take_local();
  if (any_forgotten_.load(std::memory_order_relaxed)) send_forgotten();
  if (!scheduler_.backlog().empty()) scheduler_.dispatch(Cluster::now_ns());
  return any;
}

void Session::take_local() {
  std::uint32_t count = 0;
  local_->take([&](const LocalResult& result) {
    take_result(own_node, result.ticket, result.outcome, result.bytes);
    ++count;
  });
  if (std::exchange(recalled_here_, false)) scheduler_.recalled(own_node);
  if (count != 0) scheduler_.drained(own_node, count, Cluster::now_ns());
  if (!local_->broken().empty() && !broken_cause_) {
    Reader in(local_->broken());
    break_with(read_exception(in));
  }
}

void Session::results(NodeId from, Reader& in) {
  std::uint32_t count = 0;
  in.read_plain(count);
  const std::uint32_t all = count;
  for (; count != 0; --count) {
    ResultHead head;
    in.read_plain(head);
    if (head.outcome > Outcome::last) throw TransferError("a result with no outcome");
    result_bytes_ += head.length;
    take_result(from, head.ticket, head.outcome, {in.take(head.length, "result"), head.length});
  }
  if (all != 0) scheduler_.drained(from, all, Cluster::now_ns());
}

void Session::take_result(NodeId from, std::uint64_t ticket, Outcome outcome,
                          std::span<const std::byte> bytes) {
  if (outcome == Outcome::returned && !cancelling_) return scheduler_.returned(from, ticket);
  std::unique_ptr<KeptResult> kept;
  if (outcome == Outcome::kept) kept = take_kept(from, bytes);
  Task* task = scheduler_.completed(from, ticket);
  if (task == nullptr) return;  // it has ended otherwise
  if (task->aborted || outcome == Outcome::cancelled || outcome == Outcome::returned)
    return scheduler_.end(*task, TaskPhase::cancelled);
  auto& state = static_cast<TaskState&>(*task);
  try {
    std::byte* const to = state.make_result(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    state.extra().kept_result = std::move(kept);
    from_worker_ = true;
  } catch (const std::bad_alloc&) {
    state.extra().error = std::current_exception();
  }
  scheduler_.end(
      *task, outcome != Outcome::exception && from_worker_ ? TaskPhase::done : TaskPhase::failed);
  from_worker_ = false;
}

/// @param bytes becomes the result's beginning
std::unique_ptr<KeptResult> Session::take_kept(NodeId from, std::span<const std::byte>& bytes) {
  KeptHead head;
  if (bytes.size() != sizeof head + kept_beginning)
    throw TransferError("a result that is kept, but not where");
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes = bytes.subspan(sizeof head);
  auto kept = std::make_unique<KeptOnNode>(*this, ResultPlace{from, head.block, head.bytes});
  ++kept_;
  ++kept_now_[from];
  return kept;
}

void Session::forget(const ResultPlace& place) noexcept {
  try {
    const std::lock_guard lock(forgotten_mutex_);
    forgotten_.push_back(place);
    any_forgotten_.store(true, std::memory_order_relaxed);
  } catch (const std::bad_alloc&) {
    // It is forgotten when the pools end.
  }
}

void Session::send_forgotten() {
  std::vector<ResultPlace> places;
  {
    const std::lock_guard lock(forgotten_mutex_);
    any_forgotten_.store(false, std::memory_order_relaxed);
    places.swap(forgotten_);
  }
  std::map<NodeId, Forget> letters;
  for (const ResultPlace& place : places) {
    letters[place.node].blocks.push_back(place.block);
    --kept_now_[place.node];
  }
  for (auto& [node, forget] : letters) {
    forget.session = id_;
    if (node == own_node) {
      for (const std::uint64_t block : forget.blocks) local_->forget(block);
    } else {
      cluster_.send(node, make_message(Kind::forget, forget));
    }
  }
}

void Session::end_task(Task& task) {
  auto& state = static_cast<TaskState&>(task);
  TaskExtra& extra = state.extra();
  Ending ending = task.phase == TaskPhase::done ? Ending::value : Ending::exception;
  if (!from_worker_) {
    if (!extra.error) extra.error = ending_error(state);
    ending = task.phase == TaskPhase::cancelled ? Ending::cancelled : Ending::error;
  }
  std::vector<std::byte>().swap(extra.call);
  extra.held = {};
  CompletionHook* hook = std::exchange(extra.hooks, nullptr);
  auto callbacks = std::move(extra.callbacks);
  extra.callbacks.clear();
  state.publish(ending);
  while (hook != nullptr) std::exchange(hook, hook->next_hook)->completed();
  for (auto& callback : callbacks) callbacks_.add(std::move(callback));
  state.release();
  cluster_.note_end();
  note_if_done();
}

/// Why a task without a result ended.
std::exception_ptr Session::ending_error(TaskState& state) const {
  switch (state.phase) {
    case TaskPhase::cancelled:
      return std::make_exception_ptr(CancelledError(
          state.label() + (mode_ == Mode::terminated ? " was cancelled: the executor was terminated"
                           : state.aborted           ? " was aborted"
                                                     : " was cancelled")));
    case TaskPhase::lost: {
      const auto& rank = cluster_.rank(state.worker);
      return std::make_exception_ptr(
          NodeLost(state.label() + " was lost with " + rank.name + ": " + rank.reason));
    }
    default: return broken_cause_;
  }
}

void Session::lost(NodeId node) { cluster_.lose(node, ""); }

void Session::lose(NodeId node) {
  scheduler_.lose(node);
  questions_.lose(node);
  members_.lose(node);
}

bool Session::wait(const std::atomic<std::uint32_t>& flag, const TaskState*,
                   Timeout::Clock::time_point deadline) {
  require_home();
  std::shared_ptr<LocalNode> local;
  {
    Lock lock(cluster_.mutex());
    local = local_;
  }
  return cluster_.wait(flag, local.get(), deadline);
}

void Session::sleep_in_local(Timeout::Clock::time_point until) {
  std::shared_ptr<LocalNode> local;
  {
    Lock lock(cluster_.mutex());
    local = local_;
  }
  if (local) {
    local->sleep(until);
  } else {
    std::this_thread::sleep_until(until);
  }
}

/// Without a lock: the local node stays until the session ends, without workers after `join`.
void Session::nudge() noexcept {
  if (LocalNode* local = nudged_.load(std::memory_order_acquire)) local->wake();
}

Answer Session::ask(Lock& lock, const TaskState& state, Question question, std::int64_t grace) {
  const Ask ask{.session = id_, .question = question, .ticket = state.end, .grace = grace};
  if (state.worker != own_node) return questions_.ask(lock, state.worker, ask, local_.get());
  const Answer answer = local_->ask(ask);
  local_->pump();
  take_local();
  return answer;
}

bool Session::cancel(TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (!scheduler_.cancel(state) && state.phase == TaskPhase::given) {
    state.add_reference();
    const StateRef<TaskState> keep(&state);
    ask(lock, state, Question::withdraw, 0);
  }
  return state.ending() == Ending::cancelled;
}

bool Session::abort(TaskState& state, Timeout grace) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (scheduler_.cancel(state)) return true;
  state.add_reference();
  const StateRef<TaskState> keep(&state);
  state.aborted = true;  // before the answer: what is returned from now on is thrown away
  const std::int64_t nanoseconds =
      grace.is_forever() ? std::chrono::nanoseconds(std::chrono::hours(24 * 365)).count()
                         : grace.duration().count();
  ask(lock, state, Question::abort, nanoseconds);
  return !state.has_ended() || state.ending() == Ending::cancelled;
}

bool Session::is_running(const TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended() || state.phase != TaskPhase::given) return false;
  return ask(lock, state, Question::state, 0).yes;
}

TaskProgress Session::progress(const TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended() || state.phase != TaskPhase::given) return {};
  const Answer answer = ask(lock, state, Question::state, 0);
  return {answer.done, answer.total};
}

bool Session::add_hook(TaskState& state, CompletionHook& hook) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return false;
  hook.next_hook = std::exchange(state.extra().hooks, &hook);
  cluster_.ask_driver();
  return true;
}

void Session::remove_hook(TaskState& state, CompletionHook& hook) noexcept {
  Lock lock(cluster_.mutex());
  TaskExtra* extra = state.extra_if_any();
  if (state.has_ended() || extra == nullptr) return;
  for (CompletionHook** place = &extra->hooks; *place != nullptr; place = &(*place)->next_hook) {
    if (*place != &hook) continue;
    *place = hook.next_hook;
    return;
  }
}

void Session::add_callback(TaskState& state, std::unique_ptr<Callback> callback) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return callbacks_.add(std::move(callback));
  state.extra().callbacks.push_back(std::move(callback));
  cluster_.ask_driver();
}

}  // namespace royong::inline v0::mpi
