// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The served queues, without a server: who gets what, who waits, and what the end of a client does.
 */
#include <gtest/gtest.h>

#include <chrono>  // for std::chrono_literals
#include <string>  // for std::string
#include <vector>  // for std::vector

#include "manager/sink.hpp"
#include "royong/detail/manager/objects/queue.hpp"
#include "royong/detail/manager/timers.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using detail::Timers;
using test::Client;
using testing::ElementsAre;
using testing::IsEmpty;

using Letters = detail::ServedQueue<std::string>;
using Jobs = detail::ServedJoinableQueue<int>;
using Taken = std::vector<std::string>;

class ServedQueues : public testing::Test {
 protected:
  void pass(std::chrono::seconds time) { timers.run_due(Timeout::Clock::now() + time); }
  Taken take(Client& client, Letters& queue, std::size_t max = 1) {
    return client.get<&Letters::get>(queue, max, 0s);
  }

  Timers timers;
  Client a{1, timers};
  Client b{2, timers};
  Client c{3, timers};
};

TEST_F(ServedQueues, messages_come_in_their_order) {
  Letters queue(0);
  EXPECT_EQ(a.get<&Letters::put>(queue, "a", forever), 1U);
  EXPECT_EQ(a.get<&Letters::put_many>(queue, Taken{"b", "c"}, forever), 2U);
  EXPECT_EQ(queue.qsize(), 3U);
  EXPECT_THAT(take(b, queue), ElementsAre("a"));
  EXPECT_THAT(take(b, queue, 5), ElementsAre("b", "c"));
  EXPECT_THAT(take(b, queue), IsEmpty());
}

TEST_F(ServedQueues, who_waits_for_a_message_is_served_in_the_order_of_arrival) {
  Letters queue(0);
  const auto first = a.call<&Letters::get>(queue, std::size_t{9}, forever);
  const auto second = b.call<&Letters::get>(queue, std::size_t{1}, 5s);
  const auto third = a.call_from<&Letters::get>(2, queue, std::size_t{1}, 5s);
  EXPECT_EQ(c.get<&Letters::put_many>(queue, Taken{"a", "b"}, forever), 2U);
  EXPECT_THAT(a.result<Taken>(first), ElementsAre("a"));
  EXPECT_THAT(b.result<Taken>(second), ElementsAre("b"));
  pass(6s);
  EXPECT_THAT(a.result<Taken>(third), IsEmpty());
  EXPECT_EQ(timers.size(), 0U);
}

TEST_F(ServedQueues, who_waits_for_room_is_let_in_in_the_order_of_arrival) {
  Letters queue(2);
  EXPECT_EQ(a.get<&Letters::put>(queue, "a", forever), 1U);
  const auto many = a.call<&Letters::put_many>(queue, Taken{"b", "c", "d"}, forever);
  EXPECT_TRUE(queue.full());
  const auto one = b.call<&Letters::put>(queue, "e", forever);
  EXPECT_EQ(c.get<&Letters::put>(queue, "no", 0s), 0U);
  EXPECT_THAT(take(c, queue), ElementsAre("a"));
  EXPECT_FALSE(a.is_answered(many));
  EXPECT_THAT(take(c, queue), ElementsAre("b"));
  EXPECT_EQ(a.result<std::size_t>(many), 3U);
  EXPECT_FALSE(b.is_answered(one));
  EXPECT_THAT(take(c, queue, 9), ElementsAre("c", "d"));
  EXPECT_EQ(b.result<std::size_t>(one), 1U);
  EXPECT_THAT(take(c, queue, 9), ElementsAre("e"));
}

TEST_F(ServedQueues, a_put_does_not_overtake_one_that_waits) {
  Letters queue(1);
  EXPECT_EQ(a.get<&Letters::put>(queue, "a", forever), 1U);
  const auto waiting = a.call<&Letters::put>(queue, "b", 5s);
  EXPECT_EQ(b.get<&Letters::put_many>(queue, Taken{"c"}, 0s), 0U);
  pass(6s);
  EXPECT_EQ(a.result<std::size_t>(waiting), 0U);
  EXPECT_THAT(take(c, queue, 9), ElementsAre("a"));
}

TEST_F(ServedQueues, a_put_of_many_tells_how_many_were_put_in_time) {
  Letters queue(2);
  const auto many = a.call<&Letters::put_many>(queue, Taken{"a", "b", "c", "d"}, 5s);
  EXPECT_THAT(take(b, queue), ElementsAre("a"));
  pass(6s);
  EXPECT_EQ(a.result<std::size_t>(many), 3U);
  EXPECT_THAT(take(b, queue, 9), ElementsAre("b", "c"));
}

