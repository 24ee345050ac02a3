// SPDX-License-Identifier: Apache-2.0
#include "mpi/node_scheduler.hpp"

#include <algorithm>  // for std::clamp, std::max, std::min
#include <utility>    // for std::exchange

namespace royong::inline v0::mpi {
namespace {

constexpr std::uint32_t eager_backlog = 64;  // so many are sent without waiting for more
constexpr double learning = 0.25;            // weight of a new measurement

void learn(double& value, double sample) noexcept {
  value = value < 0 ? sample : value + learning * (sample - value);
}

}  // namespace

NodeScheduler::NodeScheduler(NodeActions& actions, std::uint32_t nodes, Limits limits)
    : actions_(actions), limits_(limits), nodes_(nodes), open_(nodes) {}

void NodeScheduler::join(NodeId id, std::uint32_t workers, std::int64_t now) {
  Node& node = nodes_[id];
  if (node.state != NodeState::absent) return;
  node.state = NodeState::joined;
  node.workers = std::max<std::uint32_t>(workers, 1);
  node.heard = now;
  total_workers_ += node.workers;
  ++joined_;
  offer(id);
  dispatch(now);
}

void NodeScheduler::leave(NodeId id) {
  Node& node = nodes_[id];
  if (node.state == NodeState::joined) {
    total_workers_ -= node.workers;
    --joined_;
  }
  if (node.state != NodeState::lost) node.state = NodeState::left;
}

void NodeScheduler::heard(NodeId id, std::int64_t now) noexcept {
  nodes_[id].heard = std::max(nodes_[id].heard, now);
}

void NodeScheduler::tick(std::int64_t now) {
  const bool looked_away = looked_ != 0 && now - looked_ > limits_.silence / 4;
  looked_ = now;
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    Node& node = nodes_[id];
    if (looked_away) node.heard = now;
    if (node.state == NodeState::joined && now - node.heard > limits_.silence) lose(id);
  }
  if (backlog_.empty()) {
    rebalance(now);
  } else {
    dispatch(now);
  }
}

void NodeScheduler::lose(NodeId id) {
  Node& node = nodes_[id];
  if (node.state == NodeState::lost) return;
  if (node.state == NodeState::joined) {
    total_workers_ -= node.workers;
    --joined_;
  }
  node.state = NodeState::lost;
  actions_.lost(id);
  // From the back, each to the front of the backlog: they keep their order.
  while (Task* task = node.tasks.back()) {
    take_from(node, *task);
    ++task->deaths;
    if (task->aborted) {
      end(*task, TaskPhase::cancelled);
    } else if (task->bound || task->deaths > task->retries) {
      end(*task, TaskPhase::lost);
    } else {
      ++counts_.retried;
      put_back(*task);
    }
  }
}

void NodeScheduler::submit(Task& task, std::uint32_t bytes, std::int64_t now) {
  task.sequence = ++counts_.submitted;
  ++live_;
  task.phase = TaskPhase::pending;
  task.position = bytes;
  backlog_.push_back(task);
  backlog_bytes_ += bytes;
  if (open_count_ == 0) return;
  const std::size_t last = (open_first_ + open_count_ - 1) % open_.size();
  const bool somebody_idles = is_idle(nodes_[open_[open_first_]]) || is_idle(nodes_[open_[last]]);
  if (somebody_idles || backlog_.size() >= eager_backlog) dispatch(now);
}

void NodeScheduler::submit_bound(Task& task, std::uint32_t bytes, std::int64_t now) {
  const NodeId id = task.worker;
  Node& node = nodes_[id];
  task.sequence = ++counts_.submitted;
  ++live_;
  task.position = bytes;
  if (node.state != NodeState::joined) {
    ++task.deaths;
    return end(task, TaskPhase::lost);
  }
  if (node.tasks.empty()) node.since = now;
  batch_.assign(1, &task);
  note_given(id, task);
  ++counts_.batches;
  actions_.give(id, batch_);
}

Task* NodeScheduler::find(NodeId node, std::uint64_t ticket) const noexcept {
  const auto place = static_cast<std::uint32_t>(ticket);
  if (place >= places_.size()) return nullptr;
  Task* task = places_[place].task;
  if (task == nullptr || task->end != ticket || task->worker != node) return nullptr;
  return task;
}

