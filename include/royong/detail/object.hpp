// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ObjectRef: this process's share in an object of the arena; what every handle is made of.
 */
#pragma once

#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <utility>  // for std::exchange, std::swap

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// What an object of the arena is; a handle is only ever made from an object of its own kind.
enum class ObjectKind : std::uint32_t {
  none = 0,
  lock,
  rlock,
  semaphore,
  bounded_semaphore,
  condition,
  event,
  barrier,
  value,
  array,
  queue,
  joinable_queue,
  simple_queue,
  worker_channel,
  connection,  // one end of a Pipe, or a socket
  pipe,        // one direction of a Pipe: a queue that is bounded in bytes
  descriptor,  // a file descriptor on its way to another process
  manager,     // the server of a manager
  managed,     // an object in such a server
};

/// The name of an object, valid in every process of the family: an index and a serial that is never used again.
struct ObjectName {
  std::uint32_t index = 0;
  std::uint64_t serial = 0;
  friend bool operator==(const ObjectName&, const ObjectName&) = default;
};

struct ObjectRecord;  // the object itself, in shared memory: src/memory/objects.hpp

/** @brief A counted reference to an object of the arena.
 *
 *  The count is this process's own; the arena only knows *which* processes hold the object (one bit a
 *  process slot), so a killed holder costs one bit that the sweep clears. When the last process lets go, the object is
 *  destroyed. Copying is thread-safe as with `std::shared_ptr`.
 */
class ROYONG_API ObjectRef {
 public:
  ObjectRef() noexcept = default;
  ObjectRef(const ObjectRef& other) noexcept;
  ObjectRef(ObjectRef&& other) noexcept : share_(std::exchange(other.share_, nullptr)) {}
  ObjectRef& operator=(ObjectRef other) noexcept {
    std::swap(share_, other.share_);
    return *this;
  }
  ~ObjectRef();

  /** @brief Creates an object held by this process alone.
   *  @param type_hash distinguishes element types of one kind (`type_hash<T>()`), 0 where there is none
   *  @throws ArenaFull   no record is left
   *  @throws UsageError  before `init`
   */
  static ObjectRef create(ObjectKind kind, std::uint64_t type_hash = 0);

  /** @brief Takes a share in an object that another process named.
   *  @throws TransferError the object is gone, or of another kind or type
   */
  static ObjectRef acquire(ObjectName name, ObjectKind kind, std::uint64_t type_hash);

  explicit operator bool() const noexcept { return share_ != nullptr; }
  ObjectName name() const noexcept;
  ObjectKind kind() const noexcept;
  std::uint64_t type_hash() const noexcept;
  ObjectRecord& record() const noexcept;

 private:
  friend struct Shares;
  struct Share;
  explicit ObjectRef(Share* share) noexcept : share_(share) {}
  Share* share_ = nullptr;
};

/** @brief How handle classes open up to the archive, and to nobody else.
 *
 *  A handle class `H` says `friend struct detail::HandleAccess;`, has `static constexpr ObjectKind kind_`, optionally
 *  `static constexpr std::uint64_t type_hash_`, a member `ObjectRef object_` and a private
 *  constructor `explicit H(ObjectRef)`.
 */
struct HandleAccess {
  template <class H>
  static constexpr ObjectKind kind() {
    return H::kind_;
  }
  template <class H>
  static constexpr std::uint64_t type_hash() {
    if constexpr (requires { H::type_hash_; }) {
      return H::type_hash_;
    } else {
      return 0;
    }
  }
  /// The member `object_`; where `object_` only leads to the object, what the member `object()` returns.
  template <class H>
  static decltype(auto) object(const H& handle) {
    if constexpr (requires { handle.object(); }) {
      return handle.object();
    } else {
      return (handle.object_);
    }
  }
  template <class H>
  static H make(ObjectRef object) {
    return H(std::move(object));
  }
  template <class H>
  static constexpr bool is_handle = requires(const H& h) {
    H::kind_;
    h.object_;
  };
};

/// A handle: a value whose copies name one shared object.
template <class H>
concept Handle = requires { requires HandleAccess::template is_handle<H>; };

}  // namespace royong::inline v0::detail
