/* The frames that both ends of the wire send: a small one (UDP, 1,514
 * bytes), and a large one, which is 64,000 bytes of what looks like TCP and has
 * a header in front that says how it would have to be cut.  Its RST is there
 * because nobody answers that: with an answer for each frame, half of what one
 * measures is answers. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>

#define HERE	"192.168.19.1"
#define THERE	"192.168.19.2"
#define SMALL	1500
#define LARGE	64000
/* Where what comes is repeated, counted, and not looked at. */
#define PORT_ECHO	7
#define PORT_TURN	9
#define PORT_NOBODY	10
#define HEADERS	(sizeof(struct virtio_net_hdr) + sizeof(struct ethhdr))

struct frame {
	struct virtio_net_hdr header;
	struct ethhdr ethernet;
	struct iphdr ip;
	union {
		struct udphdr udp;
		struct tcphdr tcp;
		uint8_t data[65536];
	};
} __attribute__((packed));

static inline uint16_t ip_checksum(const void *header)
{
	const uint8_t *bytes = header;
	uint32_t sum = 0, i;

	for (i = 0; i < sizeof(struct iphdr); i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)));
}

/* Returns how many bytes to write; bytes is the length with the IP header. */
static inline size_t fill_frame(struct frame *frame, const char *from,
				const char *to, const uint8_t *mac, int port,
				int bytes)
{
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->ethernet.h_dest, mac, ETH_ALEN);
	frame->ethernet.h_source[0] = 2;
	frame->ethernet.h_proto = htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.tot_len = htons(bytes);
	inet_pton(AF_INET, from, &frame->ip.saddr);
	inet_pton(AF_INET, to, &frame->ip.daddr);
	if (bytes > SMALL) {
		frame->ip.protocol = IPPROTO_TCP;
		frame->tcp.dest = htons(port);
		frame->tcp.doff = 5;
		frame->tcp.ack = frame->tcp.rst = 1;
		frame->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		frame->header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		frame->header.gso_size = 1448;
		frame->header.csum_start = ETH_HLEN + sizeof(frame->ip);
		frame->header.csum_offset = offsetof(struct tcphdr, check);
		frame->header.hdr_len = frame->header.csum_start +
					sizeof(frame->tcp);
	} else {
		frame->ip.protocol = IPPROTO_UDP;
		frame->udp.source = frame->udp.dest = htons(port);
		frame->udp.len = htons(bytes - sizeof(frame->ip));
	}
	frame->ip.check = ip_checksum(&frame->ip);
	return HEADERS + bytes;
}

#endif /* BENCH_FRAME_H */
