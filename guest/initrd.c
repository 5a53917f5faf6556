#include "kernel.h"

/*G:690 The archive of files.
 *
 * Programs have to come from somewhere, and before there's any file system that
 * is an archive which the Launcher has put at the top of memory.  The format is
 * the one that Linux takes, cpio's "newc": each file has a header all of
 * digits, its name, and its contents, each filled up to a multiple of four
 * bytes.  There is no index.  We leave the archive where it is and read it from
 * the start each time, and hand out pointers into it. */
#define MAGIC		"070701"
#define MAGIC_BYTES	6
#define FIELD_BYTES	8
#define FIELD_MODE	1
#define FIELD_SIZE	6
#define FIELD_NAME	11
#define FIELDS		13
#define HEADER_BYTES	(MAGIC_BYTES + FIELDS * FIELD_BYTES)
#define LAST_NAME	"TRAILER!!!"
#define MODE_KIND	0170000
#define MODE_FILE	0100000

static const char *archive;
static size_t archive_size;

struct entry {
	const char *name;
	const char *data;
	u32 size, mode;
};

static u32 digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return (digit | 0x20) - 'a' + 10;
}

static u32 field(const char *header, u32 number)
{
	const char *digits = header + MAGIC_BYTES + number * FIELD_BYTES;
	u32 value = 0, i;

	for (i = 0; i < FIELD_BYTES; i++)
		value = value << 4 | digit_value(digits[i]);
	return value;
}

/* Whether something of that size, at an offset that may be anywhere, is
 * within. */
static bool inside(size_t offset, size_t size)
{
	return offset <= archive_size && size <= archive_size - offset;
}

/* Reads the entry at *offset and moves on; false at the end, or where the
 * archive stops making sense. */
static bool next_entry(size_t *offset, struct entry *entry)
{
	const char *header = archive + *offset;
	size_t name_bytes, data;

	if (!inside(*offset, HEADER_BYTES) ||
	    memcmp(header, MAGIC, MAGIC_BYTES) != 0)
		return false;
	entry->mode = field(header, FIELD_MODE);
	entry->size = field(header, FIELD_SIZE);
	entry->name = header + HEADER_BYTES;
	name_bytes = field(header, FIELD_NAME);
	if (!name_bytes || !inside(*offset + HEADER_BYTES, name_bytes) ||
	    entry->name[name_bytes - 1] != '\0')
		return false;
	data = ALIGN_UP(*offset + HEADER_BYTES + name_bytes, 4);
	if (!inside(data, entry->size))
		return false;
	entry->data = archive + data;
	*offset = ALIGN_UP(data + entry->size, 4);
	return strcmp(entry->name, LAST_NAME) != 0;
}

static bool is_file(const struct entry *entry)
{
	return (entry->mode & MODE_KIND) == MODE_FILE;
}

static const char *without_slash(const char *path)
{
	if (path[0] == '.' && path[1] == '/')
		path++;
	while (*path == '/')
		path++;
	return path;
}

const void *initrd_find(const char *path, size_t *size)
{
	struct entry entry;
	size_t offset = 0;

	while (next_entry(&offset, &entry)) {
		if (is_file(&entry) && strcmp(without_slash(entry.name),
					      without_slash(path)) == 0) {
			*size = entry.size;
			return entry.data;
		}
	}
	return NULL;
}

bool initrd_walk(void (*fn)(const char *path, size_t size, void *arg),
		 void *arg)
{
	struct entry entry;
	size_t offset = 0;

	while (next_entry(&offset, &entry))
		if (is_file(&entry))
			fn(without_slash(entry.name), entry.size, arg);
	return archive != NULL;
}

/* In a Guest with lots of memory, its top isn't mapped yet. */
void initrd_init(void)
{
	u32 start = initrd_start(), size = initrd_size();
	u32 first = ALIGN_DOWN(start, PAGE_SIZE);

	if (!size)
		return;
	archive_size = size;
	if (start + size <= MAP_START - PAGE_OFFSET)
		archive = va(start);
	else
		archive = map_physical(first, (start - first + size +
					       PAGE_SIZE - 1) / PAGE_SIZE) +
			  (start - first);
}
/*:*/
