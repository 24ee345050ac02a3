// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>   // for std::array
#include <atomic>  // for std::atomic
#include <chrono>  // for std::chrono_literals
#include <memory>  // for std::unique_ptr
#include <thread>  // for std::thread

#include "os/mock.hpp"
#include "os/poll.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/descriptors.hpp"
#include "support/eventually.hpp"
#include "support/member.hpp"
#include "support/random.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::is_readable;
using royong_test::Member;
using royong_test::Mock;

void wait_readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  ASSERT_EQ(os::poll({&entry, 1}, os::Deadline::max()), 1);
}

TEST(QueueWatch, the_descriptor_is_readable_while_there_is_a_message) {
  const Queue<int> queue;
  const int fd = queue.fileno();
  EXPECT_EQ(queue.fileno(), fd);
  EXPECT_FALSE(is_readable(fd));
  queue.put(1);
  EXPECT_TRUE(is_readable(fd)) << "what this process put shows before the put returns";
  queue.put(2);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_TRUE(is_readable(fd)) << "level-triggered: one is left";
  EXPECT_EQ(queue.get(), 2);
  EXPECT_FALSE(is_readable(fd));
}

TEST(QueueWatch, a_descriptor_asked_for_after_the_put_is_readable) {
  const Queue<int> queue;
  queue.put(1);
  EXPECT_TRUE(is_readable(queue.fileno()));
}

TEST(QueueWatch, epoll_sees_what_another_process_puts_and_takes) {
  const Queue<int> queue;
  const Event take;
  os::Epoll epoll;
  epoll.add(queue.fileno(), EPOLLIN, 7);
  Member other([&] {
    queue.put(1);
    take.wait();
    EXPECT_EQ(queue.get(), 1);
  });
  std::array<epoll_event, 4> events{};
  const auto ready = epoll.wait(events, os::Deadline::max());
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].data.u64, 7u);
  EXPECT_EQ(queue.qsize(), 1u);
  take.set();
  eventually([&] { return !is_readable(queue.fileno()); });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueWatch, several_queues_of_one_process_are_told_apart) {
  const std::array<Queue<int>, 3> queues;
  for (const auto& queue : queues) EXPECT_FALSE(is_readable(queue.fileno()));
  Member other([&] { queues[1].put(1); });
  wait_readable(queues[1].fileno());
  EXPECT_FALSE(is_readable(queues[0].fileno()));
  EXPECT_FALSE(is_readable(queues[2].fileno()));
  EXPECT_EQ(other.wait(), 0);
}

TEST(QueueWatch, shut_down_makes_it_readable_for_good_in_every_process) {
  const Queue<int> queue;
  const Event watching;
  Member other([&] {
    const int fd = queue.fileno();
    EXPECT_FALSE(is_readable(fd));
    watching.set();
    wait_readable(fd);
    EXPECT_THROW(queue.try_get(), ShutDown);
    EXPECT_TRUE(is_readable(fd));
  });
  const int fd = queue.fileno();
  watching.wait();
  queue.shutdown();
  EXPECT_TRUE(is_readable(fd));
  EXPECT_EQ(other.wait(), 0);
}

