// SPDX-License-Identifier: Apache-2.0
#include "other_unit.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

#include "royong/detail/call.hpp"
#include "royong/detail/type_hash.hpp"

namespace royong::detail {
namespace {

int which() { return 2; }

}  // namespace
}  // namespace royong::detail

namespace royong_test {

// Spelled out before anything else names them: so g++ calls them in this unit.
using Numbers = std::vector<int, std::allocator<int>>;
using Names = std::map<std::string, Numbers, std::less<std::string>,
                       std::allocator<std::pair<const std::string, Numbers>>>;
using Rows = std::array<Numbers, 3>;

std::vector<std::uint64_t> hashes_of_other_unit() {
  using royong::detail::type_hash;
  return {type_hash<Numbers>(), type_hash<Names>(), type_hash<Rows>(),
          type_hash<std::vector<Rows>>(), type_hash<int (*)(const Numbers&)>()};
}

void write_call_of_other_unit(royong::detail::Writer& out) {
  royong::detail::write_call(out, &royong::detail::which);
}

}  // namespace royong_test
