// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief OrderedMap: keys in the order in which they came, as Python's dict has them. In one process.
 */
#pragma once

#include <concepts>       // for std::copyable
#include <cstddef>        // for std::size_t
#include <functional>     // for std::hash
#include <list>           // for std::list
#include <set>            // for std::set
#include <type_traits>    // for std::is_default_constructible_v
#include <unordered_set>  // for std::unordered_set
#include <utility>        // for std::pair

#include "royong/detail/check.hpp"
#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

template <class K>
concept HashableKey = std::is_default_constructible_v<std::hash<K>> &&
                      requires(const K& a, const K& b) { static_cast<bool>(a == b); };

template <class K>
concept SortableKey = requires(const K& a, const K& b) { static_cast<bool>(a < b); };

/// What a dict can find again, and a set tell apart.
template <class K>
concept ManagerKey = HashableKey<K> || SortableKey<K>;

/// Refuses what a dict could not find again. Checked where the object is made, before all that would fail because of it.
template <class K>
consteval bool require_key() {
  static_assert(ManagerKey<K>,
                "royong: a key of a ManagerDict and an element of a ManagerSet need std::hash and "
                "==, or <: add `auto operator<=>(const K&) const = default;`");
  return true;
}
/// Refuses what cannot be kept by a server: a `get` gives a copy of a value that stays.
template <class T>
consteval bool require_kept() {
  if constexpr (require_transferable<T>()) {
    static_assert(std::copyable<T>,
                  "royong: an object of a manager keeps its elements and gives copies of them: "
                  "they must be copyable (a std::optional or a vector instead of a unique_ptr)");
  }
  return true;
}

/** @brief A map that remembers the order of insertion: entries in a list, and an index of them by key.
 *
 *  A key lies in memory once: the index holds positions in the list, and compares by what lies there. So keys are found by their hash where they have one, else by `<`.
 *  Every member that changes it either succeeds or leaves it as it was.
 */
template <class K, class V>
class OrderedMap {
 public:
  using Entry = std::pair<const K, V>;
  using Entries = std::list<Entry>;
  using Iterator = typename Entries::iterator;
  using ConstIterator = typename Entries::const_iterator;

  OrderedMap() = default;
  OrderedMap(const OrderedMap&) = delete;
  OrderedMap& operator=(const OrderedMap&) = delete;
  ~OrderedMap() = default;

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  ConstIterator begin() const noexcept { return entries_.begin(); }
  ConstIterator end() const noexcept { return entries_.end(); }

  /// The entry, or null.
  Entry* find(const K& key) {
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &**it;
  }
  const Entry* find(const K& key) const {
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &*ConstIterator(*it);
  }

  /// Appends an entry if the key is new. @return the entry, and whether it is new
  template <class... Value>
  std::pair<Entry*, bool> insert(K&& key, Value&&... value) {
    if (Entry* const known = find(key)) return {known, false};
    Entries made;
    made.emplace_back(std::piecewise_construct, std::forward_as_tuple(std::move(key)),
                      std::forward_as_tuple(std::forward<Value>(value)...));
    index_.insert(made.begin());  // a position stays what it is when its node moves to another list
    entries_.splice(entries_.end(), made);
    return {&entries_.back(), true};
  }

  /// Takes an entry out. @return whether there was one
  bool erase(const K& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return false;
    const Iterator entry = *it;  // erased last: `key` may lie in it
    index_.erase(it);
    entries_.erase(entry);
    return true;
  }

  Entry& back() noexcept { return entries_.back(); }
  Entry& front() noexcept { return entries_.front(); }

  void clear() noexcept {
    index_.clear();
    entries_.clear();
  }
  void swap(OrderedMap& other) noexcept {
    index_.swap(other.index_);
    entries_.swap(other.entries_);  // positions stay valid
  }

 private:
  static const K& key_of(const K& key) noexcept { return key; }
  static const K& key_of(const Iterator& entry) noexcept { return entry->first; }

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const auto& what) const { return std::hash<K>{}(key_of(what)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return static_cast<bool>(key_of(a) == key_of(b));
    }
  };
  struct Less {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return static_cast<bool>(key_of(a) < key_of(b));
    }
  };
  template <bool hashable, class Position>
  struct IndexOf {
    using type = std::unordered_set<Position, Hash, Equal>;
  };
  template <class Position>
  struct IndexOf<false, Position> {
    using type = std::set<Position, Less>;
  };

  Entries entries_;
  typename IndexOf<HashableKey<K>, Iterator>::type index_;
};

}  // namespace royong::inline v0::detail
