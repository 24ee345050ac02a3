// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Manager: objects that live in a process of their own and are used from everywhere, also over the network.
 */
#pragma once

#include <chrono>            // for std::chrono::duration
#include <cstddef>           // for std::size_t
#include <filesystem>        // for std::filesystem::path
#include <initializer_list>  // for std::initializer_list
#include <memory>            // for std::shared_ptr
#include <optional>          // for std::optional
#include <ranges>            // for std::ranges::input_range
#include <string>            // for std::string
#include <string_view>       // for std::string_view
#include <utility>           // for std::forward
#include <vector>            // for std::vector

#include "royong/barrier.hpp"
#include "royong/connection.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/detail/manager/registry.hpp"
#include "royong/detail/manager/serve_options.hpp"
#include "royong/manager/array.hpp"
#include "royong/manager/barrier.hpp"
#include "royong/manager/condition.hpp"
#include "royong/manager/dict.hpp"
#include "royong/manager/event.hpp"
#include "royong/manager/list.hpp"
#include "royong/manager/lock.hpp"
#include "royong/manager/namespace.hpp"
#include "royong/manager/pool.hpp"
#include "royong/manager/proxy.hpp"
#include "royong/manager/queue.hpp"
#include "royong/manager/semaphore.hpp"
#include "royong/manager/set.hpp"
#include "royong/manager/value.hpp"
#include "royong/semaphore.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/// What `Manager::connect` takes.
struct ConnectOptions {
  /// As the server's `Manager::address()`.
  std::string address{};
  std::optional<std::string> authkey{};
  Tls tls{};
  /// Until the manager has let us in.
  Timeout timeout{};
};

/** @brief Calls that go out together: while it lives, what this thread starts asynchronously at its manager is kept back, and then sent as one.
 *
 *      {
 *        auto batch = manager.pipeline();
 *        for (int i = 0; i < 1000; ++i) counts.push_back(account.call_async<&Account::deposit>(i));
 *      }                                            // sent
 *
 *  Waiting for one of the futures sends as well. Sent early: what has grown beyond 64 KiB. One at a time in a thread.
 *
 *  Example: examples/manager_object.cpp
 */
class ROYONG_API Pipeline {
 public:
  explicit Pipeline(detail::StateRef<detail::Session> session) : later_(std::move(session)) {}
  /// Sends what was kept back. @throws EndOfFile the manager is gone
  void flush() { later_.flush(); }

 private:
  detail::SendLater later_;
};

/** @brief A process that keeps objects, or the way to that of another program. Move-only.
 *
 *  The default constructor starts a process (by the program's start method) whose objects are used through proxies from any process of the program: a proxy may be an
 *  argument, a message, a result. `serve` does the same and lets other programs in; these come by `connect`.
 *
 *  An object lives until the last proxy of it is gone, in all processes, by whatever they ended; one with a published name lives as long as the manager. The manager ends with
 *  this handle: `shutdown()`, the destructor, and the death of the process that made it. Ctrl-C is not for it.
 *
 *  Inside one program a call takes about 2 us through shared memory while both sides are busy. The manager has one thread: each call runs alone, and one that waits (a
 *  queue's `get`, a lock) holds up nobody.
 *
 *  **Errors.** `UsageError` before `init`, in another process than its own, and after `shutdown`; `EndOfFile` the manager is gone.
 *
 *  **Threads and processes.** Thread-safe. At home in one process; what is shared are proxies.
 *
 *  **If the peer dies.** The manager's death ends every call at it with `EndOfFile`; its objects are gone (see `ServeOptions::snapshot`). A client's death, in the middle of a call as well,
 *  takes its proxies, its waiting calls and the locks that it held; nobody else is disturbed.
 *
 *  Example: examples/manager_object.cpp, examples/manager_remote.cpp
 */
class ROYONG_API Manager {
 public:
  /// Starts the manager's process. @throws UsageError, std::system_error as Process::start
  Manager();
  Manager(Manager&& other) noexcept;
  Manager& operator=(Manager&& other) noexcept;
  ~Manager();

