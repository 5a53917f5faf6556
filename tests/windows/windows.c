/* Windows against a model of an MMU.
 *
 * The reader is a mock with its tables in C, the processor a handful of stubs;
 * what's real is the memory: every access is a load or a store through the
 * window, with a SIGSEGV handler that calls windows_fill() as the processor's
 * does.  windows.c is included, so that its limits can be turned down. */
#include "../../host/windows.c"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_PAGES 16384u
#define GLOBAL_START 0xc0000000u
#define ROOTS 300

/* What a page table entry says; flags 0: not present. */
#define PRESENT 0x80u

static struct x86_cpu cpu;
static struct windows *ws;
static unsigned tests, failed;

static struct guest_page *table[ROOTS];	/* by page, below GLOBAL_START */
static struct guest_page *globals;	/* by page, the others */

static bool gullible;			/* our walk: allows anything */
static bool code[MEMORY_PAGES];
static u32 code_writes;
/* The translations that a view believes in, by page: pfn + 1. */
static u32 *believes[2 * SPACES];
static u32 *believes_global;

static void result(bool ok, const char *name)
{
	tests++;
	failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests, name);
}

/* The mock reader */

static struct guest_page *entry(u64 root, u32 lin)
{
	u32 page = lin >> PAGE_SHIFT;

	if (lin >= GLOBAL_START)
		return &globals[page];
	return &table[root / PAGE_SIZE][page];
}

static bool mock_peek(void *owner, u64 root, u32 lin, struct guest_page *page)
{
	(void)owner;
	if (root == WINDOWS_LINEAR) {
		page->pfn = lin >> PAGE_SHIFT;
		page->flags = 15;
		return page->pfn < MEMORY_PAGES;
	}
	*page = *entry(root, lin);
	return page->flags & PRESENT;
}

static bool mock_walk(void *owner, u64 root, u32 lin, u32 access,
		      struct guest_page *page, u32 *error)
{
	struct guest_page *e;

	*error = access & (X86_WRITE | X86_USER);
	if (root == WINDOWS_LINEAR)
		return mock_peek(owner, root, lin, page);
	e = entry(root, lin);
	if (!(e->flags & PRESENT))
		return false;
	*error |= X86_PRESENT;
	if (gullible) {
		*page = *e;
		return true;
	}
	if (access & X86_WRITE && !(e->flags & GUEST_PAGE_WRITE))
		return false;
	if (access & X86_USER && !(e->flags & GUEST_PAGE_USER))
		return false;
	e->flags |= GUEST_PAGE_ACCESSED;
	if (access & X86_WRITE)
		e->flags |= GUEST_PAGE_DIRTY;
	*page = *e;
	return true;
}

static u64 mock_sum(void *owner, u64 root, u32 lin)
{
	u64 sum = 1;

	(void)owner;
	for (u32 i = 0; i < REGION_PAGES; i++) {
		const struct guest_page *e = entry(root, lin + i * PAGE_SIZE);

		sum = (sum + e->pfn) * 0x9e3779b97f4a7c15 + e->flags;
	}
	return sum;
}

static const struct page_reader mock_reader = { .walk = mock_walk,
						.peek = mock_peek,
						.sum = mock_sum };

/* The stub processor */

bool x86_has_code(const struct x86_cpu *c, u32 pfn)
{
	(void)c;
	return code[pfn];
}

void x86_code_written(struct x86_cpu *c, u32 pfn)
{
	(void)c;
	code[pfn] = false;
	code_writes++;
}

static u32 view_number(const struct x86_view *view)
{
	return (view->base - ws->space[0].window[0].view.base) / WINDOW_STRIDE;
}

void x86_view_unmapped(struct x86_cpu *c, struct x86_view *view, u32 lin)
{
	u32 page = lin >> PAGE_SHIFT;

	(void)c;
	if (view->jumps->owner == view || lin >= GLOBAL_START)
		view->jumps->executed[page / 8] &= ~(1 << page % 8);
}

void x86_view_emptied(struct x86_cpu *c, struct x86_view *view)
{
	struct x86_jumps *jumps = view->jumps;

	(void)c;
	if (jumps->owner != view)
		return;
	memset(jumps->executed, 0, sizeof(jumps->executed));
	jumps->owner = NULL;
}

