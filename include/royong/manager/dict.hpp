// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerDict: a dict in a manager's server.
 */
#pragma once

#include <concepts>          // for std::convertible_to
#include <cstddef>           // for std::size_t
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::default_sentinel_t
#include <map>               // for std::map
#include <optional>          // for std::optional
#include <type_traits>       // for std::conditional_t
#include <unordered_map>     // for std::unordered_map
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/dict.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"

namespace royong::inline v0 {

namespace detail {

/// What `ManagerDict::update(k, f)` sends.
template <class K, class V, class F>
struct UpdateEntry {
  F function;
  template <class... A>
  decltype(auto) operator()(ServedDict<K, V>& dict, K key, A&&... arguments) {
    return dict.update(std::move(key), function, std::forward<A>(arguments)...);
  }
};

template <class K, class V, bool sorted = SortableKey<K>>
struct PlainDict {
  using type = std::unordered_map<K, V>;
};
template <class K, class V>
struct PlainDict<K, V, true> {
  using type = std::map<K, V>;
};

}  // namespace detail

/** @brief A dict that lives in a manager's server, for any number of processes: made by `Manager::dict<K, V>()`.
 *
 *      mp::Manager manager;
 *      const auto ages = manager.dict<std::string, int>();
 *      ages["Wati"] = 31;
 *      ages.update("Wati", [](int& age) { ++age; });       // runs in the server
 *      for (auto& [name, age] : ages) std::cout << name << ": " << age << "\n";
 *
 *  A proxy: a value whose copies refer to the one dict. It may be an argument, a message, a result, or an element of another object of the manager. The dict keeps the order
 *  of insertion, as Python's.
 *
 *  `K` and `V` are transferable and copyable; a key needs `std::hash` and `==`, or `<`. A value that is given out is a copy: changing it changes nothing in the server. Use
 *  `update` for that, or let the values be proxies: `ManagerDict<std::string, ManagerList<int>>`.
 *
 *  **Each member is atomic:** it happens wholly between two others, and `d[k]` is one reading or one assignment.
 *
 *  **Errors.** Each member throws `EndOfFile` when the server is gone, `UsageError` on a proxy that refers to nothing, `ArenaFull` when the call does not fit the program's memory,
 *  and where it says so `std::out_of_range`. What a function that runs in the server throws, the caller gets as itself.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies.** A client that is killed in a call has changed the dict or has not. The dict lives until the last proxy anywhere is gone; those of dead processes do not
 *  count. If the server dies, every call, also one in progress, is `EndOfFile` at once.
 *
 *  Example: examples/manager_dict.cpp
 */
template <class K, class V>
class ManagerDict : public detail::ProxyOf<detail::ServedDict<K, V>> {
  using Object = detail::ServedDict<K, V>;

 public:
  using key_type = K;
  using mapped_type = V;
  using value_type = std::pair<K, V>;
  /// What `copy()` gives: `std::map`, or `std::unordered_map` where a key has no `<`.
  using Plain = typename detail::PlainDict<K, V>::type;

  using detail::ProxyOf<Object>::ProxyOf;

  /// Puts the value in the place of the key, a new one at the end.
  void set(const K& key, const V& value) const { this->template invoke<&Object::set>(key, value); }
  /// Likewise, without waiting for the end: for many of them, `Manager::pipeline`.
  Future<void> set_async(const K& key, const V& value) const {
    return this->template invoke_async<&Object::set>(key, value);
  }
  /// The value, if the key is there.
  std::optional<V> get(const K& key) const { return this->template invoke<&Object::get>(key); }
  /// Likewise, without waiting for it.
  Future<std::optional<V>> get_async(const K& key) const {
    return this->template invoke_async<&Object::get>(key);
  }
  /// The value; the default if the key is not there.
  V get(const K& key, const V& fallback) const {
    auto value = get(key);
    return value ? *std::move(value) : fallback;
  }
  /// The value. @throws std::out_of_range the key is not there
  V at(const K& key) const { return this->template invoke<&Object::at>(key); }
  bool contains(const K& key) const { return this->template invoke<&Object::contains>(key); }