Task* NodeScheduler::completed(NodeId id, std::uint64_t ticket) noexcept {
  Task* task = find(id, ticket);
  if (task != nullptr) take_from(nodes_[id], *task);
  return task;
}

void NodeScheduler::end(Task& task, TaskPhase phase) {
  task.phase = phase;
  --live_;
  switch (phase) {
    case TaskPhase::done: ++counts_.done; break;
    case TaskPhase::cancelled: ++counts_.cancelled; break;
    default: ++counts_.failed; break;
  }
  actions_.end_task(task);
}

void NodeScheduler::returned(NodeId id, std::uint64_t ticket) {
  Task* task = completed(id, ticket);
  if (task == nullptr) return;
  if (task->aborted) return end(*task, TaskPhase::cancelled);
  ++counts_.taken_back;
  put_back(*task);
}

void NodeScheduler::recalled(NodeId id) noexcept { nodes_[id].recalling = false; }

void NodeScheduler::drained(NodeId id, std::uint32_t count, std::int64_t now) noexcept {
  Node& node = nodes_[id];
  const std::uint32_t held = node.tasks.size() + count;
  if (node.since != 0) {
    const double elapsed = static_cast<double>(std::max<std::int64_t>(now - node.since, 1));
    learn(node.length, elapsed * std::min(node.workers, held) / count);
  }
  node.since = node.tasks.empty() ? 0 : now;
  if (node.probe != 0 && find(id, node.probe) == nullptr) {
    // The first task of an idle node came back: what is over its own length is the way.
    node.probe = 0;
    const double way = static_cast<double>(now - node.probed_at) - std::max(node.length, 0.0);
    if (way > 0) node.round_trip += learning * (way - node.round_trip);
  }
  if (node.state == NodeState::joined) offer(id);
}

bool NodeScheduler::cancel(Task& task) {
  if (task.phase != TaskPhase::pending) return false;
  backlog_.remove(task);
  backlog_bytes_ -= task.position;
  end(task, TaskPhase::cancelled);
  return true;
}

void NodeScheduler::end_pending(TaskPhase phase) {
  while (Task* task = backlog_.front()) {
    backlog_.remove(*task);
    backlog_bytes_ -= task->position;
    end(*task, phase);
  }
}

void NodeScheduler::end_everything(TaskPhase phase) {
  end_pending(phase);
  for (Node& node : nodes_) {
    while (Task* task = node.tasks.front()) {
      take_from(node, *task);
      end(*task, phase);
    }
  }
}

std::uint32_t NodeScheduler::window(NodeId id) const noexcept {
  const Node& node = nodes_[id];
  const std::uint32_t least = 2 * node.workers;
  if (node.length < 0) return least;
  const double hold = std::max(2 * node.round_trip, static_cast<double>(limits_.min_hold));
  const double tasks = node.workers * (1 + hold / std::max(node.length, 1.0));
  const std::uint32_t most = std::max(limits_.max_window, least);
  return std::max(least, static_cast<std::uint32_t>(std::min<double>(tasks, most)));
}

bool NodeScheduler::has_room(const Node& node) const noexcept {
  if (node.state != NodeState::joined) return false;
  if (is_idle(node)) return true;
  if (node.bytes >= limits_.max_bytes) return false;
  const std::uint32_t most = window(static_cast<NodeId>(&node - nodes_.data()));
  return node.tasks.size() + std::max<std::uint32_t>(most / 4, 1) <= most;
}

void NodeScheduler::offer(NodeId id) {
  Node& node = nodes_[id];
  if (node.queued || !has_room(node)) return;
  node.queued = true;
  // Those with nothing at all come first.
  if (node.tasks.empty()) {
    open_first_ = (open_first_ + open_.size() - 1) % open_.size();
    open_[open_first_] = id;
  } else {
    open_[(open_first_ + open_count_) % open_.size()] = id;
  }
  ++open_count_;
}