void x86_global_changed(struct x86_cpu *c, u32 lin)
{
	(void)c;
	believes_global[lin >> PAGE_SHIFT] = 0;
}

void x86_all_changed(struct x86_cpu *c)
{
	(void)c;
	memset(believes_global, 0, ALL_PAGES * sizeof(u32));
}

void x86_use_view(struct x86_cpu *c, struct x86_view *view)
{
	if (view->jumps->owner && view->jumps->owner != view)
		x86_view_emptied(c, (struct x86_view *)view->jumps->owner);
	c->view = view;
	c->user = view->user;
}

/* An access, and what came of it */

static sigjmp_buf guest_fault;
static u32 fault_error, retries;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	u64 lin = (u64)info->si_addr - cpu.view->base;
	ucontext_t *uc = context;
	u32 access = (uc->uc_mcontext.gregs[REG_ERR] & X86_WRITE) |
		     (cpu.user ? X86_USER : 0);

	if (lin >> 32) {
		signal(sig, SIG_DFL);
		return;
	}
	if (++retries > 3)
		fault_error = 0xbad;
	else if (windows_fill(ws, lin, access, &fault_error))
		return;
	siglongjmp(guest_fault, 1);
}

/* Returns 0, or 0x100 | the page fault's error code. */
static u32 access_page(u32 lin, bool write, u32 *value)
{
	volatile u32 *p = (u32 *)(cpu.view->base + lin);

	retries = 0;
	if (sigsetjmp(guest_fault, 0)) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGSEGV);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		return 0x100 | fault_error;
	}
	if (write)
		*p = *value;
	else
		*value = *p;
	return 0;
}

static u32 *memory_at(u32 pfn, u32 offset)
{
	return (u32 *)(cpu.memory + ((u64)pfn << PAGE_SHIFT) + offset);
}

static u32 expected_fault(u64 root, u32 lin, bool write)
{
	struct guest_page *e = entry(root, lin);
	u32 code = (write ? X86_WRITE : 0) | (cpu.user ? X86_USER : 0);

	if (!(e->flags & PRESENT))
		return 0x100 | code;
	if ((write && !(e->flags & GUEST_PAGE_WRITE)) ||
	    (cpu.user && !(e->flags & GUEST_PAGE_USER)))
		return 0x100 | code | X86_PRESENT;
	return 0;
}

/* One access, compared with what the tables make of it. */
static bool check_access(u64 root, u32 lin, bool write)
{
	static u32 counter;
	u32 expected = expected_fault(root, lin, write);
	struct guest_page *e = entry(root, lin);
	u32 value = ++counter, got = access_page(lin, write, &value);

	if (got != expected) {
		printf("# root %llx lin %x write %d user %d: %x, not %x\n",
		       (unsigned long long)root, lin, write, cpu.user, got,
		       expected);
		return false;
	}
	if (got)
		return true;
	if (value != *memory_at(e->pfn, lin & ~PAGE_MASK)) {
		printf("# root %llx lin %x write %d: wrong page\n",
		       (unsigned long long)root, lin, write);
		return false;
	}
	if (!(e->flags & GUEST_PAGE_ACCESSED) ||
	    (write && !(e->flags & GUEST_PAGE_DIRTY))) {
		printf("# lin %x write %d: flags %x\n", lin, write, e->flags);
		return false;
	}
	if (write && code[e->pfn]) {
		printf("# lin %x: code was written behind our back\n", lin);
		return false;
	}
	return true;
}

static void set_entry(u64 root, u32 lin, u32 pfn, u8 flags)
{
	*entry(root, lin) = (struct guest_page){ pfn, flags };
}

static u32 fills(void)
{
	struct windows_stats stats;

	windows_get_stats(ws, &stats);
	return stats.fills;
}

/* Does an access get by without a fault? */
static bool is_mapped(u32 lin, bool write)
{
	u32 before = fills(), value = 0;

	return !access_page(lin, write, &value) && fills() == before;
}

