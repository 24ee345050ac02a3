// SPDX-License-Identifier: Apache-2.0
#include "transfer/error_categories.hpp"

#include <array>   // for std::array
#include <atomic>  // for std::atomic
#include <future>  // for std::future_category
#include <ios>     // for std::iostream_category
#include <memory>  // for std::make_unique

namespace royong::inline v0::transfer {
namespace {

/// Stands for a category of another library, which cannot be found by its name.
class NamedCategory : public std::error_category {
 public:
  explicit NamedCategory(std::string name) : name_(std::move(name)) {}
  const char* name() const noexcept override { return name_.c_str(); }
  std::string message(int code) const override { return name_ + " error " + std::to_string(code); }

 private:
  std::string name_;
};

}  // namespace

const std::error_category& category_named(const std::string& name) {
  for (const std::error_category* known : {&std::system_category(), &std::generic_category(),
                                           &std::iostream_category(), &std::future_category()}) {
    if (name == known->name()) return *known;
  }
  // Error codes point to their category for ever, so stand-ins live for ever: hence few of them,
  // whatever names come in.
  static std::array<std::atomic<const NamedCategory*>, 32> others;
  static const NamedCategory rest("unknown category");
  for (auto& other : others) {
    const NamedCategory* found = other.load(std::memory_order_acquire);
    if (found == nullptr) {
      auto made = std::make_unique<const NamedCategory>(name);
      if (other.compare_exchange_strong(found, made.get())) return *made.release();
    }
    if (name == found->name()) return *found;
  }
  return rest;
}

}  // namespace royong::inline v0::transfer
