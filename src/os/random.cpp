// SPDX-License-Identifier: Apache-2.0
#include "os/random.hpp"

#include <sys/random.h>

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto got = retry([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
    if (got < 0) throw_errno("cannot get", "random bytes");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace royong::inline v0::os
