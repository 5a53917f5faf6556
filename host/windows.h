/*S:200 Windows: the shadow page tables.
 *
 * A window is 4 GiB of our own address space, aligned so, in which Guest
 * virtual address v lies at base + v.  What the Guest may touch is aliased
 * there; all else is a hole, and a touch of a hole is a SIGSEGV.  There is one
 * window for each page directory and privilege. :*/
#ifndef LGUEST_WINDOWS_H
#define LGUEST_WINDOWS_H

#include "x86/x86.h"

/* How windows learn what the Guest's page tables say.  @root names an address
 * space (the machine's cr3, or WINDOWS_LINEAR). */
struct page_reader {
	/* As an access would: checks rights (X86_WRITE, X86_USER, X86_FETCH),
	 * sets A and D.  false: *error is the page-fault error code. */
	bool (*walk)(void *owner, u64 root, u32 lin, u32 access,
		     struct guest_page *page, u32 *error);
	/* What stands there now, touching nothing.  false: not present. */
	bool (*peek)(void *owner, u64 root, u32 lin, struct guest_page *page);
	/* All that peek() says of the 4 MiB at @lin, in one number which most
	 * likely is another as soon as any of it is.  0: nothing.  May be NULL. */
	u64 (*sum)(void *owner, u64 root, u32 lin);
};

/* The root of a Guest without paging: linear = physical, all rights. */
#define WINDOWS_LINEAR (~0ull)

struct windows;

/* The windows of one Guest, whose memory (MAP_SHARED) is cpu->memory with
 * cpu->memory_pages pages.  Returns 0 or -errno. */
int windows_init(struct windows **windows, struct x86_cpu *cpu,
		 const struct page_reader *reader, void *owner);
void windows_exit(struct windows *windows);

/* Makes (@root, @user) the address space the processor runs in; a window that
 * lived before is kept as long as there is room.  No cost if it is current. */
void windows_enter(struct windows *windows, u64 root, bool user);

/* The current window misses the page of @lin for @access: walk and map it.
 * false: the Guest's own page fault, *error its code.  Async-signal-safe, as
 * are all below. */
bool windows_fill(struct windows *windows, u32 lin, u32 access, u32 *error);

/* Guest page @pfn must not be writable in any window (it has translations). */
void windows_protect(struct windows *windows, u32 pfn);

/* The Guest changed its tables.  Shadow entries are compared with what the
 * tables say now, and kept if they still hold. */
/* One page of @root, or of every root if @lin is global. */
void windows_flush_page(struct windows *windows, u64 root, u32 lin);
/* @len bytes from @lin of @root. */
void windows_flush_range(struct windows *windows, u64 root, u32 lin, u32 len);
/* Everything, of every root (lazily, for roots not current). */
void windows_flush_all(struct windows *windows);
/* Everything of every root but the current one, and nothing global. */
void windows_flush_others(struct windows *windows);
/* @root's tables are gone: drop its windows. */
void windows_forget(struct windows *windows, u64 root);

/* Figures for tests and curious people. */
struct windows_stats {
	u64 fills, pages_mapped, unmaps, protects, evictions;
	u32 windows, mappings;
};
void windows_get_stats(const struct windows *windows,
		       struct windows_stats *stats);

#endif /* LGUEST_WINDOWS_H */
