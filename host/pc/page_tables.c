/*H:740 The PC's page tables, read as its processor would.
 *
 * There are no hypercalls here: the Guest writes into its tables, and says so by
 * loading cr3 or with invlpg, if it has to say it at all.  A processor may keep
 * what it has read until then and not a moment longer; windows are our way to
 * keep it.
 *
 * Two formats: two levels of 32-bit entries, or three of 64 bits with CR4.PAE
 * (SDM 3A:4.3 and 4.4).  In either an entry for a whole span (4 or 2 MB) may
 * name a page itself rather than a table.  Linux doesn't do that here, since
 * cpuid doesn't offer it, but the check costs nothing.
 *
 * Which format it is goes into the root, so that one number says it all. */
#include "machine.h"

#define ROOT_PAE 1u

#define ENTRY_PRESENT 0x001u
#define ENTRY_WRITE 0x002u
#define ENTRY_USER 0x004u
#define ENTRY_ACCESSED 0x020u
#define ENTRY_DIRTY 0x040u
#define ENTRY_LARGE 0x080u
#define ENTRY_ADDRESS 0x000ffffffffff000ull

struct entry {
	void *at;
	u64 value;
};

/* @upper spans a table, @lower a page; for a large page they're the same. */
struct path {
	struct entry upper, lower;
	u32 pfn;
};

u64 pc_root(const struct pc *pc)
{
	if (!(pc->cr0 & CR0_PG))
		return WINDOWS_LINEAR;
	if (pc->cr4 & CR4_PAE)
		return (pc->cr3 & ~31u) | ROOT_PAE;
	return pc->cr3 & PAGE_MASK;
}

static bool read_entry(const struct pc *pc, u64 table, u32 index, bool pae,
		       struct entry *entry)
{
	u64 at = table + index * (pae ? 8 : 4);

	if (at >> PAGE_SHIFT >= pc->cpu.memory_pages)
		return false;
	entry->at = pc->cpu.memory + at;
	if (pae)
		entry->value = __atomic_load_n((u64 *)entry->at,
					       __ATOMIC_RELAXED);
	else
		entry->value = __atomic_load_n((u32 *)entry->at,
					       __ATOMIC_RELAXED);
	return entry->value & ENTRY_PRESENT;
}

static u64 address_in(const struct entry *entry)
{
	return entry->value & ENTRY_ADDRESS;
}

/* Page numbers have 32 bits here; what doesn't fit isn't there in any case. */
static u32 page_number(u64 address)
{
	u64 pfn = address >> PAGE_SHIFT;

	return pfn > UINT32_MAX ? UINT32_MAX : pfn;
}

static bool find_upper(const struct pc *pc, u64 root, u32 lin,
		       struct entry *upper)
{
	struct entry top;

	if (!(root & ROOT_PAE))
		return read_entry(pc, root, lin >> 22, false, upper);
	return read_entry(pc, root & ~31ull, lin >> 30, true, &top) &&
	       read_entry(pc, address_in(&top), lin >> 21 & 511, true, upper);
}

static bool find_path(const struct pc *pc, u64 root, u32 lin,
		      struct path *path)
{
	bool pae = root & ROOT_PAE;
	u32 page = lin >> PAGE_SHIFT & (pae ? 511 : 1023);

	if (!find_upper(pc, root, lin, &path->upper))
		return false;
	if (path->upper.value & ENTRY_LARGE &&
	    (pae || pc->cr4 & CR4_PSE)) {
		path->lower = path->upper;
		path->pfn = (page_number(address_in(&path->upper)) &
			     (pae ? ~511u : ~1023u)) | page;
		return true;
	}
	if (!read_entry(pc, address_in(&path->upper), page, pae, &path->lower))
		return false;
	path->pfn = page_number(address_in(&path->lower));
	return true;
}

static void describe_page(const struct path *path, struct guest_page *page)
{
	u64 both = path->upper.value & path->lower.value;

	page->pfn = path->pfn;
	page->flags = (both & ENTRY_WRITE ? GUEST_PAGE_WRITE : 0) |
		      (both & ENTRY_USER ? GUEST_PAGE_USER : 0) |
		      (path->lower.value & ENTRY_ACCESSED ?
			       GUEST_PAGE_ACCESSED : 0) |
		      (path->lower.value & ENTRY_DIRTY ? GUEST_PAGE_DIRTY : 0);
}

static bool linear_page(const struct pc *pc, u32 lin, struct guest_page *page)
{
	page->pfn = lin >> PAGE_SHIFT;
	page->flags = GUEST_PAGE_WRITE | GUEST_PAGE_USER | GUEST_PAGE_ACCESSED |
		      GUEST_PAGE_DIRTY;
	return page->pfn < pc->cpu.memory_pages;
}

static bool peek(void *owner, u64 root, u32 lin, struct guest_page *page)
{
	const struct pc *pc = owner;
	struct path path;

	if (root == WINDOWS_LINEAR)
		return linear_page(pc, lin, page);
	if (!find_path(pc, root, lin, &path))
		return false;
	describe_page(&path, page);
	return true;
}
/*:*/

/*H:742 An access: is it allowed?  Ring 0 may write everywhere unless CR0.WP says
 * otherwise, and then we say so, for this one time; nobody but the 80386 itself
 * ever ran for long without that bit. */
static bool permit(const struct pc *pc, u32 access, struct guest_page *page,
		   u32 *error)
{
	bool may_write = page->flags & GUEST_PAGE_WRITE ||
			 !(access & X86_USER || pc->cr0 & CR0_WP);

	if ((access & X86_WRITE && !may_write) ||
	    (access & X86_USER && !(page->flags & GUEST_PAGE_USER))) {
		*error |= X86_PRESENT;
		return false;
	}
	page->flags |= GUEST_PAGE_ACCESSED;
	if (access & X86_WRITE)
		page->flags |= GUEST_PAGE_WRITE | GUEST_PAGE_DIRTY;
	return true;
}

/* false: a device was faster, and there's another entry now. */
static bool set_bits(const struct entry *entry, bool pae, u32 bits)
{
	u64 old = entry->value;
	u32 word = old;

	if ((old & bits) == bits)
		return true;
	if (pae)
		return __atomic_compare_exchange_n((u64 *)entry->at, &old,
						   old | bits, false,
						   __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((u32 *)entry->at, &word, word | bits,
					   false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static bool mark_used(const struct path *path, u64 root, u32 access)
{
	u32 bits = ENTRY_ACCESSED | (access & X86_WRITE ? ENTRY_DIRTY : 0);
	bool pae = root & ROOT_PAE;

	if (path->upper.at != path->lower.at &&
	    !set_bits(&path->upper, pae, ENTRY_ACCESSED))
		return false;
	return set_bits(&path->lower, pae, bits);
}

static bool walk(void *owner, u64 root, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	const struct pc *pc = owner;
	struct path path;

	do {
		*error = access & (X86_WRITE | X86_USER);
		if (root == WINDOWS_LINEAR)
			return linear_page(pc, lin, page);
		if (!find_path(pc, root, lin, &path))
			return false;
		describe_page(&path, page);
		/* Nobody executes what isn't memory. */
		if (access & X86_FETCH && page->pfn >= pc->cpu.memory_pages)
			return false;
		if (!permit(pc, access, page, error))
			return false;
	} while (!mark_used(&path, root, access));
	return true;
}

const struct page_reader pc_reader = { .walk = walk, .peek = peek };
/*:*/
