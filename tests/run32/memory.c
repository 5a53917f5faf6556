/* Which pages the program has, with which rights, and which of them we have made
 * read-only because their code is translated. */
#define _GNU_SOURCE
#include <asm/unistd_32.h>
#include <errno.h>
#include <sys/mman.h>

#include "run32.h"

#define SYS64_MPROTECT 10
#define PAGES (1u << 20)
#define MAPPED 0x80
#define TAKEN 0x40	/* writable, but we say no for the time being */
#define RIGHTS (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAX_TAKEN 1024

bool read_implies_exec;
static u8 pages[PAGES];
static u32 taken[MAX_TAKEN];
static unsigned ntaken;
static u32 brk_start, brk_now;
static u32 bus_error_at;
static bool bus_error;

static u32 page_number(u32 address)
{
	return address >> PAGE_SHIFT;
}

static u32 pages_of(u32 start, u32 len)
{
	return ((u64)(start & ~PAGE_MASK) + len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static void set_protection(u32 pfn, int rights)
{
	raw_syscall(SYS64_MPROTECT, (long)pfn << PAGE_SHIFT, PAGE_SIZE, rights,
		    0, 0, 0);
}

/*
 * Translations of pages that are written, or go.
 */
static void drop_code(u32 pfn)
{
	x86_code_written(&cpu, pfn);
	if (cpu.view)
		x86_view_unmapped(&cpu, cpu.view, pfn << PAGE_SHIFT);
}

static void release(u32 pfn)
{
	pages[pfn] &= ~TAKEN;
	set_protection(pfn, pages[pfn] & RIGHTS);
	drop_code(pfn);
}

static void forget_taken(u32 pfn)
{
	for (unsigned i = 0; i < ntaken; i++)
		if (taken[i] == pfn)
			taken[i] = taken[--ntaken];
}

void memory_release_all(void)
{
	while (ntaken)
		release(taken[--ntaken]);
}

void memory_protect(struct x86_cpu *cpu, u32 pfn)
{
	(void)cpu;
	if (!(pages[pfn] & PROT_WRITE) || (pages[pfn] & TAKEN))
		return;
	if (ntaken == MAX_TAKEN)
		release(taken[--ntaken]);
	pages[pfn] |= TAKEN;
	taken[ntaken++] = pfn;
	set_protection(pfn, pages[pfn] & RIGHTS & ~PROT_WRITE);
}

static void release_for_write(u32 pfn)
{
	if (!(pages[pfn] & TAKEN))
		return;
	forget_taken(pfn);
	release(pfn);
}

void memory_contents_changed(u32 start, u32 len)
{
	u32 first = page_number(start), n = pages_of(start, len);

	for (u32 i = 0; i < n && first + i < PAGES; i++)
		drop_code(first + i);
}

static void set_pages(u32 start, u32 len, u8 as)
{
	u32 first = page_number(start), n = pages_of(start, len);

	memory_contents_changed(start, len);
	for (u32 i = 0; i < n && first + i < PAGES; i++)
		pages[first + i] = as;
}

void memory_mapped(u32 start, u32 len, int rights)
{
	set_pages(start, len, MAPPED | (rights & RIGHTS));
}

void memory_unmapped(u32 start, u32 len)
{
	set_pages(start, len, 0);
}

/*
 * What the processor asks.
 */
static bool allowed(u8 page, u32 access)
{
	if (access & X86_WRITE)
		return page & PROT_WRITE;
	if (access & X86_FETCH)
		return page & PROT_EXEC;
	return page & RIGHTS;
}

bool memory_peek(struct x86_cpu *cpu, u32 lin, struct guest_page *page)
{
	(void)cpu;
	page->pfn = page_number(lin);
	page->flags = GUEST_PAGE_USER | GUEST_PAGE_ACCESSED;
	return pages[page->pfn] & RIGHTS;
}

bool memory_walk(struct x86_cpu *cpu, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	bool present = memory_peek(cpu, lin, page);

	if (!allowed(pages[page->pfn], access)) {
		*error = (access & (X86_WRITE | X86_FETCH)) | X86_USER |
			 (present ? X86_PRESENT : 0);
		return false;
	}
	if (access & X86_WRITE)
		release_for_write(page->pfn);
	return true;
}

/* In a signal handler.  Whatever the kernel refuses although the page allows it
 * lies behind the end of a file. */
bool memory_fill(struct x86_cpu *cpu, u32 lin, u32 access, u32 *error)
{
	struct guest_page page;
	bool ours = pages[page_number(lin)] & TAKEN;

	if (!memory_walk(cpu, lin, access, &page, error))
		return false;
	if (ours && (access & X86_WRITE))
		return true;
	bus_error = true;
	bus_error_at = lin;
	*error = X86_USER | (access & X86_WRITE);
	return false;
}

bool memory_bus_error(u32 address)
{
	bool is = bus_error && bus_error_at == address;

	bus_error = false;
	return is;
}

/* SIGSEGV tells a hole from a page without rights. */
bool memory_is_mapped(u32 address)
{
	return pages[page_number(address)] & MAPPED;
}

bool get_user(void *to, u32 from, u32 len)
{
	u32 error, address;

	return x86_access(&cpu, from, to, len, X86_USER, &error, &address);
}

bool put_user(u32 to, const void *from, u32 len)
{
	u32 error, address;

	return x86_access(&cpu, to, (void *)from, len, X86_USER | X86_WRITE,
			  &error, &address);
}

bool get_string(char *to, u32 from, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		if (!get_user(&to[i], from + i, 1))
			return false;
		if (!to[i])
			return true;
	}
	return false;
}

/*
 * The calls that change the address space.
 */
static u32 with_exec(u32 rights)
{
	return read_implies_exec && (rights & PROT_READ) ? rights | PROT_EXEC :
							   rights;
}

u32 memory_mmap(const u32 args[6])
{
	u32 result, rights = with_exec(args[2]);

	if ((args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)) &&
	    args[0] < LOWEST_ADDRESS)
		return -EPERM;
	result = call32(__NR_mmap2, args[0], args[1], rights, args[3], args[4],
			args[5]);
	if (!is_error(result))
		memory_mapped(result, args[1], rights);
	return result;
}

