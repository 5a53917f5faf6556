#include <linux/virtio_blk.h>
#include "drivers.h"

/*D:600 The shell.  Somebody has to use all this, so here's the other end of
 * the console's two queues: a loop that reads a line and does what it says.
 *
 * The Launcher has put the terminal into a state where it hands us every key
 * and shows none.  So whatever you see while typing, we have sent back to you.
 */
#define LINE_BYTES	256
#define MAX_WORDS	16

#define CTRL(letter)	((letter) - '@')
#define DELETE		127

static void echo(const char *text)
{
	console_write(text, strlen(text));
}

static void erase(size_t *len)
{
	if (*len) {
		--*len;
		echo("\b \b");
	}
}

static bool add_key(char *line, size_t *len, int key)
{
	switch (key) {
	case '\r':
	case '\n':
		echo("\n");
		return true;
	case CTRL('C'):
		echo("^C\n");
		*len = 0;
		return true;
	case CTRL('H'):
	case DELETE:
		erase(len);
		return false;
	case CTRL('U'):
		while (*len)
			erase(len);
		return false;
	}
	if (key >= ' ' && *len < LINE_BYTES - 1) {
		line[(*len)++] = key;
		console_write(&line[*len - 1], 1);
	}
	return false;
}

static void read_line(char *line)
{
	size_t len = 0;

	echo("puppy# ");
	while (!add_key(line, &len, console_getc()))
		;
	line[len] = '\0';
}
/*:*/

/*D:602 Words are what stands between blanks.  Every command gets them as a
 * program would, its own name being the first, and NULL after the last. */
static unsigned int split(char *line, char *words[MAX_WORDS + 1])
{
	unsigned int count = 0;

	while (count < MAX_WORDS) {
		while (*line == ' ' || *line == '\t')
			*line++ = '\0';
		if (!*line)
			break;
		words[count++] = line;
		while (*line && *line != ' ' && *line != '\t')
			line++;
	}
	words[count] = NULL;
	return count;
}

static bool parse_number(const char *text, u64 *value)
{
	*value = 0;
	do {
		if (*text < '0' || *text > '9' || *value >> 59)
			return false;
		*value = *value * 10 + (*text - '0');
	} while (*++text);
	return true;
}

/* The number that may be given, or another: false if it's no number at all. */
static bool optional_number(const char *text, u64 otherwise, u64 *value)
{
	*value = otherwise;
	return !text || parse_number(text, value);
}
/*:*/

/*D:610 What there is to say about the system.  A command is false if its words
 * made no sense; the loop below then shows how to use it. */
static void show_line(const char *text, void *unused)
{
	(void)unused;
	printk("%s\n", text);
}

static bool do_ps(char **words)
{
	(void)words;
	ps(show_line, NULL);
	return true;
}

static bool do_mem(char **words)
{
	u32 page_kb = PAGE_SIZE / 1024;

	(void)words;
	printk("%u KB, %u KB of it for pages, %u KB of those free\n",
	       memory_top() / 1024, total_pages() * page_kb,
	       free_pages() * page_kb);
	printk("%u page faults, %u copies on write, %u FPU traps\n",
	       counters.faults, counters.cow_copies, counters.fpu_traps);
	return true;
}

static bool do_uptime(char **words)
{
	u32 ns;
	u64 seconds = div64(now_ns(), NS_PER_S, &ns);

	(void)words;
	printk("up %llu.%03u s, %u switches, %u interrupts, %u halts, "
	       "%u hypercalls (and %u in the ring)\n",
	       seconds, ns / NS_PER_MS, counters.switches, counters.interrupts,
	       counters.halts, counters.hypercalls, counters.ring_calls);
	return true;
}
/*:*/

/*D:612 The date.  Years have begun in March, for this purpose, ever since
 * somebody noticed that the leap day then comes last and months follow a
 * formula: five of them have 153 days.  Days are counted from the first of
 * March of the year 0. */
#define DAYS_TO_1970	719468
#define DAYS_IN_ERA	146097		/* 400 years */

static void date_of_day(u32 days, u32 *year, u32 *month, u32 *day)
{
	u32 era = days / DAYS_IN_ERA, left = days % DAYS_IN_ERA;
	u32 years = (left - left / 1460 + left / 36524 - left / 146096) / 365;

	left -= years * 365 + years / 4 - years / 100;
	*month = (5 * left + 2) / 153;
	*day = left - (153 * *month + 2) / 5 + 1;
	*month = *month < 10 ? *month + 3 : *month - 9;
	*year = era * 400 + years + (*month <= 2);
}

static bool do_date(char **words)
{
	u32 second, year, month, day;
	u32 days = div64(wall_seconds(), 24 * 60 * 60, &second);

	(void)words;
	date_of_day(days + DAYS_TO_1970, &year, &month, &day);
	printk("%u-%02u-%02u %02u:%02u:%02u UTC\n", year, month, day,
	       second / 3600, second / 60 % 60, second % 60);
	return true;
}
/*:*/

