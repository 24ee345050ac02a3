// SPDX-License-Identifier: Apache-2.0
#include "channel/socket_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>      // for errno
#include <chrono>      // for std::chrono::milliseconds
#include <filesystem>  // for std::filesystem::absolute
#include <thread>      // for std::this_thread::sleep_for

#include "channel/address.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "sync/kept_files.hpp"

namespace royong::inline v0::channel {
namespace {

/** One listener of a folder at a time decides whether a file is stale: between bind and listen a live one looks dead.
 *
 *  Leaves nothing behind. Best effort, for the lock is anybody's: whoever holds it for long only makes the decision less sure.
 */
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder)
      : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    constexpr int tries = 200;
    for (int i = 0; folder_ && i < tries; ++i) {
      if (::flock(folder_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  os::Fd folder_;  // closing it unlocks
};

bool is_socket(const char* path) noexcept {
  struct stat status{};
  return ::lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

void SocketFile::remove() noexcept {
  if (path_.empty()) return;
  const int error = os::unlink_file(path_, file_);
  if (error != 0 && error != ENOENT) {
    errno = error;
    os::report_errno("cannot remove", path_);
  }
  sync::forget_file(file_);
  path_.clear();
}

os::Fd SocketFile::listen(const std::string& path, int backlog, SocketFile& file) {
  auto absolute = std::filesystem::absolute(path);
  const auto address = resolve(path, true).front();
  if (absolute.native().size() > sync::longest_kept_path) {
    os::throw_error(ENAMETOOLONG, "cannot listen at", absolute.native());
  }
  const FolderLock lock(absolute.parent_path());
  if (is_socket(path.c_str()) && !os::is_listening(address)) ::unlink(path.c_str());
  os::Fd socket = os::listen_at(address, backlog, path);
  const auto made = os::identity_at(absolute);
  if (!made) return socket;  // somebody was faster: it is not ours any more
  file.path_ = std::move(absolute);
  file.file_ = *made;
  try {
    // A death before this line leaves a stale file: the next one replaces it.
    sync::keep_file(file.path_, file.file_, sync::KeptUntil::creator_ends);
  } catch (...) {
    file.remove();
    throw;
  }
  return socket;
}

}  // namespace royong::inline v0::channel
