// SPDX-License-Identifier: Apache-2.0
#include <array>    // for std::array
#include <atomic>   // for std::atomic
#include <cstring>  // for std::memcpy
#include <string>   // for std::string
#include <utility>  // for std::exchange

#include "channel/descriptor_exchange.hpp"
#include "channel/end_state.hpp"
#include "channel/ends.hpp"
#include "channel/queue_ends.hpp"
#include "channel/queue_state.hpp"
#include "channel/queue_wait.hpp"
#include "memory/objects.hpp"
#include "os/fd.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "sync/lock_repair.hpp"
#include "sync/watch.hpp"

namespace royong::inline v0::channel {

namespace {

using detail::ObjectKind;
using detail::ObjectRef;

/// Bytes that one direction holds before a writer waits.
constexpr std::uint32_t window = 1u << 20;

bool is_empty(const QueueState& state) noexcept {
  return state.head.load(std::memory_order_relaxed) == state.tail.load(std::memory_order_acquire);
}

bool may_receive(ObjectRecord& record, std::uint32_t) noexcept {
  const QueueState& state = state_of(record);
  return state.shut.load(std::memory_order_acquire) != open || !is_empty(state);
}

bool is_hung_up(ObjectRecord& record, std::uint32_t) noexcept {
  return state_of(record).shut.load(std::memory_order_acquire) != open;
}

/// See end_state.hpp. The queues live as long as this object, which carries pins on them.
class PipeEnd final : public detail::ConnectionEnd {
 public:
  PipeEnd(ObjectRef object, ObjectRef in, ObjectRef out)
      : ConnectionEnd(std::move(object), static_cast<bool>(in), static_cast<bool>(out)),
        in_(std::move(in)),
        out_(std::move(out)) {}
  ~PipeEnd() override {
    if (close_for_good()) PipeEnd::release();
  }

 private:
  void do_send(std::span<const std::byte> head, std::span<const std::byte> body) override {
    const std::size_t size = head.size() + body.size();
    std::array<std::byte, largest_inline> together;  // not initialised
    std::optional<NewBlock> block;
    if (size > largest_inline) {
      block.emplace(head, body);
    } else if (!head.empty()) {
      std::memcpy(together.data(), head.data(), head.size());
      if (!body.empty()) std::memcpy(together.data() + head.size(), body.data(), body.size());
      body = std::span(together).first(size);
    }
    ObjectRecord& record = out_.record();
    QueueState& state = state_of(record);
    try {
      expects_answer = true;
      wait_for<For::room>([&] { return put_some(record, body, {&size, 1}, block); },
                          [&] { return is_window_full(state) && !is_hung_up(record, 0); },
                          state.not_full, forever, [this] { refuse_closed(); });
    } catch (const ShutDown&) {
      throw BrokenPipe("the other end of the pipe is closed: nobody can receive what is sent");
    }
    notify_after_unlock(state.not_empty, 1);
    state.filled.ring(record);
  }

  void do_receive(detail::IncomingMessage& out, std::uint64_t longest, Timeout timeout) override {
    ObjectRecord& record = in_.record();
    QueueState& state = state_of(record);
    try {
      const auto lock_until = lock_deadline(timeout);
      if (wait_for<For::message>([&] { return take_some(record, 1, out.batch(), lock_until); },
                                 [&] { return !may_receive(record, 0); }, state.not_empty, timeout,
                                 [this] { refuse_closed(); }) == 0) {
        throw TimeoutError("nothing came through the pipe within the time given");
      }
    } catch (const ShutDown&) {
      throw EndOfFile("the other end of the pipe is closed, and all it sent has been received");
    }
    notify_after_unlock(state.not_full, 1);
    // Behind the same fence. The producers' line is left alone while nobody asked.
    if (state.drained.asked.load(std::memory_order_relaxed) != 0 && is_empty(state)) {
      state.drained.ring(record);
    }
    out.adopt_batch();
    if (out.body().size() > longest) {
      stop_reading();
      throw TransferError("bad message length: a message of " + std::to_string(out.body().size()) +
                          " bytes came where at most " + std::to_string(longest) +
                          " are wanted; this end can receive no more");
    }
  }

  bool do_poll(Timeout timeout) override {
    ObjectRecord& record = in_.record();
    const auto ready = [&] { return may_receive(record, 0); };
    return wait_for<For::message>(
        ready, [&] { return !ready(); }, state_of(record).not_empty, timeout,
        [this] { refuse_closed(); });
  }

  int do_fileno() override {
    sync::Watch* watch = watch_.load(std::memory_order_acquire);
    if (watch == nullptr) {
      const ObjectRef& queue = in_ ? in_ : out_;
      QueueState& state = state_of(queue.record());
      // Where nothing can be received, what shows is that the peer is gone.
      auto made = std::make_unique<sync::Watch>(queue, state.filled, state.drained,
                                                in_ ? &may_receive : &is_hung_up);
      if (watch_.compare_exchange_strong(watch, made.get(), std::memory_order_acq_rel)) {
        watch = made.release();
      }
    }
    return watch->fd();
  }

