// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Values to send, and the way there and back inside one process.
 */
#pragma once

#include <array>          // for std::array
#include <bitset>         // for std::bitset
#include <chrono>         // for std::chrono::nanoseconds
#include <complex>        // for std::complex
#include <filesystem>     // for std::filesystem::path
#include <map>            // for std::map
#include <memory>         // for std::unique_ptr
#include <optional>       // for std::optional
#include <string>         // for std::string
#include <tuple>          // for std::tuple
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::pair
#include <variant>        // for std::variant
#include <vector>         // for std::vector

#include "royong/transferable.hpp"

namespace royong_test {

/// Writes a value and reads it back; all bytes must be used up.
template <class T>
T there_and_back(const T& value) {
  royong::detail::Writer writer;
  writer(value);
  royong::detail::Reader reader(writer.bytes());
  T copy = reader.read<T>();
  reader.expect_end();
  return copy;
}

struct Plain {
  int number = 0;
  float weight = 0;
  bool operator==(const Plain&) const = default;
};

struct Padded {
  char letter = 0;
  double weight = 0;
  bool flag = false;
  bool operator==(const Padded&) const = default;
};

/// Members that can neither be assigned nor made without a value.
struct Constant {
  const int number;
  const std::string name;
  bool operator==(const Constant&) const = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::map<std::string, Tree> named;
  std::unique_ptr<Tree> next;
};

/// cereal's shape, with the two things an aggregate may not have: a base class and a C array.
class Account : Plain {
 public:
  Account() = default;
  Account(int id, std::string owner) : Plain{id, 0.5F}, owner_(std::move(owner)) {
    history_[1] = id;
  }

  template <class Archive>
  void serialize(Archive& ar) {
    ar(static_cast<Plain&>(*this), owner_, history_);
  }
  bool operator==(const Account&) const = default;

 private:
  std::string owner_;
  int history_[3] = {};
};

enum class Colour : std::uint8_t { red, green };
enum Plainly { first, second };

/// Something of nearly everything.
struct Everything {
  std::string text;
  std::vector<Plain> plain;
  std::vector<Padded> padded;
  std::map<std::string, std::optional<int>> map;
  std::unordered_map<int, std::vector<std::string>> table;
  std::array<std::string, 2> names;
  std::array<double, 3> numbers{};
  std::vector<bool> bits;
  std::variant<std::monostate, int, std::string> choice;
  std::tuple<int, std::string, bool> triple;
  std::pair<Colour, int> colours;
  std::chrono::nanoseconds duration{};
  std::chrono::system_clock::time_point moment;
  std::filesystem::path path;
  std::bitset<11> set;
  std::complex<double> z;
  long double precise = 0;
  Account account;
  bool operator==(const Everything&) const = default;
};

inline Everything everything() {
  return {"hello",
          {{1, 2.5F}, {3, 4.5F}},
          {{'a', 1.5, true}},
          {{"one", 1}, {"none", std::nullopt}},
          {{7, {"seven", "sept"}}, {8, {}}},
          {"left", "right"},
          {1.0, 2.0, 3.0},
          {true, false, true, true, false, true, false, false, true},
          "chosen",
          {1, "two", true},
          {Colour::green, 2},
          std::chrono::nanoseconds(123456789),
          std::chrono::system_clock::time_point(std::chrono::hours(5)),
          "/tmp/a b",
          std::bitset<11>(1365),
          {1.5, -2.5},
          1.25L,
          Account(4, "someone")};
}

}  // namespace royong_test
