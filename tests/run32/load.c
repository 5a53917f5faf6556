/* From an ELF file to the first instruction, as Linux does it: the segments, the
 * interpreter if one is asked for, and a stack with arguments, environment and
 * the auxiliary vector. */
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run32.h"

#define PROGRAM_BASE 0x56555000u
#define INTERPRETER_BASE 0xf7c00000u
#define STACK_TOP 0xffffe000u
#define STACK_SIZE (8u << 20)
#define MAX_HEADERS 64

struct image {
	const char *path;
	int fd;
	Elf32_Ehdr e;
	Elf32_Phdr p[MAX_HEADERS];
	u32 bias;
	u32 end;
};

static void read_or_die(const struct image *im, void *to, size_t len, off_t from)
{
	if (pread(im->fd, to, len, from) != (ssize_t)len)
		errx(126, "%s: shorter than its headers say", im->path);
}

static void open_image(struct image *im, const char *path)
{
	im->path = path;
	im->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (im->fd < 0)
		err(127, "%s", path);
	read_or_die(im, &im->e, sizeof(im->e), 0);
	if (memcmp(im->e.e_ident, ELFMAG, SELFMAG) ||
	    im->e.e_ident[EI_CLASS] != ELFCLASS32 || im->e.e_machine != EM_386)
		errx(126, "%s: not an i386 ELF program", path);
	if (im->e.e_phnum > MAX_HEADERS ||
	    im->e.e_phentsize != sizeof(im->p[0]))
		errx(126, "%s: strange program headers", path);
	read_or_die(im, im->p, im->e.e_phnum * sizeof(im->p[0]), im->e.e_phoff);
}

static u32 page_down(u32 address)
{
	return address & PAGE_MASK;
}

static u32 page_up(u32 address)
{
	return page_down(address + PAGE_SIZE - 1);
}

static void span_of(const struct image *im, u32 *low, u32 *high)
{
	*low = ~0u;
	*high = 0;
	for (int i = 0; i < im->e.e_phnum; i++) {
		const Elf32_Phdr *p = &im->p[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (page_down(p->p_vaddr) < *low)
			*low = page_down(p->p_vaddr);
		if (p->p_vaddr + p->p_memsz > *high)
			*high = p->p_vaddr + p->p_memsz;
	}
	if (*low >= *high)
		errx(126, "%s: nothing to load", im->path);
}

/* One that can go anywhere goes to @base or above. */
static void place(struct image *im, u32 base)
{
	u32 low, high;
	void *there;

	span_of(im, &low, &high);
	if (im->e.e_type == ET_EXEC)
		base = low;
	there = mmap(at(base), high - low, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE |
			     MAP_NORESERVE, -1, 0);
	if (there != at(base))
		err(126, "%s: no room at %#x", im->path, base);
	munmap(there, high - low);
	im->bias = base - low;
	im->end = high + im->bias;
}

static int rights_of(const Elf32_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) |
	       (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X || (read_implies_exec && p->p_flags & PF_R) ?
			PROT_EXEC : 0);
}

static void map_or_die(const struct image *im, u32 start, u32 len, int rights,
		       int flags, u32 offset)
{
	int fd = flags & MAP_ANONYMOUS ? -1 : im->fd;

	if (!len)
		return;
	if (mmap(at(start), len, rights, flags | MAP_PRIVATE | MAP_FIXED, fd,
		 offset) == MAP_FAILED)
		err(126, "%s: mapping %#x", im->path, start);
	memory_mapped(start, len, rights);
}

static void map_segment(const struct image *im, const Elf32_Phdr *p)
{
	u32 start = im->bias + p->p_vaddr, first = page_down(start);
	u32 file_end = start + p->p_filesz, end = start + p->p_memsz;
	int rights = rights_of(p);

	if (p->p_filesz) {
		map_or_die(im, first, file_end - first, rights, 0,
			   page_down(p->p_offset));
		first = page_up(file_end);
		/* All of the page, since ld.so uses what is left of it. */
		if (end > file_end && rights & PROT_WRITE)
			memset(at(file_end), 0, first - file_end);
	}
	if (end > first)
		map_or_die(im, first, end - first, rights, MAP_ANONYMOUS, 0);
}

static void map_image(struct image *im, u32 base)
{
	place(im, base);
	for (int i = 0; i < im->e.e_phnum; i++)
		if (im->p[i].p_type == PT_LOAD)
			map_segment(im, &im->p[i]);
	close(im->fd);
}

static const Elf32_Phdr *find_header(const struct image *im, u32 type)
{
	for (int i = 0; i < im->e.e_phnum; i++)
		if (im->p[i].p_type == type)
			return &im->p[i];
	return NULL;
}

