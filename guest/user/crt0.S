/*D:800 User land: the first instruction of every program.
 *
 * All these chapters long we have been below.  A program sees none of it: no
 * hypercalls, no virtqueues, no Host.  It is a Linux program for the i386, and
 * knows two things: how its stack looks when it starts, and that the system is
 * to be had at "int $0x80".  Every program under guest/user runs on Linux just
 * as well, which is how we know that puppy isn't merely lenient.
 *
 * The kernel leaves the argument count at the top of the stack, the arguments
 * above it, and no return address, for there's nowhere to return to. */
#include <asm/unistd.h>

	.text
	.globl	_start
_start:
	xorl	%ebp, %ebp
	movl	%esp, %eax
	andl	$-16, %esp
	subl	$12, %esp
	pushl	%eax
	call	run_main
/*:*/

/*D:802 A system call takes its number in eax and up to six arguments in the
 * other registers, all there are.  From C it comes as one function of seven
 * arguments, whoever needs fewer leaves the last away (see user.h). */
	.globl	system_call
system_call:
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	%ebp
	movl	20(%esp), %eax
	movl	24(%esp), %ebx
	movl	28(%esp), %ecx
	movl	32(%esp), %edx
	movl	36(%esp), %esi
	movl	40(%esp), %edi
	movl	44(%esp), %ebp
	int	$0x80
	popl	%ebp
	popl	%edi
	popl	%esi
	popl	%ebx
	ret
/*:*/

/*D:804 Where a signal handler returns to.  The kernel has put this address on
 * the stack below the signal's number, as if it had called the handler from
 * here.  What lies above the number is the life that was interrupted, and only
 * the kernel can resume that: all registers at once. */
	.globl	signal_return
signal_return:
	popl	%eax
	movl	$__NR_sigreturn, %eax
	int	$0x80
/*:*/

	.section .note.GNU-stack, "", @progbits
