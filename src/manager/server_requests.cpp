// SPDX-License-Identifier: Apache-2.0
// What a server is asked for: the verbs of the protocol, and snapshots.
#include <algorithm>  // for std::max
#include <atomic>     // for std::atomic
#include <utility>    // for std::move

#include "channel/address.hpp"
#include "channel/tls.hpp"
#include "logging/log.hpp"
#include "manager/own_session.hpp"
#include "manager/server.hpp"
#include "manager/server_session.hpp"
#include "manager/server_state.hpp"
#include "manager/snapshot.hpp"
#include "manager/targets.hpp"
#include "manager/types.hpp"
#include "royong/detail/function_id.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::IncomingCall;
using detail::Reader;
using detail::ServedObject;
using detail::TargetRef;

namespace {

bool is_stranger(const ServerSession* from) { return from != nullptr && from->is_foreign(); }

void require_family(const ServerSession* from) {
  if (is_stranger(from)) {
    throw UsageError("this is for the manager's own program alone");
  }
}

}  // namespace

void Server::handle(const RequestHead& head, Reader& in, detail::AnswerSink& sink,
                    ServerSession* from) noexcept {
  const detail::SessionId id = from != nullptr ? from->id() : own_session_id;
  IncomingCall call(in, sink, head.call, {id, head.thread});
  if (from != nullptr && from->is_refused()) {
    if (head.call == 0) return;
    sink.fail(head.call,
              std::make_exception_ptr(UsageError(
                  "the manager has as many clients as it may have; see ManagerLimits::sessions")),
              {});
    return from->end_soon();
  }
  if (from != nullptr && !from->is_greeted() &&
      head.verb != static_cast<std::uint32_t>(Verb::hello)) {
    return from->end("it did not say hello");
  }
  struct Bound {
    Server& server;
    const RequestHead& head;
    ServerSession* from;
  } bound{*this, head, from};
  call.run(
      [](void* context, IncomingCall& incoming) {
        const auto& it = *static_cast<Bound*>(context);
        it.server.run_verb(it.head, incoming, it.from);
      },
      &bound);
}

void Server::run_verb(const RequestHead& head, IncomingCall& call, ServerSession* from) {
  const auto object_to_use = [&]() -> ServedObject& {
    if (from != nullptr && !from->may_use(head.object)) ObjectTable::fail_gone();
    if (call.owed() > static_cast<std::size_t>(std::max(limits().waiting_calls, 1))) {
      throw UsageError(
          "the client has as many waiting calls as it may have; see ManagerLimits::waiting_calls");
    }
    return objects_->at(head.object);
  };
  switch (static_cast<Verb>(head.verb)) {
    case Verb::hello: return answer_hello(call, from);
    case Verb::call: {
      ServedObject& object = object_to_use();
      const auto operation = operation_of(object, head.operation);
      if (is_stranger(from) && memory_.is_full() && keeps_arguments(object, head.operation)) {
        throw no_memory();
      }
      changed_ = true;
      return operation(object, call);
    }
    case Verb::function: {
      require_family(from);
      ServedObject& object = object_to_use();
      detail::FunctionId id;
      call.in().read_plain(id.bits);
      changed_ = true;
      return reinterpret_cast<detail::ServedOperation>(detail::resolve(id))(object, call);
    }
    case Verb::create: return create(call, from);
    case Verb::release: {
      std::uint64_t count = 0;
      call.in().read_plain(count);
      if (from != nullptr) from->release(head.object, count);
      return call.reply();
    }
    case Verb::publish: require_family(from); return publish(call);
    case Verb::unpublish: {
      require_family(from);
      const auto found = published_.find(detail::decode<std::string>(call.in()));
      const bool was_there = found != published_.end();
      if (was_there) published_.erase(found);
      changed_ = true;
      return call.reply(was_there);
    }
    case Verb::find: return find(call, from);
    case Verb::names: {
      std::vector<std::string> names;
      for (const auto& [name, object] : published_) names.push_back(name);
      return call.reply(names);
    }
    case Verb::snapshot:
      require_family(from);
      if (plan_.options.snapshot.empty()) {
        throw UsageError("the manager was told no file for its snapshot");
      }
      save();
      return call.reply();
    case Verb::shutdown:
      require_family(from);
      call.reply();
      ending_ = true;
      return;
    case Verb::bye:
      if (from != nullptr) from->end({});
      return call.reply();
    case Verb::cancel: {
      std::uint64_t number = 0;
      call.in().read_plain(number);
      // Of an object that is gone all calls were answered.
      if (auto* object = objects_->find(head.object)) {
        object->cancel({call.caller().session, number});
      }
      return call.reply();
    }
    case Verb::nothing: return call.reply();  // sessions drop it
    case Verb::lend: return lend(call, from);
    case Verb::adopt: return adopt(call);
  }
  throw TransferError("malformed request: unknown verb " + std::to_string(head.verb));
}

