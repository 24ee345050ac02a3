// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Structured bindings for every number of members: the part of members.hpp that a
 *  preprocessor has to write.
 */
#pragma once

#include <cstddef>  // for std::size_t

namespace royong::inline v0::detail {

/// A member's declared type, references and const included, and whether it is a bit-field.
template <class T, bool BitField>
struct Member {};

template <class... Members>
struct MemberList {};

/// The greatest number of members of an aggregate; a larger one needs `serialize`.
inline constexpr std::size_t max_members = 64;

/// Names the members of aggregates with `Count` of them.
template <std::size_t Count>
struct MemberNames;

template <>
struct MemberNames<0> {
  template <class T>
  static MemberList<> list();
  template <class T, class Visitor>
  static constexpr decltype(auto) visit(T&, Visitor& v) {
    return v();
  }
};

// clang-format off
#define ROYONG_EACH_1(X) X(m1)
#define ROYONG_EACH_2(X) ROYONG_EACH_1(X), X(m2)
#define ROYONG_EACH_3(X) ROYONG_EACH_2(X), X(m3)
#define ROYONG_EACH_4(X) ROYONG_EACH_3(X), X(m4)
#define ROYONG_EACH_5(X) ROYONG_EACH_4(X), X(m5)
#define ROYONG_EACH_6(X) ROYONG_EACH_5(X), X(m6)
#define ROYONG_EACH_7(X) ROYONG_EACH_6(X), X(m7)
#define ROYONG_EACH_8(X) ROYONG_EACH_7(X), X(m8)
#define ROYONG_EACH_9(X) ROYONG_EACH_8(X), X(m9)
#define ROYONG_EACH_10(X) ROYONG_EACH_9(X), X(m10)
#define ROYONG_EACH_11(X) ROYONG_EACH_10(X), X(m11)
#define ROYONG_EACH_12(X) ROYONG_EACH_11(X), X(m12)
#define ROYONG_EACH_13(X) ROYONG_EACH_12(X), X(m13)
#define ROYONG_EACH_14(X) ROYONG_EACH_13(X), X(m14)
#define ROYONG_EACH_15(X) ROYONG_EACH_14(X), X(m15)
#define ROYONG_EACH_16(X) ROYONG_EACH_15(X), X(m16)
#define ROYONG_EACH_17(X) ROYONG_EACH_16(X), X(m17)
#define ROYONG_EACH_18(X) ROYONG_EACH_17(X), X(m18)
#define ROYONG_EACH_19(X) ROYONG_EACH_18(X), X(m19)
#define ROYONG_EACH_20(X) ROYONG_EACH_19(X), X(m20)
#define ROYONG_EACH_21(X) ROYONG_EACH_20(X), X(m21)
#define ROYONG_EACH_22(X) ROYONG_EACH_21(X), X(m22)
#define ROYONG_EACH_23(X) ROYONG_EACH_22(X), X(m23)
#define ROYONG_EACH_24(X) ROYONG_EACH_23(X), X(m24)
#define ROYONG_EACH_25(X) ROYONG_EACH_24(X), X(m25)
#define ROYONG_EACH_26(X) ROYONG_EACH_25(X), X(m26)
#define ROYONG_EACH_27(X) ROYONG_EACH_26(X), X(m27)
#define ROYONG_EACH_28(X) ROYONG_EACH_27(X), X(m28)
#define ROYONG_EACH_29(X) ROYONG_EACH_28(X), X(m29)
#define ROYONG_EACH_30(X) ROYONG_EACH_29(X), X(m30)
#define ROYONG_EACH_31(X) ROYONG_EACH_30(X), X(m31)
#define ROYONG_EACH_32(X) ROYONG_EACH_31(X), X(m32)
#define ROYONG_EACH_33(X) ROYONG_EACH_32(X), X(m33)
#define ROYONG_EACH_34(X) ROYONG_EACH_33(X), X(m34)
#define ROYONG_EACH_35(X) ROYONG_EACH_34(X), X(m35)
#define ROYONG_EACH_36(X) ROYONG_EACH_35(X), X(m36)
#define ROYONG_EACH_37(X) ROYONG_EACH_36(X), X(m37)
#define ROYONG_EACH_38(X) ROYONG_EACH_37(X), X(m38)
#define ROYONG_EACH_39(X) ROYONG_EACH_38(X), X(m39)
#define ROYONG_EACH_40(X) ROYONG_EACH_39(X), X(m40)
#define ROYONG_EACH_41(X) ROYONG_EACH_40(X), X(m41)
#define ROYONG_EACH_42(X) ROYONG_EACH_41(X), X(m42)
#define ROYONG_EACH_43(X) ROYONG_EACH_42(X), X(m43)
#define ROYONG_EACH_44(X) ROYONG_EACH_43(X), X(m44)
#define ROYONG_EACH_45(X) ROYONG_EACH_44(X), X(m45)
#define ROYONG_EACH_46(X) ROYONG_EACH_45(X), X(m46)
#define ROYONG_EACH_47(X) ROYONG_EACH_46(X), X(m47)
#define ROYONG_EACH_48(X) ROYONG_EACH_47(X), X(m48)
#define ROYONG_EACH_49(X) ROYONG_EACH_48(X), X(m49)
#define ROYONG_EACH_50(X) ROYONG_EACH_49(X), X(m50)
#define ROYONG_EACH_51(X) ROYONG_EACH_50(X), X(m51)
#define ROYONG_EACH_52(X) ROYONG_EACH_51(X), X(m52)
#define ROYONG_EACH_53(X) ROYONG_EACH_52(X), X(m53)
#define ROYONG_EACH_54(X) ROYONG_EACH_53(X), X(m54)
#define ROYONG_EACH_55(X) ROYONG_EACH_54(X), X(m55)
#define ROYONG_EACH_56(X) ROYONG_EACH_55(X), X(m56)
#define ROYONG_EACH_57(X) ROYONG_EACH_56(X), X(m57)
#define ROYONG_EACH_58(X) ROYONG_EACH_57(X), X(m58)
#define ROYONG_EACH_59(X) ROYONG_EACH_58(X), X(m59)
#define ROYONG_EACH_60(X) ROYONG_EACH_59(X), X(m60)
#define ROYONG_EACH_61(X) ROYONG_EACH_60(X), X(m61)
#define ROYONG_EACH_62(X) ROYONG_EACH_61(X), X(m62)
#define ROYONG_EACH_63(X) ROYONG_EACH_62(X), X(m63)
#define ROYONG_EACH_64(X) ROYONG_EACH_63(X), X(m64)
// clang-format on

#define ROYONG_NAME(m) m
#define ROYONG_BRACES(m) \
  {                      \
  }
#define ROYONG_MEMBER(m) Member<decltype(m), !requires { &m; }>

// In the template `list` a binding is a dependent name, so `requires { &m; }` is false for a
// bit-field, not an error.
#define ROYONG_MEMBER_NAMES(n)                                          \
  template <>                                                           \
  struct MemberNames<n> {                                               \
    template <class T>                                                  \
    static consteval bool takes_braces() {                              \
      return requires { T{ROYONG_EACH_##n(ROYONG_BRACES)}; };           \
    }                                                                   \
    template <class T>                                                  \
    static auto list_of(T& object) {                                    \
      auto& [ROYONG_EACH_##n(ROYONG_NAME)] = object;                    \
      return MemberList<ROYONG_EACH_##n(ROYONG_MEMBER)>{};              \
    }                                                                   \
    template <class T>                                                  \
    static auto list() -> decltype(list_of(*static_cast<T*>(nullptr))); \
    template <class T, class Visitor>                                   \
    static constexpr decltype(auto) visit(T& object, Visitor& v) {      \
      auto& [ROYONG_EACH_##n(ROYONG_NAME)] = object;                    \
      return v(ROYONG_EACH_##n(ROYONG_NAME));                           \
    }                                                                   \
  };

ROYONG_MEMBER_NAMES(1)
ROYONG_MEMBER_NAMES(2)
ROYONG_MEMBER_NAMES(3)
ROYONG_MEMBER_NAMES(4)
ROYONG_MEMBER_NAMES(5)
ROYONG_MEMBER_NAMES(6)
ROYONG_MEMBER_NAMES(7)
ROYONG_MEMBER_NAMES(8)
ROYONG_MEMBER_NAMES(9)
ROYONG_MEMBER_NAMES(10)
ROYONG_MEMBER_NAMES(11)
ROYONG_MEMBER_NAMES(12)
ROYONG_MEMBER_NAMES(13)
ROYONG_MEMBER_NAMES(14)
ROYONG_MEMBER_NAMES(15)
ROYONG_MEMBER_NAMES(16)
ROYONG_MEMBER_NAMES(17)
ROYONG_MEMBER_NAMES(18)
ROYONG_MEMBER_NAMES(19)
ROYONG_MEMBER_NAMES(20)
ROYONG_MEMBER_NAMES(21)
ROYONG_MEMBER_NAMES(22)
ROYONG_MEMBER_NAMES(23)
ROYONG_MEMBER_NAMES(24)
ROYONG_MEMBER_NAMES(25)
ROYONG_MEMBER_NAMES(26)
ROYONG_MEMBER_NAMES(27)
ROYONG_MEMBER_NAMES(28)
ROYONG_MEMBER_NAMES(29)
ROYONG_MEMBER_NAMES(30)
ROYONG_MEMBER_NAMES(31)
ROYONG_MEMBER_NAMES(32)
ROYONG_MEMBER_NAMES(33)
ROYONG_MEMBER_NAMES(34)
ROYONG_MEMBER_NAMES(35)
ROYONG_MEMBER_NAMES(36)
ROYONG_MEMBER_NAMES(37)
ROYONG_MEMBER_NAMES(38)
ROYONG_MEMBER_NAMES(39)
ROYONG_MEMBER_NAMES(40)
ROYONG_MEMBER_NAMES(41)
ROYONG_MEMBER_NAMES(42)
ROYONG_MEMBER_NAMES(43)
ROYONG_MEMBER_NAMES(44)
ROYONG_MEMBER_NAMES(45)
ROYONG_MEMBER_NAMES(46)
ROYONG_MEMBER_NAMES(47)
ROYONG_MEMBER_NAMES(48)
ROYONG_MEMBER_NAMES(49)
ROYONG_MEMBER_NAMES(50)
ROYONG_MEMBER_NAMES(51)
ROYONG_MEMBER_NAMES(52)
ROYONG_MEMBER_NAMES(53)
ROYONG_MEMBER_NAMES(54)
ROYONG_MEMBER_NAMES(55)
ROYONG_MEMBER_NAMES(56)
ROYONG_MEMBER_NAMES(57)
ROYONG_MEMBER_NAMES(58)
ROYONG_MEMBER_NAMES(59)
ROYONG_MEMBER_NAMES(60)
ROYONG_MEMBER_NAMES(61)
ROYONG_MEMBER_NAMES(62)
ROYONG_MEMBER_NAMES(63)
ROYONG_MEMBER_NAMES(64)

#undef ROYONG_MEMBER_NAMES
#undef ROYONG_MEMBER
#undef ROYONG_BRACES
#undef ROYONG_NAME
#undef ROYONG_EACH_1
#undef ROYONG_EACH_2
#undef ROYONG_EACH_3
#undef ROYONG_EACH_4
#undef ROYONG_EACH_5
#undef ROYONG_EACH_6
#undef ROYONG_EACH_7
#undef ROYONG_EACH_8
#undef ROYONG_EACH_9
#undef ROYONG_EACH_10
#undef ROYONG_EACH_11
#undef ROYONG_EACH_12
#undef ROYONG_EACH_13
#undef ROYONG_EACH_14
#undef ROYONG_EACH_15
#undef ROYONG_EACH_16
#undef ROYONG_EACH_17
#undef ROYONG_EACH_18
#undef ROYONG_EACH_19
#undef ROYONG_EACH_20
#undef ROYONG_EACH_21
#undef ROYONG_EACH_22
#undef ROYONG_EACH_23
#undef ROYONG_EACH_24
#undef ROYONG_EACH_25
#undef ROYONG_EACH_26
#undef ROYONG_EACH_27
#undef ROYONG_EACH_28
#undef ROYONG_EACH_29
#undef ROYONG_EACH_30
#undef ROYONG_EACH_31
#undef ROYONG_EACH_32
#undef ROYONG_EACH_33
#undef ROYONG_EACH_34
#undef ROYONG_EACH_35
#undef ROYONG_EACH_36
#undef ROYONG_EACH_37
#undef ROYONG_EACH_38
#undef ROYONG_EACH_39
#undef ROYONG_EACH_40
#undef ROYONG_EACH_41
#undef ROYONG_EACH_42
#undef ROYONG_EACH_43
#undef ROYONG_EACH_44
#undef ROYONG_EACH_45
#undef ROYONG_EACH_46
#undef ROYONG_EACH_47
#undef ROYONG_EACH_48
#undef ROYONG_EACH_49
#undef ROYONG_EACH_50
#undef ROYONG_EACH_51
#undef ROYONG_EACH_52
#undef ROYONG_EACH_53
#undef ROYONG_EACH_54
#undef ROYONG_EACH_55
#undef ROYONG_EACH_56
#undef ROYONG_EACH_57
#undef ROYONG_EACH_58
#undef ROYONG_EACH_59
#undef ROYONG_EACH_60
#undef ROYONG_EACH_61
#undef ROYONG_EACH_62
#undef ROYONG_EACH_63
#undef ROYONG_EACH_64

}  // namespace royong::inline v0::detail
