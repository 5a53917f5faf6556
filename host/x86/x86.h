/*S:000 The processor.
 *
 * host/x86/ is a 32-bit x86 processor and nothing more.  It runs the Guest's
 * instructions, and whenever one means something - a privileged instruction, a
 * trap, a page that is not there - it asks the machine built around it through
 * struct x86_machine.  lguest is one such machine; the processor has never
 * heard of it. :*/
#ifndef LGUEST_X86_X86_H
#define LGUEST_X86_X86_H

#include "decode.h"
#include "types.h"

/* What an access is: the bits of a page-fault error code (SDM 3A:4.7). */
#define X86_PRESENT 1u	/* only in error codes: a protection violation */
#define X86_READ 0u
#define X86_WRITE 2u
#define X86_USER 4u
#define X86_FETCH 16u

/* Vectors (SDM 3A:6.3.1). */
enum {
	X86_DE = 0, X86_DB = 1, X86_BP = 3, X86_OF = 4, X86_BR = 5,
	X86_UD = 6, X86_NM = 7, X86_DF = 8, X86_TS = 10, X86_NP = 11,
	X86_SS_FAULT = 12, X86_GP = 13, X86_PF = 14, X86_MF = 16,
	X86_AC = 17, X86_XM = 19,
};

#define X86_FLAG_CF 0x1u
#define X86_FLAG_PF 0x4u
#define X86_FLAG_AF 0x10u
#define X86_FLAG_ZF 0x40u
#define X86_FLAG_SF 0x80u
#define X86_FLAG_TF 0x100u
#define X86_FLAG_IF 0x200u
#define X86_FLAG_DF 0x400u
#define X86_FLAG_OF 0x800u
#define X86_FLAG_IOPL 0x3000u
#define X86_FLAG_NT 0x4000u
#define X86_FLAG_RF 0x10000u
#define X86_FLAG_VM 0x20000u
#define X86_FLAG_AC 0x40000u
#define X86_FLAG_ID 0x200000u
/* The flags that live in the machine's own while the Guest runs; all others
 * are kept in eflags_kept. */
#define X86_LIVE_FLAGS 0xcd5u
#define X86_KEPT_FLAGS                                                         \
	(X86_FLAG_TF | X86_FLAG_NT | X86_FLAG_AC | X86_FLAG_ID | X86_FLAG_IOPL)

/* A page of Guest memory as the Guest's page tables have it. */
struct guest_page {
	u32 pfn;
	u8 flags;
};
#define GUEST_PAGE_WRITE 1u	/* W at every level */
#define GUEST_PAGE_USER 2u	/* U at every level */
#define GUEST_PAGE_ACCESSED 4u
#define GUEST_PAGE_DIRTY 8u

/* A view is what x86/ keeps for one window (one address space seen with one
 * privilege): which window, and the jump table that finds translations by eip.
 * windows.c embeds one in each window and calls x86_view_*() for it. */
struct x86_view {
	u64 base;	/* Guest address 0 in our address space; 4 GiB-aligned */
	struct x86_jumps *jumps;
	bool user;	/* the view of ring 3 */
	bool linear;	/* paging is off: every address is global */
};

/* A jump table: all zero at first, and the greater part forever.  The kernel's
 * views may have the same one, since they agree on all addresses from global_start
 * up; what it knows of those below is its owner's. */
struct x86_jumps {
	s32 slot[1ull << 32];	/* offsets of translations, by eip */
	u64 filled[1u << 22];	/* bitmap by 16 slots: not all of them are zero */
	u32 pfns[1u << 20];	/* by page: the Guest page that is executed there */
	u8 executed[1u << 17];	/* bitmap by page: eips of it may stand there */
	u8 executed_regions[128];	/* the same by 4 MiB; may say too much */
	const struct x86_view *owner;	/* NULL if that's nothing */
	u32 generation;		/* of the cache when this was last valid */
} __attribute__((aligned(4096)));

/* A segment register: the selector that the Guest loaded and the cached base. */
struct x86_segment {
	u32 base;
	u16 selector;
	u16 minus;	/* -selector: loading the same one again is for free */
};

