// SPDX-License-Identifier: Apache-2.0
#include "channel/socket_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>      // for errno
#include <chrono>      // for std::chrono::milliseconds
#include <cstring>     // for std::memcpy
#include <filesystem>  // for std::filesystem::absolute
#include <thread>      // for std::this_thread::sleep_for

#include "channel/address.hpp"
#include "memory/objects.hpp"
#include "os/error.hpp"
#include "os/syscalls.hpp"
#include "sync/state.hpp"

namespace royong::inline v0::channel {
namespace {

/// In the object. A path that a socket can have fits.
struct FileState {
  std::uint64_t device;
  std::uint64_t inode;
  char path[232];
};

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

bool is_socket(const char* path, struct stat& status) noexcept {
  return ::lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

// Under the directory's lock; twice is harmless: the second time the file is gone, or another's.
void destroy(detail::ObjectRecord& record) noexcept {
  const auto& file = sync::state_of<FileState>(record);
  struct stat status{};
  if (file.path[0] != '\0' && is_socket(file.path, status) && status.st_dev == file.device &&
      status.st_ino == file.inode) {
    ::unlink(file.path);
  }
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::listener, {.destroy = &destroy});
  return true;
}();

}  // namespace

void SocketFile::remove() noexcept {
  if (object_) destroy(object_.record());
  object_ = detail::ObjectRef();
}

os::Fd SocketFile::listen(const std::string& path, int backlog, SocketFile& file) {
  const auto absolute = std::filesystem::absolute(path);
  const auto address = resolve(path, true).front();
  file.object_ = detail::ObjectRef::create(detail::ObjectKind::listener);
  auto& state = sync::state_of<FileState>(file.object_.record());
  const FolderLock lock(absolute.parent_path());
  struct stat status{};
  if (is_socket(path.c_str(), status) && !os::is_listening(address)) ::unlink(path.c_str());
  os::Fd socket = os::listen_at(address, backlog, path);
  // A death before this line leaves a stale file: the next one replaces it.
  if (is_socket(path.c_str(), status) && absolute.native().size() < sizeof state.path) {
    state.device = status.st_dev;
    state.inode = status.st_ino;
    std::memcpy(state.path, absolute.c_str(), absolute.native().size());
  }
  return socket;
}

}  // namespace royong::inline v0::channel
