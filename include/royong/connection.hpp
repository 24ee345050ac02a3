// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Connection: messages between two ends. Pipe inside a program; Listener and Client between programs and machines; wait.
 */
#pragma once

#include <chrono>       // for std::chrono::seconds
#include <concepts>     // for std::convertible_to, std::same_as
#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::int64_t
#include <cstring>      // for std::memcpy
#include <filesystem>   // for std::filesystem::path
#include <limits>       // for std::numeric_limits
#include <memory>       // for std::shared_ptr
#include <optional>     // for std::optional
#include <ranges>       // for std::ranges::contiguous_range
#include <span>         // for std::span
#include <string>       // for std::string
#include <type_traits>  // for std::is_array_v, std::is_trivially_copyable_v
#include <utility>      // for std::pair
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/connection_end.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/detail/wait.hpp"  // IWYU pragma: export
#include "royong/error.hpp"        // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/** @brief One end of a two-way (or one-way) line of messages.
 *
 *  A handle: a copy names the same end, and it may be an argument, a result or a message. Both ends of a `Pipe` belong to one program; they talk
 *  through shared memory. Those of `Client` and `Listener::accept` talk through a socket, and their peer may be another program.
 *
 *  What is sent as one message is received as one message, empty ones and those of many megabytes too. `send` and `recv` carry values
 *  of one type, which goes with the message: a `recv` of another type is `TransferError`, and that message is lost. `send_bytes` and `recv_bytes` carry bytes. What one
 *  thread sends arrives in the order of its sends.
 *
 *  **Flow.** A reader that is slower than its writer makes the writer wait: a pipe holds about 1 MiB in each direction, or one message if
 *  that is longer. So two processes that both send first and never receive can wait for each other, as with every pipe.
 *
 *  **Several processes at one end.** Each message is received by one of them. The end is closed when the *last* process that holds it has let go, by `close`,
 *  by the end of its last copy, or by its death. A process that was started by fork holds whatever its parent held.
 *
 *  **Over a socket** handles and function pointers cannot go, not even where the peer is of the same program, which a socket cannot tell: `TransferError` at the
 *  sender. A `Pipe` carries them. Two programs must have been
 *  compiled for the same machine, with the same declaration of the type: only its name is compared.
 *
 *  **Errors.** Every member but `closed`, `close`, `readable` and `writable` throws `UsageError` after `close()`, in those that are waiting as well, and when the
 *  direction does not exist. A failing socket is `std::system_error`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies**, or closes: what it had sent can still be received, then `recv` is `EndOfFile`; `send` is `BrokenPipe`. A message that a killed process was
 *  sending through shared memory is there or is not; over a socket its first part may have left: then the receiver gets `TransferError`, and the connection
 *  has ended. A process that is killed while it receives takes one message with it at the most. A machine that vanishes without a word is found out over TCP: after two minutes of silence,
 *  or after as long as the system goes on sending to it.
 *
 *  Example: examples/pipe.cpp, examples/listener_client.cpp
 */
class ROYONG_API Connection {
 public:
  /// For `recv_bytes`: any length.
  static constexpr std::int64_t any_length = std::numeric_limits<std::int64_t>::max();

  /** @brief Sends a value; waits while the peer has too much to read.
   *  @throws BrokenPipe  nobody is left who could receive it
   *  @throws ArenaFull   pipe: it does not fit the program's memory quota; nothing was sent
   *  @throws TransferError  socket: it holds a handle or a function pointer
   */
  template <class T>
    requires(!std::is_array_v<T> || !std::same_as<std::remove_extent_t<T>, char>)
  void send(const T& value) const {
    static_assert(detail::require_transferable<T>());
    constexpr std::uint64_t type = detail::type_hash<T>();
    if constexpr (detail::is_plain<T>) {
      // Its bytes are the message: no writer is needed. The end puts head and body together.
      object_->send(std::as_bytes(std::span(&type, 1)), std::as_bytes(std::span(&value, 1)));
    } else {
      detail::Writer writer(object_->writer());
      writer.write_plain(type);
      writer(value);
      object_->send({}, writer.bytes());
      writer.commit();
    }
  }
  /// Sends a text as `std::string`. (A template, so that `{}` is no null pointer to one.)
  template <std::same_as<char> C>
  void send(const C* text) const {
    send(std::string(text));
  }