/* Sets the selector of ds, es, fs or gs.  @stable: its descriptor can't change
 * without the machine's hearing of it, so a load of the same selector needs no
 * look at the descriptor. */
static inline void x86_set_selector(struct x86_segment *seg, u16 selector,
				    bool stable)
{
	seg->selector = selector;
	/* Else the sum with no selector that can be loaded is zero. */
	seg->minus = stable ? -selector : 1;
}

#define X86_DR6_STEP 0x4000u	/* a #DB comes from TF */

/* Bits of a selector; and of a descriptor's second word (SDM 3A:3.4.5). */
#define X86_RPL 3u
#define X86_LDT 4u
#define X86_DESC_ACCESSED 0x00000100u
#define X86_DESC_READABLE 0x00000200u	/* of code */
#define X86_DESC_WRITABLE 0x00000200u	/* of data */
#define X86_DESC_CONFORMING 0x00000400u	/* of code */
#define X86_DESC_CODE 0x00000800u
#define X86_DESC_MEMORY 0x00001000u	/* not a gate, TSS or LDT */
#define X86_DESC_DPL 0x00006000u
#define X86_DESC_DPL_SHIFT 13
#define X86_DESC_PRESENT 0x00008000u
#define X86_DESC_32BIT 0x00400000u

struct x86_cpu;

/* The machine around the processor. */
struct x86_machine {
	/* Walks the current page tables for @lin as the access would (X86_WRITE
	 * X86_USER X86_FETCH bits), setting A and D.  false: *error is the
	 * page-fault error code. */
	bool (*walk)(struct x86_cpu *cpu, u32 lin, u32 access,
		     struct guest_page *page, u32 *error);
	/* Which page stands at @lin now; touches nothing.  false: none. */
	bool (*peek)(struct x86_cpu *cpu, u32 lin, struct guest_page *page);
	/* Makes the page of @lin accessible in the current view; same result.
	 * Called from a signal handler. */
	bool (*fill)(struct x86_cpu *cpu, u32 lin, u32 access, u32 *error);
	/* Guest page @pfn has got translations: make it read-only in every
	 * window. */
	void (*protect)(struct x86_cpu *cpu, u32 pfn);
	/* Loads segment register @seg (X86_ES..X86_GS) with @selector: fills
	 * cpu->seg[seg], or raises a trap and returns false. */
	bool (*load_segment)(struct x86_cpu *cpu, int seg, u16 selector);
	/* An instruction of kind X86_PRIVILEGED stands at cpu->eip.  The machine
	 * performs it and moves eip on, or raises a trap. */
	void (*privileged)(struct x86_cpu *cpu, const struct x86_insn *insn);
	/* int @vector (also int3 and into) of @len bytes stands at cpu->eip. */
	void (*interrupt)(struct x86_cpu *cpu, u8 vector, unsigned len);
	/* iret (@insn tells its operand size) stands at cpu->eip. */
	void (*iret)(struct x86_cpu *cpu, const struct x86_insn *insn);
	/* A trap at cpu->eip, all state as before the instruction (after it
	 * for the trap-like #DB).  @address: cr2 for X86_PF, for X86_DB what it
	 * adds to dr6. */
	void (*trap)(struct x86_cpu *cpu, u8 vector, u32 error, u32 address);
	/* eflags as pushf shows them: @eflags comes with live and kept bits. */
	u32 (*show_eflags)(struct x86_cpu *cpu, u32 eflags);
	/* popf (or the like) wants @eflags: sets the kept bits it allows with
	 * x86_set_eflags(). @mask: 0xffff for a 16-bit popf, else ~0. */
	void (*change_eflags)(struct x86_cpu *cpu, u32 eflags, u32 mask);
	/* cpuid @leaf, @subleaf: out[0..3] = eax ebx ecx edx. */
	void (*cpuid)(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4]);
	/* The descriptor that @selector names, low word first, as lar, lsl,
	 * verr and verw want to see it.  false: there is none. */
	bool (*descriptor)(struct x86_cpu *cpu, u16 selector, u32 out[2]);
	/* The kernel's cli, sti, pushf and popf work on cpu->interrupt_flag,
	 * in translated code as far as possible.  Otherwise there is no such
	 * flag, and they go to privileged(), show_eflags(), change_eflags(). */
	bool has_interrupt_flag;
};

