/*S:667 Names for translated code.  Each block is written down when it's made, and
 * at once, since nobody knows whether we'll live to write down the next.  A name
 * says who executes it, at which eip and from which page of the Guest's memory:
 * kernel_c1001234_in_01001.  When the cache is full and begins anew, the same
 * addresses get more names, and perf can't know which is meant; but that takes
 * 64 MB of code. */
#include <sys/syscall.h>

#include "cache.h"
#include "perf_map.h"
#include "raw.h"

static int map_fd = -1;

void perf_map_begin(int fd)
{
	map_fd = fd;
}

static char *put_hex(char *p, u64 value, int digits)
{
	while (digits--)
		*p++ = "0123456789abcdef"[value >> digits * 4 & 15];
	return p;
}

static char *put_text(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	return p;
}

/* By hand, since printf() would use the Guest's vector registers. */
void x86_name_block(const struct x86_cache *c, const struct x86_block *b)
{
	u64 start = (u64)c->rx + b->code - INDIRECT_ENTRY_SIZE;
	char line[80], *p = line;

	if (map_fd < 0)
		return;
	p = put_hex(p, start, 16);
	*p++ = ' ';
	p = put_hex(p, (u64)c->rx + b->end - start, 4);
	*p++ = ' ';
	p = put_text(p, b->mode & MODE_USER ? "user_" : "kernel_");
	p = put_hex(p, b->eip, 8);
	p = put_text(p, "_in_");
	p = put_hex(p, b->pfn, 5);
	*p++ = '\n';
	raw_syscall(SYS_write, map_fd, (long)line, p - line, 0, 0, 0);
}
/*:*/
