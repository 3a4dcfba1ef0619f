/*
 * The child of every peer: it says that it runs, and then does nothing, or
 * writes so many bytes to its standard output when it is let go.
 *
 *	worker [REPORT [BYTES]]
 *
 * BENCH_REPORT and BENCH_BYTES come before the arguments: a service directory
 * can then have a link to this file as its run, without a shell, and s6 gives
 * that an argument of its own.
 *
 * A record of 16 bytes goes to the FIFO REPORT (its writes are atomic up to
 * PIPE_BUF): pid and nanoseconds of CLOCK_MONOTONIC, taken first thing after
 * the exec; with the negative pid when all bytes are written. The FIFO
 * REPORT.go holds a writer until the bench opens it.
 *
 * Static and without a runtime of its own, so that what is measured is the
 * supervisor and not the loader.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct record {
	int64_t pid, ns;
};

static const char *report;

static void say(int64_t pid)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	struct record r = {pid, now.tv_sec * 1000000000LL + now.tv_nsec};
	int fd = open(report, O_WRONLY);
	if (fd < 0 || write(fd, &r, sizeof r) != sizeof r)
		_exit(101);
	close(fd);
}

/* Lines of 128 bytes, 32 in a write: what stdio does with a pipe. */
static void print(long long bytes)
{
	char gate[4096], block[4096];
	snprintf(gate, sizeof gate, "%s.go", report);
	int fd = open(gate, O_RDONLY);
	if (fd < 0)
		_exit(102);
	close(fd);
	memset(block, 'x', sizeof block);
	for (size_t i = 127; i < sizeof block; i += 128)
		block[i] = '\n';
	while (bytes > 0) {
		ssize_t n = write(1, block, bytes < (long long)sizeof block ? (size_t)bytes : sizeof block);
		if (n < 0)
			_exit(103);
		bytes -= n;
	}
	say(-(int64_t)getpid());
}

int main(int argc, char **argv)
{
	const char *bytes = getenv("BENCH_BYTES");
	report = getenv("BENCH_REPORT");
	if (!report) {
		report = argc > 1 ? argv[1] : NULL;
		bytes = argc > 2 ? argv[2] : NULL;
	}
	if (!report)
		return 100;
	say(getpid());
	if (bytes && *bytes)
		print(atoll(bytes));
	for (;;)
		pause();
}
