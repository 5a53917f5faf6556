#include "drivers.h"

/*D:500 Random numbers.  A computer that only ever does what it's told has none,
 * so we ask outside.  The smallest of all drivers: give the Launcher a buffer,
 * and wait until it comes back full.  One buffer is enough; whoever comes while
 * it's out waits for his turn. */
#define POOL_BYTES	256

static struct virtqueue *requests;
static struct waitqueue changed;
static u8 pool[POOL_BYTES];
static bool busy, filled;
static u32 filled_bytes;

static void pool_filled(void *unused)
{
	(void)unused;
	if (vq_take(requests, &filled_bytes))
		filled = true;
	wake(&changed);
}

static bool pool_is_filled(void *unused)
{
	(void)unused;
	return filled;
}

static bool my_turn(void *unused)
{
	bool mine = !busy;

	(void)unused;
	busy = true;
	return mine;
}

static void fill_pool(u32 bytes)
{
	struct piece piece = { pool, bytes };
	u32 flags = irq_save();

	filled = false;
	vq_add(requests, &piece, 0, 1, pool);
	vq_kick(requests);
	irq_restore(flags);
	wait_on(&changed, pool_is_filled, NULL);
}

/* Returns how many bytes there are now: @len, or -1 without a device. */
int rng_read(void *buf, size_t len)
{
	u8 *to = buf, *end = to + len;

	if (!requests)
		return -1;
	wait_on(&changed, my_turn, NULL);
	while (to < end) {
		fill_pool(min_u32(end - to, POOL_BYTES));
		filled_bytes = min_u32(filled_bytes, end - to);
		memcpy(to, pool, filled_bytes);
		to += filled_bytes;
	}
	busy = false;
	wake(&changed);
	return len;
}

static bool probe_rng(const struct device *device)
{
	if (requests)
		return false;
	requests = device_queue(device, 0, pool_filled, NULL);
	return requests != NULL;
}

const struct driver rng_driver = {
	.type = VIRTIO_ID_RNG,
	.name = "rng",
	.probe = probe_rng,
};
/*:*/
