#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include "drivers.h"

/*D:400 The network.
 *
 * Two halves in one file: below, a driver that moves frames between the
 * Launcher and us; above it as much of the Internet as a puppy needs.  It says
 * who it is (ARP), that it's alive (ICMP echo), repeats what it's told (UDP
 * port 7) and swallows anything (UDP port 9).  No TCP: that would be longer
 * than the rest of the kernel together.
 *
 * All that comes over the wire is big-endian, packed, and from strangers. */
#define be16(x)		__builtin_bswap16(x)
#define be32(x)		__builtin_bswap32(x)

#define ETH_ARP		0x0806
#define ETH_IP		0x0800
#define ARP_REQUEST	1
#define ARP_REPLY	2
#define IP_ICMP		1
#define IP_TCP		6
#define IP_UDP		17
#define IP_FRAGMENT	0x3fff		/* more to come, or an offset */
#define IP_TTL		64
#define ICMP_ECHO_REPLY	0
#define ICMP_ECHO	8
#define PORT_ECHO	7		/* RFC 862 */
#define PORT_DISCARD	9		/* RFC 863 */

struct ethernet {
	u8 to[6], from[6];
	u16 type;
} __attribute__((packed));

struct arp {
	u16 hardware, protocol;		/* 1 = Ethernet, 0x800 = IP */
	u8 hardware_size, protocol_size;
	u16 operation;
	u8 from_mac[6];
	u32 from;
	u8 to_mac[6];
	u32 to;
} __attribute__((packed));

struct ip {
	u8 version_words;		/* 4, and the header's 32-bit words */
	u8 service;
	u16 length, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 from, to;
} __attribute__((packed));

struct icmp {
	u8 type, code;
	u16 checksum, id, sequence;
} __attribute__((packed));

struct udp {
	u16 from, to, length, checksum;
} __attribute__((packed));

static const u8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
/*:*/

/*D:402 A packet fills a page, as a wire carries no more than 1514 bytes at a
 * time.  But between a Launcher and a Guest there's no wire.  Linux on the other
 * side would rather hand over 64 KB of TCP in one go, and leave the cutting up to
 * whoever has a real wire, if anybody does.  So packets for receiving are
 * seventeen pages long; those that we make up ourselves, in most cases one.
 *
 * Somebody will copy all that, and copies best from the beginning of a line of
 * the processor's cache.  What's long in a frame of TCP is behind 10 bytes of our
 * header and 14, 20 and 20 of others': just a line. */
#define CACHE_LINE	64
#define LARGE_PAGES	17

struct packet {
	struct packet *next;
	u32 len;			/* of the frame */
	bool large;
	u32 flood;			/* which one it's filled for, or 0 */
	struct virtio_net_hdr header __attribute__((aligned(CACHE_LINE)));
	u8 frame[];
};

#define FRAME_AT	offsetof(struct packet, frame)
#define BIGGEST_FRAME	1514u
#define BIGGEST_DATAGRAM \
	(BIGGEST_FRAME - sizeof(struct ethernet) - sizeof(struct ip) - \
	 sizeof(struct udp))

#define MAX_CARDS	8
#define MAX_RECEIVE	256
#define MAX_SEND	64

static struct card {
	struct virtqueue *receive, *send;
	u32 features;
	u32 address;
	u8 mac[6];
	struct packet *free;		/* small ones, for sending */
	struct packet *spare;		/* large ones, the same */
	u32 receiving;			/* large packets at the Launcher's */
	u32 all_large;			/* large packets that there are */
	struct waitqueue work, room;
	u32 large_made;			/* for sending */
	u32 sleepy;			/* so many times: don't look, sleep */
	struct net_counts counts;
} cards[MAX_CARDS];

static unsigned int cards_found;

unsigned int net_cards(void)
{
	return cards_found;
}

u32 net_address(unsigned int card)
{
	return cards[card].address;
}

const u8 *net_mac(unsigned int card)
{
	return cards[card].mac;
}

struct net_counts net_counts(unsigned int card)
{
	return cards[card].counts;
}
/*:*/

/*D:410 Offering a packet to be filled.  The Launcher's own header goes in
 * first: it tells about checksums left out and segments stuck together. */
