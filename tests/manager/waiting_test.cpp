// SPDX-License-Identifier: Apache-2.0
// Timers, answers and waiting lines: what served objects are made of, without a server.
#include <chrono>
#include <string>
#include <vector>

#include "manager/sink.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace {

using namespace std::chrono_literals;
using royong::Timeout;
using royong::detail::Answer;
using royong::detail::Caller;
using royong::detail::OperationList;
using royong::detail::Served;
using royong::detail::SessionId;
using royong::detail::Timers;
using royong::detail::WaitingLine;
using royong::test::Client;

const Timers::Instant start{};

TEST(Timers, RunInTheOrderOfTheirInstants) {
  Timers timers;
  std::string ran;
  timers.add(start + 3s, [&] { ran += 'c'; });
  timers.add(start + 1s, [&] { ran += 'a'; });
  timers.add(start + 1s, [&] { ran += 'b'; });
  EXPECT_EQ(timers.next(), start + 1s);
  EXPECT_EQ(timers.run_due(start + 2s), 2U);
  EXPECT_EQ(ran, "ab");
  EXPECT_EQ(timers.next(), start + 3s);
  EXPECT_EQ(timers.run_due(start + 3s), 1U);
  EXPECT_EQ(ran, "abc");
  EXPECT_EQ(timers.next(), Timers::Instant::max());
}

TEST(Timers, ACancelledEntryDoesNotRun) {
  Timers timers;
  const auto id = timers.add(start + 1s, [] { FAIL(); });
  timers.cancel(id);
  timers.cancel(id);
  EXPECT_EQ(timers.size(), 0U);
  EXPECT_EQ(timers.run_due(start + 2s), 0U);
}

TEST(Timers, AnEntryMayCancelAndAddOthers) {
  Timers timers;
  int ran = 0;
  Timers::Id second = 0;
  timers.add(start + 1s, [&] {
    timers.cancel(second);
    timers.add(start + 1s, [&] { ++ran; });
    timers.add(start + 9s, [&] { ++ran; });
  });
  second = timers.add(start + 2s, [] { FAIL(); });
  EXPECT_EQ(timers.run_due(start + 3s), 2U);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(timers.size(), 1U);
}

TEST(Timers, AnInstantThatNeverComesIsNotKept) {
  Timers timers;
  EXPECT_EQ(timers.add(Timers::Instant::max(), [] {}), 0U);
  EXPECT_EQ(timers.size(), 0U);
}

/// A lock: what waits for it, waits in a line.
class ServedGate final : public Served<ServedGate> {
 public:
  void acquire(Answer<bool> answer, Timeout timeout) {
    if (!held_) {
      held_ = answer.caller();
      return answer.answer(true);
    }
    line_.wait(std::move(answer), timeout, [](auto parked) { parked.answer.answer(false); });
  }
  void release(const Caller& caller) {
    if (held_ != caller) throw royong::UsageError("released by somebody else");
    pass_on();
  }
  void forget(SessionId gone) noexcept override {
    line_.forget(gone);
    if (held_ && held_->session == gone) pass_on();
  }
  void drop(Answer<void>) {}
  void drop_all(Answer<void> answer) {
    const auto dropped = std::move(answer);
    throw std::out_of_range("after the answer was taken");
  }
  int add(int a, const std::string& text, std::string_view view) const {
    return a + static_cast<int>(text.size() + view.size());
  }
  std::size_t waiting() const { return line_.size(); }

  using Operations = OperationList<&ServedGate::acquire, &ServedGate::release, &ServedGate::drop,
                                   &ServedGate::drop_all, &ServedGate::add, &ServedGate::waiting>;

 private:
  void pass_on() {
    held_.reset();
    if (auto next = line_.take_first()) {
      held_ = next->answer.caller();
      next->answer.answer(true);
    }
  }
  std::optional<Caller> held_;
  WaitingLine<bool> line_;
};

struct ServedGateTest : testing::Test {
  Timers timers;
  ServedGate gate;
  Client one{1, timers}, two{2, timers}, three{3, timers};
};

TEST_F(ServedGateTest, ArgumentsOfEveryKindReachTheOperation) {
  EXPECT_EQ(one.get<&ServedGate::add>(gate, 1, "four", std::string("five5")), 10);
}

