/*H:610 The Guest's page tables.
 *
 * Here the old Host spent most of its lines and all of its cunning, because it
 * had to build tables which a processor would walk.  Ours are the windows, so
 * what remains is to read the Guest's, just as a processor would (SDM 3A:4.3
 * and 4.4), and to pass on what the Guest says has changed.
 *
 * A Guest changes its tables in its own memory as it pleases, and then tells
 * about an entry that's different or gone (never mind one that's new: there was
 * nothing to forget).  So a hypercall carries news, not contents.  Windows looks
 * into the tables when it wants to know. */
#include "page_tables.h"

/* Bits of an entry, at every level. */
#define ENTRY_PRESENT 0x001u
#define ENTRY_WRITE 0x002u
#define ENTRY_USER 0x004u
#define ENTRY_ACCESSED 0x020u
#define ENTRY_DIRTY 0x040u
#define ENTRY_LARGE 0x080u
#define ENTRY_FLAGS 0xfffu

/* An entry that names a table may have no others but these; nor may one of the
 * four at the top of PAE, whose rights are those of the levels below it. */
#define TABLE_FLAGS (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | \
		     ENTRY_ACCESSED | ENTRY_DIRTY)
#define TOP_FLAGS ENTRY_PRESENT

/* What an upper entry spans, and where the part begins that is nobody's: once
 * the Host's switcher lived up there. */
#define SPAN_SHIFT 22
#define PAE_SPAN_SHIFT 21
#define PAE_TOP_SHIFT 30
#define PAE_TOP_ENTRIES 4u

static u32 span_shift(const struct lguest *lg)
{
	return lg->pae ? PAE_SPAN_SHIFT : SPAN_SHIFT;
}

static bool is_reserved(const struct lguest *lg, u32 vaddr)
{
	return vaddr >= -(1u << span_shift(lg));
}
/*:*/

/*H:620 Two ways to lay out tables.
 *
 * Two levels of 1024 words each is the old way.  With PAE entries have 64 bits,
 * so only 512 fit into a page, and a third level of four entries sits on top.
 * Apart from that the two look the same from here: an upper entry for the whole
 * span of a table, and in that table the lower entry for the page.
 *
 * The tables are the Guest's memory, where a device may write at any time.  So
 * every entry is read once, and A and D are set by compare-and-swap. */
struct entry {
	void *at;
	u64 value;
};

struct path {
	struct entry upper, lower;
	const char *bad;	/* what the Guest should die of */
};

static void read_entry(const struct lguest *lg, struct entry *entry)
{
	if (lg->pae)
		entry->value = __atomic_load_n((u64 *)entry->at,
					       __ATOMIC_RELAXED);
	else
		entry->value = __atomic_load_n((u32 *)entry->at,
					       __ATOMIC_RELAXED);
}