static void offer(struct card *card, struct packet *packet)
{
	struct piece pieces[] = {
		{ &packet->header, sizeof(packet->header) },
		{ packet->frame, LARGE_PAGES * PAGE_SIZE - FRAME_AT },
	};

	packet->flood = 0;
	if (!vq_add(card->receive, pieces, 0, ARRAY_SIZE(pieces), packet))
		panic("card %u: no room to receive", (u32)(card - cards));
	card->receiving++;
}

static struct packet *new_packet(bool large)
{
	struct packet *packet = alloc_run(large ? LARGE_PAGES : 1, 1);

	if (packet)
		packet->large = large;
	return packet;
}
/*:*/

/*D:412 Sending.  The Launcher is done with a packet when it says so; until then
 * it's in nobody's list.  Large packets come here as well, since an answer
 * travels in the packet that brought the question: nothing is copied.  They go
 * back to where they came from, or if enough of them are there already, then
 * somebody has sent a large one of his own (D:464). */
static void put_packet(struct packet **list, struct packet *packet)
{
	packet->next = *list;
	*list = packet;
}

static void reap_sent(struct card *card)
{
	struct packet *packet;
	u32 written;

	while ((packet = vq_take(card->send, &written)) != NULL) {
		if (!packet->large)
			put_packet(&card->free, packet);
		else if (card->receiving < card->all_large)
			offer(card, packet);
		else
			put_packet(&card->spare, packet);
	}
}

static bool post(struct card *card, struct packet *packet)
{
	struct piece pieces[] = {
		{ &packet->header, sizeof(packet->header) },
		{ packet->frame, packet->len },
	};

	reap_sent(card);
	if (!vq_add(card->send, pieces, ARRAY_SIZE(pieces), 0, packet))
		return false;
	card->counts.frames_out++;
	card->counts.bytes_out += packet->len;
	return true;
}

/* Going to sleep and being woken costs both sides more than a few packets do.
 * So somebody who sends a lot first looks whether one comes back soon.  (With a
 * processor for each side: 1.00 million small frames a second instead of 0.76,
 * and 24 GB/s in large ones instead of 16.5.)  If none does, perhaps the other
 * side waits for this very processor, and it's better to make room for a while:
 * 24 GB/s instead of 14 where it does. */
#define SOON		(60 * 1000)	/* ns */
#define A_WHILE		64

static void await_sent(struct card *card, struct packet *const *list,
		       bool (*free)(void *arg))
{
	u64 start = now_ns();

	vq_kick(card->send);
	reap_sent(card);
	while (!*list && !card->sleepy) {
		reap_sent(card);
		if (now_ns() - start > SOON)
			card->sleepy = A_WHILE;
	}
	if (card->sleepy)
		card->sleepy--;
	wait_on(&card->room, free, card);
}

static bool small_packet_free(void *arg)
{
	struct card *card = arg;

	reap_sent(card);
	if (!card->free && !vq_listen(card->send))
		reap_sent(card);
	return card->free != NULL;
}

static struct packet *take_small(struct card *card)
{
	struct packet *packet;

	if (!card->free)
		await_sent(card, &card->free, small_packet_free);
	packet = card->free;
	card->free = packet->next;
	memset(&packet->header, 0, sizeof(packet->header));
	return packet;
}

/* Small packets are fewer than the queue has places, but answers go there as
 * well: in the worst case a packet of ours gets lost, as packets do. */
static void post_small(struct card *card, struct packet *packet)
{
	if (post(card, packet))
		return;
	card->counts.dropped++;
	put_packet(&card->free, packet);
}
/*:*/

/*D:420 The Internet's checksum: the sum of all 16-bit words, carries added back
 * in, inverted.  It has two endearing properties.  It doesn't care for the byte
 * order, and it doesn't change if source and destination change places. */
static u16 fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static u16 checksum(const void *data, u32 len)
{
	const u8 *bytes = data;
	u32 sum = 0, i;

	for (i = 0; i + 1 < len; i += 2)
		sum += bytes[i] | bytes[i + 1] << 8;
	if (len & 1)
		sum += bytes[len - 1];
	return fold(sum);
}
/*:*/