TEST_F(ServedGateTest, CallsAreAnsweredInTheOrderOfTheirArrival) {
  EXPECT_TRUE(one.get<&ServedGate::acquire>(gate, royong::forever));
  const auto second = two.call<&ServedGate::acquire>(gate, royong::forever);
  const auto third = three.call<&ServedGate::acquire>(gate, royong::forever);
  EXPECT_FALSE(two.is_answered(second));
  one.get<&ServedGate::release>(gate);
  EXPECT_TRUE(two.result<bool>(second));
  EXPECT_FALSE(three.is_answered(third));
  two.get<&ServedGate::release>(gate);
  EXPECT_TRUE(three.result<bool>(third));
}

TEST_F(ServedGateTest, AThreadIsNotAnotherOneOfItsClient) {
  EXPECT_TRUE(one.get<&ServedGate::acquire>(gate, royong::forever));
  const auto release = one.call_from<&ServedGate::release>(2, gate);
  EXPECT_THROW(one.result<void>(release), royong::UsageError);
}

TEST_F(ServedGateTest, ACallWhoseTimeIsOverLeavesTheLine) {
  EXPECT_TRUE(one.get<&ServedGate::acquire>(gate, royong::forever));
  const auto call = two.call<&ServedGate::acquire>(gate, 1h);
  EXPECT_EQ(timers.run_due(Timeout::Clock::now() + 2h), 1U);
  EXPECT_FALSE(two.result<bool>(call));
  EXPECT_EQ(one.get<&ServedGate::waiting>(gate), 0U);
}

TEST_F(ServedGateTest, AnAnsweredCallHasNoTimerLeft) {
  EXPECT_TRUE(one.get<&ServedGate::acquire>(gate, royong::forever));
  const auto call = two.call<&ServedGate::acquire>(gate, 1h);
  one.get<&ServedGate::release>(gate);
  EXPECT_TRUE(two.result<bool>(call));
  EXPECT_EQ(timers.size(), 0U);
}

TEST_F(ServedGateTest, AClientThatIsGoneLosesItsPlaceAndWhatItHeld) {
  EXPECT_TRUE(one.get<&ServedGate::acquire>(gate, royong::forever));
  const auto second = two.call<&ServedGate::acquire>(gate, 1h);
  const auto third = three.call<&ServedGate::acquire>(gate, 1h);
  gate.forget(2);
  EXPECT_THROW(two.result<bool>(second), royong::CancelledError);
  EXPECT_EQ(timers.size(), 1U);
  gate.forget(1);
  EXPECT_TRUE(three.result<bool>(third));
}

TEST_F(ServedGateTest, AnAnswerThatIsDroppedIsAnError) {
  EXPECT_THROW(one.get<&ServedGate::drop>(gate), royong::CancelledError);
}

TEST_F(ServedGateTest, AnExceptionIsTheAnswerAlsoWhenTheAnswerWasTaken) {
  EXPECT_THROW(one.get<&ServedGate::drop_all>(gate), std::out_of_range);
}

TEST_F(ServedGateTest, WhatWaitsWhenTheObjectEndsIsAnError) {
  std::uint64_t call = 0;
  {
    ServedGate mortal;
    EXPECT_TRUE(one.get<&ServedGate::acquire>(mortal, royong::forever));
    call = two.call<&ServedGate::acquire>(mortal, 1h);
  }
  EXPECT_THROW(two.result<bool>(call), royong::CancelledError);
  EXPECT_EQ(timers.size(), 0U);
}

TEST_F(ServedGateTest, MalformedArgumentsAreRefused) {
  royong::detail::Writer out;
  out(1);
  royong::detail::Reader in(out.bytes());
  struct Sink final : royong::detail::AnswerSink {
    void answer(std::uint64_t, Encode, const void*) noexcept override {}
    void fail(std::uint64_t, const std::exception_ptr& caught,
              royong::detail::Frames) noexcept override {
      error = caught;
    }
    void cancel(std::uint64_t) noexcept override {}
    Timers& timers() noexcept override { return loop; }
    Timers loop;
    std::exception_ptr error;
  };
  const auto sink = std::make_shared<Sink>();
  royong::detail::IncomingCall incoming(in, *sink, 1, {});
  incoming.run(gate.type().operations[4], gate);
  ASSERT_TRUE(sink->error);
  EXPECT_THROW(std::rethrow_exception(sink->error), royong::TransferError);
}

}  // namespace
