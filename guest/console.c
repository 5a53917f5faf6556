#include "drivers.h"

/*D:200 The console: two virtqueues, one for each direction.
 *
 * What is written is copied into chunks of our own and handed to the Launcher;
 * the writer goes on at once.  We hardly ever wait for the Launcher to be done
 * with a chunk: we only look for finished ones when we need them, and don't
 * even want an interrupt for it.  Only when all chunks are out does a writer
 * sleep.
 *
 * If he can, that is.  The kernel's last words may be spoken with interrupts
 * off, and then there's nothing for it but to look again and again. */
#define CHUNK_BYTES	1024
#define CHUNKS		64

struct chunk {
	struct chunk *next;
	char text[CHUNK_BYTES];
};

static struct virtqueue *output;
static struct chunk chunks[CHUNKS];
static struct chunk *free_chunks;
static unsigned int chunks_out;
static struct waitqueue room;

static void put_back(struct chunk *chunk)
{
	chunk->next = free_chunks;
	free_chunks = chunk;
}

static void reclaim(void)
{
	struct chunk *chunk;
	u32 written;

	while ((chunk = vq_take(output, &written)) != NULL) {
		put_back(chunk);
		chunks_out--;
	}
}

static bool chunk_is_free(void *unused)
{
	(void)unused;
	reclaim();
	if (!free_chunks && !vq_listen(output))
		reclaim();
	return free_chunks != NULL;
}

static void output_done(void *unused)
{
	(void)unused;
	vq_quiet(output);
	wake(&room);
}
/*:*/

/*D:210 Writing.  Whether interrupts were on tells if we may sleep. */
static void relax(void)
{
	asm volatile("pause" : : : "memory");
}

static void wait_for_chunk(bool may_sleep)
{
	if (may_sleep)
		wait_on(&room, chunk_is_free, NULL);
	else
		while (!chunk_is_free(NULL))
			relax();
}

static void send_chunk(const char *text, size_t len)
{
	struct chunk *chunk = free_chunks;
	struct piece piece = { chunk->text, len };

	free_chunks = chunk->next;
	memcpy(chunk->text, text, len);
	vq_add(output, &piece, 1, 0, chunk);
	chunks_out++;
}

void console_write(const char *text, size_t len)
{
	u32 flags = irq_save();

	while (len) {
		size_t part = min_u32(len, CHUNK_BYTES);

		if (!free_chunks) {
			vq_kick(output);
			wait_for_chunk(flags & EFLAGS_IF);
		}
		send_chunk(text, part);
		text += part;
		len -= part;
	}
	vq_kick(output);
	irq_restore(flags);
}
/*:*/

/*D:220 Before the kernel stops, it gives the Launcher's thread a moment to
 * write down what has been said.  A moment, not for ever: whoever reads our
 * output may have stopped reading, and a Guest that can't even die is a
 * nuisance.  We count and don't look at the clock, as it may be the clock
 * that's broken. */
#define PATIENCE	20000000

void console_flush(void)
{
	unsigned int tries;
	u32 flags = irq_save();

	for (tries = 0; chunks_out && tries < PATIENCE; tries++) {
		relax();
		reclaim();
	}
	irq_restore(flags);
}
/*:*/

/*D:230 Reading.  A few buffers lie with the Launcher, so that somebody may type
 * ahead; they come back in order, with as many bytes as there were to read just
 * then: one for a person, many for a paste. */
#define KEYS		256
#define KEY_BUFFERS	8

struct keys {
	char text[KEYS];
};

static struct virtqueue *input;
static struct keys key_buffers[KEY_BUFFERS];
static struct waitqueue typed;

static struct {
	struct keys *keys;
	u32 len, at;
} reading;

static void offer(struct keys *keys)
{
	struct piece piece = { keys->text, KEYS };

	vq_add(input, &piece, 0, 1, keys);
	vq_kick(input);
}

static void input_done(void *unused)
{
	(void)unused;
	wake(&typed);
}

static bool key_is_there(void *unused)
{
	(void)unused;
	while (!reading.keys || reading.at == reading.len) {
		if (reading.keys)
			offer(reading.keys);
		reading.at = 0;
		reading.keys = vq_take(input, &reading.len);
		if (!reading.keys)
			return false;
		reading.len = min_u32(reading.len, KEYS);
	}
	return true;
}

/* From key_is_there() to here nobody else runs: tasks aren't preempted, and the
 * interrupt doesn't touch what we're reading. */
int console_getc(void)
{
	if (!wait_interruptible(&typed, key_is_there, NULL))
		return -1;
	return (u8)reading.keys->text[reading.at++];
}
/*:*/

/*D:240 There may be more than one console one day; we talk to the first. */
static bool probe_console(const struct device *device)
{
	unsigned int i;

	if (device->number != 0)
		return false;
	input = device_queue(device, 0, input_done, NULL);
	output = device_queue(device, 1, output_done, NULL);
	if (!input || !output)
		return false;
	vq_quiet(output);
	for (i = 0; i < CHUNKS; i++)
		put_back(&chunks[i]);
	for (i = 0; i < KEY_BUFFERS; i++)
		offer(&key_buffers[i]);
	console_ready = true;
	return true;
}

const struct driver console_driver = {
	.type = VIRTIO_ID_CONSOLE,
	.name = "console",
	.probe = probe_console,
};
/*:*/
