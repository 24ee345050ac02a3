// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/connection_end.hpp"

#include <pthread.h>

#include <cstring>        // for std::memcpy
#include <mutex>          // for std::mutex
#include <string>         // for std::to_string
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::exchange

#include "channel/end_state.hpp"
#include "channel/ends.hpp"
#include "os/error.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

// ---- IncomingMessage ----

void IncomingMessage::adopt(std::uint64_t type, std::vector<std::byte> body, bool foreign) {
  type_ = type;
  own_ = std::move(body);
  body_ = own_;
  foreign_ = foreign;
}

void IncomingMessage::adopt_batch() {
  const auto message = batch_.next();
  if (message.size() < type_bytes) throw TransferError("malformed message: it has no type");
  std::memcpy(&type_, message.data(), type_bytes);
  body_ = message.subspan(type_bytes);
}

std::vector<std::byte> IncomingMessage::take_bytes() && {
  if (!own_.empty()) return std::move(own_);
  return {body_.begin(), body_.end()};
}

// ---- ConnectionEnd ----

/// One call in progress: keeps the end from letting go of what the call works on.
class ConnectionEnd::Use {
 public:
  explicit Use(ConnectionEnd& end) : end_(end) {
    if ((end_.users_.fetch_add(1, std::memory_order_acquire) & closed_bit) != 0) {
      leave();
      end_.refuse_closed();
    }
  }
  ~Use() { leave(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  // The one whose leaving, or closing, leaves the closed bit alone lets go.
  void leave() noexcept {
    if (end_.users_.fetch_sub(1, std::memory_order_acq_rel) == (closed_bit | 1)) end_.let_go();
  }
  ConnectionEnd& end_;
};

ConnectionEnd::ConnectionEnd(ObjectRef object, bool readable, bool writable)
    : object_(std::move(object)), readable_(readable), writable_(writable) {}

ConnectionEnd::~ConnectionEnd() = default;

void ConnectionEnd::refuse_closed() const {
  if (closed()) throw UsageError("the connection is closed in this process");
}

void ConnectionEnd::stop_reading() noexcept { readable_ = false; }

void ConnectionEnd::let_go() noexcept {
  // A late user that finds the end closed passes through the same count: only the first time counts.
  if (gone_.exchange(true)) return;
  release();
  object_ = ObjectRef();
}

void ConnectionEnd::close() noexcept {
  // As a user: those who wait must find what they wait on until they have been woken.
  users_.fetch_add(1, std::memory_order_acquire);
  if ((users_.fetch_or(closed_bit, std::memory_order_acq_rel) & closed_bit) == 0) wake();
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == (closed_bit | 1)) let_go();
}

void ConnectionEnd::send(std::span<const std::byte> head, std::span<const std::byte> body) {
  const Use use(*this);
  if (!writable_) throw UsageError("the connection is read-only");
  do_send(head, body);
}

void ConnectionEnd::receive(IncomingMessage& out, std::uint64_t longest, Timeout timeout) {
  const Use use(*this);
  if (!readable_) throw UsageError("the connection is write-only");
  do_receive(out, longest, timeout);
}

bool ConnectionEnd::poll(Timeout timeout) {
  const Use use(*this);
  if (!readable_) throw UsageError("the connection is write-only");
  return do_poll(timeout);
}

int ConnectionEnd::fileno() {
  const Use use(*this);
  return do_fileno();
}

Writer ConnectionEnd::writer() {
  const Use use(*this);
  if (!writable_) throw UsageError("the connection is read-only");
  return do_writer();
}

void ConnectionEnd::send_handle(int descriptor) {
  const Use use(*this);
  if (!writable_) throw UsageError("the connection is read-only");
  do_send_handle(descriptor);
}

int ConnectionEnd::receive_handle(Timeout timeout) {
  const Use use(*this);
  if (!readable_) throw UsageError("the connection is write-only");
  return do_receive_handle(timeout);
}

ObjectRef ConnectionEnd::object() {
  const Use use(*this);
  do_share();
  return object_;
}

// ---- The ends of this process ----

namespace {

/** @brief The ends that this process has open, by the serial of their objects: a handle that comes in a message finds the end that is there.
 *
 *  Order of locks: `mutex`, then those of the floors below. An end that is being closed may be found: then its object is opened anew.
 */
struct Ends {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::weak_ptr<ConnectionEnd>> table;

