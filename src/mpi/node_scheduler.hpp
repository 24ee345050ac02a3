// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief NodeScheduler: which node gets which tasks, and how each task ends. A state machine
 *  without I/O.
 *
 *  Events come in as calls of its members, what is to be done goes out as calls of `NodeActions`.
 *  Time is a parameter. So the whole of it runs in a test against a model, and in the simulator with
 *  ten thousand nodes; there is no MPI in it.
 *
 *      node     absent -> joined -> lost | left            a node that is lost never comes back
 *      task     pending -> given -> done | failed | cancelled
 *                  ^---------| (given back unbegun; or its node was lost and it has retries)
 *                            |--> lost (its node was lost)
 *
 *  Of a Task it uses `sequence` for the number of its submission, `position` for the bytes of its
 *  call, `end` for its ticket, and `worker` for its node.
 *
 *  Invariants: a task is in exactly one list (the backlog, or the list of one node) or has ended;
 *  each ends once, through `end_task`. A task that is given has a ticket, which names it on the wire
 *  and is never used again: what a lost node says of it afterwards finds nothing.
 *
 *  **How many tasks a node holds (its window).** So many that its workers have `hold` of work lying
 *  ready, and never less than two for each worker. `hold` is twice the round trip, at least half a
 *  millisecond: tiny tasks travel by the thousand, coarse ones two by two. How long a task takes is
 *  measured by the rate at which a node's results come.
 *
 *  **How many travel at once.** While there is much to do, what the window has room for, as soon as
 *  that is a quarter of it. Towards the end half of the node's share of the backlog, so that nobody
 *  waits for one who took too much. What proves wrong is put right by `rebalance`: it takes work back
 *  from slow nodes when others are idle.
 *
 *  **Bound tasks** (`Task::bound`) read what their node has kept: they are given to it at once, are never
 *  given back, and are lost with it.
 *
 *  **Retries.** Nobody can know which of its tasks a lost node had begun, so it counts as a death for
 *  each of them.
 */
#pragma once

#include <cstdint>  // for std::int64_t, std::uint32_t
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "royong/detail/task.hpp"

namespace royong::inline v0::mpi {

using NodeId = std::uint32_t;
using royong::detail::Task;
using royong::detail::TaskList;
using royong::detail::TaskPhase;

/// What the scheduler has done. Must not call back.
class NodeActions {
 public:
  /// Sends these tasks to the node, in this order.
  virtual void give(NodeId node, std::span<Task* const> tasks) = 0;
  /// Asks the node to give back up to so many tasks that it has not begun. It answers with
  /// `returned` for each, then `recalled`.
  virtual void recall(NodeId node, std::uint32_t count) = 0;
  /// The task has ended as `task.phase` says. Last use of the task.
  virtual void end_task(Task& task) = 0;
  /// The node is lost: nothing that it says counts any more. Its tasks are dealt with afterwards.
  virtual void lost(NodeId node) = 0;

 protected:
  ~NodeActions() = default;
};

enum class NodeState : std::uint8_t {
  absent,  ///< it has not joined yet
  joined,
  left,  ///< it takes no part: refused, or its share has ended
  lost,  ///< nothing was heard of it for too long, or the transport says that it is gone
};

class NodeScheduler {
 public:
  struct Limits {
    std::int64_t silence = 10'000'000'000;  ///< nanoseconds after which a node is lost
    std::uint32_t max_window = 8192;        ///< tasks that a node may hold
    std::uint64_t max_bytes = 64U << 20;    ///< of calls that a node may hold, beyond the first
    std::int64_t min_hold = 500'000;        ///< nanoseconds of work that a node should hold
  };

  NodeScheduler(NodeActions& actions, std::uint32_t nodes, Limits limits);

  // What happens. `now` is in nanoseconds of any monotonic clock.