/*D:422 Addresses: as text, as numbers, and as the number of a network card.
 * The numbers are in our own order everywhere but in packets. */
static bool scan_octet(const char **text, u32 *address)
{
	const char *p = *text;
	u32 octet = 0;

	while (*p >= '0' && *p <= '9' && octet <= 255)
		octet = octet * 10 + (*p++ - '0');
	if (p == *text || octet > 255)
		return false;
	*address = *address << 8 | octet;
	*text = p;
	return true;
}

/* Leaves *text behind the address. */
static bool scan_address(const char **text, u32 *address)
{
	int part;

	for (part = 0; part < 4; part++)
		if ((part && *(*text)++ != '.') || !scan_octet(text, address))
			return false;
	return true;
}

bool parse_address(const char *text, u32 *address)
{
	return scan_address(&text, address) && *text == '\0';
}

/* Whose network is that?  If nobody's, the first card may try. */
static struct card *card_towards(u32 address)
{
	unsigned int i;

	for (i = 0; i < cards_found; i++)
		if ((cards[i].address ^ address) < 256)
			return &cards[i];
	return &cards[0];
}
/*:*/

/*D:430 ARP: who has which address?  We remember those who told us, a few of
 * them, and forget the oldest. */
#define NEIGHBOURS	16

static struct neighbour {
	u32 address;
	u8 mac[6];
} neighbours[NEIGHBOURS];

static unsigned int oldest_neighbour;
static struct waitqueue somebody_new;

static struct neighbour *find_neighbour(u32 address)
{
	unsigned int i;

	for (i = 0; i < NEIGHBOURS; i++)
		if (neighbours[i].address == address)
			return &neighbours[i];
	return NULL;
}

static void remember_neighbour(u32 address, const u8 mac[6])
{
	struct neighbour *n = find_neighbour(address);

	if (!n) {
		n = &neighbours[oldest_neighbour];
		oldest_neighbour = (oldest_neighbour + 1) % NEIGHBOURS;
	}
	n->address = address;
	memcpy(n->mac, mac, 6);
	wake(&somebody_new);
}

static void address_frame(struct card *card, struct ethernet *ethernet,
			  const u8 to[6], u16 type)
{
	memcpy(ethernet->to, to, 6);
	memcpy(ethernet->from, card->mac, 6);
	ethernet->type = be16(type);
}

static void fill_arp(struct card *card, struct arp *arp, u16 operation,
		     const u8 to_mac[6], u32 to)
{
	arp->hardware = be16(1);
	arp->protocol = be16(ETH_IP);
	arp->hardware_size = 6;
	arp->protocol_size = 4;
	arp->operation = be16(operation);
	memcpy(arp->from_mac, card->mac, 6);
	arp->from = be32(card->address);
	memcpy(arp->to_mac, to_mac, 6);
	arp->to = be32(to);
}

static void ask_for_neighbour(struct card *card, u32 address)
{
	struct packet *packet = take_small(card);
	struct ethernet *ethernet = (void *)packet->frame;

	address_frame(card, ethernet, everybody, ETH_ARP);
	fill_arp(card, (struct arp *)(ethernet + 1), ARP_REQUEST, everybody,
		 address);
	packet->len = sizeof(struct ethernet) + sizeof(struct arp);
	post_small(card, packet);
	vq_kick(card->send);
}

static bool is_neighbour(void *arg)
{
	return find_neighbour(*(u32 *)arg) != NULL;
}

/* A copy, since the table may change while its reader sleeps. */
static bool resolve(struct card *card, u32 address, struct neighbour *result)
{
	int tries;

	for (tries = 0; tries < 3 && !is_neighbour(&address); tries++) {
		ask_for_neighbour(card, address);
		wait_on_timeout(&somebody_new, is_neighbour, &address,
				300 * NS_PER_MS);
	}
	if (!is_neighbour(&address))
		return false;
	*result = *find_neighbour(address);
	return true;
}
/*:*/

/*D:440 Now what arrives.  Each of these looks at a packet and says if it has
 * become an answer, to be sent back as it now stands.  They start by asking
 * whether the packet is as long as it would have to be. */
