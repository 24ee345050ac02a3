// SPDX-License-Identifier: Apache-2.0
#include "manager/acceptor.hpp"

#include <system_error>  // for std::system_error
#include <utility>       // for std::move

#include "channel/ends.hpp"
#include "logging/log.hpp"
#include "os/quiet_thread.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

Acceptor::Acceptor(const ServeOptions& options)
    : listener_({.address = options.address,
                 .authkey = options.authkey,
                 .backlog = options.backlog,
                 .tls = options.tls}),
      thread_(os::start_quiet_thread([this] { run(); })) {}

Acceptor::~Acceptor() {
  listener_.close();
  thread_.join();
}

std::unique_ptr<channel::Stream> Acceptor::take() {
  const std::lock_guard lock(mutex_);
  arrived_.drain();
  if (clients_.empty()) return nullptr;
  auto client = std::move(clients_.front());
  clients_.pop_front();
  if (!clients_.empty()) arrived_.signal();
  return client;
}

void Acceptor::run() {
  for (;;) {
    try {
      auto client = ConnectionAccess::accept(listener_, forever);
      const std::lock_guard lock(mutex_);
      clients_.push_back(std::move(client));
      arrived_.signal();
    } catch (const UsageError&) {
      return;  // closed
    } catch (const std::system_error& error) {
      // No descriptors, no memory: it may be better soon. Nobody tells when.
      detail::warn("the manager cannot accept a client: {}", error.what());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    } catch (const std::exception& error) {
      detail::warn("a client was not let in at {}: {}", listener_.address(), error.what());
    }
  }
}

}  // namespace royong::inline v0::manager
