/*P:200 The Guest asks, the Host answers: hypercalls.
 *
 * A program that wants something of its kernel loads a number into eax and
 * executes "int $0x80".  A Guest kernel that wants something of its Host does
 * just the same, one step further down: number in eax, arguments in ebx, ecx,
 * edx and esi, then "int $0x1f".  Whatever comes back, comes back in eax.
 *
 * Why 0x1f?  Because it is the last of the vectors that the processor keeps
 * for itself and has never used, so it is nobody's interrupt (those start at
 * 0x20) and no program's system call.  Only ring 1, the Guest's kernel, gets
 * through: in ring 3 it's a general protection fault, like any other
 * privileged thing that a program shouldn't try.
 *
 * The numbers have holes.  3, 11 and 12 were calls once; nothing uses them
 * today, and reusing them would only confuse an old Guest. */
#ifndef _ASM_X86_LGUEST_HCALL_H
#define _ASM_X86_LGUEST_HCALL_H

/* How the Guest knocks at the Host's door. */
#define LGUEST_TRAP_ENTRY	0x1F

/* Arguments in the order ebx, ecx, edx, esi.  All addresses are physical,
 * unless they say that they aren't. */
#define LHCALL_FLUSH_ASYNC	0	/* Just empty the ring (see below) */
#define LHCALL_LGUEST_INIT	1	/* struct lguest_data: the first call */
#define LHCALL_SHUTDOWN		2	/* text, LGUEST_SHUTDOWN_* */
#define LHCALL_NEW_PGTABLE	4	/* page directory */
#define LHCALL_FLUSH_TLB	5	/* 0: user part, 1: every table */
#define LHCALL_LOAD_IDT_ENTRY	6	/* vector, low word, high word */
#define LHCALL_SET_STACK	7	/* ss, virtual esp, pages (1 or 2) */
#define LHCALL_TS		8	/* CR0.TS: set if not zero */
#define LHCALL_SET_CLOCKEVENT	9	/* nanoseconds to interrupt 0, or 0 */
#define LHCALL_HALT		10	/* Nothing to do: wake me */
#define LHCALL_SET_PMD		13	/* PMD page, index (PAE only) */
#define LHCALL_SET_PTE		14	/* directory, virtual, low, high word */
#define LHCALL_SET_PGD		15	/* page directory, index */
#define LHCALL_LOAD_TLS		16	/* three GDT entries, for 6, 7 and 8 */
#define LHCALL_NOTIFY		17	/* address: kick whoever watches it */
#define LHCALL_LOAD_GDT_ENTRY	18	/* index, low word, high word */
#define LHCALL_SEND_INTERRUPTS	19	/* I let interrupts in: any waiting? */

/* What the Guest wishes to happen after its LHCALL_SHUTDOWN. */
#define LGUEST_SHUTDOWN_POWEROFF	1
#define LGUEST_SHUTDOWN_RESTART		2
/*:*/

/*P:210 A trap costs the same whether it asks for much or for little, and a
 * kernel that forks asks for a great many little things ("this page table
 * entry has changed, so has this one, this one...").  Nobody needs an answer to
 * those, so the Guest may write them into a ring and go on; the Host empties
 * the ring before it looks at the next real hypercall.
 *
 * A slot is five words: eax to esi as they'd have been for the trap. */
#define LHCALL_RING_SIZE	64
#define LHCALL_RING_WORDS	5

/* A slot's status: the Guest sets WAITING, the Host sets DONE again. */
#define LHCALL_RING_WAITING	0
#define LHCALL_RING_DONE	0xFF
/*:*/

#endif /* _ASM_X86_LGUEST_HCALL_H */
