/* u32 int80(const u32 regs[7], const volatile int *interrupted)
 *
 * A signal that arrives after we have looked for one and before the kernel has
 * begun the call would wait until the call is over, perhaps forever.  So the
 * handler looks where we are: between int80_start and int80_end it sends us to
 * int80_abort.  That also covers calls that the kernel wants to restart, since
 * it does so by going back to the int. */
	.text
	.globl int80, int80_start, int80_end, int80_abort
	.type int80, @function
int80:
	push %rbx
	push %rbp
	push %r12
	push %r13
	mov %rdi, %r12
	mov %rsi, %r13
	mov 4(%r12), %ebx
	mov 8(%r12), %ecx
	mov 12(%r12), %edx
	mov 16(%r12), %esi
	mov 20(%r12), %edi
	mov 24(%r12), %ebp
	mov (%r12), %eax
int80_start:
	cmpl $0, (%r13)
	jne int80_abort
	int $0x80
int80_end:
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
int80_abort:
	mov $-512, %eax
	jmp int80_end
	.size int80, . - int80

	.section .note.GNU-stack, "", @progbits
