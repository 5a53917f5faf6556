/*S:210 How windows are kept.
 *
 * The rules that callers rely on: nothing here needs libc once windows_init()
 * is done, since windows_fill() runs in a signal handler with the Guest's SSE
 * registers live; and whatever goes wrong, a window shows less than it might,
 * never more.
 *
 * Four ideas carry the rest.
 *
 * To duplicate a page of shared memory somewhere else, Linux offers mremap()
 * with an old size of zero: 1.4 us for a page, 4 us for 64 MB in one run, and
 * no file descriptor to guard.  The copy inherits its protection, so we keep a
 * second, read-only alias of the whole Guest to copy read-only pages from.
 *
 * Nobody looks into a window that the processor isn't using.  So when the Guest
 * changes its tables, such a window's pages only become suspects, and are judged
 * when the window is entered next: by then a fork's thousand SET_PTEs have
 * become a few calls on long ranges.
 *
 * All page directories agree on the kernel's part of the address space.  So what
 * is mapped at a global page is written down once, not once per window; a
 * window has but two bits for it.  That makes mapping a run of 1024 pages into
 * the next window as cheap as it should be.
 *
 * And since a page that holds translated code must not be writable anywhere, the
 * writable mappings of each Guest page (only those) hang on a list. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"
#include "windows.h"

#define ALL_PAGES (1u << 20)	/* of 4 GiB */
#define REGION_PAGES 1024u	/* 4 MiB: what one directory entry spans */
#define REGIONS (ALL_PAGES / REGION_PAGES)
#define WORDS (REGION_PAGES / 64)

#define WINDOW_SIZE (1ull << 32)
/* Each window has emptiness around it: an operand that straddles the end, a string
 * that walks off it, or a sum that doesn't wrap because translated code adds with
 * 64 bits must find nothing there.  The greatest such sum is 8 times a register
 * and a displacement, the least a displacement below zero. */
#define WINDOW_STRIDE (16 * WINDOW_SIZE)

#define SPACES 128u
#define LEAVES 8192u
#define HASH_SIZE 256u
#define NO_SPACE 0xffffu

/* The kernel refuses to keep more mappings than vm.max_map_count (65,530 where
 * nobody changed it), the Launcher's included; and cutting a hole makes two of
 * one.  So we stay well below. */
#define MAPPINGS_WANTED 50000u
/*:*/

/*S:212 The shadow of one window is a directory of leaves, one leaf for each
 * 4 MiB with anything in it, and in each leaf a bit for each page and question. */
struct bits {
	u64 word[WORDS];
};

struct leaf {
	struct bits present;	/* is mapped in the window */
	struct bits writable;	/* ... and may be written */
	struct bits suspect;	/* the Guest's tables may have changed */
	struct bits demoted;	/* still writable in the window, mustn't be */
	u16 window, region;	/* whose leaf this is */
	u16 runs;		/* mappings that the kernel needs for it */
	u16 next_free;
};

/* A page that isn't global needs more: which Guest page is it, and which is the
 * next writable mapping of that one?  (struct windows has a list head for each
 * Guest page.) */
struct private_page {
	u32 pfn;
	u32 next;
};

struct window {
	struct x86_view view;
	u64 generation;		/* of flushes, when last compared */
	bool unsettled;		/* some region below is, or this: */
	bool doubts_executed;	/* all that is executed here has to be compared */
	bool used;
	bool faulted;		/* the Guest has a page fault to handle here: */
	u32 fault_page, fault_access;
	struct bits unsettled_regions;
	u16 dir[REGIONS];	/* leaf, or 0 */
};

/* The two views of one page directory: the kernel's, then the user's. */
struct space {
	u64 root;
	u64 last_used;
	bool live;
	u16 next;		/* of the same hash */
	struct window window[2];
};

/* What is mapped at a global page, in whichever windows have it: pfn << 12 and
 * these flags.  Zero if it isn't known. */
#define GLOBAL_KNOWN 1u
#define GLOBAL_WRITE 2u		/* may be writable in some window */
#define GLOBAL_USER 4u		/* is in some user window */

/* In lists of writable mappings: a global page, or else 1 + index of a struct
 * private_page. */
#define LIST_GLOBAL (1u << 31)

struct windows {
	u64 used[2 * SPACES / 64];	/* windows, one bit each */
	struct x86_cpu *cpu;
	const struct page_reader *reader;
	void *owner;
	struct window *current;
	u8 *readonly;		/* the Guest's memory, once more */
	u64 generation;
	u64 clock;		/* counts entries, for least recently used */
	u32 pages;		/* the Guest has */
	u32 mappings;		/* we have */
	u32 max_mappings;
	u16 free_leaf, used_leaves;
	u16 hash[HASH_SIZE];
	struct windows_stats stats;
	u16 globals_in[REGIONS];
	u64 global_sum[REGIONS];	/* of tables that agreed, or 0 */
	struct space space[SPACES];
	struct leaf leaf[LEAVES];
	struct private_page private_page[LEAVES][REGION_PAGES];
	u32 global[ALL_PAGES];
	u32 global_next[ALL_PAGES];
	u32 writable[ALL_PAGES];	/* list heads, by Guest page */
	/* Of the user's views, the kernel's, and its without paging. */
	struct x86_jumps jumps[SPACES], kernel_jumps, linear_jumps;
};
/*:*/

static bool test_bit(const struct bits *b, u32 n)
{
	return b->word[n / 64] >> (n % 64) & 1;
}

static void set_bit(struct bits *b, u32 n)
{
	b->word[n / 64] |= 1ull << (n % 64);
}

static void clear_bit(struct bits *b, u32 n)
{
	b->word[n / 64] &= ~(1ull << (n % 64));
}

static void set_bits(struct bits *b, u32 from, u32 to)
{
	for (; from < to && from % 64; from++)
		set_bit(b, from);
	for (; from + 64 <= to; from += 64)
		b->word[from / 64] = ~0ull;
	for (; from < to; from++)
		set_bit(b, from);
}

