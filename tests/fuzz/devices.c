/* All devices of both machines, as a Guest gets at them: the lguest machine's
 * descriptor page and notifications, the PC's ports; status, features and queues
 * in any order at any time, and between those whatever is in the rings is served.
 *
 * There's no processor here, and no threads: a service function is called when
 * its thread would be there and have something to do. */
#include "launcher.h"

#include "input.h"

#include "pc/machine.h"

#define MEMORY (2 * MEGABYTE)
#define SECTORS 100u
#define MOST_STEPS 200u
#define PC_RINGS 0x40u		/* pages where a PC's queues might well be */

struct setup {
	struct device *devices;
	const struct machine *machine;
	u32 limit;
};

static struct setup lguest_setup, pc_setup;
static struct pc *pc_at_start;
static u8 descriptors_at_start[PAGE_SIZE];

/* ---- Set up ---- */

static long answer(const void *words, size_t len)
{
	(void)words;
	(void)len;
	return 0;
}

static const struct host no_host = { .write = answer };

static int make_disk(char *path)
{
	int fd = memfd_create("disk", 0);

	if (fd < 0 || ftruncate(fd, SECTORS * SECTOR_SIZE))
		abort();
	sprintf(path, "/proc/self/fd/%d", fd);
	return fd;
}

/* None of these blocks. */
static void open_them(struct device *dev)
{
	static char path[2][64];
	static unsigned int disks;

	if (dev->kind == &net_kind) {
		dev->fd = open("/dev/zero", O_RDWR);
		dev->offered |= 1u << VIRTIO_NET_F_MAC;
		dev->config_len = 10;
	} else if (dev->kind == &block_kind) {
		dev->arg = path[disks];
		make_disk(path[disks++]);
		open_block(dev);
	} else if (dev->kind == &rng_kind) {
		open_rng(dev);
	}
}

static void make_devices(struct setup *setup, const struct machine *m)
{
	static const struct kind *const kinds[] = { &net_kind, &block_kind,
						    &rng_kind, &console_kind };

	setup->machine = machine = m;
	devices = NULL;
	last_device = &devices;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		add_device(kinds[i], "fuzzed");
	setup->devices = devices;
	for (struct device *dev = devices; dev; dev = dev->next) {
		strcpy(dev->name, dev->kind->name);
		open_them(dev);
		name_queues(dev);
	}
}

static void set_up(void)
{
	dup2(open("/dev/zero", O_RDONLY), STDIN_FILENO);
	me = getpid();
	host = &no_host;
	wish.mem = MEMORY;
	map_guest_memory();
	make_devices(&pc_setup, &machines[1]);
	pc = pc_open(guest_base, MEMORY / PAGE_SIZE, 0, 0);
	pc_at_start = malloc(sizeof(*pc));
	if (!pc || !pc_at_start)
		abort();
	for (struct device *dev = devices; dev; dev = dev->next)
		if (dev->kind != &console_kind)
			plug_in(dev);
	*pc_at_start = *pc;
	pc_setup.limit = guest_limit;
	make_devices(&lguest_setup, &machines[0]);
	describe_devices();
	memcpy(descriptors_at_start, from_guest(descriptors, PAGE_SIZE),
	       PAGE_SIZE);
	lguest_setup.limit = guest_limit;
}

static void start_again(const struct setup *setup)
{
	machine = setup->machine;
	devices = setup->devices;
	guest_limit = setup->limit;
	madvise(guest_base, MEMORY + DEVICE_PAGES * PAGE_SIZE, MADV_REMOVE);
	memcpy(guest_base + descriptors, descriptors_at_start, PAGE_SIZE);
	for (struct device *dev = devices; dev; dev = dev->next) {
		stop_device(dev);
		if (setup != &pc_setup)
			continue;
		for (unsigned int i = 0; i < dev->num_vq; i++)
			dev->vq[i].addr = 0;
	}
	*pc = *pc_at_start;
}

