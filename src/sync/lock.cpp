// SPDX-License-Identifier: Apache-2.0
#include "logging/log.hpp"
#include "royong/error.hpp"
#include "royong/sync.hpp"
#include "sync/lock_repair.hpp"
#include "sync/state.hpp"

namespace royong::inline v0 {

namespace {

using detail::LockWord;
using detail::ObjectRecord;
using detail::RecursiveLockWord;

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::lock,
                         {.repair =
                              [](ObjectRecord& record, memory::Owner dead) noexcept {
                                sync::free_of_dead(sync::state_of<LockWord>(record), dead,
                                                   "A Lock");
                              },
                          .wake =
                              [](ObjectRecord& record) noexcept {
                                sync::wake_sleepers(sync::state_of<LockWord>(record));
                              }});
  memory::set_kind_hooks(
      detail::ObjectKind::rlock,
      {.repair =
           [](ObjectRecord& record, memory::Owner dead) noexcept {
             sync::free_of_dead(sync::state_of<RecursiveLockWord>(record), dead, "An RLock");
           },
       .wake =
           [](ObjectRecord& record) noexcept {
             sync::wake_sleepers(sync::state_of<RecursiveLockWord>(record).lock_word);
           }});
  return true;
}();

}  // namespace

namespace detail {

void* object_state(const ObjectRef& object) noexcept { return object.record().state; }

void report_unlock(const char* problem) noexcept { warn("{}", problem); }

}  // namespace detail

void Lock::release() const {
  if (const char* problem = give()) throw UsageError(problem);
}

void RLock::release() const {
  if (const char* problem = give()) throw UsageError(problem);
}

}  // namespace royong::inline v0