TEST(QueueWatch, after_close_and_outside_the_program_there_is_no_descriptor) {
  const Queue<int> queue;
  const pid_t outsider = ::fork();
  if (outsider == 0) {
    try {
      queue.fileno();
    } catch (const UsageError&) {
      ::_exit(7);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(outsider, &status, 0), outsider);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  queue.close();
  EXPECT_THROW(queue.fileno(), UsageError);
}

TEST(QueueWatch, a_forked_child_watches_by_a_descriptor_of_its_own) {
  const Queue<int> queue;
  const Event taken;
  const int fd = queue.fileno();
  Member child([&] {
    const int own = queue.fileno();
    wait_readable(own);
    EXPECT_EQ(queue.get(), 1);
    EXPECT_FALSE(is_readable(own));
    taken.set();
  });
  queue.put(1);
  taken.wait();
  EXPECT_EQ(child.wait(), 0);
  eventually([&] { return !is_readable(fd); });
  queue.put(2);
  EXPECT_TRUE(is_readable(fd)) << "the child's end took nothing of the parent's descriptor";
}

// ---- What it costs ----

std::atomic<int> calls{0};
long (*real_futex)(std::uint32_t*, int, std::uint32_t, const timespec*, std::uint32_t);

/// Counts futex calls and writes in its scope. Only for a process that has no other thread.
struct CountCalls {
  int begun = (real_futex = os::sys().futex, calls = 0);  // before the mocks
  Mock<decltype(os::Syscalls::futex)> futex{
      &os::Syscalls::futex, [](std::uint32_t* word, int operation, std::uint32_t value,
                               const timespec* deadline, std::uint32_t bits) {
        ++calls;
        return real_futex(word, operation, value, deadline, bits);
      }};
  Mock<decltype(os::Syscalls::write)> write{&os::Syscalls::write,
                                            [](int fd, const void* buffer, std::size_t size) {
                                              ++calls;
                                              return ::write(fd, buffer, size);
                                            }};
};

TEST(QueueWatch, what_nobody_watches_makes_no_system_call) {
  const Queue<int> queue;
  Member alone([&] {
    const CountCalls count;
    for (int i = 0; i < 1000; ++i) {
      queue.put(i);
      EXPECT_EQ(queue.get(), i);
    }
    EXPECT_EQ(calls.load(), 0);
  });
  EXPECT_EQ(alone.wait(), 0);
}

TEST(QueueWatch, a_steady_flow_makes_no_system_call_although_it_is_watched) {
  const Queue<int> queue;
  const int fd = queue.fileno();
  queue.put(-1);
  ASSERT_TRUE(is_readable(fd));
  Member other([&] {
    const CountCalls count;
    for (int i = 0; i < 1000; ++i) {
      queue.put(i);
      EXPECT_EQ(queue.get(), i - 1);
    }
    EXPECT_EQ(calls.load(), 0);
  });
  EXPECT_EQ(other.wait(), 0);
}

TEST(QueueWatch, a_killed_watcher_costs_one_change_a_call_and_those_after_it_nothing) {
  const Queue<int> queue;
  const Event watching;
  Member watcher([&] {
    queue.fileno();
    watching.set();
    for (;;) ::pause();
  });
  watching.wait();
  watcher.kill();
  watcher.reap_without_sweep();
  Member alone([&] {
    queue.put(0);
    EXPECT_EQ(queue.get(), 0);
    const CountCalls count;
    for (int i = 0; i < 1000; ++i) {
      queue.put(i);
      EXPECT_EQ(queue.get(), i);
    }
    EXPECT_EQ(calls.load(), 0);
  });
  EXPECT_EQ(alone.wait(), 0);
}

// ---- Nothing is lost ----

/// From now on no sleep of this process ends by itself: what is lost becomes a hang, which the watchdog sees. Before the first watch.
void sleep_without_slices() {
  real_futex = os::sys().futex;
  os::sys().futex = [](std::uint32_t* word, int operation, std::uint32_t value, const timespec*,
                       std::uint32_t bits) {
    return real_futex(word, operation, value, nullptr, bits);
  };
}

TEST(QueueWatch, no_readiness_is_lost_without_the_help_of_slices) {
  constexpr int rounds = 5'000;
  const Queue<int> questions;
  const Queue<int> answers;
  // Each question is put only when the last one was answered: so each must be shown.
  Member watcher([&] {
    sleep_without_slices();
    const int fd = questions.fileno();
    for (int next = 0; next < rounds;) {
      wait_readable(fd);
      while (const auto question = questions.try_get()) {
        EXPECT_EQ(*question, next++);
        answers.put(*question);
      }
    }
  });
  for (int i = 0; i < rounds; ++i) {
    questions.put(i);
    while (!answers.try_get()) std::this_thread::yield();
  }
  EXPECT_EQ(watcher.wait(), 0);
}

TEST(QueueWatch, two_watchers_see_every_message_that_either_could_take) {
  constexpr int count = 20'000;
  const Queue<int> queue;
  const Queue<int> totals;
  std::array<std::unique_ptr<Member>, 2> watchers;
  for (auto& watcher : watchers) {
    watcher = std::make_unique<Member>([&] {
      sleep_without_slices();
      const int fd = queue.fileno();
      int taken = 0;
      try {
        for (;;) {
          wait_readable(fd);
          while (queue.try_get()) ++taken;
        }
      } catch (const ShutDown&) {
        totals.put(taken);
      }
    });
  }
  auto random = royong_test::random_engine();
  for (int i = 0; i < count; ++i) {
    queue.put(i);
    // Often drained, so that both changes come about again and again.
    if (random() % 4 == 0) {
      while (!queue.empty()) std::this_thread::yield();
    }
  }
  queue.shutdown();
  for (auto& watcher : watchers) EXPECT_EQ(watcher->wait(), 0);
  EXPECT_EQ(totals.get() + totals.get(), count);
}

TEST(QueueWatch, killed_producers_and_watchers_leave_nobody_waiting) {
  constexpr int kills = 100;
  const Queue<int> questions;
  const Queue<int> answers;
  const auto produce = [&] {
    for (int i = 0;; ++i) {
      questions.put(i);
      answers.try_get(20ms);
    }
  };
  const auto watch = [&] {
    const int fd = questions.fileno();
    for (;;) {
      wait_readable(fd);
      while (const auto question = questions.try_get()) answers.put(*question);
    }
  };
  auto random = royong_test::random_engine();
  auto producer = std::make_unique<Member>(produce);
  auto watcher = std::make_unique<Member>(watch);
  for (int i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    auto& victim = random() % 2 == 0 ? producer : watcher;
    victim->kill();
    victim->wait();
    if (&victim == &producer) {
      victim = std::make_unique<Member>(produce);
    } else {
      victim = std::make_unique<Member>(watch);
    }
  }
  producer.reset();
  eventually([&] { return questions.empty(); });
}

}  // namespace
}  // namespace royong