static bool handle_arp(struct card *card, struct packet *packet)
{
	struct ethernet *ethernet = (void *)packet->frame;
	struct arp *arp = (void *)(ethernet + 1);
	u32 from;
	u8 mac[6];

	if (packet->len < sizeof(*ethernet) + sizeof(*arp) ||
	    be16(arp->protocol) != ETH_IP || be32(arp->to) != card->address)
		return false;
	from = be32(arp->from);
	memcpy(mac, arp->from_mac, 6);
	remember_neighbour(from, mac);
	if (be16(arp->operation) != ARP_REQUEST)
		return false;
	address_frame(card, ethernet, mac, ETH_ARP);
	fill_arp(card, arp, ARP_REPLY, mac, from);
	packet->len = sizeof(*ethernet) + sizeof(*arp);
	return true;
}

/* Sends a packet the way it came.  The checksum further inside stays right. */
static void turn_round(struct card *card, struct packet *packet, struct ip *ip)
{
	struct ethernet *ethernet = (void *)packet->frame;
	u32 from = ip->from;

	memcpy(ethernet->to, ethernet->from, 6);
	memcpy(ethernet->from, card->mac, 6);
	ip->from = ip->to;
	ip->to = from;
	ip->ttl = IP_TTL;
	ip->checksum = 0;
	ip->checksum = checksum(ip, sizeof(*ip));
	packet->len = sizeof(*ethernet) + be16(ip->length);
}
/*:*/

/*D:442 Pings, theirs and ours.  Turning their request (type 8) into a reply
 * (type 0) takes 8 from the sum, so the checksum gets 8 back, in the byte
 * where it was.  Ours are numbered, one at a time. */
static struct {
	u16 sequence;
	bool answered;
	struct waitqueue waiting;
} ping;

#define PING_ID	0x7075		/* "pu" */

static bool handle_icmp(struct card *card, struct packet *packet,
			struct ip *ip, u32 len)
{
	struct icmp *icmp = (void *)(ip + 1);

	if (len < sizeof(*icmp) || checksum(icmp, len) != 0)
		return false;
	if (icmp->type == ICMP_ECHO_REPLY && be16(icmp->id) == PING_ID &&
	    be16(icmp->sequence) == ping.sequence) {
		ping.answered = true;
		wake(&ping.waiting);
	}
	if (icmp->type != ICMP_ECHO)
		return false;
	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = ~fold(icmp->checksum + ICMP_ECHO);
	turn_round(card, packet, ip);
	return true;
}
/*:*/

/*D:444 UDP.  Neither service looks at what's in the packet, and so neither
 * needs to check its sum: the echo's receiver will, and nobody reads the
 * other. */
static bool handle_udp(struct card *card, struct packet *packet,
		       struct ip *ip, u32 len)
{
	struct udp *udp = (void *)(ip + 1);

	if (len < sizeof(*udp) || be16(udp->length) > len)
		return false;
	if (be16(udp->to) == PORT_DISCARD) {
		card->counts.sunk_packets++;
		card->counts.sunk_bytes += be16(udp->length) - sizeof(*udp);
	}
	if (be16(udp->to) != PORT_ECHO || be16(udp->from) == PORT_ECHO)
		return false;
	udp->to = udp->from;
	udp->from = be16(PORT_ECHO);
	turn_round(card, packet, ip);
	return true;
}

static bool handle_ip(struct card *card, struct packet *packet)
{
	struct ethernet *ethernet = (void *)packet->frame;
	struct ip *ip = (void *)(ethernet + 1);
	u32 len = packet->len - sizeof(*ethernet);

	if (len < sizeof(*ip) || ip->version_words != 0x45 ||
	    be16(ip->length) < sizeof(*ip) || be16(ip->length) > len ||
	    len > BIGGEST_FRAME || be32(ip->to) != card->address ||
	    be16(ip->fragment) & IP_FRAGMENT ||
	    checksum(ip, sizeof(*ip)) != 0)
		return false;
	len = be16(ip->length) - sizeof(*ip);
	switch (ip->protocol) {
	case IP_ICMP:
		return handle_icmp(card, packet, ip, len);
	case IP_UDP:
		return handle_udp(card, packet, ip, len);
	}
	return false;
}

