/* The shortest life of a Guest: it looks at the processor's clock, tells the
 * Host who it is, and dies with what it saw as its last words, in hexadecimal
 * digits.  host/watch.c knows what the same clock said before. */
#include <asm/lguest_hcall.h>

	.text
	.globl	_start
_start:
	rdtsc
	movl	$stack, %esp
	movl	$text_end, %edi
	call	put_digits
	movl	%edx, %eax
	call	put_digits
	movl	$LHCALL_LGUEST_INIT, %eax
	movl	$lguest_data, %ebx
	int	$LGUEST_TRAP_ENTRY
	movl	$LHCALL_SHUTDOWN, %eax
	movl	$text, %ebx
	movl	$LGUEST_SHUTDOWN_POWEROFF, %ecx
	int	$LGUEST_TRAP_ENTRY

/* eax, eight digits to the left of edi. */
put_digits:
	movl	$8, %ecx
1:	movl	%eax, %ebx
	andl	$15, %ebx
	movb	digits(%ebx), %bl
	decl	%edi
	movb	%bl, (%edi)
	shrl	$4, %eax
	loop	1b
	ret

digits:	.ascii	"0123456789abcdef"
text:	.ascii	"tsc="
	.fill	16, 1, '0'
text_end:
	.fill	128, 1, 0

/* struct lguest_data (linux/lguest.h): the ring is empty, and the kernel's
 * addresses begin at 3 GB. */
	.balign	4096
lguest_data:
	.fill	24, 1, 0
	.fill	LHCALL_RING_SIZE, 1, LHCALL_RING_DONE
	.fill	LHCALL_RING_SIZE * LHCALL_RING_WORDS, 4, 0
	.long	0, 0, 0, 0, 0xc0000000, 0x80
	.fill	64, 1, 0
stack:

	.section .note.GNU-stack, "", @progbits
