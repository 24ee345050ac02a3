// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief TaskState: what a future and the engine that fulfils it share. In one process.
 */
#pragma once

#include <atomic>     // for std::atomic
#include <cstddef>    // for std::byte
#include <cstdint>    // for std::uint32_t
#include <exception>  // for std::exception_ptr
#include <memory>     // for std::unique_ptr
#include <span>       // for std::span
#include <string>     // for std::string
#include <utility>    // for std::exchange
#include <vector>     // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/task.hpp"
#include "royong/this_task.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

class TaskState;

/// Something in this process that runs tasks: a pool of processes or of threads, a cluster. Counted
/// by reference.
class ROYONG_API TaskEngine {
 public:
  TaskEngine(const TaskEngine&) = delete;
  TaskEngine& operator=(const TaskEngine&) = delete;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// @return false: it is being destroyed
  bool try_add_reference() noexcept {
    auto count = references_.load(std::memory_order_relaxed);
    while (count != 0) {
      if (references_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  /** @brief Waits until `flag` is not 0, driving the engine meanwhile.
   *  @param hint the task whose end sets the flag, or nullptr
   *  @return whether the flag is set
   */
  virtual bool wait(const std::atomic<std::uint32_t>& flag, const TaskState* hint,
                    Timeout::Clock::time_point deadline) = 0;
  /// Makes whoever waits look at its flag again. Any thread, no lock.
  virtual void nudge() noexcept = 0;
  virtual bool cancel(TaskState& state) = 0;
  /// Cancels a pending task, stops a running one. @return false: it has ended otherwise
  virtual bool abort(TaskState& state, Timeout grace) = 0;
  virtual bool is_running(const TaskState& state) = 0;
  /// What a running task has said of itself.
  virtual TaskProgress progress(const TaskState& state) = 0;
  /// What runs when the task has ended. @return false: it has ended already
  virtual bool add_hook(TaskState& state, class CompletionHook& hook) = 0;
  virtual void remove_hook(TaskState& state, CompletionHook& hook) noexcept = 0;
  /// Runs `callback` on the engine's callback thread when the task has ended, at once if it has.
  virtual void add_callback(TaskState& state, std::unique_ptr<class Callback> callback) = 0;

 protected:
  TaskEngine() = default;
  virtual ~TaskEngine() = default;

 private:
  std::atomic<std::uint32_t> references_{1};
};

/// A library-internal listener: called once, with the engine's lock held. Must be short and must
/// not call the engine.
class CompletionHook {
 public:
  virtual void completed() noexcept = 0;
  CompletionHook* next_hook = nullptr;  ///< list of the engine

 protected:
  ~CompletionHook() = default;
};

/// A user's callback.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void run() = 0;
};
/// Runs it; what it throws goes to the log.
ROYONG_API void run_callback(Callback& callback) noexcept;

/// How a task ended, as its future sees it. Not 0 says that everything else in the state may be
/// read.
enum class Ending : std::uint32_t {
  none = 0,
  value,      ///< bytes() is what the function returned
  exception,  ///< bytes() is the exception that escaped
  error,      ///< error() is what happened
  cancelled,  ///< so is it here, a CancelledError
};

/// An arena block of this process that a task is accompanied by: freed with the task.
class ROYONG_API TaskBlock {
 public:
  TaskBlock() noexcept = default;
  /// @throws ArenaFull
  explicit TaskBlock(std::size_t bytes);
  /// Takes over a block that there is.
  static TaskBlock adopt(std::uint64_t offset) noexcept {
    TaskBlock block;
    block.offset_ = offset;
    return block;
  }
  TaskBlock(TaskBlock&& other) noexcept : offset_(std::exchange(other.offset_, 0)) {}
  TaskBlock& operator=(TaskBlock&& other) noexcept {
    std::swap(offset_, other.offset_);
    return *this;
  }
  ~TaskBlock();
  std::uint64_t offset() const noexcept { return offset_; }
  std::byte* data() const;

 private:
  std::uint64_t offset_ = 0;
};

/// Where an encoded result lies, for another task that is to read it there.
struct ResultPlace {
  std::uint32_t node = 0;   ///< of a cluster
  std::uint64_t block = 0;  ///< of that node's arena; 0: it lies in none
  std::uint64_t bytes = 0;
};

/// A result that stays on the node that computed it. When this ends, the node may forget it.
class KeptResult {
 public:
  explicit KeptResult(ResultPlace where) : place(where) {}
  KeptResult(const KeptResult&) = delete;
  KeptResult& operator=(const KeptResult&) = delete;
  virtual ~KeptResult() = default;
  const ResultPlace place;
};

/// Rarely needed parts of a task, one allocation when one of them is.
struct TaskExtra {
  std::string name;
  Timeout timeout;
  std::exception_ptr error;
  std::vector<std::byte> call;    ///< the encoded call, while it is in no ring
  std::vector<TaskBlock> blocks;  ///< what accompanies the call in the arena
  bool keep_blocks =
      false;  ///< they hold results as well: they end with the state, not with the task
  std::uint64_t call_length = 0;   ///< not 0: the call lies in the last of the blocks
  std::vector<ObjectRef> kept;     ///< handles among the arguments
  std::vector<ObjectRef> handles;  ///< in the encoded result
  std::vector<std::shared_ptr<const void>> held;  ///< by proxies in a call abroad
  std::vector<std::unique_ptr<Callback>> callbacks;
  CompletionHook* hooks = nullptr;
  bool keep_result = false;                 ///< in a cluster: a large result may stay on its node
  std::unique_ptr<KeptResult> kept_result;  ///< and it did
};

/** @brief The state behind a future. Counted by reference: one for all copies of a future each, one
 *  for the engine while the task lives.
 *
 *  Until the task has ended everything but the counts belongs to the engine, under its lock;
 *  afterwards nothing changes but the decoded value.
 */
class ROYONG_API TaskState : public Task {
 public:
  TaskState(const TaskState&) = delete;
  TaskState& operator=(const TaskState&) = delete;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    // Whoever sees 1 is alone with it: nobody can copy a reference that nobody else has.
    if (references_.load(std::memory_order_acquire) == 1 ||
        references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }
  /// Lets go of a count unless it is the last one. @return whether it did
  bool release_unless_last() noexcept {
    auto count = references_.load(std::memory_order_relaxed);
    while (count > 1) {
      if (references_.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel,
                                            std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  Ending ending() const noexcept {
    return static_cast<Ending>(ending_.load(std::memory_order_acquire));
  }
  bool has_ended() const noexcept { return ending() != Ending::none; }
  /// @return whether the task has ended
  bool wait(Timeout timeout) const {
    return has_ended() || (engine_ != nullptr && engine_->wait(ending_, this, timeout.deadline()));
  }
  /// The encoded value or exception.
  std::span<const std::byte> bytes() const;
  /// Where they lie for another task.
  ResultPlace place() const noexcept {
    if (is_kept()) return extra_->kept_result->place;
    return {.node = 0, .block = storage_ == Storage::block ? block_ : 0, .bytes = size_};
  }
  /// Whether the result is on its node, and `bytes()` is only its beginning (a chunk's time).
  bool is_kept() const noexcept { return extra_ && extra_->kept_result; }
  /// Throws what the task ended with, which is not a value.
  [[noreturn]] void rethrow() const;
  /// The same as a pointer; nothing for a value.
  virtual std::exception_ptr exception() const;
  /// Runs a task whose call is no bytes but part of the state, for a pool of threads. @return
  /// whether it has a value now
  virtual bool run_here() { return false; }
  /// What escaped `run_here`.
  virtual std::exception_ptr take_error() noexcept { return nullptr; }
  /// The name it was given, else its number.
  std::string name() const;
  /// The same for a sentence: "task 'parse'", "task 17".
  std::string label() const;

  TaskEngine* engine() const noexcept { return engine_; }
  TaskExtra& extra() {
    if (!extra_) extra_ = std::make_unique<TaskExtra>();
    return *extra_;
  }
  TaskExtra* extra_if_any() const noexcept { return extra_.get(); }

  // For engines.

  void set_engine(TaskEngine& engine) noexcept {
    engine.add_reference();
    engine_ = &engine;
  }
  /// Room for the encoded result, to be filled before `publish`.
  std::byte* make_result(std::size_t size);
  /// The encoded result lies in an arena block, which this process owns.
  void adopt_result(std::uint64_t block, std::uint64_t size) noexcept;
  /// It lies on the heap.
  void adopt_result(std::unique_ptr<std::byte[]> bytes, std::uint64_t size) noexcept;
  void publish(Ending ending) noexcept {
    ending_.store(static_cast<std::uint32_t>(ending), std::memory_order_release);
  }
  const std::atomic<std::uint32_t>& flag() const noexcept { return ending_; }
  /// For the only one who knows of a task that has ended: its value has been read, its memory is wanted.
  void drop_result() noexcept {
    if (ending() == Ending::value) drop_bytes();
    if (extra_) extra_->blocks.clear();
  }

 protected:
  TaskState() = default;
  virtual ~TaskState();
  /// The bytes are not needed any more.
  void drop_bytes() noexcept;

 private:
  static constexpr std::size_t inline_size = 32;
  enum class Storage : std::uint8_t { here, heap, block };

  // Two from the start: the future's and the engine's.
  std::atomic<std::uint32_t> references_{2};
  std::atomic<std::uint32_t> ending_{0};
  TaskEngine* engine_ = nullptr;
  std::unique_ptr<TaskExtra> extra_;
  std::uint64_t size_ = 0;
  Storage storage_ = Storage::here;
  union {
    std::byte here_[inline_size];
    std::byte* heap_;
    std::uint64_t block_;
  };
};

/// A counted reference to a state.
template <class S>
class StateRef {
 public:
  StateRef() noexcept = default;
  /// Takes over one count.
  explicit StateRef(S* state) noexcept : state_(state) {}
  StateRef(const StateRef& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_reference();
  }
  StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StateRef() {
    if (state_ != nullptr) state_->release();
  }
  /// Lets somebody else have the count.
  S* take() noexcept { return std::exchange(state_, nullptr); }
  S* get() const noexcept { return state_; }
  S& operator*() const noexcept { return *state_; }
  S* operator->() const noexcept { return state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  S* state_ = nullptr;
};

/// The state with room for the decoded value.
template <class T>
class ResultState : public TaskState {
 public:
  ResultState() noexcept {}
  ~ResultState() override {
    if (stage_.load(std::memory_order_acquire) == Stage::decoded) value_.~T();
  }

  /// The value, decoded once. The task has ended with one. @throws TransferError, InvalidStateError
  /// it was moved away
  const T& value() {
    decode();
    return value_;
  }
  T take() {
    decode();
    auto expected = Stage::decoded;
    if (!stage_.compare_exchange_strong(expected, Stage::taken, std::memory_order_acq_rel))
      fail_taken();
    T result = std::move(value_);
    value_.~T();
    return result;
  }

 protected:
  /// Makes the value of what the engine left, once.
  virtual T produce() = 0;
  /// The value is made here, before the task ends.
  template <class Make>
  void emplace(Make&& make) {
    ::new (static_cast<void*>(std::addressof(value_))) T(std::forward<Make>(make)());
    stage_.store(Stage::decoded, std::memory_order_release);
  }

 private:
  enum class Stage : std::uint32_t { encoded, busy, decoded, taken };

  void decode() {
    for (;;) {
      Stage stage = stage_.load(std::memory_order_acquire);
      if (stage == Stage::decoded) return;
      if (stage == Stage::taken) fail_taken();
      if (stage == Stage::encoded &&
          stage_.compare_exchange_strong(stage, Stage::busy, std::memory_order_acquire))
        break;
      if (stage == Stage::busy) stage_.wait(stage);
    }
    try {
      ::new (static_cast<void*>(std::addressof(value_))) T(produce());
    } catch (...) {
      stage_.store(Stage::encoded, std::memory_order_release);
      stage_.notify_all();
      throw;
    }
    drop_bytes();
    stage_.store(Stage::decoded, std::memory_order_release);
    stage_.notify_all();
  }
  [[noreturn]] static void fail_taken();

  std::atomic<Stage> stage_{Stage::encoded};
  union {
    T value_;
  };
};

template <>
class ResultState<void> : public TaskState {
 public:
  ~ResultState() override = default;
};

/// The state of a task whose result comes as bytes.
template <class T>
class RemoteState final : public ResultState<T> {
 protected:
  T produce() override {
    Reader reader(this->bytes());
    return reader.template read<T>();
  }
};
template <>
class RemoteState<void> final : public ResultState<void> {};

[[noreturn]] ROYONG_API void throw_taken();
[[noreturn]] ROYONG_API void throw_no_state();

template <class T>
void ResultState<T>::fail_taken() {
  throw_taken();
}

}  // namespace royong::inline v0::detail
