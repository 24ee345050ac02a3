// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>  // for std::malloc
#include <new>      // for operator new

#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"
#include "types.hpp"

namespace royong::detail {
namespace {

/// A handle as the floors above make them.
class Handle {
 public:
  explicit Handle(std::nullptr_t) {}
  static Handle create() { return Handle(ObjectRef::create(ObjectKind::event)); }
  ObjectName name() const { return object_.name(); }

 private:
  friend struct royong::detail::HandleAccess;
  explicit Handle(ObjectRef object) : object_(std::move(object)) {}
  static constexpr ObjectKind kind_ = ObjectKind::event;
  ObjectRef object_;
};
static_assert(Transferable<Handle>);

bool is_inside(const Writer& writer, const void* place) {
  const auto* begin = reinterpret_cast<const std::byte*>(&writer);
  return place >= begin && place < begin + sizeof writer;
}

/// What it would do to a null pointer, UndefinedBehaviorSanitizer tells.
TEST(Writer, TakesARangeOfNothingThatHasNoAddress) {
  Writer writer;
  writer(7);
  const auto before = writer.size();
  writer.write_raw(nullptr, 0);
  EXPECT_EQ(writer.size(), before);
}

TEST(Writer, KeepsSmallMessagesInItself) {
  Writer writer;
  writer(1, 2.5, std::array<char, 200>{});
  EXPECT_TRUE(is_inside(writer, writer.bytes().data()));
  writer(std::array<char, 200>{});
  EXPECT_FALSE(is_inside(writer, writer.bytes().data()));
  EXPECT_EQ(writer.size(), 412U);
}

TEST(Writer, BeginsInBorrowedStorage) {
  alignas(8) std::byte storage[16];
  Writer writer(Transit::argument, storage);
  writer(1, 2, 3, 4);
  EXPECT_EQ(writer.bytes().data(), storage);
  writer('x');
  EXPECT_NE(writer.bytes().data(), storage);
  Reader reader(writer.bytes());
  EXPECT_EQ(reader.read<int>(), 1);
  EXPECT_EQ((reader.read<std::tuple<int, int, int, char>>()), std::tuple(2, 3, 4, 'x'));
}

TEST(Writer, WritesLittle) {
  Writer writer;
  writer(std::string("abc"));
  EXPECT_EQ(writer.size(), 4U);
  writer.clear();
  EXPECT_EQ(writer.size(), 0U);
  writer(royong_test::Padded{});
  EXPECT_EQ(writer.size(), 1U + 8U + 1U);  // no padding
}

TEST(Writer, AlignsLargeRanges) {
  Writer writer;
  writer('x', std::vector<double>(1000, 0.5));
  Reader reader(writer.bytes());
  reader.read<char>();
  reader.read_count("count");
  reader.skip_alignment("alignment");
  EXPECT_EQ(reader.position() % alignof(double), 0U);
}

struct Bomb {
  Bomb() = default;
  explicit Bomb(int) { throw 5; }
  template <class Archive>
  void serialize(Archive& ar) {
    ar(text);
  }
  std::string text;
};

TEST(Writer, RefusesAVariantWithoutValue) {
  std::variant<std::string, Bomb> value("text");
  EXPECT_THROW(value.emplace<Bomb>(1), int);
  ASSERT_TRUE(value.valueless_by_exception());
  Writer writer;
  EXPECT_THROW_MESSAGE(writer(value), TransferError, "std::variant without a value");
}

TEST(Writer, RefusesWhatNoReaderWouldTake) {
  royong_test::Tree tree;
  for (int i = 0; i < 600; ++i) {
    auto next = std::make_unique<royong_test::Tree>();
    next->next = std::make_unique<royong_test::Tree>(std::move(tree));
    tree = std::move(*next);
  }
  Writer writer;
  EXPECT_THROW_MESSAGE(writer(tree), TransferError, "nested more than 512 levels deep");
  writer.clear();
  EXPECT_NO_THROW(writer(5));
}

TEST(Writer, KeepsTheObjectsOfAnArgumentAlive) {
  Writer writer(Transit::argument);
  ObjectName name;
  {
    const Handle handle = Handle::create();
    name = handle.name();
    writer(handle);
  }
  std::vector<ObjectRef> kept = writer.take_kept();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].name(), name);
  Reader reader(writer.bytes());
  EXPECT_EQ(reader.read<Handle>().name(), name);
  kept.clear();
  Reader late(writer.bytes());
  EXPECT_THROW(late.read<Handle>(), TransferError);  // nobody held it any more
}

