/* Runs the tiny Guests of rows.S, and asks the Host's four requests what they
 * have to say to all kinds of callers.  Usage: run IMAGE [ROW].  TAP. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/lguest_launcher.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

#define MEMORY (4ul << 20)
#define IMAGE 0x100000ul
#define WORD sizeof(unsigned long)
#define SECONDS_AT_MOST 20

struct row {
	unsigned code, name, expect, here;
};

static const unsigned char *image;
static size_t image_size;
static unsigned char *memory;
static struct lguest *lg;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void read_image(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	image_size = st.st_size;
	image = mmap(NULL, image_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED)
		die(path);
}

static const char *string_at(unsigned address)
{
	return (const char *)image + (address - IMAGE);
}

static const struct row *first_row(void)
{
	return (const struct row *)string_at(*(const unsigned *)image);
}

static const struct row *row_named(const char *name)
{
	const struct row *row = first_row();

	while (row->code && strcmp(string_at(row->name), name) != 0)
		row++;
	return row->code ? row : NULL;
}

/* ---- The requests, in short ---- */

static void new_guest(void)
{
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	memcpy(memory + IMAGE, image, image_size);
	lg = host_open();
	if (!lg)
		die("host_open");
}

static ssize_t write_words(unsigned n, ...)
{
	unsigned long words[4];
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n; i++)
		words[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return host_write(lg, words, n * WORD, 0);
}

static ssize_t initialize(unsigned long start)
{
	return write_words(4, (unsigned long)LHREQ_INITIALIZE,
			   (unsigned long)memory, MEMORY / 4096, start);
}

static ssize_t irq(unsigned long line)
{
	return write_words(2, (unsigned long)LHREQ_IRQ, line);
}

static ssize_t attach(unsigned long address, long fd)
{
	return write_words(3, (unsigned long)LHREQ_EVENTFD, address, fd);
}

static ssize_t run(unsigned long *notify)
{
	return host_read(lg, notify, WORD, 0);
}

static void start_row(const char *name)
{
	new_guest();
	if (initialize(row_named(name)->code) != 3 * WORD)
		die("INITIALIZE");
}

/* The Guest's whole life as the Launcher sees it: notifies, last words. */
static void write_transcript(FILE *out)
{
	char reason[512];
	unsigned long notify;
	ssize_t ret;

	while ((ret = run(&notify)) == WORD)
		fprintf(out, "%lx ", notify);
	if (ret == -ENOENT && host_read(lg, reason, sizeof(reason), 0) > 0)
		fprintf(out, "%s", reason);
	else if (ret == -ERESTART)
		fprintf(out, "restart");
	else
		fprintf(out, "read gave %zd", ret);
	fflush(out);
}

/* ---- Each test has a process of its own ---- */

