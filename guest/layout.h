/*G:040 Numbers that C, assembler and linker have to agree on.
 *
 * The kernel sits at 1 MB of physical memory, where both kinds of kernel file
 * (ELF and bzImage) may put it, and believes itself to be 3 GB higher up. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* Above it lives the kernel, below it the programs. */
#define PAGE_OFFSET	0xC0000000
#define LOAD_ADDRESS	0x100000
/* How much start.S maps; the least memory that we can run in. */
#define BOOT_MAPPED	0x400000

/* RAM is mapped from PAGE_OFFSET up to here at most; then come other physical
 * pages.  The last 8 MB stay empty, of which the Host needs half. */
#define MAP_START	0xF0000000
#define MAP_END		0xFF800000

/* Selectors: index times 8, plus the ring.  We live in ring 1, as guests of
 * lguest do; the first two are there when we wake up. */
#define KERNEL_CS	0x61
#define KERNEL_DS	0x69
#define USER_CS		0x73
#define USER_DS		0x7b
#define FIRST_TLS	6
#define TLS_ENTRIES	3

#define IRQ_BASE	0x20
#define SYSCALL_VECTOR	0x80
/* No trap has this number (the Host keeps it for hypercalls), so that entry.S
 * may use it to say: on the way out, I found an interrupt waiting. */
#define LATE_INTERRUPT	0x1f
#define GENERAL_PROTECTION 13

/* Where in struct lguest_data assembler finds what it needs of it. */
#define LGUEST_DATA_IRQ_ENABLED	0
#define LGUEST_DATA_IRQ_PENDING	20

#endif /* GUEST_LAYOUT_H */
/*:*/
