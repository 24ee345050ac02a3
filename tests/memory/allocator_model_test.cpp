// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The allocator against a std::map: any sequence of calls, shrunk to the shortest that
 * fails.
 */
#include <rapidcheck.h>

#include <iterator>  // for std::next
#include <map>       // for std::map
#include <vector>    // for std::vector

#include "family.hpp"
#include "patterned.hpp"

namespace royong::memory {
namespace {

using royong_test::Patterned;

struct Call {
  enum Kind : std::uint8_t { take, give_back, give_back_twice, hand_over, tidy };
  Kind kind = take;
  std::uint32_t number = 0;
};

std::ostream& operator<<(std::ostream& out, const Call& call) {
  return out << "{" << int{call.kind} << ", " << call.number << "}";
}

rc::Gen<Call> any_call() {
  const auto kind = rc::gen::weightedElement<Call::Kind>({{8, Call::take},
                                                          {6, Call::give_back},
                                                          {1, Call::give_back_twice},
                                                          {2, Call::hand_over},
                                                          {1, Call::tidy}});
  return rc::gen::build<Call>(rc::gen::set(&Call::kind, kind),
                              rc::gen::set(&Call::number, rc::gen::arbitrary<std::uint32_t>()));
}

constexpr std::uint64_t quota_pages = 40;

class AllocatorModel : public royong_test::MemoryTest {
 protected:
  void apply(const Call& call) {
    switch (call.kind) {
      case Call::take: return take(call.number);
      case Call::give_back: return give_back(call.number, false);
      case Call::give_back_twice: return give_back(call.number, true);
      case Call::hand_over: return hand_over(call.number);
      case Call::tidy: return release_empty_slabs();
    }
  }

  void check() {
    RC_ASSERT(royong_test::page_problems().empty());
    Offset end = 0;
    for (const auto& [offset, bytes] : live_) {
      RC_ASSERT(offset >= end);
      RC_ASSERT(block(offset).size() >= bytes);
      RC_ASSERT(Patterned(offset, 0).intact());
      end = offset + block(offset).size();
    }
  }

  void free_all() {
    for (const auto& [offset, bytes] : live_) free_block(offset);
    live_.clear();
    RC_ASSERT(used() == 0U);
  }

 private:
  void take(std::uint32_t number) {
    // All classes and runs of one to twenty pages, equally often.
    const unsigned magnitude = number % 21;
    const std::size_t bytes = (number >> 8) % ((std::size_t{1} << magnitude) + 1);
    try {
      const Patterned made(bytes);
      RC_ASSERT(live_.emplace(made.offset(), bytes).second);
    } catch (const ArenaFull&) {
      const std::uint64_t need = bytes <= largest_small ? page_size : round_up(bytes, page_size);
      RC_ASSERT(arena_usage().used + need > arena_usage().quota);
    }
  }

  auto some(std::uint32_t number) {
    return std::next(live_.begin(), static_cast<std::ptrdiff_t>(number % live_.size()));
  }

  void give_back(std::uint32_t number, bool twice) {
    if (live_.empty()) return;
    const auto entry = some(number);
    free_block(entry->first);
    if (twice) RC_ASSERT_THROWS_AS(free_block(entry->first), TransferError);
    live_.erase(entry);
  }

  void hand_over(std::uint32_t number) {
    if (live_.empty()) return;
    const Offset offset = some(number)->first;
    set_owner(offset, number % 2 == 0 ? family : self());
    RC_ASSERT(owner_of(offset) == (number % 2 == 0 ? family : self()));
  }

  std::map<Offset, std::size_t> live_;
};

TEST_F(AllocatorModel, AgreesWithAMapOnEverySequenceOfCalls) {
  const royong_test::Quota quota(arena_usage().used + quota_pages * page_size);
  const bool right = rc::check("allocate, free_block, set_owner", [this] {
    const auto calls = *rc::gen::container<std::vector<Call>>(any_call());
    for (const Call& call : calls) apply(call);
    check();
    free_all();
  });
  EXPECT_TRUE(right);
}

}  // namespace
}  // namespace royong::memory
