/* Everything the Launcher writes into the Guest's memory before it starts. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <asm/bootparam.h>
#include "standin.h"

#define MEM (64u << 20)

static bool all_zero(struct run *r, u32 from, u32 to)
{
	static u8 buf[1 << 20];

	while (from < to) {
		u32 len = to - from < sizeof(buf) ? to - from : sizeof(buf);

		peek(r, from, buf, len);
		for (u32 i = 0; i < len; i++)
			if (buf[i]) {
				printf("# %#x is %#x\n", from + i, buf[i]);
				return false;
			}
		from += len;
	}
	return true;
}

static void memory(void)
{
	struct run *r = boot_with(0, "root=/dev/vda", "quiet");
	struct boot_params boot, expected = { 0 };
	char line[32] = "";
	u8 text[4096];
	unsigned int wrong = 0;

	same("memory begins on a page", r->base % 4096, 0);
	same("the first page out of bounds: 64 MB, descriptors, two queues",
	     r->pfnlimit, MEM / 4096 + 1 + 2 * 3);
	same("it starts at the ELF's entry", r->start, 0x100010);

	expected.e820_entries = 1;
	expected.e820_table[0].size = MEM;
	expected.e820_table[0].type = 1;
	expected.hdr.cmd_line_ptr = 0x1000;
	expected.hdr.kernel_alignment = 0x1000000;
	expected.hdr.version = 0x207;
	expected.hdr.hardware_subarch = 1;
	expected.hdr.loadflags = 0x40;
	peek(r, 0, &boot, sizeof(boot));
	check(!memcmp(&boot, &expected, sizeof(boot)),
	      "boot_params, every byte of it");
	peek(r, 0x1000, line, sizeof(line));
	check(!strcmp(line, "root=/dev/vda quiet"), "command line at 0x1000");
	check(all_zero(r, 0x1000 + sizeof("root=/dev/vda quiet") - 1, 0x100000),
	      "nothing from there to the kernel");

	peek(r, 0x100000, text, sizeof(text));
	for (unsigned int i = 0; i < sizeof(text); i++)
		wrong += text[i] != i % 251;
	same("the kernel lies at its physical address", wrong, 0);
	check(all_zero(r, 0x101000, MEM), "its bss and the rest are zero");
	finish(r);
}

static void guard_pages(void)
{
	struct run *r = boot_plain(0);
	char path[64], line[256], perms[8] = "";
	unsigned long from, to, memory = 0, before = 0, after = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", r->init_pid);
	maps = fopen(path, "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3)
			continue;
		if (from == r->base && to == r->base + MEM + 256 * 4096)
			memory += !strcmp(perms, "rw-s");
		if (to == r->base)
			before += to - from >= 4096 && !strcmp(perms, "---s");
		if (from == r->base + MEM + 256 * 4096)
			after += to - from >= 4096 && !strcmp(perms, "---s");
	}
	if (maps)
		fclose(maps);
	same("memory and 256 device pages, shared", memory, 1);
	same("a guard page before", before, 1);
	same("a guard page after", after, 1);
	finish(r);
}

static void descriptors(void)
{
	static const u8 console[] = {
		3, 2, 0, 0, 0,
		0, 1, 1, 0, 0x01, 0x40, 0, 0,
		0, 1, 2, 0, 0x04, 0x40, 0, 0,
	};
	static const u8 full[] = {
		/* block: FLUSH (9) and SEG_MAX (2); 100 sectors, 254 segments */
		2, 1, 2, 16, 0, 0, 1, 1, 0, 0x01, 0x40, 0, 0,
		0x04, 0x02, 0, 0,
		100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 0, 0, 0,
		/* rng */
		4, 1, 0, 0, 0, 0, 1, 2, 0, 0x04, 0x40, 0, 0,
		/* the second disk: 3 sectors and a bit */
		2, 1, 2, 16, 0, 0, 1, 3, 0, 0x07, 0x40, 0, 0,
		0x04, 0x02, 0, 0,
		3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 0, 0, 0,
		/* console, last although nobody asked for it */
		3, 2, 0, 0, 0, 0, 1, 4, 0, 0x0a, 0x40, 0, 0,
		0, 1, 5, 0, 0x0d, 0x40, 0, 0,
	};
	static char zeroes[51200];
	const char *one = write_file("one", zeroes, sizeof(zeroes));
	const char *two = write_file("two", zeroes, 3 * 512 + 100);
	struct run *r = boot_plain(0);
	u8 page[4096], expected[4096] = { 0 };

	memcpy(expected, console, sizeof(console));
	peek(r, MEM, page, sizeof(page));
	check(!memcmp(page, expected, 4096), "descriptor page: console alone");
	check(all_zero(r, MEM + 4096, MEM + 256 * 4096), "rings start as zero");
	finish(r);

	r = boot_with(0, "--block", one, "--rng", "--block", two, "root=x");
	memcpy(expected, full, sizeof(full));
	peek(r, MEM, page, sizeof(page));
	check(!memcmp(page, expected, 4096),
	      "descriptor page: block, rng, block, console");
	same("pages for five queues", r->pfnlimit, MEM / 4096 + 1 + 5 * 3);
	finish(r);
}

