/* The console device, and the terminal behind it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <linux/virtio_ring.h>
#include "standin.h"

static struct found console;
static struct queue *input = &console.vq[0], *output = &console.vq[1];

static struct run *with_console(int flags)
{
	struct run *r = boot_plain(flags);

	find_device(r, 0, &console);
	start_device(r, &console, 0);
	return r;
}

static void type(struct run *r, const char *text, size_t len)
{
	if (write(r->in, text, len) != (ssize_t)len)
		printf("# cannot type\n");
}

static void out(void)
{
	struct run *r = with_console(0);
	u32 len = 99;

	poke(r, 0x10000, "Hello, ", 7);
	poke(r, 0x20000, "world!\n", 7);
	chain(output, { 0x10000, 7, false }, { 0x20000, 7, false });
	kick(output);
	check(wait_used(output, 1, &len), "two buffers are written");
	same("nothing in return", len, 0);
	wait_for_text(r, r->out, "\n");
	check(!strcmp(r->out, "Hello, world!\n"), "%s", r->out);
	check(wait_irq(r, output->irq, 1), "interrupt of its own queue");

	chain(output, { 0x30000, 0, false });
	kick(output);
	check(wait_used(output, 2, &len), "an empty one");
	chain(output, { 0x30000, 1, true });
	kick(output);
	same("a writable one is fatal", wait_end(r), 1);
	says(r, "says why",
		 "device 0 (console): output queue: chain 3 has 1 writable buffers, only readable ones belong here");
	finish(r);
}

/* More than a pipe holds, and nobody reads for a while. */
static void slow_reader(void)
{
	struct run *r = with_console(0);
	int held;

	held = r->out_fd;
	r->out_fd = -1;
	for (unsigned int i = 0; i < 50; i++)
		chain(output, { 0x10000, 4096, false });
	kick(output);
	wait_ms(r, 100);
	check(used_index(output) < 50, "a full pipe stops it at %u of 50",
	      used_index(output));
	check(!r->gone, "but doesn't kill it");
	r->out_fd = held;
	check(wait_used(output, 50, NULL), "it goes on when somebody reads");
	wait_ms(r, 50);
	same("nothing is lost", r->out_len, 50 * 4096);
	finish(r);
}

/* Three lines and something that a pipe can't hold. */
static void much_to_say(void)
{
	for (unsigned int i = 0; i < 3; i++)
		chain(output, { 0x10000, 16, false });
	chain(output, { 0x10000, 131072, false });
	kick(output);
}

/* With three quarters done and the rest stuck, the Guest hears of those; unless it
 * has said that it doesn't want to. */
static void early_interrupt(void)
{
	struct run *r = with_console(0);
	int held = r->out_fd;
	unsigned int irqs;

	r->out_fd = -1;
	much_to_say();
	check(wait_irq(r, output->irq, 1), "an interrupt before the end");
	same("three of four", used_index(output), 3);
	r->out_fd = held;
	check(wait_used(output, 4, NULL) && wait_irq(r, output->irq, 2),
	      "and one at the end");
	wait_ms(r, 50);

	irqs = r->irqs[output->irq];
	r->out_fd = -1;
	put(r, output->addr + 4096, 2, VRING_AVAIL_F_NO_INTERRUPT);
	much_to_say();
	check(wait_used(output, 7, NULL), "three of four others");
	wait_ms(r, 50);
	same("and no interrupt", r->irqs[output->irq], irqs);
	r->out_fd = held;
	check(wait_used(output, 8, NULL), "all of them");
	finish(r);
}

/* A pipe is as blocking as its file description says, which both ends of a
 * shell pipeline can change. */
static void nonblocking_stdout(void)
{
	int ends[2];
	struct run *r;
	u64 total = 0;
	static char buf[65536];

	if (pipe(ends))
		return;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	stdout_for_next = ends[1];
	r = with_console(0);
	for (unsigned int i = 0; i < 50; i++)
		chain(output, { 0x10000, 4096, false });
	kick(output);
	wait_ms(r, 100);
	check(!r->gone && used_index(output) < 50,
	      "a full non-blocking pipe is waited for");
	while (used_index(output) < 50 && !r->gone) {
		ssize_t ret = read(ends[0], buf, sizeof(buf));

		total += ret > 0 ? ret : 0;
		wait_ms(r, 2);
	}
	for (ssize_t ret; (ret = read(ends[0], buf, sizeof(buf))) > 0;)
		total += ret;
	same("and gets everything", total, 50 * 4096);
	finish(r);
	close(ends[0]);
	close(ends[1]);
}

static void closed_stdout(void)
{
	struct run *r = with_console(0);

	close(r->out_fd);
	r->out_fd = -1;
	chain(output, { 0x10000, 16, false });
	kick(output);
	same("nobody there to read", wait_end(r), 1);
	says(r, "in so many words",
		 "cannot write the Guest's console output to stdout: Broken pipe");
	finish(r);
}

static void in(void)
{
	struct run *r = with_console(0);
	char buf[16] = "";
	u32 len;

	chain(input, { 0x10000, 4, true }, { 0x20000, 100, true });
	kick(input);
	wait_ms(r, 30);
	same("no key, nothing used", used_index(input), 0);
	type(r, "ls -l\n", 6);
	check(wait_used(input, 1, &len), "a line");
	same("its length", len, 6);
	check(wait_irq(r, input->irq, 1), "and its interrupt, at once");
	peek(r, 0x10000, buf, 4);
	peek(r, 0x20000, buf + 4, 2);
	check(!strcmp(buf, "ls -l\n"), "scattered: %s", buf);
	same("not a byte more", get(r, 0x20002, 1), 0);

	chain(input, { 0x10000, 16, true });
	kick(input);
	close(r->in);
	check(wait_for_text(r, r->err, "end of input"), "its end is told");
	check(!strcmp(r->err, "lguest: console: end of input, the Guest runs on without\n"),
	      "once: %s", r->err);
	wait_ms(r, 30);
	check(!r->gone && used_index(input) == 1, "the Guest runs on");
	chain(output, { 0x10000, 2, false });
	kick(output);
	check(wait_used(output, 1, NULL), "and may still speak");
	set_status(r, &console, 0);
	start_device(r, &console, 0);
	chain(input, { 0x10000, 16, true });
	kick(input);
	wait_ms(r, 30);
	check(!strstr(r->err + 10, "end of input, the Guest runs on without\nlguest"),
	      "not told again after a reset");
	r->in = open("/dev/null", O_RDONLY);
	die(r, "CRASH: Power down");
	same("and power down", wait_end(r), 0);
	finish(r);
}

