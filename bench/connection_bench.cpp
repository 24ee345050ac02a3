// SPDX-License-Identifier: Apache-2.0
// Rows C1 (messages a second through a Pipe, 8 bytes and 1 MiB) and C2 (round trips: Pipe, and TCP over the loopback).
// Two real processes everywhere; every message is checked. Python's side is bench/peers/python_pipe.py.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>    // for std::uint64_t
#include <cstring>    // for std::memcpy
#include <memory>     // for std::unique_ptr
#include <span>       // for std::span
#include <stdexcept>  // for std::runtime_error
#include <thread>     // for std::thread
#include <utility>    // for std::pair
#include <vector>     // for std::vector

#include "peers/spsc_ring.hpp"
#include "support.hpp"

#include "royong/connection.hpp"
#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
using royong_bench::Latencies;
namespace mp = royong;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// ---- The transports: {end of this process, end of the other}, with send and receive of spans of one size ----

using Ring = royong_bench::SpscRing;  // one direction: the limit

class RingEnd {
 public:
  RingEnd(std::shared_ptr<Ring> out, std::shared_ptr<Ring> in)
      : out_(std::move(out)), in_(std::move(in)) {}
  void send(std::span<const std::byte> message) { out_->put(message); }
  void receive(std::span<std::byte> message) { in_->get(message); }

 private:
  std::shared_ptr<Ring> out_;
  std::shared_ptr<Ring> in_;
};

std::pair<RingEnd, RingEnd> ring_pair(std::size_t size) {
  auto there = std::make_shared<Ring>(size);
  auto back = std::make_shared<Ring>(size);
  return {RingEnd(there, back), RingEnd(back, there)};
}

/// A bare socket, and nothing but the loops that a stream needs.
class SocketEnd {
 public:
  explicit SocketEnd(int socket)
      : socket_(new int(socket), [](int* fd) {
          ::close(*fd);
          delete fd;
        }) {}
  void send(std::span<const std::byte> message) {
    while (!message.empty()) {
      const auto sent = ::send(*socket_, message.data(), message.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("cannot send");
      message = message.subspan(static_cast<std::size_t>(sent));
    }
  }
  void receive(std::span<std::byte> message) {
    while (!message.empty()) {
      const auto got = ::recv(*socket_, message.data(), message.size(), 0);
      if (got <= 0) throw std::runtime_error("cannot receive");
      message = message.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  std::shared_ptr<int> socket_;
};

std::pair<SocketEnd, SocketEnd> socket_pair(std::size_t) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error("no sockets");
  return {SocketEnd(ends[0]), SocketEnd(ends[1])};
}

std::pair<SocketEnd, SocketEnd> tcp_pair(std::size_t) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0)
    throw std::runtime_error("cannot listen");
  ::getsockname(listener, generic, &size);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(client, generic, size) != 0) throw std::runtime_error("cannot connect");
  const int accepted = ::accept(listener, nullptr, nullptr);
  ::close(listener);
  const int on = 1;
  for (const int fd : {client, accepted})
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {SocketEnd(accepted), SocketEnd(client)};
}

class ConnectionEnd {
 public:
  explicit ConnectionEnd(mp::Connection connection) : connection_(std::move(connection)) {}
  void send(std::span<const std::byte> message) { connection_.send_bytes(message); }
  void receive(std::span<std::byte> message) {
    if (connection_.recv_bytes_into(message) != message.size())
      throw std::runtime_error("another size");
  }

 private:
  mp::Connection connection_;
};

std::pair<ConnectionEnd, ConnectionEnd> pipe_pair(std::size_t) {
  auto [a, b] = mp::Pipe();
  return {ConnectionEnd(a), ConnectionEnd(b)};
}

std::pair<ConnectionEnd, ConnectionEnd> listener_pair(const char* address) {
  mp::Listener listener({.address = address});
  auto client = mp::Client(listener.address());
  return {ConnectionEnd(listener.accept()), ConnectionEnd(client)};
}

// ---- What is measured ----

/// Runs `body` in a fork, killed at the end of the scope.
class Other {
 public:
  template <class F>
  explicit Other(F body)
      : process_(mp::fork_context().process(mp::ProcessOptions{.daemon = true}, body)) {
    process_.start();
  }
  ~Other() {
    process_.kill();
    process_.join();
  }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;

 private:
  mp::Process process_;
};