  /** @brief Starts a manager that other programs can reach.
   *  @throws as Listener; TransferError the snapshot cannot be restored
   *
   *  The processes of this program still call it through shared memory.
   *
   *  Whoever connects may create the objects that this program itself makes of builtin kinds and of registered classes, find what is published, and call registered operations; never
   *  run a function of his own. With an authkey only who knows it gets in.
   */
  static Manager serve(ServeOptions options);
  /** @brief Connects to a manager that another program, or another machine, serves.
   *  @throws as Client; TransferError it speaks another version of the protocol
   *
   *  Calls go through a socket. Whoever connects to a manager of his own program is a stranger there as well: proxies that came to him otherwise still go through shared memory.
   */
  static Manager connect(ConnectOptions options);

  /// Where other programs find it; empty: nowhere.
  const std::string& address() const;

  /** @brief Makes an object `T(arguments...)` in the manager.
   *  @throws what the constructor throws; UsageError another program's manager does not know the class
   */
  template <class T, class... A>
  Proxy<T> make(A&&... arguments) const {
    return make_proxy<Proxy<T>>(std::in_place, std::forward<A>(arguments)...);
  }

  /// @name The builtin kinds. Each makes an object; who is behind it see the class of the proxy.
  /// @{
  template <class K, class V>
  ManagerDict<K, V> dict() const {
    return make_proxy<ManagerDict<K, V>>();
  }
  /// With the entries of a range of pairs: of a map, say.
  template <class K, class V, std::ranges::input_range R>
  ManagerDict<K, V> dict(R&& entries) const {
    std::vector<std::pair<K, V>> items;
    for (auto&& [key, value] : entries) items.emplace_back(key, value);
    return make_proxy<ManagerDict<K, V>>(std::move(items));
  }
  template <class K, class V>
  ManagerDict<K, V> dict(std::initializer_list<std::pair<K, V>> entries) const {
    return make_proxy<ManagerDict<K, V>>(std::vector<std::pair<K, V>>(entries));
  }
  template <class T>
  ManagerList<T> list() const {
    return make_proxy<ManagerList<T>>();
  }
  /// With the elements of a range.
  template <class T, detail::RangeOf<T> R>
  ManagerList<T> list(R&& values) const {
    return make_proxy<ManagerList<T>>(detail::collect<T>(std::forward<R>(values)));
  }
  template <class T>
  ManagerList<T> list(std::initializer_list<T> values) const {
    return make_proxy<ManagerList<T>>(std::vector<T>(values));
  }
  template <class T>
  ManagerSet<T> set() const {
    return make_proxy<ManagerSet<T>>();
  }
  /// With the elements of a range.
  template <class T, detail::RangeOf<T> R>
  ManagerSet<T> set(R&& values) const {
    return make_proxy<ManagerSet<T>>(detail::collect<T>(std::forward<R>(values)));
  }
  template <class T>
  ManagerSet<T> set(std::initializer_list<T> values) const {
    return make_proxy<ManagerSet<T>>(std::vector<T>(values));
  }
  Namespace ns() const;
  template <class T>
  ManagerValue<T> value(const T& value = T{}) const {
    return make_proxy<ManagerValue<T>>(value);
  }
  /// `n` elements `T{}`.
  template <class T>
  ManagerArray<T> array(std::size_t n) const {
    return make_proxy<ManagerArray<T>>(n);
  }
  /// With the elements of a range.
  template <class T, detail::RangeOf<T> R>
  ManagerArray<T> array(R&& values) const {
    return make_proxy<ManagerArray<T>>(detail::collect<T>(std::forward<R>(values)));
  }
  template <class T>
  ManagerArray<T> array(std::initializer_list<T> values) const {
    return make_proxy<ManagerArray<T>>(std::vector<T>(values));
  }
  /// Of at most `maxsize` messages; 0: no limit but memory. @throws UsageError it is negative
  template <class T>
  ManagerQueue<T> queue(int maxsize = 0) const {
    return make_proxy<ManagerQueue<T>>(maxsize);
  }
  template <class T>
  ManagerJoinableQueue<T> joinable_queue(int maxsize = 0) const {
    return make_proxy<ManagerJoinableQueue<T>>(maxsize);
  }
  ManagerLock lock() const;
  ManagerRLock rlock() const;
  /// @throws UsageError the value is negative
  ManagerSemaphore semaphore(int value = 1, SemaphoreOptions options = {}) const;
  /// @throws UsageError the value is negative
  ManagerBoundedSemaphore bounded_semaphore(int value = 1) const;
  /// With an RLock of its own.
  ManagerCondition condition() const;
  /// With this lock of the same manager. @throws UsageError it is another manager's
  ManagerCondition condition(const ManagerLock& lock) const;
  ManagerCondition condition(const ManagerRLock& lock) const;
  ManagerEvent event() const;
  /// @param processes workers; 0: one for each processor. Not in another program's manager
  ManagerPool pool(int processes = 0) const;
  /** @brief A barrier that nobody has reached.
   *  @param parties how many pass together
   *  @param action  travels to the server and runs there, when the last party has arrived and before anybody passes; none in another program's manager
   *  @param timeout for each `wait` that names none
   *  @throws UsageError    fewer parties than one
   *  @throws TransferError an action for another program's manager
   */
  ManagerBarrier barrier(int parties, const BarrierAction& action = {},
                         Timeout timeout = forever) const;
  /// Likewise, without an action: `manager.barrier(3, 5s)`.
  template <class Rep, class Period>
  ManagerBarrier barrier(int parties, std::chrono::duration<Rep, Period> timeout) const {
    return barrier(parties, BarrierAction(), timeout);
  }
  /// @}

