// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Session: the engine of one executor on rank 0.
 *
 *  It joins the scheduler to the nodes: node 0 is a local pool, the others are agents, which are sent
 *  batches. The life of the executor is in session.cpp, that of a task in session_tasks.cpp. Everything
 *  is guarded by the cluster's mutex; see cluster.hpp for who drives it.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <memory>   // for std::shared_ptr, std::unique_ptr
#include <mutex>    // for std::mutex
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "mpi/callbacks.hpp"
#include "mpi/cluster.hpp"
#include "mpi/local_node.hpp"
#include "mpi/members.hpp"
#include "mpi/node_scheduler.hpp"
#include "mpi/questions.hpp"
#include "royong/mpi/core.hpp"

namespace royong::inline v0::mpi {

class Session final : public MpiCore, private NodeActions {
 public:
  using Lock = Cluster::Lock;
  using TaskState = royong::detail::TaskState;
  using CompletionHook = royong::detail::CompletionHook;
  using Callback = royong::detail::Callback;

  Session(Cluster& cluster, MpiPlan plan);
  ~Session() override;
  /// Makes the pools, waits for the nodes. @throws as MPIPoolExecutor; then nothing is left
  void start();

  void check_open() override;
  void submit(TaskState& state, royong::detail::Writer& call) override;
  void close() override;
  void terminate() override { end_everything(false); }
  void kill() override { end_everything(true); }
  void cancel_pending() override;
  bool join(Timeout timeout) override;
  void resize(int workers) override;
  int size() override;
  PoolStats stats() override;
  MpiStats mpi_stats() override;
  void post(std::unique_ptr<Callback> callback) override { callbacks_.add(std::move(callback)); }

  bool wait(const std::atomic<std::uint32_t>& flag, const TaskState* hint,
            Timeout::Clock::time_point deadline) override;
  void nudge() noexcept override;
  bool cancel(TaskState& state) override;
  bool abort(TaskState& state, Timeout grace) override;
  bool is_running(const TaskState& state) override;
  TaskProgress progress(const TaskState& state) override;
  bool add_hook(TaskState& state, CompletionHook& hook) override;
  void remove_hook(TaskState& state, CompletionHook& hook) noexcept override;
  void add_callback(TaskState& state, std::unique_ptr<Callback> callback) override;

  // For the cluster, with its mutex held.

  void rank_is_here(NodeId node) { members_.came(node); }
  void lose(NodeId node);
  void tick(std::int64_t now) {
    scheduler_.heard(0, now);  // this process
    scheduler_.tick(now);
  }
  /// Reads the local pool's results, hands out what waits. @return whether anything happened
  bool step();
  void heard(NodeId from, std::int64_t now) noexcept { scheduler_.heard(from, now); }
  void opened(NodeId from, const Opened& opened) { members_.opened(from, opened.workers); }
  void broken(NodeId from, const Broken& broken);
  void results(NodeId from, royong::detail::Reader& in);
  void recalled(NodeId from) { scheduler_.recalled(from); }
  void answer(const Answer& answer) { questions_.answered(answer); }
  void closed(NodeId from) { members_.closed(from); }
  /// A KeptResult has ended. Any thread, with or without the cluster's mutex.
  void forget(const royong::detail::ResultPlace& place) noexcept;
  LocalNode* local() const noexcept { return local_.get(); }
  /// For the cluster's own thread, without the mutex.
  void sleep_in_local(Timeout::Clock::time_point until);
  bool has_live_tasks() const noexcept { return scheduler_.live() != 0; }

 private:
  enum class Mode : std::uint8_t { open, closing, terminated };

  // NodeActions
  void give(NodeId node, std::span<Task* const> tasks) override;
  void recall(NodeId node, std::uint32_t count) override;
  void end_task(Task& task) override;
  void lost(NodeId node) override;

  void take_local();
  void take_result(NodeId from, std::uint64_t ticket, Outcome outcome,
                   std::span<const std::byte> bytes);
  std::unique_ptr<royong::detail::KeptResult> take_kept(NodeId from,
                                                        std::span<const std::byte>& bytes);
  void send_forgotten();
  std::exception_ptr ending_error(TaskState& state) const;
  Answer ask(Lock& lock, const TaskState& state, Question question, std::int64_t grace);
  void break_with(std::exception_ptr cause);
  void note_if_done();
  void end_everything(bool kill);
  void require_open() const;
  void require_home() const;

  Cluster& cluster_;
  MpiPlan plan_;
  std::uint32_t id_ = 0;
  std::shared_ptr<LocalNode> local_;  // set once
  NodeScheduler scheduler_;
  Members members_;
  Questions questions_;
  Mode mode_ = Mode::open;
  std::exception_ptr broken_cause_;
  bool cancelling_ = false;
  bool from_worker_ = false;  // the task that ends has its result
  bool recalled_here_ = false;
  std::atomic<LocalNode*> nudged_{nullptr};  // the local node, for who has no lock
  std::atomic<std::uint32_t> done_{0};       // closed, and all tasks have ended
  bool joined_ = false;
  std::uint64_t result_bytes_ = 0;       // that came from other nodes
  std::vector<std::uint64_t> kept_now_;  // results that are on each node
  std::uint64_t kept_ = 0;               // results that ever stayed on theirs
  std::atomic<bool> any_forgotten_{false};
  std::mutex forgotten_mutex_;  // guards what follows; after the cluster's
  std::vector<royong::detail::ResultPlace> forgotten_;
  Callbacks callbacks_;
};

}  // namespace royong::inline v0::mpi