/* The interpreter of @im, below --root if it is there. */
static bool find_interpreter(const struct image *im, char path[PATH_MAX])
{
	const Elf32_Phdr *p = find_header(im, PT_INTERP);
	char name[PATH_MAX / 2] = "";

	if (!p)
		return false;
	if (p->p_filesz >= sizeof(name))
		errx(126, "%s: strange interpreter", im->path);
	read_or_die(im, name, p->p_filesz, p->p_offset);
	if (snprintf(path, PATH_MAX, "%s%s", root, name) >= PATH_MAX ||
	    access(path, R_OK) < 0)
		strcpy(path, name);
	return true;
}

/* Without a word about its stack, a program is so old that it may execute
 * whatever it can read. */
static void choose_rights(const struct image *im)
{
	read_implies_exec = !find_header(im, PT_GNU_STACK);
}

static u32 headers_at(const struct image *im)
{
	const Elf32_Phdr *p = find_header(im, PT_PHDR);

	if (p)
		return im->bias + p->p_vaddr;
	p = find_header(im, PT_LOAD);
	return im->bias + p->p_vaddr - p->p_offset + im->e.e_phoff;
}

/*
 * The stack.
 */
struct stack {
	u32 sp;		/* strings go below it */
	u32 words[4096 * 16];
	unsigned n;
};
static struct stack stack;

static u32 push_bytes(const void *bytes, size_t len)
{
	if (len > stack.sp - (STACK_TOP - STACK_SIZE / 2))
		errx(126, "arguments and environment are too long");
	stack.sp -= len;
	memcpy(at(stack.sp), bytes, len);
	return stack.sp;
}

static u32 push_string(const char *s)
{
	return push_bytes(s, strlen(s) + 1);
}

static void add_word(u32 word)
{
	if (stack.n == sizeof(stack.words) / sizeof(stack.words[0]))
		errx(126, "too many arguments");
	stack.words[stack.n++] = word;
}

static void add_strings(char **strings)
{
	while (*strings)
		add_word(push_string(*strings++));
	add_word(0);
}

static void add_auxv(u32 type, u32 value)
{
	add_word(type);
	add_word(value);
}

static void add_auxvs(const struct image *im, u32 interpreter_base)
{
	u8 random[16];

	copy_bytes(random, (void *)getauxval(AT_RANDOM), sizeof(random));
	add_auxv(AT_HWCAP, cpu_features());
	add_auxv(AT_PAGESZ, PAGE_SIZE);
	add_auxv(AT_CLKTCK, 100);
	add_auxv(AT_PHDR, headers_at(im));
	add_auxv(AT_PHENT, sizeof(Elf32_Phdr));
	add_auxv(AT_PHNUM, im->e.e_phnum);
	add_auxv(AT_BASE, interpreter_base);
	add_auxv(AT_FLAGS, 0);
	add_auxv(AT_ENTRY, im->bias + im->e.e_entry);
	add_auxv(AT_UID, getuid());
	add_auxv(AT_EUID, geteuid());
	add_auxv(AT_GID, getgid());
	add_auxv(AT_EGID, getegid());
	add_auxv(AT_SECURE, 0);
	add_auxv(AT_RANDOM, push_bytes(random, sizeof(random)));
	add_auxv(AT_EXECFN, push_string(program_path));
	add_auxv(AT_PLATFORM, push_string("i686"));
	add_auxv(AT_NULL, 0);
}

static unsigned count(char **strings)
{
	unsigned n = 0;

	while (strings[n])
		n++;
	return n;
}

static void map_stack(const struct image *im)
{
	const Elf32_Phdr *p = find_header(im, PT_GNU_STACK);
	int exec = read_implies_exec || (p && p->p_flags & PF_X) ? PROT_EXEC : 0;

	map_or_die(im, STACK_TOP - STACK_SIZE, STACK_SIZE,
		   PROT_READ | PROT_WRITE | exec,
		   MAP_ANONYMOUS | MAP_NORESERVE, 0);
	stack.sp = STACK_TOP - 16;
}

static void build_stack(const struct image *im, u32 interpreter_base,
			char **argv, char **envp)
{
	map_stack(im);
	add_word(count(argv));
	add_strings(argv);
	add_strings(envp);
	add_auxvs(im, interpreter_base);
	stack.sp = (stack.sp - stack.n * 4) & ~15u;
	memcpy(at(stack.sp), stack.words, stack.n * 4);
	cpu.regs[X86_ESP] = stack.sp;
}

void load_program(const char *path, char **argv, char **envp)
{
	static struct image program, interpreter;
	char name[PATH_MAX];
	bool interpreted;

	open_image(&program, path);
	choose_rights(&program);
	interpreted = find_interpreter(&program, name);
	map_image(&program, PROGRAM_BASE);
	memory_set_brk(program.end);
	cpu.eip = program.bias + program.e.e_entry;
	if (interpreted) {
		open_image(&interpreter, name);
		map_image(&interpreter, INTERPRETER_BASE);
		cpu.eip = interpreter.bias + interpreter.e.e_entry;
	}
	build_stack(&program, interpreter.bias, argv, envp);
}