  /** @brief Waits for a message and takes it.
   *  @throws TimeoutError   none came in time
   *  @throws EndOfFile      the peer is gone, and everything it sent has been received
   *  @throws TransferError  it is not a `T`: it is lost; or the peer died while it was sending
   */
  template <class T>
  T recv(Timeout timeout = forever) const {
    detail::IncomingMessage message;
    object_->receive(message, static_cast<std::uint64_t>(any_length), timeout);
    detail::expect_type(message, detail::type_hash<T>(), detail::type_name<T>());
    detail::Reader reader(message.body(), {.foreign = message.is_foreign()});
    T value = reader.read<T>();
    reader.expect_end();
    return value;
  }

  /// Sends bytes, as one message. @throws as `send`
  void send_bytes(std::span<const std::byte> bytes) const;
  /// The same for the bytes of any contiguous range: `std::string`, `std::vector<double>` ...
  template <std::ranges::contiguous_range R>
    requires(!std::convertible_to<const R&, std::span<const std::byte>> &&
             std::is_trivially_copyable_v<std::ranges::range_value_t<R>> &&
             !std::is_array_v<std::remove_cvref_t<R>>)
  void send_bytes(const R& range) const {
    send_bytes(std::as_bytes(std::span(std::ranges::data(range), std::ranges::size(range))));
  }
  /// The same for a text, without its terminating zero. (A template, so that `{}` is no null pointer to one.)
  template <std::same_as<char> C>
  void send_bytes(const C* text) const {
    send_bytes(std::string_view(text));
  }

  /** @brief Waits for a message that `send_bytes` sent, and takes it.
   *  @param maxlength  bytes that are welcome; a longer message is `TransferError`, and ends all reading at this end in this process
   *  @param timeout    how long to wait
   *  @throws as `recv`; UsageError `maxlength` is negative
   */
  std::vector<std::byte> recv_bytes(std::int64_t maxlength = any_length,
                                    Timeout timeout = forever) const;
  /// The same for any length.
  std::vector<std::byte> recv_bytes(Timeout timeout) const {
    return recv_bytes(any_length, timeout);
  }

  /** @brief The same into memory of the caller's.
   *  @return bytes of the message
   *  @throws BufferTooShort  the message is longer; the exception holds all of it
   */
  std::size_t recv_bytes_into(std::span<std::byte> buffer, Timeout timeout = forever) const;

  /// Whether there is something to receive, a message or the end, now or within the time. Takes nothing.
  bool poll(Timeout timeout = std::chrono::seconds(0)) const { return object_->poll(timeout); }

  /** @brief A descriptor for poll, epoll or an event loop: readable while there is something to receive.
   *
   *  Never read from it. It belongs to the connection and is closed with it. In a forked child ask again. With TLS a message may have arrived
   *  although the descriptor is quiet: receive until `poll()` is false before you wait for it.
   */
  int fileno() const { return object_->fileno(); }

  /// Lets go of the end in this process, for all copies; calls in progress end with `UsageError`. Repeatable.
  void close() const noexcept { object_->close(); }
  /// Whether `close` was called in this process.
  bool closed() const noexcept { return object_->closed(); }
  /// Whether this end can receive.
  bool readable() const noexcept { return !closed() && object_->readable(); }
  /// Whether this end can send.
  bool writable() const noexcept { return !closed() && object_->writable(); }

  /** @brief Sends an open descriptor: the receiver gets one of its own for the same open file.
   *
   *  To another program only over a unix socket.
   *  @throws as `send`; std::system_error it is not open; TransferError the peer may be on another machine
   */
  void send_handle(int descriptor) const { object_->send_handle(descriptor); }
  /** @brief Waits for a message that `send_handle` sent.
   *  @return a descriptor, close-on-exec, that belongs to the caller
   *  @throws as `recv`; TransferError also when the sender died before the descriptor was received
   */
  int recv_handle(Timeout timeout = forever) const { return object_->receive_handle(timeout); }

 private:
  friend struct detail::HandleAccess;
  friend struct ConnectionAccess;
  // NOLINTNEXTLINE(readability-identifier-naming): what HandleAccess asks for.
  static constexpr auto kind_ = detail::ObjectKind::connection;

  explicit Connection(std::shared_ptr<detail::ConnectionEnd> end) noexcept
      : object_(std::move(end)) {}
  explicit Connection(detail::ObjectRef object)
      : object_(detail::ConnectionEnd::open(std::move(object))) {}
  detail::ObjectRef object() const { return object_->object(); }

  // Leads to the object, which ends with the first `close` in this process and not with the last copy.
  std::shared_ptr<detail::ConnectionEnd> object_;
};

