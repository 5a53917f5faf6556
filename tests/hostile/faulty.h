/* A file system with one file, "disk", that fails in every way that a disk can. */
#ifndef HOSTILE_FAULTY_H
#define HOSTILE_FAULTY_H

#include <stdbool.h>
#include <stdint.h>

/* Its first eighth is good.  In the second, no transfer is complete; in the third
 * and the fourth, every other one is interrupted; the upper half can't be read
 * nor written, and the next flush fails after a try.  Each flush is interrupted
 * once.
 *
 * Mounted on @where and served by another process, until it's unmounted or the
 * caller ends.  False if this can't be done here. */
bool faulty_mount(const char *where, uint32_t size);

#endif /* HOSTILE_FAULTY_H */
