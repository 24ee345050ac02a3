// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedDict: what a ManagerDict stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include <concepts>     // for std::default_initializable
#include <cstddef>      // for std::size_t
#include <functional>   // for std::invoke
#include <optional>     // for std::optional
#include <type_traits>  // for std::invoke_result_t
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/detail/manager/objects/errors.hpp"
#include "royong/detail/manager/objects/ordered_map.hpp"
#include "royong/detail/manager/served.hpp"

namespace royong::inline v0::detail {

/** @brief The dict. Every member either does what it says or leaves the dict as it was.
 *
 *  A call cannot be interrupted by another one, so each is atomic. Values are taken by value: they came as bytes and are moved from.
 */
template <class K, class V>
class ServedDict : public Served<ServedDict<K, V>> {
 public:
  static_assert(require_kept<K>() && require_kept<V>() && require_key<K>());
  using Items = std::vector<std::pair<K, V>>;

  ServedDict() = default;
  explicit ServedDict(Items items) { merge(std::move(items)); }

  void set(K key, V value) {
    const auto [entry, is_new] = entries_.insert(std::move(key), std::move(value));
    // insert() has not touched the value of a key that is there.
    if (!is_new) entry->second = std::move(value);
  }
  std::optional<V> get(const K& key) const {
    const auto* const entry = entries_.find(key);
    return entry == nullptr ? std::nullopt : std::optional<V>(entry->second);
  }
  V at(const K& key) const {
    const auto* const entry = entries_.find(key);
    if (entry == nullptr) throw_no_key("read a ManagerDict", key_text(key));
    return entry->second;
  }
  bool contains(const K& key) const { return entries_.find(key) != nullptr; }

  V pop(const K& key) {
    auto value = try_pop(key);
    if (!value) throw_no_key("pop from a ManagerDict", key_text(key));
    return *std::move(value);
  }
  std::optional<V> try_pop(const K& key) {
    auto* const entry = entries_.find(key);
    if (entry == nullptr) return std::nullopt;
    std::optional<V> value(std::move(entry->second));
    entries_.erase(key);
    return value;
  }
  /// The youngest entry, as in Python.
  std::pair<K, V> popitem() {
    if (entries_.empty()) throw_nothing_there("pop from a ManagerDict");
    auto& entry = entries_.back();
    std::pair<K, V> item(entry.first, std::move(entry.second));
    entries_.erase(item.first);
    return item;
  }
  bool erase(const K& key) { return entries_.erase(key); }

  V setdefault(K key, V value) {
    return entries_.insert(std::move(key), std::move(value)).first->second;
  }
  void merge(Items items) {
    for (auto& [key, value] : items) set(std::move(key), std::move(value));
  }
  void clear() noexcept { entries_.clear(); }

  std::size_t size() const noexcept { return entries_.size(); }
  std::vector<K> keys() const {
    std::vector<K> keys;
    keys.reserve(size());
    for (const auto& entry : entries_) keys.push_back(entry.first);
    return keys;
  }
  std::vector<V> values() const {
    std::vector<V> values;
    values.reserve(size());
    for (const auto& entry : entries_) values.push_back(entry.second);
    return values;
  }
  Items items() const { return Items(entries_.begin(), entries_.end()); }

  /** @brief Calls `function(V&, arguments...)` on the value of a key; a key that is not there begins with `V{}` where there is such a thing.
   *
   *  If the function throws, a value that was made for it is gone again.
   */
  template <class F, class... A>
  decltype(auto) update(K key, F&& function, A&&... arguments) {
    auto* entry = entries_.find(key);
    if (entry != nullptr) {
      return std::invoke(std::forward<F>(function), entry->second, std::forward<A>(arguments)...);
    }
    if constexpr (std::default_initializable<V>) {
      entry = entries_.insert(std::move(key)).first;
      try {
        return std::invoke(std::forward<F>(function), entry->second, std::forward<A>(arguments)...);
      } catch (...) {
        entries_.erase(entry->first);
        throw;
      }
    } else {
      throw_no_key("update a ManagerDict", key_text(key));
    }
  }

  /// For snapshots.
  void save(Writer& out) const { out(items()); }
  void load(Reader& in) {
    Items all;
    in(all);
    OrderedMap<K, V> entries;
    for (auto& [key, value] : all) entries.insert(std::move(key), std::move(value));
    entries_.swap(entries);
  }

  using Keeping = OperationList<&ServedDict::set, &ServedDict::setdefault, &ServedDict::merge>;
  using Operations =
      OperationList<&ServedDict::set, &ServedDict::get, &ServedDict::at, &ServedDict::contains,
                    &ServedDict::pop, &ServedDict::try_pop, &ServedDict::popitem,
                    &ServedDict::erase, &ServedDict::setdefault, &ServedDict::merge,
                    &ServedDict::clear, &ServedDict::size, &ServedDict::keys, &ServedDict::values,
                    &ServedDict::items>;

 private:
  OrderedMap<K, V> entries_;
};

}  // namespace royong::inline v0::detail