static void command_line(const char *what, const char *const argv[],
			 const char *expected)
{
	struct run *r = start(0, argv);
	char line[64] = "";
	struct found dev;

	if (check(wait_read(r), "%s: runs", what)) {
		peek(r, 0x1000, line, sizeof(line) - 1);
		check(!strcmp(line, expected), "%s: \"%s\"", what, line);
		check(find_device(r, 0, &dev) && dev.type == 2,
		      "%s: the disk is there", what);
		same("memory", get(r, 0x2d0 + 8, 8), MEM);
	}
	finish(r);
}

static void orders(void)
{
	const char *kernel = make_kernel("vmlinux");
	char block[128];
	const char *disk = write_file("disk", block, 512);

	snprintf(block, sizeof(block), "--block=%s", disk);
	command_line("options last", (const char *const[]){
		launcher, "64", kernel, block, "root=/dev/vda", NULL },
		"root=/dev/vda");
	command_line("options first, separate value", (const char *const[]){
		launcher, "--block", disk, "64", kernel, "a", "b", NULL }, "a b");
	command_line("options everywhere", (const char *const[]){
		launcher, "64M", "-v", kernel, "a", "--block", disk, "b",
		NULL }, "a b");
	command_line("after --", (const char *const[]){
		launcher, block, "64", kernel, "a", "--", "--rng", "-v", NULL },
		"a --rng -v");
	command_line("kilobytes", (const char *const[]){
		launcher, "65536K", kernel, block, NULL }, "");
}

static struct run *start_bzimage(struct setup_header *hdr, size_t len)
{
	size_t size = 5 * 512 + len;
	u8 *file = calloc(1, size);
	struct run *r;

	for (size_t i = 0; i < len; i++)
		file[5 * 512 + i] = i % 253;
	memset(file + 512, 0xcc, 4 * 512);
	memcpy(file + 0x1f1, hdr, sizeof(*hdr));
	r = run_launcher(0, "64", write_file("bzImage", file, size), "quiet");
	free(file);
	return r;
}

