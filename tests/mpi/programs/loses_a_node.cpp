// SPDX-License-Identifier: Apache-2.0
// loses_a_node <folder> kill|stop: a rank is killed, or stopped and later continued, while tasks run on every node.
//
// Tasks say through the FIFO `came` that they have begun, and where; they end when somebody holds `go` open for writing.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <royong/init.hpp>
#include <royong/mpi.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

namespace mp = royong;

namespace {

struct Place {
  int rank = 0;
  pid_t agent = 0;
  pid_t worker = 0;
};

int hold(const std::string& folder) {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const Place here{rank == nullptr ? 0 : std::atoi(rank), ::getppid(), ::getpid()};
  const int came = ::open((folder + "/came").c_str(), O_WRONLY);
  if (came < 0 || ::write(came, &here, sizeof here) != sizeof here) std::abort();
  ::close(came);
  const int go = ::open((folder + "/go").c_str(), O_RDONLY);  // waits for a writer
  ::close(go);
  return here.rank;
}

long square(long x) { return x * x; }

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  const std::string folder = argv[1];
  const int signal = std::strcmp(argv[2], "kill") == 0 ? SIGKILL : SIGSTOP;
  ::mkfifo((folder + "/came").c_str(), 0600);
  ::mkfifo((folder + "/go").c_str(), 0600);
  const int came = ::open((folder + "/came").c_str(), O_RDWR);

  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1,
                                  .heartbeat = std::chrono::milliseconds(100),
                                  .node_timeout = std::chrono::milliseconds(4000)});
  const int ranks = nodes.size();
  std::vector<mp::Future<int>> fragile;
  for (int i = 0; i < ranks; ++i) fragile.push_back(nodes.submit(hold, folder));
  Place victim;
  for (int i = 0; i < ranks; ++i) {
    Place place;
    if (::read(came, &place, sizeof place) != sizeof place) return 2;
    if (place.rank == ranks - 1) victim = place;
  }
  if (victim.agent == 0) return 3;
  // These wait behind the others, some of them on the victim.
  std::vector<mp::Future<int>> sturdy;
  for (int i = 0; i < 2 * ranks; ++i)
    sturdy.push_back(nodes.submit({.name = "sturdy", .retries = 100}, hold, folder));

  ::kill(victim.agent, signal);
  // The others are held still: the first that ends is the victim's.
  if (mp::wait(fragile, mp::forever, mp::ReturnWhen::first_completed).done.empty()) return 4;
  if (::open((folder + "/go").c_str(), O_RDWR) < 0) return 5;
  int lost = 0;
  for (auto& future : fragile) {
    try {
      future.get();
    } catch (const mp::NodeLost& error) {
      ++lost;
      std::fprintf(stderr, "%s\n", error.what());
    }
  }
  std::printf("lost: %s\n", lost > 0 ? "yes" : "no");
  int right = 0;
  for (auto& future : sturdy) {
    const int rank = future.get();
    right += rank != victim.rank || signal == SIGSTOP ? 1 : 0;
  }
  std::printf("retried: %s\n", right == 2 * ranks ? "yes" : "no");
  std::vector<long> numbers(2000);
  std::iota(numbers.begin(), numbers.end(), 1);
  long sum = 0;
  for (const long x : nodes.map({.task = {.retries = 100}}, square, numbers)) sum += x;
  std::printf("sum: %ld\n", sum);
  const auto all = nodes.nodes();
  std::printf("alive: %s\n", all[static_cast<std::size_t>(victim.rank)].alive ? "yes" : "no");
  if (signal == SIGSTOP) ::kill(victim.agent, SIGCONT);
  std::fflush(stdout);
}
