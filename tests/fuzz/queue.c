/* Virtqueues of each device, full of whatever comes.
 *
 * The input: which device and queue, whether indirect tables were accepted, eight
 * descriptors, the available ring's index and first slots, and then the first
 * page of the Guest's memory (headers, indirect tables).  Addresses are cut to 25
 * bits unless a bit says not to, or hardly one would be good. */
#include "launcher.h"

#define MEMORY (16 * MEGABYTE)
#define DESCRIPTORS 8u

struct input {
	u8 device, indirect, whole_addresses, slots;
	u16 avail_idx, avail[DESCRIPTORS];
	struct vring_desc desc[DESCRIPTORS];
};

static const struct kind *const kinds[] = { &console_kind, &net_kind,
					    &block_kind, &rng_kind };

static void no_interrupt(struct virtqueue *vq)
{
	(void)vq;
}

static const struct machine no_machine = { .interrupt = no_interrupt };
static struct device device;

static void set_up(void)
{
	u32 size = vring_size(VIRTQUEUE_NUM, LGUEST_VRING_ALIGN);

	wish.mem = MEMORY;
	machine = &no_machine;
	me = getpid();
	map_guest_memory();
	for (unsigned int i = 0; i < 2; i++) {
		struct virtqueue *vq = &device.vq[i];

		vq->dev = &device;
		vq->name = "fuzzed";
		vq->eventfd = eventfd(0, EFD_NONBLOCK);
		vq->addr = pages_for_devices(size);
		vring_init(&vq->vring, VIRTQUEUE_NUM, from_guest(vq->addr, size),
			   LGUEST_VRING_ALIGN);
	}
	device.arg = "disk";
	device.sectors = 100;
}

/* What each kind has behind it; none of these blocks. */
static void choose_device(u8 number)
{
	static int files[4] = { -1 };

	if (files[0] < 0) {
		files[0] = open("/dev/null", O_RDWR);
		dup2(files[0], STDIN_FILENO);
		files[1] = open("/dev/zero", O_RDWR);
		files[2] = memfd_create("disk", 0);
		if (ftruncate(files[2], 100 * SECTOR_SIZE))
			abort();
		files[3] = open("/dev/urandom", O_RDONLY);
	}
	device.kind = kinds[number % 4];
	device.fd = files[number % 4];
	strcpy(device.name, device.kind->name);
}

static void fill_rings(struct virtqueue *vq, const struct input *in)
{
	vq->last_avail = vq->used_idx = 0;
	vq->vring.avail->idx = in->avail_idx % 300;
	for (unsigned int i = 0; i < VIRTQUEUE_NUM; i++) {
		vq->vring.desc[i] = in->desc[i % DESCRIPTORS];
		if (!in->whole_addresses)
			vq->vring.desc[i].addr &= 2 * MEMORY - 1;
		vq->vring.avail->ring[i] = in->avail[i % DESCRIPTORS];
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct virtqueue *vq;
	struct input in;

	if (!guest_base)
		set_up();
	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	size -= sizeof(in);
	memcpy(guest_base, data + sizeof(in), size < PAGE_SIZE ? size : PAGE_SIZE);
	choose_device(in.device);
	device.accepted = in.indirect & 1 ? 1u << VIRTIO_RING_F_INDIRECT_DESC : 0;
	vq = &device.vq[in.device >> 2 & 1];
	vq->service = device.kind->queue[in.device >> 2 & 1].service;
	/* Standard input is at its end, and the console would wait for ever. */
	if (!vq->service || vq->service == console_input)
		return 0;
	fill_rings(vq, &in);
	if (!setjmp(way_back))
		for (unsigned int i = 0; i < 4; i++)
			vq->service(vq);
	return 0;
}