  /// Takes an entry out. @return its value @throws std::out_of_range the key is not there
  V pop(const K& key) const { return this->template invoke<&Object::pop>(key); }
  /// Takes an entry out. @return its value; the default if the key is not there
  V pop(const K& key, const V& fallback) const {
    auto value = this->template invoke<&Object::try_pop>(key);
    return value ? *std::move(value) : fallback;
  }
  /// Takes the youngest entry out. @throws std::out_of_range the dict is empty
  std::pair<K, V> popitem() const { return this->template invoke<&Object::popitem>(); }
  /// Takes an entry out: Python's `del d[k]`, without its error. @return whether the key was there
  bool erase(const K& key) const { return this->template invoke<&Object::erase>(key); }
  /// Takes an entry out: Python's `del d[k]`. @throws std::out_of_range the key is not there
  void del(const K& key) const { this->template invoke<&Object::pop>(key); }
  /// Puts the value if the key is new. @return the value that is there then
  V setdefault(const K& key, const V& value = V{}) const {
    return this->template invoke<&Object::setdefault>(key, value);
  }
  void clear() const { this->template invoke<&Object::clear>(); }

  /// Sets all entries of a range of pairs: of a map, say. One call, and atomic as a whole.
  template <std::ranges::input_range R>
  void update(R&& entries) const {
    typename Object::Items items;
    for (auto&& [key, value] : entries) items.emplace_back(key, value);
    this->template invoke<&Object::merge>(std::move(items));
  }
  /// The same for a list in braces: `update({{"a", 1}, {"b", 2}})`.
  void update(std::initializer_list<std::pair<K, V>> entries) const {
    this->template invoke<&Object::merge>(typename Object::Items(entries));
  }
  /// As `update(entries)`.
  template <std::ranges::input_range R>
  const ManagerDict& operator|=(R&& entries) const {
    update(std::forward<R>(entries));
    return *this;
  }
  const ManagerDict& operator|=(std::initializer_list<std::pair<K, V>> entries) const {
    update(entries);
    return *this;
  }
  /// A map of this process: all of the dict, and over it the entries of a range of pairs.
  template <std::ranges::input_range R>
  friend Plain operator|(const ManagerDict& dict, R&& entries) {
    Plain map = dict.copy();
    for (auto&& [key, value] : entries) map.insert_or_assign(key, value);
    return map;
  }
  /** @brief Runs `f(V&, arguments...)` in the server on the value of a key. A key that is not there begins with `V{}`.
   *
   *  `f` and the arguments travel as those of a task: no capturing lambda. Inside one program: a server of another program does not have the function.
   *  @return what `f` returns
   *  @throws std::out_of_range the key is not there and there is no `V{}`; what `f` throws. Then a new value is gone again, and what `f` did to an old one stays
   *  @throws UsageError the server is another program
   */
  template <class F, class... A>
  auto update(const K& key, const F& f, A&&... arguments) const {
    if constexpr (detail::require_transferable<std::decay_t<const F>>()) {
      return this->invoke_function(detail::UpdateEntry<K, V, std::decay_t<const F>>{f}, key,
                                   std::forward<A>(arguments)...);
    }
  }

  std::size_t size() const { return this->template invoke<&Object::size>(); }
  bool empty() const { return size() == 0; }
  /// In the order of insertion, as `values` and `items`.
  std::vector<K> keys() const { return this->template invoke<&Object::keys>(); }
  std::vector<V> values() const { return this->template invoke<&Object::values>(); }
  std::vector<std::pair<K, V>> items() const { return this->template invoke<&Object::items>(); }
  /// All of it, as a map of this process.
  template <class Map = Plain>
  Map copy() const {
    auto all = items();
    Map map;
    for (auto& [key, value] : all) map.emplace(std::move(key), std::move(value));
    return map;
  }

  /// `d[k]`: stands for the value of a key. Reading it is `at`, assigning to it is `set`.
  class Element {
   public:
    // NOLINTNEXTLINE(google-explicit-constructor): it stands for the value.
    operator V() const { return dict_.at(key_); }
    const Element& operator=(const V& value) const {
      dict_.set(key_, value);
      return *this;
    }
    const Element& operator=(const Element& other) const { return *this = static_cast<V>(other); }
    Element(const Element&) = default;
    friend bool operator==(const Element& element, const V& value) {
      return static_cast<V>(element) == value;
    }

   private:
    friend class ManagerDict;
    Element(ManagerDict dict, const K& key) : dict_(std::move(dict)), key_(key) {}
    ManagerDict dict_;
    K key_;
  };
  Element operator[](const K& key) const { return Element(*this, key); }

  /// Runs over a snapshot of the entries: `for (auto& [key, value] : dict)`.
  detail::SnapshotIterator<std::pair<K, V>> begin() const {
    return detail::SnapshotIterator<std::pair<K, V>>(items());
  }
  std::default_sentinel_t end() const noexcept { return {}; }
};

}  // namespace royong::inline v0
