// SPDX-License-Identifier: Apache-2.0
#include "mpi/agent.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>         // for std::chrono
#include <cstring>        // for std::memcpy
#include <fstream>        // for std::ifstream
#include <thread>         // for std::this_thread
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::exchange, std::move

#include "mpi/backoff.hpp"
#include "mpi/local_node.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"
#include "royong/process.hpp"
#include "royong/version.hpp"

namespace royong::inline v0::mpi {
namespace {

using namespace royong::detail;
using Clock = Timeout::Clock;

constexpr std::size_t results_message_bytes = std::size_t{64} << 10;
// Rank 0 is the program, and may be stopped by a debugger or a shell: it is given more time.
constexpr int patience_with_rank_0 = 3;

class Agent final : private Receiver {
 public:
  explicit Agent(Transport& transport) : transport_(transport) {}

  int run() {
    heard_ = sent_ = looked_ = Clock::now();
    transport_.send(0, make_message(Kind::hello, introduce()));
    while (!ended_) {
      bool any = transport_.poll(*this);
      for (auto& [id, session] : sessions_) any |= session.node->pump();
      for (auto& [id, session] : sessions_) return_results(id, session);
      const auto now = Clock::now();
      keep_in_touch(now);
      if (any) {
        backoff_.reset(now);
      } else {
        rest(now);
      }
    }
    sessions_.clear();
    if (!vanish_) {
      transport_.send(0, make_message(Kind::bye));
      while (!transport_.is_flushed()) transport_.poll(*this);
      if (finalize_) transport_.finalize();
    }
    return exit_code_;
  }

 private:
  struct Session {
    std::unique_ptr<LocalNode> node;
    bool told_broken = false;
  };

  void rest(Clock::time_point now) {
    if (backoff_.spins(now)) {
      backoff_.pass();
      return;
    }
    LocalNode* busy = nullptr;
    for (auto& [id, session] : sessions_) {
      if (busy == nullptr || session.node->has_tasks()) busy = session.node.get();
    }
    const auto until = now + backoff_.sleep_time(busy != nullptr && busy->has_tasks());
    // Results end the sleep, messages do not: MPI has no way to wait that costs nothing.
    if (busy != nullptr) {
      busy->sleep(until);
    } else {
      std::this_thread::sleep_until(until);
    }
  }

  void keep_in_touch(Clock::time_point now) {
    if (now - sent_ >= heartbeat_) {
      transport_.send(0, make_message(Kind::heartbeat));
      sent_ = now;
    }
    // Who was stopped cannot say that others were silent.
    if (now - looked_ > silence_ / 4) heard_ = now;
    looked_ = now;
    if (now - heard_ > silence_ * patience_with_rank_0) {
      get_logger()->error("{}: nothing was heard of rank 0 for {} s: it ends", name_,
                          std::chrono::duration_cast<std::chrono::seconds>(now - heard_).count());
      ended_ = vanish_ = true;
      exit_code_ = 1;
    }
  }

  void received(int from, std::span<std::byte> message) override {
    if (from != 0) return;
    heard_ = Clock::now();
    try {
      take(message);
    } catch (const std::exception& error) {
      // Nothing is known of what comes next: better one node less than a wrong one.
      get_logger()->error("{} takes no part any more: {}", name_, error.what());
      send(make_message(Kind::refuse, Refuse{error.what()}));
      ended_ = true;
    }
  }

  void take(std::span<std::byte> message) {
    Reader in(message);
    const auto kind =
        static_cast<Kind>(in.read_below(static_cast<unsigned>(Kind::last) + 1, "kind"));
    switch (kind) {
      case Kind::welcome: {
        auto welcome = in.read<Welcome>();
        name_ = std::move(welcome.name);
        set_authkey(std::move(welcome.authkey));
        return;
      }
      case Kind::refuse:
        get_logger()->error("rank {} takes no part: {}", transport_.rank(),
                            in.read<Refuse>().reason);
        ended_ = true;
        return;
      case Kind::modules: return adopt(in.read<Modules>());
      case Kind::open: return open(in.read<Open>());
      case Kind::batch: return run_batch(in, message);
      case Kind::recall: {
        const auto recall = in.read<Recall>();
        const auto session = sessions_.find(recall.session);
        if (session == sessions_.end()) return;
        session->second.node->recall(recall.count);
        return_results(recall.session, session->second);
        send(make_message(Kind::recalled, Recalled{recall.session}));
        return;
      }
      case Kind::ask: {
        const auto ask = in.read<Ask>();
        const auto session = sessions_.find(ask.session);
        Answer answer{.session = ask.session, .number = ask.number};
        if (session != sessions_.end()) {
          answer = session->second.node->ask(ask);
          return_results(ask.session, session->second);  // what it found ended comes first
        }
        send(make_message(Kind::answer, answer));
        return;
      }
      case Kind::forget: {
        const auto forget = in.read<Forget>();
        const auto session = sessions_.find(forget.session);
        if (session == sessions_.end()) return;
        for (const std::uint64_t block : forget.blocks) session->second.node->forget(block);
        return;
      }
      case Kind::close: {
        const auto close = in.read<Close>();
        const auto session = sessions_.find(close.session);
        if (session != sessions_.end()) {
          if (close.kill) session->second.node->kill();
          sessions_.erase(session);
        }
        send(make_message(Kind::closed, Closed{close.session}));
        return;
      }
      case Kind::heartbeat: return;
      case Kind::stop:
        finalize_ = in.read<Stop>().finalize;
        ended_ = true;
        return;
      case Kind::fence:
        get_logger()->error(
            "{}: rank 0 heard nothing of it for too long and has given its tasks to others: it "
            "ends",
            name_);
        ended_ = vanish_ = true;
        return;
      default: throw TransferError("rank 0 sent what only an agent sends");
    }
  }

