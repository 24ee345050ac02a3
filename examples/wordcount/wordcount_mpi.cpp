// SPDX-License-Identifier: Apache-2.0
// Counts the identifiers in all C and C++ files of a folder that every node sees, over all ranks of an MPI job, and once more alone: both must
// come to the same result. Each node adds up the counts of its own batches before they travel.
//
//     mpirun -n 4 --enable-recovery wordcount_mpi [folder, default /usr/include] [--kill]
//
// With --kill an agent of this machine is killed when a tenth of the work is done.
#include <signal.h>
#include <royong/init.hpp>
#include <royong/mapreduce.hpp>
#include <royong/mpi.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "identifiers.hpp"
#include "sources.hpp"

namespace mp = royong;

using wordcount::Batch;
using wordcount::Counts;
using Result = std::unordered_map<std::string, std::uint64_t>;

namespace {

constexpr std::uint64_t batch_bytes = 1024 * 1024;

void count_batch(const Batch& batch, Counts& counts) {
  for (const auto& path : batch.paths) {
    try {
      wordcount::count_identifiers(wordcount::read_file(path), counts);
    } catch (const std::runtime_error&) {
      // What cannot be read counts nothing, here and there.
    }
  }
}

void map_batch(const Batch& batch, mp::Emitter<std::string, std::uint64_t>& out) {
  Counts counts;
  count_batch(batch, counts);
  for (const auto& [name, count] : counts) out(name, count);
}

/// The last agent on this machine dies as no program would expect it.
void kill_an_agent(const mp::mpi::MPIPoolExecutor& nodes) {
  const auto all = nodes.nodes();
  for (auto node = all.rbegin(); node != all.rend(); ++node) {
    if (node->rank == 0 || !node->alive || node->host != all.front().host) continue;
    std::cerr << "killing " << node->name << "\n";
    ::kill(node->pid, SIGKILL);
    return;
  }
}

int run(const std::string& folder, bool kill) {
  const auto batches = wordcount::divide(wordcount::find_sources(folder).files, batch_bytes);
  const auto begin = std::chrono::steady_clock::now();
  Result counts;
  {
    mp::mpi::MPIPoolExecutor nodes({.node_timeout = std::chrono::seconds(3)});
    std::cout << batches.size() << " batches, " << nodes.nodes().size() << " ranks, "
              << nodes.size() << " workers\n";
    std::jthread killer;
    if (kill) {
      killer = std::jthread([&](const std::stop_token& over) {
        while (!over.stop_requested()) {
          if (nodes.stats().tasks.done >= batches.size() / 10) return kill_an_agent(nodes);
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      });
    }
    counts = mp::map_reduce<std::string, std::uint64_t>(nodes, batches, map_batch, std::plus<>(),
                                                        {.chunksize = 1, .task = {.retries = 100}});
    killer = {};
    for (const auto& node : nodes.nodes()) {
      if (!node.alive) std::cout << node.name << " was lost: " << node.reason << "\n";
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cerr << "over all ranks: " << took.count() << " s\n";

  Counts alone;
  for (const auto& batch : batches) count_batch(batch, alone);
  const bool same =
      alone.size() == counts.size() && std::ranges::all_of(alone, [&](const auto& entry) {
        const auto found = counts.find(entry.first);
        return found != counts.end() && found->second == entry.second;
      });
  std::cout << alone.size() << " identifiers; the counts are "
            << (same ? "identical" : "NOT identical") << "\n";
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  const bool kill = argc > 1 && std::strcmp(argv[argc - 1], "--kill") == 0;
  return run(argc > 1 + (kill ? 1 : 0) ? argv[1] : "/usr/include", kill);
}
