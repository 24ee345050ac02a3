// SPDX-License-Identifier: Apache-2.0
#include "sync/kept_files.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>     // for std::ranges::copy
#include <array>         // for std::array
#include <atomic>        // for std::atomic
#include <exception>     // for std::exception
#include <mutex>         // for std::try_to_lock
#include <string>        // for std::string
#include <system_error>  // for std::system_error

#include "memory/arena.hpp"
#include "memory/robust_mutex.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "os/process.hpp"
#include "os/syscalls.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::sync {
namespace {

struct Entry {
  std::atomic<std::uint64_t> inode;  ///< commit word: 0 = free
  std::uint64_t device;
  std::uint64_t birth;
  memory::Owner creator;
  KeptUntil until;
  std::array<char, longest_kept_path + 1> path;  ///< ends with a zero

  os::FileIdentity file() const noexcept { return {device, inode.load(), birth}; }
};

constexpr std::size_t most = 1024;

/// Zero-filled is empty.
struct Table {
  pthread_mutex_t lock;          ///< robust: the entries
  pthread_mutex_t start_lock;    ///< robust: one keeper is started at a time
  pthread_mutex_t keeper_token;  ///< robust: held by the keeper for its life
  std::atomic<pid_t> keeper;     ///< of whom, while the token is held
  std::array<Entry, most> entries;

  bool is_empty() const noexcept {
    return std::ranges::all_of(entries, [](const Entry& entry) { return entry.inode == 0; });
  }
};

Table& table() {
  const auto bytes = memory::region(memory::Region::kept_files);
  static_assert(sizeof(Table) <= std::size_t{320} << 10);
  return *reinterpret_cast<Table*>(bytes.data());
}

void (*start_keeper)() = nullptr;

/// Ignored by who does not expect it: should the keeper have ended this instant, and its pid be another's, nothing happens.
constexpr int wake_signal = SIGURG;

void wake_keeper(const Table& files) noexcept {
  if (const pid_t keeper = files.keeper.load(); keeper > 0) os::sys().kill(keeper, wake_signal);
}

void ensure_keeper(Table& files) {
  const memory::RobustGuard starting(files.start_lock);
  {
    const memory::RobustGuard token(files.keeper_token, std::try_to_lock);
    if (!token.owns()) return;  // it lives; it cannot end before it has seen our entry
  }
  start_keeper();
}

void drop(Entry& entry) noexcept { entry.inode.store(0); }

bool has_its_name(const Entry& entry) noexcept {
  const auto present = os::identity_at(entry.path.data());
  return present && present->matches(entry.file());
}

/// The table is locked. A death in between leaves an entry whose file has no name.
void remove(Entry& entry) noexcept {
  const int error = os::unlink_file(entry.path.data(), entry.file());
  if (error != 0 && error != ENOENT) {
    errno = error;
    os::report_errno("cannot remove", entry.path.data());
  }
  drop(entry);
}

/// Removes what should end with a dead creator; drops what has no name, of a creator that died before its file had one, or before it dropped the entry.
void sweep_files(memory::Owner dead) noexcept {
  try {
    Table& files = table();
    const memory::RobustGuard guard(files.lock);
    bool changed = false;
    for (Entry& entry : files.entries) {
      // Of a creator that lives: the name may be on its way.
      if (entry.inode == 0 || (entry.creator != dead && memory::is_alive(entry.creator))) continue;
      if (entry.until == KeptUntil::family_ends && has_its_name(entry)) continue;
      remove(entry);
      changed = true;
    }
    if (changed && files.is_empty()) wake_keeper(files);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot sweep files: ") + error.what());
  }
}

[[maybe_unused]] const bool hooked = [] {
  memory::add_sweep_hook(&sweep_files);
  return true;
}();

/// Returns when the member has ended, or the table has changed, or (where the system gives no descriptor of a process) soon.
void wait_for_end_of(memory::Owner member) {
  const auto pid = static_cast<pid_t>(memory::slot(member).pid.load());
  os::Fd end;
  try {
    end = os::pidfd_open(pid);
  } catch (const std::system_error&) {  // refused, or gone: the token tells
  }
  // Looked at after the descriptor was opened: it is this member's, and not of another process with its pid.
  if (!memory::is_alive(member)) return;
  sigset_t all_but_wake;
  ::sigfillset(&all_but_wake);
  ::sigdelset(&all_but_wake, wake_signal);
  constexpr timespec soon{0, 50'000'000};
  pollfd event{end.get(), POLLIN, 0};
  os::sys().ppoll(&event, 1, end ? nullptr : &soon, &all_but_wake);
}

}  // namespace

