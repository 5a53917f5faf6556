/*D:844 Files: the program reads itself, twice, in pieces of different size. */
#include "user.h"

static int open_or_fail(const char *path)
{
	int fd = sys(open, path, 0);

	if (fd < 0)
		fail("%s: error %d", path, fd);
	return fd;
}

/* Adler's checksum, for no deeper reason than that it's four lines. */
static u32 checksum_file(const char *path, u32 piece, u32 *size)
{
	static u8 buffer[5000];
	u32 a = 1, b = 0;
	int fd = open_or_fail(path), got, i;

	*size = 0;
	while ((got = sys(read, fd, buffer, piece)) > 0) {
		for (i = 0; i < got; i++) {
			a = (a + buffer[i]) % 65521;
			b = (b + a) % 65521;
		}
		*size += got;
	}
	if (got < 0)
		fail("read gave %d", got);
	sys(close, fd);
	return b << 16 | a;
}

static void is_elf(const char *path)
{
	char magic[4];
	int fd = open_or_fail(path);

	if (sys(read, fd, magic, 4) != 4 || memcmp(magic, "\177ELF", 4) != 0)
		fail("%s doesn't begin like a program", path);
	sys(close, fd);
}

int main(void)
{
	u32 size[2], sum[2];

	is_elf(arg(0));
	sum[0] = checksum_file(arg(0), 5000, &size[0]);
	sum[1] = checksum_file(arg(0), 123, &size[1]);
	if (size[0] != size[1] || sum[0] != sum[1])
		fail("%u bytes, then %u", size[0], size[1]);
	if (sys(open, "/no/such/file", 0) != -ENOENT)
		fail("opened what isn't there");
	if (sys(read, 99, &size, 1) != -EBADF)
		fail("read from a descriptor that isn't open");
	if (sys(write, 1, (void *)8, 4) != -EFAULT)
		fail("the kernel took a bad pointer");
	return 0;
}
/*:*/
