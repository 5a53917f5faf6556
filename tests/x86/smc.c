/* Code that changes, on the processor of host/x86/: results, and how often
 * translations had to be made anew.  Usage: smc IMAGE.  TAP.
 *
 * The programs are in smc-guest.S; this is the machine around them, which has two
 * address spaces, two rings, and a device. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "windows.h"
#include "x86/cache.h"

#define CODE 0x10000000u
#define AGAIN 0x18000000u
#define SCRATCH 0x20000000u
#define STACK 0x30000000u
#define GLOBAL 0xc0000000u

/* Guest memory: the image, SCRATCH, and the stack. */
#define CODE_PAGES 96
#define SCRATCH_PAGES 8
#define SCRATCH_PAGE CODE_PAGES
#define STACK_PAGE (SCRATCH_PAGE + SCRATCH_PAGES)
#define MEMORY_PAGES (STACK_PAGE + 1)
#define NOTHING (~0u)

struct row {
	u32 code, name, eax, translated, killed, resets;
};

static u8 image[CODE_PAGES * PAGE_SIZE];
static struct x86_cpu cpu;
static struct windows *windows;
static u64 root;		/* 0 or PAGE_SIZE: the address space */
static u32 scratch[2][SCRATCH_PAGES], global[2];	/* page numbers */
static bool trapped;

/* Where @lin lives, as page tables would have it: for some, a slot that changes. */
static u32 *slot_of(u64 space, u32 lin)
{
	if (lin >= GLOBAL && lin < GLOBAL + 2 * PAGE_SIZE)
		return &global[(lin - GLOBAL) / PAGE_SIZE];
	if (lin - SCRATCH < SCRATCH_PAGES * PAGE_SIZE)
		return &scratch[space / PAGE_SIZE][(lin - SCRATCH) / PAGE_SIZE];
	return NULL;
}

static u32 page_at(u64 space, u32 lin)
{
	u32 *slot = slot_of(space, lin);

	if (slot)
		return *slot;
	if ((lin & ~(CODE ^ AGAIN)) - CODE < CODE_PAGES * PAGE_SIZE)
		return ((lin & ~(CODE ^ AGAIN)) - CODE) >> PAGE_SHIFT;
	return lin >> PAGE_SHIFT == STACK >> PAGE_SHIFT ? STACK_PAGE : NOTHING;
}

static bool peek(void *owner, u64 space, u32 lin, struct guest_page *page)
{
	(void)owner;
	page->pfn = page_at(space, lin);
	page->flags = GUEST_PAGE_WRITE | GUEST_PAGE_USER | GUEST_PAGE_ACCESSED |
		      GUEST_PAGE_DIRTY;
	return page->pfn != NOTHING;
}

static bool walk(void *owner, u64 space, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	*error = access;
	return peek(owner, space, lin, page);
}

static bool machine_walk(struct x86_cpu *c, u32 lin, u32 access,
			 struct guest_page *page, u32 *error)
{
	(void)c;
	return walk(NULL, root, lin, access, page, error);
}

static bool machine_peek(struct x86_cpu *c, u32 lin, struct guest_page *page)
{
	(void)c;
	return peek(NULL, root, lin, page);
}

static bool machine_fill(struct x86_cpu *c, u32 lin, u32 access, u32 *error)
{
	(void)c;
	return windows_fill(windows, lin, access, error);
}

static void machine_protect(struct x86_cpu *c, u32 pfn)
{
	(void)c;
	windows_protect(windows, pfn);
}

static void machine_trap(struct x86_cpu *c, u8 vector, u32 error, u32 address)
{
	printf("# trap %u (%x) at %x, address %x\n", vector, error, c->eip,
	       address);
	trapped = true;
	x86_stop(c);
}

/* A disk, say: it writes to memory, and nobody hears of it. */
static void device(void)
{
	memcpy(cpu.memory + SCRATCH_PAGE * PAGE_SIZE + cpu.regs[X86_EBX],
	       &cpu.regs[X86_ECX], 4);
}

static void map(u32 lin, u32 page)
{
	*slot_of(root, lin) = page;
	windows_flush_page(windows, root, lin);
}