  detail::Writer do_writer() override { return detail::Writer(out_); }

  void do_send_handle(int descriptor) override {
    const auto object = ObjectRef::create(ObjectKind::descriptor);
    offer_descriptor(object, sync::state_of<Offer>(object.record()), descriptor);
    detail::Writer writer(out_);
    writer.write_plain(detail::sent_handle);
    writer.write_object(object);
    do_send({}, writer.bytes());
    writer.commit();
  }

  int do_receive_handle(Timeout timeout) override {
    detail::IncomingMessage message;
    do_receive(message, static_cast<std::uint64_t>(Connection::any_length), timeout);
    detail::expect_type(message, detail::sent_handle, "descriptor");
    detail::Reader reader(message.body());
    const auto object = reader.read_object(ObjectKind::descriptor, 0);
    return fetch_descriptor(object, sync::state_of<Offer>(object.record())).release();
  }

  void do_share() override {}

  void wake() noexcept override {
    for (const ObjectRef* queue : {&in_, &out_}) {
      if (!*queue) continue;
      state_of(queue->record()).not_empty.notify_all();
      state_of(queue->record()).not_full.notify_all();
    }
  }

  void release() noexcept override {
    delete watch_.exchange(nullptr);
    in_ = ObjectRef();
    out_ = ObjectRef();
  }

  ObjectRef in_;
  ObjectRef out_;
  std::atomic<sync::Watch*> watch_{nullptr};  ///< owned; no lock that a fork could leave held
};

// ---- What the memory floor calls, for ends of both kinds ----

void repair(ObjectRecord& record, memory::Owner dead) noexcept {
  EndState& state = end_state(record);
  sync::free_of_dead(state.sending, dead, "The sender's side of a connection");
  sync::free_of_dead(state.receiving, dead, "The receiver's side of a connection");
}

void wake(ObjectRecord& record) noexcept {
  sync::wake_sleepers(end_state(record).sending);
  sync::wake_sleepers(end_state(record).receiving);
}

void destroy(ObjectRecord& record) noexcept {
  const EndState& state = end_state(record);
  if (state.transport != Transport::pipe) return;
  try {
    if (state.out_record != 0) hang_up(memory::at<ObjectRecord>(state.out_record), false);
    if (state.in_record != 0) hang_up(memory::at<ObjectRecord>(state.in_record), true);
  } catch (const TransferError&) {
    return;  // not an offset of the arena: nobody writes such a thing
  }
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(ObjectKind::connection,
                         {.repair = &repair, .wake = &wake, .destroy = &destroy});
  return true;
}();

ObjectRef make_direction() {
  auto queue = ObjectRef::create(ObjectKind::pipe);
  create_queue(queue.record(), 0, window);
  return queue;
}

Connection make_end(const ObjectRef& in, const ObjectRef& out) {
  auto object = ObjectRef::create(ObjectKind::connection);
  EndState& state = end_state(object.record());
  const auto owner = memory::owner_of_object(object.record());
  // The pins first: they go with the object if this fails in the middle.
  if (in) {
    memory::pin(in, owner);
    state.in = in.name();
    state.in_record = memory::offset_of(&in.record());
  }
  if (out) {
    memory::pin(out, owner);
    state.out = out.name();
    state.out_record = memory::offset_of(&out.record());
  }
  state.transport = Transport::pipe;
  const auto serial = object.name().serial;
  return ConnectionAccess::make(
      enter(std::make_shared<PipeEnd>(std::move(object), in, out), serial));
}

}  // namespace

std::shared_ptr<detail::ConnectionEnd> open_pipe_end(ObjectRef object) {
  const EndState& state = end_state(object.record());
  const auto queue = [](const detail::ObjectName& name) {
    return name.serial == 0 ? ObjectRef() : ObjectRef::acquire(name, ObjectKind::pipe, 0);
  };
  auto in = queue(state.in);
  auto out = queue(state.out);
  return std::make_shared<PipeEnd>(std::move(object), std::move(in), std::move(out));
}

}  // namespace royong::inline v0::channel

namespace royong::inline v0 {

std::pair<Connection, Connection> Pipe(bool duplex) {
  const auto first_to_second = duplex ? channel::make_direction() : detail::ObjectRef();
  const auto second_to_first = channel::make_direction();
  auto first = channel::make_end(second_to_first, first_to_second);
  auto second = channel::make_end(first_to_second, second_to_first);
  return {std::move(first), std::move(second)};
}

}  // namespace royong::inline v0
