// SPDX-License-Identifier: Apache-2.0
// Counts the identifiers in all C and C++ files of a folder: one after the other, with threads, with processes, and with
// processes of which one is killed every 50 ms. All four must come to the same result.
//
//     wordcount [folder, default /usr/include]
#include <royong/init.hpp>
#include <royong/mapreduce.hpp>
#include <royong/pool.hpp>
#include <royong/process.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "identifiers.hpp"
#include "sources.hpp"

namespace mp = royong;

using wordcount::Batch;
using wordcount::Counts;

namespace {

/// Stands in front of "path: reason" among the results: no identifier begins like this.
constexpr char unreadable = '!';

/// Large enough that few results have to be added up, small enough that a worker finishes some between two kills.
constexpr std::uint64_t batch_bytes = 1024 * 1024;
constexpr auto time_between_kills = std::chrono::milliseconds(50);

// ---- The job: what is done with a batch ----

void count_batch(const Batch& batch, Counts& counts) {
  for (const auto& path : batch.paths) {
    try {
      wordcount::count_identifiers(wordcount::read_file(path), counts);
    } catch (const std::runtime_error& error) {
      counts.emplace(unreadable + std::string(error.what()), 1);
    }
  }
}

void map_batch(const Batch& batch, mp::Emitter<std::string, std::uint64_t>& out) {
  Counts counts;
  count_batch(batch, counts);
  for (const auto& [name, count] : counts) out(name, count);
}

// ---- Four ways to do it ----

Counts count_serially(const std::vector<Batch>& batches) {
  Counts counts;
  for (const auto& batch : batches) count_batch(batch, counts);
  return counts;
}

Counts count_with_threads(const std::vector<Batch>& batches, int threads) {
  std::vector<Counts> parts(static_cast<std::size_t>(threads));
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> running;
    for (auto& part : parts) {
      running.emplace_back([&] {
        for (std::size_t i; (i = next++) < batches.size();) count_batch(batches[i], part);
      });
    }
  }
  Counts counts = std::move(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    for (const auto& [name, count] : parts[i]) counts[name] += count;
  }
  return counts;
}

using Result = std::unordered_map<std::string, std::uint64_t>;

Result count_with_processes(mp::Pool& pool, const std::vector<Batch>& batches, const char* label,
                            int retries) {
  return mp::map_reduce<std::string, std::uint64_t>(
      pool, batches, map_batch, std::plus<>(),
      {.chunksize = 1, .task = {.retries = retries}, .progress = mp::Progress::bar(label)});
}

template <class Map>
bool same(const Counts& expected, const Map& counts) {
  return counts.size() == expected.size() && std::ranges::all_of(counts, [&](const auto& entry) {
           const auto found = expected.find(entry.first);
           return found != expected.end() && found->second == entry.second;
         });
}

/// Kills a random child of this process again and again, as long as it lives.
class Chaos {
 public:
  Chaos() : thread_([this](const std::stop_token& stop) { rage(stop); }) {}
  int stop() {
    thread_.request_stop();
    thread_.join();
    return kills_;
  }

 private:
  void rage(const std::stop_token& stop) {
    std::mt19937 random(std::random_device{}());
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(time_between_kills);
      const auto workers = mp::active_children();
      if (workers.empty()) continue;
      workers[random() % workers.size()].kill();
      ++kills_;
    }
  }

  int kills_ = 0;
  std::jthread thread_;
};

// ---- What is printed ----

template <class F>
auto timed(const char* how, double& seconds, F count) {
  const auto begin = std::chrono::steady_clock::now();
  auto counts = count();
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << std::left << std::setw(40) << how << std::right << std::fixed << std::setprecision(3)
            << std::setw(9) << seconds << " s" << std::flush;
  return counts;
}

void print_speedup(double serial, double seconds) {
  std::cout << std::setprecision(2) << std::setw(8) << serial / seconds << " x\n";
}

void print_top(const Counts& counts, std::size_t how_many) {
  std::vector<std::pair<std::string, std::uint64_t>> top(counts.begin(), counts.end());
  std::erase_if(top, [](const auto& entry) { return entry.first.front() == unreadable; });
  const auto end = top.begin() + static_cast<std::ptrdiff_t>(std::min(how_many, top.size()));
  std::partial_sort(top.begin(), end, top.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (auto it = top.begin(); it != end; ++it) {
    std::cout << std::setw(10) << it->second << "  " << it->first << "\n";
  }
}

void print_problems(const Counts& counts, std::vector<std::string> problems) {
  for (const auto& [name, count] : counts) {
    if (name.front() == unreadable) problems.push_back(name.substr(1));
  }
  std::ranges::sort(problems);
  for (const auto& problem : problems) std::cout << "skipped " << problem << "\n";
}

int run(const std::string& folder) {
  auto [files, problems] = wordcount::find_sources(folder);
  if (files.empty()) {
    std::cerr << "wordcount: no C or C++ files under " << folder << "\n";
    for (const auto& problem : problems) std::cerr << "  " << problem << "\n";
    return 2;
  }
  std::uint64_t bytes = 0;
  for (const auto& file : files) bytes += file.size;
  const auto count = files.size();
  const auto batches = wordcount::divide(std::move(files), batch_bytes);
  const int workers = mp::cpu_count();
  std::cout << "royong wordcount: " << count << " C and C++ files, " << bytes / 1'000'000
            << " MB, under " << folder << "; " << workers << " processors\n\n";

  count_serially(batches);  // once untimed: afterwards the files are in memory, for everybody alike

  double serially = 0;
  double seconds = 0;
  const Counts expected =
      timed("one after the other", serially, [&] { return count_serially(batches); });
  std::cout << "\n";
  const Counts threads =
      timed("with threads", seconds, [&] { return count_with_threads(batches, workers); });
  print_speedup(serially, seconds);

  Result processes;
  {
    mp::Pool pool(workers);
    processes = timed("with processes", seconds,
                      [&] { return count_with_processes(pool, batches, "counting", 0); });
    print_speedup(serially, seconds);
  }
  Result chaotic;
  int kills = 0;
  {
    // Each death is retried; a worker that dies before its first task says nothing about the program here.
    mp::Pool pool(workers, {.restarts = {.count = 1'000'000}});
    Chaos chaos;
    chaotic = timed("with processes, one killed every 50 ms", seconds, [&] {
      return count_with_processes(pool, batches, "counting under fire", 1'000);
    });
    kills = chaos.stop();
    print_speedup(serially, seconds);
  }

  std::cout << "\nThe most frequent identifiers:\n";
  print_top(expected, 20);
  print_problems(expected, std::move(problems));

  const bool identical =
      same(expected, threads) && same(expected, processes) && same(expected, chaotic);
  std::cout << "\n"
            << kills << " workers were killed with SIGKILL; the counts of all four runs are "
            << (identical ? "identical" : "NOT identical") << "\n";
  return identical ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  if (argc > 2) {
    std::cerr << "usage: wordcount [folder]\n";
    return 2;
  }
  return run(argc == 2 ? argv[1] : "/usr/include");
}
