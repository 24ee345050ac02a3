// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Randomness that can be repeated: the run prints its seed, and takes it from `ROYONG_TEST_SEED`.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <random>   // for std::mt19937_64

namespace royong_test {

/// The seed of this run, and of every program it starts.
std::uint64_t seed();

/// An engine seeded by the run's seed and the running test's name; `stream` tells several in one test apart.
std::mt19937_64 random_engine(std::uint64_t stream = 0);

}  // namespace royong_test
