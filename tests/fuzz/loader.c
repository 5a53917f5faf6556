/* Kernels, initrds and command lines that nobody should load.
 *
 * The input's first byte says how long the command line is that follows; the rest
 * is a kernel, and an initrd at the same time. */
#include "launcher.h"

#define MEMORY (16 * MEGABYTE)

static int file = -1;
static char path[64];

static void set_up(void)
{
	file = memfd_create("kernel", 0);
	sprintf(path, "/proc/self/fd/%d", file);
	wish.mem = MEMORY;
	wish.no_cache = true;
	wish.machine = &machines[0];
	wish.kernel = wish.initrd = path;
	machine = &machines[0];
	me = getpid();
	map_guest_memory();
}

/* load_guest() is for once in a life, and its plan starts empty. */
static u32 load_again(void)
{
	static struct plan plan;
	struct initrd initrd = { .size = 0 };

	memset(&plan, 0, sizeof(plan));
	make_plan(&plan);
	plan_initrd(&initrd, plan.end);
	carry_out(&plan);
	load_initrd(&initrd);
	leave_boot_params(&plan, &initrd);
	return plan.entry;
}

static void load(char *line, const u8 *kernel, size_t size)
{
	if (ftruncate(file, 0) || pwrite(file, kernel, size, 0) != (ssize_t)size)
		abort();
	wish.command_line = line;
	if (!setjmp(way_back) && load_again() >= MEMORY)
		abort();
	close_range(file + 1, ~0u, 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char line[256] = "";
	size_t len;

	if (file < 0)
		set_up();
	if (!size)
		return 0;
	len = data[0] < size ? data[0] : size - 1;
	memcpy(line, data + 1, len);
	load(line, data + 1 + len, size - 1 - len);
	return 0;
}
