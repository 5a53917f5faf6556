/* The life of a Guest, and that of its devices. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "standin.h"

#define MEM (64u << 20)

static void deaths(void)
{
	static const struct {
		const char *reason, *text;
		int status;
	} cases[] = {
		{ "CRASH: Power down", "", 0 },
		{ "CRASH: VFS: Unable to mount root fs",
		  "lguest: CRASH: VFS: Unable to mount root fs\n", 1 },
		{ "CRASH: Power down or not",
		  "lguest: CRASH: Power down or not\n", 1 },
		{ "bad hypercall 99 %s%n", "lguest: bad hypercall 99 %s%n\n", 1 },
		{ "", "lguest: \n", 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run *r = boot_plain(0);

		die(r, cases[i].reason);
		same("exit status", wait_end(r), cases[i].status);
		check(!strcmp(r->err, cases[i].text), "\"%s\": %s",
		      cases[i].reason, r->err);
		finish(r);
	}
}

static void bad_host(void)
{
	const char *kernel = make_kernel("vmlinux");
	struct run *r = boot_plain(0);

	give_error(r, EIO);
	same("an error that isn't in the book", wait_end(r), 1);
	says(r, "has its text", "running the Guest failed: Input/output error\n");
	finish(r);

	r = boot_plain(0);
	give_error(r, EINTR);
	check(wait_read(r), "EINTR is no error");
	give_error(r, ENOENT);
	wait_read(r);
	give_error(r, EFAULT);
	same("dead without a reason", wait_end(r), 1);
	says(r, "says so", "Bad address");
	finish(r);

	r = run_launcher(0, "--host=kernel", "64", kernel);
	r->open_error = EACCES;
	same("a Host that doesn't open", wait_end(r), 1);
	says(r, "is named", "/dev/lguest: Permission denied");
	finish(r);

	r = run_launcher(0, "64", kernel);
	r->init_error = ENOMEM;
	same("a Host that refuses", wait_end(r), 1);
	says(r, "is quoted", "won't have the Guest: Cannot allocate memory");
	finish(r);
}

static void early_console(void)
{
	struct run *r = boot_plain(0);
	char text[] = "Linux version 3.3.8\n";
	u32 top = MEM + 7 * 4096;

	poke(r, 0x5000, text, sizeof(text));
	check(notify(r, 0x5000), "an early message");
	wait_for_text(r, r->out, "\n");
	check(!strcmp(r->out, text), "comes out as it is: %s", r->out);
	put(r, top - 3, 3, 0x636261);
	check(notify(r, top - 3), "a string without an end");
	check(wait_for_text(r, r->out, "abc"), "stops where memory does");
	same("with its last byte", r->out_len, sizeof(text) - 1 + 3);
	check(notify(r, top - 1), "the last byte of all");
	give_notify(r, top);
	same("one further is fatal", wait_end(r), 1);
	says(r, "address and limit",
		 "Guest notifies address 0x4007000, its memory ends at 0x4007000");
	finish(r);
}

static void before_setup(void)
{
	struct run *r = boot_plain(0);
	struct found dev;

	find_device(r, 0, &dev);
	give_notify(r, dev.vq[1].addr);
	same("a queue before its device has started", wait_end(r), 1);
	says(r, "is named",
		 "device 0 (console): output queue: notification before setup\n");
	finish(r);
}

static void statuses(void)
{
	struct run *r = boot_with(0, "--rng", "--verbose");
	struct found rng;
	u32 len;

	find_device(r, 0, &rng);
	same("rng", rng.type, 4);
	check(set_status(r, &rng, 0), "reset before anything");
	check(set_status(r, &rng, 0x80), "failed before it ran");
	says(r, "is told", "device 0 (rng): the Guest's driver has given it up");
	same("no eventfd yet", r->eventfds, 0);
	check(start_device(r, &rng, 0), "started");
	same("an eventfd for its queue", r->eventfds, 1);
	same("at the queue's address", r->eventfd[0].addr, rng.vq[0].addr);
	same("and a thread", count_children(r->init_pid), 1);

	chain(&rng.vq[0], { 0x10000, 16, true });
	kick(&rng.vq[0]);
	check(wait_used(&rng.vq[0], 1, &len), "it works");
	same("all 16 bytes", len, 16);
	check(wait_irq(r, 1, 1), "and interrupts");

	check(set_status(r, &rng, 0), "reset while it runs");
	same("no thread any more", count_children(r->init_pid), 0);
	same("used index is zero", used_index(&rng.vq[0]), 0);
	same("available index is zero", get(r, rng.vq[0].addr + 4096 + 2, 2), 0);
	same("descriptors are zero", get(r, rng.vq[0].addr, 8), 0);

	for (int i = 1; i <= 5; i++) {
		check(start_device(r, &rng, 0), "started again, %d", i);
		chain(&rng.vq[0], { 0x10000, 16, true });
		kick(&rng.vq[0]);
		check(wait_used(&rng.vq[0], 1, &len), "it works again");
		set_status(r, &rng, i % 2 ? 0x83 : 0);
		same("stopped", count_children(r->init_pid), 0);
	}
	says(r, "FAILED while running is a reset", "status 0x83\n");

	start_device(r, &rng, 0);
	put(r, rng.desc + 4, 1, 7);
	give_notify(r, rng.desc);
	same("finalized twice is fatal", wait_end(r), 1);
	says(r, "says so", "device 0 (rng): finalized twice (status 0x7");
	finish(r);
}

static void features(void)
{
	static char sectors[512];
	const char *disk = write_file("disk", sectors, sizeof(sectors));
	struct run *r = boot_with(0, "--verbose", "--block", disk);
	struct found dev;

	find_device(r, 0, &dev);
	same("offered", dev.features, 0x204);
	check(start_device(r, &dev, 0x200), "accept one of them");
	says(r, "said", "features offered 0x204, accepted 0x200");
	set_status(r, &dev, 0);
	same("a reset clears it", get(r, dev.guest_features, 2), 0);
	same("but not the offer", get(r, dev.guest_features - 2, 2), 0x204);
	put(r, dev.guest_features, 2, 0x1204);
	put(r, dev.desc + 4, 1, 3);
	give_notify(r, dev.desc);
	same("more than was offered is fatal", wait_end(r), 1);
	says(r, "says which", "accepts features 0x1204, offered were 0x204");
	finish(r);
}

static void hostile_descriptors(void)
{
	struct run *r = boot_with(0, "--rng");
	struct found rng, console;
	u8 junk[64];

	find_device(r, 0, &rng);
	find_device(r, 1, &console);
	memset(junk, 0xff, sizeof(junk));
	poke(r, rng.desc, junk, 4);
	poke(r, rng.desc + 5, junk, 8);
	check(start_device(r, &rng, 0), "a descriptor full of junk");
	chain(&rng.vq[0], { 0x10000, 16, true });
	kick(&rng.vq[0]);
	check(wait_used(&rng.vq[0], 1, NULL), "is only the Guest's loss");
	die(r, "CRASH: Power down");
	same("exit", wait_end(r), 0);
	finish(r);
}

static void reboots(void)
{
	struct run *r = boot_with(0, "--rng", "console=hvc0");
	struct found rng;
	pid_t first = r->init_pid;
	char line[32];

	for (unsigned int i = 1; i <= 5; i++) {
		find_device(r, 0, &rng);
		start_device(r, &rng, 0);
		put(r, 0x1000, 4, 0);
		put(r, 0x100000, 4, 0xffffffff);
		give_error(r, ERESTART);
		if (!check(wait_read(r), "reboot %u", i))
			break;
		same("told the Host anew", r->lives, i + 1);
	}
	peek(r, 0x1000, line, 13);
	check(!strncmp(line, "console=hvc0", 13), "command line is back");
	same("kernel is back", get(r, 0x100000, 4), 0x03020100);
	find_device(r, 0, &rng);
	same("devices are back", rng.type, 4);
	same("status too", get(r, rng.desc + 4, 1), 0);
	check(r->init_pid != first, "it's another process");
	check(!r->gone, "but the first is still here");
	same("nobody said anything", r->err_len, 0);
	die(r, "CRASH: Power down");
	same("power-off afterwards", wait_end(r), 0);
	finish(r);
}

/* An interrupt that finds the Guest dead is not an error. */
static void interrupt_after_death(void)
{
	struct run *r = boot_with(0, "--rng");
	struct found rng;

	find_device(r, 0, &rng);
	start_device(r, &rng, 0);
	r->irq_error = ENOENT;
	chain(&rng.vq[0], { 0x10000, 16, true });
	kick(&rng.vq[0]);
	wait_used(&rng.vq[0], 1, NULL);
	wait_ms(r, 50);
	check(!r->gone, "ENOENT for an interrupt is ignored");
	die(r, "CRASH: Power down");
	same("so the Guest's death is what counts", wait_end(r), 0);
	finish(r);

	r = boot_with(0, "--rng");
	find_device(r, 0, &rng);
	start_device(r, &rng, 0);
	r->irq_error = EPERM;
	chain(&rng.vq[0], { 0x10000, 16, true });
	kick(&rng.vq[0]);
	same("any other error is fatal", wait_end(r), 1);
	says(r, "named", "device 0 (rng): input queue: the Host refuses interrupt 1: Operation not permitted");
	finish(r);
}

const struct test tests[] = {
	{ "deaths", deaths },
	{ "bad Hosts", bad_host },
	{ "early console", early_console },
	{ "notify before setup", before_setup },
	{ "status", statuses },
	{ "features", features },
	{ "hostile descriptors", hostile_descriptors },
	{ "reboots", reboots },
	{ "interrupt after death", interrupt_after_death },
	{ NULL, NULL },
};
