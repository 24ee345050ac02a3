// SPDX-License-Identifier: Apache-2.0
// void royong_v0_call_traced(void (*function)(void*), void* context)
//
// Calls function(context) from a frame whose personality routine is ours. When an exception is about to leave that
// frame, the unwinder asks it during its first phase, in which nothing has been unwound: the stack of the throw is
// still whole. In a file of its own because assembly inside C++ does not survive -flto.
#if defined(__x86_64__) && defined(__linux__)
        .text
        .globl  royong_v0_call_traced
        .hidden royong_v0_call_traced
        .hidden royong_v0_trace_personality
        .type   royong_v0_call_traced, @function
royong_v0_call_traced:
        .cfi_startproc
        .cfi_personality 0x1b, royong_v0_trace_personality  // DW_EH_PE_pcrel | DW_EH_PE_sdata4
#ifdef __CET__
        endbr64
#endif
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        movq    %rdi, %rax
        movq    %rsi, %rdi
        callq   *%rax
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        retq
        .cfi_endproc
        .size   royong_v0_call_traced, .-royong_v0_call_traced
#endif
        .section .note.GNU-stack, "", @progbits
