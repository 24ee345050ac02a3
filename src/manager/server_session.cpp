// SPDX-License-Identifier: Apache-2.0
#include "manager/server_session.hpp"

#include <cstring>  // for std::memcpy

#include "logging/log.hpp"
#include "manager/targets.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"

namespace royong::inline v0::manager {

using detail::ForeignPeer;
using detail::Reader;
using detail::Writer;

namespace {
constexpr std::size_t messages_a_turn = 64;
}

ServerSession::ServerSession(Server& server, detail::SessionId id, std::unique_ptr<Line> line,
                             bool is_foreign)
    : server_(server), id_(id), is_foreign_(is_foreign), line_(std::move(line)) {}

ServerSession::~ServerSession() = default;

bool ServerSession::serve() noexcept {
  if (ended_) return false;
  ++quiet_turns_;
  try {
    // Answers first: while they do not fit, no more are made.
    if (line_->unsent() != 0 && !flush()) return false;
    if (ends_soon_) {
      end({});
      return true;
    }
    if (!line_->may_receive()) return false;
    in_turn_ = true;
    const auto count = line_->receive(messages_a_turn, *this);
    in_turn_ = false;
    if (count == 0) return false;
    quiet_turns_ = 0;
    if (flush() && ends_soon_) end({});
    return true;
  } catch (const EndOfFile&) {
    end({});
  } catch (const std::exception& error) {
    end(error.what());
  }
  in_turn_ = false;
  return true;
}

bool ServerSession::flush() noexcept {
  if (ended_) return true;
  try {
    const bool done = line_->flush();
    set_starved(!done);
    // Marked before the last look: a client that made room before it saw the mark is seen by us.
    return done || line_->flush();
  } catch (const BrokenPipe&) {
    end({});
  } catch (const std::exception& error) {
    end(error.what());
  }
  return true;
}

void ServerSession::set_starved(bool starved) noexcept {
  if (starved == is_starved_) return;
  is_starved_ = starved;
  server_.count_starved(starved ? 1 : -1);
}

void ServerSession::end(const std::string& reason) noexcept {
  if (ended_) return;
  ended_ = true;
  set_starved(false);
  if (!reason.empty()) {
    detail::warn("a client of the manager was dropped: {}", reason);
  }
}

void ServerSession::drop() noexcept {
  references_.clear();
  line_.reset();
}

void ServerSession::message(std::span<const std::byte> bytes) {
  if (ended_) return;
  RequestHead head;
  if (bytes.size() < sizeof head) throw TransferError("malformed request: it has no head");
  std::memcpy(&head, bytes.data(), sizeof head);
  auto body = bytes.subspan(sizeof head);
  // Held until the request is done with, whatever becomes of it: one that is refused, or was cancelled before it left, is never read.
  std::vector<std::byte> room;
  std::vector<detail::ObjectRef> held;
  if ((head.flags & has_handles) != 0 && !is_foreign_) {
    room.assign(body.begin(), body.end());
    std::span<std::byte> message(room);
    held = detail::hold_handles(message);
    body = message;
  }
  if (head.verb == static_cast<std::uint32_t>(Verb::nothing)) return;
  const ForeignPeer::Scope scope(foreign());
  Reader in(body, {.foreign = is_foreign_});
  server_.handle(head, in, *this, this);
}

void ServerSession::post(std::uint64_t call, AnswerKind kind, Writer& body) {
  AnswerHead head{.call = call, .kind = kind};
  if (body.pins() != 0 && body.write_handle_list()) head.flags = has_handles;
  line_->post(std::as_bytes(std::span(&head, 1)), body.bytes());
  body.commit();
  if (line_->unsent() > server_.limits().unread) {
    return end("it does not read its answers");
  }
  if (!in_turn_) server_.has_answers(*this);
}

void ServerSession::answer(std::uint64_t call, Encode encode, const void* value) noexcept {
  if (ended_ || call == 0) return;
  try {
    const ForeignPeer::Scope scope(foreign());
    Writer body(line_->writer());
    encode(body, value);
    post(call, AnswerKind::value, body);
  } catch (...) {
    fail(call, std::current_exception(), {});
  }
}

void ServerSession::fail(std::uint64_t call, const std::exception_ptr& error,
                         detail::Frames frames) noexcept {
  if (ended_ || call == 0) return;
  if (frames.empty()) return post_failure(call, error, {});
  server_.tracebacks().describe(
      std::move(frames), [sink = weak_from_this(), call, error](std::string_view traceback) {
        if (const auto session = std::static_pointer_cast<ServerSession>(sink.lock())) {
          session->post_failure(call, error, traceback);
        }
      });
}

void ServerSession::post_failure(std::uint64_t call, const std::exception_ptr& error,
                                 std::string_view traceback) noexcept {
  if (ended_ || call == 0) return;
  try {
    const ForeignPeer::Scope scope(foreign());
    Writer body(line_->writer());
    detail::write_exception(body, error, traceback, current_process().name());
    post(call, AnswerKind::exception, body);
  } catch (const std::exception& failure) {
    end(std::string("it cannot be answered: ") + failure.what());
  }
}

void ServerSession::cancel(std::uint64_t call) noexcept {
  if (ended_ || call == 0) return;
  try {
    Writer body(line_->writer());
    post(call, AnswerKind::cancelled, body);
  } catch (const std::exception& failure) {
    end(std::string("it cannot be answered: ") + failure.what());
  }
}

void ServerSession::write(Writer& out, const detail::TargetRef& target) {
  const auto id = server_.number_of(target);
  if (id == 0) {
    out.fail("a proxy can go to another program only if its object is of the manager there");
  }
  auto& references = references_[id];
  if (references.count++ == 0) references.object = target->object();
  out.write_plain(id);
}

detail::TargetRef ServerSession::read(Reader& in, std::uint64_t type) {
  std::uint64_t id = 0;
  in.read_plain(id);
  const auto found = references_.find(id);
  if (found == references_.end()) in.fail("proxy of an object that the client knows");
  if (found->second.object.type_hash() != type) in.fail("proxy of an object of this class");
  return std::make_shared<LocalTarget>(found->second.object);
}

void ServerSession::release(std::uint64_t object, std::uint64_t count) noexcept {
  const auto found = references_.find(object);
  if (found == references_.end()) return;
  if (found->second.count <= count) {
    references_.erase(found);
  } else {
    found->second.count -= count;
  }
}

}  // namespace royong::inline v0::manager
