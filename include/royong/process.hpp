// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Process: a function that runs in a process of its own; start methods, limits, and who is running.
 */
#pragma once

#include <cstddef>     // for std::byte
#include <cstdint>     // for std::uint64_t
#include <filesystem>  // for std::filesystem::path
#include <functional>  // for std::function
#include <memory>      // for std::shared_ptr
#include <optional>    // for std::optional
#include <string>      // for std::string
#include <tuple>       // for std::apply, std::tuple
#include <utility>     // for std::forward, std::move
#include <vector>      // for std::vector

#include <sys/types.h>  // for pid_t

#include "royong/bind_front.hpp"  // IWYU pragma: export
#include "royong/detail/call.hpp"
#include "royong/detail/config.hpp"
#include "royong/error.hpp"      // IWYU pragma: export
#include "royong/exception.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

class Pool;

/// How a process comes to life.
enum class StartMethod {
  /// A copy of this process: everything is inherited; unsafe when threads hold locks.
  fork,
  /// The program started afresh.
  spawn,
  /// A copy of a small, single-threaded server that was started afresh: the default. The working directory is this process's;
  /// environment and umask are as they were when the server started, with the first process.
  forkserver,
};

/** @brief What a process may use. Everything is opt-in; the default changes nothing.
 *
 *  Applied by the process itself before it runs anything of the user's, in the order listed.
 */
struct ResourceLimits {
  /// Bytes of private memory (RLIMIT_DATA): allocations beyond throw std::bad_alloc. 0: no limit.
  std::uint64_t memory = 0;
  /// Seconds of processor time: then SIGXCPU, and SIGKILL a second later. 0: no limit.
  int cpu = 0;
  /// Added to the niceness.
  std::optional<int> nice{};
  /// Processors it may run on; empty: all of the parent's.
  std::vector<int> affinity{};
  /// Who is killed first when the machine's memory ends: -1000 (last) to 1000 (first).
  std::optional<int> oom_score_adj{};
  /// When not empty: nothing outside these files and folders can be written (landlock).
  std::vector<std::filesystem::path> writable_paths{};
  /// No sockets but unix ones (seccomp).
  bool no_network = false;
};

/// What `Process` takes before the function.
struct ProcessOptions {
  /// Default: "Process-1", and "Process-1:2" for its second child.
  std::string name{};
  /// Ended when its parent ends, not waited for. Default: as the current process.
  std::optional<bool> daemon{};
  /// Default: get_start_method().
  std::optional<StartMethod> start_method{};
  /// Lives on when its parent dies.
  bool detached = false;
  ResourceLimits limits{};
};

/// The method used where none is named. To ask does not fix it. @see set_start_method
ROYONG_API StartMethod get_start_method();

/** @brief Fixes the method used where none is named; at most once.
 *  @throws UsageError it was set before, or a process or pool started by it, unless `force`
 */
ROYONG_API void set_start_method(StartMethod method, bool force = false);

/// All methods, the default one first.
ROYONG_API std::vector<StartMethod> get_all_start_methods();

namespace detail {

class Child;  // a child under supervision: src/process/child.hpp

/// Everything that `start` needs, in a form that templates do not reach into.
struct ProcessPlan {
  ProcessOptions options;
  std::vector<std::byte> call;  ///< what write_call wrote
  std::vector<ObjectRef> kept;  ///< handles in the call: held until the process has ended
  std::function<void()> local;  ///< instead of `call`: runs in a fork of this process
};

ROYONG_API void set_forkserver_preload(std::vector<std::byte> call);
/// Starts the forkserver now, where it is the default, for who will start threads or open devices that no worker should have.
ROYONG_API void start_forkserver();

/// Whether `init` has run: functions have names only then.
ROYONG_API bool is_initialised() noexcept;

template <class F, class... Args>
ProcessPlan plan_call(ProcessOptions options, const F& f, Args&&... args) {
  // Not refused here but by start(), so that one place names the fix.
  if (!is_initialised()) return {std::move(options), {}, {}, {}};
  Writer writer(Transit::argument);
  write_call(writer, f, std::forward<Args>(args)...);
  const auto bytes = writer.bytes();
  return {std::move(options), {bytes.begin(), bytes.end()}, writer.take_kept(), {}};
}

}  // namespace detail

/** @brief Somebody else's process, or one's own, seen from outside. Copyable; owns nothing.
 *
 *  **Threads and processes.** Thread-safe. Not transferable.
 */
