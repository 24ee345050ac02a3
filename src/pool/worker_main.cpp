// SPDX-License-Identifier: Apache-2.0
#include "pool/worker_main.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "pool/looks.hpp"
#include "pool/trace.hpp"
#include "process/runtime.hpp"
#include "royong/detail/call.hpp"
#include "royong/detail/exception.hpp"
#include "royong/detail/map.hpp"
#include "royong/detail/pool_core.hpp"
#include "royong/error.hpp"
#include "sync/courtesy.hpp"

namespace royong::inline v0::detail {
namespace {

using Instant = Timeout::Clock::time_point;

constexpr int idle_pauses = 5;

/// The entry of the running task, for what a map's chunk says about itself.
thread_local TaskEntry* running = nullptr;

/// An arena block of this process, which results that are too large for the ring are written into
/// at once.
class ResultBlock {
 public:
  ResultBlock() = default;
  ResultBlock(const ResultBlock&) = delete;
  ResultBlock& operator=(const ResultBlock&) = delete;
  ~ResultBlock() { drop(); }

  std::span<std::byte> bytes() const {
    return offset_ != 0 ? memory::block(offset_) : std::span<std::byte>();
  }
  /// @throws ArenaFull
  void prepare(std::size_t size) {
    drop();
    offset_ = memory::allocate(size);
  }
  std::uint64_t give_up() noexcept { return std::exchange(offset_, 0); }
  void drop() {
    if (offset_ != 0) memory::free_block(std::exchange(offset_, 0));
  }

 private:
  std::uint64_t offset_ = 0;
};

class Worker {
 public:
  Worker(const ChannelHandle& channel, const BellHandle& bell, TaskContext& context, bool is_thread,
         bool abroad)
      : carrier_(channel.carrier()),
        memory_(channel.memory()),
        owner_(channel.owner()),
        context_(context),
        is_thread_(is_thread),
        abroad_(abroad),
        bell_(bell.events()),
        tasks_(memory_.tasks, memory_.pool.tasks_tail, memory_.worker.tasks_head),
        results_(memory_.results, memory_.worker.results_tail, memory_.pool.results_head) {
    context_.report = &memory_.report;
  }

  /// @param path empty: none
  void trace_to(const std::string& path, std::uint32_t lane) {
    lane_ = lane;
    trace_ = Trace::append(path);
    trace_.name_lane(lane, runtime().name);
  }

  /// @return whether it succeeded
  bool initialize(std::span<const std::byte> initializer) {
    Writer error(carrier_);
    const bool fine = initializer.empty() || run_task(initializer, error);
    // An explanation too long for the ring would be cut, and a cut one cannot be decoded.
    if (error.size() > ResultProducer::max_payload) error.clear();
    results_.put(
        {0, fine ? 0 : static_cast<std::uint32_t>(error.size()),
         static_cast<std::uint16_t>(fine ? ResultKind::ready : ResultKind::initializer_failed)},
        error.bytes().data());
    error.commit();
    bell_.notify_all();
    return fine;
  }

  /// A thread's initializer has run.
  void be_ready() {
    results_.put({0, 0, static_cast<std::uint16_t>(ResultKind::ready)}, small_);
    bell_.notify_all();
  }

  void run(std::uint64_t max_tasks) {
    memory_.report.busy_since.store(now_ns(), std::memory_order_relaxed);
    for (std::uint64_t done = 0; max_tasks == 0 || done < max_tasks;) {
      // A task that was asked to stop has done so: the worker goes as well, others take what is left.
      if (context_.requested.load(std::memory_order_relaxed)) return;
      TaskEntry* entry = tasks_.peek();
      if (entry == nullptr) {
        wait();
        continue;
      }
      if ((entry->flags & EntryFlag::stop) != 0) return;
      if ((entry->flags & (EntryFlag::timed | EntryFlag::traced)) != 0)
        entry->began.store(now_ns(), std::memory_order_relaxed);
      if (TaskConsumer::take(*entry)) {
        context_.sequence = entry->sequence;
        context_.listens.store(false, std::memory_order_relaxed);
        if (is_thread_) {
          execute_here(*entry);
        } else {
          execute(*entry);
        }
        ++done;
      }
      const std::uint64_t head = tasks_.release(*entry);
      // The leader announced its sleep before it looked at the results once more: see EventCount.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if ((bell_.word.load(std::memory_order_relaxed) & 1) != 0 &&
          head >= memory_.pool.ring_at.load(std::memory_order_relaxed))
        bell_.notify_all();
    }
  }

