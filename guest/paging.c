#include "kernel.h"

/*G:250 Page tables.
 *
 * Every program believes that the lower 3 GB are its own.  That is the work of
 * page tables, and we keep them as on any i386: the processor (or rather: the
 * Host, which keeps shadows of them) takes an address apart from the left, and
 * each part is an index into a table whose entry leads to the next one.
 *
 * There are two kinds.  The old one has entries of 32 bits, 1024 to a page, and
 * two levels.  PAE has entries of 64 bits, so only 512 to a page, and needs a
 * third level above, of four entries; it was made for machines with more than 4
 * GB.  We have no use for it except that Linux has: it's one more thing for a
 * Host to get right.  puppy-pae is built from the same source, and only this
 * file can tell the difference.  Most of that stands right here. */
#ifdef CONFIG_PAE
typedef u64 entry_t;
#define TOP_SPAN	0x40000000u	/* 1 GB to an entry at the top */
#else
typedef u32 entry_t;
#define TOP_SPAN	TABLE_SPAN
#endif

#define ENTRIES		(PAGE_SIZE / sizeof(entry_t))
#define TABLE_SPAN	((u32)(ENTRIES * PAGE_SIZE))
#define FLAGS		(PAGE_SIZE - 1)
/* The rights in upper levels: whatever the last one says. */
#define TABLE_FLAGS	0x67u
/* Accessed and dirty from the start: we'd never look. */
#define KERNEL_FLAGS	0x63u

extern entry_t kernel_directory[];
/* Once a program's root has copied the kernel's entries, there can't be
 * more. */
static bool kernel_copied;

static void *target(entry_t entry)
{
	return va((u32)entry & ~FLAGS);
}

static u32 physical_entry(const void *page, u32 flags)
{
	return pa(page) | flags;
}

/* A 64-bit entry takes two stores, and it mustn't be valid between them. */
static void set_entry(entry_t *entry, entry_t value)
{
	volatile u32 *half = (u32 *)entry;

	half[0] = 0;
#ifdef CONFIG_PAE
	half[1] = value >> 32;
#endif
	half[0] = value;
}
/*:*/

/*G:252 The way down, from a root to the entry that leads to a page table.  With
 * two levels it's in the root; with PAE there's a table in between, one for
 * each gigabyte, which we may have to make.  A processor reads the four entries
 * at the top only when it loads cr3, so a new one needs saying, even though it
 * was absent before. */
#ifdef CONFIG_PAE
static entry_t *table_entry(entry_t *root, u32 virtual, bool make)
{
	entry_t *top = &root[virtual / TOP_SPAN];

	if (!(*top & PTE_PRESENT)) {
		void *middle = make ? alloc_page() : NULL;

		if (!middle)
			return NULL;
		set_entry(top, physical_entry(middle, PTE_PRESENT));
		hcall(LHCALL_SET_PGD, pa(root), virtual / TOP_SPAN, 0, 0);
	}
	return (entry_t *)target(*top) + virtual % TOP_SPAN / TABLE_SPAN;
}
#else
static entry_t *table_entry(entry_t *root, u32 virtual, bool make)
{
	(void)make;
	return &root[virtual / TABLE_SPAN];
}
#endif

static entry_t *page_entry(entry_t *root, u32 virtual, bool make)
{
	entry_t *table = table_entry(root, virtual, make);

	if (!table)
		return NULL;
	if (!(*table & PTE_PRESENT)) {
		void *page = make ? alloc_page() : NULL;

		if (!page)
			return NULL;
		set_entry(table, physical_entry(page, TABLE_FLAGS));
	}
	return (entry_t *)target(*table) + virtual % TABLE_SPAN / PAGE_SIZE;
}
/*:*/

/*G:254 The Host keeps what it has seen of our tables, as a processor would in
 * its TLB.  A page that wasn't there and now is needs no telling: the first
 * touch faults, the Host looks and finds it.  Whatever was there and has
 * changed must be told, entry by entry, and that's what the ring is for.
 * pages_settle() is for the moment when it has to have happened. */
