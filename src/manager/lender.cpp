// SPDX-License-Identifier: Apache-2.0
#include "manager/lender.hpp"

#include <cstring>  // for std::memcpy
#include <utility>  // for std::move

#include "channel/secret.hpp"
#include "os/random.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {
namespace {

std::string fresh_secret() {
  const auto bytes = os::random_bytes<32>();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Lender::Lender(detail::Timers& timers, Timeout most)
    : timers_(timers), most_(most), secret_(fresh_secret()) {}

Token Lender::token_of(std::uint64_t object) const {
  const auto digest = channel::hmac(secret_, {std::as_bytes(std::span(&object, 1))});
  Token token;
  std::memcpy(token.data(), digest.data(), sizeof token);
  return token;
}

void Lender::check(const Ticket& ticket) const {
  const Token token = token_of(ticket.object);
  if (!channel::equal_secrets(std::as_bytes(std::span(token)),
                              std::as_bytes(std::span(ticket.token)))) {
    throw TransferError("the manager has lent no such object");
  }
}

void Lender::keep(std::uint64_t object, detail::ObjectRef record) {
  Kept& kept = kept_[object];
  kept.record = std::move(record);
  ++kept.count;
  timers_.cancel(kept.timer);
  kept.timer = timers_.add(most_.deadline(), [this, object] { kept_.erase(object); });
}

void Lender::let_go(std::uint64_t object) noexcept {
  const auto found = kept_.find(object);
  if (found == kept_.end() || --found->second.count != 0) return;
  timers_.cancel(found->second.timer);
  kept_.erase(found);
}

}  // namespace royong::inline v0::manager
