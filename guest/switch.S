/*G:470 The switch itself.
 *
 * A task that doesn't run has all it needs on its own stack; what's left to
 * remember is where that is.  So: push the registers that C wants to keep,
 * store esp, take the other's esp, pop the registers that it pushed when it was
 * last here, return to where it was called from.  One calls this function, and
 * returns from it some time later; in between others have. */
#include "layout.h"

	.text
	.globl	switch_stacks
switch_stacks:
	movl	4(%esp), %eax
	movl	8(%esp), %edx
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, (%eax)
	movl	%edx, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret
/*:*/

/*G:472 A task that has never run hasn't been in there either, so its stack is
 * made to look as if (G:474).  The child of a fork "returns" to here, and what
 * is left on its stack is a copy of its parent's trap.  The very first program
 * has not trapped at all: somebody has written down the registers it's to start
 * with. */
	.globl	fork_return, enter_program
fork_return:
	call	task_started
	jmp	trap_return

enter_program:
	movl	4(%esp), %esp
	jmp	trap_return
/*:*/

/*G:520 Copying to or from a program's memory is like any copying, but the
 * address came from the program and may be rubbish.  There's no use in asking
 * the page tables first: we just try.  If a page isn't there, the page fault
 * may bring it; if that's impossible it goes on at "stopped" (see G:444), and
 * the caller is told how many bytes there were still to go. */
	.globl	copy_user
copy_user:
	pushl	%esi
	pushl	%edi
	movl	12(%esp), %edi
	movl	16(%esp), %esi
	movl	20(%esp), %ecx
	movl	%ecx, %eax
	shrl	$2, %ecx
	andl	$3, %eax
words:	rep movsl
	movl	%eax, %ecx
bytes:	rep movsb
stopped:
	movl	%ecx, %eax
	popl	%edi
	popl	%esi
	ret

	.section .fixup, "ax"
words_stopped:
	leal	(%eax,%ecx,4), %ecx
	jmp	stopped

	.section .fixups, "a"
	.long	words, words_stopped
	.long	bytes, stopped
/*:*/

	.section .note.GNU-stack, "", @progbits
