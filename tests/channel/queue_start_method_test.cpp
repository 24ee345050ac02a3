// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>

#include <array>    // for std::array
#include <cstdint>  // for std::uint64_t
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "os/poll.hpp"
#include "process/every_start_method.hpp"
#include "royong/queue.hpp"

namespace royong_test {
namespace {

using QueueInProcesses = EveryStartMethod;

struct Job {
  int number = 0;
  std::string text;
};

void answer(const mp::Queue<Job>& jobs, const mp::JoinableQueue<std::string>& results) {
  for (auto& job : jobs) results.put(job.text + std::to_string(job.number));
}

TEST_P(QueueInProcesses, jobs_go_out_and_results_come_back) {
  constexpr int count = 200;
  const mp::Queue<Job> jobs(10);
  const mp::JoinableQueue<std::string> results;
  auto process = context().process(&answer, jobs, results);
  process.start();
  for (int i = 0; i < count; ++i)
    jobs.put({i, std::string(static_cast<std::size_t>(i) * 500, 'x')});
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(results.get(),
              std::string(static_cast<std::size_t>(i) * 500, 'x') + std::to_string(i));
    results.task_done();
  }
  EXPECT_TRUE(results.join());
  jobs.shutdown();
  EXPECT_TRUE(process.join());
  EXPECT_EQ(process.exitcode(), 0);
}

void send_one(const mp::SimpleQueue<int>& queue) { queue.put(42); }

TEST_P(QueueInProcesses, a_put_of_a_process_that_has_ended_is_there_and_its_descriptor_says_so) {
  const mp::SimpleQueue<int> queue;
  mp::os::Epoll epoll;
  epoll.add(queue.fileno(), EPOLLIN, 1);
  auto process = context().process(&send_one, queue);
  process.start();
  std::array<epoll_event, 1> events{};
  EXPECT_EQ(epoll.wait(events, mp::os::Deadline::max()).size(), 1u);
  EXPECT_TRUE(process.join());
  EXPECT_EQ(queue.get(), 42);
  EXPECT_TRUE(queue.empty());
}

/// Watches in the process itself: there the thread is another one, or begun anew after a fork.
void forward_when_readable(const mp::Queue<int>& from, const mp::Queue<int>& to) {
  mp::os::Epoll epoll;
  epoll.add(from.fileno(), EPOLLIN, 1);
  std::array<epoll_event, 1> events{};
  for (int i = 0; i < 50;) {
    epoll.wait(events, mp::os::Deadline::max());
    while (const auto number = from.try_get()) {
      to.put(*number);
      ++i;
    }
  }
}

TEST_P(QueueInProcesses, a_process_watches_what_it_was_given) {
  const mp::Queue<int> there;
  const mp::Queue<int> back;
  EXPECT_GE(there.fileno(), 0);  // this process watches too
  auto process = context().process(&forward_when_readable, there, back);
  process.start();
  for (int i = 0; i < 50; ++i) {
    there.put(i);
    EXPECT_EQ(back.get(), i);
  }
  EXPECT_TRUE(process.join());
  EXPECT_EQ(process.exitcode(), 0);
}

void sum_views(const mp::Queue<std::vector<std::uint64_t>>& arrays,
               const mp::Queue<std::uint64_t>& sums) {
  const auto view = arrays.get_view();
  std::uint64_t sum = 0;
  for (const auto value : view) sum += value;
  sums.put(sum);
}

TEST_P(QueueInProcesses, a_view_reads_what_another_process_put) {
  const mp::Queue<std::vector<std::uint64_t>> arrays;
  const mp::Queue<std::uint64_t> sums;
  arrays.put(std::vector<std::uint64_t>(100'000, 3));
  auto process = context().process(&sum_views, arrays, sums);
  process.start();
  EXPECT_EQ(sums.get(), 300'000u);
  EXPECT_TRUE(process.join());
}

ROYONG_EVERY_START_METHOD(QueueInProcesses);

}  // namespace
}  // namespace royong_test
