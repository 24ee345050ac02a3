// SPDX-License-Identifier: Apache-2.0
#include "mpi/cluster.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>     // for std::max, std::min
#include <system_error>  // for std::system_error
#include <utility>       // for std::exchange

#include "mpi/agent.hpp"
#include "mpi/session.hpp"
#include "os/quiet_thread.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"
#include "royong/process.hpp"
#include "royong/version.hpp"

namespace royong::inline v0::mpi {
namespace {

using namespace royong::detail;

constexpr std::chrono::milliseconds clock_period{2};
constexpr std::chrono::milliseconds idle_period{20};
constexpr std::uint32_t submissions_per_look = 32;

// A user's thread that has looked lately will look again soon.
constexpr std::chrono::milliseconds patience_with_users{1};

/// Never destroyed: futures may be dropped at the very end.
Cluster* the_cluster = nullptr;

/// This process is a copy, by fork, of the one with the cluster. Asked with every task, where getpid would be a system call.
std::atomic<bool> is_copy{false};

}  // namespace

bool Cluster::exists() noexcept { return the_cluster != nullptr; }

bool Cluster::is_home() noexcept { return !is_copy.load(std::memory_order_relaxed); }

Cluster& Cluster::instance() {
  if (the_cluster == nullptr || !is_home())
    throw UsageError(
        "there is no cluster in this process: call royong::mpi::init after royong::init, at the "
        "beginning of main");
  return *the_cluster;
}

void Cluster::create(std::unique_ptr<Transport> transport) {
  const int error = ::pthread_atfork(nullptr, nullptr, [] { is_copy.store(true); });
  if (error != 0)
    throw std::system_error(error, std::generic_category(), "cannot register fork handlers");
  the_cluster = new Cluster(std::move(transport));
  the_cluster->driver_ = os::start_quiet_thread([] { the_cluster->drive(); });
}

Cluster::Cluster(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {
  ranks_.resize(transport_ ? static_cast<std::size_t>(transport_->size()) : 1);
  Rank& own = ranks_[0];
  own.here = true;
  own.hello = introduce();
  own.name = "rank 0 on " + own.hello.host;
  count_the_silent();
}

std::uint32_t Cluster::add_session(Session& session) {
  session.add_reference();
  sessions_[next_session_] = &session;
  return next_session_++;
}

void Cluster::remove_session(std::uint32_t id) { sessions_.erase(id); }

void Cluster::use_times(std::chrono::nanoseconds heartbeat, std::chrono::nanoseconds node_timeout) {
  heartbeat_ = heartbeat;
  node_timeout_ = node_timeout;
}

void Cluster::send(NodeId to, MessagePtr message) {
  Rank& rank = ranks_[to];
  if (rank.gone) return;
  rank.sent = Clock::now();
  transport_->send(static_cast<int>(to), std::move(message));
}

void Cluster::send_modules(NodeId to) {
  Rank& rank = ranks_[to];
  if (!module_name(rank.modules)) return;  // nothing new: one look at a word of the arena
  Modules modules{.first = rank.modules, .names = {}};
  while (auto name = module_name(rank.modules)) {
    modules.names.push_back(*std::move(name));
    ++rank.modules;
  }
  send(to, make_message(Kind::modules, modules));
}

int Cluster::default_workers(NodeId node) const {
  const Hello& hello = ranks_[node].hello;
  int sharing = 0;
  for (const Rank& rank : ranks_) {
    if (rank.here && rank.hello.host == hello.host && rank.hello.processors == hello.processors)
      ++sharing;
  }
  return std::max(hello.cpus / std::max(sharing, 1), 1);
}

void Cluster::count_the_silent() noexcept {
  bool here = true;
  bool left = true;
  for (const Rank& rank : ranks_) {
    here &= rank.here || rank.gone;
    left &= !rank.here || rank.gone || rank.said_bye || &rank == ranks_.data();
  }
  if (here) all_here_.store(1, std::memory_order_release);
  if (ending_ && left) all_left_.store(1, std::memory_order_release);
}

void Cluster::ask_driver() noexcept {
  if (driver_idles_) driver_wake_.notify_one();
}

bool Cluster::wait(const std::atomic<std::uint32_t>& flag, LocalNode* sleep_in,
                   Clock::time_point deadline) {
  const auto is_set = [&] { return flag.load(std::memory_order_acquire) != 0; };
  Backoff backoff;
  backoff.reset(Clock::now());
  Lock lock(mutex_);
  ++waiters_;
  for (;;) {
    const bool any = step(1);
    if (is_set()) break;
    const auto now = Clock::now();
    if (now >= deadline) break;
    lock.unlock();
    if (any) {
      backoff.reset(now);
    } else if (backoff.spins(now)) {
      backoff.pass();
    } else {
      const auto until = std::min(deadline, now + backoff.sleep_time(true));
      if (sleep_in != nullptr) {
        sleep_in->sleep(until);
      } else {
        std::this_thread::sleep_until(until);
      }
    }
    lock.lock();
  }
  --waiters_;
  return is_set();
}

void Cluster::look_sometimes() {
  user_looked_ = true;
  if (++submissions_ % submissions_per_look == 0) step(0);
}

bool Cluster::step(int own) {
  bool any = transport_ != nullptr && transport_->poll(*this);
  for (auto& [id, session] : sessions_) any |= session->step();
  const auto now = Clock::now();
  if (now - looked_ >= clock_period) look_at_the_clock(now);
  handle_losses();
  if (std::exchange(ended_, false) && waiters_ > own) {
    for (auto& [id, session] : sessions_) {
      if (session->local() != nullptr) session->local()->wake();
    }
  }
  return any;
}

void Cluster::look_at_the_clock(Clock::time_point now) {
  // Who did not look for long cannot say that others were silent.
  const bool looked_away = now - looked_ > node_timeout_ / 4;
  looked_ = now;
  for (NodeId node = 1; node < size(); ++node) {
    Rank& rank = ranks_[node];
    if (!rank.here || rank.gone) continue;
    if (looked_away) rank.heard = now;
    if (now - rank.heard > node_timeout_) {
      lose(node, "");
    } else if (now - rank.sent >= heartbeat_) {
      send(node, make_message(Kind::heartbeat));
    }
  }
  for (auto& [id, session] : sessions_) session->tick(now_ns());
}

void Cluster::lose(NodeId node, std::string reason, bool orderly) {
  if (ranks_[node].gone) return;
  if (reason.empty()) {
    const std::chrono::duration<double> time = node_timeout_;
    reason = fmt::format("nothing was heard of it for {:g} s", time.count());
  }
  if (ranks_[node].reason.empty()) ranks_[node].reason = reason;
  losing_.push_back({node, orderly});
}

/// Apart from where a loss is found: that may be in the middle of a scheduler's work.
void Cluster::handle_losses() {
  while (!losing_.empty()) {
    const auto [node, orderly] = losing_.back();
    losing_.pop_back();
    Rank& rank = ranks_[node];
    if (rank.gone) continue;
    rank.gone = true;
    rank.lost = !orderly;
    any_lost_ |= rank.lost;
    transport_->give_up(static_cast<int>(node));
    get_logger()->warn("{} is lost: {}",
                       rank.name.empty() ? "rank " + std::to_string(node) : rank.name, rank.reason);
    for (auto& [id, session] : sessions_) session->lose(node);
    count_the_silent();
  }
}

void Cluster::failed(int rank, const std::string& why) { lose(static_cast<NodeId>(rank), why); }

void Cluster::received(int from, std::span<std::byte> message) {
  const auto node = static_cast<NodeId>(from);
  Rank& rank = ranks_[node];
  if (rank.gone) {
    if (!std::exchange(rank.lost, false)) return;
    // It was late, not dead. Its tasks are others' now.
    transport_->take_up(from);
    transport_->send(from, make_message(Kind::fence));
    return;
  }
  rank.heard = Clock::now();
  for (auto& [id, session] : sessions_) session->heard(node, now_ns());
  try {
    Reader in(message);
    const auto kind =
        static_cast<Kind>(in.read_below(static_cast<unsigned>(Kind::last) + 1, "kind"));
    const auto session_of = [this](std::uint32_t id) -> Session* {
      const auto place = sessions_.find(id);
      return place == sessions_.end() ? nullptr : place->second;
    };
    switch (kind) {
      case Kind::hello: return welcome(node, in.read<Hello>());
      case Kind::opened: {
        const auto opened = in.read<Opened>();
        if (Session* session = session_of(opened.session)) session->opened(node, opened);
        return;
      }
      case Kind::broken: {
        const auto broken = in.read<Broken>();
        if (Session* session = session_of(broken.session)) session->broken(node, broken);
        return;
      }
      case Kind::results: {
        std::uint32_t id = 0;
        in.read_plain(id);
        if (Session* session = session_of(id)) session->results(node, in);
        return;
      }
      case Kind::recalled: {
        const auto recalled = in.read<Recalled>();
        if (Session* session = session_of(recalled.session)) session->recalled(node);
        return;
      }
      case Kind::answer: {
        const auto answer = in.read<Answer>();
        if (Session* session = session_of(answer.session)) session->answer(answer);
        return;
      }
      case Kind::closed: {
        const auto closed = in.read<Closed>();
        if (Session* session = session_of(closed.session)) session->closed(node);
        return;
      }
      case Kind::heartbeat: return;
      case Kind::refuse: {
        const auto refuse = in.read<Refuse>();
        return lose(node, refuse.reason, true);
      }
      case Kind::bye:
        rank.said_bye = true;
        // It receives nothing any more: what is on its way to it would never have left.
        transport_->give_up(static_cast<int>(node));
        return count_the_silent();
      default: throw TransferError("it sent what only rank 0 sends");
    }
  } catch (const std::exception& error) {
    lose(node, std::string("what it sent makes no sense: ") + error.what());
  }
}

void Cluster::welcome(NodeId node, Hello hello) {
  Rank& rank = ranks_[node];
  const Hello& own = ranks_[0].hello;
  rank.name = "rank " + std::to_string(node) + " on " + hello.host;
  rank.hello = std::move(hello);
  if (rank.hello.protocol != own.protocol || rank.hello.version != own.version)
    return refuse(node, fmt::format("its royong is of version {}, and rank 0's of version {}",
                                    rank.hello.version, own.version));
  if (rank.hello.build_id != own.build_id)
    return refuse(node, fmt::format("it runs another executable: build-id {}, and rank 0's is {}",
                                    rank.hello.build_id, own.build_id));
  rank.here = true;
  send(node, make_message(Kind::welcome, Welcome{rank.name, authkey()}));
  for (auto& [id, session] : sessions_) session->rank_is_here(node);
  count_the_silent();
}

void Cluster::refuse(NodeId node, const std::string& reason) {
  Rank& rank = ranks_[node];
  get_logger()->error("{} takes no part: {}", rank.name, reason);
  send(node, make_message(Kind::refuse, Refuse{reason}));
  rank.gone = true;  // it ends MPI as it should: it is not lost
  rank.reason = reason;
  count_the_silent();
}

void Cluster::drive() {
  Backoff backoff;
  Lock lock(mutex_);
  while (!stop_) {
    if (waiters_ != 0 || std::exchange(user_looked_, false)) {
      driver_wake_.wait_for(lock, patience_with_users);
      continue;
    }
    const bool any = step(0);
    const auto now = Clock::now();
    Session* busy = nullptr;
    for (auto& [id, session] : sessions_) {
      if (session->has_live_tasks()) busy = session;
    }
    if (any) {
      backoff.reset(now);
      lock.unlock();  // for whoever wants it
      lock.lock();
    } else if (busy == nullptr || busy->local() == nullptr) {
      driver_idles_ = true;
      driver_wake_.wait_for(lock, idle_period);
      driver_idles_ = false;
    } else {
      busy->add_reference();
      lock.unlock();
      {
        const StateRef<Session> keep(busy);
        busy->sleep_in_local(now + backoff.sleep_time(true));
      }
      lock.lock();
    }
  }
}

void Cluster::end() noexcept {
  if (!is_home()) return;
  try {
    for (;;) {
      StateRef<Session> session;
      {
        Lock lock(mutex_);
        if (sessions_.empty()) break;
        session = StateRef<Session>(sessions_.begin()->second);
        session->add_reference();
      }
      session->terminate();
      session->join(forever);
    }
    if (transport_) {
      wait(all_here_, nullptr,
           Clock::now() + node_timeout_);  // who has just come must be told as well
      {
        Lock lock(mutex_);
        ending_ = true;
        for (NodeId node = 1; node < size(); ++node) {
          if (ranks_[node].here) send(node, make_message(Kind::stop, Stop{!any_lost_}));
        }
        count_the_silent();
      }
      // Each says good-bye, or is lost because it does not.
      wait(all_left_, nullptr, Clock::time_point::max());
    }
    {
      Lock lock(mutex_);
      stop_ = true;
      driver_wake_.notify_one();
    }
    driver_.join();
    if (transport_) {
      while (!transport_->is_flushed()) transport_->poll(*this);
      if (!any_lost_) transport_->finalize();
    }
  } catch (const std::exception& error) {
    get_logger()->error("cannot end the cluster: {}", error.what());
  }
}

}  // namespace royong::inline v0::mpi
