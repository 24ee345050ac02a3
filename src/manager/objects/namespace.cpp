// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/namespace.hpp"

#include <stdexcept>  // for std::out_of_range

#include "royong/error.hpp"

namespace royong::inline v0::detail {

void require_attribute_name(std::string_view name) {
  if (name.empty()) throw UsageError("an attribute of a Namespace needs a name");
  if (name.front() != '_') return;
  throw UsageError("cannot share attribute '" + std::string(name) +
                   "' of a Namespace: names that begin with _ are private to a process; use a "
                   "variable of your own");
}

void Attributes::set(std::string name, PackedValue value) {
  attributes_.insert_or_assign(std::move(name), std::move(value));
}

PackedValue Attributes::get(const std::string& name) const {
  const auto it = attributes_.find(name);
  if (it == attributes_.end()) {
    throw std::out_of_range("cannot read attribute '" + name + "' of a Namespace: it is not there");
  }
  return it->second;
}

std::optional<PackedValue> Attributes::find(const std::string& name) const {
  const auto it = attributes_.find(name);
  return it == attributes_.end() ? std::nullopt : std::optional(it->second);
}

bool Attributes::has(const std::string& name) const { return attributes_.contains(name); }

void Attributes::remove(const std::string& name) {
  if (erase(name)) return;
  throw std::out_of_range("cannot drop attribute '" + name + "' of a Namespace: it is not there");
}

bool Attributes::erase(const std::string& name) { return attributes_.erase(name) != 0; }

std::vector<std::string> Attributes::names() const {
  std::vector<std::string> names;
  names.reserve(attributes_.size());
  for (const auto& [name, value] : attributes_) names.push_back(name);
  return names;
}

void Attributes::save(Writer& out) const { out(attributes_); }

void Attributes::load(Reader& in) { in(attributes_); }

const ServedType& Kind<ServedNamespace>::type() noexcept { return served_type<ServedNamespace>(); }
TargetRef Kind<ServedNamespace>::make(StateRef<Session> session) {
  return create<ServedNamespace>(std::move(session));
}
Attributes& Kind<ServedNamespace>::object(ServedObject& self) noexcept {
  return static_cast<ServedNamespace&>(self);
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0 {

using detail::PackedValue;
using detail::ServedNamespace;

bool Namespace::has(const std::string& name) const { return invoke<&ServedNamespace::has>(name); }
void Namespace::del(const std::string& name) const { invoke<&ServedNamespace::remove>(name); }
bool Namespace::erase(const std::string& name) const {
  return invoke<&ServedNamespace::erase>(name);
}
std::vector<std::string> Namespace::names() const { return invoke<&ServedNamespace::names>(); }
std::size_t Namespace::size() const { return invoke<&ServedNamespace::size>(); }
void Namespace::write(const std::string& name, const PackedValue& value) const {
  invoke<&ServedNamespace::set>(name, value);
}
PackedValue Namespace::read(const std::string& name) const {
  return invoke<&ServedNamespace::get>(name);
}
std::optional<PackedValue> Namespace::find(const std::string& name) const {
  return invoke<&ServedNamespace::find>(name);
}

}  // namespace royong::inline v0
