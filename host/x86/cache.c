/*S:610 Where translations live.
 *
 * Blocks are found by where their code is physically, by eip and by mode, so
 * that two processes that map the same program share them.  When a Guest page
 * that has blocks is written, its blocks die.  A dead block's memory stays valid,
 * since we may be in the middle of it: only its entry changes, to a jump that
 * looks the address up anew.  When the cache is full, all of it goes at once;
 * that is rare, and it is the one policy that can't leak. */
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cache.h"
#include "raw.h"

#define CACHE_SIZE (64ul << 20)
#define MAX_BLOCKS (1u << 19)
#define MAX_MARKS (1u << 22)
#define MAX_SLOW (1u << 16)
#define BUCKET_BITS 19
#define BUCKETS (1u << BUCKET_BITS)
#define ADDRESSES (1ull << 32)
#define PAGES_OF_4GB (1u << 20)
#define REGION_SHIFT 22
#define PAGES_IN_REGION 1024u
#define EMPTIED_AT_ONCE ((u64)PAGE_SIZE << 15)	/* a page of bits for pages */
/* No block's code is longer: 64 instructions and their exits. */
#define MAX_BLOCK_CODE 16384u

/* A page that was written more often than this while it had blocks is restless:
 * it is no longer write-protected, and its blocks compare the Guest's code each
 * time.  After so many comparisons without a difference it gets another chance. */
#define RESTLESS_WRITES 64
#define CALM_AGAIN 4096
/* A view that comes to a page looks at so many of its blocks at most. */
#define MOST_FILLED 64