static bool handle(struct card *card, struct packet *packet)
{
	struct ethernet *ethernet = (void *)packet->frame;

	if (packet->len < sizeof(*ethernet))
		return false;
	switch (be16(ethernet->type)) {
	case ETH_ARP:
		return handle_arp(card, packet);
	case ETH_IP:
		return handle_ip(card, packet);
	}
	return false;
}
/*:*/

/*D:450 Receiving is a thread's work, for it may take a while.  The interrupt
 * does no more than wake it and turn itself off: while the thread is at
 * it, it looks for new packets itself.  Under load there are no interrupts at
 * all.
 *
 * The packets we haven't got back from sending can't receive.  If many are
 * out, then we want to hear of those too. */
static void received(void *arg)
{
	struct card *card = arg;

	vq_quiet(card->receive);
	wake(&card->work);
}

static void sent(void *arg)
{
	struct card *card = arg;

	vq_quiet(card->send);
	wake(&card->room);
	wake(&card->work);
}

static bool work_to_do(void *arg)
{
	struct card *card = arg;

	if (card->receiving < card->all_large / 2 && !vq_listen(card->send))
		return true;
	if (vq_listen(card->receive))
		return false;
	vq_quiet(card->receive);
	return true;
}

/* A checksum that was left for us to complete is left for the Launcher. */
static bool sum_is_fine(const struct card *card, struct packet *packet)
{
	packet->header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	return !packet->header.flags ||
	       card->features & bit(VIRTIO_NET_F_CSUM);
}

static void answer(struct card *card, struct packet *packet)
{
	packet->header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if (sum_is_fine(card, packet) && post(card, packet))
		return;
	card->counts.dropped++;
	offer(card, packet);
}

#define BATCH	32

static void receive_batch(struct card *card)
{
	struct packet *packet;
	u32 written;
	int i;

	for (i = 0; i < BATCH; i++) {
		packet = vq_take(card->receive, &written);
		if (!packet)
			break;
		card->receiving--;
		packet->len = written - min_u32(written,
						sizeof(packet->header));
		card->counts.frames_in++;
		card->counts.bytes_in += packet->len;
		if (handle(card, packet))
			answer(card, packet);
		else
			offer(card, packet);
	}
}

static void card_thread(void *arg)
{
	struct card *card = arg;

	for (;;) {
		wait_on(&card->work, work_to_do, card);
		reap_sent(card);
		receive_batch(card);
		vq_kick(card->send);
		vq_kick(card->receive);
		yield();
	}
}
/*:*/

/*D:460 Packets of our own: somebody at the shell wants to know if there's
 * anybody out there. */
static void fill_ip(struct card *card, struct ip *ip, u32 to, u8 protocol,
		    u32 len)
{
	*ip = (struct ip){
		.version_words = 0x45,
		.length = be16(sizeof(*ip) + len),
		.ttl = IP_TTL,
		.protocol = protocol,
		.from = be32(card->address),
		.to = be32(to),
	};
	ip->checksum = checksum(ip, sizeof(*ip));
}

/* A packet with everything up to the end of the IP header. */
static struct packet *ip_packet(struct card *card,
				const struct neighbour *neighbour,
				u8 protocol, u32 len)
{
	struct packet *packet = take_small(card);
	struct ethernet *ethernet = (void *)packet->frame;
	struct ip *ip = (void *)(ethernet + 1);

	address_frame(card, ethernet, neighbour->mac, ETH_IP);
	fill_ip(card, ip, neighbour->address, protocol, len);
	packet->len = sizeof(*ethernet) + sizeof(*ip) + len;
	return packet;
}

static void *ip_payload(struct packet *packet)
{
	return packet->frame + sizeof(struct ethernet) + sizeof(struct ip);
}

static void send_ping(struct card *card, const struct neighbour *neighbour)
{
	u32 len = sizeof(struct icmp) + 56;
	struct packet *packet = ip_packet(card, neighbour, IP_ICMP, len);
	struct icmp *icmp = ip_payload(packet);

	memset(icmp, 'p', len);
	*icmp = (struct icmp){
		.type = ICMP_ECHO,
		.id = be16(PING_ID),
		.sequence = be16(ping.sequence),
	};
	icmp->checksum = checksum(icmp, len);
	post_small(card, packet);
	vq_kick(card->send);
}

