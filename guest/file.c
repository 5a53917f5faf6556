#include "kernel.h"

/*G:600 Files, as far as we have any: what is in the archive, the console, and
 * pipes.  Each kind is a table of functions, and the system calls know nothing
 * but the table. */
static struct file *file_alloc(const struct file_ops *ops)
{
	struct file *file = kmalloc(sizeof(*file));

	if (!file)
		return NULL;
	file->ops = ops;
	file->users = 1;
	return file;
}

/* The last user releases it, and then it's gone. */
void file_put(struct file *file)
{
	if (--file->users)
		return;
	if (file->ops->release)
		file->ops->release(file);
	kfree(file);
}

static int cannot(struct file *file, u32 address, size_t len)
{
	(void)file;
	(void)address;
	(void)len;
	return -EBADF;
}
/*:*/

/*G:602 A file of the archive can only be read.  It's in memory anyway. */
static int archive_read(struct file *file, u32 to, size_t len)
{
	len = min_u32(len, file->size - file->at);
	if (!copy_to_program(to, file->data + file->at, len))
		return -EFAULT;
	file->at += len;
	return len;
}

static const struct file_ops archive_ops = {
	.read = archive_read,
	.write = cannot,
};

struct file *file_open(const char *path)
{
	size_t size;
	const u8 *data = initrd_find(path, &size);
	struct file *file = data ? file_alloc(&archive_ops) : NULL;

	if (file) {
		file->data = data;
		file->size = size;
	}
	return file;
}
/*:*/

/*G:604 The console.  There's only one, and it is always open. */
#define AT_ONCE	256

static int console_read(struct file *file, u32 to, size_t len)
{
	int key;
	char c;

	(void)file;
	if (!len || !console_ready)
		return 0;
	key = console_getc();
	if (key < 0)
		return -EINTR;
	c = key;
	return copy_to_program(to, &c, 1) ? 1 : -EFAULT;
}

static int console_put(struct file *file, u32 from, size_t len)
{
	char text[AT_ONCE + 1];
	size_t done, part;

	(void)file;
	for (done = 0; done < len; done += part) {
		part = min_u32(len - done, AT_ONCE);
		if (!copy_from_program(text, from + done, part))
			return done ? (int)done : -EFAULT;
		text[part] = '\0';
		if (console_ready)
			console_write(text, part);
		else
			printk("%s", text);
	}
	return done;
}

static const struct file_ops console_ops = {
	.read = console_read,
	.write = console_put,
};

struct file console_file = { .ops = &console_ops, .users = 1 };
/*:*/

/*G:610 A pipe is a page of memory with a place to write and a place to read,
 * both of which go round.  They are counted without ever going back: what was
 * written less what was read is in there.  Two files belong to it, one for each
 * end, and whoever finds the other end closed has an answer: end of file for a
 * reader, SIGPIPE for a writer. */
struct pipe {
	u8 *page;
	u32 written, read;
	bool reader, writer;
	struct waitqueue changed;
};

static u32 pipe_holds(const struct pipe *pipe)
{
	return pipe->written - pipe->read;
}

static bool pipe_readable(void *arg)
{
	const struct pipe *pipe = arg;

	return pipe_holds(pipe) || !pipe->writer;
}

static bool pipe_writable(void *arg)
{
	const struct pipe *pipe = arg;

	return pipe_holds(pipe) < PAGE_SIZE || !pipe->reader;
}

/* As much as there is in one piece, up to where it goes round. */
static u32 piece_from(u32 position, u32 most)
{
	return min_u32(most, PAGE_SIZE - position % PAGE_SIZE);
}

static int pipe_read_piece(struct pipe *pipe, u32 to, size_t len)
{
	u32 at = pipe->read, part;

	part = piece_from(at, min_u32(len, pipe_holds(pipe)));
	if (!copy_to_program(to, pipe->page + at % PAGE_SIZE, part))
		return -EFAULT;
	pipe->read += part;
	wake(&pipe->changed);
	return part;
}

static int pipe_write_piece(struct pipe *pipe, u32 from, size_t len)
{
	u32 at = pipe->written, part;

	part = piece_from(at, min_u32(len, PAGE_SIZE - pipe_holds(pipe)));
	if (!copy_from_program(pipe->page + at % PAGE_SIZE, from, part))
		return -EFAULT;
	pipe->written += part;
	wake(&pipe->changed);
	return part;
}
/*:*/

/*G:612 A reader takes what there is, and waits only if that is nothing.  A
 * writer isn't done before it's all in. */
static int pipe_read(struct file *file, u32 to, size_t len)
{
	struct pipe *pipe = file->pipe;
	size_t done = 0;
	int part;

	if (!len)
		return 0;
	if (!wait_interruptible(&pipe->changed, pipe_readable, pipe))
		return -EINTR;
	while (done < len && pipe_holds(pipe)) {
		part = pipe_read_piece(pipe, to + done, len - done);
		if (part < 0)
			return done ? (int)done : part;
		done += part;
	}
	return done;
}

static int pipe_room(struct pipe *pipe)
{
	if (!wait_interruptible(&pipe->changed, pipe_writable, pipe))
		return -EINTR;
	if (pipe->reader)
		return 0;
	signal_send(current, SIGPIPE);
	return -EPIPE;
}

static int pipe_write(struct file *file, u32 from, size_t len)
{
	size_t done = 0;
	int part;

	while (done < len) {
		part = pipe_room(file->pipe);
		if (part == 0)
			part = pipe_write_piece(file->pipe, from + done,
						len - done);
		if (part < 0)
			return done ? (int)done : part;
		done += part;
	}
	return done;
}
/*:*/

/*G:614 Closing one end is news for the other.  The second one to close takes
 * the pipe along. */
static void pipe_free(struct pipe *pipe)
{
	if (pipe->page)
		free_page(pipe->page);
	kfree(pipe);
}

static void pipe_close(struct pipe *pipe, bool *end)
{
	*end = false;
	wake(&pipe->changed);
	if (!pipe->reader && !pipe->writer)
		pipe_free(pipe);
}

static void reader_release(struct file *file)
{
	pipe_close(file->pipe, &file->pipe->reader);
}

static void writer_release(struct file *file)
{
	pipe_close(file->pipe, &file->pipe->writer);
}

static const struct file_ops reader_ops = {
	.read = pipe_read,
	.write = cannot,
	.release = reader_release,
};

static const struct file_ops writer_ops = {
	.read = cannot,
	.write = pipe_write,
	.release = writer_release,
};

static struct pipe *pipe_alloc(void)
{
	struct pipe *pipe = kmalloc(sizeof(*pipe));

	if (!pipe)
		return NULL;
	pipe->page = take_page();
	pipe->reader = pipe->writer = true;
	if (pipe->page)
		return pipe;
	pipe_free(pipe);
	return NULL;
}

bool file_pipe(struct file *end[2])
{
	struct pipe *pipe = pipe_alloc();

	end[0] = pipe ? file_alloc(&reader_ops) : NULL;
	end[1] = pipe ? file_alloc(&writer_ops) : NULL;
	if (end[0] && end[1]) {
		end[0]->pipe = end[1]->pipe = pipe;
		return true;
	}
	kfree(end[0]);
	kfree(end[1]);
	if (pipe)
		pipe_free(pipe);
	return false;
}
/*:*/
