// SPDX-License-Identifier: Apache-2.0
// Open MPI between two processes, in the rows Q1, Q3, Q4, Q5, Qsize and G2: MPI_Send and MPI_Recv, as any MPI program has them.
// Run it by "mpirun -n 2"; the first process prints JSON as the Python peers do. Every message is checked.
//
// "open_mpi network" prints instead what bench/scale_sim wants to know of the network between the two: run it with the transport, and on the
// machines, that are to be simulated.
#include <mpi.h>
#include <sched.h>

#include <algorithm>  // for std::clamp, std::ranges::sort
#include <chrono>     // for std::chrono::steady_clock
#include <cstddef>    // for std::byte, std::size_t
#include <cstdint>    // for std::uint64_t
#include <cstdio>     // for std::printf
#include <cstring>    // for std::memcpy
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "relay.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int repetitions = 5;
constexpr std::size_t small = 64;  // bytes of a message that carries one small task
constexpr int tag = 1;

int rank = 0;
bool first_row = true;

/// All errors end the program: that is MPI's default, and ours.
void send(const std::vector<std::byte>& message) {
  MPI_Send(message.data(), static_cast<int>(message.size()), MPI_BYTE, 1 - rank, tag,
           MPI_COMM_WORLD);
}

void receive(std::vector<std::byte>& message) {
  MPI_Status status;
  MPI_Recv(message.data(), static_cast<int>(message.size()), MPI_BYTE, 1 - rank, tag,
           MPI_COMM_WORLD, &status);
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  if (static_cast<std::size_t>(size) != message.size()) MPI_Abort(MPI_COMM_WORLD, 1);
}

void number(std::vector<std::byte>& message, std::uint64_t value) {
  std::memcpy(message.data(), &value, sizeof value);
}

void expect_number(const std::vector<std::byte>& message, std::uint64_t value) {
  std::uint64_t came = 0;
  std::memcpy(&came, message.data(), sizeof came);
  if (came == value) return;
  std::fprintf(stderr, "open_mpi: message %llu came where %llu should\n",
               static_cast<unsigned long long>(came), static_cast<unsigned long long>(value));
  MPI_Abort(MPI_COMM_WORLD, 1);
}

double nanoseconds(Clock::duration time) {
  return static_cast<double>(std::chrono::nanoseconds(time).count());
}

/// The value below which this part of all lies. @param values  sorted
double quantile(const std::vector<double>& values, double part) {
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return quantile(values, 0.5);
}

struct Measured {
  std::vector<double> times;  ///< nanoseconds for one message, one for each repetition
  std::vector<double> latencies{};
};

/// @param times nanoseconds for one message, one for each repetition
void print_row(const std::string& name, const std::vector<double>& times,
               std::vector<double> latencies = {}) {
  const double median = median_of(times);
  std::vector<double> deviations;
  for (const double time : times)
    deviations.push_back(time > median ? time - median : median - time);
  std::printf("%s\n  {\"name\": \"%s\", \"median_ns\": %.2f, \"mad_ns\": %.2f",
              first_row ? "" : ",", name.c_str(), median, median_of(deviations));
  std::printf(", \"items_per_second\": %.1f", 1e9 / median);
  if (!latencies.empty()) {
    std::ranges::sort(latencies);
    std::printf(", \"p50_us\": %.3f, \"p99_us\": %.3f, \"p99.9_us\": %.3f",
                quantile(latencies, 0.5) / 1000, quantile(latencies, 0.99) / 1000,
                quantile(latencies, 0.999) / 1000);
  }
  std::printf("}");
  first_row = false;
}

/// The second process sends, the first receives and takes the time.
Measured rate(std::size_t size, std::uint64_t count) {
  std::vector<std::byte> message(size);
  std::vector<double> times;
  for (int repetition = 0; repetition <= repetitions; ++repetition) {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (rank == 1) {
        number(message, i);
        send(message);
      } else {
        receive(message);
        expect_number(message, i);
      }
    }
    // The first repetition warms up.
    if (repetition > 0)
      times.push_back(nanoseconds(Clock::now() - begin) / static_cast<double>(count));
  }
  return {times};
}

void print_rate(const std::string& name, std::size_t size, std::uint64_t count) {
  const Measured measured = rate(size, count);
  if (rank == 0) print_row(name, measured.times);
}

