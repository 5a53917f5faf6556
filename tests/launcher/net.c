/* The network device.  All of it happens in a network namespace that ends with
 * this process. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_bridge.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "standin.h"

#define HDR sizeof(struct virtio_net_hdr)
#define FEATURES 0x10003b83u
#define TYPE 0x88b5 /* for local experiments */

static struct found dev;
static struct queue *receive = &dev.vq[0], *transmit = &dev.vq[1];
static int sock;

static bool in_namespace(void)
{
	static bool tried, good;

	if (!tried) {
		tried = true;
		good = geteuid() == 0 && !unshare(CLONE_NEWNET) &&
		       !access("/dev/net/tun", R_OK | W_OK);
		sock = socket(AF_INET, SOCK_DGRAM, 0);
	}
	if (!good)
		skip("needs root and /dev/net/tun");
	return good;
}

static struct run *with_net(int flags, const char *arg, u32 features)
{
	struct run *r = boot_with(flags, "--tunnet", arg, "--verbose");

	if (find_device(r, 0, &dev) && dev.type == 1)
		start_device(r, &dev, features);
	return r;
}

static short flags_of(const char *name)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	strcpy(ifr.ifr_name, name);
	return ioctl(sock, SIOCGIFFLAGS, &ifr) ? 0 : ifr.ifr_flags;
}

static void set_flags(const char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = flags };

	strcpy(ifr.ifr_name, name);
	ioctl(sock, SIOCSIFFLAGS, &ifr);
}

static void description(void)
{
	static const u8 expected[] = {
		1, 2, 4, 8, 0,
		0, 1, 1, 0, 0x01, 0x40, 0, 0,
		0, 1, 2, 0, 0x04, 0x40, 0, 0,
		0xa3, 0x3b, 0, 0x10, 0, 0, 0, 0,
		2, 0, 0, 0xaa, 0xbb, 0xcc, 0, 0,
	};
	struct ifreq ifr;
	struct run *r;
	u8 got[sizeof(expected)];

	if (!in_namespace())
		return;
	r = boot_with(0, "--tunnet=192.168.19.1:02:00:00:aa:BB:cc", "--verbose");
	peek(r, 64 << 20, got, sizeof(got));
	check(!memcmp(got, expected, sizeof(got)), "descriptor, MAC and all");
	says(r, "attached to", "is attached to tap0");
	strcpy(ifr.ifr_name, "tap0");
	check(!ioctl(sock, SIOCGIFADDR, &ifr) &&
	      ((struct sockaddr_in *)&ifr.ifr_addr)->sin_addr.s_addr == htonl(0xc0a81301),
	      "tap0 is 192.168.19.1");
	check(flags_of("tap0") & IFF_UP, "and it's up");
	finish(r);
	same("and gone afterwards", if_nametoindex("tap0"), 0);

	r = boot_with(0, "--tunnet=10.0.0.1", "--tunnet=10.0.1.1");
	find_device(r, 0, &dev);
	same("without a MAC", dev.features, FEATURES & ~0x20);
	find_device(r, 1, &dev);
	same("a second one", dev.type, 1);
	check(if_nametoindex("tap1"), "is tap1");
	finish(r);
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(TYPE),
				  .sll_ifindex = if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(TYPE));

	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		printf("# cannot bind to %s\n", name);
	return fd;
}

static void make_frame(u8 *frame, size_t len, u8 fill)
{
	memset(frame, fill, len);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\x02", 6);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
}

static bool comes_out(int fd, const u8 *frame, size_t len)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	u8 got[2048];

	return poll(&pfd, 1, 2000) == 1 &&
	       recv(fd, got, sizeof(got), 0) == (ssize_t)len &&
	       !memcmp(got, frame, len);
}

static void sending(void)
{
	u8 frame[600];
	struct run *r;
	int fd;

	if (!in_namespace())
		return;
	r = with_net(0, "10.0.0.1", FEATURES & ~0x20);
	fd = packet_socket("tap0");
	make_frame(frame, sizeof(frame), 'a');
	poke(r, 0x20000, frame, sizeof(frame));
	chain(transmit, { 0x10000, HDR, false }, { 0x20000, 14, false },
	      { 0x2000e, 586, false });
	kick(transmit);
	check(wait_used(transmit, 1, NULL), "a packet in three buffers");
	check(comes_out(fd, frame, sizeof(frame)), "comes out of tap0");

	set_desc(transmit, 0x30000, 0, 0x10000, HDR, 1, 2);
	set_desc(transmit, 0x30000, 2, 0x20000, 600, 0, 0);
	set_desc(transmit, transmit->addr, 5, 0x30000, 48, 4, 0);
	make_available(transmit, 5);
	kick(transmit);
	check(wait_used(transmit, 2, NULL), "an indirect one");
	check(comes_out(fd, frame, sizeof(frame)), "comes out too");

	set_flags("tap0", 0);
	chain(transmit, { 0x10000, HDR, false }, { 0x20000, 600, false });
	kick(transmit);
	check(wait_used(transmit, 3, NULL), "with tap0 down");
	says(r, "it's lost", "packet of 610 bytes lost: Input/output error");
	chain(transmit, { 0x10000, 4, false });
	kick(transmit);
	check(wait_used(transmit, 4, NULL), "not even a header");
	says(r, "is lost as well", "packet of 4 bytes lost: ");
	close(fd);
	finish(r);
}

