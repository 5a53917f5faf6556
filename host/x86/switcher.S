/*S:100 The Switcher: into translated code, and out again.
 *
 * Here is the narrowest spot of the whole Host.  On one side C, which believes
 * that it owns the machine; on the other the Guest, which believes the same.
 * While translated code runs:
 *
 *	eax ecx edx ebx ebp esi edi	are where the Guest thinks they are,
 *					upper halves zero
 *	r13		the Guest's esp
 *	r14, gs base	the window: Guest address 0 lies here
 *	r15		struct x86_cpu
 *	r12		the view's jump table
 *	r11		the base of the code cache
 *	r8, r9, r10	scratch, and never live between two Guest instructions
 *	rsp		ours: signal handlers simply work
 *	flags		the Guest's arithmetic flags and DF, and nothing else
 *
 * so that at each boundary between instructions the Guest's state is simply
 * there.  The offsets below are checked against struct x86_cpu in faults.c. */
#define CPU_FLAGS 64
#define CPU_WINDOW 96
#define CPU_JUMPS 104
#define CPU_HOST_RSP 112
#define CPU_TARGET 120
#define CPU_CODE 136

#define FLAG_DF 0x400
#define FLAG_OF_BIT 11

	.text

/* void x86_enter(struct x86_cpu *cpu): run at cpu->target until it leaves.
 *
 * popfq is slow, as it could do so much more than we want.  Only for DF there's no
 * other way; the rest is OF by an addition that overflows, and sahf.  (A system
 * call on puppy, which enters twice, took 83 ns, now 68.) */
	.globl x86_enter
	.type x86_enter, @function
x86_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, %r15
	mov %rsp, CPU_HOST_RSP(%r15)
	mov CPU_WINDOW(%r15), %r14
	mov CPU_JUMPS(%r15), %r12
	mov CPU_CODE(%r15), %r11
	mov CPU_FLAGS(%r15), %ecx
	test $FLAG_DF, %ecx
	jnz slow_flags
	mov %cl, %ah
	shr $FLAG_OF_BIT, %ecx
	and $1, %ecx
	add $0x7f, %cl
	sahf
flags_loaded:
	mov 0(%r15), %rax
	mov 8(%r15), %rcx
	mov 16(%r15), %rdx
	mov 24(%r15), %rbx
	mov 32(%r15), %r13
	mov 40(%r15), %rbp
	mov 48(%r15), %rsi
	mov 56(%r15), %rdi
	jmp *CPU_TARGET(%r15)
slow_flags:
	push %rcx
	popfq
	jmp flags_loaded
	.size x86_enter, . - x86_enter

/* Translated code leaves by a jump to here, with cpu->eip and cpu->exit set. */
	.globl x86_leave
	.type x86_leave, @function
x86_leave:
	mov %rax, 0(%r15)
	mov %rcx, 8(%r15)
	mov %rdx, 16(%r15)
	mov %rbx, 24(%r15)
	mov %r13, 32(%r15)
	mov %rbp, 40(%r15)
	mov %rsi, 48(%r15)
	mov %rdi, 56(%r15)
	pushfq
	pop CPU_FLAGS(%r15)
	cld
/* A fault leaves through here: the signal handler has saved the state. */
	.globl x86_leave_saved
x86_leave_saved:
	mov CPU_HOST_RSP(%r15), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size x86_leave, . - x86_leave
/*:*/

/*S:110 bool x86_try_copy(void *to, const void *from, u32 len)
 *
 * One of the two is in a window, where a page may be missing; then the fault
 * handler sends us to the second half of this function, and the answer is no.
 * @len is a multiple of four. */
	.globl x86_try_copy, x86_try_copy_failed
	.type x86_try_copy, @function
x86_try_copy:
	mov (%rsi), %eax
	mov %eax, (%rdi)
	add $4, %rsi
	add $4, %rdi
	sub $4, %edx
	jnz x86_try_copy
	mov $1, %eax
	ret
x86_try_copy_failed:
	xor %eax, %eax
	ret
	.size x86_try_copy, . - x86_try_copy
/*:*/

	.section .note.GNU-stack, "", @progbits
