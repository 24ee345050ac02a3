// SPDX-License-Identifier: Apache-2.0
#include <algorithm>     // for std::min
#include <atomic>        // for std::atomic
#include <chrono>        // for std::chrono::seconds
#include <list>          // for std::list
#include <mutex>         // for std::timed_mutex
#include <system_error>  // for std::system_error
#include <utility>       // for std::exchange
#include <vector>        // for std::vector

#include "channel/address.hpp"
#include "channel/ends.hpp"
#include "channel/meeting.hpp"
#include "channel/socket_file.hpp"
#include "channel/tls.hpp"
#include "logging/log.hpp"
#include "memory/slots.hpp"
#include "os/poll.hpp"
#include "os/stream_socket.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0 {

namespace {

using channel::Meeting;
using Clock = Timeout::Clock;

/// How long a client may take to prove itself.
constexpr std::chrono::seconds patience{10};
/// Clients that may be about it at the same time; more wait in the backlog.
constexpr std::size_t most_meetings = 256;

void require_member() {
  if (!memory::self()) {
    throw UsageError(
        "this process cannot have connections: it is no member of the program (royong::init was "
        "not "
        "called, or it is a child of a fork that royong did not make)");
  }
}

void check_tls(const std::string& address, const Tls& tls) {
  if (channel::is_wanted(tls) && channel::kind_of_address(address) != channel::AddressKind::inet) {
    throw UsageError("TLS is for TCP: the address \"" + address + "\" is on this machine");
  }
}

void prepare_tcp(int socket) noexcept {
  os::set_no_delay(socket);
  os::set_keep_alive(socket);
}

struct Candidate {
  Meeting meeting;
  std::string from;
  Clock::time_point deadline;
};

}  // namespace

struct Listener::Impl {
  explicit Impl(ListenerOptions given) : options(std::move(given)) {
    require_member();
    if (options.backlog < 0) {
      throw UsageError("a backlog cannot be negative: " + std::to_string(options.backlog));
    }
    if (options.address.empty()) options.address = channel::generate_address();
    check_tls(options.address, options.tls);
    if (channel::is_wanted(options.tls)) {
      tls = std::make_unique<channel::TlsContext>(channel::Side::listener, options.tls,
                                                  options.authkey);
    }
    listen();
  }

  void listen() {
    const std::string& text = options.address;
    const int backlog = std::max(options.backlog, 1);
    switch (channel::kind_of_address(text)) {
      case channel::AddressKind::path:
        socket = channel::SocketFile::listen(text, backlog, file);
        break;
      case channel::AddressKind::abstract_name:
        socket = os::listen_at(channel::resolve(text, true).front(), backlog, text);
        asks_for_user = !options.authkey;
        break;
      case channel::AddressKind::inet:
        listen_inet(backlog);
        options.address = channel::to_text(os::local_address(socket.get()));
        break;
    }
  }

  // At the first of the host's addresses that can be listened at.
  void listen_inet(int backlog) {
    const auto addresses = channel::resolve(options.address, true);
    for (const auto& address : addresses) {
      try {
        socket = os::listen_at(address, backlog, options.address);
        return;
      } catch (const std::system_error&) {
        if (&address == &addresses.back()) throw;
      }
    }
  }

  void refuse_closed() const {
    if (closed.load()) throw UsageError("the listener is closed");
  }

  void take_turn(Clock::time_point deadline) {
    for (;;) {
      refuse_closed();
      // In slices: there is no event for "the mutex is free, or closed".
      if (mutex.try_lock_until(std::min(deadline, Clock::now() + sync::slice))) return;
      if (Clock::now() >= deadline) throw_timeout();
    }
  }

  [[noreturn]] static void throw_timeout() {
    throw TimeoutError("no client came within the time given");
  }

  std::unique_ptr<channel::Stream> accept(Clock::time_point deadline) {
    take_turn(deadline);
    const std::unique_lock lock(mutex, std::adopt_lock);
    for (;;) {
      refuse_closed();
      take_new();
      if (auto stream = advance_all()) return stream;
      if (!wait(deadline)) throw_timeout();
    }
  }

  void take_new() {
    os::SocketAddress from;
    while (candidates.size() < most_meetings) {
      auto client = os::accept_next(socket.get(), from);
      if (!client) return;
      if (asks_for_user) {
        const auto user = os::peer_of(client->get()).uid;
        if (user != ::geteuid() && user != 0) {
          detail::warn("user {} was not let in at {}, which has no authkey", user, options.address);
          continue;
        }
      }
      if (from.family() != AF_UNIX) prepare_tcp(client->get());
      auto stream =
          tls ? tls->stream(std::move(*client), {}) : channel::plain_stream(std::move(*client));
      candidates.push_back({Meeting(std::move(stream), channel::Side::listener, options.authkey),
                            channel::to_text(from), Clock::now() + patience});
    }
  }

