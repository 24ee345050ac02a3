// SPDX-License-Identifier: Apache-2.0
// Rows M1 (a dict's set in a manager, round trip) and M2 (operations a second, one by one and pipelined), beside Redis over a unix socket. Every result is checked.
// Python's side is bench/peers/python_manager.py.
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>      // for std::chrono::milliseconds
#include <cstring>     // for std::strncpy
#include <filesystem>  // for std::filesystem::path
#include <memory>      // for std::unique_ptr
#include <stdexcept>   // for std::runtime_error
#include <string>      // for std::string
#include <thread>      // for std::this_thread::sleep_for
#include <vector>      // for std::vector

#include "support.hpp"

#include "royong/init.hpp"
#include "royong/manager.hpp"
#include "royong/manager/dict.hpp"
#include "royong/process.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
using royong_bench::Latencies;
namespace mp = royong;

constexpr int keys = 1000;
constexpr std::size_t in_flight = 64;

// ---- royong ----

using Dict = mp::ManagerDict<int, int>;

void set_round_trip(benchmark::State& state) {
  mp::Manager manager;
  const auto dict = manager.make_proxy<Dict>();
  Latencies latencies;
  int i = 0;
  for (auto _ : state) {
    latencies.time([&] { dict.set(i % keys, i); });
    ++i;
  }
  if (dict.at((i - 1) % keys) != i - 1) state.SkipWithError("another value");
  latencies.report(state);
}

void one_by_one(benchmark::State& state) {
  mp::Manager manager;
  const auto dict = manager.make_proxy<Dict>();
  int i = 0;
  for (auto _ : state) {
    dict.set(i % keys, i);
    ++i;
  }
  if (dict.at((i - 1) % keys) != i - 1) state.SkipWithError("another value");
  state.SetItemsProcessed(state.iterations());
}

void pipelined(benchmark::State& state) {
  mp::Manager manager;
  const auto dict = manager.dict<int, int>();
  int i = 0;
  for (auto _ : state) {
    std::vector<mp::Future<void>> futures;
    futures.reserve(in_flight);
    {
      auto batch = manager.pipeline();
      for (std::size_t n = 0; n < in_flight; ++n, ++i) {
        futures.push_back(dict.set_async(i % keys, i));
      }
    }
    for (auto& future : futures) future.get();
  }
  for (int last = i - static_cast<int>(in_flight); last < i; ++last) {
    if (dict.at(last % keys) != last) return state.SkipWithError("another value");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(in_flight));
}

// ---- Redis ----

class Redis {
 public:
  Redis()
      : folder_(std::filesystem::temp_directory_path() /
                ("royong-redis-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
    const std::string socket = folder_ / "socket";
    const std::string arguments[] = {
        "redis-server", "--port", "0",     "--unixsocket", socket,      "--save",       "",
        "--appendonly", "no",     "--dir", folder_,        "--logfile", folder_ / "log"};
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    if (::posix_spawnp(&pid_, "redis-server", nullptr, nullptr, argv.data(), environ) != 0) {
      pid_ = 0;
      throw std::runtime_error("no redis-server");
    }
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    for (int i = 0; ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
         ++i) {
      if (i == 500) throw std::runtime_error("redis-server does not listen");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ~Redis() {
    if (socket_ >= 0) ::close(socket_);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  static std::string hset(int key, int value) {
    const auto k = std::to_string(key), v = std::to_string(value);
    return "*4\r\n$4\r\nHSET\r\n$1\r\nd\r\n$" + std::to_string(k.size()) + "\r\n" + k + "\r\n$" +
           std::to_string(v.size()) + "\r\n" + v + "\r\n";
  }
  void send(const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
      const auto sent = ::send(socket_, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("cannot send");
      at += static_cast<std::size_t>(sent);
    }
  }
  /// Reads so many answers, each an integer.
  void receive(std::size_t count) {
    char room[4096];
    while (count > 0) {
      const auto got = ::recv(socket_, room, sizeof room, 0);
      if (got <= 0) throw std::runtime_error("cannot receive");
      for (long i = 0; i < got; ++i) {
        if (room[i] == '-') throw std::runtime_error("an error");
        if (room[i] == '\n') --count;
      }
    }
  }

 private:
  std::filesystem::path folder_;
  pid_t pid_ = 0;
  int socket_ = -1;
};

std::unique_ptr<Redis> start_redis(benchmark::State& state) {
  try {
    return std::make_unique<Redis>();
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    return nullptr;
  }
}

void redis_round_trip(benchmark::State& state) {
  const auto redis = start_redis(state);
  if (!redis) return;
  Latencies latencies;
  int i = 0;
  for (auto _ : state) {
    latencies.time([&] {
      redis->send(Redis::hset(i % keys, i));
      redis->receive(1);
    });
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
  latencies.report(state);
}

void redis_pipelined(benchmark::State& state) {
  const auto redis = start_redis(state);
  if (!redis) return;
  int i = 0;
  for (auto _ : state) {
    std::string batch;
    for (std::size_t n = 0; n < in_flight; ++n, ++i) batch += Redis::hset(i % keys, i);
    redis->send(batch);
    redis->receive(in_flight);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(in_flight));
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_row("M1", Kind::royong, "Manager", set_round_trip)->UseRealTime();
  add_row("M1", Kind::peer, "Redis", redis_round_trip)->UseRealTime();
  add_row("M2_one_by_one", Kind::royong, "Manager", one_by_one)->UseRealTime();
  add_row("M2_one_by_one", Kind::peer, "Redis", redis_round_trip)->UseRealTime();
  add_row("M2_pipelined", Kind::royong, "Manager", pipelined)->UseRealTime();
  add_row("M2_pipelined", Kind::peer, "Redis", redis_pipelined)->UseRealTime();
  return royong_bench::run_benchmarks(argc, argv);
}
