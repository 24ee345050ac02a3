// SPDX-License-Identifier: Apache-2.0
#include "support/random.hpp"

#include <gtest/gtest.h>

#include <cstdlib>  // for std::getenv, ::setenv
#include <string>   // for std::string, std::stoull

namespace royong_test {
namespace {

std::uint64_t choose_seed() {
  if (const char* text = std::getenv("ROYONG_TEST_SEED")) return std::stoull(text);
  const std::uint64_t chosen = std::random_device{}();
  ::setenv("ROYONG_TEST_SEED", std::to_string(chosen).c_str(), 1);
  return chosen;
}

// Of the same name always the same number, in every program and with every library.
std::uint32_t number_of(const std::string& name) {
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return hash;
}

}  // namespace

std::uint64_t seed() {
  static const std::uint64_t value = choose_seed();
  return value;
}

std::mt19937_64 random_engine(std::uint64_t stream) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string name =
      test == nullptr ? "" : std::string(test->test_suite_name()) + "." + test->name();
  const auto halves = [](std::uint64_t value) {
    return std::pair{static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)};
  };
  const auto [seed_low, seed_high] = halves(seed());
  const auto [stream_low, stream_high] = halves(stream);
  std::seed_seq sequence{seed_low, seed_high, stream_low, stream_high, number_of(name)};
  return std::mt19937_64(sequence);
}

}  // namespace royong_test