/// In each iteration this process asks, by one message, for `count` numbered ones and receives them.
template <class Make>
void measure_rate(benchmark::State& state, Make make, std::size_t size, std::uint64_t count) {
  auto ends = make(size);
  const Other other([&] {
    std::vector<std::byte> message(size);
    for (;;) {
      ends.second.receive(message);
      for (std::uint64_t i = 0; i < count; ++i) {
        std::memcpy(message.data(), &i, sizeof i);
        ends.second.send(message);
      }
    }
  });
  std::vector<std::byte> message(size);
  for (auto _ : state) {
    ends.first.send(message);
    for (std::uint64_t i = 0; i < count; ++i) {
      ends.first.receive(message);
      std::uint64_t number;
      std::memcpy(&number, message.data(), sizeof number);
      if (number != i) return state.SkipWithError("the messages are out of order");
    }
  }
  state.SetItemsProcessed(
      static_cast<std::int64_t>(state.iterations() * static_cast<std::int64_t>(count)));
}

/// With a pause before each question both sides are asleep when it comes.
template <class Make>
void measure_round_trip(benchmark::State& state, Make make, std::size_t size, bool asleep) {
  auto ends = make(size);
  const Other other([&] {
    std::vector<std::byte> message(size);
    for (;;) {
      ends.second.receive(message);
      ends.second.send(message);
    }
  });
  std::vector<std::byte> message(size);
  Latencies latencies;
  std::uint64_t number = 0;
  const auto ask = [&] {
    ++number;
    std::memcpy(message.data(), &number, sizeof number);
    ends.first.send(message);
    ends.first.receive(message);
  };
  for (int i = 0; i < 200; ++i) ask();
  for (auto _ : state) {
    if (asleep) ::usleep(300);
    state.SetIterationTime(std::chrono::duration<double>(latencies.time(ask)).count());
    std::uint64_t answer;
    std::memcpy(&answer, message.data(), sizeof answer);
    if (answer != number) return state.SkipWithError("the answer is wrong");
  }
  latencies.report(state);
}

template <class Make>
void add_rate(Kind kind, const std::string& name, Make make, std::uint64_t small,
              std::uint64_t large) {
  add_row("C1_8B", kind, name, [=](benchmark::State& state) {
    measure_rate(state, make, 8, small);
  })->UseRealTime();
  add_row("C1_1MiB", kind, name, [=](benchmark::State& state) {
    measure_rate(state, make, kMiB, large);
  })->UseRealTime();
}

template <class Make>
void add_round_trip(const std::string& row, Kind kind, const std::string& name, Make make,
                    std::size_t size, bool asleep) {
  add_row(row, kind, name, [=](benchmark::State& state) {
    measure_round_trip(state, make, size, asleep);
  })->UseManualTime();
}

void add_all() {
  add_rate(Kind::limit, "bare_ring", ring_pair, 200'000, 200);
  add_rate(Kind::royong, "Pipe", pipe_pair, 200'000, 200);
  add_rate(Kind::peer, "socketpair", socket_pair, 50'000, 100);

  const auto unix_connection = [](std::size_t) { return listener_pair(""); };
  const auto tcp_connection = [](std::size_t) { return listener_pair("127.0.0.1:0"); };
  add_round_trip("C2_busy", Kind::limit, "bare_ring", ring_pair, 8, false);
  add_round_trip("C2_busy", Kind::royong, "Pipe", pipe_pair, 8, false);
  add_round_trip("C2_busy", Kind::peer, "socketpair", socket_pair, 8, false);
  add_round_trip("C2_asleep", Kind::peer, "socketpair", socket_pair, 8, true);
  add_round_trip("C2_asleep", Kind::royong, "Pipe", pipe_pair, 8, true);
  add_round_trip("C2_1MiB", Kind::limit, "bare_ring", ring_pair, kMiB, false);
  add_round_trip("C2_1MiB", Kind::royong, "Pipe", pipe_pair, kMiB, false);
  add_round_trip("C2_1MiB", Kind::peer, "socketpair", socket_pair, kMiB, false);
  add_round_trip("C2_unix", Kind::limit, "bare_socket", socket_pair, 8, false);
  add_round_trip("C2_unix", Kind::royong, "Connection", unix_connection, 8, false);
  add_round_trip("C2_TCP", Kind::limit, "bare_socket", tcp_pair, 8, false);
  add_round_trip("C2_TCP", Kind::royong, "Connection", tcp_connection, 8, false);
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_all();
  return royong_bench::run_benchmarks(argc, argv);
}
