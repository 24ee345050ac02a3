// SPDX-License-Identifier: Apache-2.0
// Proxies as bytes that may go to another machine. That they do is tested under mpirun, in tests/mpi.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "manager/protocol.hpp"
#include "manager/ticket.hpp"
#include "royong/error.hpp"
#include "royong/event.hpp"
#include "royong/manager.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"

namespace {

using namespace std::chrono_literals;
using royong::Manager;
using royong::ManagerDict;
using royong::Proxy;
using royong::detail::Reader;
using royong::detail::Transit;
using royong::detail::Writer;
using royong::manager::Ticket;
using Table = ManagerDict<std::string, int>;
using Bytes = std::vector<std::byte>;

template <class P>
Bytes in_a_result(const P& proxy) {
  Writer out(Transit::result_abroad);
  out(proxy);
  return {out.bytes().begin(), out.bytes().end()};
}

template <class P>
P read(const Bytes& bytes) {
  Reader in(bytes);
  return in.read<P>();
}

/// Tells of its end.
struct Mortal {
  royong::Event gone;
  explicit Mortal(royong::Event event) : gone(std::move(event)) {}
  ~Mortal() { gone.set(); }
};

struct Lending : testing::Test {
  Manager manager = Manager::serve({});
  royong::Event gone;
};

TEST_F(Lending, AProxyComesBackAsTheSame) {
  const auto table = manager.dict<std::string, int>({{"a", 1}});
  EXPECT_EQ(read<Table>(in_a_result(table)), table);
  auto client = Manager::connect({.address = manager.address()});
  manager.publish("table", table);
  EXPECT_EQ(read<Table>(in_a_result(client.find<Table>("table"))).at("a"), 1);
}

TEST_F(Lending, AManagerWithoutAnAddressLendsNothing) {
  const Manager plain;
  EXPECT_THROW_MESSAGE(in_a_result(plain.dict<std::string, int>()), royong::TransferError,
                       "Manager::serve");
}

TEST_F(Lending, HandlesAreRefusedAndTheTextSaysWhatToDo) {
  Writer out(Transit::call_abroad);
  EXPECT_THROW_MESSAGE(out(royong::Event()), royong::TransferError, "Manager::serve");
}

TEST_F(Lending, AnotherClassIsRefused) {
  const auto bytes = in_a_result(manager.dict<std::string, int>());
  using Other = ManagerDict<int, int>;
  EXPECT_THROW_MESSAGE(read<Other>(bytes), royong::TransferError, "of this class");
}

TEST_F(Lending, WhatWasNotLentIsNotGiven) {
  const auto lent = manager.dict<std::string, int>();
  const auto secret = manager.dict<std::string, int>();
  const auto bytes = in_a_result(lent);
  Reader in(bytes);
  std::uint32_t mark = 0;
  in.read_plain(mark);
  auto ticket = in.read<Ticket>();
  const auto forge = [&] {
    Writer out(Transit::argument);
    out(mark, ticket);
    return Bytes(out.bytes().begin(), out.bytes().end());
  };
  EXPECT_EQ(read<Table>(forge()), lent);
  ticket.object = secret.target()->id();
  EXPECT_THROW_MESSAGE(read<Table>(forge()), royong::TransferError, "lent no such object");
  ticket.object = lent.target()->id();
  ++ticket.token[1];
  EXPECT_THROW_MESSAGE(read<Table>(forge()), royong::TransferError, "lent no such object");
}

TEST_F(Lending, AStrangerLendsOnlyWhatHeWasGiven) {
  const auto secret = manager.dict<std::string, int>();
  auto client = Manager::connect({.address = manager.address()});
  const auto own = client.dict<std::string, int>();
  royong::detail::OutgoingCall call(own.target()->session(),
                                    static_cast<std::uint32_t>(royong::manager::Verb::lend));
  call.writer()(secret.target()->id(), false);
  royong::detail::Reply reply;
  EXPECT_THROW_MESSAGE(call.perform(reply), royong::TransferError, "no such object");
}

TEST_F(Lending, TheManagerKeepsWhatIsOnItsWayInAResultUntilItIsTaken) {
  auto mortal = std::make_optional(manager.make<Mortal>(gone));
  const auto bytes = in_a_result(*mortal);
  const auto again = in_a_result(*mortal);
  mortal.reset();
  {
    const auto taken = read<Proxy<Mortal>>(bytes);
    EXPECT_TRUE(taken.call([](Mortal&) { return true; }));
  }
  {
    const auto taken = read<Proxy<Mortal>>(again);
    EXPECT_FALSE(gone.is_set());
  }
  gone.wait();
  EXPECT_THROW_MESSAGE(read<Proxy<Mortal>>(again), royong::TransferError, "gone");
}

TEST_F(Lending, TheSenderKeepsWhatIsInACall) {
  auto mortal = std::make_optional(manager.make<Mortal>(gone));
  std::optional<Writer> out(std::in_place, Transit::call_abroad);
  (*out)(*mortal);
  const Bytes bytes(out->bytes().begin(), out->bytes().end());
  auto held = out->take_held();
  out.reset();
  mortal.reset();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(read<Proxy<Mortal>>(bytes).valid());  // each try of a task
  EXPECT_FALSE(gone.is_set());
  held.clear();
  gone.wait();
}

TEST_F(Lending, NothingIsKeptForEver) {
  const auto hasty = Manager::serve({.limits = {.lent = 1ms}});
  const auto bytes = in_a_result(hasty.make<Mortal>(gone));
  gone.wait();
  EXPECT_THROW_MESSAGE(read<Proxy<Mortal>>(bytes), royong::TransferError, "gone");
}

TEST_F(Lending, AManagerThatHasEndedIsToldOf) {
  std::optional<Manager> other(Manager::serve({}));
  const auto table = other->dict<std::string, int>();
  const auto bytes = in_a_result(table);
  other.reset();
  EXPECT_THROW(in_a_result(table), royong::EndOfFile);
  EXPECT_THROW(read<Table>(bytes), royong::EndOfFile);
}

}  // namespace