 private:
  void execute(TaskEntry& entry) {
    const std::span<std::byte> large = block_.bytes();
    const std::span<std::byte> room = large.empty() ? std::span<std::byte>(small_) : large;
    Writer result = abroad_ ? Writer(Transit::result_abroad, room) : Writer(carrier_, room);
    running = &entry;
    const std::int64_t began = entry.began.load(std::memory_order_relaxed);
    const bool fine = run_task(call_of(entry), result);
    // A task that forked may return on both sides. The copy is no member of the family (its fork handlers saw to that), and a second
    // worker on these rings would write over the first one's.
    if (!memory::self()) [[unlikely]]
      ::_exit(fine ? 0 : 1);
    running = nullptr;
    if (trace_) [[unlikely]]
      write_trace(entry, began, fine);
    ResultHeader header{
        entry.sequence, 0,
        static_cast<std::uint16_t>(fine ? ResultKind::value : ResultKind::exception)};
    header.has_handles = result.write_handle_list() ? 1 : 0;
    if (results_.fits_inline(result.size())) {
      header.length = static_cast<std::uint32_t>(result.size());
      results_.put(header, result.bytes().data());
    } else {
      put_by_block(header, result);
    }
    result.commit();
  }

  /// The call is a state of this process, with a count that was the ring's.
  void execute_here(TaskEntry& entry) {
    TaskState* state = nullptr;
    std::memcpy(static_cast<void*>(&state), entry.payload(), sizeof(TaskState*));
    const StateRef<TaskState> own(state);
    running = &entry;
    const bool fine = state->run_here();
    running = nullptr;
    results_.put({entry.sequence, 0,
                  static_cast<std::uint16_t>(fine ? ResultKind::value : ResultKind::exception)},
                 small_);
  }

  void write_trace(const TaskEntry& entry, std::int64_t began, bool fine) {
    const std::string_view name(
        reinterpret_cast<const char*>(entry.payload()) + entry.call_length(), entry.name_length());
    trace_.task(lane_, name, entry.sequence, began, now_ns(), fine ? "value" : "exception",
                ::getpid());
  }

  std::span<const std::byte> call_of(const TaskEntry& entry) const {
    if ((entry.flags & EntryFlag::by_block) == 0) return {entry.payload(), entry.call_length()};
    BlockRange range;
    std::memcpy(&range, entry.payload(), sizeof range);
    return task_block(range.offset, range.length);
  }

  void put_by_block(ResultHeader& header, Writer& result) {
    const auto bytes = result.bytes();
    try {
      if (block_.bytes().data() != bytes.data()) {
        block_.prepare(bytes.size());
        std::memcpy(block_.bytes().data(), bytes.data(), bytes.size());
      }
    } catch (const ArenaFull&) {
      if (bytes.size() <= memory::arena_usage().quota) return put_in_pieces(header, bytes);
      header.kind = static_cast<std::uint16_t>(ResultKind::arena_full);
      header.has_handles = 0;
      results_.put(header, small_);
      result.clear();  // its handles are not on their way
      return;
    }
    const BlockRange range{block_.give_up(), bytes.size()};
    memory::set_owner(range.offset, owner_);
    header.placement = ResultPlacement::by_block;
    header.length = sizeof range;
    results_.put(header, &range);
    try {
      // The next result is probably like this one: then it is written in place. Not if that takes
      // the last memory.
      block_.prepare(bytes.size() + bytes.size() / 8);
    } catch (const ArenaFull&) {
    }
  }

  /** @brief The arena has no room: other results that nobody has read may fill it, and calls that wait. Through the ring it comes to the heap of
   *  the pool's process.
   *
   *  Somebody there always comes to read: who waits for this result or for one behind it, or the pool's own thread, where something waits behind this
   *  task. Who has read a piece wakes the worker; so before it waits the first time there is an empty one. Nothing is the task's result before the last entry.
   */
  void put_in_pieces(ResultHeader& header, std::span<const std::byte> bytes) {
    std::byte piece[ResultProducer::max_payload];
    const auto put_piece = [&](std::size_t size) {
      results_.put({header.sequence, static_cast<std::uint32_t>(size),
                    static_cast<std::uint16_t>(ResultKind::piece)},
                   piece);
      bell_.notify_all();
    };
    put_piece(0);
    const std::uint64_t length = bytes.size();
    std::memcpy(piece, &length, sizeof length);
    for (std::size_t used = sizeof length; !bytes.empty(); used = 0) {
      const std::size_t more = std::min(bytes.size(), sizeof piece - used);
      std::memcpy(piece + used, bytes.data(), more);
      bytes = bytes.subspan(more);
      wait_for_room(used + more);
      put_piece(used + more);
    }
    header.placement = ResultPlacement::in_pieces;
    results_.put(header, small_);
  }