void Server::answer_hello(IncomingCall& call, ServerSession* from) {
  Hello hello;
  call.in().read_plain(hello);
  call.in().expect_end();
  if (from == nullptr) return;
  if (hello.magic != protocol_magic) {
    throw TransferError("what came is no manager's client");
  }
  if (hello.version != protocol_version) {
    throw TransferError("the manager speaks version " + std::to_string(protocol_version) +
                        " of its protocol, the client version " + std::to_string(hello.version));
  }
  from->greet(from->is_foreign() ? memory::Owner{} : memory::Owner{hello.owner});
  if (from->is_foreign()) return call.reply(server_state(self_.record()).identity);
  call.reply(Welcome{self_, address_});
}

void Server::create(IncomingCall& call, ServerSession* from) {
  detail::Creator creator = nullptr;
  if (is_stranger(from)) {
    creator = foreign_creator(call.in());
    if (memory_.is_full()) throw no_memory();
  } else {
    detail::FunctionId id;
    call.in().read_plain(id.bits);
    creator = reinterpret_cast<detail::Creator>(detail::resolve(id));
  }
  const TargetRef target = objects_->add(creator(call.in()));
  call.reply(TargetReply{target});
}

void Server::publish(IncomingCall& call) {
  auto name = detail::decode<std::string>(call.in());
  const auto id = detail::decode<std::uint64_t>(call.in());
  call.in().expect_end();
  const auto [place, is_new] = published_.try_emplace(std::move(name), objects_->record_of(id));
  if (!is_new)
    throw UsageError("there is an object with the name \"" + place->first + "\" already");
  changed_ = true;
  call.reply();
}

void Server::find(IncomingCall& call, ServerSession* from) {
  const auto wanted = detail::decode<Wanted>(call.in());
  call.in().expect_end();
  const auto found = published_.find(wanted.name);
  if (found == published_.end()) {
    throw std::out_of_range("the manager has no object with the name \"" + wanted.name + "\"");
  }
  const ServedObject& object = objects_->at(managed_state(found->second.record()).id);
  FoundReply reply{std::make_shared<LocalTarget>(found->second),
                   match(wanted, object, is_stranger(from))};
  call.reply(reply);
}

void Server::lend(IncomingCall& call, ServerSession* from) {
  const auto id = detail::decode<std::uint64_t>(call.in());
  const bool keep = detail::decode<bool>(call.in());
  call.in().expect_end();
  if (!acceptor_) {
    throw TransferError(
        "cannot send a proxy to another machine: its manager is reached by this program's "
        "processes alone; "
        "make it by Manager::serve({.address = \"host:port\"})");
  }
  if (from != nullptr && !from->may_use(id)) ObjectTable::fail_gone();
  detail::ObjectRef record = objects_->record_of(id);
  if (keep) lender_->keep(id, std::move(record));
  const auto& options = plan_.options;
  call.reply(
      Ticket{.server = {.identity = server_state(self_.record()).identity,
                        .record = self_.name(),
                        .address = channel::public_address(address_),
                        .asks_for_key = options.authkey.has_value(),
                        .uses_psk = options.tls.psk,
                        .uses_certificates = channel::is_wanted(options.tls) && !options.tls.psk},
             .object = id,
             .token = lender_->token_of(id),
             .is_kept = keep});
}

void Server::adopt(IncomingCall& call) {
  const auto ticket = detail::decode<Ticket>(call.in());
  call.in().expect_end();
  lender_->check(ticket);
  call.reply(TargetReply{std::make_shared<LocalTarget>(objects_->record_of(ticket.object))});
  if (ticket.is_kept) lender_->let_go(ticket.object);
}

// ---- Snapshots ----

void Server::restore() {
  for (auto& [name, object] : read_snapshot(
           plan_.options.snapshot, [this](auto made) { return objects_->add(std::move(made)); })) {
    published_.emplace(name, object->object());
  }
}

void Server::save() {
  struct Saving {
    explicit Saving(std::atomic<std::uint32_t>& saves) : flag(saves) { flag.store(1); }
    ~Saving() { flag.store(0); }
    Saving(const Saving&) = delete;
    Saving& operator=(const Saving&) = delete;
    std::atomic<std::uint32_t>& flag;
  } const saving(server_state(self_.record()).saves);
  changed_ = false;
  std::vector<std::pair<std::string, std::uint64_t>> names;
  for (const auto& [name, object] : published_) {
    names.emplace_back(name, managed_state(object.record()).id);
  }
  write_snapshot(
      plan_.options.snapshot, names,
      [this](std::uint64_t id) -> const ServedObject& { return objects_->at(id); },
      [this](const TargetRef& target) { return number_of(target); });
}

/// Nobody asked for it who could be told.
void Server::save_or_tell() {
  try {
    save();
  } catch (const std::exception& error) {
    changed_ = true;
    detail::log(LogLevel::error, "{}", error.what());
  }
}

void Server::schedule_snapshot() {
  const Timeout every = plan_.options.snapshot_every;
  if (every.is_forever()) return;
  timers_.add(every.deadline(), [this] {
    schedule_snapshot();
    if (changed_) save_or_tell();
  });
}

// ---- Objects, for sessions ----

std::uint64_t Server::number_of(const TargetRef& target) {
  const auto* local = dynamic_cast<const LocalTarget*>(target.get());
  return local != nullptr && is(local->server()) ? local->id() : 0;
}

void Server::forget_own(std::uint64_t id) noexcept {
  if (auto* object = objects_->find(id)) object->forget(own_session_id);
}

}  // namespace royong::inline v0::manager