static u32 mappings_of_kernel(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512];
	u32 n = 0;

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 &&
		    from >= ws->space[0].window[0].view.base &&
		    from < ws->space[SPACES - 1].window[1].view.base +
				    WINDOW_STRIDE)
			n++;
	fclose(maps);
	return n;
}

/* Setting up */

static void start(void)
{
	cpu.global_start = GLOBAL_START;
	if (windows_init(&ws, &cpu, &mock_reader, NULL)) {
		printf("Bail out! windows_init() failed\n");
		exit(1);
	}
}

static void *zeroed(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		printf("Bail out! out of memory\n");
		exit(1);
	}
	return p;
}

static void set_up(void)
{
	struct sigaction act = { .sa_sigaction = on_segv,
				 .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &act, NULL);
	/* With a page behind it that isn't the Guest's. */
	cpu.memory = mmap(NULL, (MEMORY_PAGES + 1) * PAGE_SIZE,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	cpu.memory_pages = MEMORY_PAGES;
	for (u32 i = 0; i < ROOTS; i++)
		table[i] = zeroed(ALL_PAGES * sizeof(**table));
	globals = zeroed(ALL_PAGES * sizeof(*globals));
	believes_global = zeroed(ALL_PAGES * sizeof(u32));
	for (u32 i = 0; i < 2 * SPACES; i++)
		believes[i] = zeroed(ALL_PAGES * sizeof(u32));
}

static void forget_tables(void)
{
	for (u32 i = 0; i < ROOTS; i++)
		madvise(table[i], ALL_PAGES * sizeof(**table), MADV_DONTNEED);
	madvise(globals, ALL_PAGES * sizeof(*globals), MADV_DONTNEED);
	x86_all_changed(&cpu);
	memset(code, 0, sizeof(code));
}

static void restart(void)
{
	windows_exit(ws);
	forget_tables();
	start();
}

#define RW (PRESENT | GUEST_PAGE_WRITE)
#define RWU (RW | GUEST_PAGE_USER)
#define AD (GUEST_PAGE_ACCESSED | GUEST_PAGE_DIRTY)

/* The tests */

static void test_linear(void)
{
	u32 value = 7, before = fills();

	windows_enter(ws, WINDOWS_LINEAR, false);
	result(cpu.view->linear && !access_page(0x123000, true, &value) &&
		       *memory_at(0x123, 0) == 7,
	       "linear: address is physical address");
	for (u32 lin = 0; lin < 0x400000; lin += PAGE_SIZE)
		access_page(lin, true, &value);
	result(fills() == before + 1, "linear: 4 MB in one run");
	result(access_page(MEMORY_PAGES * PAGE_SIZE, false, &value) == 0x100,
	       "linear: no page, a plain fault");
	windows_protect(ws, 0x10);
	code[0x10] = true;
	before = code_writes;
	result(is_mapped(0x10000, false) && !access_page(0x10000, true, &value) &&
		       code_writes == before + 1,
	       "linear: a write to code is noticed");
	windows_enter(ws, PAGE_SIZE, false);
	windows_forget(ws, WINDOWS_LINEAR);
	result(mappings_of_kernel() == 0, "linear: forgotten");
	windows_enter(ws, 2 * PAGE_SIZE, false);
	result(!cpu.view->linear, "... also by who comes in its place");
}

static void test_rights(void)
{
	u32 lin = 0x8048000, value;

	restart();
	set_entry(0, lin, 5, PRESENT | GUEST_PAGE_USER);
	set_entry(0, lin + PAGE_SIZE, 6, RW);
	windows_enter(ws, 0, true);
	result(check_access(0, lin, false) && check_access(0, lin, true),
	       "user: read-only page");
	result(check_access(0, lin + PAGE_SIZE, false) &&
		       check_access(0, lin + PAGE_SIZE, true),
	       "user: kernel's page");
	result(check_access(0, lin + 2 * PAGE_SIZE, false), "user: no page");
	set_entry(0, lin + 3 * PAGE_SIZE, MEMORY_PAGES, RWU | AD);
	set_entry(0, lin + 2 * PAGE_SIZE, MEMORY_PAGES - 1, RWU | AD);
	check_access(0, lin + 2 * PAGE_SIZE, true);
	result(access_page(lin + 3 * PAGE_SIZE, false, &value) == 0x105 &&
		       access_page(lin + 3 * PAGE_SIZE, true, &value) == 0x107,
	       "user: no page that isn't the Guest's, whatever tables say");
	gullible = true;
	result(access_page(lin + PAGE_SIZE, false, &value) == 0x105 &&
		       access_page(lin, true, &value) == 0x107,
	       "user: nor one that tables forbid, whatever the reader says");
	gullible = false;
	windows_enter(ws, 0, false);
	result(check_access(0, lin, false) && check_access(0, lin, true),
	       "kernel: obeys W as well");
	result(check_access(0, lin + PAGE_SIZE, true), "kernel: its own page");
}

static void test_dirty(void)
{
	u32 lin = 0x8048000;

	restart();
	set_entry(0, lin, 5, RWU);
	windows_enter(ws, 0, true);
	result(check_access(0, lin, false) &&
		       entry(0, lin)->flags == (RWU | GUEST_PAGE_ACCESSED),
	       "a read sets A only");
	result(check_access(0, lin, true) && is_mapped(lin, true),
	       "a write sets D");
	entry(0, lin)->flags &= ~GUEST_PAGE_DIRTY;
	windows_flush_page(ws, 0, lin);
	result(is_mapped(lin, false) && check_access(0, lin, true),
	       "D cleared: the page stays, and a write sets D again");
	entry(0, lin)->flags &= ~AD;
	windows_flush_page(ws, 0, lin);
	result(check_access(0, lin, false) &&
		       entry(0, lin)->flags == (RWU | GUEST_PAGE_ACCESSED),
	       "A and D cleared: the page is gone");
}

static void test_ahead(void)
{
	u32 lin = 0x8048000;
	bool ok;

	restart();
	windows_enter(ws, 0, true);
	ok = check_access(0, lin, true);
	windows_enter(ws, 0, false);
	set_entry(0, lin, 5, RWU | AD);
	windows_enter(ws, 0, true);
	result(ok && is_mapped(lin, true),
	       "after the Guest's page fault the page is there");
	ok = check_access(0, lin + PAGE_SIZE, false);
	windows_enter(ws, 0, false);
	set_entry(0, lin + PAGE_SIZE, 6, RWU);
	windows_enter(ws, 0, true);
	result(ok && !(entry(0, lin + PAGE_SIZE)->flags & AD) &&
		       !is_mapped(lin + PAGE_SIZE, false),
	       "... but not if that would take an A bit");
}

static void test_neighbours(void)
{
	u32 lin = 0x8050000;
	bool ok;

	restart();
	for (u32 i = 0; i < 17; i++)
		set_entry(0, lin + i * PAGE_SIZE, 100 + i, RWU | AD);
	entry(0, lin + 3 * PAGE_SIZE)->flags &= ~AD;
	entry(0, lin + 12 * PAGE_SIZE)->flags &= ~GUEST_PAGE_USER;
	windows_enter(ws, 0, true);
	ok = check_access(0, lin + 8 * PAGE_SIZE, false);
	result(ok && is_mapped(lin + 4 * PAGE_SIZE, true) &&
		       is_mapped(lin + 11 * PAGE_SIZE, true),
	       "neighbours that continue the run come along");
	result(!(entry(0, lin + 3 * PAGE_SIZE)->flags & AD) &&
		       !is_mapped(lin + 3 * PAGE_SIZE, false),
	       "... up to one without A");
	result(!is_mapped(lin + 12 * PAGE_SIZE, false) &&
		       check_access(0, lin + 12 * PAGE_SIZE, false),
	       "... or one that isn't the program's");
	ok = check_access(0, lin + 15 * PAGE_SIZE, false);
	result(ok && is_mapped(lin + 13 * PAGE_SIZE, true) &&
		       !is_mapped(lin + 16 * PAGE_SIZE, false),
	       "... or one too far");
}

static void test_flush(void)
{
	u32 lin = 0x8048000;

	restart();
	for (u32 i = 0; i < 8; i++) {
		set_entry(0, lin + i * PAGE_SIZE, 100 + i, RWU | AD);
		set_entry(PAGE_SIZE, lin + i * PAGE_SIZE, 200 + i, RWU | AD);
	}
	windows_enter(ws, PAGE_SIZE, true);
	check_access(PAGE_SIZE, lin, true);
	windows_enter(ws, 0, true);
	for (u32 i = 0; i < 8; i++)
		check_access(0, lin + i * PAGE_SIZE, true);
	result(ws->mappings == mappings_of_kernel() && ws->mappings == 2,
	       "neighbours are merged, and counted so");
	windows_flush_range(ws, 0, 0, GLOBAL_START);
	result(is_mapped(lin, true), "a flush keeps what still holds");
	set_entry(0, lin + 3 * PAGE_SIZE, 300, RWU | AD);
	set_entry(0, lin + 5 * PAGE_SIZE, 0, 0);
	windows_flush_range(ws, 0, 0, GLOBAL_START);
	result(is_mapped(lin + 2 * PAGE_SIZE, true) &&
		       check_access(0, lin + 3 * PAGE_SIZE, false) &&
		       check_access(0, lin + 5 * PAGE_SIZE, false),
	       "... and drops what doesn't");
	set_entry(PAGE_SIZE, lin, 400, RWU | AD);
	set_entry(0, lin, 401, RWU | AD);
	windows_flush_all(ws);
	result(check_access(0, lin, true), "flush all: the current window");
	windows_enter(ws, PAGE_SIZE, true);
	result(check_access(PAGE_SIZE, lin, true), "flush all: another one");
	set_entry(0, lin, 0, 0);
	windows_flush_page(ws, 0, lin);
	windows_enter(ws, 0, true);
	result(check_access(0, lin, true), "flush page: another window");
	set_entry(PAGE_SIZE, lin, 402, RWU | AD);
	windows_flush_others(ws);
	result(is_mapped(lin + PAGE_SIZE, true), "flush others: not this one");
	windows_enter(ws, PAGE_SIZE, true);
	result(check_access(PAGE_SIZE, lin, true), "flush others");
	result(ws->mappings == mappings_of_kernel(), "mappings counted");
}

static void test_global(void)
{
	u32 before, lin = GLOBAL_START;
	struct windows_stats stats;
	bool ok;

	restart();
	for (u32 i = 0; i < 1024; i++)
		set_entry(0, lin + i * PAGE_SIZE, i, RW | AD);
	windows_enter(ws, 0, false);
	check_access(0, lin + 512 * PAGE_SIZE, false);
	before = fills();
	for (u32 i = 0; i < 1024; i++)
		check_access(0, lin + i * PAGE_SIZE, true);
	result(fills() == before, "global: one fill maps a run of 4 MB");
	windows_enter(ws, PAGE_SIZE, false);
	check_access(PAGE_SIZE, lin, true);
	result(is_mapped(lin + 1023 * PAGE_SIZE, true),
	       "global: and so it does in the next window");
	windows_protect(ws, 100);
	code[100] = true;
	result(check_access(PAGE_SIZE, lin + 100 * PAGE_SIZE, true) &&
		       !code[100],
	       "global: a write to code is noticed");
	code[100] = true;
	windows_protect(ws, 100);
	windows_enter(ws, 0, false);
	result(check_access(0, lin + 100 * PAGE_SIZE, true) && !code[100],
	       "global: in the other window too");
	set_entry(0, lin + 8 * PAGE_SIZE, 2000, RW | AD);
	windows_enter(ws, 2 * PAGE_SIZE, false);
	ok = check_access(2 * PAGE_SIZE, lin + 8 * PAGE_SIZE, true);
	windows_enter(ws, 0, false);
	result(ok && check_access(0, lin + 8 * PAGE_SIZE, true),
	       "global: a silent change, noticed anywhere, counts everywhere");
	set_entry(0, lin + 7 * PAGE_SIZE, 0, 0);
	windows_flush_page(ws, 5 * PAGE_SIZE, lin + 7 * PAGE_SIZE);
	result(check_access(0, lin + 7 * PAGE_SIZE, false),
	       "global: flushed in the current window");
	windows_enter(ws, PAGE_SIZE, false);
	result(check_access(0, lin + 7 * PAGE_SIZE, false),
	       "global: flushed in every window");
	windows_get_stats(ws, &stats);
	result(stats.mappings >= mappings_of_kernel() &&
		       stats.mappings <= mappings_of_kernel() + 2,
	       "global: mappings counted");
}

static bool use_windows(u32 count)
{
	bool ok = true;
	u32 lin = 0x8048000;

	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < count; i++) {
			set_entry(i * PAGE_SIZE, lin, i, RWU);
			windows_enter(ws, i * PAGE_SIZE, true);
			ok &= check_access(i * PAGE_SIZE, lin, true);
			windows_enter(ws, i * PAGE_SIZE, false);
			ok &= check_access(i * PAGE_SIZE, lin, false);
			ok &= check_access(i * PAGE_SIZE, GLOBAL_START, false);
		}
	}
	return ok;
}

