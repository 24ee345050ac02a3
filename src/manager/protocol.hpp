// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What clients and servers of managers say to each other, whatever carries it.
 *
 *  A client's message is a request, a server's message the answer to one of them: a head and then what belongs to the verb. Answers come in any order. A client's first
 *  request is `hello`; before it, no other one is looked at.
 *
 *  | verb | body | answer |
 *  |---|---|---|
 *  | hello | Hello | Welcome |
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
 *
 *  `function`, `publish`, `unpublish`, `snapshot` and `shutdown` are the family's alone.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t

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
};

/// Raised whenever one of the messages changes.
inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::uint64_t protocol_magic = 0x3152474d594f52;  // "ROYMGR1"

struct RequestHead {
  std::uint64_t call = 0;  ///< the client's number; comes back with the answer
  std::uint64_t object = 0;
  std::uint32_t verb = 0;
  std::uint32_t operation = 0;
  std::uint32_t thread = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(RequestHead) == 32);

enum class AnswerKind : std::uint32_t { value = 1, exception = 2 };

struct AnswerHead {
  static constexpr std::uint32_t has_handles = 1;  ///< the body ends with a list of its handles
  std::uint64_t call = 0;
  AnswerKind kind = AnswerKind::value;
  std::uint32_t flags = 0;
};
static_assert(sizeof(AnswerHead) == 16);

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
