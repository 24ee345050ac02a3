// SPDX-License-Identifier: Apache-2.0
// A process is stopped just while it puts or takes: time limits hold all the same, and nothing is lost.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>  // for std::chrono_literals
#include <vector>  // for std::vector

#include "channel/end_state.hpp"
#include "channel/queue_chain.hpp"
#include "channel/queue_state.hpp"
#include "memory/objects.hpp"
#include "memory/robust_mutex.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "support/eventually.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::WaitingThread;

template <class Q>
channel::QueueState& state_of_queue(const Q& queue) {
  return channel::state_of(detail::HandleAccess::object(queue).record());
}

/// A process that is stopped as the owner of a lock.
class Stopped {
 public:
  explicit Stopped(pthread_mutex_t& mutex)
      : member_([&mutex] {
          const memory::RobustGuard guard(mutex);
          ::raise(SIGSTOP);
        }) {
    royong_test::eventually([this] {
      const auto info = royong_test::process_info(member_.pid());
      return info && info->state == 'T';
    });
  }
  void go_on() {
    ::kill(member_.pid(), SIGCONT);
    EXPECT_EQ(member_.wait(), 0);
  }
  void die() {
    member_.kill();
    EXPECT_EQ(member_.wait(), -SIGKILL);
  }

 private:
  royong_test::Member member_;
};

TEST(StoppedConsumer, holds_up_no_get_beyond_its_time_limit) {
  const Queue<int> queue;
  queue.put_many({1, 2, 3});
  Stopped consumer(state_of_queue(queue).get_lock);
  EXPECT_THROW(queue.get(20ms), Empty);
  EXPECT_FALSE(queue.try_get(20ms));
  EXPECT_TRUE(queue.get_many(2, 20ms).empty());
  queue.put(4, 10min);  // what producers do is another thing
  EXPECT_EQ(queue.qsize(), 4U);
  WaitingThread patient([&] { EXPECT_EQ(queue.get(), 1); });
  patient.until_asleep();
  consumer.go_on();
  patient.join();
  EXPECT_EQ(queue.get_many(9), (std::vector<int>{2, 3, 4}));
}

TEST(StoppedProducer, holds_up_no_put_beyond_its_time_limit) {
  const Queue<int> queue(5);
  queue.put(1);
  Stopped producer(state_of_queue(queue).put_lock);
  EXPECT_THROW(queue.put(7, 20ms), Full);
  EXPECT_FALSE(queue.try_put(7, 20ms));
  EXPECT_EQ(queue.put_many({7, 8}, 20ms), 0U);
  EXPECT_EQ(queue.get(10min), 1);  // what consumers do is another thing
  WaitingThread patient([&] { queue.put(2); });
  patient.until_asleep();
  producer.die();
  patient.join();
  EXPECT_EQ(queue.get(0s), 2);
}

TEST(StoppedProducer, of_long_messages_costs_no_memory) {
  const Queue<std::vector<char>> queue;
  Stopped producer(state_of_queue(queue).put_lock);
  EXPECT_FALSE(queue.try_put(std::vector<char>(1 << 20), 20ms));
  producer.go_on();
  queue.put(std::vector<char>(1 << 20));
  EXPECT_EQ(queue.get().size(), 1U << 20);
}

TEST(StoppedReceiver, holds_up_no_recv_beyond_its_time_limit) {
  const auto [reader, writer] = Pipe(false);
  const auto object = detail::HandleAccess::object(reader);
  const auto in = detail::ObjectRef::acquire(channel::end_state(object.record()).in,
                                             detail::ObjectKind::pipe, 0);
  Stopped receiver(channel::state_of(in.record()).get_lock);
  writer.send(1);
  EXPECT_THROW(reader.recv<int>(20ms), TimeoutError);
  receiver.go_on();
  EXPECT_EQ(reader.recv<int>(), 1);
}

}  // namespace
}  // namespace royong