static bool ping_answered(void *unused)
{
	(void)unused;
	return ping.answered;
}

bool net_ping(u32 address, u64 ns, u64 *took)
{
	struct card *card = card_towards(address);
	struct neighbour neighbour;
	u64 start;

	if (!cards_found || !resolve(card, address, &neighbour))
		return false;
	ping.sequence++;
	ping.answered = false;
	start = now_ns();
	send_ping(card, &neighbour);
	if (!wait_on_timeout(&ping.waiting, ping_answered, NULL, ns))
		return false;
	*took = now_ns() - start;
	return true;
}
/*:*/

/*D:462 And somebody who measures wants to know how much goes through.  One kick
 * for many packets, but not for all that there are, lest the other side have
 * nothing to do while we fill them. */
u32 net_flood(u32 address, u16 port, u32 bytes, u32 count)
{
	struct card *card = card_towards(address);
	struct neighbour neighbour;
	u32 i, len = min_u32(bytes, BIGGEST_DATAGRAM) + sizeof(struct udp);

	if (!cards_found || !resolve(card, address, &neighbour))
		return 0;
	for (i = 0; i < count; i++) {
		struct packet *packet = ip_packet(card, &neighbour, IP_UDP,
						  len);
		struct udp *udp = ip_payload(packet);

		*udp = (struct udp){
			.from = be16(PORT_DISCARD),
			.to = be16(port),
			.length = be16(len),
		};
		post_small(card, packet);
		if (i % (MAX_SEND / 4) == 0)
			vq_kick(card->send);
	}
	vq_kick(card->send);
	return count;
}
/*:*/

/*D:464 The same in large.  A frame of 64 KB is too long for any wire, but here
 * it's one buffer, one look at a header, and one system call of the Launcher's;
 * cutting it into what looks like TCP is left to whoever needs it cut.  As we
 * know no TCP, all that's right about these is their headers: good enough to
 * see how much goes through.  They say "reset", to which there's no answer, and
 * they are all the same, so that one that comes back can go again. */
#define LARGE_PACKETS	16
#define LARGE_BYTES	(64000 - sizeof(struct ip) - sizeof(struct tcp))
#define SEGMENT_BYTES	1448
#define TCP_RST_ACK	0x14

struct tcp {
	u16 from, to;
	u32 sequence, acknowledged;
	u8 words, flags;
	u16 window, checksum, urgent;
} __attribute__((packed));

static bool large_packet_free(void *arg)
{
	struct card *card = arg;

	reap_sent(card);
	if (!card->spare && !vq_listen(card->send))
		reap_sent(card);
	return card->spare != NULL;
}

static void fill_large(struct card *card, struct packet *packet,
		       const struct neighbour *neighbour, u16 port)
{
	struct ethernet *ethernet = (void *)packet->frame;
	struct ip *ip = (void *)(ethernet + 1);
	struct tcp *tcp = (void *)(ip + 1);

	packet->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = sizeof(*ethernet) + sizeof(*ip) + sizeof(*tcp),
		.gso_size = SEGMENT_BYTES,
		.csum_start = sizeof(*ethernet) + sizeof(*ip),
		.csum_offset = offsetof(struct tcp, checksum),
	};
	address_frame(card, ethernet, neighbour->mac, ETH_IP);
	fill_ip(card, ip, neighbour->address, IP_TCP,
		sizeof(*tcp) + LARGE_BYTES);
	*tcp = (struct tcp){ .to = be16(port), .words = 5 << 4, .flags = TCP_RST_ACK };
	packet->len = packet->header.hdr_len + LARGE_BYTES;
}

/* They're made when they are first needed, and never given back. */
static bool make_large_packets(struct card *card)
{
	struct packet *packet;

	while (card->large_made < LARGE_PACKETS) {
		packet = new_packet(true);
		if (!packet)
			return false;
		put_packet(&card->spare, packet);
		card->large_made++;
	}
	return true;
}