TEST(Writer, PinsTheObjectsOfAMessage) {
  Writer writer(Transit::message);
  ObjectName name;
  {
    const Handle handle = Handle::create();
    name = handle.name();
    writer(handle);
    writer.commit();
  }
  Reader reader(writer.bytes());
  EXPECT_EQ(reader.read<Handle>().name(), name);
  Reader again(writer.bytes());
  EXPECT_THROW(again.read<Handle>(), TransferError);  // read once, the pin is gone
}

TEST(Writer, DropsThePinsOfAMessageThatIsNotSent) {
  const std::uint64_t before = memory::live_objects();
  {
    Writer writer(Transit::message);
    writer(Handle::create());
    EXPECT_EQ(memory::live_objects(), before + 1);
  }
  EXPECT_EQ(memory::live_objects(), before);
  Writer writer(Transit::message);
  std::variant<int, std::string> broken;
  writer(Handle::create());
  writer.clear();
  EXPECT_EQ(memory::live_objects(), before);
}

TEST(Writer, ListsTheHandlesOfAMessageForWhoKeepsItUnread) {
  const std::uint64_t before = memory::live_objects();
  {
    Writer writer(Transit::message);
    writer(std::string("first"), Handle::create(), 7, Handle::create());
    const std::size_t size = writer.size();
    EXPECT_TRUE(writer.write_handle_list());
    std::vector<std::byte> bytes(writer.bytes().begin(), writer.bytes().end());
    writer.commit();
    std::span<std::byte> message(bytes);
    const std::vector<ObjectRef> held = hold_handles(message);
    EXPECT_EQ(message.size(), size);
    EXPECT_EQ(held.size(), 2U);
    for (int reading = 0; reading < 2; ++reading) {
      Reader reader(message);
      EXPECT_EQ(reader.read<std::string>(), "first");
      EXPECT_EQ(reader.read<Handle>().name(), held[0].name());
      EXPECT_EQ(reader.read<int>(), 7);
      EXPECT_EQ(reader.read<Handle>().name(), held[1].name());
    }
    EXPECT_EQ(memory::live_objects(), before + 2);
  }
  EXPECT_EQ(memory::live_objects(), before);
  Writer plain(Transit::message);
  plain(1);
  EXPECT_FALSE(plain.write_handle_list());
}

TEST(Writer, IsNotBelievedAListOfHandlesThatMakesNoSense) {
  const auto refused = [](const std::vector<std::uint64_t>& words) {
    std::vector<std::uint64_t> copy = words;
    std::span<std::byte> message = std::as_writable_bytes(std::span(copy));
    EXPECT_THROW(hold_handles(message), TransferError);
  };
  refused({});
  refused({1});
  refused({0, 0, 3});
  refused({0, 0, ~std::uint64_t{0}});
  refused({0, 0, 1});                      // the handle would lie in the list
  refused({0, 0, 1, 1});                   // likewise, partly
  refused({0, 0, ~std::uint64_t{15}, 1});  // before the message
  refused({77, 123456, 0, 1});             // an invented handle
}

TEST(Writer, RefusesAHandleWithoutObject) {
  Writer writer;
  EXPECT_THROW_MESSAGE(writer(Handle(nullptr)), TransferError, "handle without an object");
}

TEST(Reader, TakesNoHandleOfAnotherKind) {
  Writer writer;
  const ObjectRef lock = ObjectRef::create(ObjectKind::lock);
  writer.write_object(lock);
  Reader reader(writer.bytes());
  EXPECT_THROW(reader.read<Handle>(), TransferError);
}

TEST(Reader, TakesNoInventedHandle) {
  Writer writer;
  writer(std::uint32_t{77}, std::uint64_t{123456}, std::uint32_t{5});
  Reader reader(writer.bytes());
  EXPECT_THROW(reader.read<Handle>(), TransferError);
}

}  // namespace
}  // namespace royong::detail
