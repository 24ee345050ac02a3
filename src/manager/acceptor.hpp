// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Acceptor: lets clients of other programs in, on a thread of its own.
 *
 *  A handshake costs milliseconds of cryptography, and a client may take seconds over it. So a flood of clients, or of garbage, takes its time from this thread and not from the
 *  server's loop, which only hears of those who have proved themselves.
 */
#pragma once

#include <deque>   // for std::deque
#include <memory>  // for std::unique_ptr
#include <mutex>   // for std::mutex
#include <string>  // for std::string
#include <thread>  // for std::thread

#include "channel/stream.hpp"
#include "os/poll.hpp"
#include "royong/connection.hpp"
#include "royong/detail/manager/serve_options.hpp"

namespace royong::inline v0::manager {

class Acceptor {
 public:
  /// @throws as Listener
  explicit Acceptor(const ServeOptions& options);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  const std::string& address() const noexcept { return listener_.address(); }
  /// Readable when somebody has come.
  int fd() const noexcept { return arrived_.fd(); }
  /// Who has come, or nobody.
  std::unique_ptr<channel::Stream> take();

 private:
  void run();

  Listener listener_;
  os::EventFd arrived_;
  std::mutex mutex_;  ///< guards what follows
  std::deque<std::unique_ptr<channel::Stream>> clients_;
  std::thread thread_;
};

}  // namespace royong::inline v0::manager
