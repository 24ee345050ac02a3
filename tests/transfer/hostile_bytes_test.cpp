// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <forward_list>   // for std::forward_list
#include <list>           // for std::list
#include <set>            // for std::set
#include <unordered_set>  // for std::unordered_set

#include "royong/error.hpp"
#include "support/matchers.hpp"
#include "types.hpp"

namespace royong::detail {
namespace {

using Bytes = std::vector<unsigned char>;

std::span<const std::byte> as_bytes(const Bytes& bytes) { return std::as_bytes(std::span(bytes)); }

template <class T>
void read_all(const Bytes& bytes, Limits limits = {}) {
  Reader reader(as_bytes(bytes), limits);
  reader.read<T>();
  reader.expect_end();
}

template <class T>
void expect_refused(const Bytes& bytes, const std::string& text) {
  EXPECT_THROW_MESSAGE(read_all<T>(bytes), TransferError, text);
}

const Bytes eight_gibibytes{0xff, 0, 0, 0, 0, 2, 0, 0, 0};

TEST(HostileBytes, EndTooEarly) {
  expect_refused<int>({1, 2, 3}, "no int at byte 0 of 3");
  expect_refused<bool>({}, "no bool at byte 0 of 0");
  expect_refused<std::string>({}, "at byte 0 of 0");
  expect_refused<std::string>({5, 'a'}, "5 elements are announced, 1 bytes are left");
  expect_refused<std::pair<int, int>>({1, 0, 0, 0, 2}, "at byte 4 of 5");
  expect_refused<std::vector<bool>>({9, 0}, "at byte 1 of 2");
}

TEST(HostileBytes, EndTooLate) { expect_refused<char>({1, 2}, "no end at byte 1 of 2"); }

TEST(HostileBytes, AreNoBooleansOrFlagsBeyondOne) {
  expect_refused<bool>({2}, "bool");
  expect_refused<std::optional<int>>({2, 0, 0, 0, 0}, "optional");
  expect_refused<std::unique_ptr<int>>({0xff}, "unique_ptr");
  expect_refused<std::vector<std::pair<bool, bool>>>({1, 1, 7}, "bool");
}

TEST(HostileBytes, NameNoAlternativeThatDoesNotExist) {
  using Choice = std::variant<std::monostate, int>;
  expect_refused<Choice>({2}, "variant");
  expect_refused<Choice>(eight_gibibytes, "variant");
}

TEST(HostileBytes, AnnounceMoreThanTheyHold) {
  expect_refused<std::string>(eight_gibibytes, "8589934592 elements are announced");
  expect_refused<std::vector<int>>(eight_gibibytes, "elements are announced");
  expect_refused<std::vector<std::string>>(eight_gibibytes, "elements are announced");
  expect_refused<std::map<int, int>>(eight_gibibytes, "elements are announced");
  expect_refused<std::set<std::string>>(eight_gibibytes, "elements are announced");
  expect_refused<std::unordered_set<int>>(eight_gibibytes, "elements are announced");
  expect_refused<std::list<std::unique_ptr<int>>>(eight_gibibytes, "elements are announced");
  expect_refused<std::forward_list<bool>>(eight_gibibytes, "elements are announced");
  expect_refused<std::vector<bool>>(eight_gibibytes, "at byte 9");
  const Bytes most(9, 0xff);
  expect_refused<std::vector<int>>(most, "18446744073709551615 elements");
  expect_refused<std::vector<bool>>(most, "at byte 9");
}

struct Nothing {
  std::string large = std::string(100, 'x');
  template <class Archive>
  void serialize(Archive&) {}
};

TEST(HostileBytes, RepeatElementsWithoutBytesOnlySoOften) {
  expect_refused<std::vector<std::monostate>>(eight_gibibytes, "too many elements without bytes");
  expect_refused<std::list<std::tuple<>>>(eight_gibibytes, "too many elements without bytes");
  const Bytes one_thousand{0xff, 0xe8, 3, 0, 0, 0, 0, 0, 0};
  Reader reader(as_bytes(one_thousand), {.empties = 999});
  EXPECT_THROW_MESSAGE(reader.read<std::vector<Nothing>>(), TransferError, "without bytes");
}

TEST(HostileBytes, CannotPromiseTheSameBytesTwice) {
  // Each level claims all bytes that are left; without an account of promises each would get memory
  // for them.
  using Nest = std::vector<std::vector<std::vector<std::vector<std::string>>>>;
  Bytes bytes(200, 100);
  expect_refused<Nest>(bytes, "elements are announced");
}

TEST(HostileBytes, NestOnlySoDeep) {
  struct Chain {
    std::unique_ptr<Chain> next;
  };
  const Bytes bytes(100'000, 1);
  expect_refused<Chain>(bytes, "nested too deep");
  expect_refused<royong_test::Tree>(bytes, "");
  EXPECT_THROW_MESSAGE(read_all<Chain>({1, 1, 1, 0}, {.depth = 3}), TransferError, "too deep");
  EXPECT_NO_THROW(read_all<Chain>({1, 1, 0}, {.depth = 3}));
}

TEST(HostileBytes, RespectAnAllocationLimit) {
  const Bytes bytes{4, 'a', 'b', 'c', 'd'};
  EXPECT_NO_THROW(read_all<std::string>(bytes, {.allocation = 4}));
  EXPECT_THROW_MESSAGE(read_all<std::string>(bytes, {.allocation = 3}), TransferError,
                       "needs more memory than its reader may use: 4 elements of 1 bytes");
}

TEST(HostileBytes, RespectAnAllocationLimitOfAllContainersTogether) {
  using Texts = std::vector<std::string>;
  const Bytes bytes{2, 3, 'a', 'b', 'c', 3, 'd', 'e', 'f'};
  constexpr std::size_t needed = 2 * sizeof(std::string) + 6;
  EXPECT_NO_THROW(read_all<Texts>(bytes, {.allocation = needed}));
  EXPECT_THROW_MESSAGE(read_all<Texts>(bytes, {.allocation = needed - 1}), TransferError,
                       "at byte 6 of 9, where 2 bytes are left");
  EXPECT_THROW_MESSAGE(read_all<Texts>(bytes, {.allocation = sizeof(std::string)}), TransferError,
                       "2 elements");
  // Which limit that is, if somebody says so; nothing of it where bytes are missing.
  EXPECT_THROW_MESSAGE(
      read_all<Texts>(bytes, {.allocation = 3, .allocation_option = "Options::most"}),
      TransferError, "are left; see Options::most");
  EXPECT_THROW_MESSAGE(
      read_all<Texts>({200}, {.allocation = 3, .allocation_option = "Options::most"}),
      TransferError, "malformed message");
}

TEST(HostileBytes, MayNotRepeatAKey) {
  expect_refused<std::set<char>>({2, 'a', 'a'}, "set");
  expect_refused<std::map<char, char>>({2, 'a', 1, 'a', 2}, "map");
  EXPECT_NO_THROW(read_all<std::multiset<char>>({2, 'a', 'a'}));
  EXPECT_NO_THROW(read_all<std::set<char>>({2, 'b', 'a'}));  // order is not trusted, but welcome
}

TEST(HostileBytes, MayNotWriteAShortCountInLongForm) {
  expect_refused<std::string>({0xff, 1, 0, 0, 0, 0, 0, 0, 0, 'a'}, "string");
}

TEST(HostileBytes, OfATruncatedMessageAreRefusedAtEveryLength) {
  Writer writer;
  writer(royong_test::everything(), std::vector<int>(1000, 7));
  for (std::size_t size = 0; size < writer.size(); ++size) {
    Reader reader(writer.bytes().first(size));
    EXPECT_THROW((reader.read<royong_test::Everything>(), reader.read<std::vector<int>>()),
                 TransferError);
  }
}

RC_GTEST_PROP(HostileBytes, NeverDoMoreThanThrow, (const Bytes& bytes)) {
  try {
    read_all<royong_test::Everything>(bytes);
  } catch (const TransferError&) {
  }
  try {
    read_all<royong_test::Tree>(bytes);
  } catch (const TransferError&) {
  }
}

RC_GTEST_PROP(HostileBytes, WithOneByteChangedNeverDoMoreThanThrow,
              (std::uint16_t place, unsigned char change)) {
  Writer writer;
  writer(royong_test::everything());
  Bytes bytes(writer.size());
  std::memcpy(bytes.data(), writer.bytes().data(), bytes.size());
  bytes[place % bytes.size()] ^= change;
  try {
    read_all<royong_test::Everything>(bytes);
  } catch (const TransferError&) {
  }
}

}  // namespace
}  // namespace royong::detail
