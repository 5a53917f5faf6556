#include <asm/auxvec.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include "kernel.h"

/*G:660 Programs.
 *
 * A program file says what it wants to have where: so many bytes of me at that
 * address, and so many zeros after them.  We write that down as areas, add one
 * for the stack, put the arguments there, and let it go.  Its first instruction
 * will be its first page fault. */
static bool is_program(const Elf32_Ehdr *elf, size_t size)
{
	return size >= sizeof(*elf) &&
	       memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 &&
	       elf->e_ident[EI_CLASS] == ELFCLASS32 &&
	       elf->e_type == ET_EXEC && elf->e_machine == EM_386 &&
	       elf->e_phentsize == sizeof(Elf32_Phdr) &&
	       elf->e_phoff <= size &&
	       elf->e_phnum <= (size - elf->e_phoff) / sizeof(Elf32_Phdr);
}

static u32 protection(const Elf32_Phdr *segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) |
	       (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

static int add_segment(struct space *space, const Elf32_Phdr *segment,
		       const u8 *file, size_t size)
{
	u32 start = segment->p_vaddr, end = start + segment->p_memsz;
	struct area area = {
		.start = ALIGN_DOWN(start, PAGE_SIZE),
		.end = ALIGN_UP(end, PAGE_SIZE),
		.prot = protection(segment),
		.file = file + segment->p_offset,
		.file_start = start,
		.file_end = start + segment->p_filesz,
	};

	if (segment->p_memsz == 0)
		return 0;
	if (end < start || end > STACK_TOP ||
	    segment->p_filesz > segment->p_memsz ||
	    segment->p_offset > size ||
	    segment->p_filesz > size - segment->p_offset)
		return -ENOEXEC;
	space->brk_start = space->brk = max_u32(space->brk, area.end);
	return space_add(space, &area) ? 0 : -ENOEXEC;
}

static int add_segments(struct space *space, const Elf32_Ehdr *elf, size_t size)
{
	const u8 *file = (const u8 *)elf;
	const Elf32_Phdr *segment = (const void *)(file + elf->e_phoff);
	int error = 0;
	u32 i;

	for (i = 0; i < elf->e_phnum && !error; i++)
		if (segment[i].p_type == PT_LOAD)
			error = add_segment(space, &segment[i], file, size);
	return error;
}
/*:*/

/*G:662 The stack as a program finds it, from where esp points upwards: the
 * number of arguments, a pointer to each, NULL, a pointer to each word of the
 * environment, NULL, then pairs of a number and a value, which tell what else
 * the kernel would like the program to know; and last the words themselves.
 * All of that has to fit into one page, the topmost, which we can fill before
 * the program exists. */
#define AUX_WORDS	4

static u32 stack_words(const struct strings *strings)
{
	return 1 + strings->argc + 1 + strings->envc + 1 + AUX_WORDS;
}

static const char *put_pointers(u32 **word, u32 count, const char *text,
				u32 moved)
{
	while (count--) {
		*(*word)++ = (u32)text + moved;
		text += strlen(text) + 1;
	}
	*(*word)++ = 0;
	return text;
}

static u32 fill_stack(u8 *page, const struct strings *strings)
{
	char *text = (char *)page + PAGE_SIZE - strings->bytes;
	u32 at = ALIGN_DOWN((u32)text - stack_words(strings) * sizeof(u32), 16);
	/* From where we see it to where the program will. */
	u32 moved = STACK_TOP - PAGE_SIZE - (u32)page;
	u32 *word = (u32 *)at;
	const char *rest;

	memcpy(text, strings->text, strings->bytes);
	*word++ = strings->argc;
	rest = put_pointers(&word, strings->argc, text, moved);
	put_pointers(&word, strings->envc, rest, moved);
	*word++ = AT_PAGESZ;
	*word++ = PAGE_SIZE;
	*word++ = AT_NULL;
	*word++ = 0;
	return at + moved;
}

static int add_stack(struct space *space, const struct strings *strings,
		     u32 *esp)
{
	const struct area area = {
		.start = STACK_TOP - STACK_BYTES,
		.end = STACK_TOP,
		.prot = PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	void *page;

	if (strings->bytes + stack_words(strings) * sizeof(u32) + 16 >
	    PAGE_SIZE)
		return -E2BIG;
	if (!space_add(space, &area))
		return -ENOMEM;
	page = alloc_page();
	if (!page)
		return -ENOMEM;
	*esp = fill_stack(page, strings);
	if (page_map(space->root, STACK_TOP - PAGE_SIZE, page, PTE_WRITABLE))
		return 0;
	free_page(page);
	return -ENOMEM;
}
/*:*/

/*G:664 The moment when one program becomes another.  Everything that could go
 * wrong has gone right by now, so the old one may be forgotten: its memory, its
 * numbers in the FPU, its segments, and its handlers, whose code is gone. */
static void forget_handlers(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(current->actions); i++)
		if (current->actions[i].sa_handler != SIG_IGN)
			current->actions[i] = (struct sigaction) {
				.sa_handler = SIG_DFL,
			};
}

static const char *last_part(const char *path)
{
	const char *part = path;

	for (; *path; path++)
		if (path[0] == '/' && path[1])
			part = path + 1;
	return part;
}

static void become(const char *path, const struct space *space)
{
	struct space old = current->space;

	ksnprintf(current->name, NAME_BYTES, "%s", last_part(path));
	forget_handlers();
	memset(current->tls, 0, sizeof(current->tls));
	current->fs = current->gs = 0;
	fpu_forget();
	fpu_init(current);
	current->space = *space;
	task_reload();
	if (old.root)
		space_free(&old);
}

int exec(const char *path, const struct strings *strings, struct regs *regs)
{
	size_t size;
	const Elf32_Ehdr *elf = initrd_find(path, &size);
	struct space space;
	u32 esp;
	int error;

	if (!elf)
		return -ENOENT;
	if (!is_program(elf, size))
		return -ENOEXEC;
	if (!space_init(&space))
		return -ENOMEM;
	error = add_segments(&space, elf, size);
	if (!error)
		error = add_stack(&space, strings, &esp);
	if (error) {
		space_free(&space);
		return error;
	}
	become(path, &space);
	*regs = (struct regs) {
		.cs = USER_CS, .ds = USER_DS, .es = USER_DS, .ss = USER_DS,
		.eip = elf->e_entry, .esp = esp, .eflags = EFLAGS_IF | 2,
	};
	return 0;
}
/*:*/

/*G:666 How the first program comes into being: a kernel thread becomes one.
 * Whoever asked for it is its parent, and waits. */
struct request {
	const char *path;
	char *const *argv;
	int error;
};

static bool add_string(struct strings *strings, const char *text)
{
	size_t bytes = strlen(text) + 1;

	if (bytes > PAGE_SIZE - strings->bytes)
		return false;
	memcpy(strings->text + strings->bytes, text, bytes);
	strings->bytes += bytes;
	strings->argc++;
	return true;
}

static int exec_request(const struct request *request)
{
	struct strings strings = { .text = take_page() };
	char *const *arg;
	int error = strings.text ? 0 : -ENOMEM;

	for (arg = request->argv; *arg && !error; arg++)
		if (!add_string(&strings, *arg))
			error = -E2BIG;
	if (!error)
		error = exec(request->path, &strings, task_regs(current));
	if (strings.text)
		free_page(strings.text);
	return error;
}

static void open_console(void)
{
	u32 fd;

	for (fd = 0; fd < 3; fd++) {
		current->files[fd] = &console_file;
		console_file.users++;
	}
}

static void start_program(void *arg)
{
	struct request *request = arg;

	request->error = exec_request(request);
	if (request->error)
		task_exit(0);
	open_console();
	enter_program(task_regs(current));
}

int run_program(const char *path, char *const argv[])
{
	struct request request = { .path = path, .argv = argv };
	struct task *task = kthread(path, start_program, &request);
	int status = 0;

	if (!task)
		return -ENOMEM;
	/* It can't have run yet: we haven't let it. */
	task->parent = current;
	task_wait(task->pid, &status, true);
	if (request.error)
		return request.error;
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}
/*:*/
