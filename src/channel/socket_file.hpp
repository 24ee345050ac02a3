// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief SocketFile: the file of a listening unix socket, and that it goes with its process.
 */
#pragma once

#include <string>  // for std::string

#include "os/stream_socket.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::channel {

/** @brief The file, and an object of the arena that holds its path: when the last holder has let go of the object, the file is removed.
 *
 *  That holder is this process alone; if it is killed, its parent's sweep destroys the object. Where nobody sweeps (the whole program was killed) the file
 *  stays, refuses every connection, and is replaced by whoever listens there next. The file is removed only while it is the one that was made: device and inode are compared.
 */
class SocketFile {
 public:
  SocketFile() = default;

  /** @brief Listens at a path. A socket there whose listener is dead is replaced.
   *  @throws std::system_error EADDRINUSE: it is alive, or it is no socket
   */
  static os::Fd listen(const std::string& path, int backlog, SocketFile& file);

  /// Now, whoever else may hold the object after a fork.
  void remove() noexcept;

 private:
  detail::ObjectRef object_;
};

}  // namespace royong::inline v0::channel