Measured round_trip(std::size_t size, std::uint64_t count) {
  std::vector<std::byte> message(size);
  std::vector<double> times;
  std::vector<double> latencies;
  for (int repetition = 0; repetition <= repetitions; ++repetition) {
    MPI_Barrier(MPI_COMM_WORLD);
    double sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (rank == 1) {
        receive(message);
        send(message);
        continue;
      }
      const auto begin = Clock::now();
      number(message, i);
      send(message);
      receive(message);
      const double taken = nanoseconds(Clock::now() - begin);
      expect_number(message, i);
      sum += taken;
      if (repetition > 0) latencies.push_back(taken);
    }
    if (repetition > 0) times.push_back(sum / static_cast<double>(count));
  }
  return {times, latencies};
}

void print_round_trip(const std::string& name, std::size_t size, std::uint64_t count) {
  const Measured measured = round_trip(size, count);
  if (rank == 0) print_row(name, measured.times, measured.latencies);
}

/// As `receive`, but it yields between two looks, as who must where there are more processes than processors.
void receive_politely(std::vector<std::byte>& message) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(message.data(), static_cast<int>(message.size()), MPI_BYTE, 1 - rank, tag,
            MPI_COMM_WORLD, &request);
  for (int is_there = 0;;) {
    MPI_Test(&request, &is_there, MPI_STATUS_IGNORE);
    if (is_there != 0) return;
    ::sched_yield();
  }
}

/// A round trip between the ranks with one between rank 1 and a process of its own in the middle: the way of a task to a worker and back.
void print_relayed_trip(const std::string& name, royong_bench::Relay& relay) {
  constexpr std::uint64_t trips = 10'000;
  std::vector<std::byte> message(small);
  std::vector<double> times, latencies;
  std::uint64_t value = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < trips; ++i) {
      ++value;
      if (rank == 0) {
        const auto start = Clock::now();
        number(message, value);
        send(message);
        receive_politely(message);
        latencies.push_back(nanoseconds(Clock::now() - start));
        expect_number(message, value);
      } else {
        receive_politely(message);
        expect_number(message, value);
        number(message, relay.ask(value));
        send(message);
      }
    }
    times.push_back(nanoseconds(Clock::now() - begin) / trips);
  }
  if (rank == 0) print_row(name, times, latencies);
}

/// What the simulator's parameters of the same names mean is told there.
void print_network() {
  constexpr std::size_t large = std::size_t{1} << 20;
  const Measured way = round_trip(small, 5'000);
  const Measured stream = rate(large, 200);
  const Measured messages = rate(small, 50'000);
  if (rank != 0) return;
  std::printf("latency=%.0f\n", median_of(way.latencies) / 2);
  std::printf("bandwidth=%.3f\n", static_cast<double>(large) / median_of(stream.times));
  std::printf("message=%.0f\n", median_of(messages.times));
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::size_t kib = 1024;
  constexpr std::size_t mib = 1024 * kib;
  royong_bench::Relay relay;  // before MPI is there to be copied
  MPI_Init(&argc, &argv);
  int processes = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &processes);
  if (processes != 2) {
    std::fprintf(stderr, "open_mpi: run it by mpirun -n 2\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  if (argc > 1 && std::strcmp(argv[1], "network") == 0) {
    print_network();
    MPI_Finalize();
    return 0;
  }
  if (rank == 0) {
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(version, &length);
    const std::string whole(version, static_cast<std::size_t>(length));
    std::printf("{\"context\": {\"mpi\": \"%s\"}, \"rows\": [",
                whole.substr(0, whole.find_first_of(",\"")).c_str());
  }
  print_rate("Q1/peer/Open_MPI", 8, 200'000);
  print_rate("Q3/peer/Open_MPI", kib, 50'000);
  print_rate("Q4/peer/Open_MPI", mib, 400);
  print_round_trip("Q5/peer/Open_MPI", 8, 10'000);
  print_round_trip("G2/limit/MPI_Send_MPI_Recv", small, 10'000);
  print_relayed_trip("G2/peer/the_same_with_a_relay", relay);
  print_round_trip("Q5_1MiB/peer/Open_MPI", mib, 200);
  for (std::size_t size = 64; size <= 4 * mib; size *= 4) {
    print_rate("Qsize/peer/Open_MPI_" + std::to_string(size), size,
               std::clamp<std::uint64_t>(64 * mib / size, 64, 50'000));
  }
  if (rank == 0) std::printf("\n]}\n");
  MPI_Finalize();
}