/* The first bit at or after @n that's set; REGION_PAGES if there is none. */
static u32 next_bit(const struct bits *b, u32 n)
{
	while (n < REGION_PAGES) {
		u64 word = b->word[n / 64] >> (n % 64);

		if (word)
			return n + __builtin_ctzll(word);
		n = (n | 63) + 1;
	}
	return REGION_PAGES;
}

#define for_each_bit(n, b) \
	for (u32 n = next_bit(b, 0); n < REGION_PAGES; n = next_bit(b, n + 1))

static struct space *space_of(struct windows *ws, const struct window *w)
{
	return &ws->space[((char *)w - (char *)ws->space) /
			  sizeof(struct space)];
}

static u32 number_of(struct windows *ws, const struct window *w)
{
	return (space_of(ws, w) - ws->space) * 2 + w->view.user;
}

static struct window *window_number(struct windows *ws, u32 n)
{
	return &ws->space[n / 2].window[n % 2];
}

static struct leaf *leaf_of(struct windows *ws, const struct window *w,
			    u32 page)
{
	u16 n = w->dir[page / REGION_PAGES];

	return n ? &ws->leaf[n] : NULL;
}

static bool is_present(struct windows *ws, const struct window *w, u32 page)
{
	struct leaf *leaf = leaf_of(ws, w, page);

	return leaf && test_bit(&leaf->present, page % REGION_PAGES);
}

/* The first page that is global altogether; for a Guest without paging no page
 * is shared with another window. */
