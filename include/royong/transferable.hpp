// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Transferable: what may cross a process boundary.
 */
#pragma once

#include "royong/detail/archive.hpp"

namespace royong::inline v0 {

/** @brief Values that can be an argument, a result or a message.
 *
 *  - arithmetic types and enumerations;
 *  - std::string, the standard containers, pair, tuple, array, optional, variant, monostate,
 *    chrono, filesystem::path, complex, bitset;
 *  - std::unique_ptr to a transferable object;
 *  - function pointers, lambdas without captures, and function objects that are themselves
 *    transferable;
 *  - aggregates of such members, without base class, C array, bit-field or reference member:
 *    nothing has to be written for them;
 *  - classes with a public `template <class Archive> void serialize(Archive& ar) { ar(a, b); }`
 *    (cereal's shape), or with a
 *    function `serialize(Archive&, T&)` beside them, and a default constructor. C arrays may be
 *    passed to `ar` as well;
 *  - the handles of this library (Lock, Queue, Array ...);
 *  - recursive types made of these.
 *
 *  Not transferable, because what they refer to stays in the other address space: raw pointers,
 *  references, views,
 *  `std::reference_wrapper`, `std::function`, `std::shared_ptr`, lambdas with captures, mutexes and
 *  atomics. Wherever a value has to
 *  cross, such a type is a compile error that says what to use in its place.
 *
 *  Comparators, hashers and allocators do not travel: containers are rebuilt with new ones. The
 *  memory resource of a pmr
 *  container is the receiver's default. What has its value in an address or in a stream position
 *  does not survive, whatever its type.
 *
 *      struct Job { std::string path; std::vector<double> weights; };
 *      static_assert(royong::Transferable<Job>);
 *      static_assert(!royong::Transferable<Job*>);
 */
template <class T>
concept Transferable = detail::VerdictOn<T>::fine;

}  // namespace royong::inline v0