/* false: somebody else was faster. */
static bool set_entry_bits(const struct lguest *lg, const struct entry *entry,
			   u32 bits)
{
	u64 old = entry->value;
	u32 old_word = old;

	if ((old & bits) == bits)
		return true;
	if (lg->pae)
		return __atomic_compare_exchange_n((u64 *)entry->at, &old,
						   old | bits, false,
						   __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((u32 *)entry->at, &old_word,
					   old_word | bits, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static bool in_memory(const struct lguest *lg, u64 entry)
{
	return entry >> PAGE_SHIFT < lg->cpu.memory_pages;
}

static u32 entry_size(const struct lguest *lg)
{
	return lg->pae ? sizeof(u64) : sizeof(u32);
}

static u32 top_address(const struct lguest *lg, u64 root, u32 lin)
{
	u32 shift = lg->pae ? PAE_TOP_SHIFT : SPAN_SHIFT;

	return root + (lin >> shift) * entry_size(lg);
}

/* The entry at the very top; only here is an address the Guest's mere word. */
static bool top_entry(struct lguest *lg, u64 root, u32 lin, struct entry *top)
{
	top->at = guest_range(lg, top_address(lg, root, lin), entry_size(lg));
	if (!top->at)
		return false;
	read_entry(lg, top);
	return true;
}

/* Steps from the entry @from, which names a table, to number @index in it.
 * false: there is none, or @from is @bad. */
static bool step(struct lguest *lg, const struct entry *from, u32 flags,
		 u32 index, struct entry *to, const char **bad)
{
	if (!(from->value & ENTRY_PRESENT))
		return false;
	if (from->value & ENTRY_FLAGS & ~flags || !in_memory(lg, from->value)) {
		*bad = "bad page directory entry";
		return false;
	}
	to->at = lg->cpu.memory + (from->value & ~(u64)ENTRY_FLAGS) +
		 index * entry_size(lg);
	read_entry(lg, to);
	return true;
}

static bool find_upper(struct lguest *lg, u64 root, u32 lin, struct path *path)
{
	struct entry top;

	if (!lg->pae)
		return top_entry(lg, root, lin, &path->upper);
	return top_entry(lg, root, lin, &top) &&
	       step(lg, &top, TOP_FLAGS, lin >> PAE_SPAN_SHIFT & 511,
		    &path->upper, &path->bad);
}

static bool find_path(struct lguest *lg, u64 root, u32 lin, struct path *path)
{
	u32 index = lin >> PAGE_SHIFT & (lg->pae ? 511 : 1023);

	path->bad = NULL;
	return !is_reserved(lg, lin) && find_upper(lg, root, lin, path) &&
	       step(lg, &path->upper, TABLE_FLAGS, index, &path->lower,
		    &path->bad) &&
	       path->lower.value & ENTRY_PRESENT;
}

static bool is_bad_pte(const struct lguest *lg, u64 pte)
{
	return pte & ENTRY_PRESENT &&
	       (pte & ENTRY_LARGE || !in_memory(lg, pte));
}
/*:*/

/*H:630 The two questions that windows ask: "what stands there?", which leaves no
 * trace; and "may I?", which leaves A and D, and makes the fault's error code if
 * the answer is no.
 *
 * Before the Guest has any tables, linear addresses are physical and everything
 * is allowed. */
#define ALL_RIGHTS (GUEST_PAGE_WRITE | GUEST_PAGE_USER | \
		    GUEST_PAGE_ACCESSED | GUEST_PAGE_DIRTY)

static bool linear_page(const struct lguest *lg, u32 lin,
			struct guest_page *page)
{
	page->pfn = lin >> PAGE_SHIFT;
	page->flags = ALL_RIGHTS;
	return page->pfn < lg->cpu.memory_pages;
}

static void describe_page(const struct path *path, struct guest_page *page)
{
	u64 both = path->upper.value & path->lower.value;
	u64 pte = path->lower.value;

	page->pfn = pte >> PAGE_SHIFT;
	page->flags = (both & ENTRY_WRITE ? GUEST_PAGE_WRITE : 0) |
		      (both & ENTRY_USER ? GUEST_PAGE_USER : 0) |
		      (pte & ENTRY_ACCESSED ? GUEST_PAGE_ACCESSED : 0) |
		      (pte & ENTRY_DIRTY ? GUEST_PAGE_DIRTY : 0);
}

static bool peek(void *owner, u64 root, u32 lin, struct guest_page *page)
{
	struct lguest *lg = owner;
	struct path path;

	if (root == WINDOWS_LINEAR)
		return linear_page(lg, lin, page);
	if (!find_path(lg, root, lin, &path) ||
	    is_bad_pte(lg, path.lower.value))
		return false;
	describe_page(&path, page);
	return true;
}

static bool violates(const struct guest_page *page, u32 access)
{
	return (access & X86_WRITE && !(page->flags & GUEST_PAGE_WRITE)) ||
	       (access & X86_USER && !(page->flags & GUEST_PAGE_USER));
}

static bool bad_entry(struct lguest *lg)
{
	kill_guest(lg, "bad page table entry");
	return false;
}

/* The end of a walk that found something there. */
static bool permit(struct lguest *lg, const struct path *path, u32 access,
		   struct guest_page *page, u32 *error)
{
	*error |= X86_PRESENT;
	describe_page(path, page);
	if (violates(page, access))
		return false;
	if (is_bad_pte(lg, path->lower.value))
		return bad_entry(lg);
	page->flags |= GUEST_PAGE_ACCESSED;
	if (access & X86_WRITE)
		page->flags |= GUEST_PAGE_DIRTY;
	return true;
}

static bool mark_used(struct lguest *lg, const struct path *path, u32 access)
{
	u32 bits = ENTRY_ACCESSED | (access & X86_WRITE ? ENTRY_DIRTY : 0);

	return set_entry_bits(lg, &path->upper, ENTRY_ACCESSED) &&
	       set_entry_bits(lg, &path->lower, bits);
}

/* Why did find_path() find nothing? */
static void blame_tables(struct lguest *lg, u64 root, u32 lin,
			 const struct path *path)
{
	if (path->bad)
		kill_guest(lg, "%s", path->bad);
	else if (!is_reserved(lg, lin))
		guest_range_or_kill(lg, top_address(lg, root, lin),
				    entry_size(lg));
}

static bool walk(void *owner, u64 root, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	struct lguest *lg = owner;
	struct path path;

	do {
		*error = access & (X86_WRITE | X86_USER);
		/* The old Host made up an entry for each linear page that was
		 * touched, and found its own entry bad if there was no page. */
		if (root == WINDOWS_LINEAR)
			return linear_page(lg, lin, page) || bad_entry(lg);
		if (!find_path(lg, root, lin, &path)) {
			blame_tables(lg, root, lin, &path);
			return false;
		}
		if (!permit(lg, &path, access, page, error))
			return false;
	} while (!mark_used(lg, &path, access));
	return true;
}

/* A third question comes where all tables are to be looked through: is a whole
 * region still as it was?  A table that's used has "accessed" set in the upper entry
 * of one directory and maybe not in another's; nothing depends on that. */
static u64 sum_table(struct lguest *lg, u64 root, u32 lin)
{
	struct path path;

	if (is_reserved(lg, lin) || !find_upper(lg, root, lin, &path) ||
	    !(path.upper.value & ENTRY_PRESENT) ||
	    !in_memory(lg, path.upper.value))
		return 0;
	return x86_sum_page(&lg->cpu, path.upper.value >> PAGE_SHIFT) +
	       (path.upper.value & ~(u64)ENTRY_ACCESSED);
}

static u64 sum(void *owner, u64 root, u32 lin)
{
	struct lguest *lg = owner;
	u64 first = sum_table(lg, root, lin);

	return lg->pae ? first * 3 + sum_table(lg, root,
					       lin + (1u << PAE_SPAN_SHIFT))
		       : first;
}

const struct page_reader lguest_reader = { .walk = walk, .peek = peek,
					   .sum = sum };
/*:*/

/*H:640 Which of the two layouts is it?  A Guest never says; it just names its
 * first page directory.  But the four top entries of PAE are unlike anything
 * that stands at the start of a two-level directory: they have no flag but P,
 * not even W, and nothing in their upper halves. */
static bool is_pae_entry(const struct lguest *lg, u64 entry)
{
	return (entry & ENTRY_FLAGS) == ENTRY_PRESENT && in_memory(lg, entry);
}

static bool looks_like_pae(struct lguest *lg, u32 pgdir)
{
	const u64 *top = guest_range(lg, pgdir & ~31u,
				     PAE_TOP_ENTRIES * sizeof(u64));
	u32 present = 0;

	for (u32 i = 0; top && i < PAE_TOP_ENTRIES; i++) {
		u64 entry = __atomic_load_n(&top[i], __ATOMIC_RELAXED);

		if (!entry)
			continue;
		if (!is_pae_entry(lg, entry))
			return false;
		present++;
	}
	return present > 0;
}

/* A processor ignores the low bits of cr3, too. */
static u64 root_of(const struct lguest *lg, u32 pgdir)
{
	return pgdir & (lg->pae ? ~31u : PAGE_MASK);
}

static bool is_linear(const struct lguest *lg)
{
	return lg->pgdir == WINDOWS_LINEAR;
}

void guest_enter_ring(struct lguest *lg, bool user)
{
	lg->cpu.user = user;
	windows_enter(lg->windows, lg->pgdir, user);
}

/* The first page directory ends the age of innocence.  All later ones cost next
 * to nothing, unless the windows of this one have been evicted meanwhile. */
void guest_new_pagetable(struct lguest *lg, u32 pgdir)
{
	bool first = is_linear(lg);

	if (first)
		lg->pae = looks_like_pae(lg, pgdir);
	lg->pgdir = root_of(lg, pgdir);
	guest_enter_ring(lg, lg->cpu.user);
	if (first) {
		windows_forget(lg->windows, WINDOWS_LINEAR);
		windows_flush_all(lg->windows);
	}
}
/*:*/

/*H:650 News of entries.  A PTE is looked at even if nothing will come of it,
 * because a Guest with a wild pointer in its tables should hear of it from us
 * and soon, not from a page fault and late.  That a table above it has changed
 * means that its whole span may have. */
void guest_set_pte(struct lguest *lg, u32 pgdir, u32 vaddr, u64 pte)
{
	if (is_bad_pte(lg, pte))
		kill_guest(lg, "bad page table entry");
	else if (!is_linear(lg) && !is_reserved(lg, vaddr))
		windows_flush_page(lg->windows, root_of(lg, pgdir), vaddr);
}

void guest_set_pgd(struct lguest *lg, u32 pgdir, u32 index)
{
	u32 shift = lg->pae ? PAE_TOP_SHIFT : SPAN_SHIFT;
	u32 entries = lg->pae ? PAE_TOP_ENTRIES : 1023;

	if (!is_linear(lg) && index < entries)
		windows_flush_range(lg->windows, root_of(lg, pgdir),
				    index << shift, 1u << shift);
}

/* PAE's middle level is told of without saying whose it is.  If it isn't part of
 * the current directory, it's any other's.  (A kernel's own middle tables are
 * shared by all directories, the current one included.) */
void guest_set_pmd(struct lguest *lg, u32 pmd_page, u32 index)
{
	struct entry top;
	bool found = false;

	if (is_linear(lg) || !lg->pae || index > 511)
		return;
	for (u32 i = 0; i < PAE_TOP_ENTRIES; i++) {
		u32 lin = i << PAE_TOP_SHIFT | index << PAE_SPAN_SHIFT;

		if (!top_entry(lg, lg->pgdir, lin, &top) ||
		    !(top.value & ENTRY_PRESENT) ||
		    top.value >> PAGE_SHIFT != pmd_page >> PAGE_SHIFT)
			continue;
		windows_flush_range(lg->windows, lg->pgdir, lin,
				    1u << PAE_SPAN_SHIFT);
		found = true;
	}
	if (!found)
		windows_flush_others(lg->windows);
}

void guest_flush_user(struct lguest *lg)
{
	if (!is_linear(lg))
		windows_flush_range(lg->windows, lg->pgdir, 0,
				    lg->cpu.global_start);
}

void guest_flush_all(struct lguest *lg)
{
	windows_flush_all(lg->windows);
}
/*:*/
