// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>  // for std::min
#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono::microseconds
#include <cstring>    // for std::memcpy
#include <utility>    // for std::exchange

#include "channel/descriptor_exchange.hpp"
#include "channel/end_state.hpp"
#include "channel/ends.hpp"
#include "channel/frame.hpp"
#include "channel/queue_wait.hpp"
#include "channel/stream.hpp"
#include "memory/slots.hpp"
#include "os/poll.hpp"
#include "os/stream_socket.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "sync/eventcount.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::channel {

namespace {

using detail::ObjectRef;
using os::Deadline;

/// Twice what a round trip through a socket takes on one machine.
constexpr std::chrono::microseconds awake_at_most{30};

os::Fd of_frame(bool wanted, os::Fd& came) { return wanted ? std::move(came) : os::Fd(); }

/// See end_state.hpp for what processes that share the end leave each other.
class SocketEnd final : public detail::ConnectionEnd {
 public:
  SocketEnd(ObjectRef object, std::unique_ptr<Stream> stream)
      : ConnectionEnd(std::move(object), true, true),
        state_(end_state(held().record())),
        stream_(std::move(stream)) {}
  ~SocketEnd() override {
    if (close_for_good()) SocketEnd::release();
    delete wake_.load();
  }

 private:
  /// Sending or receiving belongs to this thread as long as it lives.
  class Turn {
   public:
    Turn(SocketEnd& end, detail::LockWord& lock, Deadline deadline) : lock_(lock) {
      for (;;) {
        end.refuse_closed();
        auto left = Timeout(sync::slice);
        if (deadline == Deadline::min()) {  // only a look: nothing may be subtracted from it
          left = Timeout(std::chrono::seconds(0));
        } else if (deadline != Deadline::max()) {
          left = Timeout(deadline - Deadline::clock::now());
        }
        if (lock.lock(std::min(left.duration(), Timeout(sync::slice).duration()))) return;
        if (left.is_poll()) throw TimeoutError("another thread or process uses the connection");
      }
    }
    ~Turn() { lock_.unlock(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    detail::LockWord& lock_;
  };

  /// A frame on its way out. What goes wrong after its first byte tears the stream, and the peer is shown that.
  class Outgoing {
   public:
    explicit Outgoing(SocketEnd& end) : end_(end) {}
    ~Outgoing() {
      if (begun && !done) end_.tear();
    }
    Outgoing(const Outgoing&) = delete;
    Outgoing& operator=(const Outgoing&) = delete;
    bool begun = false;
    bool done = false;

   private:
    SocketEnd& end_;
  };

  void do_send(std::span<const std::byte> head, std::span<const std::byte> body) override {
    send_frame(head, body, -1);
  }

  void send_frame(std::span<const std::byte> head, std::span<const std::byte> body,
                  int descriptor) {
    FrameHeader header{.flags = descriptor >= 0 ? FrameHeader::with_descriptor : 0};
    const auto first = head.empty() ? body.first(detail::type_bytes) : head;
    std::memcpy(&header.type, first.data(), detail::type_bytes);
    if (head.empty()) body = body.subspan(detail::type_bytes);
    header.length = body.size();
    auto header_bytes = encode_frame_header(header);
    const auto padding = padding_behind(body.size());
    std::array<iovec, 3> parts{{{header_bytes.data(), header_bytes.size()},
                                {const_cast<std::byte*>(body.data()), body.size()},
                                {const_cast<std::byte*>(padding.data()), padding.size()}}};

    expects_answer = true;
    const Turn turn(*this, state_.sending, Deadline::max());
    state_.sending.mark_consistent();
    if (state_.outflow == Outflow::begun) tear();
    if (state_.outflow == Outflow::torn) {
      throw BrokenPipe("the connection was left in the middle of a message that was being sent");
    }
    Outgoing frame(*this);
    for (std::span<iovec> left = parts; !left.empty();) {
      refuse_closed();
      state_.outflow = Outflow::begun;
      const Progress progress = stream_->write_some(left, frame.begun ? -1 : descriptor);
      if (progress.bytes == 0 && !frame.begun) state_.outflow = Outflow::whole;
      if (progress.ended) {
        throw BrokenPipe("the peer of the connection is gone: nobody can receive what is sent");
      }
      if (progress.bytes == 0) {
        wait_for(progress.wants, Deadline::max());
        continue;
      }
      frame.begun = true;
      std::size_t done = progress.bytes;
      while (!left.empty() && done >= left.front().iov_len) {
        done -= left.front().iov_len;
        left = left.subspan(1);
      }
      if (!left.empty()) {
        left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + done;
        left.front().iov_len -= done;
      }
    }
    frame.done = true;
    state_.outflow = Outflow::whole;
  }

  void do_receive(detail::IncomingMessage& out, std::uint64_t longest, Timeout timeout) override {
    os::Fd unwanted;
    receive_frame(out, longest, timeout, unwanted);
  }

  void receive_frame(detail::IncomingMessage& out, std::uint64_t longest, Timeout timeout,
                     os::Fd& descriptor) {
    const auto deadline = timeout.is_poll() ? Deadline::min() : timeout.deadline();
    const Turn turn(*this, state_.receiving, deadline);
    refuse_torn_input();
    reader_.set_longest(longest);
    while (!complete_) {
      refuse_closed();
      const Progress progress = read_awake(deadline);
      if (progress.ended) throw_end();
      if (progress.bytes == 0 && !wait_for(progress.wants, deadline)) {
        throw TimeoutError("nothing came through the connection within the time given");
      }
    }
    const FrameHeader header = reader_.header();
    out.adopt(header.type, reader_.take_body(), true);
    reader_ = FrameReader();
    complete_ = false;
    state_.in_the_middle = 0;
    descriptor = of_frame((header.flags & FrameHeader::with_descriptor) != 0, descriptor_);
    descriptor_.reset();
  }

  /** @brief What has come; or what comes while this thread stays awake for it, when it has sent something and may expect an answer.
   *
   *  To sleep and to be woken costs as much as the round trip. Each look is followed by a yield, for the peer may be waiting for this
   *  very processor.
   */
  Progress read_awake(Deadline deadline) {
    Progress progress = read_some();
    const auto got_nowhere = [&] { return progress.bytes == 0 && !progress.ended; };
    if (!std::exchange(expects_answer, false) || !got_nowhere()) return progress;
    auto& history = sync::SpinHistory::of(this);
    if (deadline == Deadline::min() || !history.advises_spinning()) return progress;
    const auto begin = Deadline::clock::now();
    auto now = begin;
    for (; now - begin < awake_at_most && got_nowhere(); now = Deadline::clock::now()) {
      ::sched_yield();
      progress = read_some();
    }
    if (now - begin > 2 * awake_at_most) {
      history.record_crowd();
    } else {
      history.record(!got_nowhere());
    }
    return progress;
  }

  Progress read_some() {
    state_.in_the_middle = memory::self().bits;
    const Progress progress = stream_->read_some(reader_.room(), &descriptor_);
    if (progress.bytes == 0) {
      if (reader_.untouched()) state_.in_the_middle = 0;
      return progress;
    }
    try {
      complete_ = reader_.advance(progress.bytes);
    } catch (const Error&) {
      stop_reading();  // the stream has lost its frames
      throw;
    }
    return progress;
  }

  void refuse_torn_input() {
    state_.receiving.mark_consistent();
    const auto middle = state_.in_the_middle.load();
    if (middle != 0 && (middle != memory::self().bits || reader_.untouched())) {
      throw TransferError(
          "another process that shares the connection was left in the middle of a message");
    }
  }

  [[noreturn]] void throw_end() {
    if (reader_.untouched()) {
      throw EndOfFile("the peer of the connection is gone, and all it sent has been received");
    }
    throw TransferError("the peer of the connection is gone in the middle of a message");
  }

  bool do_poll(Timeout timeout) override {
    const auto deadline = timeout.is_poll() ? Deadline::min() : timeout.deadline();
    if (stream_->can_travel()) return wait_for(POLLIN, deadline);
    // Whether it is a message, only TLS can tell: so a part of it is received.
    const Turn turn(*this, state_.receiving, deadline);
    for (;;) {
      if (complete_ || !reader_.untouched()) return true;
      refuse_closed();
      const Progress progress = read_some();
      if (progress.ended || progress.bytes > 0) return true;
      if (!wait_for(progress.wants, deadline)) return false;
    }
  }

  int do_fileno() override { return stream_->fd(); }
  detail::Writer do_writer() override { return detail::Writer(detail::Transit::foreign); }

  void do_send_handle(int descriptor) override {
    if (!is_unix()) {
      throw TransferError("a descriptor cannot be sent: only unix sockets and pipes carry them");
    }
    const os::Fd copy =
        os::duplicate(descriptor);  // refuses one that is not open before anything is sent
    send_frame(std::as_bytes(std::span(&detail::sent_handle, 1)), {}, copy.get());
  }

  int do_receive_handle(Timeout timeout) override {
    detail::IncomingMessage message;
    os::Fd descriptor;
    receive_frame(message, 0, timeout, descriptor);
    detail::expect_type(message, detail::sent_handle, "descriptor");
    if (!descriptor) throw TransferError("a message should bring a descriptor and did not");
    return descriptor.release();
  }

  void do_share() override {
    if (!stream_->can_travel()) {
      throw TransferError("a TLS connection cannot be sent: it is at home in one process");
    }
    offer_descriptor(held(), state_.offer, stream_->fd());
  }

  bool is_unix() const {
    return stream_->can_travel() && os::local_address(stream_->fd()).family() == AF_UNIX;
  }

  void tear() noexcept {
    state_.outflow = Outflow::torn;
    os::end_sending(stream_->fd());
  }

  /// @return false: the deadline passed. @throws UsageError the end was closed meanwhile
  bool wait_for(short events, Deadline deadline) {
    if (deadline == Deadline::min()) {
      pollfd event{stream_->fd(), events, 0};
      return os::poll({&event, 1}, deadline) > 0;
    }
    os::EventFd& waker = this->waker();
    // After the waker is there for close to see: either it signals, or we see that it is closed.
    refuse_closed();
    std::array<pollfd, 2> fds{{{stream_->fd(), events, 0}, {waker.fd(), POLLIN, 0}}};
    if (os::poll(fds, deadline) == 0) return false;
    if (fds[1].revents != 0) {
      // A forked copy of this process may have meant itself: so only `closed` is believed. Drained before it is looked at,
      // and set again for the next thread.
      waker.drain();
      if (closed()) waker.signal();
      refuse_closed();
    }
    return true;
  }

  os::EventFd& waker() {
    os::EventFd* known = wake_.load();
    if (known == nullptr) {
      auto made = std::make_unique<os::EventFd>();
      if (wake_.compare_exchange_strong(known, made.get())) known = made.release();
    }
    return *known;
  }

  void wake() noexcept override {
    if (os::EventFd* known = wake_.load()) known->signal();
  }

  void release() noexcept override {
    stream_->end();
    stream_.reset();
    descriptor_.reset();
    delete wake_.exchange(nullptr);
  }

  EndState& state_;  ///< of the object that the base holds
  std::unique_ptr<Stream> stream_;
  // Guarded by `state_.receiving`.
  FrameReader reader_;
  bool complete_ = false;
  os::Fd descriptor_;                        ///< came with the frame that is being received
  std::atomic<os::EventFd*> wake_{nullptr};  ///< owned; made by the first call that waits
};

}  // namespace

std::shared_ptr<detail::ConnectionEnd> open_socket_end(ObjectRef object) {
  auto stream = plain_stream(fetch_descriptor(object, end_state(object.record()).offer));
  return std::make_shared<SocketEnd>(std::move(object), std::move(stream));
}

Connection make_socket_connection(std::unique_ptr<Stream> stream) {
  auto object = ObjectRef::create(detail::ObjectKind::connection);
  end_state(object.record()).transport = Transport::socket;
  const auto serial = object.name().serial;
  return ConnectionAccess::make(
      enter(std::make_shared<SocketEnd>(std::move(object), std::move(stream)), serial));
}

}  // namespace royong::inline v0::channel
