// SPDX-License-Identifier: Apache-2.0
#include <cstddef>    // for std::ptrdiff_t
#include <cstring>    // for std::memcpy
#include <exception>  // for std::exception_ptr
#include <optional>   // for std::optional
#include <utility>    // for std::move
#include <vector>     // for std::vector

#include "channel/end_state.hpp"
#include "channel/queue_ends.hpp"
#include "channel/queue_state.hpp"
#include "manager/line.hpp"
#include "manager/protocol.hpp"
#include "manager/server_state.hpp"
#include "memory/slots.hpp"
#include "royong/error.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::manager {

using channel::QueueState;
using detail::ObjectKind;
using detail::ObjectRecord;
using detail::ObjectRef;

namespace {

ObjectRef queue_of(const detail::ObjectName& name) {
  return ObjectRef::acquire(name, ObjectKind::pipe, 0);
}

}  // namespace

class PipeLine final : public Line {
 public:
  explicit PipeLine(Connection end) : end_(std::move(end)) {
    const ObjectRef object = detail::HandleAccess::object(end_);
    const auto& state = channel::end_state(object.record());
    if (state.transport != channel::Transport::pipe || state.in.serial == 0 ||
        state.out.serial == 0) {
      throw TransferError("a session needs a pipe that goes both ways");
    }
    in_ = queue_of(state.in);
    out_ = queue_of(state.out);
  }

  void set_server(ObjectRef server) noexcept { server_ = std::move(server); }

  detail::Writer writer() override { return detail::Writer(out_); }