static u32 first_global(const struct windows *ws)
{
	return ((u64)ws->cpu->global_start + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static u32 private_end(const struct windows *ws, const struct window *w)
{
	return w->view.linear ? ALL_PAGES : first_global(ws);
}

static bool is_global(struct windows *ws, const struct window *w, u32 page)
{
	return page >= private_end(ws, w);
}

static struct private_page *private_page(struct windows *ws,
					 const struct window *w, u32 page)
{
	return &ws->private_page[w->dir[page / REGION_PAGES]]
				[page % REGION_PAGES];
}

/* The Guest page that @w shows at @page, which is present. */
static u32 pfn_at(struct windows *ws, const struct window *w, u32 page)
{
	if (is_global(ws, w, page))
		return ws->global[page % ALL_PAGES] >> PAGE_SHIFT;
	return private_page(ws, w, page)->pfn;
}

static void *address_of(const struct window *w, u32 page)
{
	return (void *)(w->view.base + ((u64)page << PAGE_SHIFT));
}

/*S:220 The lists of writable mappings.
 *
 * A Guest page is writable in one or two places, hardly ever in more; the zero
 * page, which is mapped everywhere, is never writable.  So lists with one link
 * will do, though taking an entry out means looking for it. */
static u32 *next_writable(struct windows *ws, u32 id)
{
	if (id & LIST_GLOBAL)
		return &ws->global_next[id & ~LIST_GLOBAL];
	return &ws->private_page[0][id - 1].next;
}

static void list_writable(struct windows *ws, u32 pfn, u32 id)
{
	*next_writable(ws, id) = ws->writable[pfn];
	ws->writable[pfn] = id;
}

static void unlist_writable(struct windows *ws, u32 pfn, u32 id)
{
	u32 *at = &ws->writable[pfn];

	while (*at && *at != id)
		at = next_writable(ws, *at);
	if (*at)
		*at = *next_writable(ws, id);
}

static u32 private_id(struct windows *ws, const struct private_page *p)
{
	return p - ws->private_page[0] + 1;
}

static u32 global_id(u32 page)
{
	return LIST_GLOBAL | page;
}
/*:*/

/*S:222 How many mappings does the kernel need for a leaf?  It merges neighbours
 * that show neighbouring Guest pages with the same rights, so we count the pages
 * where a run starts.  (It also merges across leaves; that much we overrate.) */
static bool starts_run(struct windows *ws, struct leaf *leaf, u32 slot)
{
	const struct window *w = window_number(ws, leaf->window);
	u32 page = leaf->region * REGION_PAGES + slot;

	return slot == 0 || !test_bit(&leaf->present, slot - 1) ||
	       test_bit(&leaf->writable, slot) !=
		       test_bit(&leaf->writable, slot - 1) ||
	       pfn_at(ws, w, page - 1) + 1 != pfn_at(ws, w, page);
}

static void set_runs(struct windows *ws, struct leaf *leaf, u32 runs)
{
	ws->mappings += runs - leaf->runs;
	leaf->runs = runs;
}

static void count_runs(struct windows *ws, struct leaf *leaf)
{
	u32 runs = 0;

	for_each_bit(slot, &leaf->present)
		runs += starts_run(ws, leaf, slot);
	set_runs(ws, leaf, runs);
}

/* Runs that start at @first or just behind @last: all that changing
 * [first, last] can change, if that is one run itself. */
static u32 edge_runs(struct windows *ws, struct leaf *leaf, u32 first, u32 last)
{
	u32 runs = 0;

	if (test_bit(&leaf->present, first))
		runs += starts_run(ws, leaf, first);
	if (last + 1 < REGION_PAGES && test_bit(&leaf->present, last + 1))
		runs += starts_run(ws, leaf, last + 1);
	return runs;
}
/*:*/

static bool can_add_leaf(const struct windows *ws)
{
	return ws->free_leaf || ws->used_leaves < LEAVES - 1;
}

/* The caller has made sure that there is one. */
static struct leaf *add_leaf(struct windows *ws, struct window *w, u32 region)
{
	u16 n = ws->free_leaf;

	if (n)
		ws->free_leaf = ws->leaf[n].next_free;
	else
		n = ++ws->used_leaves;
	zero_bytes(&ws->leaf[n], sizeof(ws->leaf[n]));
	ws->leaf[n].window = number_of(ws, w);
	ws->leaf[n].region = region;
	w->dir[region] = n;
	return &ws->leaf[n];
}

static void free_leaf(struct windows *ws, struct window *w, u32 region)
{
	u16 n = w->dir[region];

	set_runs(ws, &ws->leaf[n], 0);
	ws->leaf[n].next_free = ws->free_leaf;
	ws->free_leaf = n;
	w->dir[region] = 0;
}

/*S:230 When a window must go, all of it goes: one munmap() for 4 GiB takes
 * hardly longer than one for a page, and can't fail for want of mappings, since
 * it never has to cut one in two. */
static void unlist_leaf(struct windows *ws, struct window *w, u32 region)
{
	struct leaf *leaf = &ws->leaf[w->dir[region]];
	u32 first = region * REGION_PAGES;

	for_each_bit(slot, &leaf->writable) {
		struct private_page *p;

		if (is_global(ws, w, first + slot))
			break;
		p = private_page(ws, w, first + slot);
		unlist_writable(ws, p->pfn, private_id(ws, p));
	}
}

static void empty_window(struct windows *ws, struct window *w)
{
	if (!w->used)
		return;
	for (u32 region = 0; region < REGIONS; region++) {
		if (!w->dir[region])
			continue;
		unlist_leaf(ws, w, region);
		free_leaf(ws, w, region);
	}
	w->unsettled = w->doubts_executed = false;
	zero_bytes(&w->unsettled_regions, sizeof(w->unsettled_regions));
	x86_view_emptied(ws->cpu, &w->view);
	raw_syscall(SYS_munmap, w->view.base, WINDOW_SIZE, 0, 0, 0, 0);
}

static u16 *hash_of(struct windows *ws, u64 root)
{
	return &ws->hash[(root * 0x9e3779b97f4a7c15ull) >> 56];
}

static struct space *find_space(struct windows *ws, u64 root)
{
	u16 n = *hash_of(ws, root);

	while (n != NO_SPACE && ws->space[n].root != root)
		n = ws->space[n].next;
	return n == NO_SPACE ? NULL : &ws->space[n];
}

static void mark_used(struct windows *ws, struct window *w, bool used)
{
	u32 n = number_of(ws, w);

	w->used = used;
	ws->used[n / 64] &= ~(1ull << n % 64);
	ws->used[n / 64] |= (u64)used << n % 64;
}

static void drop_space(struct windows *ws, struct space *space)
{
	u16 *at = hash_of(ws, space->root);

	for (u32 user = 0; user < 2; user++) {
		empty_window(ws, &space->window[user]);
		ws->stats.windows -= space->window[user].used;
		mark_used(ws, &space->window[user], false);
	}
	while (&ws->space[*at] != space)
		at = &ws->space[*at].next;
	*at = space->next;
	space->live = false;
}

/* Drops the space that wasn't used for longest; false if there is only the one
 * in use. */
static bool evict_space(struct windows *ws)
{
	struct space *oldest = NULL;

	for (struct space *s = ws->space; s < ws->space + SPACES; s++) {
		if (!s->live || (ws->current && s == space_of(ws, ws->current)))
			continue;
		if (!oldest || s->last_used < oldest->last_used)
			oldest = s;
	}
	if (!oldest)
		return false;
	ws->stats.evictions++;
	drop_space(ws, oldest);
	return true;
}

/* The last resort: what is left is the current window's own. */
static void empty_current_space(struct windows *ws)
{
	struct space *space = space_of(ws, ws->current);

	ws->stats.evictions++;
	empty_window(ws, &space->window[0]);
	empty_window(ws, &space->window[1]);
}

static bool crowded(const struct windows *ws)
{
	return ws->mappings >= ws->max_mappings || !can_add_leaf(ws);
}

static void make_room(struct windows *ws)
{
	while (crowded(ws) && evict_space(ws))
		;
	if (crowded(ws))
		empty_current_space(ws);
}
/*:*/

/*S:240 Judging the suspects.
 *
 * First every suspect page is compared with the Guest's tables as they are now,
 * and those that don't hold any more leave the shadow, or lose the right to be
 * written.  Only then is the window itself changed, in as few calls as possible:
 * a munmap() reaches from a dropped page to the next one that stays, over holes
 * and all, and an mprotect() as far as pages stand side by side. */
static void suspect_page(struct window *w, struct leaf *leaf, u32 slot)
{
	set_bit(&leaf->suspect, slot);
	set_bit(&w->unsettled_regions, leaf->region);
	w->unsettled = true;
}

static void demote_page(struct window *w, struct leaf *leaf, u32 slot)
{
	clear_bit(&leaf->writable, slot);
	set_bit(&leaf->demoted, slot);
	set_bit(&w->unsettled_regions, leaf->region);
	w->unsettled = true;
}

static void view_changed(struct windows *ws, struct window *w, u32 page)
{
	x86_view_unmapped(ws->cpu, &w->view, page << PAGE_SHIFT);
}

/* Takes @page out of the shadow; the mapping itself is the caller's affair. */
static void drop_page(struct windows *ws, struct window *w, u32 page)
{
	struct leaf *leaf = leaf_of(ws, w, page);
	u32 slot = page % REGION_PAGES;

	if (test_bit(&leaf->writable, slot) && !is_global(ws, w, page)) {
		struct private_page *p = private_page(ws, w, page);

		unlist_writable(ws, p->pfn, private_id(ws, p));
	}
	clear_bit(&leaf->present, slot);
	clear_bit(&leaf->writable, slot);
	clear_bit(&leaf->demoted, slot);
	view_changed(ws, w, page);
}

/* What the tables of @w's space say of @page, if that may be shown in @w. */
static bool peek(struct windows *ws, struct window *w, u32 page,
		 struct guest_page *now)
{
	if (!ws->reader->peek(ws->owner, space_of(ws, w)->root,
			      page << PAGE_SHIFT, now))
		return false;
	return now->pfn < ws->pages && now->flags & GUEST_PAGE_ACCESSED &&
	       (!w->view.user || now->flags & GUEST_PAGE_USER);
}

static bool tables_allow_write(const struct guest_page *page)
{
	return page->flags & GUEST_PAGE_WRITE && page->flags & GUEST_PAGE_DIRTY;
}

/* A dropped page stays suspect, for unmap_dropped() to find it. */
static void judge_page(struct windows *ws, struct window *w, struct leaf *leaf,
		       u32 slot)
{
	u32 page = leaf->region * REGION_PAGES + slot;
	struct private_page *p = private_page(ws, w, page);
	struct guest_page now;

	if (is_global(ws, w, page) || !peek(ws, w, page, &now) ||
	    now.pfn != p->pfn) {
		drop_page(ws, w, page);
		return;
	}
	clear_bit(&leaf->suspect, slot);
	if (test_bit(&leaf->writable, slot) && !tables_allow_write(&now)) {
		unlist_writable(ws, p->pfn, private_id(ws, p));
		demote_page(w, leaf, slot);
	}
}

/* The first page from @page on that @w has; ALL_PAGES if there is none. */
static u32 next_present(struct windows *ws, const struct window *w, u32 page)
{
	while (page < ALL_PAGES) {
		struct leaf *leaf = leaf_of(ws, w, page);
		u32 slot = leaf ? next_bit(&leaf->present, page % REGION_PAGES)
				: REGION_PAGES;

		page = page / REGION_PAGES * REGION_PAGES + slot;
		if (slot < REGION_PAGES)
			break;
	}
	return page;
}

/* Unmaps the dropped pages of @leaf from @done on, and more: returns how far
 * it got.  0 if the kernel wouldn't. */
static u32 unmap_dropped(struct windows *ws, struct window *w,
			 struct leaf *leaf, u32 done)
{
	for_each_bit(slot, &leaf->suspect) {
		u32 page = leaf->region * REGION_PAGES + slot;

		if (page < done)
			continue;
		done = next_present(ws, w, page);
		ws->stats.unmaps++;
		if (raw_syscall(SYS_munmap, (long)address_of(w, page),
				(u64)(done - page) << PAGE_SHIFT, 0, 0, 0, 0))
			return 0;
	}
	zero_bytes(&leaf->suspect, sizeof(leaf->suspect));
	return done;
}

static u64 executed_word(const struct window *w, u32 page)
{
	u64 word;

	if (w->view.jumps->owner != &w->view)
		return 0;
	__builtin_memcpy(&word, &w->view.jumps->executed[page / 8],
			 sizeof(word));
	return word;
}

/* A space that is flushed whenever it's entered (a PC's kernel has one in which
 * it patches itself) shouldn't cost a look at every page of 3 GB. */
static bool executes_in(const struct window *w, u32 region)
{
	const struct x86_jumps *jumps = w->view.jumps;

	return jumps->owner == &w->view &&
	       jumps->executed_regions[region / 8] & 1 << region % 8;
}

/* A program's pages are mostly still what they were.  (To forget them instead, and
 * have the processor find them again, made fork and exec take 1.3 times as long.) */
static void compare_executed(struct windows *ws, struct window *w, u32 region)
{
	u32 first = region * REGION_PAGES;
	struct guest_page now;

	for (u32 page = first; page < first + REGION_PAGES; page += 64) {
		u64 word = executed_word(w, page);

		for (; word; word &= word - 1) {
			u32 n = page + __builtin_ctzll(word);

			if (!peek(ws, w, n, &now) || now.pfn != w->view.jumps->pfns[n])
				view_changed(ws, w, n);
		}
	}
}

static void compare_all_executed(struct windows *ws, struct window *w)
{
	struct bits regions;

	w->doubts_executed = false;
	if (w->view.jumps->owner != &w->view)
		return;
	copy_bytes(&regions, w->view.jumps->executed_regions, sizeof(regions));
	for_each_bit(region, &regions)
		compare_executed(ws, w, region);
}

static bool change_rights(struct windows *ws, struct window *w, u32 page,
			  u32 count, bool writable)
{
	ws->stats.protects++;
	return raw_syscall(SYS_mprotect, (long)address_of(w, page),
			   (u64)count << PAGE_SHIFT,
			   writable ? PROT_READ | PROT_WRITE : PROT_READ,
			   0, 0, 0) == 0;
}

static bool protect_demoted(struct windows *ws, struct window *w,
			    struct leaf *leaf)
{
	for_each_bit(slot, &leaf->demoted) {
		u32 end = slot + 1, last = slot;

		while (end < REGION_PAGES && test_bit(&leaf->present, end) &&
		       !test_bit(&leaf->writable, end)) {
			if (test_bit(&leaf->demoted, end))
				last = end;
			end++;
		}
		if (!change_rights(ws, w, leaf->region * REGION_PAGES + slot,
				   last + 1 - slot, false))
			return false;
		slot = last;
	}
	zero_bytes(&leaf->demoted, sizeof(leaf->demoted));
	return true;
}

static bool settle_region(struct windows *ws, struct window *w, u32 region,
			  u32 *done)
{
	struct leaf *leaf = &ws->leaf[w->dir[region]];

	if (next_bit(&leaf->suspect, 0) < REGION_PAGES) {
		*done = unmap_dropped(ws, w, leaf, *done);
		if (!*done)
			return false;
	}
	if (!protect_demoted(ws, w, leaf))
		return false;
	count_runs(ws, leaf);
	if (!leaf->runs)
		free_leaf(ws, w, region);
	return true;
}

static void settle(struct windows *ws, struct window *w)
{
	u32 done = 0;

	if (!w->unsettled)
		return;
	if (w->doubts_executed)
		compare_all_executed(ws, w);
	for_each_bit(region, &w->unsettled_regions) {
		struct leaf *leaf = &ws->leaf[w->dir[region]];

		for_each_bit(slot, &leaf->suspect)
			if (test_bit(&leaf->present, slot))
				judge_page(ws, w, leaf, slot);
	}
	for_each_bit(region, &w->unsettled_regions) {
		if (!settle_region(ws, w, region, &done)) {
			empty_window(ws, w);
			return;
		}
	}
	zero_bytes(&w->unsettled_regions, sizeof(w->unsettled_regions));
	w->unsettled = false;
}

/* The window in use is settled whenever the Guest runs. */
static void settle_current(struct windows *ws)
{
	if (ws->current)
		settle(ws, ws->current);
}
/*:*/

/*S:250 Global pages: what is mapped there, in every window that has it mapped.
 *
 * That we know of a page doesn't mean that any window still shows it; windows
 * come and go without counting.  But whenever the tables stop saying what we
 * know, every window that shows it hears about it here. */
/* The leaf by which window @n shows global @page, or NULL. */
static struct leaf *global_leaf(struct windows *ws, u32 n, u32 page)
{
	const struct window *w = window_number(ws, n);
	struct leaf *leaf;

	if (!w->used || w->view.linear)
		return NULL;
	leaf = leaf_of(ws, w, page);
	return leaf && test_bit(&leaf->present, page % REGION_PAGES) ? leaf
								      : NULL;
}

static u32 next_used(const struct windows *ws, u32 n)
{
	while (n < 2 * SPACES && !(ws->used[n / 64] >> n % 64 & 1))
		n++;
	return n;
}

#define for_each_used(n, ws)                            \
	for (u32 n = next_used(ws, 0); n < 2 * SPACES;  \
	     n = next_used(ws, n + 1))

static void suspect_everywhere(struct windows *ws, u32 page)
{
	for_each_used(n, ws) {
		struct leaf *leaf = global_leaf(ws, n, page);

		if (leaf)
			suspect_page(window_number(ws, n), leaf,
				     page % REGION_PAGES);
	}
}

static void forget_global(struct windows *ws, u32 page)
{
	if (ws->global[page] & GLOBAL_WRITE)
		unlist_writable(ws, ws->global[page] >> PAGE_SHIFT,
				global_id(page));
	ws->global[page] = 0;
	ws->globals_in[page / REGION_PAGES]--;
	suspect_everywhere(ws, page);
}

static bool global_holds(struct windows *ws, u64 root, u32 page)
{
	u32 known = ws->global[page];
	struct guest_page now;

	return ws->reader->peek(ws->owner, root, page << PAGE_SHIFT, &now) &&
	       now.pfn == known >> PAGE_SHIFT &&
	       now.flags & GUEST_PAGE_ACCESSED &&
	       (!(known & GLOBAL_WRITE) || tables_allow_write(&now)) &&
	       (!(known & GLOBAL_USER) || now.flags & GUEST_PAGE_USER);
}

/* A Linux with high memory has all of its tables looked through for each page up
 * there that it wants to see, and knows that nothing else has changed; we don't.
 * So what the tables said of a whole region, when all that we know of it was right,
 * is kept as a sum.  (FLUSH_TLB of all, with 896 MB known, took 10,000,000 cycles,
 * now 400,000.) */
static bool region_holds(struct windows *ws, u64 root, u32 page)
{
	u64 *known = &ws->global_sum[page / REGION_PAGES];
	u64 now = ws->reader->sum ? ws->reader->sum(ws->owner, root,
						    page << PAGE_SHIFT)
				  : 0;
	bool same = now && now == *known;

	*known = now;
	return same;
}

static void check_globals(struct windows *ws, u64 root, u32 first, u32 end)
{
	for (u32 page = first; page < end; page++) {
		if (!ws->globals_in[page / REGION_PAGES] ||
		    (page % REGION_PAGES == 0 && end - page >= REGION_PAGES &&
		     region_holds(ws, root, page)))
			page |= REGION_PAGES - 1;
		else if (ws->global[page] && !global_holds(ws, root, page))
			forget_global(ws, page);
	}
}

/* @w is about to show @pfn at global @page. */
static void learn_global(struct windows *ws, const struct window *w, u32 page,
			 u32 pfn, bool writable)
{
	u32 *known = &ws->global[page], before = *known;

	if (!*known) {
		*known = pfn << PAGE_SHIFT | GLOBAL_KNOWN;
		ws->globals_in[page / REGION_PAGES]++;
	}
	if (writable && !(*known & GLOBAL_WRITE)) {
		*known |= GLOBAL_WRITE;
		list_writable(ws, pfn, global_id(page));
	}
	if (w->view.user)
		*known |= GLOBAL_USER;
	if (*known != before)
		ws->global_sum[page / REGION_PAGES] = 0;
}
/*:*/

/*S:260 Showing a page.
 *
 * In the kernel's part a fault on one page is a good reason to map its
 * neighbours too: Linux maps all memory there in one piece, and has set A and D
 * for it long ago.  So the run is extended in both directions as far as the next
 * page is the next Guest page, with the same rights and nothing mapped yet.  What
 * another window knows of a global page saves asking the tables for it.
 *
 * A program's pages are like that where they come from a file.  Linux maps what it
 * has of one 16 pages at a time, all marked as accessed, and so do we (a page of
 * the program's file, written to, on Debian's kernel: 15.1 us, now 12.2; a switch
 * by pipe 6.0, now 5.2).  Pages that aren't marked are left alone, since A bits
 * are the Guest's way to learn what its programs use. */
#define PAGES_AROUND 16u

struct run {
	u32 first, count;	/* pages */
	u32 pfn;		/* of the first */
	bool writable;
};

static bool may_write(struct windows *ws, const struct guest_page *page)
{
	return tables_allow_write(page) && !x86_has_code(ws->cpu, page->pfn);
}

static bool continues_run(struct windows *ws, struct window *w, u32 page,
			  u32 pfn, bool writable)
{
	struct guest_page now;

	if (is_present(ws, w, page))
		return false;
	if (is_global(ws, w, page) && ws->global[page])
		return ws->global[page] >> PAGE_SHIFT == pfn &&
		       !!(ws->global[page] & GLOBAL_WRITE) == writable;
	return peek(ws, w, page, &now) && now.pfn == pfn &&
	       may_write(ws, &now) == writable;
}

static void extend_run(struct windows *ws, struct window *w, struct run *run)
{
	u32 end = private_end(ws, w);
	bool kernels = run->first >= end || w->view.linear;
	u32 span = kernels ? REGION_PAGES : PAGES_AROUND;
	u32 low = run->first / span * span, high = low + span;

	if (run->first >= end && low < end)
		low = end;
	if (run->first < end && high > end)
		high = end;
	while (run->first > low && run->pfn > 0 &&
	       continues_run(ws, w, run->first - 1, run->pfn - 1,
			     run->writable)) {
		run->first--;
		run->pfn--;
		run->count++;
	}
	while (run->first + run->count < high &&
	       continues_run(ws, w, run->first + run->count,
			     run->pfn + run->count, run->writable))
		run->count++;
}

static bool alias_run(struct windows *ws, const struct window *w,
		      const struct run *run)
{
	u8 *source = run->writable ? ws->cpu->memory : ws->readonly;
	long to = (long)address_of(w, run->first);

	return raw_syscall(SYS_mremap,
			   (long)source + ((u64)run->pfn << PAGE_SHIFT), 0,
			   (u64)run->count << PAGE_SHIFT,
			   MREMAP_MAYMOVE | MREMAP_FIXED, to, 0) == to;
}

static void note_page(struct windows *ws, struct window *w, u32 page, u32 pfn,
		      bool writable)
{
	struct private_page *p;

	if (is_global(ws, w, page)) {
		learn_global(ws, w, page, pfn, writable);
		return;
	}
	p = private_page(ws, w, page);
	p->pfn = pfn;
	if (writable)
		list_writable(ws, pfn, private_id(ws, p));
}

static void note_run(struct windows *ws, struct window *w,
		     const struct run *run)
{
	struct leaf *leaf = leaf_of(ws, w, run->first);
	u32 slot = run->first % REGION_PAGES, end = slot + run->count;
	u32 before;

	if (!leaf)
		leaf = add_leaf(ws, w, run->first / REGION_PAGES);
	before = edge_runs(ws, leaf, slot, end - 1);
	for (u32 i = 0; i < run->count; i++)
		note_page(ws, w, run->first + i, run->pfn + i, run->writable);
	set_bits(&leaf->present, slot, end);
	if (run->writable)
		set_bits(&leaf->writable, slot, end);
	set_runs(ws, leaf,
		 leaf->runs + edge_runs(ws, leaf, slot, end - 1) - before);
	ws->stats.pages_mapped += run->count;
}

/* Out of mappings in spite of all our care?  Then the oldest windows go. */
static bool map_run(struct windows *ws, struct window *w, const struct run *run)
{
	while (!alias_run(ws, w, run)) {
		if (evict_space(ws))
			continue;
		empty_current_space(ws);
		if (!alias_run(ws, w, run))
			return false;
		break;
	}
	note_run(ws, w, run);
	return true;
}

/* The kernel may say no, since this makes three runs of one. */
static bool permit_writing(struct windows *ws, struct window *w, u32 page,
			   u32 pfn)
{
	struct leaf *leaf = leaf_of(ws, w, page);
	u32 slot = page % REGION_PAGES;
	u32 before = edge_runs(ws, leaf, slot, slot);

	if (!change_rights(ws, w, page, 1, true))
		return false;
	if (is_global(ws, w, page))
		learn_global(ws, w, page, pfn, true);
	else
		list_writable(ws, pfn,
			      private_id(ws, private_page(ws, w, page)));
	set_bit(&leaf->writable, slot);
	set_runs(ws, leaf, leaf->runs + edge_runs(ws, leaf, slot, slot) -
				   before);
	return true;
}

static void unmap_page(struct windows *ws, struct window *w, u32 page)
{
	drop_page(ws, w, page);
	suspect_page(w, leaf_of(ws, w, page), page % REGION_PAGES);
	settle(ws, w);
}

/* Something is mapped at @page already.  true: now it's what was asked for;
 * false: now nothing is. */
static bool mend_page(struct windows *ws, struct window *w, u32 page,
		      const struct run *run)
{
	struct leaf *leaf = leaf_of(ws, w, page);

	if (run->writable && !test_bit(&leaf->writable, page % REGION_PAGES) &&
	    pfn_at(ws, w, page) == run->pfn &&
	    permit_writing(ws, w, page, run->pfn))
		return true;
	unmap_page(ws, w, page);
	return false;
}

/* The Guest may have changed a global page without telling. */
static void doubt_global(struct windows *ws, u32 page,
			 const struct guest_page *now)
{
	u32 known = ws->global[page];

	if (known && (known >> PAGE_SHIFT != now->pfn ||
		      (known & GLOBAL_WRITE && !tables_allow_write(now)))) {
		forget_global(ws, page);
		settle_current(ws);
	}
}

/* The page is about to be touched, so we needn't wait for the machine's own page
 * fault.  (A fresh page on puppy: 4.4 us, now 4.2.)  Before Linux 5.14 this is
 * an error, and nothing happens. */
static void populate(const struct window *w, u32 page, bool writable)
{
	raw_syscall(SYS_madvise, (long)address_of(w, page), PAGE_SIZE,
		    writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ,
		    0, 0, 0);
}

static bool show_page(struct windows *ws, struct window *w, u32 page,
		      const struct guest_page *now)
{
	struct run run = { page, 1, now->pfn, may_write(ws, now) };
	bool global = is_global(ws, w, page);

	if (global)
		doubt_global(ws, page, now);
	if (is_present(ws, w, page) && mend_page(ws, w, page, &run))
		return true;
	make_room(ws);
	if (!w->view.user || !global)
		extend_run(ws, w, &run);
	if (!map_run(ws, w, &run))
		return false;
	populate(w, page, run.writable);
	return true;
}

/* Whatever the reader says, we look twice before anything is shown. */
static bool may_show(struct windows *ws, const struct window *w, u32 access,
		     const struct guest_page *page)
{
	return page->pfn < ws->pages &&
	       (!w->view.user || page->flags & GUEST_PAGE_USER) &&
	       (!(access & X86_WRITE) || tables_allow_write(page));
}

/* A page fault ends with a second try, of the program or of the kernel on its
 * behalf.  If by then the Guest has set A (and D) itself, as Linux does, we
 * needn't wait for the second SIGSEGV, which would cost more than all the rest. */
static void remember_fault(struct windows *ws, struct window *w, u32 page,
			   u32 access)
{
	w->faulted = w->view.user || !is_global(ws, w, page);
	w->fault_page = page;
	w->fault_access = access;
}

static void show_faulted(struct windows *ws, struct window *w)
{
	struct guest_page now;

	w->faulted = false;
	if (peek(ws, w, w->fault_page, &now) &&
	    (!(w->fault_access & X86_WRITE) || tables_allow_write(&now)))
		show_page(ws, w, w->fault_page, &now);
}

bool windows_fill(struct windows *ws, u32 lin, u32 access, u32 *error)
{
	struct window *w = ws->current;
	struct guest_page page;

	if (!ws->reader->walk(ws->owner, space_of(ws, w)->root, lin, access,
			      &page, error)) {
		remember_fault(ws, w, lin >> PAGE_SHIFT, access);
		return false;
	}
	w->faulted = false;
	*error = X86_PRESENT | (access & (X86_WRITE | X86_USER));
	if (!may_show(ws, w, access, &page))
		return false;
	if (access & X86_WRITE && x86_has_code(ws->cpu, page.pfn))
		x86_code_written(ws->cpu, page.pfn);
	ws->stats.fills++;
	return show_page(ws, w, lin >> PAGE_SHIFT, &page);
}
/*:*/

/*S:270 A page gets its first translation: from now on nobody may write to it
 * unnoticed.  Each mapping leaves the list as it loses its right. */
static void protect_global(struct windows *ws, u32 page)
{
	for_each_used(n, ws) {
		struct leaf *leaf = global_leaf(ws, n, page);

		if (leaf && test_bit(&leaf->writable, page % REGION_PAGES))
			demote_page(window_number(ws, n), leaf,
				    page % REGION_PAGES);
	}
	ws->global[page] &= ~GLOBAL_WRITE;
}

static void protect_private(struct windows *ws, u32 index)
{
	struct leaf *leaf = &ws->leaf[index / REGION_PAGES];

	demote_page(window_number(ws, leaf->window), leaf,
		    index % REGION_PAGES);
}

void windows_protect(struct windows *ws, u32 pfn)
{
	u32 id;

	if (pfn >= ws->pages)
		return;
	while ((id = ws->writable[pfn])) {
		ws->writable[pfn] = *next_writable(ws, id);
		if (id & LIST_GLOBAL)
			protect_global(ws, id & ~LIST_GLOBAL);
		else
			protect_private(ws, id - 1);
	}
	settle_current(ws);
}
/*:*/

/*S:280 The Guest changes its tables.
 *
 * SET_PTE comes in storms, a million in a few hundred forks, and nearly always
 * for a page that we've never been asked for.  So that case is a look into the
 * hash and at two bits.
 *
 * The processor finds code by its own walks, so a page may be executed in a view
 * and yet not be mapped in the window.  If that is all that we hear of, the view has
 * to find its way anew. */
static void doubt_page(struct windows *ws, struct window *w, u32 page)
{
	struct leaf *leaf = leaf_of(ws, w, page);

	if (leaf && test_bit(&leaf->present, page % REGION_PAGES))
		suspect_page(w, leaf, page % REGION_PAGES);
	else if (w->used)
		view_changed(ws, w, page);
}

/* The 64 pages from @page on, as far as @mask has them. */
static void doubt_word(struct windows *ws, struct window *w, u32 page, u64 mask)
{
	struct leaf *leaf = leaf_of(ws, w, page);
	u32 i = page % REGION_PAGES / 64;
	u64 present = leaf ? leaf->present.word[i] & mask : 0;

	if (present) {
		leaf->suspect.word[i] |= present;
		set_bit(&w->unsettled_regions, leaf->region);
		w->unsettled = true;
	}
	if (executed_word(w, page) & mask)
		w->unsettled = w->doubts_executed = true;
}

/* Pages [@first, @end), all in one region. */
static void doubt_in_region(struct windows *ws, struct window *w, u32 first,
			    u32 end)
{
	for (u32 page = first & ~63u; page < end; page += 64) {
		u64 mask = ~0ull;

		if (page < first)
			mask <<= first - page;
		if (end - page < 64)
			mask &= (1ull << (end - page)) - 1;
		doubt_word(ws, w, page, mask);
	}
}

/* Private pages of [@first, @end) only. */
static void doubt_range(struct windows *ws, struct window *w, u32 first,
			u32 end)
{
	u32 next;

	if (!w->used)
		return;
	if (end > private_end(ws, w))
		end = private_end(ws, w);
	for (; first < end; first = next) {
		u32 region = first / REGION_PAGES;

		next = (region + 1) * REGION_PAGES;
		if (w->dir[region] || executes_in(w, region))
			doubt_in_region(ws, w, first, next < end ? next : end);
	}
}

static struct space *current_or_find(struct windows *ws, u64 root)
{
	if (ws->current && space_of(ws, ws->current)->root == root)
		return space_of(ws, ws->current);
	return find_space(ws, root);
}

/* All spaces agree, so the one in use may answer for them. */
static void flush_global_page(struct windows *ws, u32 page)
{
	if (ws->global[page] && ws->current &&
	    !global_holds(ws, space_of(ws, ws->current)->root, page))
		forget_global(ws, page);
}

static void flush_private_page(struct windows *ws, u64 root, u32 page)
{
	struct space *space = current_or_find(ws, root);

	if (space) {
		doubt_page(ws, &space->window[0], page);
		doubt_page(ws, &space->window[1], page);
	}
}

void windows_flush_page(struct windows *ws, u64 root, u32 lin)
{
	u32 page = lin >> PAGE_SHIFT;

	if (root == WINDOWS_LINEAR || page < first_global(ws))
		flush_private_page(ws, root, page);
	else
		flush_global_page(ws, page);
	if (root != WINDOWS_LINEAR && lin >= ws->cpu->global_start)
		x86_global_changed(ws->cpu, lin);
	settle_current(ws);
}

void windows_flush_range(struct windows *ws, u64 root, u32 lin, u32 len)
{
	u32 first = lin >> PAGE_SHIFT;
	u64 end = ((u64)lin + len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct space *space = current_or_find(ws, root);

	if (end > ALL_PAGES)
		end = ALL_PAGES;
	if (space) {
		doubt_range(ws, &space->window[0], first, end);
		doubt_range(ws, &space->window[1], first, end);
	}
	if (root != WINDOWS_LINEAR && end > first_global(ws)) {
		check_globals(ws, root, first, end);
		x86_all_changed(ws->cpu);
	}
	settle_current(ws);
}

void windows_flush_all(struct windows *ws)
{
	struct window *w = ws->current;

	ws->generation++;
	if (w) {
		check_globals(ws, space_of(ws, w)->root, 0, ALL_PAGES);
		doubt_range(ws, w, 0, ALL_PAGES);
		w->generation = ws->generation;
	}
	x86_all_changed(ws->cpu);
	settle_current(ws);
}

void windows_flush_others(struct windows *ws)
{
	struct space *space = space_of(ws, ws->current);

	for (u32 user = 0; user < 2; user++)
		if (space->window[user].generation == ws->generation)
			space->window[user].generation++;
	ws->generation++;
}

void windows_forget(struct windows *ws, u64 root)
{
	struct space *space = find_space(ws, root);

	if (!space)
		return;
	if (ws->current && space_of(ws, ws->current) == space)
		ws->current = NULL;
	drop_space(ws, space);
}
/*:*/

/*S:290 Entering a window, and the first and the last window. */
static struct space *free_space(struct windows *ws)
{
	for (struct space *s = ws->space; s < ws->space + SPACES; s++)
		if (!s->live)
			return s;
	return NULL;
}

static struct space *add_space(struct windows *ws, u64 root)
{
	struct space *space = free_space(ws);
	u16 *head = hash_of(ws, root);

	if (!space) {
		evict_space(ws);
		space = free_space(ws);
	}
	space->root = root;
	space->live = true;
	space->next = *head;
	*head = space - ws->space;
	return space;
}

static struct x86_jumps *jumps_of(struct windows *ws, const struct window *w)
{
	if (w->view.user)
		return &ws->jumps[space_of(ws, w) - ws->space];
	return w->view.linear ? &ws->linear_jumps : &ws->kernel_jumps;
}

static void prepare_window(struct windows *ws, struct window *w)
{
	if (!w->used) {
		mark_used(ws, w, true);
		w->faulted = false;
		w->generation = ws->generation;
		w->view.linear = space_of(ws, w)->root == WINDOWS_LINEAR;
		w->view.jumps = jumps_of(ws, w);
		ws->stats.windows++;
	}
	if (w->generation != ws->generation) {
		doubt_range(ws, w, 0, ALL_PAGES);
		w->generation = ws->generation;
	}
	settle(ws, w);
}

void windows_enter(struct windows *ws, u64 root, bool user)
{
	struct space *space = current_or_find(ws, root);
	struct window *w;

	if (!space)
		space = add_space(ws, root);
	w = &space->window[user];
	if (w != ws->current) {
		prepare_window(ws, w);
		space->last_used = ++ws->clock;
		ws->current = w;
		x86_use_view(ws->cpu, &w->view);
	}
	if (w->faulted)
		show_faulted(ws, w);
}

void windows_get_stats(const struct windows *ws, struct windows_stats *stats)
{
	*stats = ws->stats;
	stats->mappings = ws->mappings;
}

/* Three quarters of what the kernel allows, and no more than we like. */
static u32 allowed_mappings(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	unsigned long max;

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	max = strtoul(text, NULL, 10) / 4 * 3;
	return max && max < MAPPINGS_WANTED ? max : MAPPINGS_WANTED;
}

/* A place for all windows, with emptiness in front and behind.  We only look
 * whether it's free: windows are holes, and Linux hands out addresses far from
 * here unless it is asked for these. */
static long find_place(void)
{
	u64 size = 2 * SPACES * WINDOW_STRIDE + WINDOW_SIZE;
	long ret = -ENOMEM;

	for (u64 at = 1ull << 45; at < 1ull << 46; at += 1ull << 42) {
		ret = raw_syscall(SYS_mmap, at, size, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
					  MAP_FIXED_NOREPLACE,
				  -1, 0);
		if (ret < 0 && ret >= -4095)
			continue;
		raw_syscall(SYS_munmap, ret, size, 0, 0, 0, 0);
		if ((u64)ret == at)
			return at + WINDOW_SIZE;
		ret = -EEXIST;
	}
	return ret;
}

static long alias_readonly(struct x86_cpu *cpu)
{
	u64 size = (u64)cpu->memory_pages << PAGE_SHIFT;
	long at = raw_syscall(SYS_mremap, (long)cpu->memory, 0, size,
			      MREMAP_MAYMOVE, 0, 0);
	long ret;

	if (at < 0 && at >= -4095)
		return at;
	ret = raw_syscall(SYS_mprotect, at, size, PROT_READ, 0, 0, 0);
	return ret < 0 ? ret : at;
}

static void lay_out(struct windows *ws, u64 base)
{
	for (u32 n = 0; n < 2 * SPACES; n++) {
		struct x86_view *view = &window_number(ws, n)->view;

		view->base = base + n * WINDOW_STRIDE;
		view->user = n % 2;
	}
	for (u32 i = 0; i < HASH_SIZE; i++)
		ws->hash[i] = NO_SPACE;
}

int windows_init(struct windows **windows, struct x86_cpu *cpu,
		 const struct page_reader *reader, void *owner)
{
	long place = find_place(), readonly;
	struct windows *ws;

	if (place < 0)
		return place;
	if (!cpu->memory_pages || cpu->memory_pages > ALL_PAGES)
		return -EINVAL;
	ws = mmap(NULL, sizeof(*ws), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ws == MAP_FAILED)
		return -ENOMEM;
	readonly = alias_readonly(cpu);
	if (readonly < 0) {
		munmap(ws, sizeof(*ws));
		return readonly;
	}
	ws->cpu = cpu;
	ws->reader = reader;
	ws->owner = owner;
	ws->pages = cpu->memory_pages;
	ws->readonly = (u8 *)readonly;
	ws->max_mappings = allowed_mappings();
	lay_out(ws, place);
	*windows = ws;
	return 0;
}

void windows_exit(struct windows *ws)
{
	for (struct space *s = ws->space; s < ws->space + SPACES; s++)
		if (s->live)
			drop_space(ws, s);
	munmap(ws->readonly, (size_t)ws->pages << PAGE_SHIFT);
	munmap(ws, sizeof(*ws));
}
/*:*/

/*M:640 A Linux with more than 896 MB has to map a page up there before it can look
 * into it.  It doesn't say which PTE it has changed for that, but has everything
 * flushed, and each time we add up all of the kernel's tables: a sixth of a
 * millisecond for clearing one page.  If the tables were watched like pages of
 * code are, one would know which of them have been written to. :*/