class ROYONG_API ProcessView {
 public:
  /// As it was when the view was made.
  const std::string& name() const noexcept { return name_; }
  pid_t pid() const noexcept { return pid_; }
  /// Whether it has not ended; always true of the current process.
  bool is_alive() const;
  /// Waits for the end. @return whether it has ended. @throws UsageError this is the current process
  bool join(Timeout timeout = forever) const;
  /// Sends SIGTERM; nothing happens when it has ended.
  void terminate() const;
  /// Sends SIGKILL; nothing happens when it has ended.
  void kill() const;
  /// A descriptor that poll() shows readable when the process has ended. It belongs to the view and its copies.
  int sentinel() const;

 private:
  friend struct ViewAccess;
  struct State;
  ProcessView(std::string name, pid_t pid, std::shared_ptr<State> state)
      : name_(std::move(name)), pid_(pid), state_(std::move(state)) {}
  std::string name_;
  pid_t pid_;
  std::shared_ptr<State> state_;
};

/** @brief A function with its arguments, to be run in a process of its own. Move-only.
 *
 *  The callable and the arguments are turned into bytes by the constructor (what cannot cross does not compile); the function's
 *  result is dropped. An exception that escapes prints `Process NAME:` and its traceback to
 *  stderr and makes the exit code 1.
 *
 *  The process ends as by `exit`: its own children are joined, the exit handlers and the destructors of statics that were registered *in it* run,
 *  and what is in its stdio buffers is written. A copy (fork, forkserver) leaves out what it inherited: a static object that was made before the
 *  copy belongs to the process it is a copy of, and would be destroyed once for every copy. (So does Python: a child runs no handler of its parent.)
 *
 *  The destructor joins; a daemon is terminated, then joined; a detached process is let go. Assigning another process does the
 *  same to the one that was there.
 *
 *  **Errors.** Every member but name and close throws `UsageError` after `close()`; so does every member but name in any process but
 *  the one that made it, and on an object that was moved from.
 *
 *  **Threads.** One object is used by one thread at a time; join, is_alive, exitcode, terminate, kill, interrupt and sentinel may be called
 *  by several at once. A process started by a thread lives on after that thread.
 *
 *  **If the peer dies.** When the process dies, by whatever, `join` returns and everything it held is released or
 *  repaired; when this process dies, the process is killed by the kernel, unless `detached`.
 *
 *  Example: examples/hello.cpp, examples/exit_codes.cpp
 */
class ROYONG_API Process {
 public:
  /// A process that will run `f(args...)`, each argument stored as its parameter says. Nothing starts yet. @throws ArenaFull handles in the arguments
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, ProcessOptions> &&
             !std::is_same_v<std::remove_cvref_t<F>, Process> &&
             !std::is_same_v<std::remove_cvref_t<F>, detail::ProcessPlan>)
  explicit Process(F f, Args&&... args)
      : Process(detail::plan_call({}, f, std::forward<Args>(args)...)) {}

  /// Likewise, with options: `Process({.name = "loader", .daemon = true}, f, args...)`.
  template <class F, class... Args>
  explicit Process(ProcessOptions options, F f, Args&&... args)
      : Process(detail::plan_call(std::move(options), f, std::forward<Args>(args)...)) {}

  /// From a plan: what contexts use.
  explicit Process(detail::ProcessPlan plan);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  /** @brief Starts the process; returns when it exists and has a pid.
   *  @throws UsageError         started before; no `init`; the program is exiting; a limit is out of range, or cannot be enforced here
   *  @throws std::system_error  the system refuses (EAGAIN, ENOMEM, EMFILE): nothing half-started is left
   *  @throws ArenaFull          the arguments do not fit the quota
   */
  void start();

  /** @brief Waits until the process has ended, or the time is over.
   *  @return whether it has ended. May be repeated.
   *  @throws UsageError before start
   */
  bool join(Timeout timeout = forever);

  /// Whether it was started and has not ended.
  bool is_alive() const;

  /** @brief How it ended: 0 to 255, or -N for signal N. Nothing while it runs, before it starts, and where another part of the
   *         program took the status away (`wait(-1)`) and the kernel is older than 6.15.
   */
  std::optional<int> exitcode() const;

  void
  interrupt();  ///< Sends SIGINT: ends the process (-2) unless it handles it. @throws UsageError before start
  void terminate();  ///< Sends SIGTERM. @throws UsageError before start
  void kill();       ///< Sends SIGKILL. @throws UsageError before start

  /// Lets go of an ended or never started process. Repeatable. @throws UsageError it still runs
  void close();

  const std::string& name() const noexcept;
  void set_name(std::string name);  ///< @throws UsageError after start
  /// Whether it is ended, and not waited for, when its parent ends.
  bool daemon() const;
  void set_daemon(bool daemon);      ///< @throws UsageError after start
  std::optional<pid_t> pid() const;  ///< nothing before start
  /// A descriptor that poll() shows readable when the process has ended; valid until close. @throws UsageError before start
  int sentinel() const;

 private:
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/// This process.
ROYONG_API ProcessView current_process();
/// The process that started this one; nothing in the program that the user started.
ROYONG_API std::optional<ProcessView> parent_process();
/// The living processes that this one started, pool workers included; the forkserver is not among them.
ROYONG_API std::vector<ProcessView> active_children();
/** @brief The key that the processes of this program have in common: 32 random bytes, unless `set_authkey` said otherwise.
 *
 *  For whom it is to be proved to: `Manager::serve({.address = "0.0.0.0:7000", .authkey = authkey()})`. A process inherits its parent's, and the ranks of an
 *  MPI job get rank 0's by `mpi::init`; so each of them can follow a proxy to a manager with this key. It is never written into a message with a proxy.
 */