/* ---- Steps ---- */

static struct device *take_device(void)
{
	struct device *dev = devices;

	for (u32 i = take(1) % 4; i--;)
		dev = dev->next;
	return dev;
}

static struct virtqueue *take_queue(void)
{
	struct device *dev = take_device();

	return &dev->vq[take(1) % dev->num_vq];
}

static bool has_rings(const struct virtqueue *vq)
{
	return vq->addr && vq->vring.desc;
}

/* A status, as drivers write it. */
static u8 take_status(void)
{
	static const u8 usual[] = { 0, 1, 3, 7, 0x80, 0x87, 4, 0xff };

	return usual[take(1) % 8];
}

static void step_write(void)
{
	u32 where = take(3), len = 1 + take(1) % 8, value = take(4);
	u8 *at;

	where %= guest_limit - 8;
	at = from_guest(where, len);
	memset(at, 0, len);
	memcpy(at, &value, len < 4 ? len : 4);
}

static void make_available(struct virtqueue *vq, u16 head)
{
	struct vring_avail *avail = vq->vring.avail;

	avail->ring[avail->idx % 256] = head;
	avail->idx++;
}

/* A chain of some descriptors, made available. */
static void step_chain(void)
{
	struct virtqueue *vq = take_queue();
	u32 num = 1 + take(1) % 4, first = take(1);

	if (!has_rings(vq))
		return;
	for (u32 i = 0; i < num; i++) {
		vring_desc_t *desc = &vq->vring.desc[(first + i) % 256];
		u8 kind = take(1);

		desc->addr = take(3) % guest_limit;
		desc->len = kind & 0x80 ? take(4) : take(2) % 2048;
		if (kind & 0x40)
			desc->addr = desc->addr << (kind & 63);
		if (kind & 0x20)
			desc->len = kind & 0x10 ? 16 : 1;
		desc->flags = (kind & 7) ^ (i + 1 < num ? 1 : 0);
		desc->next = kind & 8 ? take(2) : (first + i + 1) % 256;
	}
	make_available(vq, first);
}

/* A request for a disk, as drivers make them: header, data, status. */
static void step_request(void)
{
	struct virtqueue *vq = take_queue();
	struct virtio_blk_outhdr header = { .type = take(1) % 10,
					    .sector = take(1) };
	u32 first = take(1), kind = take(1), at = 0x8000 + first * 0x400;
	u32 len[3] = { 16, (kind >> 2 & 3) * 256, 1 };

	if (!has_rings(vq))
		return;
	memcpy(from_guest(at, sizeof(header)), &header, sizeof(header));
	for (u32 i = 0; i < 3; i++)
		vq->vring.desc[(first + i) % 256] = (vring_desc_t){
			.addr = at + 0x20 * i,
			.len = len[i],
			.flags = (i < 2 ? VRING_DESC_F_NEXT : 0) |
				 (i > (kind & 1) ? VRING_DESC_F_WRITE : 0),
			.next = (first + i + 1) % 256,
		};
	make_available(vq, first);
}

static void step_available(void)
{
	struct virtqueue *vq = take_queue();

	if (has_rings(vq))
		vq->vring.avail->idx = take(2);
}

static void step_serve(void)
{
	struct virtqueue *vq = take_queue();

	for (u32 i = 0; i < 4; i++)
		if (vq->thread && next_avail(vq) != vq->last_avail)
			vq->service(vq);
	if (vq->thread)
		interrupt_guest(vq);
}

/* Those of a running device go to its eventfd, which nobody reads here. */
static void step_notify(void)
{
	struct device *dev = take_device();
	u32 which = take(1);

	if (which % 4 == 0)
		handle_notify(take(4));
	else if (which % 4 == 1 && dev->vq[0].eventfd < 0)
		handle_notify(dev->vq[0].addr);
	else
		handle_notify(dev->addr);
}

static void step_status(void)
{
	struct device *dev = take_device();

	dev->desc->status = take_status();
	handle_notify(dev->addr);
}