  void failed(int rank, const std::string& why) override {
    if (rank != 0) return;
    get_logger()->error("{}: rank 0 is gone: {}", name_, why);
    ended_ = vanish_ = true;
    exit_code_ = 1;
  }

  void adopt(const Modules& modules) {
    for (std::uint32_t i = 0; i < modules.names.size(); ++i)
      adopt_module(modules.first + i, modules.names[i]);
  }

  void open(Open&& open) {
    heartbeat_ = std::chrono::nanoseconds(open.heartbeat);
    silence_ = std::chrono::nanoseconds(open.silence);
    PoolPlan plan;
    plan.processes = open.workers;
    plan.initializer = std::move(open.initializer);
    plan.maxtasksperchild = open.maxtasksperchild;
    plan.start_method = open.start_method;
    plan.limits = std::move(open.limits);
    plan.name = std::move(open.name);
    plan.restarts = {open.restart_count, std::chrono::seconds(open.restart_period)};
    plan.trace = open.trace;
    try {
      auto& session = sessions_[open.session];
      session.node = std::make_unique<LocalNode>(std::move(plan), name_);
      send(make_message(Kind::opened, Opened{open.session, session.node->workers()}));
    } catch (const std::exception&) {
      sessions_.erase(open.session);
      send(make_message(Kind::broken,
                        Broken{open.session, write_error(std::current_exception(), name_)}));
    }
  }

  void run_batch(Reader& in, std::span<std::byte> message) {
    std::uint32_t id = 0, count = 0;
    in.read_plain(id);
    in.read_plain(count);
    const auto session = sessions_.find(id);
    for (; count != 0; --count) {
      TaskHead head;
      in.read_plain(head);
      std::string name;
      if (head.named) name = in.read<std::string>();
      const std::size_t place = in.position();
      in.take(head.length, "call");
      // Of a session that is closed nobody waits for a result.
      if (session != sessions_.end())
        session->second.node->run(head, std::move(name), message.subspan(place, head.length));
    }
  }

  void return_results(std::uint32_t id, Session& session) {
    MessagePtr message;
    std::uint32_t count = 0;
    constexpr std::size_t count_place = sizeof(FrameHead) + sizeof(Kind) + sizeof id;
    const auto finish = [&] {
      std::memcpy(const_cast<std::byte*>(message->bytes().data()) + count_place, &count,
                  sizeof count);
      send(std::move(message));
      count = 0;
    };
    session.node->take([&](const LocalResult& result) {
      if (!message) {
        message = make_message(Kind::results);
        message->write_plain(id);
        message->write_plain(count);
      }
      message->write_plain(ResultHead{result.ticket, result.bytes.size(), result.outcome});
      message->write_raw(result.bytes.data(), result.bytes.size());
      ++count;
      if (message->size() >= results_message_bytes) finish();
    });
    if (message) finish();
    if (!session.node->broken().empty() && !std::exchange(session.told_broken, true))
      send(make_message(Kind::broken, Broken{id, session.node->broken()}));
  }

  void send(MessagePtr message) {
    transport_.send(0, std::move(message));
    sent_ = Clock::now();
  }

  Transport& transport_;
  std::string name_ = "an agent";
  std::unordered_map<std::uint32_t, Session> sessions_;
  Backoff backoff_;
  Clock::duration heartbeat_ = std::chrono::milliseconds(250);
  Clock::duration silence_ = std::chrono::seconds(60);
  Clock::time_point heard_, sent_, looked_;
  bool ended_ = false;
  bool vanish_ = false;  // nobody waits for a word of farewell
  bool finalize_ = true;
  int exit_code_ = 0;
};

std::string allowed_processors() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Cpus_allowed_list:")) return line.substr(line.find(':') + 1);
  }
  return {};
}

}  // namespace

Hello introduce() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return {.protocol = protocol,
          .version = version,
          .build_id = main_build_id(),
          .host = host,
          .processors = allowed_processors(),
          .pid = ::getpid(),
          .cpus = cpu_count()};
}

int serve(Transport& transport) { return Agent(transport).run(); }

}  // namespace royong::inline v0::mpi