struct x86_cache;

#define X86_FPU_IMAGE 512	/* what fxsave stores (SDM 2A, FXSAVE) */

/* All of one processor's state.  Translated code holds it in r15 and knows the
 * offsets of what stands first (switcher.S checks them). */
struct x86_cpu {
	u64 regs[8];		/* eax ecx edx ebx esp ebp esi edi, upper half 0 */
	u64 flags;		/* live flags, as pushfq gave them */
	u32 eip;
	u32 exit;		/* why translated code came back: enum x86_exit */
	u64 poll;		/* loaded at each block's entry; X86_POLL_TRAP: leave */
	u64 fpu_poll;		/* loaded before FPU instructions; same for #NM */
	u64 window;		/* = view->base */
	u64 jumps;		/* = view->jumps->slot */
	u64 host_rsp;		/* our stack while translated code runs */
	u64 target;		/* where to enter translated code */
	u64 link;		/* the jump that wants to be chained */
	u64 code;		/* base of the code cache: jumps[] count from it */
	u64 waiting_poll;	/* loaded when interrupts are enabled: leave */
	u32 interrupt_flag;	/* X86_FLAG_IF or 0 */
	struct x86_segment seg[6];
	u32 eflags_kept;	/* TF NT AC ID IOPL as the Guest set them */
	u8 user;		/* running in ring 3 */
	bool stop;		/* x86_run() shall return */
	bool single;		/* the next instruction gets a block of its own */
	u8 vector;		/* of a trap exit */
	u32 error;
	u32 address;
	struct x86_view *view;
	u32 global_start;	/* from here up all address spaces agree */
	u8 *memory;		/* Guest physical 0 in our address space */
	u32 memory_pages;	/* first page number out of bounds */
	const struct x86_machine *machine;
	struct x86_cache *cache;
	u8 fpu[X86_FPU_IMAGE] __attribute__((aligned(16))); /* while in C */
};

/* Prepares @cpu (zeroed, with machine, memory, memory_pages set), its code
 * cache and the signal handlers.  Returns 0 or -errno. */
int x86_init(struct x86_cpu *cpu);
void x86_exit(struct x86_cpu *cpu);

/* Runs until x86_stop() or x86_kick().  The caller has chosen a view. */
void x86_run(struct x86_cpu *cpu);

/* Makes x86_run() return at the next instruction boundary: from the machine's
 * own callbacks, ... */
void x86_stop(struct x86_cpu *cpu);
/* ... or from any thread, at any time.  Sticky until x86_unkick(). */
void x86_kick(struct x86_cpu *cpu);
void x86_unkick(struct x86_cpu *cpu);

/* An interrupt waits for the Guest to enable interrupts: x86_run() returns as
 * soon as it has set cpu->interrupt_flag, perhaps before the instruction that
 * does so is over; it'll then do it again.  Not before hlt. */
void x86_await_interrupts(struct x86_cpu *cpu, bool on);

/* The address space and privilege to run with from now on. */
void x86_use_view(struct x86_cpu *cpu, struct x86_view *view);
/* CR0.TS: FPU instructions trap to #NM while set. */
void x86_set_ts(struct x86_cpu *cpu, bool on);
bool x86_ts(const struct x86_cpu *cpu);
/* The Guest's FPU state, between the machine (where it is while the Guest runs)
 * and cpu->fpu.  Around anything that may use vector registers. */
void x86_load_fpu(struct x86_cpu *cpu);
void x86_save_fpu(struct x86_cpu *cpu);
/* An fxsave image of it while the Guest runs, with addresses of the Guest's, not
 * ours, though as wide as ours. */
void x86_fpu_image(const struct x86_cpu *cpu, u8 image[X86_FPU_IMAGE]);
/* Makes the machine itself remember its last x87 instruction as the Guest's. */
void x86_settle_fpu(const struct x86_cpu *cpu);

