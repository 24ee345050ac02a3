// SPDX-License-Identifier: Apache-2.0
#include "manager/types.hpp"

#include <deque>    // for std::deque
#include <mutex>    // for std::mutex
#include <utility>  // for std::move

#include "manager/client_session.hpp"
#include "manager/protocol.hpp"
#include "manager/targets.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

struct RegisteredClass {
  const ServedType* type;
  std::string name;
  int version;
  std::vector<RegisteredMethod> methods;
};

struct Registry {
  std::mutex mutex;
  std::deque<RegisteredClass> classes;

  static Registry& instance() {
    static auto& registry = *new Registry;
    return registry;
  }
  RegisteredClass* find(const ServedType& type) {
    for (auto& known : classes) {
      if (known.type == &type) return &known;
    }
    return nullptr;
  }
};

}  // namespace

std::uint32_t register_class(const ServedType& type, std::string name, int version) {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  for (std::uint32_t i = 0; i < registry.classes.size(); ++i) {
    auto& known = registry.classes[i];
    if (known.type == &type && known.name == name && known.version == version) return i;
    if (known.type == &type || known.name == name) {
      throw UsageError("cannot register the type \"" + name +
                       "\": the class or the name is registered with something else");
    }
  }
  registry.classes.push_back({&type, std::move(name), version, {}});
  return static_cast<std::uint32_t>(registry.classes.size() - 1);
}

std::uint32_t register_method(std::uint32_t of, RegisteredMethod method) {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  auto& methods = registry.classes.at(of).methods;
  for (std::uint32_t i = 0; i < methods.size(); ++i) {
    if (methods[i].name != method.name) continue;
    if (methods[i].run == method.run) return i;
    throw UsageError("cannot register the method \"" + method.name +
                     "\": another one has this name");
  }
  methods.push_back(std::move(method));
  return static_cast<std::uint32_t>(methods.size() - 1);
}

RegisteredNames registered_names(const ServedType& type) {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  RegisteredNames names;
  if (const auto* known = registry.find(type)) {
    names.name = known->name;
    names.version = known->version;
    for (const auto& method : known->methods) {
      names.methods.push_back(method.name);
      names.signatures.push_back(method.signature);
    }
  }
  return names;
}

