/* For kill.t, in the Guest: writes numbered records in files of the directory that
 * it's in, and says of each when it's safe.  Usage: log FIRST.
 *
 * Each record goes to the end of one of eight files, and fsync() makes it safe.
 * Every sixteenth also is the contents of a new file, which takes the place of an
 * older one: that's safe after an fsync() of the file, before the rename, and of
 * the directory, after it. */

/* Linux's numbers, for i386: there may be no header files for that here. */
enum { EXIT = 1, WRITE = 4, OPEN, CLOSE, RENAME = 38, FSYNC = 118 };
enum { O_RDONLY, O_WRONLY, O_CREAT = 0100, O_TRUNC = 01000, O_APPEND = 02000 };

#define LOGS 8
#define FILES 64
#define WRITTEN (O_WRONLY | O_CREAT)

static long call(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c)
		     : "memory");
	return ret;
}

static void print(const char *text, unsigned int len)
{
	call(WRITE, 1, (long)text, len);
}

static long demand(long result)
{
	if (result >= 0)
		return result;
	print("failed\n", 7);
	call(EXIT, 1, 0, 0);
	return 0;
}

/* Eight digits for a number, where there's room for them. */
static void put_number(char *at, unsigned int number)
{
	for (int i = 7; i >= 0; i--, number /= 10)
		at[i] = '0' + number % 10;
}

static void write_record(const char *name, int how, unsigned int number)
{
	static char record[128];
	long fd = demand(call(OPEN, (long)name, WRITTEN | how, 0644));

	for (unsigned int i = 0; i < sizeof(record); i += 8)
		put_number(record + i, number);
	record[sizeof(record) - 1] = '\n';
	demand(call(WRITE, fd, (long)record, sizeof(record)) -
	       (long)sizeof(record));
	demand(call(FSYNC, fd, 0, 0));
	call(CLOSE, fd, 0, 0);
}

static void replace_file(unsigned int number)
{
	static char name[] = "file.00000000";
	long directory;

	put_number(name + 5, number % FILES);
	write_record("new", O_TRUNC, number);
	demand(call(RENAME, (long)"new", (long)name, 0));
	directory = demand(call(OPEN, (long)".", O_RDONLY, 0));
	demand(call(FSYNC, directory, 0, 0));
	call(CLOSE, directory, 0, 0);
}

static void __attribute__((used)) start(long *stack)
{
	static char log[] = "log.00000000", line[] = "00000000\n";
	const char *first = stack[0] > 1 ? (const char *)stack[2] : "1";
	unsigned int number = 0;

	while (*first)
		number = number * 10 + *first++ - '0';
	for (;; number++) {
		put_number(log + 4, number % LOGS);
		write_record(log, O_APPEND, number);
		if (number % 16 == 0)
			replace_file(number);
		put_number(line, number);
		print(line, sizeof(line) - 1);
	}
}

asm(".globl _start\n"
    "_start:\n"
    "	mov %esp, %eax\n"
    "	push %eax\n"
    "	call start\n");