static void bzimage(void)
{
	struct setup_header hdr = {
		.setup_sects = 4, .root_flags = 1, .syssize = 625,
		.boot_flag = 0xaa55,
		.jump = 0x66eb, .header = 0x53726448, .version = 0x20a,
		.loadflags = 1, .code32_start = 0x100000,
		.kernel_alignment = 0x100000, .relocatable_kernel = 1,
		.cmdline_size = 2047, .pref_address = 0x100000,
		.init_size = 0x300000,
		.kernel_info_offset = 0xcccccccc,
	}, got;
	struct run *r = start_bzimage(&hdr, 10000);
	static u8 text[10000];
	unsigned int wrong = 0;

	if (check(wait_read(r), "a bzImage starts: %s", r->err)) {
		same("at code32_start", r->start, 0x100000);
		peek(r, 0x100000, text, sizeof(text));
		for (unsigned int i = 0; i < sizeof(text); i++)
			wrong += text[i] != i % 253;
		same("its protected-mode part is at 1 MB", wrong, 0);
		check(all_zero(r, 0x100000 + 10000, MEM), "and nothing else");
		peek(r, 0x1f1, &got, sizeof(got));
		same("its header: setup_sects", got.setup_sects, 4);
		same("its header: init_size", got.init_size, 0x300000);
		same("changed: version", got.version, 0x207);
		same("changed: loadflags", got.loadflags, 0x41);
		same("changed: kernel_alignment", got.kernel_alignment,
		     0x1000000);
		same("changed: hardware_subarch", got.hardware_subarch, 1);
		same("changed: root_flags", got.root_flags, 0);
		same("changed: cmd_line_ptr", got.cmd_line_ptr, 0x1000);
		same("setup code is not taken for header",
		     got.kernel_info_offset, 0);
	}
	finish(r);

	hdr.setup_sects = 0;
	r = start_bzimage(&hdr, 10000);
	check(wait_read(r), "setup_sects 0 means 4");
	same("and so does its memory", get(r, 0x100000 + 300, 1), 300 % 253);
	finish(r);
}

static void initrd(void)
{
	static u8 data[5000];
	const char *kernel = make_kernel("vmlinux");
	struct run *r;

	memset(data, 0x5a, sizeof(data));
	r = run_launcher(0, "64", "--initrd", write_file("initrd", data, 5000),
			 kernel);
	if (check(wait_read(r), "with an initrd: %s", r->err)) {
		same("ramdisk_image", get(r, 0x218, 4), MEM - 8192);
		same("ramdisk_size", get(r, 0x21c, 4), 5000);
		same("type_of_loader", get(r, 0x210, 1), 0xff);
		same("first byte", get(r, MEM - 8192, 1), 0x5a);
		same("last byte", get(r, MEM - 8192 + 4999, 1), 0x5a);
		check(all_zero(r, MEM - 8192 + 5000, MEM), "zero behind it");
		check(all_zero(r, 0x101000, MEM - 8192), "zero before it");
	}
	finish(r);

	r = run_launcher(0, "2", "--initrd", write_file("initrd", data, 4096),
			 kernel);
	if (check(wait_read(r), "in the smallest Guest"))
		same("at the top of 2 MB", get(r, 0x218, 4), 0x1ff000);
	finish(r);
}

static void verbose(void)
{
	static char zeroes[1024];
	const char *disk = write_file("disk", zeroes, sizeof(zeroes));
	struct run *r = boot_with(0, "--verbose", "--block", disk, "--initrd",
				  write_file("initrd", "x", 1));

	says(r, "memory", "Guest memory: 65536 KB at 0x");
	says(r, "segment", "segment of 4096 bytes at 0x100000");
	says(r, "initrd", "initrd: 1 bytes at 0x3fff000");
	says(r, "queue", "request queue at 0x4001000, interrupt 1");
	says(r, "device", "device 0 (block ");
	says(r, "last device", "device 1 (console): described at");
	says(r, "range", "0 to 0x400a000, starts at 0x100010");
	same("nothing on stdout", r->out_len, 0);
	finish(r);

	r = boot_plain(0);
	same("and without --verbose nothing at all", r->err_len, 0);
	finish(r);
}

const struct test tests[] = {
	{ "memory", memory },
	{ "guard pages", guard_pages },
	{ "descriptors", descriptors },
	{ "orders of the command line", orders },
	{ "bzImage", bzimage },
	{ "initrd", initrd },
	{ "verbose", verbose },
	{ NULL, NULL },
};
