// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief SocketFile: the file of a listening unix socket, and that it goes with its process.
 */
#pragma once

#include <string>  // for std::string

#include "os/file_identity.hpp"
#include "os/stream_socket.hpp"

namespace royong::inline v0::channel {

/** @brief The file, entered among those that end with this process: see sync/kept_files.hpp for who removes it after which death.
 *
 *  One that is left over all the same refuses every connection, and is replaced by whoever listens there next.
 */
class SocketFile {
 public:
  SocketFile() = default;

  /** @brief Listens at a path. A socket there whose listener is dead is replaced.
   *  @throws std::system_error EADDRINUSE: it is alive, or it is no socket; no keeper can be started
   *  @throws ArenaFull too many files
   */
  static os::Fd listen(const std::string& path, int backlog, SocketFile& file);

  /// If the name is still this file's. Only by the process that listens; repeatable.
  void remove() noexcept;

 private:
  std::string path_;  ///< absolute; empty: none
  os::FileIdentity file_;
};

}  // namespace royong::inline v0::channel
