// SPDX-License-Identifier: Apache-2.0
// Decodes arbitrary bytes as everything that can travel. The first byte chooses the type. Whatever
// is accepted must
// survive the way there and back: encoded, decoded and encoded again it gives the same bytes.
#include <array>          // for std::array
#include <bitset>         // for std::bitset
#include <chrono>         // for std::chrono::nanoseconds
#include <complex>        // for std::complex
#include <cstdint>        // for std::uint8_t
#include <cstdlib>        // for std::abort
#include <cstring>        // for std::memcmp
#include <deque>          // for std::deque
#include <filesystem>     // for std::filesystem::path
#include <forward_list>   // for std::forward_list
#include <list>           // for std::list
#include <map>            // for std::map
#include <memory>         // for std::unique_ptr
#include <optional>       // for std::optional
#include <set>            // for std::set
#include <string>         // for std::string
#include <tuple>          // for std::tuple
#include <unordered_map>  // for std::unordered_map
#include <unordered_set>  // for std::unordered_set
#include <variant>        // for std::variant
#include <vector>         // for std::vector

#include "royong/bind_front.hpp"
#include "royong/detail/call.hpp"
#include "royong/error.hpp"
#include "royong/exception.hpp"
#include "royong/transferable.hpp"

namespace {

using royong::detail::Reader;
using royong::detail::Writer;

struct Plain {
  std::int32_t number;
  float weight;
};
struct Padded {
  char letter;
  double weight;
  bool flag;
};
struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::map<std::string, Tree> named;
  std::unique_ptr<Tree> next;
};
class Account {
 public:
  template <class Archive>
  void serialize(Archive& ar) {
    ar(owner_, history_, tree_);
  }

 private:
  std::string owner_;
  std::array<std::uint16_t, 2> history_[2] = {};
  std::optional<Tree> tree_;
};
struct Rich {
  std::string text;
  std::vector<Plain> plain;
  std::vector<Padded> padded;
  std::map<std::string, std::optional<int>> map;
  std::array<std::string, 2> names;
  std::vector<bool> bits;
  std::variant<std::monostate, int, std::string, std::vector<Padded>> choice;
  std::tuple<int, std::u16string, bool> triple;
  std::chrono::nanoseconds duration;
  std::filesystem::path path;
  std::bitset<11> set;
  std::complex<long double> z;
  Account account;
};

int add(int a, std::string_view b, const std::vector<Plain>& c) {
  return a + static_cast<int>(b.size() + c.size());
}

std::vector<std::byte> encode(const auto& value) {
  Writer writer;
  writer(value);
  return {writer.bytes().begin(), writer.bytes().end()};
}

template <class T>
void decode(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  const T value = reader.read<T>();
  const std::vector<std::byte> once = encode(value);
  Reader again(once);
  const T copy = again.read<T>();
  again.expect_end();
  // A hash table may come back in another order, at the same length.
  if (encode(copy).size() != once.size()) std::abort();
}

void decode_exception(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  const std::exception_ptr error = royong::detail::read_exception(reader);
  Writer writer;
  royong::detail::write_exception(writer, error, "trace", "process");
  Reader again(writer.bytes());
  royong::detail::read_exception(again);
  again.expect_end();
}

/// The arguments of a call, without the FunctionId: whose bytes are believed, it is an address.
void decode_call(std::span<const std::byte> bytes) {
  using F = decltype(royong::bind_front(add, 1));
  Reader reader(bytes);
  royong::detail::invoke_from<std::string, std::vector<Plain>>(reader, royong::bind_front(add, 1));
  static_assert(royong::Transferable<F>);
}

using Decoder = void (*)(std::span<const std::byte>);
constexpr Decoder decoders[] = {
    &decode<Rich>,
    &decode<Tree>,
    &decode_exception,
    &decode_call,
    &decode<std::vector<std::vector<std::vector<std::string>>>>,
    &decode<std::unordered_map<std::string, std::unordered_set<std::uint16_t>>>,
    &decode<std::multimap<std::uint8_t, std::list<std::forward_list<bool>>>>,
    &decode<std::set<std::pair<std::deque<char>, std::tuple<>>>>,
    &decode<std::vector<std::unique_ptr<std::variant<bool, std::wstring, Account>>>>,
    &decode<std::vector<std::monostate>>,
    &decode<std::vector<double>>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    decoders[data[0] % std::size(decoders)](bytes.subspan(1));
  } catch (const royong::TransferError&) {
    // The right answer to most of it.
  }
  return 0;
}
