// SPDX-License-Identifier: Apache-2.0
#include "manager/ticket.hpp"

#include <cstring>  // for std::memcpy
#include <utility>  // for std::move

#include "manager/protocol.hpp"
#include "manager/server_state.hpp"
#include "manager/sessions.hpp"
#include "manager/targets.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::OutgoingCall;
using detail::Reader;
using detail::Reply;
using detail::TargetRef;
using detail::Writer;

namespace {

/// Stands where the index of an object would.
constexpr std::uint32_t ticket_mark = ~std::uint32_t{0};

/// The server, if it is of this family.
ObjectRef own_server(const ServerPlace& place) {
  try {
    ObjectRef server = ObjectRef::acquire(place.record, ObjectKind::manager, 0);
    if (server_state(server.record()).identity == place.identity) return server;
  } catch (const TransferError&) {
    // No server of this family has such a record.
  }
  return {};
}

}  // namespace

void write_ticket(Writer& out, const TargetRef& target, std::uint64_t type) {
  OutgoingCall call(target->session(), static_cast<std::uint32_t>(Verb::lend));
  call.writer()(target->id(), !out.is_held());
  Reply reply;
  call.perform(reply);
  auto ticket = reply.read<Ticket>();
  ticket.type = type;
  if (const auto* remote = dynamic_cast<const RemoteTarget*>(target.get())) {
    ticket.operations = remote->operations();
  }
  if (out.is_held()) out.hold(target);
  out(ticket_mark, ticket);
}

bool is_ticket(const Reader& in) noexcept {
  std::uint32_t mark = 0;
  if (in.remaining() < sizeof mark) return false;
  std::memcpy(&mark, in.rest().data(), sizeof mark);
  return mark == ticket_mark;
}

TargetRef read_ticket(Reader& in, std::uint64_t type) {
  in.take(sizeof ticket_mark, "ticket");
  auto ticket = detail::decode<Ticket>(in);
  if (ticket.type != type) in.fail("proxy of an object of this class");
  const ObjectRef own = own_server(ticket.server);
  OutgoingCall call(own ? session_with(own) : session_at(ticket.server),
                    static_cast<std::uint32_t>(Verb::adopt));
  call.writer()(ticket);
  Reply reply;
  call.perform(reply);
  auto target = detail::read_created(reply, type);
  if (own || ticket.operations.empty()) return target;
  return with_operations(target, std::move(ticket.operations));
}

}  // namespace royong::inline v0::manager
