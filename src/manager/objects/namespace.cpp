// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/namespace.hpp"

#include <stdexcept>  // for std::out_of_range

#include "royong/error.hpp"
#include "royong/manager/namespace.hpp"

namespace royong::inline v0::detail {

void require_attribute_name(std::string_view name) {
  if (name.empty()) throw UsageError("an attribute of a Namespace needs a name");
  if (name.front() != '_') return;
  throw UsageError("cannot share attribute '" + std::string(name) +
                   "' of a Namespace: names that begin with _ are private to a process; use a "
                   "variable of your own");
}

void ServedNamespace::set(std::string name, PackedValue value) {
  attributes_.insert_or_assign(std::move(name), std::move(value));
}

PackedValue ServedNamespace::get(const std::string& name) const {
  const auto it = attributes_.find(name);
  if (it == attributes_.end()) {
    throw std::out_of_range("cannot read attribute '" + name + "' of a Namespace: it is not there");
  }
  return it->second;
}

std::optional<PackedValue> ServedNamespace::find(const std::string& name) const {
  const auto it = attributes_.find(name);
  return it == attributes_.end() ? std::nullopt : std::optional(it->second);
}

bool ServedNamespace::has(const std::string& name) const { return attributes_.contains(name); }

void ServedNamespace::remove(const std::string& name) {
  if (erase(name)) return;
  throw std::out_of_range("cannot drop attribute '" + name + "' of a Namespace: it is not there");
}

bool ServedNamespace::erase(const std::string& name) { return attributes_.erase(name) != 0; }

std::vector<std::string> ServedNamespace::names() const {
  std::vector<std::string> names;
  names.reserve(attributes_.size());
  for (const auto& [name, value] : attributes_) names.push_back(name);
  return names;
}

void ServedNamespace::save(Writer& out) const { out(attributes_); }

void ServedNamespace::load(Reader& in) { in(attributes_); }

}  // namespace royong::inline v0::detail
