/*S:665 A profiler sees addresses.  To name those that no file on disk explains,
 * perf looks for /tmp/perf-PID.map, a line for each piece of code: where it
 * begins, how long it is (both hexadecimal), its name. :*/
#ifndef LGUEST_HOST_PERF_MAP_H
#define LGUEST_HOST_PERF_MAP_H

/* From now on all code that is translated in this process is named in @fd. */
void perf_map_begin(int fd);

#endif /* LGUEST_HOST_PERF_MAP_H */
