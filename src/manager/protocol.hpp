// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What clients and servers of managers say to each other, whatever carries it.
 *
 *  A client's message is a request, a server's message the answer to one of them: a head and then what belongs to the verb. Answers come in any order. A client's first
 *  request is `hello`; before it, no other one is looked at.
 *
 *  | verb | body | answer |
 *  |---|---|---|
 *  | hello | Hello | family: Welcome; foreign: ServerIdentity |
 *  | call | arguments | result |
 *  | function | FunctionId, callable, arguments | result |
 *  | create | family: FunctionId of the creator, arguments; foreign: its hash, the signature and the name of the class, arguments | target |
 *  | release | number of references | none |
 *  | publish | name, target | nothing |
 *  | unpublish | name | whether it was there |
 *  | find | name, hash and signature of the class, names and signatures of the methods | target, numbers of the methods |
 *  | names | | the published names |
 *  | snapshot | | nothing |
 *  | shutdown | | nothing |
 *  | bye | | none |
 *  | cancel | number of a call of the object | nothing, behind the answer `cancelled` to that call if it waited |
 *  | nothing | a call that was cancelled before it left | none |
 *  | lend | number of the object, whether to keep it for whoever comes with the ticket | Ticket |
 *  | adopt | Ticket | target |
 *
 *  `function`, `publish`, `unpublish`, `snapshot` and `shutdown` are the family's alone.
 */
#pragma once

#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <cstring>  // for std::memcpy
#include <span>     // for std::span

namespace royong::inline v0::manager {

enum class Verb : std::uint32_t {
  hello = 1,
  call,
  function,
  create,
  release,
  publish,
  unpublish,
  find,
  names,
  snapshot,
  shutdown,
  bye,
  cancel,
  nothing,
  lend,
  adopt,
};

/// Raised whenever one of the messages changes.
inline constexpr std::uint32_t protocol_version = 3;
inline constexpr std::uint64_t protocol_magic = 0x3152474d594f52;  // "ROYMGR1"

struct RequestHead {
  std::uint64_t call = 0;  ///< the client's number; comes back with the answer
  std::uint64_t object = 0;
  std::uint32_t verb = 0;
  std::uint32_t operation = 0;
  std::uint32_t thread = 0;
  std::uint32_t flags = 0;  ///< has_handles: the body ends with a list of its handles
};
static_assert(sizeof(RequestHead) == 32);

enum class AnswerKind : std::uint32_t { value = 1, exception = 2, cancelled = 3 };

struct AnswerHead {
  std::uint64_t call = 0;
  AnswerKind kind = AnswerKind::value;
  std::uint32_t flags = 0;  ///< has_handles
};
static_assert(sizeof(AnswerHead) == 16);

/// The body ends with a list of its handles: see detail::hold_handles.
inline constexpr std::uint32_t has_handles = 1;

/// If this is the request of that number, it becomes `nothing`. @return whether it was
inline bool withdraw_request(std::span<std::byte> message, std::uint64_t call) noexcept {
  RequestHead head;
  if (message.size() < sizeof head) return false;
  std::memcpy(&head, message.data(), sizeof head);
  if (head.call != call) return false;
  head.call = 0;
  head.verb = static_cast<std::uint32_t>(Verb::nothing);
  std::memcpy(message.data(), &head, sizeof head);
  return true;
}

struct Hello {
  std::uint64_t magic = protocol_magic;
  std::uint32_t version = protocol_version;
  std::uint32_t reserved = 0;
  std::uint64_t owner = 0;  ///< memory::Owner of a client of the family
};

/// The number that a client's first call with an answer has.
inline constexpr std::uint64_t first_call = std::uint64_t{1} << 32 | 1;

/// Type of the frames on a stream.
inline constexpr std::uint64_t frame_type = protocol_magic;

}  // namespace royong::inline v0::manager
