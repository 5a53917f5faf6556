/*S:600 The code cache: what translate.c makes, cache.c keeps and faults.c asks
 * about.  Private to host/x86/. :*/
#ifndef LGUEST_X86_CACHE_H
#define LGUEST_X86_CACHE_H

#include "x86.h"

/* Why translated code came back. */
enum x86_exit {
	EXIT_LOOKUP,	/* go on at cpu->eip */
	EXIT_CHAIN,	/* same, and patch the jump at cpu->link on the way */
	EXIT_SLOW,	/* the instruction at cpu->eip is for C: slow[link] */
	EXIT_POLL,	/* somebody kicked us */
	EXIT_TRAP,	/* cpu->vector, error, address */
};

/* Loads from these addresses always fault: Linux maps nothing in the last page
 * below the end of user space, and no Guest's pointer leads there. */
#define X86_POLL_TRAP 0x7ffffffff010ull
#define X86_FPU_TRAP 0x7ffffffff020ull
#define X86_WAITING_TRAP 0x7ffffffff030ull

#define NO_PAGE (~0u)
#define MAX_BLOCK_INSNS 64
#define MAX_BLOCK_BYTES 240

/* What a block was translated for; part of its key. */
#define MODE_USER 1u
#define MODE_LINEAR 2u

/* A run of Guest instructions, entered only at its start. */
struct x86_block {
	u64 sum;	/* of the Guest's bytes */
	u32 eip;
	u32 pfn;
	u32 pfn2;	/* the second page of an instruction across two */
	u32 code;	/* offset of the entry in the cache... */
	u32 tail;	/* ... of what a dead block's entry jumps to ... */
	u32 end;	/* ... and of the first byte after it */
	u32 marks;	/* index of the first instruction's mark */
	u32 slow;	/* of its slow instruction, if it has one */
	u32 next;	/* same bucket of the hash */
	u32 next_in_page, next_in_page2;
	u8 insns;
	u8 len;		/* Guest bytes */
	u8 mode;
	bool dead;
	bool fpu;	/* the FPU may remember an address in it */
};

/* Where each instruction of a block begins, for precise traps. */
struct x86_mark {
	u16 host;	/* offset from the block's entry */
	u8 guest;	/* offset from the block's eip */
	u8 fix;		/* enum x86_fix */
};

/* What has to be undone if the instruction faults. */
enum x86_fix { FIX_NONE, FIX_RSI_FROM_R9, FIX_STRING, FIX_MASK = 3 };
/* ... besides: a register has just been counted up or down by one, with 64 bits,
 * and the flags tell of these. */
#define FIX_COUNTED 0x80
#define FIX_DOWN 0x40
#define FIX_CARRY 0x20		/* CF is to be set as well */
#define FIX_REG_SHIFT 2

/* Of each Guest page: its blocks, and how often writing to it cost us some. */
struct x86_code_page {
	u64 sum;	/* of the page, when it got its first block */
	u32 head;	/* block number, 0 = none */
	u8 writes;
	bool wraps;	/* some address in its code goes round 4 GiB */
	u16 calm;	/* verified runs since the page became restless */
};

struct x86_cache {
	u8 *rx, *rw;	/* two mappings of the same memory, never W and X */
	size_t used;
	u8 *stub_lookup, *stub_chain, *stub_slow;
	size_t first;	/* where blocks start: after the stubs */
	struct x86_block *blocks;	/* by address; number 0 is not used */
	u32 nblocks;
	struct x86_mark *marks;
	u32 nmarks;
	struct x86_insn *slow;		/* instructions for C, decoded once */
	u32 nslow;
	u32 *buckets;
	u32 secrets[PAGE_SIZE / 4 + 64];	/* a word's worth each (S:640) */
	struct x86_code_page *pages;
	u32 *global_pfn;	/* pfn + 1 of global pages with blocks */
	u16 globals_in[1024];	/* how many there are in each 4 MiB */
	u32 generation;
	u64 translated, killed, resets;	/* figures for tests */
};

/* The instruction at cpu->eip cannot be fetched: trap raised. */
bool x86_fetch_page(struct x86_cpu *cpu, u32 lin, u32 *pfn);
/* Fetches and decodes the instruction at @eip whose page is @pfn; *pfn2 is the
 * page its end lies in, or NO_PAGE.  false: trap raised. */
bool x86_fetch_insn(struct x86_cpu *cpu, u32 eip, u32 pfn,
		    struct x86_insn *insn, u32 *pfn2);

/* Translates from @eip in page @pfn into the next free block (translate.c).
 * @alone: one instruction, exits to C, for single steps; @restless: the page is
 * written now and then without our knowing.  NULL: trap raised. */
struct x86_block *x86_translate(struct x86_cpu *cpu, u32 eip, u32 pfn,
				bool alone, bool restless);
/* Emits the stubs at the cache's start. */
void x86_emit_stubs(struct x86_cache *cache);
/* Points the rel32 at @site (in rw) to @target (in rw). */
void x86_patch_rel32(u8 *site, const u8 *target);
/* In front of a block's entry stands the entry for those who come through the
 * jump table, this long. */
#define INDIRECT_ENTRY_SIZE 5u

/* An access of @block has left its window where a 386 might have wrapped.  false:
 * but its code was made with that in mind, so it's a real fault. */
bool x86_code_wraps(struct x86_cpu *cpu, const struct x86_block *block);

/* Tells perf about @b, if it wants to know (perf_map.c). */
void x86_name_block(const struct x86_cache *c, const struct x86_block *b);

/* The block that host address @rip lies in, or NULL. */
struct x86_block *x86_block_at(const struct x86_cpu *cpu, u64 rip);
/* The mark of the instruction that @rip is executing. */
const struct x86_mark *x86_mark_at(const struct x86_cpu *cpu,
				   const struct x86_block *block, u64 rip);

/* Where translated code for cpu->eip begins, if the current view's jump table
 * knows it; else 0. */
u64 x86_known_entry(const struct x86_cpu *cpu);
/* The block to run at cpu->eip.  NULL: none yet, a trap was raised or the world
 * changed under us: look again. */
struct x86_block *x86_find_block(struct x86_cpu *cpu);
/* A block of just the instruction at cpu->eip, known to nobody... */
struct x86_block *x86_single_block(struct x86_cpu *cpu);
/* ... and given back after it has run. */
void x86_forget_single(struct x86_cpu *cpu, const struct x86_block *b);
/* Makes the jump at cpu->link go to @b by itself from now on, if that jump still
 * stands and @b need not be looked up each time. */
void x86_chain(struct x86_cpu *cpu, const struct x86_block *b);

int x86_cache_init(struct x86_cpu *cpu);
void x86_cache_exit(struct x86_cpu *cpu);
int x86_faults_init(struct x86_cpu *cpu);
void x86_faults_exit(struct x86_cpu *cpu);

/* Compiled in by tests and make MODE=debug: each block that was emitted or
 * patched has to prove that it is harmless (check.c). */
#ifndef X86_CHECK
#define X86_CHECK 0
#endif
/* NULL, or what is wrong with @b, and *where in the cache. */
const char *x86_check_block(const struct x86_cpu *cpu, const struct x86_block *b,
			    u32 *where);
/* Ends the process with a word about it, if there is something. */
void x86_must_be_harmless(const struct x86_cpu *cpu, const struct x86_block *b);

/* switcher.S */
void x86_enter(struct x86_cpu *cpu);
void x86_leave(void);
void x86_leave_saved(void);
bool x86_try_copy(void *to, const void *from, u32 len);
void x86_try_copy_failed(void);

#endif /* LGUEST_X86_CACHE_H */