/* The kernel's part may begin in the middle of a neighbourhood. */
static void test_border(void)
{
	u32 lin = GLOBAL_START + 5 * PAGE_SIZE;
	bool ok;

	restart();
	cpu.global_start = lin;
	set_entry(0, lin - PAGE_SIZE, 104, RWU | AD);
	set_entry(0, lin, 105, RW | AD);
	windows_enter(ws, 0, false);
	ok = check_access(0, lin, true);
	windows_enter(ws, 0, true);
	ok &= check_access(0, lin - PAGE_SIZE, true);
	result(ok && check_access(0, lin, false) && check_access(0, lin, true),
	       "a program's neighbours aren't the kernel's");
}

/* A page in each region of so many page directories. */
static bool use_regions(u32 roots)
{
	bool ok = true;

	for (u32 root = 0; root < roots; root++) {
		windows_enter(ws, root * PAGE_SIZE, true);
		for (u32 i = 0; i < GLOBAL_START >> 22; i++) {
			set_entry(root * PAGE_SIZE, i << 22, 1000 + i, RWU | AD);
			ok &= check_access(root * PAGE_SIZE, i << 22, true);
		}
	}
	return ok;
}

static void test_eviction(void)
{
	struct windows_stats stats;

	restart();
	result(use_regions(11) && ws->used_leaves < LEAVES,
	       "no more than 8191 regions at a time");
	restart();
	set_entry(0, GLOBAL_START, 1, RW | AD);
	result(use_windows(ROOTS), "300 page directories, in turn");
	windows_get_stats(ws, &stats);
	result(stats.evictions > 0 && stats.windows == 2 * SPACES &&
		       mappings_of_kernel() == ws->mappings,
	       "the oldest are evicted");
	restart();
	ws->max_mappings = 20;
	set_entry(0, GLOBAL_START, 1, RW | AD);
	result(use_windows(30) && mappings_of_kernel() <= 20,
	       "20 mappings for 30 page directories");
	for (u32 i = 0; i < 100; i++)
		set_entry(0, 0x10000000 + i * PAGE_SIZE, 2 * i, RWU | AD);
	windows_enter(ws, 0, false);
	for (u32 i = 0; i < 300; i++)
		failed += !check_access(0, 0x10000000 + i % 100 * PAGE_SIZE,
					true);
	result(mappings_of_kernel() <= 20, "20 mappings for one that needs 100");
	for (u32 i = 0; i < 30; i++)
		windows_forget(ws, i * PAGE_SIZE);
	result(mappings_of_kernel() == 0 && ws->mappings == 0,
	       "forgotten windows leave nothing behind");
}

