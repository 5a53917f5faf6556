/* Kernels and initrds that can't be loaded, each with its message: one line,
 * exit status 1, and the Host has not been told of a Guest. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <asm/bootparam.h>
#include <sys/stat.h>
#include "standin.h"

static struct {
	Elf32_Ehdr ehdr;
	Elf32_Phdr phdr[2];
	u8 text[4096];
} elf;

static void good_elf(void)
{
	memset(&elf, 0, sizeof(elf));
	elf.ehdr = (Elf32_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT,
		.e_entry = 0x100000, .e_phoff = sizeof(Elf32_Ehdr),
		.e_ehsize = sizeof(Elf32_Ehdr), .e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	};
	elf.phdr[0] = (Elf32_Phdr){
		.p_type = PT_LOAD, .p_offset = offsetof(__typeof__(elf), text),
		.p_vaddr = 0xc0100000, .p_paddr = 0x100000, .p_filesz = 4096,
		.p_memsz = 4096,
	};
}

static const char *write_elf(void)
{
	return write_file("kernel", &elf, sizeof(elf));
}

/* Runs it with @kernel and a command line of @words; "%" in @text stands for the
 * kernel's name. */
static void refused_with(const char *mem, const char *kernel, const char *initrd,
			 const char *words, const char *text)
{
	const char *argv[] = { launcher, mem, kernel, words,
			       initrd ? "--initrd" : NULL, initrd, NULL };
	const char *percent = strchr(text, '%');
	char expected[512], newlines = 0;
	struct run *r = start(0, argv);

	if (percent)
		snprintf(expected, sizeof(expected), "lguest: %.*s%s%s\n",
			 (int)(percent - text), text, kernel, percent + 1);
	else
		snprintf(expected, sizeof(expected), "lguest: %s\n", text);
	wait_end(r);
	check(r->gone && r->status == 1 && !strcmp(r->err, expected), "%s", text);
	if (strcmp(r->err, expected))
		printf("# status %d, it said: %s\n", r->status, r->err);
	for (const char *c = r->err; *c; c++)
		newlines += *c == '\n';
	check(newlines == 1 && !r->lives && !r->out_len, "in one line, no Guest, nothing on stdout");
	finish(r);
}

static void refused(const char *kernel, const char *text)
{
	refused_with("64", kernel, NULL, "x", text);
}

#define I386_ONLY                                                           \
	": what's needed is one for 32-bit x86 (make ARCH=i386, or Debian's " \
	"linux-image-686)"
#define STRANGER(at, bytes, text)                                           \
	stranger(at, bytes, sizeof(bytes) - 1, "kernel % is " text)

/* @len bytes are enough to tell, with nothing behind. */
static void stranger(int at, const char *bytes, int len, const char *text)
{
	char data[64] = "";

	memcpy(data + at, bytes, len);
	refused(write_file("stranger", data, at + len), text);
}

static void strangers(void)
{
	STRANGER(36, "\x18\x28\x6f\x01", "a zImage for ARM" I386_ONLY);
	STRANGER(56, "ARM\x64", "an Image for 64-bit ARM" I386_ONLY);
	STRANGER(48, "RISCV", "an Image for RISC-V" I386_ONLY);
	STRANGER(0, "\x1f\x8b\x08", "compressed by gzip: unpack it with gzip -d");
	STRANGER(0, "\xfd""7zXZ\0", "compressed by xz: unpack it with xz -d");
	STRANGER(0, "\x28\xb5\x2f\xfd", "compressed by zstd: unpack it with zstd -d");
	STRANGER(0, "BZh9", "compressed by bzip2: unpack it with bzip2 -d");
	STRANGER(0, "\x5d\0\0\x80", "compressed by lzma: unpack it with xz -d");
	STRANGER(0, "\x02\x21\x4c\x18", "compressed by lz4: unpack it with lz4 -d");
	STRANGER(0, "\x27\x05\x19\x56",
		 "a uImage, which is for U-Boot: what's needed is the vmlinux or bzImage");
	STRANGER(0, "\xd0\x0d\xfe\xed",
		 "a device tree, or an image for U-Boot: what's needed is the vmlinux or bzImage");
	STRANGER(0, "070701", "a cpio archive: that would be for --initrd");
	STRANGER(0, "!<arch>\ndebian",
		 "a package of Debian's, or another archive: the kernel is in it (dpkg-deb -x)");
	STRANGER(0, "MZ",
		 "a program for EFI or Windows, without Linux's boot header: "
		 "what's needed is a vmlinux or bzImage");
}

static void not_kernels(void)
{
	static char zeroes[65536];
	const char *fifo = path_of("fifo");

	refused("/nonexistent/vmlinux", "cannot open kernel %: No such file or directory");
	refused("/etc", "kernel % is a directory, not a file");
	refused("/dev/null", "kernel % is something special, not a file");
	mkfifo(fifo, 0600);
	refused(fifo, "kernel % is something special, not a file");
	refused(write_file("empty", "", 0), "kernel % is empty");
	refused(write_file("byte", "x", 1), "kernel % is neither a 32-bit ELF file nor a bzImage");
	refused(write_file("zeroes", zeroes, sizeof(zeroes)),
		"kernel % is neither a 32-bit ELF file nor a bzImage");
	refused("/bin/sh", "kernel % is a 64-bit ELF file for x86-64" I386_ONLY);
	if (geteuid()) {
		const char *secret = write_file("secret", "x", 1);

		chmod(secret, 0);
		refused(secret, "cannot open kernel %: Permission denied");
	}
}

