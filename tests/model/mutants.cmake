# SPDX-License-Identifier: Apache-2.0
# The sources that test_model explores: as they are, and with one place of theirs changed, which the explorer must find.

# royong_add_model(<name> [<file> <what stands there, once> <what shall stand there>])
set_property(GLOBAL PROPERTY royong_mutants 0)
function(royong_add_model name)
  add_library(model_${name} OBJECT model/scenarios.cpp)
  if(ARGC GREATER 1)
    set(original "${PROJECT_SOURCE_DIR}/${ARGV1}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${original}")
    file(READ "${original}" text)
    string(REPLACE "${ARGV2}" "${ARGV3}" changed "${text}")
    string(LENGTH "${text}" length)
    string(LENGTH "${changed}" new_length)
    string(LENGTH "${ARGV2}" from)
    string(LENGTH "${ARGV3}" to)
    math(EXPR expected "${length} - ${from} + ${to}")
    if(changed STREQUAL text OR NOT new_length EQUAL expected)
      message(FATAL_ERROR "${ARGV1} does not hold, exactly once: ${ARGV2}\nCorrect tests/model/mutants.cmake.")
    endif()
    string(REGEX REPLACE "^(src|include)/" "" relative "${ARGV1}")
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}")
    set(before "")
    if(EXISTS "${folder}/${relative}")
      file(READ "${folder}/${relative}" before)
    endif()
    if(NOT changed STREQUAL before)
      file(WRITE "${folder}/${relative}" "${changed}")
    endif()
    target_include_directories(model_${name} BEFORE PRIVATE "${folder}")
    get_property(count GLOBAL PROPERTY royong_mutants)
    math(EXPR count "${count} + 1")
    set_property(GLOBAL PROPERTY royong_mutants ${count})
  endif()
  target_link_libraries(model_${name} PRIVATE royong_test_support)
  # -O2: it runs the same few lines millions of times. unused: it calls a part of the sources.
  target_compile_options(model_${name} PRIVATE ${warnings} -O2 -fno-sanitize=all -Wno-unused-function)
  target_compile_definitions(model_${name} PRIVATE ROYONG_MODEL_MUTANT=${name})
  set_target_properties(model_${name} PROPERTIES CXX_EXTENSIONS OFF)
  target_link_libraries(test_model PRIVATE model_${name})
endfunction()

add_library(model_explorer OBJECT model/explorer.cpp)
target_link_libraries(model_explorer PRIVATE royong_test_support)
target_compile_options(model_explorer PRIVATE ${warnings} -O2 -fno-sanitize=all) # sanitizers know one stack a thread
set_target_properties(model_explorer PROPERTIES CXX_EXTENSIONS OFF)
target_link_libraries(test_model PRIVATE model_explorer)

royong_add_model(none)
royong_add_model(notification_does_not_change_the_word src/sync/eventcount.hpp
  "compare_exchange_weak(seen, (seen + 2) & ~1u," "compare_exchange_weak(seen, seen,")
royong_add_model(bit_is_cleared_without_waking src/sync/eventcount.hpp
  "if (word.compare_exchange_strong(expected, (seen + 2) & ~1u, std::memory_order_seq_cst)) {"
  "if (word.compare_exchange_strong(expected, (seen + 2) & ~1u, std::memory_order_seq_cst) && false) {")
royong_add_model(bit_stays_up src/sync/eventcount.hpp
  "word.compare_exchange_strong(expected, (seen + 2) & ~1u" "word.compare_exchange_strong(expected, seen + 2")
royong_add_model(unlock_wakes_nobody include/royong/detail/lock_word.hpp
  "if ((seen & sleepers) != 0) wake();" "")
royong_add_model(unlock_forgets_the_mark include/royong/detail/lock_word.hpp
  "seen & abandoned_bit, std::memory_order_release" "0u, std::memory_order_release")
royong_add_model(sleeper_forgets_the_others src/sync/lock_word.cpp
  "others = sleepers;" "")
royong_add_model(takes_over_from_the_living src/sync/lock_word.cpp
  "!owner_is_dead(owner)" "false")
royong_add_model(takes_over_without_the_mark src/sync/lock_word.cpp
  "const auto mark = half_changed ? abandoned_bit : seen & abandoned_bit;" "const auto mark = 0U;")
royong_add_model(sweep_frees_without_the_mark src/sync/lock_word.cpp
  "seen, half_changed ? LockWord::abandoned_bit : seen & LockWord::abandoned_bit" "seen, 0u")
royong_add_model(sweep_frees_a_lock_of_the_living src/sync/lock_word.cpp
  "if ((seen & LockWord::owner_mask) != owner) return;" "if ((seen & LockWord::owner_mask) == 0 || owner == 0) return;")
royong_add_model(release_pays_no_debt include/royong/detail/lock_word.hpp
  "if (in_debt) pay_debt();" "if (in_debt && false) pay_debt();")
royong_add_model(second_debt_forgets_the_first src/sync/lock_word.cpp
  "if (before != 0) os::futex_wake" "if (before != 0 && false) os::futex_wake")
royong_add_model(notice_overlooks_a_sleeper src/sync/notice.hpp
  "seen == asleep ? unheard : given" "given")

get_property(mutants GLOBAL PROPERTY royong_mutants)
target_compile_definitions(test_model PRIVATE ROYONG_MODEL_MUTANTS=${mutants})
