// What libcuda.so.1 exports beside the driver API: switches and counters for tests, and the services that the other
// libraries of the software device (NVRTC, cuBLAS) are built on.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

// Sets one of the keys of README.md (ORDER, SEED, CHECK, ...), as SOFTCUDA_<KEY> in the environment does.
// Returns 1; 0 for an unknown key or a value it cannot have. Takes effect with the next operation.
int softcuda_set(const char* key, const char* value);

// The present value of a key as text, "" where none is set; null for an unknown key. Valid until the calling thread's
// next call of softcuda_setting.
const char* softcuda_setting(const char* key);

// Text of the faults so far, one a line. Valid until the calling thread's next call of softcuda_report.
const char* softcuda_report(void);
void softcuda_clear_report(void);

// Live objects: contexts, streams, events, modules, graphs, graph_execs, allocations, bytes, pinned.
// Totals since the start: launches, copies, synchronizes, allocs; bytes_read and bytes_written of global memory by checked
// kernels, each sector of 32 bytes once per kernel. -1 for an unknown word.
long softcuda_count(const char* what);

// Adds a line to the report (and to stderr unless QUIET=1).
void softcuda_add_report(const char* line);

// Queues work on a stream of the current context, or adds it to the graph that the stream captures: then it runs at each
// replay. work returns a CUresult; anything but 0 fails the context for good. release is called once, when the work will
// not run again. When the call itself returns an error, release has been called too. name is shown in reports.
int softcuda_enqueue(void* stream, int (*work)(void* data), void (*release)(void* data), void* data, const char* name);

// For work of softcuda_enqueue, called while it runs. Is [address, address + bytes) inside one live buffer of the
// device? Under CHECK=1, has all of it been written (read), or mark it as written (write). Returns 0, or a CUresult
// after a line in the report that begins with `what`.
int softcuda_check_read(unsigned long long address, size_t bytes, const char* what);
int softcuda_check_write(unsigned long long address, size_t bytes, const char* what);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
