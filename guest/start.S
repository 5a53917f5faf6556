/*G:000 The Guest: a kernel of our own.
 *
 * lguest was made to run Linux, and it still does.  But Linux is a large thing
 * to learn a small thing from, so this chapter walks through a kernel that does
 * what Linux does for lguest's sake and not much else.  It is called puppy.  It
 * boots in the time that a person needs to lift a finger from the return key,
 * runs programs in ring 3 with fork() and signals and pipes, and has a
 * self-test which is the Host's worst customer.
 *
 * What is special about being a Guest?  Less than one would think.  We are an
 * i386 kernel: page tables, gates, a timer, system calls.  But we aren't in
 * ring 0, so whatever only ring 0 may do we can't do ourselves: we ask the
 * Host, with "int $0x1f".  That's all of paravirtualization.  Look out for
 * hcall() on the way; between two of them, it is a kernel like any other.
 *
 * We start with the words that the rooms of this kernel use among themselves,
 * then comes the first instruction. :*/

/*G:050 The first instruction.
 *
 * The Launcher has put us at LOAD_ADDRESS and the Host jumps to "start", with
 * interrupts off, flat segments and no page table: an address is an address.
 * esi says where the boot information is.  We were linked to run at
 * PAGE_OFFSET + LOAD_ADDRESS, and so everything with a name must have
 * PAGE_OFFSET subtracted until there are page tables that make it true.
 *
 * First our variables are made zero.  The Launcher's memory is zero already,
 * but a kernel that relies on that would not survive any other loader. */
#include <linux/lguest.h>
#include "layout.h"

#define PHYSICAL(symbol)	((symbol) - PAGE_OFFSET)
#ifdef CONFIG_PAE
#define ENTRY_BYTES	8
#else
#define ENTRY_BYTES	4
#endif
#define BOOT_PAGES	(BOOT_MAPPED / 4096)
/* Present, writable, and both accessed and dirty already, which spares the Host
 * from ever telling us so. */
#define KERNEL_PAGE	0x63

	.section .head.text, "ax"
	.globl	start
start:
	cld
	xorl	%eax, %eax
	movl	$PHYSICAL(bss_start), %edi
	movl	$PHYSICAL(bss_end), %ecx
	subl	%edi, %ecx
	shrl	$2, %ecx
	rep stosl
	movl	%esi, PHYSICAL(boot_params_at)
	movl	$PHYSICAL(boot_stack_top), %esp
/*:*/

/*G:052 We introduce ourselves: this is the only first hypercall that the Host
 * forgives.  It gets the physical address of the page that we share, struct
 * lguest_data, filled in by the compiler as far as it is ours (hypercall.c). */
	movl	$LHCALL_LGUEST_INIT, %eax
	movl	$PHYSICAL(lguest_data), %ebx
	int	$LGUEST_TRAP_ENTRY
/*:*/

/*G:054 Now for page tables that are just good enough to get us into C.  The
 * lowest 4 MB appear twice: where they are, since that's where we are running,
 * and at PAGE_OFFSET, where we want to be.  Both places can use the same page
 * table. */
	movl	$PHYSICAL(boot_tables), %edi
	movl	$KERNEL_PAGE, %eax
	movl	$BOOT_PAGES, %ecx
1:	movl	%eax, (%edi)
	addl	$4096, %eax
	addl	$ENTRY_BYTES, %edi
	loop	1b

#ifdef CONFIG_PAE
/* With PAE an entry has 8 bytes, a table only 512 of them, and so a third level
 * is needed at the top: four entries of a gigabyte each.  Those have no rights,
 * only bit 0.  Ours share the page below as well. */
	movl	$PHYSICAL(boot_tables) + KERNEL_PAGE, PHYSICAL(kernel_middle)
	movl	$PHYSICAL(boot_tables) + 4096 + KERNEL_PAGE, \
		PHYSICAL(kernel_middle) + ENTRY_BYTES
	movl	$PHYSICAL(kernel_middle) + 1, PHYSICAL(kernel_directory)
	movl	$PHYSICAL(kernel_middle) + 1, \
		PHYSICAL(kernel_directory) + 3 * ENTRY_BYTES
#else
	movl	$PHYSICAL(boot_tables) + KERNEL_PAGE, PHYSICAL(kernel_directory)
	movl	$PHYSICAL(boot_tables) + KERNEL_PAGE, \
		PHYSICAL(kernel_directory) + (PAGE_OFFSET >> 22) * ENTRY_BYTES
#endif
/*:*/

/*G:056 On a real machine we'd load cr3 and set a bit in cr0.  Here it's a
 * hypercall, after which addresses mean what our tables say.  An absolute jump
 * takes us up to where we belong; the rest of the kernel is in C (G:100). */
	movl	$LHCALL_NEW_PGTABLE, %eax
	movl	$PHYSICAL(kernel_directory), %ebx
	int	$LGUEST_TRAP_ENTRY

	movl	$1f, %eax
	jmp	*%eax
1:	addl	$PAGE_OFFSET, %esp
	xorl	%ebp, %ebp
	call	kernel_main
/*:*/

/* The kernel's own page directory lives on; the tables below it, too. */
	.bss
	.balign	4096
	.globl	kernel_directory
kernel_directory:
	.skip	4096
#ifdef CONFIG_PAE
	.globl	kernel_middle
kernel_middle:
	.skip	4096
#endif
boot_tables:
	.skip	BOOT_PAGES * ENTRY_BYTES
boot_stack:
	.skip	8192
boot_stack_top:

	.data
	.balign	4
	.globl	boot_params_at
boot_params_at:
	.long	0

	.section .note.GNU-stack, "", @progbits
