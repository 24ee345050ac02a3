// SPDX-License-Identifier: Apache-2.0
#include "process/clone_sibling.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "os/error.hpp"

namespace royong::inline v0::detail {
namespace {

robust_list_head* robust_list() noexcept {
  robust_list_head* head = nullptr;
  std::size_t length = 0;
  if (::syscall(SYS_get_robust_list, 0, &head, &length) != 0) return nullptr;
  return head;
}

}  // namespace

pid_t clone_sibling(std::uint32_t& pid) {
  int* thread_id = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &thread_id, 0, 0, 0) != 0)
    os::throw_errno("cannot find", "the thread id");
  robust_list_head* const head = robust_list();

  // The exit signal must be 0 here: with CLONE_PARENT it is inherited.
  constexpr unsigned long flags =
      CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__aarch64__)
  const long result = ::syscall(SYS_clone, flags, nullptr, &pid, nullptr, thread_id);
#else
  const long result = ::syscall(SYS_clone, flags, nullptr, &pid, thread_id, nullptr);
#endif
  if (result < 0) os::throw_errno("cannot clone", "a process");
  if (result > 0) return static_cast<pid_t>(result);
  if (head != nullptr) {
    head->list.next = &head->list;
    head->list_op_pending = nullptr;
    ::syscall(SYS_set_robust_list, head, sizeof(*head));
  }
  return 0;
}

bool is_thread_identity_sound() noexcept {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  ::pthread_mutex_init(&mutex, &attributes);
  ::pthread_mutex_lock(&mutex);
  const bool owner_is_right = mutex.__data.__owner == ::gettid();
  ::pthread_mutex_unlock(&mutex);
  ::pthread_mutex_destroy(&mutex);
  ::pthread_mutexattr_destroy(&attributes);
  return owner_is_right && robust_list() != nullptr;
}

}  // namespace royong::inline v0::detail
