// SPDX-License-Identifier: Apache-2.0
#include "royong/manager.hpp"

#include <unistd.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono::seconds
#include <utility>  // for std::move

#include "channel/ends.hpp"
#include "logging/log.hpp"
#include "manager/client_session.hpp"
#include "manager/protocol.hpp"
#include "manager/server.hpp"
#include "manager/server_state.hpp"
#include "manager/sessions.hpp"
#include "manager/targets.hpp"
#include "manager/types.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"

namespace royong::inline v0 {

using detail::CallHead;
using detail::OutgoingCall;
using detail::Reply;
using detail::Session;
using detail::StateRef;
using manager::ClientSession;
using manager::Verb;

namespace {

std::string next_name() {
  static std::atomic<int> last{0};
  return "Manager-" + std::to_string(++last);
}

std::uint32_t number(Verb verb) noexcept { return static_cast<std::uint32_t>(verb); }

}  // namespace

struct Manager::Impl {
  /// A manager of this program.
  explicit Impl(manager::ServerPlan plan) {
    auto [mine, theirs] = Pipe();
    process.emplace(ProcessOptions{.name = next_name(), .daemon = true}, &manager::serve_main,
                    std::move(plan), theirs);
    process->start();
    theirs.close();
    session = StateRef<ClientSession>(new ClientSession(std::move(mine)));
    Reply reply;
    session->greet(&reply);
    detail::Reader reader(reply.bytes());
    auto welcome = reader.read<manager::Welcome>();
    address = std::move(welcome.address);
    session->set_server(std::move(welcome.server));
    manager::enter_session(*session);
  }

  /// Another program's.
  explicit Impl(const ConnectOptions& options)
      : session(new ClientSession(ConnectionAccess::connect(options.address, options.authkey,
                                                            options.tls, options.timeout),
                                  options.address, options.timeout)),
        address(options.address) {}

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { end(); }

  void require_usable() const {
    if (maker != ::getpid()) {
      throw UsageError("a manager is used only by the process that made it: pass proxies");
    }
    if (ended) throw UsageError("the manager was shut down");
  }

  void end() noexcept {
    if (ended || maker != ::getpid()) return;
    ended = true;
    if (!process) return session->close();
    try {
      // Who has heard it saves, and answers what is owed: that takes what it takes.
      for (bool heard = ask_for_the_end(); heard && session->is_usable() && !is_done();) {
        session->receive_rest(Timeout(patience).deadline());
      }
    } catch (const std::exception&) {
      // It is gone, or will be.
    }
    try {
      if (!process->join(patience)) {
        detail::warn("{} does not end: it gets SIGTERM", process->name());
        process->terminate();
      }
      if (!process->join(patience)) process->kill();
      process->join();
      session->receive_rest(Timeout(patience).deadline());
    } catch (const std::exception& error) {
      detail::warn("cannot end {}: {}", process->name(), error.what());
    }
    session->close();
  }

  /// @return whether the server has heard it
  bool ask_for_the_end() const {
    session->add_reference();
    OutgoingCall call(StateRef<Session>(session.get()), number(Verb::shutdown));
    StateRef<detail::TaskState> answer(new detail::CallState<void>);
    call.start(*answer);
    const auto& server = session->server();
    while (!answer->wait(patience)) {
      if (!server || manager::server_state(server.record()).saves.load() == 0) return false;
    }
    return true;
  }

  bool is_done() const {
    const auto& server = session->server();
    return !server || manager::server_state(server.record()).is_done.load() != 0;
  }

  static constexpr std::chrono::seconds patience{1};

  const pid_t maker = ::getpid();
  std::optional<Process> process;
  StateRef<ClientSession> session;
  std::string address;
  bool ended = false;
};

Manager::Manager() : impl_(std::make_unique<Impl>(manager::ServerPlan{})) {}
Manager::Manager(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Manager::Manager(Manager&& other) noexcept = default;
Manager& Manager::operator=(Manager&& other) noexcept = default;
Manager::~Manager() = default;

Manager Manager::serve(ServeOptions options) {
  return Manager(
      std::make_unique<Impl>(manager::ServerPlan{.listens = true, .options = std::move(options)}));
}

Manager Manager::connect(ConnectOptions options) {
  return Manager(std::make_unique<Impl>(options));
}

Manager::Impl& Manager::impl() const {
  if (!impl_) throw UsageError("the manager was moved from");
  return *impl_;
}

const std::string& Manager::address() const { return impl().address; }

StateRef<Session> Manager::session() const {
  impl().require_usable();
  impl_->session->add_reference();
  return StateRef<Session>(impl_->session.get());
}

void Manager::publish_target(std::string_view name, const detail::TargetRef& target) const {
  OutgoingCall call(session(), number(Verb::publish));
  const auto* local = dynamic_cast<const manager::LocalTarget*>(target.get());
  if (call.session().foreign() == nullptr &&
      (local == nullptr || local->server().name() != impl_->session->server().name())) {
    throw UsageError("cannot publish an object of another manager");
  }
  call.writer()(std::string(name), target->id());
  Reply reply;
  call.perform(reply);
}

// What a server makes for clients of other programs is what its program makes itself: whoever links Manager has these kinds.

Namespace Manager::ns() const { return make_proxy<Namespace>(); }
ManagerLock Manager::lock() const { return make_proxy<ManagerLock>(); }
ManagerRLock Manager::rlock() const { return make_proxy<ManagerRLock>(); }
ManagerEvent Manager::event() const { return make_proxy<ManagerEvent>(); }
ManagerSemaphore Manager::semaphore(int value, SemaphoreOptions options) const {
  return make_proxy<ManagerSemaphore>(value, options);
}
ManagerBoundedSemaphore Manager::bounded_semaphore(int value) const {
  return make_proxy<ManagerBoundedSemaphore>(value);
}
ManagerCondition Manager::condition() const { return make_proxy<ManagerCondition>(); }
ManagerCondition Manager::condition(const ManagerLock& lock) const {
  return make_proxy<ManagerCondition>(lock);
}
ManagerCondition Manager::condition(const ManagerRLock& lock) const {
  return make_proxy<ManagerCondition>(lock);
}
ManagerPool Manager::pool(int processes) const { return make_proxy<ManagerPool>(processes); }
ManagerBarrier Manager::barrier(int parties, const BarrierAction& action, Timeout timeout) const {
  if (action.call().empty()) return make_proxy<ManagerBarrier>(parties, timeout);
  return make_proxy<ManagerBarrier>(parties, detail::PackedBytes(action.call(), action.kept()),
                                    timeout);
}

bool Manager::unpublish(std::string_view name) const {
  OutgoingCall call(session(), number(Verb::unpublish));
  call.writer()(std::string(name));
  Reply reply;
  call.perform(reply);
  return reply.read<bool>();
}

std::vector<std::string> Manager::names() const {
  OutgoingCall call(session(), number(Verb::names));
  Reply reply;
  call.perform(reply);
  return reply.read<std::vector<std::string>>();
}

void Manager::snapshot() const {
  OutgoingCall call(session(), number(Verb::snapshot));
  Reply reply;
  call.perform(reply);
}

void Manager::shutdown() {
  if (impl().maker != ::getpid()) impl().require_usable();
  impl_->end();
}

}  // namespace royong::inline v0
