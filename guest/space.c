#include "kernel.h"

/*G:500 What a program may find at which address.
 *
 * A program asks for memory in large pieces and then touches a little of it
 * here and there.  So nothing is handed out until it's touched: we only write
 * down that there may be something, as an area, and wait for the page fault.
 * An area can have a file behind it; that's how a program's code gets into
 * memory, and only as much of it as is executed. */
static const struct area *find_area(const struct space *space, u32 address)
{
	const struct area *area = space->areas;

	while (area && area->end <= address)
		area = area->next;
	return area && area->start <= address ? area : NULL;
}

/* The link that leads to the first area which ends above the address. */
static struct area **find_link(struct space *space, u32 address)
{
	struct area **link = &space->areas;

	while (*link && (*link)->end <= address)
		link = &(*link)->next;
	return link;
}

static struct area *area_copy(const struct area *area)
{
	struct area *copy = kmalloc(sizeof(*copy));

	if (copy)
		*copy = *area;
	return copy;
}

static bool may_join(const struct area *low, const struct area *high)
{
	return low->end == high->start && low->prot == high->prot &&
	       !low->file && !high->file;
}

/* Two areas that touch and are alike become one, so that a heap which grows
 * page by page has no list as long as itself. */
static void join_next(struct area *area)
{
	struct area *next = area->next;

	if (!next || !may_join(area, next))
		return;
	area->end = next->end;
	area->next = next->next;
	kfree(next);
}

bool space_add(struct space *space, const struct area *area)
{
	struct area **link = find_link(space, area->start), *new;

	if (area->start >= area->end || area->end > STACK_TOP ||
	    (*link && (*link)->start < area->end))
		return false;
	new = area_copy(area);
	if (!new)
		return false;
	new->next = *link;
	*link = new;
	join_next(new);
	for (new = space->areas; new; new = new->next)
		join_next(new);
	return true;
}

u32 space_gap(const struct space *space, u32 bytes)
{
	u32 start = MMAP_START;
	const struct area *area;

	for (area = space->areas; area; area = area->next) {
		if (area->end <= start)
			continue;
		if (area->start >= start && area->start - start >= bytes)
			break;
		start = area->end;
	}
	return start < STACK_TOP && STACK_TOP - start >= bytes ? start : 0;
}
/*:*/

/*G:510 Taking away.  At the ends of the range an area may stick out.  We cut it
 * in two there, and then whole areas can go.  The Host hears of each page that
 * was there; only when it has can the pages be given to somebody else. */
static bool cut_at(struct space *space, u32 address)
{
	struct area *area = *find_link(space, address), *upper;

	if (!area || area->start >= address)
		return true;
	upper = area_copy(area);
	if (!upper)
		return false;
	upper->start = address;
	area->end = address;
	area->next = upper;
	return true;
}

static void unmap_pages(struct space *space, u32 start, u32 end)
{
	u32 address;
	void *page;

	for (address = end; address > start;) {
		address -= PAGE_SIZE;
		page = page_unmap(space->root, address);
		if (page)
			free_page(page);
	}
}

bool space_remove(struct space *space, u32 start, u32 end)
{
	struct area **link, *area;

	if (!cut_at(space, start) || !cut_at(space, end))
		return false;
	link = find_link(space, start);
	while (*link && (*link)->start < end) {
		area = *link;
		*link = area->next;
		unmap_pages(space, area->start, area->end);
		kfree(area);
	}
	pages_settle();
	return true;
}
/*:*/

/*G:512 Beginning, copying and ending a whole space. */
bool space_init(struct space *space)
{
	*space = (struct space) { .root = root_alloc() };
	return space->root != NULL;
}

static void free_areas(struct space *space)
{
	struct area *area;

	while ((area = space->areas) != NULL) {
		space->areas = area->next;
		kfree(area);
	}
}

void space_free(struct space *space)
{
	free_areas(space);
	root_free(space->root);
}

