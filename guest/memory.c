#include <asm/bootparam.h>
#include "kernel.h"

/*G:200 Whose page is it?
 *
 * Whatever else a kernel does, it lends out memory, and must know at any time
 * how many are using a page.  For every page of RAM there is a struct frame;
 * all of them stand in one array, so that from the one it's simple arithmetic
 * to the other.
 *
 * A free frame is in a list that can be entered from both sides.  Pages are put
 * back and taken at the same end: the page that was used last is the one that
 * the processor still has in its cache, and the Host in its shadow tables.
 *
 * Most pages have never been used, and only few of them ever will be.  They are
 * just a range of numbers, and nobody has looked at their frames yet: a Guest with
 * a gigabyte that put all of them into the list lived for 9.0 ms, not 6.7, when
 * all it did was to boot and go. */
struct frame {
	struct frame *next, *prev;
	u32 users;
	/* If the page was cut up for kmalloc(): the size of the pieces. */
	u32 piece;
};

static u32 ram_end, managed_end;
static struct frame *frames;
static struct frame free_list = { .next = &free_list, .prev = &free_list };
static u32 untouched, untouched_end;	/* numbers of pages */
static unsigned int free_count, total_count;

u32 memory_top(void)
{
	return ram_end;
}

u32 pa(const void *kernel_virtual)
{
	return (u32)kernel_virtual - PAGE_OFFSET;
}

void *va(u32 physical)
{
	return (void *)(physical + PAGE_OFFSET);
}

static struct frame *frame_of(const void *page)
{
	return &frames[pa(page) / PAGE_SIZE];
}

static void *page_of(const struct frame *frame)
{
	return va((frame - frames) * PAGE_SIZE);
}
/*:*/

/*G:202 Into the list and out of it, and with that the rest is almost said. */
static void release_frame(struct frame *frame)
{
	frame->next = free_list.next;
	frame->prev = &free_list;
	frame->next->prev = frame;
	frame->prev->next = frame;
	free_count++;
}

static void *use_frame(struct frame *frame)
{
	frame->next = frame->prev = NULL;
	frame->users = 1;
	frame->piece = 0;
	return page_of(frame);
}

static void *take_frame(struct frame *frame)
{
	frame->next->prev = frame->prev;
	frame->prev->next = frame->next;
	free_count--;
	return use_frame(frame);
}

void *take_page(void)
{
	u32 flags = irq_save();
	void *page = NULL;

	if (free_count)
		page = take_frame(free_list.next);
	else if (untouched < untouched_end)
		page = use_frame(&frames[untouched++]);
	irq_restore(flags);
	return page;
}

void *alloc_page(void)
{
	void *page = take_page();

	return page ? memset(page, 0, PAGE_SIZE) : NULL;
}

void get_page(void *page)
{
	frame_of(page)->users++;
}

u32 page_users(const void *page)
{
	return frame_of(page)->users;
}

void free_page(void *page)
{
	struct frame *frame = frame_of(page);
	u32 flags = irq_save();

	if (!frame->users)
		panic("page %p freed twice", page);
	if (--frame->users == 0)
		release_frame(frame);
	irq_restore(flags);
}

unsigned int free_pages(void)
{
	return free_count + untouched_end - untouched;
}

unsigned int total_pages(void)
{
	return total_count;
}
/*:*/

/*G:204 Some things are longer than a page: a kernel stack is two, the first of
 * them an even one; a packet of 64 KB is seventeen.  We look for a free page
 * whose neighbours above are free as well (being in the list); where nobody has
 * been yet they all are. */
static bool is_listed(u32 page)
{
	return page < managed_end / PAGE_SIZE &&
	       (page < untouched || page >= untouched_end) && frames[page].next;
}

static bool is_run(u32 first, u32 count, u32 align)
{
	while (count && first % align == 0 && is_listed(first + count - 1))
		count--;
	return count == 0;
}

static void *take_run(struct frame *first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		take_frame(first + i);
	return page_of(first);
}

static void *take_untouched_run(u32 count, u32 align)
{
	u32 first;

	while (untouched < untouched_end && untouched % align)
		release_frame(&frames[untouched++]);
	if (untouched_end - untouched < count)
		return NULL;
	for (first = untouched; count; count--)
		use_frame(&frames[untouched++]);
	return page_of(&frames[first]);
}

void *alloc_run(u32 count, u32 align)
{
	u32 flags = irq_save();
	struct frame *frame = free_list.next;
	void *run = NULL;

	while (frame != &free_list && !is_run(frame - frames, count, align))
		frame = frame->next;
	if (frame != &free_list)
		run = take_run(frame, count);
	else
		run = take_untouched_run(count, align);
	irq_restore(flags);
	return run ? memset(run, 0, count * PAGE_SIZE) : NULL;
}