/* The number of the used element that has our frame, counting from @from. */
static int find_received(struct run *r, const u8 *frame, size_t len, u16 from, u16 to)
{
	u8 got[2048];

	for (u16 i = from; i != to; i++) {
		u64 elem = receive->addr + 8192 + 4 + i % 256 * 8;
		u32 id = get(r, elem, 4), used = get(r, elem + 4, 4);

		peek(r, get(r, receive->addr + id * 16, 8), got, sizeof(got));
		if (used == HDR + len && !memcmp(got + HDR, frame, len))
			return i;
	}
	return -1;
}

static void receiving(void)
{
	unsigned int irqs = 0;
	u8 frame[300];
	struct run *r;
	u16 seen = 0;
	int fd, at = -1;

	if (!in_namespace())
		return;
	r = with_net(0, "10.0.0.1", FEATURES & ~0x20);
	fd = packet_socket("tap0");
	for (unsigned int i = 0; i < 100; i++)
		chain(receive, { 0x100000 + i * 2048, 2048, true });
	kick(receive);
	make_frame(frame, sizeof(frame), 'r');
	for (unsigned int i = 0; i < 10; i++) {
		frame[20] = i;
		check(send(fd, frame, sizeof(frame), 0) == sizeof(frame), "send frame %u", i);
		at = -1;
		for (int ms = 0; ms < 2000 && at < 0; ms += 2) {
			wait_ms(r, 2);
			at = find_received(r, frame, sizeof(frame), seen, used_index(receive));
		}
		check(at >= 0, "it arrives");
		seen = at + 1;
		wait_ms(r, 10);
		check(r->irqs[receive->irq] > irqs, "interrupt, though the queue isn't empty");
		irqs = r->irqs[receive->irq];
	}
	close(fd);

	at = if_nametoindex("tap0");
	give_error(r, ERESTART);
	check(wait_read(r), "after a reboot");
	same("it's the same tap0", if_nametoindex("tap0"), at);
	kill(r->pid, SIGTERM);
	same("SIGTERM", wait_end(r), 256 + SIGTERM);
	same("no tap is left", if_nametoindex("tap0"), 0);
	finish(r);
}

static bool is_port(const char *bridge, const char *port)
{
	int ports[16] = { 0 };
	unsigned long args[4] = { BRCTL_GET_PORT_LIST, (unsigned long)ports, 16 };
	struct ifreq ifr = { .ifr_data = (char *)args };
	int index = if_nametoindex(port);

	strcpy(ifr.ifr_name, bridge);
	if (ioctl(sock, SIOCDEVPRIVATE, &ifr) < 0)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		if (ports[i] == index)
			return index != 0;
	return false;
}

static void bridging(void)
{
	struct run *r;

	if (!in_namespace())
		return;
	if (ioctl(sock, SIOCBRADDBR, "lg0")) {
		skip("no bridges in this kernel");
		return;
	}
	r = boot_with(0, "--tunnet=bridge:lg0:02:00:00:00:00:07");
	find_device(r, 0, &dev);
	same("MAC offered", dev.features, FEATURES | 0x20);
	same("MAC", get(r, dev.config, 6), 0x070000000002);
	check(is_port("lg0", "tap0"), "tap0 is a port of lg0");
	check(flags_of("tap0") & IFF_UP, "and it's up");
	finish(r);
	ioctl(sock, SIOCBRDELBR, "lg0");

	r = run_launcher(0, "--tunnet=bridge:nonexist", "64", make_kernel("vmlinux"));
	same("a bridge that isn't there", wait_end(r), 1);
	says(r, "is named", "cannot add tap0 to bridge nonexist: No such device\n");
	finish(r);
}

static void bad_indirect(void)
{
	static const struct {
		u64 addr;
		u32 len;
		u16 flags, next;
		const char *text;
	} cases[] = {
		{ 0x30000, 40, 0, 0, "indirect table of 40 bytes, not a multiple of 16" },
		{ 0x30000, 0, 0, 0, "next 0 is outside the table of 0" },
		{ 0x30000, 32, 1, 2, "next 2 is outside the table of 2" },
		{ 0x30000, 16, 1, 0, "is looped: more than 1 descriptors" },
		{ 0x30000, 16, 4, 0, "indirect descriptor inside an indirect table" },
		{ 0xf0000000, 16, 0, 0, "indirect table of 16 bytes at 0xf0000000 is outside the Guest's memory" },
		{ 0xfffffffffffffff0, 32, 0, 0, "indirect table of 32 bytes at 0xfffffffffffffff0 is outside" },
		{ 0x30000, 4096 * 1024, 1, 1, "has more than 256 buffers" },
	};

	if (!in_namespace())
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run *r = with_net(0, "10.0.0.1", FEATURES & ~0x20);

		for (unsigned int j = 0; j < 300; j++)
			set_desc(transmit, 0x30000, j, 0x10000, 10, cases[i].flags,
				 cases[i].next ? cases[i].next + (cases[i].next == 1 ? j : 0) : 0);
		set_desc(transmit, transmit->addr, 0, cases[i].addr, cases[i].len, 4, 0);
		make_available(transmit, 0);
		kick(transmit);
		same("bad indirect table", wait_end(r), 1);
		says(r, "is told", cases[i].text);
		finish(r);
	}

	struct run *r = with_net(0, "10.0.0.1", 0);

	set_desc(transmit, transmit->addr, 0, 0x30000, 16, 4, 0);
	make_available(transmit, 0);
	kick(transmit);
	same("indirect, offered but not accepted", wait_end(r), 1);
	says(r, "is told", "a feature that was not accepted");
	finish(r);
}

const struct test tests[] = {
	{ "description", description },
	{ "sending", sending },
	{ "receiving", receiving },
	{ "bridging", bridging },
	{ "bad indirect tables", bad_indirect },
	{ NULL, NULL },
};