  /// Who has proved himself; nobody: null.
  std::unique_ptr<channel::Stream> advance_all() {
    const auto now = Clock::now();
    for (auto at = candidates.begin(); at != candidates.end();) {
      auto outcome = Meeting::Outcome::gone;
      try {
        outcome = at->meeting.advance();
      } catch (...) {
        candidates.erase(at);
        throw;
      }
      if (outcome == Meeting::Outcome::done) {
        Candidate done = std::move(*at);
        candidates.erase(at);
        {
          const std::lock_guard guard(last_mutex);
          last = done.from;
        }
        return done.meeting.take_stream();
      }
      const bool late = outcome == Meeting::Outcome::waiting && now >= at->deadline;
      if (late) detail::warn("a client of {} did not prove itself in time", options.address);
      at = late || outcome == Meeting::Outcome::gone ? candidates.erase(at) : std::next(at);
    }
    return nullptr;
  }

  /// Until anything may have changed. @return false: the time is over
  bool wait(Clock::time_point deadline) {
    std::vector<pollfd> fds{{waker.fd(), POLLIN, 0}};
    auto next = deadline;
    if (candidates.size() < most_meetings) fds.push_back({socket.get(), POLLIN, 0});
    for (const auto& candidate : candidates) {
      fds.push_back(candidate.meeting.event());
      if (next != Clock::time_point::min()) next = std::min(next, candidate.deadline);
    }
    return os::poll(fds, next) != 0 || next != deadline;
  }

  const memory::Owner owner = memory::self();  ///< a forked copy closes nothing but its own copy
  ListenerOptions options;
  std::unique_ptr<channel::TlsContext> tls;
  channel::SocketFile file;
  os::Fd socket;
  os::EventFd waker;
  bool asks_for_user = false;
  std::atomic<bool> closed{false};
  std::timed_mutex mutex;  ///< the turn to accept
  std::list<Candidate> candidates;
  std::mutex last_mutex;
  std::optional<std::string> last;
};

Listener::Listener(ListenerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Listener::Listener(Listener&& other) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    close();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
Listener::~Listener() { close(); }

Listener::Impl& Listener::impl() const {
  if (!impl_) throw UsageError("the listener was moved from");
  return *impl_;
}

Connection Listener::accept(Timeout timeout) {
  return channel::make_socket_connection(ConnectionAccess::accept(*this, timeout));
}

std::unique_ptr<channel::Stream> ConnectionAccess::accept(Listener& listener, Timeout timeout) {
  return listener.impl().accept(timeout.is_poll() ? Clock::time_point::min() : timeout.deadline());
}

const std::string& Listener::address() const noexcept {
  static const std::string none;
  return impl_ ? impl_->options.address : none;
}

std::optional<std::string> Listener::last_accepted() const {
  const auto& own = impl();
  own.refuse_closed();
  const std::lock_guard guard(impl_->last_mutex);
  return own.last;
}

void Listener::close() noexcept {
  if (!impl_ || impl_->closed.exchange(true)) return;
  impl_->waker.signal();  // stays readable: every accept sees it
  const std::lock_guard turn(impl_->mutex);
  if (impl_->owner == memory::self()) {
    // A process that was forked meanwhile has the socket too: it must not look alive.
    os::hang_up(impl_->socket.get());
    impl_->file.remove();
  }
  impl_->candidates.clear();
  impl_->socket.reset();
}

namespace {

os::Fd connect_socket(const std::string& address, Clock::time_point deadline) {
  const auto addresses = channel::resolve(address, false);
  for (const auto& at : addresses) {
    try {
      auto socket = os::connect_to(at, deadline, address);
      if (!socket) break;
      if (at.family() != AF_UNIX) prepare_tcp(socket->get());
      return std::move(*socket);
    } catch (const std::system_error&) {
      if (&at == &addresses.back()) throw;
    }
  }
  throw TimeoutError("the listener at " + address + " did not let us in within the time given");
}

}  // namespace

Connection Client(const std::string& address, const std::optional<std::string>& authkey,
                  const Tls& tls, Timeout timeout) {
  return channel::make_socket_connection(ConnectionAccess::connect(address, authkey, tls, timeout));
}

std::unique_ptr<channel::Stream> ConnectionAccess::connect(
    const std::string& address, const std::optional<std::string>& authkey, const Tls& tls,
    Timeout timeout) {
  require_member();
  check_tls(address, tls);
  std::unique_ptr<channel::TlsContext> context;
  if (channel::is_wanted(tls)) {
    context = std::make_unique<channel::TlsContext>(channel::Side::client, tls, authkey);
  }
  const auto deadline = timeout.is_poll() ? Clock::time_point::min() : timeout.deadline();
  os::Fd socket = connect_socket(address, deadline);
  auto stream = context ? context->stream(std::move(socket),
                                          tls.host.empty() ? channel::host_of(address) : tls.host)
                        : channel::plain_stream(std::move(socket));
  Meeting meeting(std::move(stream), channel::Side::client, authkey);
  for (;;) {
    switch (meeting.advance()) {
      case Meeting::Outcome::done: return meeting.take_stream();
      case Meeting::Outcome::gone:
        throw EndOfFile("the listener at " + address +
                        " closed the connection before it let us in");
      case Meeting::Outcome::waiting: break;
    }
    pollfd event = meeting.event();
    if (os::poll({&event, 1}, deadline) == 0) {
      throw TimeoutError("the listener at " + address + " did not let us in within the time given");
    }
  }
}

}  // namespace royong::inline v0