static void press_ctrl_c(struct run *r, unsigned int used)
{
	chain(input, { 0x10000, 64, true });
	kick(input);
	type(r, "\003", 1);
	wait_used(input, used, NULL);
}

static void three_interrupts(void)
{
	struct run *r = with_console(0);

	press_ctrl_c(r, 1);
	press_ctrl_c(r, 2);
	chain(input, { 0x10000, 64, true });
	kick(input);
	type(r, "x", 1);
	wait_used(input, 3, NULL);
	press_ctrl_c(r, 4);
	press_ctrl_c(r, 5);
	chain(input, { 0x10000, 64, true });
	kick(input);
	type(r, "\003\003\003", 3);
	wait_used(input, 6, NULL);
	press_ctrl_c(r, 7);
	press_ctrl_c(r, 8);
	wait_ms(r, 1100);
	press_ctrl_c(r, 9);
	wait_ms(r, 50);
	check(!r->gone, "interrupted, together, or slowly: three ^C are nothing");
	/* On a busy machine these may come slowly, too. */
	for (unsigned int used = 10; used < 60 && !r->gone; used++)
		press_ctrl_c(r, used);
	same("three in a row are SIGINT", wait_end(r), 256 + SIGINT);
	finish(r);
}

static bool is_raw(struct run *r)
{
	struct termios t;

	return !tcgetattr(r->in, &t) && !(t.c_lflag & (ISIG | ICANON | ECHO));
}

static bool is_as_before(struct run *r, const struct termios *before)
{
	struct termios t;

	return !tcgetattr(r->in, &t) && t.c_lflag == before->c_lflag &&
	       t.c_iflag == before->c_iflag && t.c_oflag == before->c_oflag;
}

enum way { POWER_OFF, CRASH, BAD_QUEUE, KILL_THREAD, TERM, HUP, INT,
	   KILL_FIRST, KILL_SECOND };

static void go(struct run *r, enum way way)
{
	switch (way) {
	case POWER_OFF:
		die(r, "CRASH: Power down");
		break;
	case CRASH:
		die(r, "CRASH: panic");
		break;
	case BAD_QUEUE:
		make_available(output, 300);
		kick(output);
		break;
	case KILL_THREAD:
		kill_a_child(r->init_pid);
		break;
	case TERM:
		kill(r->pid, SIGTERM);
		break;
	case HUP:
		kill(r->pid, SIGHUP);
		break;
	case INT:
		kill(r->pid, SIGINT);
		break;
	case KILL_FIRST:
		kill(r->pid, SIGKILL);
		break;
	case KILL_SECOND:
		kill(r->init_pid, SIGKILL);
		break;
	}
}

static void terminal(void)
{
	static const struct {
		const char *name;
		enum way way;
		int status;
	} ways[] = {
		{ "power-off", POWER_OFF, 0 },
		{ "a crash", CRASH, 1 },
		{ "a bad queue", BAD_QUEUE, 1 },
		{ "a killed service thread", KILL_THREAD, 1 },
		{ "SIGTERM", TERM, 256 + SIGTERM },
		{ "SIGHUP", HUP, 256 + SIGHUP },
		{ "SIGINT", INT, 256 + SIGINT },
		{ "SIGKILL of the first process", KILL_FIRST, 256 + SIGKILL },
		{ "SIGKILL of the second", KILL_SECOND, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		struct run *r = start(ON_TERMINAL, (const char *const[]){
			launcher, "64", make_kernel("vmlinux"), NULL });
		struct termios before;

		tcgetattr(r->in, &before);
		before.c_lflag |= ISIG | ICANON | ECHO;
		tcsetattr(r->in, TCSANOW, &before);
		wait_read(r);
		check(is_raw(r), "the terminal is raw, then %s", ways[i].name);
		find_device(r, 0, &console);
		start_device(r, &console, 0);
		go(r, ways[i].way);
		same("exit status", wait_end(r), ways[i].status);
		for (int ms = 0; ms < 1000 && !is_as_before(r, &before); ms += 10)
			wait_ms(r, 10);
		check(is_as_before(r, &before), "it is as it was after %s",
		      ways[i].name);
		finish(r);
	}
}

static void terminal_early_error(void)
{
	struct run *r = start(ON_TERMINAL, (const char *const[]){
		launcher, "64", "/nonexistent", NULL });
	struct termios before;

	tcgetattr(r->in, &before);
	same("an early error", wait_end(r), 1);
	check(is_as_before(r, &before), "leaves the terminal alone");
	finish(r);
}

const struct test tests[] = {
	{ "output", out },
	{ "slow reader", slow_reader },
	{ "early interrupt", early_interrupt },
	{ "non-blocking stdout", nonblocking_stdout },
	{ "closed stdout", closed_stdout },
	{ "input", in },
	{ "three ^C", three_interrupts },
	{ "terminal", terminal },
	{ "terminal and early error", terminal_early_error },
	{ NULL, NULL },
};
