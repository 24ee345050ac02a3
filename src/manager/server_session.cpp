// SPDX-License-Identifier: Apache-2.0
#include "manager/server_session.hpp"

#include <algorithm>  // for std::max, std::min
#include <cstring>    // for std::memcpy

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
/// Bytes that a stranger's message may have, and what is read of it, also where no memory is left; likewise of answers that he is owed.
constexpr std::size_t always_read = std::size_t{64} * 1024;
/// Bytes of answers that are made before they are sent: then no more requests are run.
constexpr std::size_t enough = std::size_t{1} << 20;
}  // namespace

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
    if (const auto begun = line_->incomplete(); is_foreign_ && begun > always_read) {
      if (server_.memory().left_for(begun) == 0) line_->drop_rest(sizeof(RequestHead));
    }
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
  while (!ended_) {
    try {
      bool done = line_->flush();
      if (!done) {
        set_starved(true);
        // Marked before the last look: a client that made room before it saw the mark is seen by us.
        done = line_->flush();
      }
      if (done) set_starved(false);
      return done;
    } catch (const ArenaFull&) {
      fail_unsent(std::current_exception());
    } catch (const BrokenPipe&) {
      end({});
    } catch (const std::exception& error) {
      end(error.what());
    }
  }
  return true;
}

/// The answer for which there is no memory becomes that exception, and nobody else's waits for it.
void ServerSession::fail_unsent(const std::exception_ptr& error) noexcept {
  try {
    auto answer = line_->take_back();
    AnswerHead head;
    std::memcpy(&head, answer.data(), sizeof head);
    if ((head.flags & has_handles) != 0) {
      auto body = std::span(answer).subspan(sizeof head);
      detail::hold_handles(body);  // and lets go of them
    }
    if (head.kind != AnswerKind::value) return end("the arena has no memory for its answers");
    post_failure(head.call, error, {});
  } catch (const std::exception& failure) {
    end(std::string("it cannot be answered: ") + failure.what());
  }
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
  Reader in(body, limits_of(bytes.size()));
  server_.handle(head, in, *this, this);
}

bool ServerSession::has_enough() const noexcept {
  return line_->unsent() > std::min<std::uint64_t>(enough, server_.limits().unread);
}

void ServerSession::dropped(std::span<const std::byte> begin) {
  RequestHead head;
  if (begin.size() < sizeof head) throw TransferError("malformed request: it has no head");
  std::memcpy(&head, begin.data(), sizeof head);
  fail(head.call, std::make_exception_ptr(no_memory()), {});
}

/// What a request of so many bytes may cost: a stranger's no more than there is memory left, or than it has cost already.
detail::Limits ServerSession::limits_of(std::size_t request) {
  if (!is_foreign_) return {};
  const auto left = server_.memory().left_for(request);
  return {.allocation = std::max<std::uint64_t>(left, request + always_read),
          .foreign = true,
          .allocation_option = "ManagerLimits::memory"};
}

void ServerSession::post(std::uint64_t call, AnswerKind kind, Writer& body) {
  AnswerHead head{.call = call, .kind = kind};
  if (body.pins() != 0 && body.write_handle_list()) head.flags = has_handles;
  const auto unsent = line_->unsent();
  if (unsent == 0) longest_unsent_ = 0;
  if (unsent > server_.limits().unread + longest_unsent_) {
    return end("it does not read its answers");
  }
  if (is_foreign_ && unsent + body.size() > always_read) {
    server_.require_for_answer(body.size());
    if (ended_) return;
  }
  line_->post(std::as_bytes(std::span(&head, 1)), body.bytes());
  body.commit();
  longest_unsent_ = std::max(longest_unsent_, body.size());
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
  Tracebacks::Answer answer;
  try {
    answer = [sink = weak_from_this(), call, error](std::string_view traceback) {
      if (const auto session = std::static_pointer_cast<ServerSession>(sink.lock())) {
        session->post_failure(call, error, traceback);
      }
    };
  } catch (const std::bad_alloc&) {
    return post_failure(call, error, {});
  }
  server_.tracebacks().describe(std::move(frames), std::move(answer));
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
