/* Command lines: options, their values, memory sizes, kernel and initrd that fit
 * into it or don't, and kernel arguments.
 *
 * The input is a line for each word, up to an empty one; what follows is a file,
 * and where a word has a "@" that's its name.  "#" is a kernel that can be loaded.
 * Options are taken as ever, but of what they ask for only that is opened which
 * does no harm: disks if they're our files, and no taps. */
#include "launcher.h"

#define MOST_WORDS 64

static char file_path[64], kernel_path[64];
static int file = -1;

static void write_kernel(int fd)
{
	struct {
		Elf32_Ehdr ehdr;
		Elf32_Phdr phdr;
		u8 code[64];
	} kernel = {
		.ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				       ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC, .e_machine = EM_386,
			  .e_version = EV_CURRENT, .e_entry = MEGABYTE,
			  .e_phoff = sizeof(Elf32_Ehdr),
			  .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1 },
		.phdr = { .p_type = PT_LOAD, .p_paddr = MEGABYTE,
			  .p_filesz = sizeof(kernel), .p_memsz = 8192 },
	};

	if (write(fd, &kernel, sizeof(kernel)) != sizeof(kernel))
		abort();
}

static void set_up(void)
{
	int kernel = memfd_create("kernel", 0);

	file = memfd_create("file", 0);
	sprintf(kernel_path, "/proc/self/fd/%d", kernel);
	sprintf(file_path, "/proc/self/fd/%d", file);
	write_kernel(kernel);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	me = getpid();
}

/* ---- Words ---- */

static char *words[MOST_WORDS + 1];
static int num_words;

/* A word of the input, with names for "@" and "#". */
static char *make_word(const u8 *from, const u8 *to)
{
	char *word = malloc((to - from) * sizeof(file_path) + 1), *end = word;

	for (; from < to && *from; from++)
		if (*from == '@' || *from == '#')
			end = stpcpy(end, *from == '@' ? file_path :
							 kernel_path);
		else
			*end++ = *from;
	*end = '\0';
	return word;
}

/* Returns where the file begins. */
static const u8 *make_words(const u8 *data, const u8 *end)
{
	words[0] = strdup("lguest");
	num_words = 1;
	while (data < end && num_words < MOST_WORDS) {
		const u8 *line = data;

		while (data < end && *data != '\n')
			data++;
		if (data == line)
			break;
		words[num_words++] = make_word(line, data);
		data++;
	}
	words[num_words] = NULL;
	return data < end ? data + 1 : end;
}

static void forget_all(void)
{
	struct device *dev, *next;

	for (dev = devices; dev; dev = next) {
		next = dev->next;
		free(dev);
	}
	devices = NULL;
	last_device = &devices;
	if (guest_base)
		munmap(guest_base - PAGE_SIZE,
		       (size_t)wish.mem + (DEVICE_PAGES + 2) * PAGE_SIZE);
	guest_base = NULL;
	free(command_line);
	command_line = NULL;
	free(wish.command_line);
	memset(&wish, 0, sizeof(wish));
	while (num_words)
		free(words[--num_words]);
	close_range(file + 1, ~0u, 0);
	optind = 0;
}

/* ---- What main() and live() would do ---- */

static void look_at(struct device *dev)
{
	struct tunnet net;

	name_queues(dev);
	if (dev->kind == &net_kind)
		parse_tunnet(dev->arg, &net);
	else if (dev->kind == &block_kind && !strcmp(dev->arg, file_path))
		open_block(dev);
	if (dev->kind == &net_kind && !net.bridged && net.has_mac &&
	    net.mac[0] & 1)
		abort();
}

static void load(void)
{
	static struct plan plan;
	struct initrd initrd = { .size = 0 };

	memset(&plan, 0, sizeof(plan));
	make_plan(&plan);
	if (wish.initrd)
		plan_initrd(&initrd, plan.end);
	carry_out(&plan);
	if (wish.initrd)
		load_initrd(&initrd);
	leave_boot_params(&plan, &initrd);
	if (plan.entry >= wish.mem ||
	    (wish.initrd && initrd.addr + initrd.size > wish.mem))
		abort();
}

static void run(void)
{
	parse_command_line(num_words, words);
	if (wish.mem < LEAST_MEMORY || wish.mem > MOST_MEMORY ||
	    wish.mem % PAGE_SIZE)
		abort();
	for (struct device *dev = devices; dev; dev = dev->next)
		look_at(dev);
	if (!wish.machine)
		wish.machine = &machines[0];
	machine = wish.machine;
	map_guest_memory();
	load();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *rest, *end = data + size;

	if (file < 0)
		set_up();
	rest = make_words(data, end);
	if (ftruncate(file, 0) || pwrite(file, rest, end - rest, 0) != end - rest)
		abort();
	if (!setjmp(way_back))
		run();
	forget_all();
	return 0;
}