  /** @brief Gives an object a name, by which `find` gets it, in this program and others. It lives as long as the manager from now on.
   *  @throws UsageError the name is taken, the object is another manager's, or this is `connect`'s
   */
  template <class P>
  void publish(std::string_view name, const P& proxy) const {
    publish_target(name, proxy.target());
  }
  /// Takes the name away. @return whether it was there
  bool unpublish(std::string_view name) const;
  /** @brief The object with a name.
   *  @tparam P  the class of the proxy: `ManagerDict<K, V>`, `Proxy<Account>` ...
   *  @throws std::out_of_range  there is none; TransferError it is of another class, or its class has another version or other methods there
   */
  template <class P>
  P find(std::string_view name) const {
    return P(
        detail::find_published(session(), name, detail::Kind<typename P::ServedClass>::type()));
  }
  /// The names that are published, in order.
  std::vector<std::string> names() const;

  /// See Pipeline.
  Pipeline pipeline() const { return Pipeline(session()); }

  /** @brief Writes the published objects to the file of `ServeOptions::snapshot`, which is replaced as a whole.
   *  @throws UsageError there is no such file; TransferError an object cannot be saved; std::system_error
   */
  void snapshot() const;

  /** @brief Ends the manager's process, or, of a `connect`, the session. Repeatable.
   *
   *  The manager is asked to end. Once it has heard that it writes its snapshot and answers what was called before, and is given the time for it. One that does not hear it for two seconds, because a function does not
   *  return, gets SIGTERM, and after another second SIGKILL; so does one whose process has not ended a second after it was done.
   *
   *  Every call at it ends with `EndOfFile` from then on.
   */
  void shutdown();

  /// Makes a proxy of any class: what the members above and below are made of.
  template <class P, class... A>
  P make_proxy(A&&... arguments) const {
    return P(detail::Kind<typename P::ServedClass>::make(session(), std::forward<A>(arguments)...));
  }

 private:
  struct Impl;
  explicit Manager(std::unique_ptr<Impl> impl) noexcept;
  detail::StateRef<detail::Session> session() const;
  void publish_target(std::string_view name, const detail::TargetRef& target) const;
  Impl& impl() const;

  std::unique_ptr<Impl> impl_;
};

}  // namespace royong::inline v0