static void step_features(void)
{
	struct device *dev = take_device();
	u32 len = feature_bytes(dev->offered), mask = take(4);

	mask &= dev->offered;
	memcpy(dev->guest_features, &mask, len);
}

static void (*const on_lguest[])(void) = {
	step_write, step_chain, step_chain, step_request, step_available,
	step_serve, step_serve, step_notify, step_status, step_features,
};

/* ---- Steps on a PC ---- */

static void tell_launcher(void)
{
	if (!pc->has_event)
		return;
	pc->has_event = false;
	if (pc->event.kind == PC_STATUS)
		handle_event(&pc->event);
	if (pc->event.kind != PC_SERIAL)
		return;
	if (pc->serial.written > PC_OUTPUT)
		abort();
	pc->serial.written = 0;
}

static u32 take_size(void)
{
	return 1u << take(1) % 3;
}

static void out(u32 port, u32 size, u32 value)
{
	pc_out(pc, port, size, value);
	tell_launcher();
}

static void step_out(void)
{
	u32 size = take_size(), port = take(2);

	out(port, size, take(size));
}

static void step_in(void)
{
	u32 size = take_size();

	pc_in(pc, take(2), size);
	tell_launcher();
}

/* A register of a device, which is told that it may have ports first. */
static u32 port_of(const struct device *dev, u8 offset)
{
	struct pc_virtio *virtio;

	if (dev->kind == &console_kind)
		return 0xcfc;
	virtio = &pc->virtio[dev->slot];
	virtio->command |= 1;
	return virtio->bar + offset;
}

static void step_register(void)
{
	u32 port = port_of(take_device(), take(1) % PC_BAR_SIZE);
	u32 size = take_size();

	if (take(1) & 1)
		out(port, size, take(size));
	else
		pc_in(pc, port, size);
}

static void step_driver(void)
{
	out(port_of(take_device(), 18), 1, take_status());
}

/* Select a queue, and say where it is. */
static void step_place(void)
{
	const struct device *dev = take_device();
	u32 number = take(1) % 3, where = take(1);

	out(port_of(dev, 14), 2, number);
	out(port_of(dev, 8), 4,
	    where & 0x80 ? take(4) : PC_RINGS + where % 16 * 4);
}

static void step_pci(void)
{
	out(0xcf8, 4, 0x80000000 | take(2));
	out(0xcfc + take(1) % 4, take_size(), take(4));
}

static void step_type(void)
{
	u32 len = take(1) * 8;
	static const u8 text[2048];

	pc_type(pc, text, len);
	serial_update(pc);
}

static void step_acknowledge(void)
{
	if (pic_pending(pc))
		pic_acknowledge(pc);
}

static void (*const on_pc[])(void) = {
	step_write, step_chain, step_chain, step_request, step_available,
	step_serve, step_serve, step_out, step_in, step_register, step_driver,
	step_place, step_pci, step_type, step_acknowledge,
};

/* ---- What must hold ---- */

static void check_disks(void)
{
	struct stat st;

	for (struct device *dev = devices; dev; dev = dev->next)
		if (dev->kind == &block_kind &&
		    (fstat(dev->fd, &st) || st.st_size != SECTORS * SECTOR_SIZE))
			abort();
}

static void run(bool on_a_pc)
{
	for (u32 i = 0; i < MOST_STEPS && input < input_end; i++) {
		u8 kind = take(1);

		if (on_a_pc)
			on_pc[kind % ARRAY_SIZE(on_pc)]();
		else
			on_lguest[kind % ARRAY_SIZE(on_lguest)]();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool on_a_pc;

	if (!guest_base)
		set_up();
	begin_input(data, size);
	on_a_pc = take(1) & 1;
	start_again(on_a_pc ? &pc_setup : &lguest_setup);
	if (!setjmp(way_back))
		run(on_a_pc);
	check_disks();
	return 0;
}