void free_two_pages(void *pages)
{
	free_page((u8 *)pages + PAGE_SIZE);
	free_page(pages);
}
/*:*/

/*G:206 Things smaller than a page: sizes are rounded up to a power of two, and
 * for each there is a list of free pieces.  An empty list gets a page to cut
 * up.  Such pages never come back; what was needed once will be needed
 * again. */
#define SMALLEST	16u
#define SIZES		8	/* 16, 32, ... 2048 */

struct piece {
	struct piece *next;
};

static struct piece *pieces[SIZES];

static unsigned int size_index(size_t size)
{
	unsigned int i = 0;

	while (SMALLEST << i < size)
		i++;
	return i;
}

static void cut_page(unsigned int index)
{
	u32 size = SMALLEST << index, at;
	u8 *page = take_page();

	if (!page)
		return;
	frame_of(page)->piece = size;
	for (at = 0; at < PAGE_SIZE; at += size) {
		struct piece *piece = (struct piece *)(page + at);

		piece->next = pieces[index];
		pieces[index] = piece;
	}
}

void *kmalloc(size_t size)
{
	unsigned int index = size_index(size);
	struct piece *piece;
	u32 flags;

	if (index >= SIZES)
		return size <= PAGE_SIZE ? alloc_page() : NULL;
	flags = irq_save();
	if (!pieces[index])
		cut_page(index);
	piece = pieces[index];
	if (piece)
		pieces[index] = piece->next;
	irq_restore(flags);
	return piece ? memset(piece, 0, SMALLEST << index) : NULL;
}

void kfree(void *object)
{
	u32 size, flags;
	struct piece *piece = object;

	if (!object)
		return;
	size = frame_of(object)->piece;
	if (!size) {
		free_page(object);
		return;
	}
	flags = irq_save();
	piece->next = pieces[size_index(size)];
	pieces[size_index(size)] = piece;
	irq_restore(flags);
}
/*:*/

/*G:210 Where does all this memory come from?  The boot information says how
 * much there is.  Its lowest megabyte holds that information itself, then come
 * we, then (while we boot) whatever needs pages before there are any frames:
 * page tables mostly.  The archive of our programs, if the Launcher has brought
 * one, is at the top. */
extern u32 boot_params_at;
extern char kernel_end[];
static u32 early_end;

static const struct boot_params *boot_params(void)
{
	return va(boot_params_at);
}

u32 initrd_start(void)
{
	return boot_params()->hdr.ramdisk_image;
}

u32 initrd_size(void)
{
	return boot_params()->hdr.ramdisk_size;
}

const char *boot_cmdline(void)
{
	return va(boot_params()->hdr.cmd_line_ptr);
}

static bool in_initrd(u32 page)
{
	u32 start = ALIGN_DOWN(initrd_start(), PAGE_SIZE);

	return initrd_size() && page >= start &&
	       page - start < initrd_start() - start + initrd_size();
}

/* Before memory_init() the free list is empty and pages come from here. */
void *early_page(void)
{
	u32 page = early_end;

	if (page >= managed_end || in_initrd(page))
		panic("not enough memory to boot in");
	early_end += PAGE_SIZE;
	return memset(va(page), 0, PAGE_SIZE);
}

u32 memory_detect(void)
{
	const struct boot_params *boot = boot_params();

	ram_end = boot->e820_table[0].addr + boot->e820_table[0].size;
	if (ram_end < BOOT_MAPPED)
		panic("puppy needs %u MB", BOOT_MAPPED >> 20);
	managed_end = min_u32(ram_end, MAP_START - PAGE_OFFSET);
	early_end = pa(kernel_end);
	return managed_end;
}
/*:*/

/*G:212 Then the frames are made: room for the array first, and after that nothing
 * may be taken early any more.  All pages above it are free, except where the
 * archive is.  Those which aren't free have frames, too, with no users yet. */
static void make_frames(void)
{
	u32 bytes = managed_end / PAGE_SIZE * sizeof(struct frame);

	frames = early_page();
	early_end = ALIGN_UP(pa(frames) + bytes, PAGE_SIZE);
	if (early_end > managed_end || in_initrd(early_end - PAGE_SIZE))
		panic("not enough memory to boot in");
	memset(frames, 0, early_end / PAGE_SIZE * sizeof(struct frame));
}

void memory_init(void)
{
	u32 page;

	make_frames();
	untouched = early_end / PAGE_SIZE;
	untouched_end = managed_end / PAGE_SIZE;
	if (initrd_size())
		untouched_end = min_u32(untouched_end, initrd_start() / PAGE_SIZE);
	for (page = untouched_end; page < managed_end / PAGE_SIZE; page++) {
		memset(&frames[page], 0, sizeof(struct frame));
		if (!in_initrd(page * PAGE_SIZE))
			release_frame(&frames[page]);
	}
	total_count = free_pages();
}
/*:*/
