/*G:400 Traps: how one gets from a program into the kernel.
 *
 * Whenever something out of the ordinary happens, the processor (the Host, for
 * us) switches to the kernel's stack, notes there where it was, and jumps to an
 * address that depends on what happened: a division by zero is number 0, the
 * timer 32, a system call 128.  The address alone would tell us which, so there
 * has to be one for each.  Each entry pushes its number, and an error code if
 * the processor has not done that, and then they all meet below. */
#include <linux/lguest.h>
#include "layout.h"

	.text
	.globl	trap_entries
	.balign	16
trap_entries:
	.set	number, 0
	.rept	256
	.balign	16
	.if	!(number == 8 || (number >= 10 && number <= 14) || number == 17)
	pushl	$0
	.endif
	pushl	$number
	jmp	trap_common
	.set	number, number + 1
	.endr
/*:*/

/*G:410 The stack gets to look like struct regs (puppy.h), and C takes over.
 *
 * We can't know what the program had in its segment registers, so ds and es get
 * something sensible: the program's own data segment, in fact, which is as flat
 * as the kernel's.  Nearly always it's in there already, and to load what is
 * there already is cheap under our Host.  fs and gs the kernel never touches,
 * except when it switches to another program. */
trap_common:
	pushl	%es
	pushl	%ds
	pushl	%eax
	pushl	%ebp
	pushl	%edi
	pushl	%esi
	pushl	%edx
	pushl	%ecx
	pushl	%ebx
	cld
	movl	$USER_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	pushl	%esp
	call	trap
	addl	$4, %esp
/*:*/

/*G:420 And back.  The registers come from the stack again, in the other order,
 * and "iret" takes the last three or five words.  It would restore the
 * interrupt flag as well, but the flag it restores is not the one that counts:
 * ours is a word in lguest_data.  So that has to be stored just before, and
 * then there's a gap of two instructions where interrupts are on and the old
 * frame is still on the stack.  If an interrupt came right there, each time,
 * frames would pile up until the stack is full.  Hence noirq_start and
 * noirq_end: between these two the Host delivers nothing.
 *
 * While interrupts were off one may have been put aside.  The Host has left a
 * note in irq_pending, and reading it must come after storing irq_enabled, or
 * it could arrive between the two and wait for something else to happen.  If
 * there is a note, we pretend that we trapped again before even one instruction
 * of the program was run, with a number that nothing else has.
 *
 * Why %ss?  ds is the program's already, and might be anything. */
	.globl	trap_return, noirq_start, noirq_end
trap_return:
	popl	%ebx
	popl	%ecx
	popl	%edx
	popl	%esi
	popl	%edi
	popl	%ebp
	popl	%eax
restore_ds:
	popl	%ds
restore_es:
	popl	%es
	addl	$8, %esp
	pushl	%eax
	movl	12(%esp), %eax
	andl	$LGUEST_EFLAGS_IF, %eax
noirq_start:
	movl	%eax, %ss:lguest_data + LGUEST_DATA_IRQ_ENABLED
	testl	%eax, %ss:lguest_data + LGUEST_DATA_IRQ_PENDING
	popl	%eax
	jnz	late_interrupt
back:	iret
noirq_end:

late_interrupt:
	pushl	$0
	pushl	$LATE_INTERRUPT
	jmp	trap_common
/*:*/

/*G:430 Three of these instructions can fail, if a program has had its own ideas
 * of what belongs in a segment register (it may have loaded a selector, and
 * then asked us to take that segment away).  That would be a fault in the
 * kernel.  As this happens where we can be certain of everything, there's a
 * list of such places with a place to go to for each (G:444).  A bad ds or es
 * becomes zero, which is a fine value for a segment that's never used.  If iret
 * fails we do as if the program had caused the trap itself, which it has. */
	.section .fixup, "ax"
zero_ds:
	movl	$0, (%esp)
	jmp	restore_ds
zero_es:
	movl	$0, (%esp)
	jmp	restore_es
bad_iret:
	pushl	$0
	pushl	$GENERAL_PROTECTION
	jmp	trap_common

	.section .fixups, "a"
	.long	restore_ds, zero_ds
	.long	restore_es, zero_es
	.long	back, bad_iret
/*:*/

	.section .note.GNU-stack, "", @progbits