#define BAD_ELF(change, text)             \
	do {                              \
		good_elf();               \
		change;                   \
		refused(write_elf(), text); \
	} while (0)
#define MALFORMED "kernel %: malformed ELF header: "
#define OTHER "kernel %: malformed ELF header, it's for "

static void bad_elfs(void)
{
	good_elf();
	refused(write_file("short", &elf, 20),
		"kernel %: truncated, 20 bytes are too few for an ELF header of 52");
	refused(write_file("short", &elf, 60),
		"kernel %: truncated, program headers end at byte 84 of 60");
	refused(write_file("short", &elf, sizeof(elf) - 1),
		"kernel %: truncated, segment 0 ends at byte 4212 of 4211");
	BAD_ELF(elf.ehdr.e_ident[EI_CLASS] = 7, MALFORMED "e_ident[EI_CLASS] is 7, should be 1");
	BAD_ELF(elf.ehdr.e_type = ET_DYN, MALFORMED "e_type is 3, should be 2");
	BAD_ELF(elf.ehdr.e_ident[EI_DATA] = 3, MALFORMED "e_ident[EI_DATA] is 3, should be 1");
	BAD_ELF(elf.ehdr.e_machine = EM_ARM, OTHER "ARM" I386_ONLY);
	BAD_ELF(elf.ehdr.e_machine = EM_AARCH64, OTHER "64-bit ARM" I386_ONLY);
	BAD_ELF(elf.ehdr.e_machine = EM_RISCV, OTHER "RISC-V" I386_ONLY);
	BAD_ELF(elf.ehdr.e_machine = EM_X86_64; elf.ehdr.e_ident[EI_CLASS] = ELFCLASS64,
		"kernel % is a 64-bit ELF file for x86-64" I386_ONLY);
	BAD_ELF(elf.ehdr.e_machine = EM_PPC64 << 8; elf.ehdr.e_ident[EI_DATA] = ELFDATA2MSB,
		OTHER "64-bit PowerPC" I386_ONLY);
	BAD_ELF(elf.ehdr.e_machine = 77,
		OTHER "another processor (number 77)" I386_ONLY);
	BAD_ELF(elf.ehdr.e_phentsize = 56, MALFORMED "e_phentsize is 56, should be 32");
	BAD_ELF(elf.ehdr.e_phnum = 0, MALFORMED "e_phnum is 0, should be 1 to 2048");
	BAD_ELF(elf.ehdr.e_phnum = 2049, MALFORMED "e_phnum is 2049, should be 1 to 2048");
	BAD_ELF(elf.ehdr.e_phoff = 0xfffffff0,
		"kernel %: truncated, program headers end at byte 4294967312 of 4212");
	BAD_ELF(elf.phdr[0].p_type = PT_NOTE, "kernel %: no segment to load");
	BAD_ELF(elf.phdr[0].p_offset = 0xffffffff,
		"kernel %: truncated, segment 0 ends at byte 4294971391 of 4212");
	BAD_ELF(elf.phdr[0].p_memsz = 4095,
		"kernel %: segment 0 is 4096 bytes in the file, 4095 in memory");
	BAD_ELF(elf.phdr[0].p_paddr = 0x3fff001,
		"kernel %: segment 0 needs memory from 0x3fff001 to 0x4000001, the Guest's ends at 0x4000000");
	BAD_ELF(elf.phdr[0].p_paddr = 0xfffff000,
		"kernel %: segment 0 needs memory from 0xfffff000 to 0x100000000, the Guest's ends at 0x4000000");
	BAD_ELF(elf.phdr[0].p_memsz = 0xffffffff,
		"kernel %: segment 0 needs memory from 0x100000 to 0x1000fffff, the Guest's ends at 0x4000000");
	BAD_ELF(elf.phdr[0].p_paddr = 0,
		"kernel %: segment 0 at 0 is below 0x2000, where the boot parameters lie");
	BAD_ELF(elf.ehdr.e_entry = 0xc0100000,
		"kernel %: starts at 0xc0100000, the Guest's memory ends at 0x4000000");
	/* The second of two, and the first has not been written either: how
	 * could it, there's no Guest. */
	BAD_ELF(elf.phdr[1] = elf.phdr[0]; elf.ehdr.e_phnum = 2; elf.phdr[1].p_paddr = 0x5000000,
		"kernel %: segment 1 needs memory from 0x5000000 to 0x5001000, the Guest's ends at 0x4000000");
}

static u8 image[5 * 512 + 1000];