/* The kernel's own limit: a hole in a run then is refused, since it would make
 * two mappings of one. */
static char *hoard_mappings(void)
{
	char *hoard = mmap(NULL, 2 << 28, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (u32 i = 0; i < 1 << 16; i++)
		if (mprotect(hoard + 2 * PAGE_SIZE * i, PAGE_SIZE, PROT_READ))
			return hoard;
	munmap(hoard, 2 << 28);
	return NULL;
}

static bool use_exhausted(u64 root, bool user, u32 lin, bool protect)
{
	char *hoard;
	bool ok = true;

	windows_enter(ws, root, user);
	for (u32 i = 0; i < 1024; i++)
		ok &= check_access(root, lin + i * PAGE_SIZE, true);
	hoard = hoard_mappings();
	if (protect) {
		windows_protect(ws, entry(root, lin + 7 * PAGE_SIZE)->pfn);
		code[entry(root, lin + 7 * PAGE_SIZE)->pfn] = true;
	} else {
		set_entry(root, lin + 7 * PAGE_SIZE, 0, 0);
		windows_flush_page(ws, root, lin + 7 * PAGE_SIZE);
	}
	if (hoard)
		munmap(hoard, 2 << 28);
	ok &= check_access(root, lin + 7 * PAGE_SIZE, true);
	return ok && check_access(root, lin + 9 * PAGE_SIZE, true);
}

static void test_exhaustion(void)
{
	u32 lin = 0x40000000;

	restart();
	for (u32 i = 0; i < 1024; i++) {
		set_entry(0, lin + i * PAGE_SIZE, 4096 + i, RWU | AD);
		set_entry(0, GLOBAL_START + i * PAGE_SIZE, i, RW | AD);
	}
	result(use_exhausted(0, true, lin, true) &&
		       use_exhausted(0, false, GLOBAL_START, true),
	       "no mapping left: protected all the same");
	result(use_exhausted(0, true, lin, false) &&
		       use_exhausted(0, false, GLOBAL_START, false),
	       "no mapping left: unmapped all the same");
}

/* Random operations; the model is the tables themselves. */

#define FEW_ROOTS 6
#define SPOTS 40

static u32 seed = 1;

static u32 random_below(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (u64)(seed >> 8) * n >> 24;
}

/* Pages that like to be neighbours: two clusters below, two above. */
static u32 random_lin(void)
{
	static const u32 cluster[] = { 0x003fe000, 0x08048000, 0xbfffa000,
				       0xc0000000, 0xc03f0000, 0xffbf0000 };

	return cluster[random_below(6)] + random_below(SPOTS / 4) * PAGE_SIZE +
	       random_below(1024) * 4;
}

static u64 random_root(void)
{
	return random_below(FEW_ROOTS) * PAGE_SIZE;
}

static void random_entry(u64 root, u32 lin)
{
	u32 pfn = random_below(3) ? (lin >> PAGE_SHIFT) % 1000
				  : random_below(1000);
	u8 flags = random_below(4) ? PRESENT : 0;

	if (flags)
		flags |= random_below(16);
	set_entry(root, lin, pfn, flags);
}

static void flush_somehow(u64 root, u32 lin)
{
	switch (random_below(lin >= GLOBAL_START ? 8 : 9)) {
	case 0:
		if (!random_below(20)) {
			windows_flush_all(ws);
			break;
		}
		/* fall through */
	case 1:
		windows_flush_range(ws, root, lin & 0xffc00000, 0x400000);
		break;
	case 2:
		windows_flush_range(ws, root, lin & PAGE_MASK,
				    random_below(4) * PAGE_SIZE + 1);
		break;
	case 8:
		if (!random_below(4)) {
			windows_flush_range(ws, root, 0, GLOBAL_START);
			break;
		}
		/* fall through */
	default:
		windows_flush_page(ws, root, lin);
	}
}

static void change_entry(void)
{
	u64 root = random_root();
	u32 lin = random_lin(), n = random_below(6);

	if (!n) {	/* many, and a flush for all */
		for (u32 i = 0; i < 8; i++)
			random_entry(root, lin - i * PAGE_SIZE);
		windows_flush_range(ws, root, lin - 7 * PAGE_SIZE,
				    8 * PAGE_SIZE);
	} else if (n == 1) {	/* A and D cleared */
		entry(root, lin)->flags &= ~random_below(16) | 3;
		flush_somehow(root, lin);
	} else if (n == 2) {	/* more rights, without a word */
		entry(root, lin)->flags |= random_below(4);
	} else {
		bool was = entry(root, lin)->flags & PRESENT;

		random_entry(root, lin);
		if (was)
			flush_somehow(root, lin);
	}
}

/* The view runs code at @lin: a translation that it knows, or a new one. */
static bool execute(u64 root, u32 lin)
{
	u32 page = lin >> PAGE_SHIFT;
	struct x86_jumps *jumps = cpu.view->jumps;
	u8 *executed = &jumps->executed[page / 8];
	u32 *known = lin >= GLOBAL_START ?
			     &believes_global[page] :
			     &believes[view_number(cpu.view)][page];
	struct guest_page *e = entry(root, lin);

	if (lin < GLOBAL_START && !(*executed & 1 << page % 8))
		*known = 0;
	if (*known)
		return e->flags & PRESENT && e->pfn == *known - 1 &&
		       (lin >= GLOBAL_START || !cpu.user ||
			e->flags & GUEST_PAGE_USER);
	if (!(e->flags & PRESENT) ||
	    (cpu.user && !(e->flags & GUEST_PAGE_USER)))
		return true;
	e->flags |= GUEST_PAGE_ACCESSED;
	if (!code[e->pfn]) {
		windows_protect(ws, e->pfn);
		code[e->pfn] = true;
	}
	*executed |= 1 << page % 8;
	jumps->pfns[page] = e->pfn;
	jumps->executed_regions[page / 8192] |= 1 << page / 1024 % 8;
	if (lin < GLOBAL_START)
		jumps->owner = cpu.view;
	*known = e->pfn + 1;
	return true;
}

static bool random_steps(u32 steps)
{
	u64 root = 0;

	windows_enter(ws, root, false);
	for (u32 i = 0; i < steps; i++) {
		u32 lin = random_lin(), n = random_below(20);
		bool ok = true;

		if (n < 5) {
			change_entry();
		} else if (n < 8) {
			root = random_root();
			windows_enter(ws, root, random_below(2));
		} else if (n < 10) {
			ok = execute(root, lin);
		} else if (n == 10 && !random_below(20)) {
			windows_forget(ws, random_root());
			windows_enter(ws, root, cpu.user);
		} else {
			ok = check_access(root, lin, random_below(2));
		}
		if (!ok) {
			printf("# step %u, action %u\n", i, n);
			return false;
		}
	}
	return true;
}

/* The shadow's own bookkeeping, looked at from the other side. */
static bool lists_are_right(void)
{
	u32 listed = 0, writable = 0;

	for (u32 pfn = 0; pfn < MEMORY_PAGES; pfn++)
		for (u32 id = ws->writable[pfn]; id;
		     id = *next_writable(ws, id))
			listed++;
	for (u32 page = 0; page < ALL_PAGES; page++)
		writable += !!(ws->global[page] & GLOBAL_WRITE);
	for (u32 n = 0; n < 2 * SPACES; n++) {
		struct window *w = window_number(ws, n);

		for (u32 r = 0; r < REGIONS; r++)
			if (w->dir[r] && !is_global(ws, w, r * REGION_PAGES))
				for_each_bit(slot, &ws->leaf[w->dir[r]].writable)
					writable++;
	}
	return listed == writable;
}

static void test_code(void)
{
	bool ok;

	restart();
	set_entry(0, GLOBAL_START, 7, RW | AD);
	windows_enter(ws, 0, false);
	ok = execute(0, GLOBAL_START);
	set_entry(0, GLOBAL_START, 8, RW | AD);
	windows_flush_all(ws);
	result(ok && execute(0, GLOBAL_START), "flush all: the kernel's code, too");
}

static void test_random(void)
{
	for (u32 round = 0; round < 8; round++) {
		char name[80];

		restart();
		if (round % 2)
			ws->max_mappings = 30 + 20 * round;
		snprintf(name, sizeof(name),
			 "20,000 random steps, at most %u mappings",
			 ws->max_mappings);
		result(random_steps(20000), name);
		result(lists_are_right(), "... and no writable page is lost");
		result(mappings_of_kernel() <= ws->mappings &&
			       ws->mappings <= mappings_of_kernel() + 20,
		       "... nor a mapping");
	}
}

int main(int argc, char *argv[])
{
	if (argc > 1)
		seed = atoi(argv[1]);
	set_up();
	start();
	test_linear();
	test_rights();
	test_dirty();
	test_ahead();
	test_neighbours();
	test_flush();
	test_global();
	test_border();
	test_eviction();
	test_exhaustion();
	test_code();
	test_random();
	windows_exit(ws);
	printf("1..%u\n", tests);
	return failed != 0;
}
