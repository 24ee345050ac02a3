// SPDX-License-Identifier: Apache-2.0
// Row B1: encode and decode a struct of string, vector, map and optional, 116 bytes of content.
// Beside cereal's
// binary archive, and a flat buffer written by hand that does nothing else (no checks, no types):
// the limit.
#include <benchmark/benchmark.h>

#include <cereal/archives/binary.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>   // for std::uint32_t
#include <cstring>   // for std::memcpy
#include <map>       // for std::map
#include <optional>  // for std::optional
#include <sstream>   // for std::stringstream
#include <string>    // for std::string
#include <vector>    // for std::vector

#include "royong/transferable.hpp"
#include "support.hpp"

namespace {

struct Record {
  std::string name;
  std::vector<double> values;
  std::map<std::int32_t, std::int32_t> counts;
  std::optional<std::int64_t> stamp;
  bool operator==(const Record&) const = default;
};

template <class Archive>
void save_or_load(Archive& ar, Record& record) {
  ar(record.name, record.values, record.counts, record.stamp);
}

Record sample() {
  // 12 + 8 * 8 + 4 * 8 + 8 bytes of content
  return {
      "twelve chars", {1, 2, 3, 4, 5, 6, 7, 8}, {{1, 10}, {2, 20}, {3, 30}, {4, 40}}, 123456789};
}

/// Fixed-size fields and counts one after the other, into a buffer that is large enough.
class FlatBuffer {
 public:
  void write(const Record& record) {
    cursor_ = buffer_;
    put(static_cast<std::uint32_t>(record.name.size()));
    put_bytes(record.name.data(), record.name.size());
    put(static_cast<std::uint32_t>(record.values.size()));
    put_bytes(record.values.data(), record.values.size() * sizeof(double));
    put(static_cast<std::uint32_t>(record.counts.size()));
    for (const auto& [key, value] : record.counts) {
      put(key);
      put(value);
    }
    put(static_cast<std::uint8_t>(record.stamp.has_value()));
    if (record.stamp) put(*record.stamp);
  }

  Record read() {
    cursor_ = buffer_;
    Record record;
    const auto name = get<std::uint32_t>();
    record.name.assign(cursor_, name);
    cursor_ += name;
    record.values.resize(get<std::uint32_t>());
    std::memcpy(record.values.data(), cursor_, record.values.size() * sizeof(double));
    cursor_ += record.values.size() * sizeof(double);
    for (auto n = get<std::uint32_t>(); n > 0; --n) {
      const auto key = get<std::int32_t>();
      record.counts.emplace_hint(record.counts.end(), key, get<std::int32_t>());
    }
    if (get<std::uint8_t>() != 0) record.stamp = get<std::int64_t>();
    return record;
  }

 private:
  template <class T>
  void put(T value) {
    put_bytes(&value, sizeof value);
  }
  void put_bytes(const void* data, std::size_t size) {
    std::memcpy(cursor_, data, size);
    cursor_ += size;
  }
  template <class T>
  T get() {
    T value;
    std::memcpy(&value, cursor_, sizeof value);
    cursor_ += sizeof value;
    return value;
  }

  char buffer_[512];
  char* cursor_ = buffer_;
};

void verify(benchmark::State& state, const Record& expected, const Record& got) {
  if (!(expected == got)) state.SkipWithError("what came back is not what was sent");
}

void by_royong(benchmark::State& state) {
  const Record record = sample();
  royong::detail::Writer writer;
  for (auto _ : state) {
    writer.clear();
    writer(record);
    benchmark::DoNotOptimize(writer.bytes().data());
    benchmark::ClobberMemory();
    royong::detail::Reader reader(writer.bytes());
    auto copy = reader.read<Record>();
    benchmark::DoNotOptimize(copy);
  }
  royong::detail::Reader reader(writer.bytes());
  verify(state, record, reader.read<Record>());
  state.counters["bytes"] = static_cast<double>(writer.size());
}

void by_flat_buffer(benchmark::State& state) {
  const Record record = sample();
  FlatBuffer buffer;
  for (auto _ : state) {
    buffer.write(record);
    benchmark::DoNotOptimize(buffer);
    benchmark::ClobberMemory();
    Record copy = buffer.read();
    benchmark::DoNotOptimize(copy);
  }
  verify(state, record, buffer.read());
}

void by_cereal(benchmark::State& state) {
  Record record = sample();
  Record copy;
  std::stringstream stream;
  for (auto _ : state) {
    stream.str({});
    stream.clear();
    {
      cereal::BinaryOutputArchive out(stream);
      save_or_load(out, record);
    }
    copy = {};
    cereal::BinaryInputArchive in(stream);
    save_or_load(in, copy);
    benchmark::DoNotOptimize(copy);
  }
  verify(state, record, copy);
}

void large_by_royong(benchmark::State& state) {
  const std::vector<double> values(131072, 0.5);
  royong::detail::Writer writer;
  for (auto _ : state) {
    writer.clear();
    writer(values);
    royong::detail::Reader reader(writer.bytes());
    auto copy = reader.read<std::vector<double>>();
    benchmark::DoNotOptimize(copy.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * values.size() * 8));
}

void large_copied_twice(benchmark::State& state) {
  const std::vector<double> values(131072, 0.5);
  std::vector<double> buffer(values.size());
  for (auto _ : state) {
    std::memcpy(buffer.data(), values.data(), values.size() * sizeof(double));
    std::vector<double> copy(buffer);
    benchmark::DoNotOptimize(copy.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * values.size() * 8));
}

}  // namespace

int main(int argc, char** argv) {
  using royong_bench::add_row;
  using royong_bench::Kind;
  add_row("B1", Kind::limit, "flat buffer", by_flat_buffer);
  add_row("B1", Kind::peer, "cereal", by_cereal);
  add_row("B1", Kind::royong, "archive", by_royong);
  add_row("B1 vector of 1 MiB", Kind::limit, "copied twice", large_copied_twice);
  add_row("B1 vector of 1 MiB", Kind::royong, "archive", large_by_royong);
  return royong_bench::run_benchmarks(argc, argv);
}