/* eflags with live and kept bits together, bit 1 set. */
u32 x86_eflags(const struct x86_cpu *cpu);
/* Sets both: arithmetic flags and DF into the live ones, the rest kept (IF, RF
 * and VM are dropped). */
void x86_set_eflags(struct x86_cpu *cpu, u32 eflags);

/* Guest memory by linear address, through the page tables, from C: @access has
 * X86_WRITE and X86_USER bits; @len at most a page or two, wraps at 4 GiB.
 * The quiet one returns false with *error and *address of the page fault; the
 * other raises the trap with the privilege of cpu->user.  A write is done whole
 * or not at all. */
bool x86_access(struct x86_cpu *cpu, u32 lin, void *buf, u32 len, u32 access,
		u32 *error, u32 *address);
bool x86_read(struct x86_cpu *cpu, u32 lin, void *buf, u32 len);
bool x86_write(struct x86_cpu *cpu, u32 lin, const void *buf, u32 len);

/* The machine's own cpuid, from memory after the first time. */
void x86_host_cpuid(u32 leaf, u32 subleaf, u32 out[4]);

/* Which vector would loading segment register @seg in @ring with @selector raise,
 * whose descriptor has the second word @high (0 if it has none)?  0: none.
 * (segments.c) */
u8 x86_segment_fault(int seg, u16 selector, u32 high, u32 ring);
/* A kernel on its way to a program leaves its data segments loaded as often as
 * not; the processor takes them away, or else the program could use them.  Asked
 * of all four at each return to ring 3, of which mostly none is the kernel's. */
static inline bool x86_too_privileged(u16 selector, u32 high)
{
	return (high & X86_DESC_DPL) != X86_DESC_DPL && selector & ~X86_RPL &&
	       (~high & (X86_DESC_CODE | X86_DESC_CONFORMING));
}

u32 x86_segment_base(const u32 descriptor[2]);
u32 x86_segment_limit(const u32 descriptor[2]);
/* Is it what translated code takes cs, ds, es and ss to be: all of memory, from 0
 * to 4 GiB?  @descriptor may be loaded into @seg. */
bool x86_is_flat(int seg, const u32 descriptor[2]);

/* Raises a trap at cpu->eip. */
void x86_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address);

/* One instruction of kind X86_EMULATE at cpu->eip (emulate.c). */
void x86_emulate(struct x86_cpu *cpu, const struct x86_insn *insn);
/* The linear address of @insn's ModRM memory operand, segment base included. */
u32 x86_operand_address(const struct x86_cpu *cpu, const struct x86_insn *insn);
/* A general register of 1, 2 or 4 bytes (size 1: al cl dl bl ah ch dh bh). */
u32 x86_get_reg(const struct x86_cpu *cpu, int reg, int size);
void x86_put_reg(struct x86_cpu *cpu, int reg, int size, u32 value);

/* What windows.c tells about mappings (cache.c). */
/* Has @pfn translations that a write would have to drop? Then map read-only. */
bool x86_has_code(const struct x86_cpu *cpu, u32 pfn);
/* @pfn is written (or about to be): its translations go. */
void x86_code_written(struct x86_cpu *cpu, u32 pfn);
/* @view's page at @lin goes, or shows another Guest page now; ... */
void x86_view_unmapped(struct x86_cpu *cpu, struct x86_view *view, u32 lin);
/* ... or all that aren't global do. */
void x86_view_emptied(struct x86_cpu *cpu, struct x86_view *view);
/* The mapping of a global page (@lin >= global_start) changed; or any of them
 * may have. */
void x86_global_changed(struct x86_cpu *cpu, u32 lin);
void x86_all_changed(struct x86_cpu *cpu);

/* All that stands in Guest page @pfn, in one number that no Guest can foresee. */
u64 x86_sum_page(const struct x86_cpu *cpu, u32 pfn);

/*S:990 And so each instruction of the Guest has been run, by the only machine
 * that could be trusted to know what it does: the one it was written for.  All
 * that we did was to move the furniture.
 *
 * You have now seen everything.  Next: make Mastery, where it is your turn. :*/

#endif /* LGUEST_X86_X86_H */