static bool copy_areas(struct space *to, const struct space *from)
{
	const struct area *area;
	struct area **link = &to->areas;

	for (area = from->areas; area; area = area->next) {
		*link = area_copy(area);
		if (!*link)
			return false;
		(*link)->next = NULL;
		link = &(*link)->next;
	}
	return true;
}

bool space_copy(struct space *to, struct space *from)
{
	if (!space_init(to))
		return false;
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	if (copy_areas(to, from) && root_share(to->root, from->root))
		return true;
	space_free(to);
	return false;
}
/*:*/

/*G:522 Copies between kernel and program (copy_user() is in switch.S).  It has
 * to be certain that the range is the program's: the kernel may touch its own
 * memory, so nothing else would stop it. */
static bool in_program(u32 address, size_t len)
{
	return address < PAGE_OFFSET && len <= PAGE_OFFSET - address;
}

bool copy_from_program(void *to, u32 from, size_t len)
{
	return in_program(from, len) &&
	       copy_user(to, (const void *)from, len) == 0;
}

bool copy_to_program(u32 to, const void *from, size_t len)
{
	return in_program(to, len) && copy_user((void *)to, from, len) == 0;
}

int string_from_program(char *to, u32 from, size_t size)
{
	size_t len;

	for (len = 0; len < size; len++) {
		if (!copy_from_program(&to[len], from + len, 1))
			return -EFAULT;
		if (!to[len])
			return len;
	}
	return -ENAMETOOLONG;
}
/*:*/

/*G:530 The page fault's business.  Three cases.  Nobody has ever touched this
 * page: make it, zeros or what the file says.  It's there and shared, and now
 * to be written (see G:264): whoever shares it with us keeps it and we get a
 * copy, or, if all the others have gone or copied already, we simply get the
 * right to write.  Or it's there and all is well: then somebody was faster, and
 * we try again. */
static void fill_from_file(const struct area *area, u32 address, u8 *page)
{
	u32 from = max_u32(area->file_start, address);
	u32 to = min_u32(area->file_end, address + PAGE_SIZE);

	if (area->file && from < to)
		memcpy(page + from - address,
		       area->file + (from - area->file_start), to - from);
}

static int map_or_free(struct space *space, u32 address, void *page, u32 flags)
{
	if (page_map(space->root, address, page, flags))
		return 0;
	free_page(page);
	return SIGKILL;
}

static int first_touch(struct space *space, const struct area *area,
		       u32 address)
{
	u8 *page = alloc_page();

	if (!page)
		return SIGKILL;
	fill_from_file(area, address, page);
	return map_or_free(space, address, page,
			   area->prot & PROT_WRITE ? PTE_WRITABLE
						   : PTE_READABLE);
}

static int copy_on_write(struct space *space, u32 address, void *shared)
{
	u32 flags = PTE_WRITABLE;
	void *page;
	int signal;

	counters.cow_copies++;
	if (page_users(shared) == 1) {
		page_map(space->root, address, shared, flags);
		pages_settle();
		return 0;
	}
	page = take_page();
	if (!page)
		return SIGKILL;
	memcpy(page, shared, PAGE_SIZE);
	signal = map_or_free(space, address, page, flags);
	pages_settle();
	free_page(shared);
	return signal;
}

static bool allowed(const struct area *area, bool write)
{
	return area->prot & (write ? PROT_WRITE : PROT_READ | PROT_EXEC);
}

int space_fault(struct space *space, u32 address, bool write)
{
	const struct area *area = find_area(space, address);
	u32 flags;
	void *page;

	if (!area || !allowed(area, write))
		return SIGSEGV;
	address = ALIGN_DOWN(address, PAGE_SIZE);
	page = page_mapped(space->root, address, &flags);
	if (!page)
		return first_touch(space, area, address);
	if (write && !(flags & PTE_WRITE))
		return copy_on_write(space, address, page);
	return 0;
}
/*:*/
