// SPDX-License-Identifier: Apache-2.0
// What tells one message's type from another's.
#include "royong/detail/type_hash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "other_unit.hpp"

namespace royong_test {
namespace {

using royong::detail::type_hash;

TEST(TypeHash, is_the_same_in_every_unit_however_it_spells_the_type) {
  const std::vector<std::uint64_t> here{type_hash<std::vector<int>>(),
                                        type_hash<std::map<std::string, std::vector<int>>>(),
                                        type_hash<std::array<std::vector<int>, 3>>(),
                                        type_hash<std::vector<std::array<std::vector<int>, 3>>>(),
                                        type_hash<int (*)(const std::vector<int>&)>()};
  EXPECT_EQ(here, hashes_of_other_unit());
}

template <class T>
struct Outer {
  template <class U>
  struct Inner {};
};

TEST(TypeHash, differs_where_a_part_does) {
  const std::set<std::uint64_t> all{type_hash<int>(),
                                    type_hash<unsigned>(),
                                    type_hash<std::vector<int>>(),
                                    type_hash<std::vector<unsigned>>(),
                                    type_hash<std::vector<std::vector<int>>>(),
                                    type_hash<std::array<int, 3>>(),
                                    type_hash<std::array<int, 4>>(),
                                    type_hash<std::pair<int, const int>>(),
                                    type_hash<std::pair<const int, int>>(),
                                    type_hash<std::pair<int, int>>(),
                                    type_hash<int (*)(int)>(),
                                    type_hash<int (*)(int&)>(),
                                    type_hash<int (*)(int&&)>(),
                                    type_hash<Outer<int>::Inner<int>>(),
                                    type_hash<Outer<long>::Inner<int>>(),
                                    type_hash<Outer<int>::Inner<long>>()};
  EXPECT_EQ(all.size(), 16U);
  EXPECT_EQ(all.count(0), 0U);
}

}  // namespace
}  // namespace royong_test