static void tell_host(const void *root, u32 virtual, entry_t entry)
{
	hcall_later(LHCALL_SET_PTE, pa(root), virtual, entry, (u64)entry >> 32);
}

void pages_settle(void)
{
	hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void change_entry(const void *root, u32 virtual, entry_t *entry,
			 entry_t value)
{
	bool told = *entry & PTE_PRESENT;

	set_entry(entry, value);
	if (told)
		tell_host(root, virtual, value);
}
/*:*/

/*G:256 What the rest of the kernel does with single pages of a program. */
bool page_map(void *root, u32 virtual, const void *page, u32 flags)
{
	entry_t *entry = page_entry(root, virtual, true);

	if (!entry)
		return false;
	change_entry(root, virtual, entry,
		     physical_entry(page, flags | PTE_PRESENT));
	return true;
}

void *page_mapped(void *root, u32 virtual, u32 *flags)
{
	const entry_t *entry = page_entry(root, virtual, false);

	if (!entry || !(*entry & PTE_PRESENT))
		return NULL;
	*flags = *entry & FLAGS;
	return target(*entry);
}

void *page_unmap(void *root, u32 virtual)
{
	entry_t *entry = page_entry(root, virtual, false);
	void *page;

	if (!entry || !(*entry & PTE_PRESENT))
		return NULL;
	page = target(*entry);
	change_entry(root, virtual, entry, 0);
	return page;
}
/*:*/

/*G:260 A new root has nothing of a program, and all of the kernel: traps don't
 * change page tables, so wherever we're interrupted we must be there already.
 * With PAE that is one entry, the last of four. */
void *kernel_root(void)
{
	return kernel_directory;
}

#define TOP_ENTRIES	(PAGE_OFFSET / TOP_SPAN)
#define KERNEL_ENTRIES	((0u - PAGE_OFFSET) / TOP_SPAN)

void *root_alloc(void)
{
	entry_t *root = alloc_page();

	kernel_copied = true;
	if (root)
		memcpy(&root[TOP_ENTRIES], &kernel_directory[TOP_ENTRIES],
		       KERNEL_ENTRIES * sizeof(entry_t));
	return root;
}

void root_load(void *root)
{
	hcall(LHCALL_NEW_PGTABLE, pa(root), 0, 0, 0);
}
/*:*/

/*G:262 Throwing a root away: every page that it has a share in, every table,
 * then itself.  Nobody runs on it any more, but the Host may remember it, and
 * our page will be some other program's root soon; so we tell it entry by entry
 * (at the top, that's few) that there's nothing left. */
static void free_pages_of(entry_t *table)
{
	u32 i;

	for (i = 0; i < ENTRIES; i++)
		if (table[i] & PTE_PRESENT)
			free_page(target(table[i]));
	free_page(table);
}

static void free_tables(entry_t *root, u32 top)
{
	u32 virtual;

	for (virtual = top; virtual - top < TOP_SPAN; virtual += TABLE_SPAN) {
		const entry_t *entry = table_entry(root, virtual, false);

		if (*entry & PTE_PRESENT)
			free_pages_of(target(*entry));
	}
#ifdef CONFIG_PAE
	free_page(target(root[top / TOP_SPAN]));
#endif
}

void root_free(void *root)
{
	entry_t *entries = root;
	u32 i;

	for (i = 0; i < TOP_ENTRIES; i++) {
		if (!(entries[i] & PTE_PRESENT))
			continue;
		free_tables(entries, i * TOP_SPAN);
		set_entry(&entries[i], 0);
		hcall_later(LHCALL_SET_PGD, pa(root), i, 0, 0);
	}
	free_page(root);
}
/*:*/

/*G:264 fork() ought to copy a whole program, and everybody knows that half of
 * the time the child's first deed is to become another program.  So nothing is
 * copied but the tables: both now use the same pages, and neither may write.  A
 * page that was writable is marked, and whoever writes to it first gets a
 * fault, and a copy of his own (G:530).
 *
 * All the entries of the running program lose a right here.  To tell them one
 * by one would be silly: there is a hypercall for "look at all of them
 * again". */
static void share_table(entry_t *to, entry_t *from)
{
	u32 i;

	for (i = 0; i < ENTRIES; i++) {
		if (!(from[i] & PTE_PRESENT))
			continue;
		if (from[i] & PTE_WRITE)
			set_entry(&from[i],
				  (from[i] & ~(entry_t)PTE_WRITE) | PTE_COW);
		get_page(target(from[i]));
		set_entry(&to[i], from[i]);
	}
}

bool root_share(void *to, void *from)
{
	entry_t *table, *first;
	u32 virtual;

	for (virtual = 0; virtual < PAGE_OFFSET; virtual += TABLE_SPAN) {
		table = table_entry(from, virtual, false);
		if (!table || !(*table & PTE_PRESENT))
			continue;
		first = page_entry(to, virtual, true);
		if (!first)
			break;
		share_table(first, target(*table));
	}
	hcall(LHCALL_FLUSH_TLB, 0, 0, 0, 0);
	return virtual >= PAGE_OFFSET;
}
/*:*/

/*G:270 The kernel's own part.  start.S has mapped the lowest 4 MB; now the rest
 * of RAM follows, as far as there's room.  Each table that we add is taken from
 * memory just above the kernel, which lies in those first 4 MB: 768 MB of RAM
 * need 1.5 MB of tables, at the worst. */
static void *early_table(u32 virtual)
{
	entry_t *table = table_entry(kernel_directory, virtual, false);

	if (!(*table & PTE_PRESENT))
		set_entry(table, physical_entry(early_page(), TABLE_FLAGS));
	return target(*table);
}

static void map_ram(u32 end)
{
	u32 physical;

	for (physical = BOOT_MAPPED; physical < end; physical += PAGE_SIZE) {
		u32 virtual = physical + PAGE_OFFSET;
		entry_t *table = early_table(virtual);

		set_entry(&table[virtual % TABLE_SPAN / PAGE_SIZE],
			  physical | KERNEL_FLAGS);
	}
}

/* The entry that let us run at our physical address has done its duty. */
static void forget_low_memory(void)
{
	set_entry(&kernel_directory[0], 0);
	hcall(LHCALL_SET_PGD, pa(kernel_directory), 0, 0, 0);
}

void paging_init(void)
{
	forget_low_memory();
	map_ram(memory_detect());
}
/*:*/

/*G:272 Some pages are not RAM and still wanted: the devices' are above its end.
 * They get addresses in a region of their own, from the bottom up, for good. */
void *map_physical(u32 physical, unsigned int pages)
{
	static u32 next = MAP_START;
	u32 start = next, i;

	if (pages > (MAP_END - next) / PAGE_SIZE)
		panic("no room to map %u pages at %x", pages, physical);
	for (i = 0; i < pages; i++, next += PAGE_SIZE) {
		const entry_t *table =
			table_entry(kernel_directory, next, false);

		if (!(*table & PTE_PRESENT) && kernel_copied &&
		    TOP_SPAN == TABLE_SPAN)
			panic("%x mapped too late", physical);
		set_entry(page_entry(kernel_directory, next, true),
			  (physical + i * PAGE_SIZE) | KERNEL_FLAGS);
	}
	return (void *)(start + physical % PAGE_SIZE);
}
/*:*/

/*G:274 And the kernel's own entries, for who wants to see what the Host writes
 * into them. */
u32 kernel_page_flags(const void *virtual)
{
	const entry_t *entry =
		page_entry(kernel_directory, (u32)virtual, false);

	return entry ? *entry & FLAGS : 0;
}

void kernel_page_clear(const void *virtual, u32 flags)
{
	entry_t *entry = page_entry(kernel_directory, (u32)virtual, false);

	change_entry(kernel_directory, (u32)virtual, entry,
		     *entry & ~(entry_t)flags);
	pages_settle();
}
/*:*/