void prepare_kept_files() {
  Table& files = table();
  memory::init_robust(files.lock);
  memory::init_robust(files.start_lock);
  memory::init_robust(files.keeper_token);
}

void set_keeper_starter(void (*start)()) { start_keeper = start; }

void keep_file(const std::string& path, const os::FileIdentity& file, KeptUntil until) {
  Table& files = table();
  if (!memory::self()) {
    throw UsageError("this process is no member of the family: it cannot create " + path);
  }
  {
    const memory::RobustGuard guard(files.lock);
    Entry* const free =
        std::ranges::find_if(files.entries, [](const Entry& entry) { return entry.inode == 0; });
    if (free == files.entries.end()) {
      throw ArenaFull("no more than " + std::to_string(most) +
                      " files, of shared memory or of listeners, can belong to one program");
    }
    free->creator = memory::self();
    free->until = until;
    free->device = file.device;
    free->birth = file.birth;
    free->path.fill('\0');
    std::ranges::copy(path.substr(0, longest_kept_path), free->path.begin());
    free->inode.store(file.inode);
  }
  try {
    ensure_keeper(files);
  } catch (...) {
    forget_file(file);
    throw;
  }
}

void forget_file(const os::FileIdentity& file) noexcept {
  if (!memory::has_arena()) return;
  try {
    Table& files = table();
    const memory::RobustGuard guard(files.lock);
    for (Entry& entry : files.entries) {
      if (entry.inode != 0 && entry.file().matches(file)) drop(entry);
    }
    if (files.is_empty()) wake_keeper(files);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot forget a file: ") + error.what());
  }
}

void remove_files_at_exit() noexcept {
  if (!memory::has_arena() || !memory::self()) return;
  try {
    const bool alone = !memory::find_alive(memory::self());
    Table& files = table();
    const memory::RobustGuard guard(files.lock);
    for (Entry& entry : files.entries) {
      if (entry.inode == 0) continue;
      if (alone || (entry.until == KeptUntil::creator_ends && entry.creator == memory::self())) {
        remove(entry);
      }
    }
    if (files.is_empty()) wake_keeper(files);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot remove the program's files: ") + error.what());
  }
}

bool become_keeper() {
  Table& files = table();
  const int error = ::pthread_mutex_trylock(&files.keeper_token);
  if (error == EBUSY) return false;
  if (error == EOWNERDEAD) {
    ::pthread_mutex_consistent(&files.keeper_token);
  } else if (error != 0) {
    os::throw_error(error, "cannot lock", "the keeper's token");
  }
  files.keeper = ::getpid();
  // A handler, for a signal that is ignored does not end a wait.
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(wake_signal, &action, nullptr);
  return true;
}

void keep_files() {
  Table& files = table();
  for (;;) {
    const memory::Owner member = memory::find_alive();
    {
      const memory::RobustGuard guard(files.lock);
      for (Entry& entry : files.entries) {
        if (!member && entry.inode != 0) remove(entry);
      }
      // The token goes under the same lock under which the table was seen empty: who enters a file later starts another keeper.
      if (files.is_empty()) {
        files.keeper = 0;
        ::pthread_mutex_unlock(&files.keeper_token);
        return;
      }
    }
    wait_for_end_of(member);
  }
}

}  // namespace royong::inline v0::sync