static void machine_interrupt(struct x86_cpu *c, u8 vector, unsigned len)
{
	u32 lin = c->regs[X86_EBX];

	c->eip += len;
	switch (vector) {
	case 0x20:
		x86_stop(c);
		break;
	case 0x21:
		device();
		break;
	case 0x22:
		map(lin, SCRATCH_PAGE + c->regs[X86_EDX]);
		break;
	case 0x23:
		map(lin, NOTHING);
		break;
	case 0x24:
	case 0x25:
		c->user = vector == 0x25;
		windows_enter(windows, root, c->user);
		break;
	case 0x26:
		root ^= PAGE_SIZE;
		windows_enter(windows, root, c->user);
		break;
	case 0x27:
		windows_forget(windows, root ^ PAGE_SIZE);
		break;
	case 0x28:
		*slot_of(root, lin) = SCRATCH_PAGE + c->regs[X86_EDX];
		break;
	case 0x29:
		windows_flush_all(windows);
		break;
	default:
		machine_trap(c, X86_GP, vector, 0);
	}
}

static const struct x86_machine machine = {
	.walk = machine_walk, .peek = machine_peek, .fill = machine_fill,
	.protect = machine_protect, .interrupt = machine_interrupt,
	.trap = machine_trap,
};
static const struct page_reader reader = { .walk = walk, .peek = peek };

static void start(const struct row *row)
{
	u32 i;

	for (i = 0; i < MEMORY_PAGES; i++)
		x86_code_written(&cpu, i);
	memcpy(cpu.memory, image, sizeof(image));
	memset(cpu.memory + sizeof(image), 0,
	       (MEMORY_PAGES - CODE_PAGES) * PAGE_SIZE);
	for (i = 0; i < SCRATCH_PAGES; i++)
		scratch[0][i] = scratch[1][i] = SCRATCH_PAGE + i;
	global[0] = SCRATCH_PAGE + 6;
	global[1] = SCRATCH_PAGE + 7;
	root = 0;
	windows_flush_all(windows);
	windows_enter(windows, root, true);
	for (i = 0; i < 8; i++)
		cpu.regs[i] = 0;
	cpu.regs[X86_ESP] = STACK + PAGE_SIZE - 16;
	cpu.user = true;
	cpu.eip = row->code;
	trapped = false;
}

/* A page's past makes it restless, so each row has a processor of its own. */
static void new_processor(void)
{
	int i;

	cpu = (struct x86_cpu){ .machine = &machine, .memory = cpu.memory,
				.memory_pages = MEMORY_PAGES,
				.global_start = GLOBAL };
	if (x86_init(&cpu) || windows_init(&windows, &cpu, &reader, NULL))
		errx(1, "no processor");
	for (i = X86_ES; i <= X86_GS; i++)
		cpu.seg[i].selector = i == X86_CS ? 0x23 : 0x2b;
}

static bool run(const struct row *row)
{
	const struct x86_cache *c;
	bool good;

	new_processor();
	start(row);
	x86_load_fpu(&cpu);
	x86_run(&cpu);
	x86_save_fpu(&cpu);
	c = cpu.cache;
	good = !trapped && cpu.regs[X86_EAX] == row->eax &&
	       c->resets == row->resets && c->translated <= row->translated && c->killed <= row->killed;
	if (!good)
		printf("# eax %llx, should be %x; at most %u and %u\n",
		       (unsigned long long)cpu.regs[X86_EAX], row->eax,
		       row->translated, row->killed);
	printf("# %llu translated, %llu killed, %llu resets\n",
	       (unsigned long long)c->translated, (unsigned long long)c->killed,
	       (unsigned long long)c->resets);
	windows_exit(windows);
	x86_exit(&cpu);
	return good;
}

static const void *at(u32 address)
{
	return image + (address - CODE);
}

static void load(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file || !fread(image, 1, sizeof(image), file) || !feof(file))
		err(1, "%s", path);
	fclose(file);
	cpu.memory = mmap(NULL, MEMORY_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cpu.memory == MAP_FAILED)
		err(1, "memory");
}

int main(int argc, char *argv[])
{
	const struct row *row;
	u32 n = 0;

	if (argc != 2)
		errx(1, "usage: smc IMAGE");
	load(argv[1]);
	for (row = at(*(const u32 *)image); row->code; row++) {
		printf("%sok %u - %s\n", run(row) ? "" : "not ", n + 1,
		       (const char *)at(row->name));
		fflush(stdout);
		n++;
	}
	printf("1..%u\n", n);
	return 0;
}