u32 memory_munmap(u32 start, u32 len)
{
	u32 result = call32(__NR_munmap, start, len, 0, 0, 0, 0);

	if (!is_error(result))
		memory_unmapped(start, len);
	return result;
}

/* Of a range with a hole, the kernel changes what is before the hole. */
u32 memory_mprotect(u32 start, u32 len, u32 rights)
{
	u32 asked = with_exec(rights), n = pages_of(start, len), i;
	u32 result = call32(__NR_mprotect, start, len, asked, 0, 0, 0);

	if (is_error(result) && result != -(u32)ENOMEM)
		return result;
	for (i = 0; i < n && pages[page_number(start) + i] & MAPPED; i++)
		;
	memory_mapped(start, i << PAGE_SHIFT, asked);
	return result;
}

/* old, old size, new size, flags, new */
u32 memory_mremap(const u32 args[5])
{
	int rights = pages[page_number(args[0])] & RIGHTS;
	u32 result = call32(__NR_mremap, args[0], args[1], args[2], args[3],
			    args[4], 0);

	if (is_error(result))
		return result;
	if (!(args[3] & MREMAP_DONTUNMAP))
		memory_unmapped(args[0], args[1]);
	memory_mapped(result, args[2], rights);
	return result;
}

void memory_set_brk(u32 start)
{
	brk_start = brk_now = (start + PAGE_SIZE - 1) & PAGE_MASK;
}

static u32 page_up(u32 address)
{
	return (address + PAGE_SIZE - 1) & PAGE_MASK;
}

/* Our own brk is somewhere high; the program's is a mapping like any other. */
u32 memory_brk(u32 want)
{
	u32 from = page_up(brk_now), to = page_up(want);
	u32 grow[6] = { from, to - from, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			-1, 0 };

	if (want < brk_start || to < want)
		return brk_now;
	if (to > from && is_error(memory_mmap(grow)))
		return brk_now;
	if (to < from)
		memory_munmap(to, from - to);
	return brk_now = want;
}