/// `connection.send_handle(descriptor)`, as Python spells it.
inline void send_handle(const Connection& connection, int descriptor) {
  connection.send_handle(descriptor);
}
/// `connection.recv_handle(timeout)`, as Python spells it.
inline int recv_handle(const Connection& connection, Timeout timeout = forever) {
  return connection.recv_handle(timeout);
}

/** @brief Two connected ends inside this program, in shared memory.
 *  @param duplex  true: both send and receive. false: the first receives, the second sends
 *  @throws UsageError before `init`; ArenaFull
 *
 *  Example: examples/pipe.cpp
 */
ROYONG_API std::pair<Connection, Connection> Pipe(bool duplex = true);

/** @brief TLS 1.3 for a connection over TCP. With nothing set there is none.
 *
 *  Files are in PEM format. A listener has `certificate` and `key`; a client checks them against `authority` (where it is empty: those that the system trusts) and `host`. A listener
 *  with an `authority` wants a certificate of its clients too. Or, without any files: both sides set `psk`, and what they share is the authkey.
 *  A TLS connection is at home in one process: it cannot be sent to another.
 */
struct Tls {
  std::filesystem::path certificate{};  ///< the chain to be shown to the peer
  std::filesystem::path key{};          ///< of the certificate
  std::filesystem::path authority{};    ///< whom the peer's certificate must come from
  std::string host{};  ///< the peer's name in its certificate; empty: as in the address
  bool psk = false;    ///< no certificates: keys derived from the authkey
};

/// What `Listener` takes.
struct ListenerOptions {
  /// A path, "@name" (abstract), or "host:port" ("[::1]:0": any free port). Empty: a fresh abstract name.
  std::string address{};
  /// What both sides must prove to know. Nothing: no proof is asked for.
  std::optional<std::string> authkey{};
  /// Clients that may wait to be accepted.
  int backlog = 16;
  Tls tls{};
};

/** @brief Waits for clients. Move-only, at home in one process.
 *
 *  With an authkey, client and listener prove to each other that they know it (a challenge each, HMAC-SHA256) before any byte of a message is looked
 *  at. Before that no peer can make this side read more than 256 bytes. Clients that are slow or silent are waited for beside each other, 10 s at the most
 *  each, while others are accepted.
 *
 *  A socket file goes with `close`, with the destructor, and when the process ends or is killed; if nobody of its program is left, the keeper (see `SharedMemory`)
 *  removes it. A file whose listener is dead does not stand in the way, and one that somebody else has put there is left alone. An abstract name has no permissions: without authkey, only processes of this user are let in there.
 *
 *  **Errors.** The constructor: `std::system_error` (EADDRINUSE: somebody listens there; no keeper can be started), `UsageError` the address makes no sense, a negative backlog, TLS
 *  without TCP. Every member but `close` and `address` throws `UsageError` after `close()`.
 *
 *  **Threads.** Every member may be called by any thread at any time; accepts take turns.
 *
 *  **If the peer dies** before it is accepted, it is forgotten.
 *
 *  Example: examples/listener_client.cpp
 */
class ROYONG_API Listener {
 public:
  /// Listens from now on. @throws as above
  explicit Listener(ListenerOptions options = {});
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  /** @brief Waits for the next client that has proved itself.
   *  @throws TimeoutError         none came in time
   *  @throws AuthenticationError  a client came that does not know the key. The listener goes on: call again
   *  @throws TransferError        a client came that does not speak as one. The listener goes on: call again
   */
  Connection accept(Timeout timeout = forever);

  /// Where it listens, the port filled in.
  const std::string& address() const noexcept;
  /// The address of the last client; empty for clients by unix sockets without one. Nothing before the first.
  std::optional<std::string> last_accepted() const;
  /// Accepts nobody any more; an accept in progress ends with `UsageError`. Repeatable.
  void close() noexcept;

 private:
  friend struct ConnectionAccess;
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/** @brief Connects to a listener.
 *  @param address  its address
 *  @param authkey  what both sides must prove to know
 *  @param tls      as the listener's
 *  @param timeout  until the listener has let us in
 *  @throws std::system_error    nobody listens there
 *  @throws AuthenticationError  one of the sides does not know the key, or is not whom its certificate should name
 *  @throws TimeoutError   the time is over
 *  @throws EndOfFile      the listener closed the connection
 *  @throws TransferError  what is there does not speak as a listener
 *  @throws UsageError     as above
 *
 *  Without authkey it does not wait for `accept`.
 *
 *  Example: examples/listener_client.cpp
 */
ROYONG_API Connection Client(const std::string& address,
                             const std::optional<std::string>& authkey = std::nullopt,
                             const Tls& tls = {}, Timeout timeout = forever);

}  // namespace royong::inline v0