  /// Until the pool has read enough.
  void wait_for_room(std::size_t piece) {
    while (!results_.fits_piece(piece)) {
      const auto key = memory_.bed.events.prepare();
      if (results_.fits_piece(piece)) return;
      memory_.bed.events.wait(key, Instant::max());
    }
  }

  /// Until there is a task.
  void wait() {
    sync::Courtesy courtesy;
    for (int left = looks_; left > 0;) {
      left -= courtesy.pass(idle_pauses);
      if (tasks_.peek() != nullptr) return;
    }
    // Who has nothing to do says so: others may have too much.
    bell_.notify_all();
    block_.drop();
    const Instant before = Timeout::Clock::now();
    WorkerReport& report = memory_.report;
    const std::int64_t since = report.busy_since.exchange(0, std::memory_order_relaxed);
    report.busy.store(report.busy.load(std::memory_order_relaxed) +
                          std::chrono::nanoseconds(before.time_since_epoch()).count() - since,
                      std::memory_order_relaxed);
    while (tasks_.peek() == nullptr && !context_.requested.load(std::memory_order_acquire)) {
      const auto key = memory_.bed.events.prepare();
      if (tasks_.peek() != nullptr || context_.requested.load(std::memory_order_acquire)) break;
      memory_.bed.events.wait(key, Instant::max());
    }
    const Instant after = Timeout::Clock::now();
    report.busy_since.store(std::chrono::nanoseconds(after.time_since_epoch()).count(),
                            std::memory_order_relaxed);
    looks_ = after - before < short_sleep ? many_looks : few_looks;
  }

  const ObjectRef carrier_;
  ChannelMemory& memory_;
  const memory::Owner owner_;
  TaskContext& context_;
  const bool is_thread_;
  const bool abroad_;
  std::uint32_t lane_ = 0;
  Trace trace_;
  sync::EventCount& bell_;
  TaskConsumer tasks_;
  ResultProducer results_;
  ResultBlock block_;
  int looks_ = many_looks;
  alignas(16) std::byte small_[4096];
};

}  // namespace

bool run_task(std::span<const std::byte> call, Writer& result) {
  Reader reader(call);
  const Caught caught = call_with_trace([&] { run_call(reader, result); });
  if (!caught) return true;
  result.clear();
  write_exception(result, caught.error, caught.traceback, runtime().name);
  return false;
}

void pool_worker_main(const ChannelHandle& channel, const BellHandle& bell,
                      const WorkerPlan& plan) {
  // Never destroyed: the program's exit handlers run with SIGTERM still handled.
  static auto* context = new TaskContext;
  adopt_process_context(*context);
  Worker worker(channel, bell, *context, false, plan.abroad);
  if (!plan.trace.empty()) worker.trace_to(plan.trace, plan.lane);
  if (worker.initialize(plan.initializer)) worker.run(plan.max_tasks);
}

void pool_thread_main(const ChannelHandle& channel, const BellHandle& bell, TaskContext& context,
                      const std::function<void()>& initializer) {
  const ContextScope scope(context);
  Worker worker(channel, bell, context, true, false);
  if (initializer) initializer();
  worker.be_ready();
  worker.run(0);
}

std::span<std::byte> task_block(std::uint64_t offset, std::uint64_t bytes) {
  const auto whole = memory::block(offset);
  if (whole.size() < bytes)
    throw TransferError("the block of a task is shorter than the task says");
  return whole.first(bytes);
}

ChunkClock::ChunkClock(Writer& result) : result_(result), began_(Timeout::Clock::now()) {
  result.write_plain(ChunkTime{0});
}

void ChunkClock::stop() {
  const ChunkTime time = std::chrono::nanoseconds(Timeout::Clock::now() - began_).count();
  // The beginning of the result is this clock's; where it lies may have changed.
  std::memcpy(const_cast<std::byte*>(result_.bytes().data()), &time, sizeof time);
}

void begin_element(std::uint32_t index) noexcept {
  if (running == nullptr) return;
  running->element.store(index, std::memory_order_relaxed);
  if (index != 0 && (running->flags & EntryFlag::timed) != 0)
    running->began.store(now_ns(), std::memory_order_relaxed);
}

}  // namespace royong::inline v0::detail
