// SPDX-License-Identifier: Apache-2.0
#include "manager/targets.hpp"

#include <cstring>  // for std::memcpy

#include "manager/protocol.hpp"
#include "manager/server.hpp"
#include "manager/server_state.hpp"
#include "manager/sessions.hpp"
#include "manager/ticket.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::Session;
using detail::StateRef;

LocalTarget::LocalTarget(ObjectRef object)
    : object_(std::move(object)),
      id_(managed_state(object_.record()).id),
      server_(ObjectRef::acquire(managed_state(object_.record()).server, ObjectKind::manager, 0)) {}

LocalTarget::~LocalTarget() = default;

StateRef<Session> LocalTarget::session() const {
  // In the server itself, on its loop, a call runs at once.
  if (Server* own = Server::current(); own != nullptr && own->is(server_)) return own->session();
  if (ClientSession* known = session_.load(std::memory_order_acquire);
      known != nullptr && known->is_usable()) {
    known->add_reference();
    return StateRef<Session>(known);
  }
  auto session = session_with(server_);
  const std::lock_guard lock(mutex_);
  sessions_.push_back(session);
  session_.store(static_cast<ClientSession*>(session.get()), std::memory_order_release);
  return session;
}

bool LocalTarget::equals(const ProxyTarget& other) const noexcept {
  const auto* local = dynamic_cast<const LocalTarget*>(&other);
  return local != nullptr && local->object_.name() == object_.name();
}

RemoteTarget::~RemoteTarget() {
  if (reference_ || !session_->is_usable()) return;
  try {
    const std::uint64_t references = 1;
    session_->notify({.object = id_, .verb = static_cast<std::uint32_t>(Verb::release)},
                     std::as_bytes(std::span(&references, 1)));
  } catch (const std::exception&) {
    return;  // the end of the session lets go of everything
  }
}

StateRef<Session> RemoteTarget::session() const {
  if (!session_->is_usable()) throw EndOfFile("the session with the manager has ended");
  session_->add_reference();
  return StateRef<Session>(session_.get());
}

bool RemoteTarget::equals(const ProxyTarget& other) const noexcept {
  const auto* remote = dynamic_cast<const RemoteTarget*>(&other);
  return remote != nullptr && remote->session_->identity() == session_->identity() &&
         remote->id_ == id_;
}

detail::TargetRef with_operations(const detail::TargetRef& target,
                                  std::vector<std::uint32_t> operations) {
  // The reference that the answer brought belongs to `target`, whose end gives it back: so it is kept.
  return std::make_shared<RemoteTarget>(std::static_pointer_cast<const RemoteTarget>(target),
                                        std::move(operations));
}

std::uint32_t RemoteTarget::operation(std::uint32_t own) const {
  if (operations_.empty()) return own;
  if (own >= operations_.size()) {
    throw UsageError("this method was not registered when the object was found");
  }
  return operations_[own];
}

}  // namespace royong::inline v0::manager

namespace royong::inline v0::detail {

namespace {
thread_local ForeignPeer* current_peer = nullptr;
}

ForeignPeer::Scope::Scope(ForeignPeer* peer) noexcept : outer_(std::exchange(current_peer, peer)) {}
ForeignPeer::Scope::~Scope() { current_peer = outer_; }
ForeignPeer* ForeignPeer::current() noexcept { return current_peer; }

void write_target(Writer& out, const TargetRef& target, std::uint64_t type) {
  if (!target) out.fail("an empty proxy cannot be sent");
  if (out.is_abroad()) return manager::write_ticket(out, target, type);
  if (!out.is_foreign()) {
    const ObjectRef object = target->object();
    if (!object) out.fail("a proxy of an object of another program cannot be sent");
    return out.write_object(object);
  }
  ForeignPeer* const peer = ForeignPeer::current();
  if (peer == nullptr) out.fail("a proxy cannot go to another program but its manager's");
  peer->write(out, target);
}

TargetRef read_target(Reader& in, std::uint64_t type) {
  if (!in.is_foreign()) {
    if (manager::is_ticket(in)) return manager::read_ticket(in, type);
    return std::make_shared<manager::LocalTarget>(in.read_object(ObjectKind::managed, type));
  }
  ForeignPeer* const peer = ForeignPeer::current();
  if (peer == nullptr) in.fail("proxy that may come from another program");
  return peer->read(in, type);
}

std::span<std::byte> Reply::make_room(std::size_t size) {
  size_ = size;
  if (size <= inline_.size()) return std::span(inline_).first(size);
  heap_.resize(size);
  return heap_;
}

void throw_empty_proxy() { throw UsageError("the proxy refers to no object"); }

OutgoingCall::OutgoingCall(const TargetRef& target, std::uint32_t operation)
    : session_(target->session()),
      head_{target->id(), static_cast<std::uint32_t>(manager::Verb::call),
            target->operation(operation)},
      scope_(session_->foreign()),
      writer_(session_->writer()) {}

OutgoingCall::OutgoingCall(const TargetRef& target, FunctionId thunk)
    : session_(target->session()),
      head_{target->id(), static_cast<std::uint32_t>(manager::Verb::function), 0},
      scope_(session_->foreign()),
      writer_(session_->writer()) {
  if (session_->foreign() != nullptr) {
    throw UsageError(
        "a function cannot run in the manager of another program: call a method that both "
        "programs have registered");
  }
  writer_.write_plain(thunk.bits);
}

OutgoingCall::OutgoingCall(StateRef<Session> session, std::uint32_t verb)
    : session_(std::move(session)),
      head_{0, verb, 0},
      scope_(session_->foreign()),
      writer_(session_->writer()) {}

SendLater::SendLater(StateRef<Session> session) : session_(std::move(session)) {
  session_->keep_back(true);
}
SendLater::~SendLater() {
  session_->keep_back(false);
  try {
    session_->flush();
  } catch (const std::exception&) {
    return;  // the futures tell
  }
}
void SendLater::flush() { session_->flush(); }

// ---- Creating ----

const std::uint32_t create_verb = static_cast<std::uint32_t>(manager::Verb::create);

void write_creator(OutgoingCall& call, const RegisteredCreator& creator, FunctionId (*id)()) {
  Writer& out = call.writer();
  if (call.session().foreign() == nullptr) {
    out.write_plain(id().bits);
  } else {
    out.write_plain(creator.hash);
    out.write_plain(creator.type().signature);
    encode(out, std::string(creator.type().name));
  }
}

TargetRef read_created(Reply& reply, std::uint64_t type) {
  ForeignPeer* const foreign = reply.session_->foreign();
  const ForeignPeer::Scope scope(foreign);
  Reader reader(reply.bytes(), {.foreign = foreign != nullptr});
  auto target = read_target(reader, type);
  reader.expect_end();
  return target;
}

namespace {
constinit std::atomic<const RegisteredCreator*> creators{nullptr};
}

RegisteredCreator::RegisteredCreator(std::uint64_t creator_hash, const ServedType& (*of)() noexcept,
                                     Creator function) noexcept
    : hash(creator_hash), type(of), creator(function) {
  next = creators.load(std::memory_order_relaxed);
  while (!creators.compare_exchange_weak(next, this, std::memory_order_release)) {
  }
}

const RegisteredCreator* first_creator() noexcept {
  return creators.load(std::memory_order_acquire);
}

}  // namespace royong::inline v0::detail