/*D:620 Files, which come from the initrd, and programs, which are some of
 * them. */
static void show_file(const char *path, size_t size, void *unused)
{
	(void)unused;
	printk("%8u  %s\n", size, path);
}

static bool do_ls(char **words)
{
	(void)words;
	if (!initrd_walk(show_file, NULL))
		printk("no initrd\n");
	return true;
}

static bool do_cat(char **words)
{
	const char *data;
	size_t size;

	if (!words[1])
		return false;
	data = initrd_find(words[1], &size);
	if (data)
		console_write(data, size);
	else
		printk("%s: no such file\n", words[1]);
	return true;
}

static void report_status(const char *path, int status)
{
	if (status < 0)
		printk("%s: can't be run\n", path);
	else if (status > 128)
		printk("%s: killed by signal %d\n", path, status - 128);
	else if (status > 0)
		printk("%s: exit status %d\n", path, status);
}

/* Programs live in bin, unless the word says where. */
static bool run_words(char **words)
{
	char path[LINE_BYTES];
	size_t size;

	ksnprintf(path, sizeof(path), "bin/%s", words[0]);
	if (!initrd_find(path, &size))
		ksnprintf(path, sizeof(path), "%s", words[0]);
	if (!initrd_find(path, &size))
		return false;
	words[0] = path;
	report_status(path, run_program(path, words));
	return true;
}

static bool do_run(char **words)
{
	if (!words[1])
		return false;
	if (!run_words(words + 1))
		printk("%s: no such program\n", words[1]);
	return true;
}
/*:*/

/*D:630 Disks.  Sectors are shown as people have looked at bytes for sixty
 * years. */
static bool printable(u8 byte)
{
	return byte >= ' ' && byte < DELETE;
}

static void dump_line(u32 offset, const u8 *bytes)
{
	char line[80];
	int i, at = ksnprintf(line, sizeof(line), "%08x ", offset);

	for (i = 0; i < 16; i++)
		at += ksnprintf(line + at, sizeof(line) - at, " %02x",
				bytes[i]);
	line[at++] = ' ';
	line[at++] = ' ';
	for (i = 0; i < 16; i++)
		line[at++] = printable(bytes[i]) ? bytes[i] : '.';
	line[at] = '\0';
	printk("%s\n", line);
}

static bool disk_read(unsigned int disk, char **words)
{
	u64 sector;
	u8 *buffer;
	u32 i;

	if (!words[0] || !parse_number(words[0], &sector))
		return false;
	buffer = alloc_page();
	if (!buffer || !block_rw(disk, false, sector, buffer, 1))
		printk("disk %u: can't read sector %llu\n", disk, sector);
	else
		for (i = 0; i < 512; i += 16)
			dump_line(i, buffer + i);
	if (buffer)
		free_page(buffer);
	return true;
}

/* The words that are left, with a blank between, and zeroes after them. */
static void join(char *to, size_t size, char **words)
{
	size_t at = 0;

	memset(to, 0, size);
	for (; *words && at < size - 1; words++)
		at += ksnprintf(to + at, size - at, at ? " %s" : "%s", *words);
}

static bool disk_write(unsigned int disk, char **words)
{
	u64 sector;
	char *buffer;

	if (!words[0] || !words[1] || !parse_number(words[0], &sector))
		return false;
	buffer = alloc_page();
	if (!buffer)
		return true;
	join(buffer, 512, words + 1);
	if (!block_rw(disk, true, sector, buffer, 1))
		printk("disk %u: can't write sector %llu\n", disk, sector);
	free_page(buffer);
	return true;
}

static bool disk_flush(unsigned int disk, char **words)
{
	(void)words;
	if (!block_flush(disk))
		printk("disk %u: can't flush\n", disk);
	return true;
}
/*:*/

/*D:632 The checksum of a disk is the one of POSIX's cksum, so that the
 * Launcher's side can tell whether we've read the same: cksum < disk.  It's
 * the occasion to show what a queue is for, too: while we add up one page,
 * thirty-one more are under way. */
#define WINDOW		32
#define PAGE_SECTORS	(PAGE_SIZE / 512)

static u32 crc_table[256];