  /// The node is there, with so many workers.
  void join(NodeId node, std::uint32_t workers, std::int64_t now);
  /// The node takes no part (any more). It has no tasks.
  void leave(NodeId node);
  /// Something came from the node.
  void heard(NodeId node, std::int64_t now) noexcept;
  /// The node is known to be gone.
  void lose(NodeId node);
  /// A new task; `bytes` of call. Begins at once if a worker is idle, else with the next `dispatch`.
  void submit(Task& task, std::uint32_t bytes, std::int64_t now);
  /// A new task for the node `task.worker` and no other: the node is given it at once, whatever it has.
  /// If the node is lost, so is the task.
  void submit_bound(Task& task, std::uint32_t bytes, std::int64_t now);
  /** @brief A result came from the node. The caller stores it in the task, then calls `end`.
   *  @return nullptr if the node does not have the task: it comes too late, or makes no sense
   */
  Task* completed(NodeId node, std::uint64_t ticket) noexcept;
  /// Ends a task that `completed` returned, or that the node could not be given.
  void end(Task& task, TaskPhase phase);
  /// The node says: that one has not begun, and I do not have it any more.
  void returned(NodeId node, std::uint64_t ticket);
  /// The node has answered the last `recall`.
  void recalled(NodeId node) noexcept;
  /// `count` results have been read, at least one, since the last call.
  void drained(NodeId node, std::uint32_t count, std::int64_t now) noexcept;
  /// @return whether the task was pending and is cancelled now
  bool cancel(Task& task);
  /// Looks for nodes that are silent. Who did not look for long cannot say that others were silent:
  /// after a gap between two looks everybody's time begins anew.
  void tick(std::int64_t now);
  /// Ends every task that no node has as `phase` says.
  void end_pending(TaskPhase phase);
  /// Ends every task.
  void end_everything(TaskPhase phase);

  /// Gives pending tasks to nodes that have room.
  void dispatch(std::int64_t now);
  /// Takes tasks that wait behind others back for idle nodes.
  void rebalance(std::int64_t now);

  // What is.

  struct Counts {
    std::uint64_t submitted = 0;
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< also lost ones
    std::uint64_t cancelled = 0;
    std::uint64_t retried = 0;
    std::uint64_t taken_back = 0;
    std::uint64_t batches = 0;
  };
  const Counts& counts() const noexcept { return counts_; }
  std::uint64_t live() const noexcept { return live_; }
  const TaskList& backlog() const noexcept { return backlog_; }
  std::uint64_t backlog_bytes() const noexcept { return backlog_bytes_; }
  const TaskList& tasks_of(NodeId node) const noexcept { return nodes_[node].tasks; }
  NodeState state(NodeId node) const noexcept { return nodes_[node].state; }
  std::uint32_t workers(NodeId node) const noexcept { return nodes_[node].workers; }
  std::uint32_t window(NodeId node) const noexcept;
  /// Nanoseconds that a task takes one of the node's workers; negative: not known yet.
  double task_length(NodeId node) const noexcept { return nodes_[node].length; }
  /// Workers of all nodes that have joined.
  std::uint32_t total_workers() const noexcept { return total_workers_; }
  std::uint32_t joined() const noexcept { return joined_; }
  /// The task behind a ticket that the node has, or nullptr.
  Task* find(NodeId node, std::uint64_t ticket) const noexcept;

 private:
  struct Node {
    NodeState state = NodeState::absent;
    bool queued = false;     // in open_
    bool recalling = false;  // has been asked to give back
    std::uint32_t workers = 0;
    std::int64_t heard = 0;
    double length = -1;       // nanoseconds of one task; negative: unknown
    double round_trip = 0;    // nanoseconds
    std::int64_t since = 0;   // of the measurement under way; 0: none
    std::uint64_t probe = 0;  // ticket of a task given to the idle node; 0: none
    std::int64_t probed_at = 0;
    std::uint64_t bytes = 0;
    TaskList tasks;
  };
  struct Place {
    Task* task = nullptr;
    std::uint32_t serial = 0;
  };

  bool has_room(const Node& node) const noexcept;
  bool is_idle(const Node& node) const noexcept { return node.tasks.size() < node.workers; }
  void offer(NodeId id);
  std::uint32_t batch_size(const Node& node) const noexcept;
  bool give_batch(NodeId id, std::int64_t now);
  void note_given(NodeId id, Task& task);
  void take_from(Node& node, Task& task) noexcept;
  void put_back(Task& task);
  std::uint64_t make_ticket(Task& task);
  void drop_ticket(Task& task) noexcept;

  NodeActions& actions_;
  Limits limits_;
  std::vector<Node> nodes_;
  std::vector<NodeId> open_;  // a ring: nodes that have room, in the order in which they got it
  std::size_t open_first_ = 0;
  std::size_t open_count_ = 0;
  std::vector<Place> places_;  // what tickets name
  std::vector<std::uint32_t> free_places_;
  std::vector<Task*> batch_;
  std::int64_t looked_ = 0;  // the last tick
  TaskList backlog_;
  std::uint64_t backlog_bytes_ = 0;
  std::uint32_t total_workers_ = 0;
  std::uint32_t joined_ = 0;
  std::uint64_t live_ = 0;
  Counts counts_;
};

}  // namespace royong::inline v0::mpi