TargetRef find_published(StateRef<Session> session, std::string_view name, const ServedType& type) {
  OutgoingCall call(std::move(session), static_cast<std::uint32_t>(manager::Verb::find));
  encode(call.writer(), manager::Wanted{std::string(name), std::string(type.name), type.hash,
                                        type.signature, registered_names(type)});
  Reply reply;
  call.perform(reply);
  ForeignPeer* const foreign = reply.session_->foreign();
  const ForeignPeer::Scope scope(foreign);
  Reader reader(reply.bytes(), {.foreign = foreign != nullptr});
  auto operations = decode<std::vector<std::uint32_t>>(reader);
  auto target = read_target(reader, type.hash);
  reader.expect_end();
  if (foreign == nullptr || operations.empty()) return target;
  return manager::with_operations(target, std::move(operations));
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0::manager {

using detail::ServedObject;
using detail::ServedType;

namespace {

[[noreturn]] void throw_mismatch(const Wanted& wanted, const std::string& reason) {
  throw TransferError("the object \"" + wanted.name + "\" is not what was asked for: " + reason);
}

}  // namespace

std::vector<std::uint32_t> match(const Wanted& wanted, const ServedObject& object,
                                 bool is_foreign) {
  const ServedType& type = object.type();
  if (!is_foreign) {
    if (wanted.hash != type.hash) {
      throw_mismatch(wanted, "it is a " + std::string(type.name) + ", not a " + wanted.class_name);
    }
    return {};
  }
  if (!type.is_for_strangers) {
    throw_mismatch(wanted, "objects of its type are for the manager's own program alone");
  }
  const auto own = detail::registered_names(type);
  if (own.name.empty() && wanted.registered.name.empty()) {
    if (wanted.signature != type.signature) {
      throw_mismatch(wanted, "it is a " + std::string(type.name) + ", not a " + wanted.class_name);
    }
    if (type.operations.empty()) {
      throw_mismatch(wanted,
                     "its class is not registered: call royong::register_type in both programs");
    }
    return {};
  }
  if (own.name != wanted.registered.name) {
    throw_mismatch(wanted,
                   "it is a \"" + own.name + "\", not a \"" + wanted.registered.name + "\"");
  }
  if (own.version != wanted.registered.version) {
    throw_mismatch(wanted, "the manager has version " + std::to_string(own.version) + " of \"" +
                               own.name + "\", the client version " +
                               std::to_string(wanted.registered.version));
  }
  if (wanted.registered.methods.size() != wanted.registered.signatures.size()) {
    throw TransferError("malformed request: methods without signatures");
  }
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < wanted.registered.methods.size(); ++i) {
    const std::string& name = wanted.registered.methods[i];
    std::uint32_t number = 0;
    while (number < own.methods.size() && own.methods[number] != name) ++number;
    if (number == own.methods.size()) {
      throw_mismatch(wanted, "the manager has no method \"" + name + "\" of \"" + own.name + "\"");
    }
    if (own.signatures[number] != wanted.registered.signatures[i]) {
      throw_mismatch(wanted, "the method \"" + name + "\" of \"" + own.name +
                                 "\" has other parameters or another result");
    }
    numbers.push_back(number);
  }
  return numbers;
}

detail::ServedOperation operation_of(const ServedObject& object, std::uint32_t number) {
  const ServedType& type = object.type();
  if (number < type.operations.size()) return type.operations[number];
  detail::Registry& registry = detail::Registry::instance();
  const std::lock_guard lock(registry.mutex);
  if (const auto* known = registry.find(type);
      known != nullptr && type.operations.empty() && number < known->methods.size()) {
    return known->methods[number].run;
  }
  throw TransferError(
      "the object has no operation of this number: its class, or the method, is "
      "not registered in the manager");
}

bool keeps_arguments(const ServedObject& object, std::uint32_t number) noexcept {
  const auto keeps = object.type().keeps;
  return number >= keeps.size() || keeps[number];
}

detail::Creator foreign_creator(detail::Reader& in) {
  std::uint64_t hash = 0, signature = 0;
  in.read_plain(hash);
  in.read_plain(signature);
  const auto name = detail::decode<std::string>(in);
  const auto* creator = detail::first_creator();
  while (creator != nullptr && creator->hash != hash) creator = creator->next;
  // A user's own class is made for others only if it was registered.
  if (creator == nullptr || (creator->type().operations.empty() &&
                             detail::registered_names(creator->type()).name.empty())) {
    throw UsageError("the manager's program does not know this type: " + name);
  }
  if (!creator->type().is_for_strangers) {
    throw UsageError("objects of this type are for the manager's own program alone: " + name);
  }
  if (creator->type().signature != signature) {
    throw TransferError("the manager's program knows the type with other operations: " + name);
  }
  return creator->creator;
}

const ServedType& restorable_type(std::uint64_t hash, std::string_view name) {
  const ServedType* found = nullptr;
  for (const auto* at = detail::first_creator(); at != nullptr; at = at->next) {
    if (at->type().hash == hash && at->type().restore != nullptr) found = &at->type();
  }
  if (found == nullptr) {
    throw TransferError("this program does not know the type " + std::string(name) +
                        ", or its objects cannot be restored");
  }
  return *found;
}

}  // namespace royong::inline v0::manager

namespace royong::inline v0::detail {

void throw_not_registered() {
  throw UsageError(
      "the method is not registered: another program's manager knows methods by name, see "
      "royong::register_type");
}

}  // namespace royong::inline v0::detail