static void make_crc_table(void)
{
	u32 i, bit, crc;

	for (i = 0; i < 256; i++) {
		crc = i << 24;
		for (bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
		crc_table[i] = crc;
	}
}

static u32 crc_bytes(u32 crc, const u8 *bytes, u32 len)
{
	while (len--)
		crc = crc << 8 ^ crc_table[crc >> 24 ^ *bytes++];
	return crc;
}

/* The length goes in as well, lowest byte first, for as long as it isn't 0. */
static u32 crc_end(u32 crc, u64 len)
{
	for (; len; len >>= 8)
		crc = crc_bytes(crc, (u8 *)&len, 1);
	return ~crc;
}

struct reader {
	u64 next, end;				/* sectors */
	struct block_request requests[WINDOW];
};

static void read_ahead(struct reader *reader, struct block_request *request)
{
	u64 left = reader->end - reader->next;

	request->bytes = 0;
	if (!left)
		return;
	request->sector = reader->next;
	request->bytes = (left < PAGE_SECTORS ? left : PAGE_SECTORS) * 512;
	reader->next += request->bytes / 512;
	block_queue(request);
}

static bool start_reader(struct reader *reader, unsigned int disk)
{
	u32 i;

	for (i = 0; i < WINDOW; i++) {
		struct block_request *request = &reader->requests[i];

		request->disk = disk;
		request->type = VIRTIO_BLK_T_IN;
		request->data = alloc_page();
		if (!request->data)
			return false;
		read_ahead(reader, request);
	}
	block_kick(disk);
	return true;
}

static bool add_up(struct reader *reader, u32 *crc)
{
	struct block_request *request = reader->requests;
	bool fine = true;

	while (request->bytes) {
		fine &= block_wait(request);
		*crc = crc_bytes(*crc, request->data, request->bytes);
		read_ahead(reader, request);
		block_kick(request->disk);
		if (++request == reader->requests + WINDOW)
			request = reader->requests;
	}
	return fine;
}

static void end_reader(struct reader *reader)
{
	u32 i;

	for (i = 0; i < WINDOW && reader->requests[i].data; i++) {
		if (reader->requests[i].bytes)
			block_wait(&reader->requests[i]);
		free_page(reader->requests[i].data);
	}
}

static bool disk_sum(unsigned int disk, char **words)
{
	static struct reader reader;
	u64 first, count;
	u32 crc = 0;
	bool fine;

	if (!optional_number(words[0], 0, &first) ||
	    !optional_number(words[0] ? words[1] : NULL,
			     block_sectors(disk) - first, &count))
		return false;
	if (first > block_sectors(disk) || count > block_sectors(disk) - first)
		return false;
	make_crc_table();
	reader = (struct reader){ .next = first, .end = first + count };
	fine = start_reader(&reader, disk) && add_up(&reader, &crc);
	end_reader(&reader);
	if (fine)
		printk("%u %llu\n", crc_end(crc, count * 512), count * 512);
	else
		printk("disk %u: can't read it all\n", disk);
	return true;
}
/*:*/

/*D:634 The command's own commands. */
static const struct {
	const char *name;
	bool (*act)(unsigned int disk, char **words);
} disk_acts[] = {
	{ "read", disk_read },
	{ "write", disk_write },
	{ "sum", disk_sum },
	{ "flush", disk_flush },
};

static bool list_disks(void)
{
	unsigned int i;

	for (i = 0; i < block_disks(); i++)
		printk("disk %u: vd%c, %llu sectors\n", i, 'a' + i,
		       block_sectors(i));
	if (!block_disks())
		printk("no disks\n");
	return true;
}

static bool do_disk(char **words)
{
	unsigned int i;
	u64 disk;

	if (!words[1])
		return list_disks();
	if (!words[2] || !parse_number(words[2], &disk))
		return false;
	if (disk >= block_disks()) {
		printk("disk %llu: there are only %u\n", disk, block_disks());
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(disk_acts); i++)
		if (strcmp(words[1], disk_acts[i].name) == 0)
			return disk_acts[i].act(disk, words + 3);
	return false;
}
/*:*/

/*D:640 The network. */
static void show_address(char *text, size_t size, u32 address)
{
	ksnprintf(text, size, "%u.%u.%u.%u", address >> 24,
		  address >> 16 & 255, address >> 8 & 255, address & 255);
}

static void show_card(unsigned int card)
{
	struct net_counts counts = net_counts(card);
	const u8 *mac = net_mac(card);
	char address[16];

	show_address(address, sizeof(address), net_address(card));
	printk("eth%u: %s, %02x:%02x:%02x:%02x:%02x:%02x\n", card, address,
	       mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	printk("  in %llu frames, %llu bytes; out %llu frames, %llu bytes\n",
	       counts.frames_in, counts.bytes_in,
	       counts.frames_out, counts.bytes_out);
	printk("  port 9 swallowed %llu packets, %llu bytes; %u dropped\n",
	       counts.sunk_packets, counts.sunk_bytes, counts.dropped);
}

static bool do_ip(char **words)
{
	unsigned int i;

	(void)words;
	for (i = 0; i < net_cards(); i++)
		show_card(i);
	if (!net_cards())
		printk("no network\n");
	return true;
}

static bool ping_once(u32 address, const char *text)
{
	u64 ns;

	if (!net_ping(address, NS_PER_S, &ns)) {
		printk("%s doesn't answer\n", text);
		return false;
	}
	printk("%s answers after %llu us\n", text, div64(ns, 1000, NULL));
	return true;
}

static bool do_ping(char **words)
{
	u32 address;
	u64 count;

	if (!words[1] || !parse_address(words[1], &address) ||
	    !optional_number(words[2], 3, &count))
		return false;
	while (count-- && ping_once(address, words[1]))
		if (count)
			sleep_ns(200 * NS_PER_MS);
	return true;
}

static bool do_flood(char **words)
{
	u64 count, bytes, start = now_ns(), ms;
	u32 address, sent;

	if (!words[1] || !parse_address(words[1], &address) ||
	    !optional_number(words[2], 100000, &count) ||
	    !optional_number(words[2] ? words[3] : NULL, 1472, &bytes))
		return false;
	sent = net_flood(address, 9, min_u32(bytes, 1472), count);
	ms = div64(now_ns() - start, NS_PER_MS, NULL);
	printk("%u packets to port 9 in %llu ms\n", sent, ms);
	return true;
}
/*:*/

/*D:650 And the rest: luck, two tests, and three ways to leave. */
static bool do_rng(char **words)
{
	u8 bytes[64];
	u64 count, i;

	if (!optional_number(words[1], 16, &count) || count > sizeof(bytes))
		return false;
	if (rng_read(bytes, count) < 0) {
		printk("no rng\n");
		return true;
	}
	for (i = 0; i < count; i++)
		printk("%02x%s", bytes[i], i + 1 == count ? "\n" : " ");
	return true;
}

static bool do_selftest(char **words)
{
	(void)words;
	selftest(NULL);
	return true;
}

static bool do_bench(char **words)
{
	return bench(words[1] ? words[1] : "");
}

static bool do_reboot(char **words)
{
	(void)words;
	shutdown(RESTARTING, LGUEST_SHUTDOWN_RESTART);
}

static bool do_poweroff(char **words)
{
	(void)words;
	shutdown(POWER_DOWN, LGUEST_SHUTDOWN_POWEROFF);
}

static bool do_panic(char **words)
{
	char text[LINE_BYTES];

	join(text, sizeof(text), words + 1);
	panic("%s", *text ? text : "as you wish");
}
/*:*/

/*D:660 All the commands there are. */
static bool do_help(char **words);

static const struct command {
	const char *name, *arguments, *what;
	bool (*act)(char **words);
} commands[] = {
	{ "help", "", "this", do_help },
	{ "ls", "", "the files of the initrd", do_ls },
	{ "cat", " FILE", "what's in one", do_cat },
	{ "run", " PROGRAM [ARGUMENT...]", "\"run\" may be left away", do_run },
	{ "ps", "", "who runs, who waits", do_ps },
	{ "mem", "", "memory", do_mem },
	{ "date", "", "what the Host's clock says", do_date },
	{ "uptime", "", "for how long, and how busily", do_uptime },
	{ "disk", " [read N SECTOR | write N SECTOR TEXT | sum N "
	  "[SECTOR COUNT] | flush N]", "disk N, or a list of them", do_disk },
	{ "ip", "", "network cards", do_ip },
	{ "ping", " ADDRESS [COUNT]", "is anybody there?", do_ping },
	{ "flood", " ADDRESS [COUNT [BYTES]]", "UDP, to port 9", do_flood },
	{ "rng", " [BYTES]", "random bytes, 64 at most", do_rng },
	{ "selftest", "", "try everything, then power off", do_selftest },
	{ "bench", " [TEST]", "how fast it all is", do_bench },
	{ "reboot", "", "start again", do_reboot },
	{ "panic", " [TEXT]", "die, with these last words", do_panic },
	{ "poweroff", "", "back to where you came from", do_poweroff },
};

static bool do_help(char **words)
{
	unsigned int i;

	(void)words;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printk("%s%s\n\t%s\n", commands[i].name,
		       commands[i].arguments, commands[i].what);
	return true;
}

static const struct command *find_command(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static void obey(char **words)
{
	const struct command *command = find_command(words[0]);

	if (!command && !run_words(words))
		printk("%s: no such command or program (try \"help\")\n",
		       words[0]);
	else if (command && !command->act(words))
		printk("usage: %s%s\n", command->name, command->arguments);
}

/* The thread that the kernel starts when all else is ready. */
void shell(void *unused)
{
	char line[LINE_BYTES];
	char *words[MAX_WORDS + 1];
	const char *motd;
	size_t size;

	(void)unused;
	motd = initrd_find("motd", &size);
	if (motd)
		console_write(motd, size);
	for (;;) {
		read_line(line);
		if (split(line, words))
			obey(words);
	}
}
/*:*/