std::uint32_t NodeScheduler::batch_size(const Node& node) const noexcept {
  const std::uint32_t held = node.tasks.size();
  const std::uint32_t most = window(static_cast<NodeId>(&node - nodes_.data()));
  const std::uint32_t room = most > held ? most - held : 0;
  const std::uint64_t share =
      std::uint64_t{backlog_.size()} * node.workers / (2 * std::uint64_t{total_workers_});
  // Idle workers get one each whatever the share is; in a short backlog that is their share.
  const std::uint64_t at_once =
      held < node.workers
          ? std::min<std::uint64_t>(
                node.workers - held,
                (std::uint64_t{backlog_.size()} * node.workers + total_workers_ - 1) /
                    total_workers_)
          : 1;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>({std::max<std::uint64_t>(room, 1), std::max(share, at_once),
                               std::uint64_t{backlog_.size()}}));
}

void NodeScheduler::dispatch(std::int64_t now) {
  while (!backlog_.empty() && open_count_ != 0) {
    const NodeId id = open_[open_first_];
    open_first_ = (open_first_ + 1) % open_.size();
    --open_count_;
    nodes_[id].queued = false;
    if (has_room(nodes_[id]) && give_batch(id, now)) offer(id);
  }
}

bool NodeScheduler::give_batch(NodeId id, std::int64_t now) {
  Node& node = nodes_[id];
  std::uint32_t count = batch_size(node);
  if (node.tasks.empty()) {
    node.since = now;
    node.probed_at = now;
  }
  const bool was_idle = node.tasks.empty();
  batch_.clear();
  for (; count != 0; --count) {
    Task& task = *backlog_.front();
    if (!batch_.empty() && node.bytes + task.position > limits_.max_bytes) break;
    backlog_.remove(task);
    backlog_bytes_ -= task.position;
    note_given(id, task);
    batch_.push_back(&task);
  }
  if (was_idle) node.probe = batch_.front()->end;
  ++counts_.batches;
  actions_.give(id, batch_);
  return true;
}

void NodeScheduler::note_given(NodeId id, Task& task) {
  task.phase = TaskPhase::given;
  task.worker = id;
  task.end = make_ticket(task);
  nodes_[id].tasks.push_back(task);
  nodes_[id].bytes += task.position;
}

void NodeScheduler::rebalance(std::int64_t now) {
  if (!backlog_.empty() || live_ == 0) return;
  std::uint32_t idle = 0;
  for (const Node& node : nodes_) {
    if (node.state == NodeState::joined && is_idle(node)) idle += node.workers - node.tasks.size();
  }
  if (idle == 0) return;
  for (NodeId id = 0; id < nodes_.size() && idle != 0; ++id) {
    Node& node = nodes_[id];
    if (node.state != NodeState::joined || node.recalling || node.tasks.size() <= node.workers)
      continue;
    const std::uint32_t waiting = node.tasks.size() - node.workers;
    // To take back what is done before it could run elsewhere is for nothing. The tasks that run now may
    // be longer than those before: they take as long at least as nothing has come.
    const double silent = node.since != 0 ? static_cast<double>(now - node.since) : 0;
    const double until_done = waiting * std::max(node.length, silent) / node.workers;
    if (node.length >= 0 && until_done < 2 * node.round_trip) continue;
    const std::uint32_t count = std::min(idle, (waiting + 1) / 2);
    node.recalling = true;
    idle -= count;
    actions_.recall(id, count);
  }
}

void NodeScheduler::take_from(Node& node, Task& task) noexcept {
  node.tasks.remove(task);
  node.bytes -= task.position;
  drop_ticket(task);
}

void NodeScheduler::put_back(Task& task) {
  task.phase = TaskPhase::pending;
  backlog_.push_front(task);
  backlog_bytes_ += task.position;
}

/// serial << 32 | place. No ticket is 0, and none comes twice in four thousand million uses of a place.
std::uint64_t NodeScheduler::make_ticket(Task& task) {
  std::uint32_t place = 0;
  if (free_places_.empty()) {
    place = static_cast<std::uint32_t>(places_.size());
    places_.emplace_back();
    free_places_.reserve(places_.capacity());  // `drop_ticket` must not throw
  } else {
    place = free_places_.back();
    free_places_.pop_back();
  }
  places_[place].task = &task;
  return std::uint64_t{++places_[place].serial} << 32 | place;
}

void NodeScheduler::drop_ticket(Task& task) noexcept {
  const auto place = static_cast<std::uint32_t>(task.end);
  places_[place].task = nullptr;
  free_places_.push_back(place);
}

}  // namespace royong::inline v0::mpi