static void *map_arena(size_t size)
{
	long p = raw_syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

static void unmap_arena(void *p, size_t size)
{
	if (p)
		raw_syscall(SYS_munmap, (long)p, size, 0, 0, 0, 0);
}

/* Zero again, and given back to the machine. */
static void empty_arena(void *p, size_t size)
{
	raw_syscall(SYS_madvise, (long)p, size, MADV_DONTNEED, 0, 0, 0);
}

/* Two mappings of the code: one to write, one to run. */
static int map_code(struct x86_cache *c)
{
	long rw = raw_syscall(SYS_mmap, 0, CACHE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long rx;

	if (rw < 0 && rw > -4096)
		return rw;
	c->rw = (u8 *)rw;
	rx = raw_syscall(SYS_mremap, rw, 0, CACHE_SIZE, MREMAP_MAYMOVE, 0, 0);
	if (rx < 0 && rx > -4096)
		return rx;
	c->rx = (u8 *)rx;
	return raw_syscall(SYS_mprotect, rx, CACHE_SIZE, PROT_READ | PROT_EXEC,
			   0, 0, 0);
}

/* getrandom() gives so many bytes in one piece, whatever comes between. */
#define RANDOM_BYTES 256

static int make_secrets(struct x86_cache *c)
{
	_Static_assert(sizeof(c->secrets) % RANDOM_BYTES == 0, "in pieces");
	long ret = 0;

	for (size_t at = 0; at < sizeof(c->secrets) && ret >= 0; at += RANDOM_BYTES)
		ret = raw_syscall(SYS_getrandom, (long)c->secrets + at,
				  RANDOM_BYTES, 0, 0, 0, 0);
	return ret < 0 ? ret : 0;
}

static size_t pages_size(const struct x86_cpu *cpu)
{
	return cpu->memory_pages * sizeof(struct x86_code_page);
}

int x86_cache_init(struct x86_cpu *cpu)
{
	struct x86_cache *c = map_arena(sizeof(*c));
	int err;

	if (!c)
		return -12;	/* ENOMEM */
	cpu->cache = c;
	err = map_code(c);
	if (!err)
		err = make_secrets(c);
	if (err)
		return err;
	c->blocks = map_arena(MAX_BLOCKS * sizeof(*c->blocks));
	c->marks = map_arena(MAX_MARKS * sizeof(*c->marks));
	c->slow = map_arena(MAX_SLOW * sizeof(*c->slow));
	c->buckets = map_arena(BUCKETS * sizeof(*c->buckets));
	c->pages = map_arena(pages_size(cpu));
	c->global_pfn = map_arena(PAGES_OF_4GB * sizeof(*c->global_pfn));
	if (!c->blocks || !c->marks || !c->slow || !c->buckets || !c->pages ||
	    !c->global_pfn)
		return -12;
	c->nblocks = 1;
	c->generation = 1;	/* 0 is a jump table's that has to be emptied */
	x86_emit_stubs(c);
	cpu->code = (u64)c->rx;
	return 0;
}

void x86_cache_exit(struct x86_cpu *cpu)
{
	struct x86_cache *c = cpu->cache;

	if (!c)
		return;
	unmap_arena(c->rx, CACHE_SIZE);
	unmap_arena(c->rw, CACHE_SIZE);
	unmap_arena(c->blocks, MAX_BLOCKS * sizeof(*c->blocks));
	unmap_arena(c->marks, MAX_MARKS * sizeof(*c->marks));
	unmap_arena(c->slow, MAX_SLOW * sizeof(*c->slow));
	unmap_arena(c->buckets, BUCKETS * sizeof(*c->buckets));
	unmap_arena(c->pages, pages_size(cpu));
	unmap_arena(c->global_pfn, PAGES_OF_4GB * sizeof(*c->global_pfn));
	unmap_arena(c, sizeof(*c));
	cpu->cache = NULL;
}
/*:*/

/*S:620 Jump tables.  Each eip has a slot, so a page's slots stand together, and
 * one page going from a view costs one small clearing.  They are 16 KB, mostly zero
 * and out of every cache by then, so we only touch those lines that need it.  (To
 * clear them all made fork, exec and exit of busybox 1.37 ms, not 1.15.)  The 14
 * slots in front may hold an instruction that ends in the page. */
#define SLOTS_IN_LINE 16u
#define SLOTS_IN_WORD (64 * SLOTS_IN_LINE)

static void set_jump(struct x86_view *view, u32 eip, u32 offset)
{
	view->jumps->slot[eip] = offset;
	view->jumps->filled[eip / SLOTS_IN_WORD] |= 1ull << (eip / SLOTS_IN_LINE % 64);
}

static void clear_word(struct x86_jumps *jumps, u32 number)
{
	s32 *slots = &jumps->slot[(u64)number * SLOTS_IN_WORD];
	u64 lines = jumps->filled[number];

	for (; lines; lines &= lines - 1)
		zero_bytes(&slots[__builtin_ctzll(lines) * SLOTS_IN_LINE],
			   SLOTS_IN_LINE * sizeof(*slots));
	jumps->filled[number] = 0;
}

static void clear_page(struct x86_jumps *jumps, u32 first)
{
	for (u32 i = 0; i < PAGE_SIZE / SLOTS_IN_WORD; i++)
		clear_word(jumps, first / SLOTS_IN_WORD + i);
	if (jumps->filled[(first - 1) / SLOTS_IN_WORD] >> 63)
		for (u32 i = 1; i < X86_MAX_INSN; i++)
			jumps->slot[first - i] = 0;
}

static bool page_executed(const struct x86_view *view, u32 lin)
{
	return view->jumps->executed[lin >> 15] & 1 << (lin >> 12 & 7);
}

/* Of kernel code no table has to be right: it's dropped when its mapping changes
 * (x86_global_changed()), and what is left of a dropped block looks for another.
 * That's why the kernel's views can have one table for all of it.  (With one each
 * a new process came to a kernel where nobody had been before: of 92 page faults
 * that fork, exec and exit of a small program took on Debian's kernel 61 were for
 * slots, and then there was a search for each block; 510 us, now 270.) */
static u64 private_end(const struct x86_cpu *cpu, const struct x86_view *view)
{
	return view->user || view->linear ? ADDRESSES : cpu->global_start;
}

static bool is_private(const struct x86_cpu *cpu, const struct x86_view *view,
		       u32 lin)
{
	return lin < private_end(cpu, view);
}

void x86_view_unmapped(struct x86_cpu *cpu, struct x86_view *view, u32 lin)
{
	struct x86_jumps *jumps = view->jumps;
	u32 first = lin & PAGE_MASK;

	if (!page_executed(view, lin) ||
	    (jumps->owner != view && is_private(cpu, view, lin)))
		return;
	clear_page(jumps, first);
	jumps->executed[lin >> 15] &= ~(1 << (lin >> 12 & 7));
}

/* Up to @end, and as far beyond as the bits of one more page reach. */
static void empty_jumps(struct x86_jumps *jumps, u64 end)
{
	end = (end + EMPTIED_AT_ONCE - 1) & -EMPTIED_AT_ONCE;
	empty_arena(jumps->slot, end * sizeof(*jumps->slot));
	empty_arena(jumps->filled, end / SLOTS_IN_LINE / 8);
	empty_arena(jumps->executed, end >> 15);
	zero_bytes(jumps->executed_regions, end >> 25);
	jumps->owner = NULL;
}

void x86_view_emptied(struct x86_cpu *cpu, struct x86_view *view)
{
	if (view->jumps->owner == view)
		empty_jumps(view->jumps, private_end(cpu, view));
}

void x86_use_view(struct x86_cpu *cpu, struct x86_view *view)
{
	struct x86_jumps *jumps = view->jumps;

	if (jumps->generation != cpu->cache->generation) {
		empty_jumps(jumps, ADDRESSES);
		jumps->generation = cpu->cache->generation;
	} else if (jumps->owner && jumps->owner != view) {
		empty_jumps(jumps, private_end(cpu, view));
	}
	cpu->view = view;
	cpu->window = view->base;
	cpu->jumps = (u64)view->jumps->slot;
	__asm__ volatile("wrgsbase %0" : : "r"(view->base));
}
/*:*/

/*S:630 Death of a block. */
#define JUMP 0xe9

static void kill_block(struct x86_cache *c, struct x86_block *b)
{
	u8 *entry = c->rw + b->code;

	if (b->dead)
		return;
	b->dead = true;
	c->killed++;
	*entry = JUMP;
	x86_patch_rel32(entry + 1, c->rw + b->tail);
	/* Whoever comes through a jump table finds offset 0's stub. */
	entry -= INDIRECT_ENTRY_SIZE;
	*entry = JUMP;
	x86_patch_rel32(entry + 1, c->rw);
}

static u32 *bucket(struct x86_cache *c, u32 pfn, u32 eip)
{
	u32 key = (pfn * 0x9e3779b1u) ^ (eip * 0x85ebca6bu);

	return &c->buckets[key >> (32 - BUCKET_BITS)];
}

static void unhash(struct x86_cache *c, struct x86_block *b)
{
	u32 *link = bucket(c, b->pfn, b->eip);

	while (*link != b - c->blocks)
		link = &c->blocks[*link].next;
	*link = b->next;
}

/* A block may lie in two pages, and a hostile Guest maps the same page twice in
 * a row: then it's one. */
static bool has_second_list(const struct x86_block *b)
{
	return b->pfn2 != NO_PAGE && b->pfn2 != b->pfn;
}

static u32 *next_in_page(struct x86_block *b, u32 pfn)
{
	return b->pfn == pfn ? &b->next_in_page : &b->next_in_page2;
}

/* Takes @b out of the list of page @pfn. */
static void unlist(struct x86_cache *c, struct x86_block *b, u32 pfn)
{
	u32 *link = &c->pages[pfn].head;

	while (*link != b - c->blocks)
		link = next_in_page(&c->blocks[*link], pfn);
	*link = *next_in_page(b, pfn);
}

static void drop_block(struct x86_cache *c, struct x86_block *b)
{
	kill_block(c, b);
	unhash(c, b);
	unlist(c, b, b->pfn);
	if (has_second_list(b))
		unlist(c, b, b->pfn2);
}

static bool covers(const struct x86_block *b, u32 lin)
{
	return ((b->eip ^ lin) & PAGE_MASK) == 0 ||
	       (((b->eip + b->len - 1) ^ lin) & PAGE_MASK) == 0;
}

/* Drops the blocks of @pfn; only those at page @lin unless @all. */
static void drop_page(struct x86_cache *c, u32 pfn, bool all, u32 lin)
{
	u32 n = c->pages[pfn].head;

	while (n) {
		struct x86_block *b = &c->blocks[n];

		n = *next_in_page(b, pfn);
		if (all || covers(b, lin))
			drop_block(c, b);
	}
}

static bool restless(const struct x86_cache *c, u32 pfn)
{
	return c->pages[pfn].writes >= RESTLESS_WRITES;
}

bool x86_has_code(const struct x86_cpu *cpu, u32 pfn)
{
	return cpu->cache->pages[pfn].head && !restless(cpu->cache, pfn);
}

void x86_code_written(struct x86_cpu *cpu, u32 pfn)
{
	struct x86_cache *c = cpu->cache;

	if (!c->pages[pfn].head)
		return;
	drop_page(c, pfn, true, 0);
	if (!restless(c, pfn))
		c->pages[pfn].writes++;
	c->pages[pfn].calm = 0;
	c->pages[pfn].wraps = false;
}

bool x86_code_wraps(struct x86_cpu *cpu, const struct x86_block *block)
{
	struct x86_code_page *page = &cpu->cache->pages[block->pfn];

	if (page->wraps)
		return false;
	page->wraps = true;
	drop_page(cpu->cache, block->pfn, true, 0);
	return true;
}

void x86_global_changed(struct x86_cpu *cpu, u32 lin)
{
	struct x86_cache *c = cpu->cache;
	u32 page = lin >> PAGE_SHIFT;
	struct guest_page now;

	if (!c->global_pfn[page])
		return;
	if (cpu->machine->peek(cpu, lin, &now) &&
	    now.pfn + 1 == c->global_pfn[page])
		return;
	drop_page(c, c->global_pfn[page] - 1, false, lin);
	c->global_pfn[page] = 0;
	c->globals_in[lin >> REGION_SHIFT]--;
}

/* A Linux with high memory flushes everything for each page up there that it looks
 * into, and one with PAE for each table that it gives to a new process.  (FLUSH_TLB of
 * all took a tiny Guest 2,200,000 cycles when this looked at every page that there
 * can be, now 10,000.) */
void x86_all_changed(struct x86_cpu *cpu)
{
	const struct x86_cache *c = cpu->cache;

	for (u32 page = cpu->global_start >> PAGE_SHIFT; page < PAGES_OF_4GB;
	     page++) {
		if (c->globals_in[page / PAGES_IN_REGION])
			x86_global_changed(cpu, page << PAGE_SHIFT);
		else
			page |= PAGES_IN_REGION - 1;
	}
}

/* All blocks go.  Views notice by the generation when they are used next, and the
 * FPU forgets where it has been. */
static void reset_cache(struct x86_cpu *cpu)
{
	struct x86_cache *c = cpu->cache;

	x86_settle_fpu(cpu);
	for (u32 n = 1; n < c->nblocks; n++)
		c->pages[c->blocks[n].pfn].head = 0;
	for (u32 n = 1; n < c->nblocks; n++)
		if (c->blocks[n].pfn2 != NO_PAGE)
			c->pages[c->blocks[n].pfn2].head = 0;
	empty_arena(c->buckets, BUCKETS * sizeof(*c->buckets));
	empty_arena(c->global_pfn, PAGES_OF_4GB * sizeof(*c->global_pfn));
	zero_bytes(c->globals_in, sizeof(c->globals_in));
	c->used = c->first;
	c->nblocks = 1;
	c->nmarks = 0;
	c->nslow = 0;
	c->generation++;
	c->resets++;
	x86_use_view(cpu, cpu->view);
}
/*:*/

/*S:640 Has the Guest's code changed behind our back?  The Launcher's devices
 * write Guest memory without a word to us, so a page that is executed for the
 * first time since it was mapped is compared with what was translated.
 *
 * What is compared is a sum.  If a program knew how it's made, it could write code
 * that has the same sum as another program's, and when that one's page comes to
 * lie where its own was, have its translation run.  So each word has a random
 * number added to it that no Guest gets to see, and then each is multiplied by its
 * neighbour (this is NH, the hash in UMAC: RFC 4418).  Of any two different pages,
 * whoever has made them, one pair in four thousand million has the same sum. */
static u64 add_pair(const u32 *secret, u64 pair)
{
	return (u64)((u32)pair + secret[0]) * ((u32)(pair >> 32) + secret[1]);
}

static u64 sum_bytes(const u32 *secret, const u8 *p, u32 len)
{
	u64 sum = 0, pair;

	for (; len >= sizeof(pair); len -= sizeof(pair)) {
		__builtin_memcpy(&pair, p, sizeof(pair));
		sum += add_pair(secret, pair);
		p += sizeof(pair);
		secret += 2;
	}
	pair = 0;
	while (len--)
		pair = pair << 8 | p[len];
	return sum + add_pair(secret, pair);
}

static u64 sum_block(const struct x86_cpu *cpu, const struct x86_block *b)
{
	const u32 *secrets = cpu->cache->secrets;
	u32 offset = b->eip & ~PAGE_MASK, len = b->len;
	const u8 *code = cpu->memory + (u64)b->pfn * PAGE_SIZE + offset;
	u32 first = len < PAGE_SIZE - offset ? len : PAGE_SIZE - offset;
	u64 sum = sum_bytes(secrets, code, first);

	if (b->pfn2 != NO_PAGE)
		sum += sum_bytes(secrets + MAX_BLOCK_BYTES / 2,
				 cpu->memory + (u64)b->pfn2 * PAGE_SIZE,
				 len - first);
	return sum;
}

/* All of a page at once is quicker than one block after the other: it's to be
 * executed, so it'll be in the machine's cache soon anyway.  (With sum_block() for
 * each block of the page, booting Debian to its login prompt took 1.4 times as long:
 * a library has blocks for each process that has it somewhere else.) */
u64 x86_sum_page(const struct x86_cpu *cpu, u32 pfn)
{
	return sum_bytes(cpu->cache->secrets,
			 cpu->memory + (u64)pfn * PAGE_SIZE, PAGE_SIZE);
}

static u32 mode_of(const struct x86_view *view)
{
	return (view->user ? MODE_USER : 0) | (view->linear ? MODE_LINEAR : 0);
}

static bool is_restless(const struct x86_cache *c, const struct x86_block *b)
{
	return restless(c, b->pfn) || (b->pfn2 != NO_PAGE && restless(c, b->pfn2));
}

/* The page's blocks go into the view's table at once: where a process has been
 * another will soon be, too, and it costs less than to be asked for each.  (Fork,
 * exec and exit of busybox: 1.37 ms, now 1.27.)  Only the latest: a library that each
 * process has somewhere else collects a lot of them, most of processes that are
 * long dead. */
static void fill_table(struct x86_cpu *cpu, u32 lin, u32 pfn)
{
	struct x86_cache *c = cpu->cache;
	u32 n = c->pages[pfn].head;

	for (u32 i = 0; n && i < MOST_FILLED; i++) {
		struct x86_block *b = &c->blocks[n];

		n = *next_in_page(b, pfn);
		if (((b->eip ^ lin) & PAGE_MASK) == 0 && b->mode == mode_of(cpu->view) &&
		    b->pfn2 == NO_PAGE && !is_restless(c, b))
			set_jump(cpu->view, b->eip,
				 b->code - INDIRECT_ENTRY_SIZE);
	}
}

static void verify_page(struct x86_cpu *cpu, u32 pfn)
{
	struct x86_code_page *page = &cpu->cache->pages[pfn];

	if (page->head && !restless(cpu->cache, pfn) &&
	    page->sum != x86_sum_page(cpu, pfn))
		drop_page(cpu->cache, pfn, true, 0);
}

/* Kernel code is chained across pages, so we must know of each of its pages
 * when the mapping changes.  And of a program's that lie there: Linux may keep its
 * vdso at one address for all of them, and no window hears of a page that's only
 * executed. */
static void note_global(struct x86_cpu *cpu, u32 lin, u32 pfn)
{
	u32 *known = &cpu->cache->global_pfn[lin >> PAGE_SHIFT];

	if (cpu->view->linear || lin < cpu->global_start)
		return;
	if (!*known)
		cpu->cache->globals_in[lin >> REGION_SHIFT]++;
	else if (*known != pfn + 1)
		drop_page(cpu->cache, *known - 1, false, lin);
	*known = pfn + 1;
}

/* The view begins to execute in page @lin. */
static void enter_page(struct x86_cpu *cpu, u32 lin, u32 pfn)
{
	const struct x86_view *view = cpu->view;
	struct x86_jumps *jumps = view->jumps;

	note_global(cpu, lin, pfn);
	if (page_executed(view, lin))
		return;
	jumps->executed[lin >> 15] |= 1 << (lin >> 12 & 7);
	jumps->pfns[lin >> PAGE_SHIFT] = pfn;
	jumps->executed_regions[lin >> 25] |= 1 << (lin >> 22 & 7);
	if (is_private(cpu, view, lin))
		jumps->owner = view;
	verify_page(cpu, pfn);
	fill_table(cpu, lin, pfn);
}
/*:*/

/*S:650 Finding a block, or making it. */
static struct x86_block *look_up(struct x86_cpu *cpu, u32 eip, u32 pfn)
{
	struct x86_cache *c = cpu->cache;
	u32 mode = mode_of(cpu->view), n = *bucket(c, pfn, eip);

	for (; n; n = c->blocks[n].next) {
		const struct x86_block *b = &c->blocks[n];

		if (b->eip == eip && b->pfn == pfn && b->mode == mode)
			return &c->blocks[n];
	}
	return NULL;
}

static void list_in_page(struct x86_cpu *cpu, u32 n, u32 pfn)
{
	struct x86_cache *c = cpu->cache;
	bool first = !c->pages[pfn].head;

	*next_in_page(&c->blocks[n], pfn) = c->pages[pfn].head;
	c->pages[pfn].head = n;
	if (!first || restless(c, pfn))
		return;
	cpu->machine->protect(cpu, pfn);
	c->pages[pfn].sum = x86_sum_page(cpu, pfn);
}

static void register_block(struct x86_cpu *cpu, struct x86_block *b)
{
	struct x86_cache *c = cpu->cache;
	u32 n = b - c->blocks, *head = bucket(c, b->pfn, b->eip);

	b->next = *head;
	*head = n;
	list_in_page(cpu, n, b->pfn);
	if (has_second_list(b))
		list_in_page(cpu, n, b->pfn2);
	b->sum = sum_block(cpu, b);
}

static void make_room(struct x86_cpu *cpu)
{
	struct x86_cache *c = cpu->cache;

	if (c->used + MAX_BLOCK_CODE > CACHE_SIZE || c->nblocks == MAX_BLOCKS ||
	    c->nmarks + MAX_BLOCK_INSNS > MAX_MARKS || c->nslow + MAX_BLOCK_INSNS > MAX_SLOW)
		reset_cache(cpu);
}

/* A block in a restless page is only good while the bytes are the same. */
static struct x86_block *verify_restless(struct x86_cpu *cpu,
					 struct x86_block *b)
{
	struct x86_code_page *page = &cpu->cache->pages[b->pfn];

	if (sum_block(cpu, b) != b->sum) {
		drop_block(cpu->cache, b);
		page->calm = 0;
		return NULL;
	}
	if (++page->calm == CALM_AGAIN) {
		drop_page(cpu->cache, b->pfn, true, 0);
		page->writes = RESTLESS_WRITES - 8;
		return NULL;
	}
	return b;
}

/* An instruction across two pages is right only with both of them. */
static bool second_page_holds(struct x86_cpu *cpu, const struct x86_block *b,
			      bool *trapped)
{
	u32 pfn2;

	if (b->pfn2 == NO_PAGE)
		return true;
	if (!x86_fetch_page(cpu, (b->eip & PAGE_MASK) + PAGE_SIZE, &pfn2)) {
		*trapped = true;
		return false;
	}
	enter_page(cpu, (b->eip & PAGE_MASK) + PAGE_SIZE, pfn2);
	return pfn2 == b->pfn2 && !b->dead;
}

/* The page has been entered; but making the block may have emptied the cache, or
 * the window, and then the view has forgotten that. */
static void admit_to_view(struct x86_cpu *cpu, struct x86_block *b)
{
	u32 second = (b->eip & PAGE_MASK) + PAGE_SIZE;

	enter_page(cpu, b->eip, b->pfn);
	if (b->pfn2 != NO_PAGE)
		enter_page(cpu, second, b->pfn2);
	set_jump(cpu->view, b->eip, b->code - INDIRECT_ENTRY_SIZE);
}

/* C comes back to addresses that it has been to before, mostly.  (Together with
 * the instructions that are kept for C: puppy's getppid() in 456 ns, not 829;
 * medians of three runs side by side.) */
u64 x86_known_entry(const struct x86_cpu *cpu)
{
	s32 offset = cpu->view->jumps->slot[cpu->eip];

	if (!offset || cpu->cache->rw[offset] == JUMP)
		return 0;
	return cpu->code + offset;
}

struct x86_block *x86_find_block(struct x86_cpu *cpu)
{
	struct x86_cache *c = cpu->cache;
	struct x86_block *b;
	bool trapped = false;
	u32 eip = cpu->eip, pfn;

	if (!x86_fetch_page(cpu, eip, &pfn))
		return NULL;
	enter_page(cpu, eip, pfn);
	b = look_up(cpu, eip, pfn);
	if (b && !second_page_holds(cpu, b, &trapped)) {
		if (trapped)
			return NULL;
		if (!b->dead)
			drop_block(c, b);
		b = NULL;
	}
	if (b && is_restless(c, b))
		b = verify_restless(cpu, b);
	if (!b) {
		make_room(cpu);
		b = x86_translate(cpu, eip, pfn, false, restless(c, pfn));
		if (!b)
			return NULL;
		register_block(cpu, b);
		x86_name_block(c, b);
	}
	if (!is_restless(c, b))
		admit_to_view(cpu, b);
	return b;
}

struct x86_block *x86_single_block(struct x86_cpu *cpu)
{
	u32 pfn;

	if (!x86_fetch_page(cpu, cpu->eip, &pfn))
		return NULL;
	make_room(cpu);
	return x86_translate(cpu, cpu->eip, pfn, true, false);
}

void x86_forget_single(struct x86_cpu *cpu, const struct x86_block *b)
{
	struct x86_cache *c = cpu->cache;

	if (b - c->blocks != c->nblocks - 1 || b->fpu)
		return;
	c->nblocks--;
	c->nmarks = b->marks;
	c->nslow = b->slow;
	c->used = b->code - INDIRECT_ENTRY_SIZE;
}

/* An instruction across two pages of a program's is right only with both of them,
 * which the jump table sees to; and the block's tail goes there.  (Starting python3
 * and ending it left translated code for C 45,000 times, and now 18,000.) */
void x86_chain(struct x86_cpu *cpu, const struct x86_block *b)
{
	struct x86_cache *c = cpu->cache;
	bool anywhere = b->mode & MODE_LINEAR ||
			(!(b->mode & MODE_USER) && b->eip >= cpu->global_start);
	u32 target;

	if (is_restless(c, b))
		return;
	target = b->pfn2 == NO_PAGE || anywhere ? b->code : b->tail;
	x86_patch_rel32(c->rw + (cpu->link - (u64)c->rx), c->rw + target);
	if (X86_CHECK)
		x86_must_be_harmless(cpu, x86_block_at(cpu, cpu->link));
}
/*:*/

/*S:660 From host addresses back to Guest instructions.  Blocks stand in the
 * cache in the order of their numbers, so halving finds them. */
struct x86_block *x86_block_at(const struct x86_cpu *cpu, u64 rip)
{
	struct x86_cache *c = cpu->cache;
	u32 low = 1, high = c->nblocks;
	u64 offset = rip - (u64)c->rx;

	if (rip < (u64)c->rx + c->first || offset >= c->used)
		return NULL;
	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (c->blocks[middle].code - INDIRECT_ENTRY_SIZE <= offset)
			low = middle;
		else
			high = middle;
	}
	return &c->blocks[low];
}

const struct x86_mark *x86_mark_at(const struct x86_cpu *cpu,
				   const struct x86_block *block, u64 rip)
{
	const struct x86_mark *m = &cpu->cache->marks[block->marks];
	u32 offset = rip - (u64)cpu->cache->rx - block->code;
	unsigned i = 0;

	while (i + 1 < block->insns && m[i + 1].host <= offset)
		i++;
	return &m[i];
}
/*:*/