static struct packet *take_large(struct card *card)
{
	struct packet *packet;

	if (!card->spare)
		await_sent(card, &card->spare, large_packet_free);
	packet = card->spare;
	card->spare = packet->next;
	return packet;
}

u64 net_flood_large(u32 address, u16 port, u32 count)
{
	static u32 floods;
	struct card *card = card_towards(address);
	struct neighbour neighbour;
	struct packet *packet;
	u64 sent = 0;

	if (!cards_found || !(card->features & bit(VIRTIO_NET_F_HOST_TSO4)) ||
	    !resolve(card, address, &neighbour) || !make_large_packets(card))
		return 0;
	floods++;
	while (count--) {
		if (count % (LARGE_PACKETS / 4) == 0)
			vq_kick(card->send);
		packet = take_large(card);
		if (packet->flood != floods)
			fill_large(card, packet, &neighbour, port);
		packet->flood = floods;
		if (post(card, packet))
			sent += LARGE_BYTES;
		else
			put_packet(&card->spare, packet);
	}
	vq_kick(card->send);
	return sent;
}
/*:*/

/*D:470 Setting up a card: an address for it, from the command line ("ip=" and
 * one per card, with commas between) or in the place where the Launcher's
 * examples expect it; a hardware address, if the Launcher has none for us; and
 * as many packets as the queue holds, or as an eighth of the memory does. */
static u32 choose_address(unsigned int card)
{
	const char *list = cmdline_option("ip");
	u32 address;
	unsigned int i;

	for (i = 0; list && *list; i++) {
		if (!scan_address(&list, &address) ||
		    (*list && *list++ != ',')) {
			printk("ip=: what comes before \"%s\"?\n", list);
			break;
		}
		if (i == card)
			return address;
	}
	return 0xc0a81302 + (card << 8);
}

/* "Locally administered", and different each time: we have nothing better. */
static void invent_mac(u8 mac[6])
{
	u32 seed = (u32)wall_ns() * 2654435761u;

	mac[0] = 0x02;
	mac[1] = cards_found;
	memcpy(&mac[2], &seed, sizeof(seed));
}

static void choose_mac(const struct device *device, u8 mac[6])
{
	if (device->features & bit(VIRTIO_NET_F_MAC))
		device_config(device, offsetof(struct virtio_net_config, mac),
			      mac, 6);
	else
		invent_mac(mac);
}

static void supply_packets(struct card *card)
{
	u32 want = min_u32(vq_room(card->receive, 2), MAX_RECEIVE);
	u32 pages = free_pages() / 8, i;
	struct packet *packet;

	want = max_u32(min_u32(want, pages / LARGE_PAGES), 1);
	for (i = 0; i < want; i++) {
		packet = new_packet(true);
		if (!packet)
			panic("no memory for a network card");
		offer(card, packet);
	}
	card->all_large = want;
	for (i = 0; i < MAX_SEND; i++) {
		packet = new_packet(false);
		if (!packet)
			panic("no memory for a network card");
		put_packet(&card->free, packet);
	}
}

static bool probe_net(const struct device *device)
{
	struct card *card = &cards[cards_found];

	if (cards_found == MAX_CARDS)
		return false;
	card->receive = device_queue(device, 0, received, card);
	card->send = device_queue(device, 1, sent, card);
	if (!card->receive || !card->send)
		return false;
	card->features = device->features;
	card->address = choose_address(cards_found);
	choose_mac(device, card->mac);
	vq_quiet(card->send);
	supply_packets(card);
	cards_found++;
	vq_kick(card->receive);
	kthread("net", card_thread, card);
	return true;
}

const struct driver net_driver = {
	.type = VIRTIO_ID_NET,
	.name = "card",
	.features = bit(VIRTIO_NET_F_CSUM) | bit(VIRTIO_NET_F_GUEST_CSUM) |
		    bit(VIRTIO_NET_F_GUEST_TSO4) |
		    bit(VIRTIO_NET_F_HOST_TSO4) | bit(VIRTIO_NET_F_MAC) |
		    bit(VIRTIO_RING_F_INDIRECT_DESC),
	.probe = probe_net,
};
/*:*/
