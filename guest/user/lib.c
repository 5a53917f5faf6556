#include "user.h"

/*D:808 The C side of a program's start.  The stack holds the count, then that
 * many pointers; we remember where and hand out single arguments on demand. */
static char **arguments;
static unsigned int argument_count;

void run_main(u32 *stack) __attribute__((noreturn));

void run_main(u32 *stack)
{
	argument_count = stack[0];
	arguments = (char **)&stack[1];
	exit(main());
}

const char *arg(unsigned int n)
{
	return n < argument_count ? arguments[n] : NULL;
}

void exit(int status)
{
	for (;;)
		sys(exit_group, status);
}
/*:*/

/*D:810 Strings and memory, as short as they come.  The processor has had
 * instructions for this since 1978, and the compiler can't mistake those for a
 * loop that it should replace by a call of the very function it stands in. */
void *memcpy(void *to, const void *from, size_t len)
{
	void *dest = to;

	asm volatile("rep movsb"
		     : "+D" (dest), "+S" (from), "+c" (len) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	void *dest = to;

	asm volatile("rep stosb"
		     : "+D" (dest), "+c" (len) : "a" (byte) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (; len && *x == *y; len--)
		x++, y++;
	return len ? *x - *y : 0;
}

size_t strlen(const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	return end - text;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

u32 number(const char *digits)
{
	u32 value = 0;

	while (*digits >= '0' && *digits <= '9')
		value = value * 10 + (*digits++ - '0');
	return value;
}
/*:*/

/*D:812 Printing collects a whole line before it writes: several programs may
 * be talking at once, and a system call per letter would be a poor
 * advertisement for a benchmark's Guest. */
struct line {
	char text[256];
	size_t len;
};

static void put(struct line *line, char c)
{
	if (line->len < sizeof(line->text))
		line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void put_number(struct line *line, u32 value, u32 base)
{
	char digits[11], *p = &digits[sizeof(digits) - 1];

	*p = '\0';
	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_text(line, p);
}

static void put_signed(struct line *line, int value)
{
	if (value < 0)
		put(line, '-');
	put_number(line, value < 0 ? -(u32)value : (u32)value, 10);
}

static void put_formatted(struct line *line, const char *format, va_list args)
{
	for (; *format; format++) {
		if (*format != '%') {
			put(line, *format);
			continue;
		}
		switch (*++format) {
		case 'd': put_signed(line, va_arg(args, int)); break;
		case 'u': put_number(line, va_arg(args, u32), 10); break;
		case 'x': put_number(line, va_arg(args, u32), 16); break;
		case 's': put_text(line, va_arg(args, const char *)); break;
		case 'c': put(line, va_arg(args, int)); break;
		default: put(line, *format); break;
		}
	}
}

static void write_line(const struct line *line)
{
	sys(write, 1, line->text, line->len);
}

void print(const char *format, ...)
{
	struct line line = { .len = 0 };
	va_list args;

	va_start(args, format);
	put_formatted(&line, format, args);
	va_end(args);
	write_line(&line);
}

void fail(const char *format, ...)
{
	struct line line = { .len = 0 };
	va_list args;

	put_text(&line, arg(0));
	put_text(&line, ": ");
	va_start(args, format);
	put_formatted(&line, format, args);
	va_end(args);
	put(&line, '\n');
	write_line(&line);
	exit(1);
}
/*:*/

/*D:814 The handful of calls that several programs make, each with the part
 * that is easily done wrong: a fork that fails, a status word with the signal
 * in its low bits, a signal handler without a way back. */
int fork(void)
{
	int child = sys(fork);

	if (child < 0)
		fail("fork: error %d", child);
	return child;
}

int wait_for(int child)
{
	int status, result = sys(waitpid, child, &status, 0);

	if (result != child)
		fail("waitpid(%d) gave %d", child, result);
	return status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}

void *map_pages(size_t bytes)
{
	int address = sys(mmap2, NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Addresses above 2 GB are "negative" too; errors are the last few. */
	if ((u32)address > (u32)-4096)
		fail("mmap of %u bytes: error %d", (u32)bytes, address);
	return (void *)address;
}

void on_signal(int signal, void (*handler)(int))
{
	struct sigaction action = {
		.sa_handler = handler,
		.sa_flags = SA_RESTORER,
		.sa_restorer = signal_return,
	};
	int result = sys(sigaction, signal, &action, NULL);

	if (result < 0)
		fail("sigaction(%d): error %d", signal, result);
}

u64 now_us(void)
{
	struct timespec now;

	if (sys(clock_gettime, CLOCK_MONOTONIC, &now) < 0)
		fail("no clock");
	return (u64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sleep_us(u32 us)
{
	struct timespec time = {
		.tv_sec = us / 1000000,
		.tv_nsec = us % 1000000 * 1000,
	};

	sys(nanosleep, &time, NULL);
}
/*:*/