ROYONG_API std::string authkey();
/// From now on this is the key of this process, and of those that it starts. Any bytes. In all programs that are to have the same one.
ROYONG_API void set_authkey(std::string key);
/// Processors that this process may use: its affinity and its control group's quota (rounded up), at least 1.
ROYONG_API int cpu_count();

/** @brief Runs `f` once in the forkserver before it makes the first process: what it loads, every later process has.
 *
 *  @param f a transferable callable without arguments. If it throws, the log gets a warning and the server goes on.
 *  @throws UsageError before `init`; the forkserver runs already
 */
template <class F>
void set_forkserver_preload(F f) {
  detail::Writer writer(detail::Transit::argument);
  detail::write_call(writer, f);
  const auto bytes = writer.bytes();
  detail::set_forkserver_preload({bytes.begin(), bytes.end()});
}

/** @brief Keeps `count` processes ready, so that a start by forkserver costs no more than waking
 *         one of them.
 *
 *  Off (0) unless asked for: each is an idle process. They are no children in the sense of
 *  `active_children`, and end with this process, or by `set_warm_processes(0)`.
 *  @throws UsageError a negative number; no `init`
 */
ROYONG_API void set_warm_processes(int count);

/// A start method made into a factory: `get_context(StartMethod::spawn).process(f, 1)`.
class Context {
 public:
  explicit Context(StartMethod method) noexcept : method_(method) {}
  StartMethod start_method() const noexcept { return method_; }

  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, ProcessOptions>)
  Process process(F f, Args&&... args) const {
    return process(ProcessOptions{}, std::move(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  Process process(ProcessOptions options, F f, Args&&... args) const {
    options.start_method = method_;
    return Process(std::move(options), std::move(f), std::forward<Args>(args)...);
  }
  /// A pool whose workers start by this method; the arguments are Pool's. Needs <royong/pool.hpp>.
  template <class P = Pool>  // so that Pool need not be complete here
  P pool(int processes, typename P::Options options) const {
    options.start_method = method_;
    return P(processes, std::move(options));
  }
  template <class P = Pool>
  P pool(int processes = 0) const {
    return pool<P>(processes, typename P::Options{});
  }

 private:
  StartMethod method_;
};

/// The factory of a start method. It leaves the default alone.
inline Context get_context(StartMethod method) { return Context(method); }

/** @brief Starts processes by fork, where nothing has to travel: any callable will do, capturing lambdas too.
 *
 *  The child has a copy of everything, but of this process's threads only the one that called `start`.
 */
class ForkContext {
 public:
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, ProcessOptions>)
  Process process(F&& f, Args&&... args) const {
    return process(ProcessOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  Process process(ProcessOptions options, F&& f, Args&&... args) const {
    options.start_method = StartMethod::fork;
    // shared: std::function wants copyable, callables and arguments may be move-only; it runs once.
    auto state = std::make_shared<std::tuple<std::decay_t<F>, std::decay_t<Args>...>>(
        std::forward<F>(f), std::forward<Args>(args)...);
    auto run = [state] {
      std::apply([](auto& callable, auto&... a) { (void)std::move(callable)(std::move(a)...); },
                 *state);
    };
    return Process(detail::ProcessPlan{std::move(options), {}, {}, std::move(run)});
  }
};

/// See ForkContext.
inline ForkContext fork_context() { return {}; }

}  // namespace royong::inline v0
