// SPDX-License-Identifier: Apache-2.0
// combines_at_nodes <folder> <victim> : map_reduce over several ranks, with results so large that they stay on their nodes. The victim is
//
//     nobody   prints whether what travelled is less than what the tasks returned
//     map      the last rank is killed when results are kept there and tasks still run
//     merge    it is killed while one of its workers combines what is kept there
//     fragile  as `map`, but without retries
//
// Processes wait for each other by FIFOs: whoever opens `go` for reading waits until somebody holds it open for writing.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <royong/bind_front.hpp>
#include <royong/init.hpp>
#include <royong/mpi.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace mp = royong;

namespace {

constexpr int inputs = 96;
constexpr int held = 6;  // so many of the last inputs wait for `go`
constexpr int keys = 4000;

int rank_of_this() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  return rank == nullptr ? 0 : std::atoi(rank);
}

void wait_for_go(const std::string& folder) { ::close(::open((folder + "/go").c_str(), O_RDONLY)); }

/// Each input has every key once: `combine` runs where results meet, and nowhere else.
void emit(const std::string& folder, const int& input, mp::Emitter<std::string, long>& out) {
  if (!folder.empty() && input >= inputs - held) wait_for_go(folder);
  for (int key = 0; key < keys; ++key) out("the key with number " + std::to_string(key), input);
}

long add(const std::string& folder, int victim, long a, long b) {
  if (!folder.empty() && mp::is_worker() && rank_of_this() == victim) {
    // The first one only. What it tells is read by rank 0.
    const int first = ::open((folder + "/first").c_str(), O_CREAT | O_EXCL, 0600);
    if (first >= 0) {
      ::close(first);
      ::close(::open((folder + "/merging").c_str(), O_WRONLY));
      wait_for_go(folder);
    }
  }
  return a + b;
}

bool is_right(const std::unordered_map<std::string, long>& counts) {
  constexpr long sum = static_cast<long>(inputs) * (inputs - 1) / 2;
  if (counts.size() != keys) return false;
  for (const auto& [key, value] : counts) {
    if (value != sum) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  const std::string folder = argv[1];
  const std::string when = argv[2];
  ::mkfifo((folder + "/merging").c_str(), 0600);
  ::mkfifo((folder + "/go").c_str(), 0600);

  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1,
                                  .heartbeat = std::chrono::milliseconds(100),
                                  .node_timeout = std::chrono::milliseconds(4000)});
  const int victim = static_cast<int>(nodes.nodes().size()) - 1;
  const auto at_victim = [&] { return nodes.nodes()[static_cast<std::size_t>(victim)]; };
  std::thread killer([&] {
    if (when == "nobody") return;
    if (when == "merge") {
      ::close(::open((folder + "/merging").c_str(), O_RDONLY));  // waits for one that combines
    } else {
      while (at_victim().kept_results == 0) std::this_thread::yield();
    }
    ::kill(at_victim().pid, SIGKILL);
    while (at_victim().alive) std::this_thread::yield();
    if (::open((folder + "/go").c_str(), O_RDWR) < 0) std::abort();
  });

  std::vector<int> numbers(inputs);
  std::iota(numbers.begin(), numbers.end(), 0);
  const bool in_map = when == "map" || when == "fragile";
  mp::MapOptions options{.chunksize = 1};
  options.task.retries = when == "fragile" ? 0 : 5;
  try {
    const auto counts = mp::map_reduce<std::string, long>(
        nodes, numbers, mp::bind_front(emit, in_map ? folder : std::string()),
        mp::bind_front(add, when == "merge" ? folder : std::string(), victim), options);
    std::printf("the counts are right: %s\n", is_right(counts) ? "yes" : "NO");
  } catch (const mp::NodeLost& error) {
    std::printf("NodeLost: %s\n", error.what());
  }
  killer.join();

  const auto stats = nodes.stats();
  // An input gives some 100 KB; two thirds of them are other nodes'.
  constexpr std::uint64_t one = std::uint64_t{keys} * 30;
  std::printf("kept at nodes: %s\n", stats.kept_results > inputs / 2 ? "yes" : "NO");
  std::printf("what travelled is small: %s\n", stats.result_bytes < 12 * one ? "yes" : "NO");
  std::uint64_t left = 1;
  while (left != 0) {
    left = 0;
    for (const auto& node : nodes.nodes()) left += node.kept_results;
  }
  std::printf("nothing is kept any more\n");
  std::fflush(stdout);
}