TEST_F(ServedQueues, nobody_puts_or_takes_for_a_client_that_is_gone) {
  Letters queue(1);
  const auto dead = a.call<&Letters::get>(queue, std::size_t{1}, forever);
  const auto alive = b.call<&Letters::get>(queue, std::size_t{1}, forever);
  queue.forget(a.session());
  EXPECT_THROW(a.result<Taken>(dead), CancelledError);
  EXPECT_EQ(c.get<&Letters::put>(queue, "a", forever), 1U);
  EXPECT_THAT(b.result<Taken>(alive), ElementsAre("a"));
  EXPECT_EQ(c.get<&Letters::put>(queue, "b", forever), 1U);
  a.call<&Letters::put>(queue, "from the dead", forever);
  queue.forget(a.session());
  EXPECT_THAT(take(b, queue, 9), ElementsAre("b"));
  EXPECT_THAT(take(b, queue, 9), IsEmpty());
}

TEST_F(ServedQueues, a_shutdown_ends_all_waits) {
  Letters queue(1);
  EXPECT_EQ(a.get<&Letters::put>(queue, "a", forever), 1U);
  const auto none = a.call<&Letters::put>(queue, "b", forever);
  const auto late = b.call<&Letters::put_many>(queue, Taken{"c"}, forever);
  c.get<&Letters::shutdown>(queue, false);
  EXPECT_THROW(a.result<std::size_t>(none), ShutDown);
  EXPECT_THROW(b.result<std::size_t>(late), ShutDown);
  EXPECT_THROW(a.get<&Letters::put>(queue, "d", forever), ShutDown);
  EXPECT_THAT(take(b, queue), ElementsAre("a"));
  EXPECT_THROW(take(b, queue), ShutDown);

  Letters empty(0);
  const auto waiting = b.call<&Letters::get>(empty, std::size_t{1}, forever);
  c.get<&Letters::shutdown>(empty, false);
  EXPECT_THROW(b.result<Taken>(waiting), ShutDown);
}

TEST_F(ServedQueues, a_shutdown_tells_who_has_put_a_part) {
  Letters queue(1);
  const auto part = a.call<&Letters::put_many>(queue, Taken{"a", "b"}, forever);
  c.get<&Letters::shutdown>(queue, true);
  EXPECT_EQ(a.result<std::size_t>(part), 1U);
  EXPECT_THROW(take(b, queue), ShutDown);  // dropped
}

TEST_F(ServedQueues, join_waits_until_all_is_done) {
  Jobs queue(0);
  EXPECT_TRUE(a.get<&Jobs::join>(queue, 0s));
  a.get<&Jobs::put_many>(queue, std::vector<int>{1, 2}, forever);
  const auto joined = a.call<&Jobs::join>(queue, forever);
  const auto impatient = c.call<&Jobs::join>(queue, 5s);
  EXPECT_THROW_MESSAGE(b.get<&Jobs::task_done>(queue), UsageError, "too many times");
  EXPECT_THAT(b.get<&Jobs::get>(queue, std::size_t{2}, 0s), ElementsAre(1, 2));
  b.get<&Jobs::task_done>(queue);
  EXPECT_FALSE(a.is_answered(joined));
  pass(6s);
  EXPECT_FALSE(c.result<bool>(impatient));
  c.get<&Jobs::task_done>(queue);  // for b, who took it
  EXPECT_TRUE(a.result<bool>(joined));
  EXPECT_THROW(b.get<&Jobs::task_done>(queue), UsageError);
}

TEST_F(ServedQueues, what_died_with_its_taker_counts_as_done_and_lost) {
  Jobs queue(0);
  a.get<&Jobs::put_many>(queue, std::vector<int>{1, 2, 3}, forever);
  b.get<&Jobs::get>(queue, std::size_t{2}, 0s);
  b.get<&Jobs::task_done>(queue);
  c.get<&Jobs::get>(queue, std::size_t{1}, 0s);
  const auto joined = a.call<&Jobs::join>(queue, forever);
  queue.forget(b.session());
  EXPECT_EQ(queue.lost(), 1U);
  EXPECT_FALSE(a.is_answered(joined));
  c.get<&Jobs::task_done>(queue);
  EXPECT_TRUE(a.result<bool>(joined));
}

TEST_F(ServedQueues, what_is_dropped_is_done) {
  Jobs queue(0);
  a.get<&Jobs::put_many>(queue, std::vector<int>{1, 2}, forever);
  const auto joined = a.call<&Jobs::join>(queue, forever);
  b.get<&Jobs::shutdown>(queue, true);
  EXPECT_TRUE(a.result<bool>(joined));
}

TEST_F(ServedQueues, a_negative_size_is_refused) {
  EXPECT_THROW_MESSAGE(Letters(-1), UsageError, "the number is negative");
}

}  // namespace
}  // namespace royong