  void post(std::span<const std::byte> head, std::span<const std::byte> body) override {
    const std::size_t size = head.size() + body.size();
    // A peer that is never quite up with us costs what is unsent, not all that ever was.
    if (at_ > bytes_.size() / 2) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
      sizes_.erase(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(first_));
      at_ = 0;
      first_ = 0;
    }
    sizes_.reserve(sizes_.size() + 1);
    const auto before = bytes_.size();
    bytes_.resize(before + size);
    if (!head.empty()) std::memcpy(bytes_.data() + before, head.data(), head.size());
    if (!body.empty()) std::memcpy(bytes_.data() + before + head.size(), body.data(), body.size());
    sizes_.push_back(size);
    unsent_.store(bytes_.size() - at_, std::memory_order_relaxed);
  }

  bool flush() override {
    if (first_ == sizes_.size()) return true;
    const auto first = first_;
    std::exception_ptr no_memory;
    try {
      while (first_ != sizes_.size() && send_some()) {
      }
    } catch (const ShutDown&) {
      forget_sent();
      throw BrokenPipe("the peer is gone");
    } catch (const ArenaFull&) {
      no_memory = std::current_exception();  // of what has left the peer is told first
    }
    unsent_.store(bytes_.size() - at_, std::memory_order_relaxed);
    if (first_ != first) {
      QueueState& state = channel::state_of(out_.record());
      state.not_empty.notify_one();
      state.filled.ring(out_.record());  // behind the fence of the notification
      if (server_) tell(server_.record());
    }
    if (no_memory) std::rethrow_exception(no_memory);
    if (first_ != sizes_.size()) return false;
    forget_sent();
    return true;
  }

  std::size_t unsent() const noexcept override { return unsent_.load(std::memory_order_relaxed); }

  std::vector<std::byte> take_back() override {
    const auto message = std::span(bytes_).subspan(at_, sizes_[first_]);
    std::vector<std::byte> taken(message.begin(), message.end());
    at_ += sizes_[first_++];
    unsent_.store(bytes_.size() - at_, std::memory_order_relaxed);
    if (first_ == sizes_.size()) forget_sent();
    return taken;
  }

  bool withdraw(std::uint64_t call) noexcept override {
    auto rest = std::span(bytes_).subspan(at_);
    for (std::size_t i = first_; i < sizes_.size(); ++i) {
      if (withdraw_request(rest.first(sizes_[i]), call)) return true;
      rest = rest.subspan(sizes_[i]);
    }
    return false;
  }

  std::size_t receive(std::size_t most, Receiver& receiver) override {
    if (taken_ == 0) take(most);
    std::size_t count = 0;
    while (taken_ != 0) {
      --taken_;
      ++count;
      receiver.message(batch_.next());
      if (receiver.has_enough()) break;
    }
    if (taken_ == 0) batch_.clear();
    return count;
  }

  bool may_receive() noexcept override {
    const QueueState& state = channel::state_of(in_.record());
    return taken_ != 0 || !is_empty(state) ||
           state.shut.load(std::memory_order_acquire) != channel::open;
  }

  void wait(const std::atomic<std::uint32_t>& flag, Timeout::Clock::time_point deadline) override {
    const auto is_over = [&] { return may_receive() || flag.load(std::memory_order_acquire) != 0; };
    // With something unsent it is room that is waited for: the server reads unless it is starved itself, and then there is something to receive.
    const bool full = unsent() != 0;
    QueueState& in = channel::state_of(in_.record());
    QueueState& out = channel::state_of(out_.record());
    sync::EventCount& events = full ? out.not_full : in.not_empty;
    const auto has_room = [&] {
      return full && (!channel::is_window_full(out) || out.shut.load() != channel::open);
    };
    for (sync::Spinner spinner(spin_rounds, &events); spinner.once();) {
      if (is_over() || has_room()) return;
    }
    const auto key = events.prepare();
    if (is_over() || has_room()) return;
    events.wait(key, deadline);
    // A server that was killed hangs up when its slot is swept; this is for the case that nobody does.
    if (server_ && !memory::is_alive({server_state(server_.record()).owner.load()}) && !is_over()) {
      throw EndOfFile("the server is gone");
    }
  }

  void wake() noexcept override {
    channel::state_of(in_.record()).not_empty.notify_all();
    channel::state_of(out_.record()).not_full.notify_all();
  }

  void abandon() noexcept override {}

 private:
  static bool is_empty(const QueueState& state) noexcept {
    return state.head.load(std::memory_order_relaxed) == state.tail.load(std::memory_order_acquire);
  }

  /// @return false: there is no room
  bool send_some() {
    ObjectRecord& record = out_.record();
    const auto bytes = std::span<const std::byte>(bytes_).subspan(at_);
    const auto sizes = std::span<const std::size_t>(sizes_).subspan(first_);
    std::optional<channel::NewBlock> block;
    // The window first: a block costs a copy.
    if (channel::is_window_full(channel::state_of(record))) return false;
    if (sizes.front() > channel::largest_inline) block.emplace(bytes.first(sizes.front()));
    const auto count = channel::put_some(record, bytes, sizes, block);
    for (std::size_t i = 0; i < count; ++i) at_ += sizes[i];
    first_ += count;
    return count != 0;
  }

  void take(std::size_t most) {
    ObjectRecord& record = in_.record();
    QueueState& state = channel::state_of(record);
    try {
      taken_ = channel::take_some(record, most, batch_);
    } catch (const ShutDown&) {
      throw EndOfFile("the peer is gone");
    }
    if (taken_ == 0) return;
    state.not_full.notify_one();
    if (is_empty(state)) state.drained.ring(record);
    // The fence of the notification stands between the taking and this look, as one of the server's stands between its mark and its look for room.
    if (server_ && server_state(server_.record()).starved.load(std::memory_order_relaxed) != 0) {
      tell(server_.record());
    }
  }

  void forget_sent() noexcept {
    bytes_.clear();
    sizes_.clear();
    first_ = 0;
    at_ = 0;
    unsent_.store(0, std::memory_order_relaxed);
    // One large message should not be paid for ever.
    constexpr std::size_t kept = std::size_t{1} << 20;
    if (bytes_.capacity() > kept) bytes_.shrink_to_fit();
  }

  Connection end_;  ///< keeps the end, and so both queues, from hanging up
  ObjectRef in_;
  ObjectRef out_;
  ObjectRef server_;
  std::vector<std::byte> bytes_;        ///< messages posted since all had left
  std::vector<std::size_t> sizes_;      ///< of each
  std::size_t first_ = 0;               ///< the first that has not left
  std::size_t at_ = 0;                  ///< where it begins
  std::atomic<std::size_t> unsent_{0};  ///< for who receives meanwhile
  detail::MessageBatch batch_;
  std::size_t taken_ = 0;  ///< messages of the batch that were not handed out
};

std::unique_ptr<Line> make_pipe_line(Connection end) {
  return std::make_unique<PipeLine>(std::move(end));
}

void set_server(Line& line, ObjectRef server) noexcept {
  static_cast<PipeLine&>(line).set_server(std::move(server));
}

}  // namespace royong::inline v0::manager