static int child_process(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		;
	if (WIFSIGNALED(status))
		printf("# died of signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void transcribe(const struct row *row, char *text, size_t size)
{
	int ends[2];
	ssize_t n, len = 0;
	pid_t pid;

	fflush(stdout);
	if (pipe(ends) != 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		alarm(SECONDS_AT_MOST);
		new_guest();
		if (initialize(row->code) != 3 * WORD)
			_exit(2);
		write_transcript(fdopen(ends[1], "w"));
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(ends[0]);
	child_process(pid);
}

/* What the row expects, with addresses for each @. */
static void expand(const struct row *row, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	for (const char *p = string_at(row->expect); *p; p++) {
		if (*p == '@')
			fprintf(out, "%x", row->here);
		else
			fputc(*p, out);
	}
	fclose(out);
}

static unsigned tests;

static void result(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
}

static void test_row(const struct row *row)
{
	char expected[512], got[512];

	expand(row, expected, sizeof(expected));
	transcribe(row, got, sizeof(got));
	result(strcmp(got, expected) == 0, string_at(row->name));
	if (strcmp(got, expected) != 0)
		printf("# expected: %s\n# got:      %s\n", expected, got);
}

static void test_all_rows(void)
{
	for (const struct row *row = first_row(); row->code; row++)
		if (string_at(row->name)[0] != '!')
			test_row(row);
}

/* ---- What the requests answer ---- */

/* A check that fails tells where, and ends the test. */
#define IS(expression, value)                                                  \
	do {                                                                   \
		long got_ = (expression), want_ = (value);                     \
		if (got_ != want_) {                                           \
			printf("# line %d: %s is %ld, not %ld\n", __LINE__,     \
			       #expression, got_, want_);                      \
			fflush(stdout);                                        \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* The end of a page that has nothing behind it. */
static char *edge_of_memory(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(pages + 4096, 4096, PROT_NONE);
	return pages + 4096;
}

static void host_is_possible(void)
{
	struct rlimit little = { 1ul << 30, RLIM_INFINITY };

	if (host_missing())
		printf("# %s\n", host_missing());
	IS(host_missing() == NULL, 1);
	setrlimit(RLIMIT_AS, &little);
	IS(host_missing() != NULL, 1);
	IS(strstr(host_missing(), "ulimit") != NULL, 1);
	IS(strchr(host_missing(), '\n') == NULL, 1);
}

static void before_initialize(void)
{
	unsigned long word;

	new_guest();
	IS(run(&word), -EINVAL);
	IS(irq(1), -EINVAL);
	IS(attach(0x1000, eventfd(0, 0)), -EINVAL);
	IS(write_words(1, 99ul), -EINVAL);
	host_close(lg);
}

static void bad_pointers(void)
{
	char *edge = edge_of_memory();
	unsigned long *words = (unsigned long *)edge;

	new_guest();
	IS(host_write(lg, NULL, WORD, 0), -EFAULT);
	IS(host_write(lg, edge, WORD, 0), -EFAULT);
	IS(host_write(lg, edge - 4, WORD, 0), -EFAULT);
	words[-2] = LHREQ_INITIALIZE;
	IS(host_write(lg, words - 2, 4 * WORD, 0), -EFAULT);
	IS(initialize(row_named("!spin")->code), 3 * WORD);
	words[-1] = LHREQ_IRQ;
	IS(host_write(lg, words - 1, 2 * WORD, 0), -EFAULT);
	words[-2] = LHREQ_EVENTFD;
	words[-1] = 0x1000;
	IS(host_write(lg, words - 2, 3 * WORD, 0), -EFAULT);
	host_close(lg);
}

static void initialize_once(void)
{
	unsigned long words[4] = { LHREQ_INITIALIZE };

	start_row("!spin");
	IS(initialize(IMAGE), -EBUSY);
	IS(host_write(lg, words, 0, 0), -EBUSY);
	words[0] = LHREQ_IRQ;
	IS(host_write(lg, words, 0, 0), 0);
	host_close(lg);
}

/* A second chance after nonsense, and nothing left behind. */
static void bad_memory(void)
{
	unsigned long request = LHREQ_INITIALIZE, base;

	new_guest();
	base = (unsigned long)memory;
	IS(write_words(4, request, base + 1, MEMORY / 4096, IMAGE), -EINVAL);
	IS(write_words(4, request, base, 0ul, IMAGE), -EINVAL);
	IS(write_words(4, request, base, (1ul << 20) + 1, IMAGE), -EINVAL);
	IS(write_words(4, request, base, MEMORY / 4096, 1ul << 32), -EINVAL);
	IS(write_words(4, request, 4096ul, MEMORY / 4096, IMAGE) < 0, 1);
	IS(initialize(IMAGE), 3 * WORD);
	host_close(lg);
}

static void irqs(void)
{
	start_row("!spin");
	for (unsigned long line = 0; line < 32; line++)
		IS(irq(line), 0);
	IS(irq(32), -EINVAL);
	IS(irq(~0ul), -EINVAL);
	host_close(lg);
}

static void odd_requests(void)
{
	unsigned long word = LHREQ_IRQ;

	start_row("!spin");
	IS(write_words(2, (unsigned long)LHREQ_GETDMA, 0ul), -EINVAL);
	IS(write_words(2, (unsigned long)LHREQ_BREAK, 0ul), -EINVAL);
	IS(write_words(2, 5ul, 0ul), -EINVAL);
	IS(write_words(2, 99ul, 0ul), -EINVAL);
	IS(host_write(lg, &word, WORD, 1), -EINVAL);
	IS(host_read(lg, &word, WORD, 1), -EINVAL);
	IS(host_read(lg, &word, WORD - 1, 0), -EINVAL);
	host_close(lg);
}

static void eventfds(void)
{
	int fd = eventfd(0, 0), ends[2];

	start_row("!spin");
	IS(attach(0x1000, fd), 0);
	IS(attach(0x1000, fd), 0);
	IS(attach(0, fd), -EINVAL);
	IS(attach(0x100000000, fd), -EINVAL);
	IS(attach(0x2000, 999), -EBADF);
	IS(attach(0x2000, -1), -EBADF);
	IS(attach(0x2000, open("/dev/null", O_RDWR)), -EINVAL);
	IS(attach(0x2000, timerfd_create(CLOCK_MONOTONIC, 0)), -EINVAL);
	IS(attach(0x2000, memfd_create("x", 0)), -EINVAL);
	IS(pipe(ends), 0);
	IS(attach(0x2000, ends[1]), -EINVAL);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	IS(read(ends[0], ends, 1), -1);
	for (unsigned long i = 1; i < 200; i++)
		IS(attach(i * 4096, fd), 0);
	host_close(lg);
}

static unsigned long eventfd_count(int fd)
{
	unsigned long count = 0;

	return read(fd, &count, WORD) == WORD ? count : 0;
}

static void eventfd_notify(void)
{
	int first = eventfd(0, EFD_NONBLOCK), second = eventfd(0, EFD_NONBLOCK);
	int copy = dup(second);
	unsigned long word;

	start_row("!notify");
	IS(run(&word), WORD);
	IS(word, 0x380000);
	IS(attach(0x380000, first), 0);
	IS(attach(0x380000, second), 0);
	close(second);
	IS(run(&word), -ENOENT);
	IS(eventfd_count(first), 0);
	IS(eventfd_count(copy), 999);
	host_close(lg);
}

static void death(void)
{
	static const char reason[] = "CRASH: done";
	char text[64] = "";
	unsigned long word;

	start_row("!notify");
	while (run(&word) == WORD)
		;
	IS(irq(1), -ENOENT);
	IS(attach(0x1000, eventfd(0, 0)), -ENOENT);
	IS(write_words(1, 99ul), -ENOENT);
	IS(initialize(IMAGE), -EBUSY);
	IS(host_read(lg, text, 3, 0), 3);
	IS(memcmp(text, "CRA", 4), 0);
	for (int i = 0; i < 3; i++) {
		IS(host_read(lg, text, sizeof(text), 0), sizeof(reason));
		IS(strcmp(text, reason), 0);
	}
	IS(host_read(lg, text, 0, 0), 0);
	host_close(lg);
}

static void restart(void)
{
	unsigned long word;

	start_row("SHUTDOWN, restart");
	for (int i = 0; i < 3; i++)
		IS(run(&word), -ERESTART);
	IS(irq(1), -ENOENT);
	host_close(lg);
}

/* Service threads have our memory, and nothing else of ours. */
static int (*thread_does)(void);

static int thread_main(void *unused)
{
	(void)unused;
	return thread_does();
}

static pid_t start_thread(int (*does)(void))
{
	static char stack[65536] __attribute__((aligned(16)));

	thread_does = does;
	return clone(thread_main, stack + sizeof(stack), CLONE_VM | SIGCHLD,
		     NULL);
}

static int try_to_read(void)
{
	unsigned long word;

	return run(&word) == -EPERM ? 0 : 1;
}

static void other_task(void)
{
	start_row("!spin");
	IS(child_process(start_thread(try_to_read)), 0);
	host_close(lg);
}

static int raise_after_a_while(void)
{
	sleep_ms(20);
	return irq(2);
}

static int raise_after_a_while_more(void)
{
	sleep_ms(40);
	return raise_after_a_while();
}

static void irq_ends_halt(void)
{
	unsigned long word;

	start_row("!echo");
	IS(irq(31), 0);
	IS(irq(1), 0);
	IS(run(&word), WORD);
	IS(word, 2);
	IS(run(&word), WORD);
	IS(word, 32);
	start_thread(raise_after_a_while);
	IS(run(&word), WORD);
	IS(word, 3);
	host_close(lg);
}

static void second_irq_leaves_note(void)
{
	unsigned long word;

	start_row("!note");
	IS(irq(1), 0);
	IS(irq(2), 0);
	IS(run(&word), WORD);
	IS(word, 0x200);
	IS(run(&word), WORD);
	IS(word, 1);
	host_close(lg);
}

/* As fast as the Guest can take them; a lost one would leave it asleep. */
static volatile unsigned raised, heard;

static int raise_in_turn(void)
{
	while (raised < 20000) {
		raised++;
		if (irq(1))
			return 1;
		while (heard != raised)
			__builtin_ia32_pause();
	}
	return 0;
}

static void no_wakeup_is_lost(void)
{
	unsigned long word;
	pid_t thread;

	start_row("!echo");
	thread = start_thread(raise_in_turn);
	while (heard < 20000) {
		IS(run(&word), WORD);
		heard++;
	}
	IS(child_process(thread), 0);
	host_close(lg);
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void alarm_in(long ms, int flags)
{
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval when = { .it_value.tv_usec = ms * 1000 };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static void signal_ends_halt(void)
{
	unsigned long word;

	start_row("!echo");
	alarm_in(20, 0);
	IS(run(&word), -EINTR);
	IS(alarms, 1);
	IS(irq(0), 0);
	IS(run(&word), WORD);
	IS(word, 1);
	host_close(lg);
}

static void signal_ends_run(void)
{
	struct sigaction act;
	unsigned long word;

	start_row("!spin");
	for (int i = 1; i < 4; i++) {
		alarm_in(20, 0);
		IS(run(&word), -EINTR);
		IS(alarms, i);
		sigaction(SIGALRM, NULL, &act);
		IS(act.sa_handler == on_alarm, 1);
	}
	host_close(lg);
}

static void quiet_signal(void)
{
	unsigned long word;

	start_row("!echo");
	alarm_in(20, SA_RESTART);
	start_thread(raise_after_a_while_more);
	IS(run(&word), WORD);
	IS(alarms, 1);
	host_close(lg);
}

/* Interrupts at any instruction leave no trace but their own. */
static volatile int stop_raising;

static int keep_raising(void)
{
	while (!stop_raising) {
		irq(1);
		sleep_ms(0);
	}
	return 0;
}

static void run_busy(unsigned long words[16], bool disturbed)
{
	pid_t thread = 0;
	unsigned n = 0;

	start_row("!busy");
	stop_raising = 0;
	if (disturbed)
		thread = start_thread(keep_raising);
	while (n < 15 && run(&words[n]) == WORD)
		n++;
	words[n] = 0;
	stop_raising = 1;
	if (disturbed)
		child_process(thread);
	host_close(lg);
}

/* On a busy machine few may come each time. */
static void interrupts_leave_no_trace(void)
{
	unsigned long calm[16], busy[16], interrupts = 0;
	unsigned n;

	run_busy(calm, false);
	for (int i = 0; i < 50 && interrupts <= 100; i++) {
		run_busy(busy, true);
		for (n = 0; calm[n]; n++)
			IS(busy[n], calm[n]);
		IS(n, 8);
		interrupts += busy[n];
	}
	printf("# %lu interrupts\n", interrupts);
	IS(interrupts > 100, 1);
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned lines = 0;
	int c;

	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

static void one_life(void)
{
	unsigned long word;
	int fd = eventfd(0, 0);

	start_row("NEW_PGTABLE: another address space");
	IS(attach(0x1000, fd), 0);
	close(fd);
	while (run(&word) == WORD)
		;
	host_close(lg);
	munmap(memory, MEMORY);
}

static void close_gives_back(void)
{
	struct sigaction act;
	unsigned before;
	int fd;

	one_life();
	before = count_mappings();
	fd = open("/dev/null", O_RDONLY);
	close(fd);
	for (int i = 0; i < 20; i++)
		one_life();
	IS(count_mappings(), before);
	sigaction(SIGSEGV, NULL, &act);
	IS(act.sa_handler == SIG_DFL, 1);
	IS(open("/dev/null", O_RDONLY), fd);
}

static const struct test {
	const char *name;
	void (*function)(void);
} request_tests[] = {
	{ "the Host is possible here, and says what it misses",
	  host_is_possible },
	{ "before INITIALIZE all is EINVAL", before_initialize },
	{ "bad pointers are EFAULT", bad_pointers },
	{ "INITIALIZE counts its words, and happens once", initialize_once },
	{ "INITIALIZE with bad memory, and again", bad_memory },
	{ "IRQ in range and out of it", irqs },
	{ "requests and processors that don't exist", odd_requests },
	{ "EVENTFD takes eventfds", eventfds },
	{ "a notify with an eventfd, the newest", eventfd_notify },
	{ "after death: ENOENT, EBUSY, and the reason", death },
	{ "restart: ERESTART again and again", restart },
	{ "only the task that initialized may read", other_task },
	{ "interrupts end HALT, the lowest line first", irq_ends_halt },
	{ "an interrupt that waits for another leaves a note",
	  second_irq_leaves_note },
	{ "no wake-up is lost in 20,000", no_wakeup_is_lost },
	{ "a signal ends HALT with EINTR", signal_ends_halt },
	{ "a signal ends anything with EINTR", signal_ends_run },
	{ "a signal with SA_RESTART doesn't", quiet_signal },
	{ "interrupts leave no trace in what they interrupt",
	  interrupts_leave_no_trace },
	{ "close gives everything back", close_gives_back },
};
#define REQUEST_TESTS (sizeof(request_tests) / sizeof(*request_tests))

static void test_request(const struct test *test)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		alarm(SECONDS_AT_MOST);
		test->function();
		fflush(stdout);
		_exit(0);
	}
	result(child_process(pid) == 0, test->name);
}

int main(int argc, char *argv[])
{
	if (argc < 2) {
		fprintf(stderr, "usage: run IMAGE [ROW]\n");
		return 2;
	}
	read_image(argv[1]);
	if (argc > 2) {
		test_row(row_named(argv[2]));
		return 0;
	}
	for (unsigned i = 0; i < REQUEST_TESTS; i++)
		test_request(&request_tests[i]);
	test_all_rows();
	printf("1..%u\n", tests);
	return 0;
}
