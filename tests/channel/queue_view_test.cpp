// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <numeric>   // for std::iota
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <vector>    // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/sync.hpp"
#include "support/member.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::Member;

std::vector<int> numbers(std::size_t count) {
  std::vector<int> all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(QueueView, shows_messages_of_any_length) {
  const Queue<std::vector<int>> queue;
  for (const std::size_t count : {0U, 1U, 100U, 4'000U, 4'096U, 4'097U, 300'000U}) {
    queue.put(numbers(count));
    const auto view = queue.get_view();
    ASSERT_EQ(view.size(), count);
    EXPECT_EQ(view.empty(), count == 0);
    EXPECT_EQ(std::vector<int>(view.begin(), view.end()), numbers(count));
  }
  EXPECT_THROW(queue.get_view(1ms), Empty);
}

TEST(QueueView, of_a_long_message_is_the_memory_that_the_message_lies_in) {
  const Queue<std::vector<int>> queue;
  queue.put(numbers(100'000));
  const auto view = queue.get_view();
  const auto* arena = memory::arena_base();
  const auto* data = reinterpret_cast<const std::byte*>(view.data());
  EXPECT_GE(data, arena);
  EXPECT_LT(data, arena + memory::arena_size());
}

TEST(QueueView, may_be_changed_moved_and_kept_beyond_the_queue) {
  std::optional<Queue<std::string>> queue(std::in_place);
  queue->put(std::string(50'000, 'x'));
  queue->put("short");
  auto long_one = queue->get_view();
  auto short_one = queue->get_view();
  queue.reset();
  long_one[1] = 'y';
  auto moved = std::move(long_one);
  EXPECT_EQ(std::string(moved.data(), 3), "xyx");
  std::swap(moved, short_one);
  EXPECT_EQ(std::string(moved.begin(), moved.end()), "short");
  EXPECT_EQ(short_one.size(), 50'000u);
}

TEST(QueueView, gives_its_memory_back_when_it_ends) {
  const Queue<std::vector<int>> queue;
  const auto before = memory::arena_usage().used;
  for (int i = 0; i < 100; ++i) {
    queue.put(numbers(100'000));
    EXPECT_EQ(queue.get_view()[99'999], 99'999);
  }
  EXPECT_LT(memory::arena_usage().used, before + 400'000);
}

TEST(QueueView, of_a_killed_process_gives_its_memory_back) {
  const Queue<std::vector<int>> queue;
  const Event taken;
  const auto before = memory::arena_usage().used;
  queue.put(numbers(1'000'000));
  Member reader([&] {
    const auto view = queue.get_view();
    EXPECT_EQ(view.size(), 1'000'000u);
    taken.set();
    for (;;) ::pause();
  });
  taken.wait();
  EXPECT_GT(memory::arena_usage().used, before + 3'000'000);
  reader.kill();
  reader.wait();
  EXPECT_LT(memory::arena_usage().used, before + 1'000'000);
}

TEST(QueueView, of_a_parent_survives_the_end_of_a_forked_childs_copy) {
  const Queue<std::vector<int>> queue;
  queue.put(numbers(100'000));
  std::optional view(queue.get_view());
  Member child([&] {
    EXPECT_EQ((*view)[7], 7);
    view.reset();
  });
  EXPECT_EQ(child.wait(), 0);
  queue.put(std::vector<int>(100'000, -1));  // would get the block if it had been freed
  EXPECT_EQ(std::vector<int>(view->begin(), view->end()), numbers(100'000));
}

}  // namespace
}  // namespace royong
