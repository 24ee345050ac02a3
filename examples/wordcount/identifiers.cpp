// SPDX-License-Identifier: Apache-2.0
#include "identifiers.hpp"

#include <algorithm>
#include <unordered_set>

namespace wordcount {

namespace {

constexpr std::size_t longest = 1024;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

bool is_keyword(std::string_view word) {
  static const std::unordered_set<std::string_view> keywords = {
      "alignas",    "alignof",       "asm",         "auto",      "bool",         "break",
      "case",       "catch",         "char",        "char16_t",  "char32_t",     "char8_t",
      "class",      "co_await",      "co_return",   "co_yield",  "concept",      "const",
      "const_cast", "consteval",     "constexpr",   "constinit", "continue",     "decltype",
      "default",    "delete",        "do",          "double",    "dynamic_cast", "else",
      "enum",       "explicit",      "export",      "extern",    "false",        "float",
      "for",        "friend",        "goto",        "if",        "inline",       "int",
      "long",       "mutable",       "namespace",   "new",       "noexcept",     "nullptr",
      "operator",   "private",       "protected",   "public",    "register",     "reinterpret_cast",
      "requires",   "restrict",      "return",      "short",     "signed",       "sizeof",
      "static",     "static_assert", "static_cast", "struct",    "switch",       "template",
      "this",       "thread_local",  "throw",       "true",      "try",          "typedef",
      "typeid",     "typename",      "union",       "unsigned",  "using",        "virtual",
      "void",       "volatile",      "wchar_t",     "while"};
  return keywords.contains(word);
}

/// Walks over the text, one token at a time.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  template <class Name>
  void for_each_name(Name name) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (begins_name(c)) {
        const auto word = take_while(continues_name);
        if (next_is('"') && is_raw_prefix(word)) {
          skip_raw_string();
        } else if (word.size() <= longest) {
          name(word);
        }
      } else if (is_digit(c)) {
        skip_number();
      } else if (c == '"' || c == '\'') {
        skip_literal(c);
      } else if (text_.substr(at_, 2) == "//") {
        skip_line();
      } else if (text_.substr(at_, 2) == "/*") {
        skip_past("*/", at_ + 2);
      } else {
        ++at_;
      }
    }
  }

 private:
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  template <class Predicate>
  std::string_view take_while(Predicate predicate) {
    const auto begin = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void skip_past(std::string_view what, std::size_t from) {
    const auto found = text_.find(what, from);
    at_ = found == std::string_view::npos ? text_.size() : found + what.size();
  }

  // A backslash at its end continues a line.
  void skip_line() {
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_, text_.size());
  }

  // 0x1F, 1'000, 1.5e+3f: everything that sticks to the first digit.
  void skip_number() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool exponent =
          (c == '+' || c == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E' ||
                                     text_[at_ - 1] == 'p' || text_[at_ - 1] == 'P');
      const bool separator = c == '\'' && at_ + 1 < text_.size() && continues_name(text_[at_ + 1]);
      if (!continues_name(c) && c != '.' && !exponent && !separator) break;
      ++at_;
    }
  }

  void skip_literal(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  static bool is_raw_prefix(std::string_view word) {
    return word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R";
  }

  // R"end( ... )end"
  void skip_raw_string() {
    const auto open = text_.find('(', at_);
    if (open == std::string_view::npos || open - at_ > 17) return skip_literal('"');
    skip_past(")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"", open);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

void count_identifiers(std::string_view text, Counts& counts) {
  Lexer(text).for_each_name([&](std::string_view name) {
    if (const auto known = counts.find(name); known != counts.end()) {
      ++known->second;
    } else if (!is_keyword(name)) {
      counts.emplace(name, 1);
    }
  });
}

}  // namespace wordcount
