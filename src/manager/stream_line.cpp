// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <algorithm>  // for std::min
#include <array>      // for std::array
#include <cstddef>    // for std::ptrdiff_t
#include <mutex>      // for std::mutex
#include <utility>    // for std::move
#include <vector>     // for std::vector

#include "channel/frame.hpp"
#include "manager/line.hpp"
#include "manager/protocol.hpp"
#include "os/poll.hpp"
#include "os/stream_socket.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {
namespace {

using channel::FrameHeader;
using channel::FrameReader;

/// Bytes that are received before somebody else has a turn, who may also find that they are too many.
constexpr std::size_t most_at_once = std::size_t{1} << 20;

class StreamLine final : public Line {
 public:
  StreamLine(std::unique_ptr<channel::Stream> stream, std::uint64_t longest)
      : stream_(std::move(stream)), longest_(longest), reader_(longest) {}

  detail::Writer writer() override { return detail::Writer(detail::Transit::foreign); }

  void post(std::span<const std::byte> head, std::span<const std::byte> body) override {
    const auto frame =
        channel::encode_frame_header({.length = head.size() + body.size(), .type = frame_type});
    const std::lock_guard lock(mutex_);
    // A peer that is never quite up with us costs what is unsent, not all that ever was.
    if (sent_ > out_.size() / 2) {
      out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_));
      offered_ -= sent_;
      sent_ = 0;
    }
    const auto padding = channel::padding_behind(head.size() + body.size());
    out_.reserve(out_.size() + frame.size() + head.size() + body.size() + padding.size());
    out_.insert(out_.end(), frame.begin(), frame.end());
    out_.insert(out_.end(), head.begin(), head.end());
    out_.insert(out_.end(), body.begin(), body.end());
    out_.insert(out_.end(), padding.begin(), padding.end());
  }

  bool flush() override {
    const std::lock_guard lock(mutex_);
    offered_ = out_.size();
    while (sent_ < out_.size()) {
      std::array<iovec, 1> part{{{out_.data() + sent_, out_.size() - sent_}}};
      const auto progress = stream_->write_some(part, -1);
      if (progress.ended) {
        forget_sent();
        throw BrokenPipe("the peer is gone");
      }
      if (progress.bytes == 0) {
        wants_ = progress.wants;
        return false;
      }
      sent_ += progress.bytes;
    }
    forget_sent();
    return true;
  }

  std::size_t unsent() const noexcept override {
    const std::lock_guard lock(mutex_);
    return out_.size() - sent_;
  }

  bool withdraw(std::uint64_t call) noexcept override {
    const std::lock_guard lock(mutex_);
    // What TLS was offered it may have encrypted, though nothing has left.
    auto rest = std::span(out_).subspan(offered_);
    while (!rest.empty()) {
      const auto header = channel::decode_frame_header(rest.first<channel::frame_header_size>());
      rest = rest.subspan(channel::frame_header_size);
      if (withdraw_request(rest.first(header.length), call)) return true;
      rest = rest.subspan(header.length + channel::padding_behind(header.length).size());
    }
    return false;
  }

  std::size_t receive(std::size_t most, Receiver& receiver) override {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < most && bytes < most_at_once) {
      const auto progress = [&] {
        const std::lock_guard lock(mutex_);
        const auto room = reader_.room();
        return stream_->read_some(room.first(std::min(room.size(), most_at_once)), nullptr);
      }();
      if (progress.bytes == 0) {
        if (progress.ended && count == 0) throw_end();
        break;
      }
      bytes += progress.bytes;
      if (!reader_.advance(progress.bytes)) continue;
      if (reader_.header().type != frame_type || reader_.header().flags != 0) {
        throw TransferError("malformed message: a frame that is no manager's");
      }
      const bool is_whole = !reader_.drops_body();
      const auto body = reader_.take_body();
      reader_ = FrameReader(longest_);
      if (is_whole) {
        receiver.message(body);
      } else {
        receiver.dropped(body);
      }
      ++count;
      if (receiver.has_enough()) break;
    }
    return count;
  }

  std::size_t incomplete() const noexcept override { return reader_.body_so_far(); }
  void drop_rest(std::size_t kept) override { reader_.drop_body(kept); }
  bool may_receive() noexcept override { return true; }
  bool has_buffered() noexcept override { return stream_->has_buffered(); }

  void wait(const std::atomic<std::uint32_t>& flag, Timeout::Clock::time_point deadline) override {
    short events = POLLIN;
    {
      const std::lock_guard lock(mutex_);
      if (stream_->has_buffered()) return;
      if (sent_ < out_.size()) events = static_cast<short>(events | wants_);
    }
    std::array<pollfd, 2> fds{{{stream_->fd(), events, 0}, {waker_.fd(), POLLIN, 0}}};
    if (flag.load(std::memory_order_acquire) != 0) return;
    os::poll(fds, deadline);
    if (fds[1].revents != 0) waker_.drain();
  }

  void wake() noexcept override { waker_.signal(); }
  int fd() const noexcept override { return stream_->fd(); }
  // Its copy of the socket is closed without a word of TLS, which would be the parent's.
  void abandon() noexcept override { abandoned_ = true; }

  ~StreamLine() override {
    if (abandoned_) return;
    stream_->end();
    // A process that was forked meanwhile has the socket too: the peer must not wait for its end.
    os::hang_up(stream_->fd());
  }

 private:
  void forget_sent() {
    out_.clear();
    sent_ = 0;
    offered_ = 0;
    // One large message should not be paid for ever.
    constexpr std::size_t kept = std::size_t{1} << 20;
    if (out_.capacity() > kept) out_.shrink_to_fit();
  }

  [[noreturn]] void throw_end() const {
    if (reader_.untouched()) throw EndOfFile("the peer is gone");
    throw TransferError("the peer is gone in the middle of a message");
  }

  std::unique_ptr<channel::Stream> stream_;
  const std::uint64_t longest_;
  FrameReader reader_;
  os::EventFd waker_;
  bool abandoned_ = false;

  mutable std::mutex mutex_;  ///< guards what follows, and the stream
  std::vector<std::byte> out_;
  std::size_t sent_ = 0;
  std::size_t offered_ = 0;  ///< to the stream: where a message begins
  short wants_ = POLLOUT;
};

}  // namespace

std::unique_ptr<Line> make_stream_line(std::unique_ptr<channel::Stream> stream,
                                       std::uint64_t longest) {
  return std::make_unique<StreamLine>(std::move(stream), longest);
}

}  // namespace royong::inline v0::manager
