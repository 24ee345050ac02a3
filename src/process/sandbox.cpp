// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#ifdef ROYONG_HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "os/error.hpp"
#include "os/fd.hpp"
#include "process/limits.hpp"

namespace royong::inline v0::detail {
namespace {

constexpr std::uint64_t write_to_file = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t move_between_folders = 1u << 13;  // LANDLOCK_ACCESS_FS_REFER
constexpr std::uint64_t truncate_file = 1u << 14;         // LANDLOCK_ACCESS_FS_TRUNCATE

// Everything that changes a file system in the first version of landlock (kernel 5.13).
constexpr std::uint64_t change_v1 = write_to_file | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

int landlock_version() noexcept {
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

/// What this kernel can refuse: asking for more is EINVAL.
std::uint64_t refusable() noexcept {
  const int version = landlock_version();
  return change_v1 | (version >= 2 ? move_between_folders : 0) | (version >= 3 ? truncate_file : 0);
}

void drop_privileges_on_exec() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    os::throw_errno("cannot give up", "new privileges");
}

void allow_changes_below(int ruleset, std::uint64_t refused, const std::filesystem::path& path) {
  const os::Fd parent(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!parent) os::throw_errno("cannot open", path.string());
  struct stat status{};
  if (::fstat(parent.get(), &status) != 0) os::throw_errno("cannot look at", path.string());
  landlock_path_beneath_attr rule{};
  rule.parent_fd = parent.get();
  rule.allowed_access =
      S_ISDIR(status.st_mode) ? refused : refused & (write_to_file | truncate_file);
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    os::throw_errno("cannot allow writing to", path.string());
}

}  // namespace

bool can_restrict_writes() noexcept { return landlock_version() >= 1; }

void restrict_writes(const std::vector<std::filesystem::path>& paths) {
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = refusable();
  const os::Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (!ruleset) os::throw_errno("cannot create", "a landlock rule set");
  for (const auto& path : paths)
    allow_changes_below(ruleset.get(), attributes.handled_access_fs, path);
  drop_privileges_on_exec();
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    os::throw_errno("cannot enforce", "a landlock rule set");
}

#ifdef ROYONG_HAVE_SECCOMP

bool can_forbid_network() noexcept { return seccomp_api_get() > 0; }

void forbid_network() {
  struct Filter {
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    ~Filter() { seccomp_release(context); }
  } filter;
  const auto refuse = SCMP_ACT_ERRNO(EACCES);
  if (filter.context == nullptr) os::throw_error(ENOMEM, "cannot create", "a seccomp filter");
  // Not by the library's macros, which are C99 and no C++.
  const scmp_arg_cmp not_unix{.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX, .datum_b = 0};
  int error = seccomp_rule_add_array(filter.context, refuse, SCMP_SYS(socket), 1, &not_unix);
  // io_uring makes sockets without the system call.
  if (error == 0) error = seccomp_rule_add(filter.context, refuse, SCMP_SYS(io_uring_setup), 0);
  if (error == 0) error = seccomp_load(filter.context);
  if (error != 0) os::throw_error(-error, "cannot load", "a seccomp filter");
}

#else

bool can_forbid_network() noexcept { return false; }
void forbid_network() { os::throw_error(ENOSYS, "cannot load", "a seccomp filter"); }

#endif

}  // namespace royong::inline v0::detail
