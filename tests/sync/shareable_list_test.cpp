// SPDX-License-Identifier: Apache-2.0
// Lists of mixed values in named shared memory: what goes in comes out, also when writers are killed and when the memory is damaged.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono::microseconds
#include <cstdint>    // for INT64_MIN
#include <cstring>    // for std::memcpy
#include <limits>     // for std::numeric_limits
#include <memory>     // for std::unique_ptr
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <thread>     // for std::this_thread::sleep_for
#include <vector>     // for std::vector

#include "process/every_start_method.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/subprocess.hpp"

namespace royong {
namespace {

using royong_test::Member;
using Bytes = std::vector<std::byte>;
using Item = ShareableList::Item;

/// A list whose name goes with the test.
class Owned {
 public:
  template <class... V>
  explicit Owned(const V&... values) : list_(values...) {}
  explicit Owned(ShareableList list) : list_(std::move(list)) {}
  ~Owned() { list_.shm().unlink(); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  const ShareableList& operator*() const { return list_; }
  const ShareableList* operator->() const { return &list_; }

 private:
  ShareableList list_;
};

TEST(ShareableList, gives_back_what_it_was_given) {
  const std::string zeros("a\0b\0\0", 5);
  const Bytes bytes{std::byte{1}, std::byte{0}, std::byte{0}};
  const Owned list(true, 7, std::int64_t{INT64_MIN}, 0.1F, -0.5, "text", zeros, bytes, nullptr,
                   std::string(), Bytes{});
  const auto copy = ShareableList::open(list->shm().name());
  for (const auto& seen : {*list, copy}) {
    EXPECT_EQ(seen.size(), 11u);
    EXPECT_EQ(seen[0], true);
    EXPECT_EQ(seen[1], 7);
    EXPECT_EQ(seen[2].get<std::int64_t>(), INT64_MIN);
    EXPECT_EQ(seen[3].get<double>(), static_cast<double>(0.1F));
    EXPECT_EQ(seen[4], -0.5);
    EXPECT_EQ(seen[5], "text");
    EXPECT_EQ(seen[6], zeros) << "zeros at the end belong to the text";
    EXPECT_EQ(seen[7], bytes);
    EXPECT_EQ(seen[8], nullptr);
    EXPECT_EQ(seen[9], "");
    EXPECT_EQ(seen[10].get<Bytes>(), Bytes{});
  }
  EXPECT_THROW((*list)[0].get<double>(), std::bad_variant_access);
}

TEST(ShareableList, gives_items_that_are_variants) {
  const Owned list("text", 7, nullptr);
  EXPECT_EQ(std::get<std::string>((*list)[0]), "text");
  EXPECT_EQ(std::get<std::int64_t>((*list)[1]), 7);
  EXPECT_TRUE(std::holds_alternative<std::monostate>((*list)[2]));
  EXPECT_EQ(std::visit([](const auto& value) { return sizeof(value); }, (*list)[1]), 8u);
  EXPECT_THROW(std::get<bool>((*list)[1]), std::bad_variant_access);
  EXPECT_FALSE((*list)[0] == (*list)[1]);

  auto item = (*list)[1];
  (*list)[1] = 8;
  EXPECT_EQ(item, 7) << "what was read stays";
  item = 9;
  EXPECT_EQ(item, 9);
  EXPECT_EQ((*list)[1], 9);
  EXPECT_EQ(ShareableList::open(list->name())[1], 9);
}

TEST(ShareableList, changes_an_item_within_its_room_whatever_its_type) {
  const Owned list("eight ch", 1, Bytes(3));
  const ShareableList other = ShareableList::open(list->shm().name());
  EXPECT_EQ(list->capacity(0), 16u);
  EXPECT_EQ(list->capacity(1), 8u);
  other[0] = 5;
  EXPECT_EQ((*list)[0], 5);
  other[0] = "sixteen letters!";
  EXPECT_EQ((*list)[0], "sixteen letters!");
  other[1] = "eight ch";
  EXPECT_EQ((*list)[1], "eight ch");
  other[1] = nullptr;
  EXPECT_EQ((*list)[1], nullptr);
  other[2] = other[0].get<std::string>().substr(0, 8);
  EXPECT_EQ((*list)[2], "sixteen ");
  (*list)[1] = (*list)[2];
  EXPECT_EQ(other[1], "sixteen ");

  EXPECT_THROW_MESSAGE(other[1] = "nine char", UsageError, "exceeds available storage");
  EXPECT_THROW_MESSAGE(other[2] = Bytes(9), UsageError, "exceeds available storage");
  EXPECT_THROW(other[1] = std::uint64_t{1} << 63, UsageError);
  EXPECT_EQ((*list)[1], "sixteen ") << "state unchanged";
}

TEST(ShareableList, counts_from_the_end_and_refuses_what_is_outside) {
  const Owned list("a", "b", "c");
  EXPECT_EQ((*list)[-1], "c");
  EXPECT_EQ((*list)[-3], "a");
  for (const std::int64_t index : {std::int64_t{3}, std::int64_t{-4}, INT64_MIN, INT64_MAX}) {
    EXPECT_THROW((*list)[index], std::out_of_range) << index;
    EXPECT_THROW(list->capacity(index), std::out_of_range) << index;
  }
  EXPECT_THROW_MESSAGE((*list)[3], std::out_of_range, "index 3 is outside");
}

TEST(ShareableList, finds_and_counts_by_value_and_type) {
  const Owned list(1, 1.0, true, "x", 1, nullptr);
  EXPECT_EQ(list->count(1), 2u);
  EXPECT_EQ(list->count(1.0), 1u);
  EXPECT_EQ(list->count("y"), 0u);
  EXPECT_EQ(list->index(true), 2u);
  EXPECT_EQ(list->index("x"), 3u);
  EXPECT_EQ(list->index(nullptr), 5u);
  EXPECT_THROW_MESSAGE(list->index(2), UsageError, "not in the ShareableList");
}

TEST(ShareableList, may_be_empty_or_none_or_closed) {
  const Owned empty(ShareableList::create({}));
  EXPECT_EQ(empty->size(), 0u);
  EXPECT_EQ(ShareableList::open(empty->shm().name()).items(), std::vector<Item>{});
  EXPECT_THROW((*empty)[0], std::out_of_range);
  const ShareableList none;
  EXPECT_THROW(none[0], UsageError);
  EXPECT_THROW(none.size(), UsageError);
  EXPECT_THROW(none.shm(), UsageError);
  const Owned closed(1);
  closed->shm().close();
  EXPECT_THROW_MESSAGE((*closed)[0], UsageError, "is closed");
  EXPECT_THROW((*closed)[0] = 2, UsageError);
}

TEST(ShareableList, has_names_as_every_segment) {
  const std::string name = "royong-test-list-" + std::to_string(::getpid());
  const Owned list(ShareableList::create({Item(1)}, name));
  EXPECT_THROW(ShareableList::create({Item(1)}, name), std::system_error);
  EXPECT_THROW(ShareableList::create({Item(1)}, "a/b"), UsageError);
  EXPECT_THROW(ShareableList::open(name + "x"), std::system_error);
  EXPECT_EQ(ShareableList::open(name)[0], 1);
}

TEST(ShareableList, is_seen_by_another_program) {
  const Owned list("hello", 21, std::string(20, ' '));
  const auto end = royong_test::run(
      {{std::string(ROYONG_TEST_PROGRAMS) + "/stranger", "list", list->shm().name()}});
  EXPECT_EQ(end.output, "3 items, hello\n");
  EXPECT_EQ((*list)[1], 42);
  EXPECT_EQ((*list)[2], "of another program");
}

class ShareableListEveryStartMethod : public royong_test::EveryStartMethod {};
ROYONG_EVERY_START_METHOD(ShareableListEveryStartMethod);

void answer(ShareableList list, Queue<ShareableList> back) {
  list[0] = "changed";
  back.put(list);
}

TEST_P(ShareableListEveryStartMethod, travels_as_argument_and_message) {
  const Owned list("before..", 1);
  const Queue<ShareableList> back;
  auto process = context().process(answer, *list, back);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ((*list)[0], "changed");
  EXPECT_EQ(back.get()[0], "changed");
}

/// A text that shows where it was torn: its letters are all the same, and its length says which.
std::string uniform(std::uint64_t n) {
  return std::string(static_cast<std::size_t>(n % 900), static_cast<char>('a' + n % 900 % 26));
}
bool is_whole(const std::string& text) { return text == uniform(text.size()); }

TEST(ShareableList, is_never_torn_by_writers_that_are_killed) {
  const Owned list(uniform(899), 0);
  auto random = royong_test::random_engine();
  std::uint64_t seen = 0;
  for (int round = 0; round < 60; ++round) {
    const auto write = [&, round] {
      for (std::uint64_t n = static_cast<std::uint64_t>(round);; ++n) (*list)[0] = uniform(n);
    };
    Member first(write);
    Member second(write);
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3'000);
    while (std::chrono::steady_clock::now() < end) {
      ASSERT_TRUE(is_whole((*list)[0].get<std::string>()));
      ++seen;
    }
    first.kill();
    ASSERT_TRUE(is_whole((*list)[0].get<std::string>()));
    second.kill();
    first.wait();
    second.wait();
    (*list)[0] = 1;  // no lock was left behind
    ASSERT_EQ((*list)[0], 1);
    (*list)[0] = uniform(5);
  }
  EXPECT_GT(seen, 0u);
}

TEST(ShareableList, of_threads_that_write_and_read_at_once_is_whole) {
  const Owned list(uniform(899));
  std::atomic<bool> stop{false};
  const auto write = [&] {
    for (std::uint64_t n = 0; !stop; ++n) (*list)[0] = uniform(n);
  };
  std::thread first(write);
  std::thread second(write);
  for (int i = 0; i < 3'000; ++i) {
    if (!is_whole((*list)[0].get<std::string>())) {
      ADD_FAILURE() << "torn";
      break;
    }
  }
  stop = true;
  first.join();
  second.join();
}

/// Uses the whole list; the only errors are those that say so.
void use(const std::string& name) {
  try {
    const auto list = ShareableList::open(name);
    for (std::size_t i = 0; i < list.size(); ++i) {
      try {
        const Item item = list[static_cast<std::int64_t>(i)];
        list[static_cast<std::int64_t>(i)] = item;
      } catch (const TransferError&) {  // this item is damaged
      } catch (const UsageError&) {     // too long for its place, which the damage made smaller
      }
    }
  } catch (const TransferError&) {  // the list is
  }
}

TEST(ShareableList, that_is_damaged_is_refused_and_never_read_beyond_its_end) {
  const Owned list("text", 1, 2.0, true, nullptr, Bytes(40), std::string(300, 'x'));
  const auto memory = SharedMemory::open(list->shm().name());
  const Bytes intact(memory.buf().begin(), memory.buf().end());
  const auto restore = [&] { std::memcpy(memory.buf().data(), intact.data(), intact.size()); };
  auto random = royong_test::random_engine();
  for (std::size_t bit = 0; bit < 64 * 8 * 5; ++bit) {  // the head and all records, bit by bit
    memory.buf()[bit / 8] ^= std::byte{1} << (bit % 8);
    use(list->shm().name());
    restore();
  }
  for (int round = 0; round < 3'000; ++round) {  // and words that a program might write there
    constexpr std::uint64_t words[] = {0,
                                       1,
                                       8,
                                       1 << 20,
                                       ~std::uint64_t{0},
                                       std::uint64_t{1} << 63,
                                       std::uint64_t{1} << 40,
                                       0x7fff'ffff'ffff'fff8};
    for (int n = 0; n < 3; ++n) {
      const std::uint64_t word = random() % 2 ? words[random() % std::size(words)] : random();
      const std::size_t place = 8 + random() % 36 * 8;
      std::memcpy(memory.buf().data() + place, &word, sizeof word);
    }
    use(list->shm().name());
    restore();
  }
  EXPECT_EQ((*list)[0], "text");
}

TEST(ShareableList, is_not_seen_in_memory_that_is_none) {
  for (const std::int64_t size : {1, 63, 64, 5000}) {
    const auto memory = SharedMemory::create(size);
    EXPECT_THROW_MESSAGE(ShareableList::open(memory.name()), TransferError, "no ShareableList");
    memory.unlink();
  }
}

}  // namespace
}  // namespace royong