  static Ends& instance() {
    static auto& ends =
        *new Ends;  // never destroyed: handles are dropped in static destructors too
    return ends;
  }

  Ends() {
    const int error =
        ::pthread_atfork([] { instance().mutex.lock(); }, [] { instance().mutex.unlock(); },
                         [] { instance().mutex.unlock(); });
    if (error != 0) os::throw_error(error, "cannot register", "fork handlers");
  }

  // What is gone is looked for when the table has doubled since the last time.
  void forget_the_gone() {
    if (table.size() < 2 * after_last_look + 16) return;
    std::erase_if(table, [](const auto& entry) { return entry.second.expired(); });
    after_last_look = table.size();
  }

  std::size_t after_last_look = 0;
};

}  // namespace

std::shared_ptr<ConnectionEnd> ConnectionEnd::open(ObjectRef object) {
  auto& ends = Ends::instance();
  const std::uint64_t serial = object.name().serial;
  auto& state = channel::end_state(object.record());
  const bool is_socket = state.transport == channel::Transport::socket;
  std::shared_ptr<ConnectionEnd> end;
  {
    const std::lock_guard lock(ends.mutex);
    const auto found = ends.table.find(serial);
    if (found != ends.table.end()) end = found->second.lock();
  }
  // Without the lock, for the exchange of descriptors takes time. Two threads may open the same end; both work.
  if (end && !end->closed()) {
    if (is_socket) channel::decline_descriptor(object, state.offer);
    return end;
  }
  end = is_socket ? channel::open_socket_end(std::move(object))
                  : channel::open_pipe_end(std::move(object));
  return channel::enter(std::move(end), serial);
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0::channel {

std::shared_ptr<detail::ConnectionEnd> enter(std::shared_ptr<detail::ConnectionEnd> end,
                                             std::uint64_t serial) {
  auto& ends = detail::Ends::instance();
  const std::lock_guard lock(ends.mutex);
  ends.forget_the_gone();
  ends.table.insert_or_assign(serial, end);
  return end;
}

}  // namespace royong::inline v0::channel

namespace royong::inline v0 {

// ---- Connection ----

void Connection::send_bytes(std::span<const std::byte> bytes) const {
  object_->send(std::as_bytes(std::span(&detail::plain_bytes, 1)), bytes);
}

std::vector<std::byte> Connection::recv_bytes(std::int64_t maxlength, Timeout timeout) const {
  detail::IncomingMessage message;
  object_->receive(message, detail::checked_length(maxlength), timeout);
  detail::expect_type(message, detail::plain_bytes, "bytes");
  return std::move(message).take_bytes();
}

std::size_t Connection::recv_bytes_into(std::span<std::byte> buffer, Timeout timeout) const {
  detail::IncomingMessage message;
  object_->receive(message, detail::checked_length(any_length), timeout);
  detail::expect_type(message, detail::plain_bytes, "bytes");
  const auto body = message.body();
  if (body.size() > buffer.size()) detail::throw_too_short(body, buffer.size());
  if (!body.empty()) std::memcpy(buffer.data(), body.data(), body.size());
  return body.size();
}

namespace detail {

void expect_type(const IncomingMessage& message, std::uint64_t type, std::string_view name) {
  if (message.type() == type) return;
  const char* what = message.type() == plain_bytes   ? "bytes (see recv_bytes)"
                     : message.type() == sent_handle ? "a descriptor (see recv_handle)"
                     : type == plain_bytes           ? "a value (see recv)"
                                                     : "a value of another type";
  throw TransferError("the message is no " + std::string(name) + " but " + what);
}

void throw_too_short(std::span<const std::byte> message, std::size_t room) {
  throw BufferTooShort("the buffer has room for " + std::to_string(room) +
                           " bytes, the message has " + std::to_string(message.size()),
                       {reinterpret_cast<const char*>(message.data()), message.size()});
}

std::uint64_t checked_length(std::int64_t maxlength) {
  if (maxlength < 0) throw UsageError("a length cannot be negative: " + std::to_string(maxlength));
  return static_cast<std::uint64_t>(maxlength);
}

}  // namespace detail

}  // namespace royong::inline v0