#define BAD_BZIMAGE(mem, change, len, text)                             \
	do {                                                            \
		struct setup_header hdr = {                             \
			.setup_sects = 4, .syssize = 63, .jump = 0x6aeb, \
			.header = 0x53726448, .version = 0x20d,         \
			.loadflags = 1, .code32_start = 0x100000,       \
			.cmdline_size = 20,                             \
		};                                                      \
		change;                                                 \
		memcpy(image + 0x1f1, &hdr, sizeof(hdr));               \
		refused_with(mem, write_file("bzImage", image, len), NULL, "x", text); \
	} while (0)

static void bad_bzimages(void)
{
	BAD_BZIMAGE("64", hdr.header = 0, sizeof(image),
		    "kernel % is neither a 32-bit ELF file nor a bzImage");
	BAD_BZIMAGE("64", hdr.version = 0x206, sizeof(image),
		    "kernel %: boot protocol 2.06 is too old, lguest needs 2.07");
	BAD_BZIMAGE("64", hdr.xloadflags = 1, sizeof(image),
		    "kernel % is a bzImage for x86-64" I386_ONLY);
	BAD_BZIMAGE("64", hdr.loadflags = 0, sizeof(image),
		    "kernel % is a zImage, which loads low; a bzImage was expected");
	BAD_BZIMAGE("64", (void)hdr, 5 * 512,
		    "kernel %: truncated, 0 bytes after the setup code, should be 1008");
	BAD_BZIMAGE("64", (void)hdr, 5 * 512 + 992,
		    "kernel %: truncated, 992 bytes after the setup code, should be 1008");
	BAD_BZIMAGE("64", hdr.setup_sects = 100, sizeof(image),
		    "kernel %: truncated, 0 bytes after the setup code, should be 1008");
	BAD_BZIMAGE("64", hdr.code32_start = 0x4000000, sizeof(image),
		    "kernel %: starts at 0x4000000, the Guest's memory ends at 0x4000000");
	BAD_BZIMAGE("16", hdr.init_size = 0x100000; hdr.relocatable_kernel = 1, sizeof(image),
		    "kernel %: unpacked it needs 1048576 bytes at 0x1000000, the Guest's memory ends at 0x1000000");
	BAD_BZIMAGE("64", hdr.init_size = 0x100000; hdr.pref_address = 0xffffffffffff0000, sizeof(image),
		    "kernel %: unpacked it needs 1048576 bytes at 0xffffffffffff0000, the Guest's memory ends at 0x4000000");
	BAD_BZIMAGE("64", hdr.cmdline_size = 0; hdr.syssize = 0x10000000, sizeof(image),
		    "kernel %: truncated, 1000 bytes after the setup code, should be 4294967296");

	struct setup_header hdr = { .setup_sects = 4, .syssize = 63, .jump = 0x6aeb,
				    .header = 0x53726448, .version = 0x20d,
				    .loadflags = 1, .code32_start = 0x100000,
				    .cmdline_size = 20 };
	const char *name;
	char text[256];

	memcpy(image + 0x1f1, &hdr, sizeof(hdr));
	name = write_file("bzImage", image, sizeof(image));
	snprintf(text, sizeof(text), "kernel command line of 21 characters, %s takes at most 20", name);
	refused_with("64", name, NULL, "123456789012345678901", text);
}

static void too_big(void)
{
	static u8 data[16384];
	const char *kernel = make_kernel("vmlinux");
	char words[4097], text[256];
	const char *initrd;
	struct run *r;

	initrd = write_file("initrd", data, 10);
	if (truncate(initrd, (1 << 20) - 8192 + 1))
		printf("# cannot truncate\n");
	snprintf(text, sizeof(text), "initrd %s: 1040385 bytes, above the kernel there's room for 1040384", initrd);
	refused_with("2", kernel, initrd, "x", text);
	if (truncate(initrd, 1ll << 33))
		printf("# cannot truncate\n");
	snprintf(text, sizeof(text), "initrd %s: 8589934592 bytes, above the kernel there's room for 66052096", initrd);
	refused_with("64", kernel, initrd, "x", text);
	initrd = write_file("initrd", "", 0);
	snprintf(text, sizeof(text), "initrd %s is empty", initrd);
	refused_with("64", kernel, initrd, "x", text);
	refused_with("64", kernel, "/nonexistent", "x", "cannot open initrd /nonexistent: No such file or directory");
	refused_with("64", kernel, "/etc", "x", "initrd /etc is a directory, not a file");

	memset(words, 'x', 4096);
	words[4096] = '\0';
	snprintf(text, sizeof(text), "kernel command line of 4096 characters, %s takes at most 4095", kernel);
	refused_with("64", kernel, NULL, words, text);
	words[4095] = '\0';
	r = run_launcher(0, "64", kernel, words);
	check(wait_read(r), "4095 are not too many");
	same("and end with a NUL", get(r, 0x1ffe, 2), 'x');
	finish(r);
}

const struct test tests[] = {
	{ "not kernels", not_kernels },
	{ "kernels for others", strangers },
	{ "bad ELF files", bad_elfs },
	{ "bad bzImages", bad_bzimages },
	{ "too big", too_big },
	{ NULL, NULL },
};
