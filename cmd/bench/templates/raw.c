/*
 * The reference: what N starts, and their output, cost without a supervisor. It starts
 * N children by posix_spawn(3), which is a vfork in glibc, starts one again that
 * ends, and at SIGTERM ends them all. With RAW_OUT it copies what each of them prints from a
 * pipe to the file RAW_OUT.I, 64 KiB at a time, and starts none again. With RAW_STRAIGHT too
 * that file is their standard output, and nothing is copied.
 *
 *	[RAW_OUT=FILE [RAW_STRAIGHT=1]] raw N COMMAND [ARGUMENT ...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t over;

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static pid_t begin(char **argv)
{
	pid_t pid;
	int err = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (err)
		exit(101);
	return pid;
}

static pid_t begin_to(char **argv, int out)
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) || posix_spawn_file_actions_adddup2(&actions, out, 1))
		exit(103);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ))
		exit(101);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* The pipe is as large as bulkhead's. */
static pid_t begin_piped(char **argv, int *from)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(103);
	fcntl(ends[1], F_SETPIPE_SZ, 256 << 10);
	pid_t pid = begin_to(argv, ends[1]);
	close(ends[1]);
	*from = ends[0];
	return pid;
}

static int copy(const char *out, int straight, int n, char **argv)
{
	static char block[64 << 10];
	struct pollfd *from = calloc(n, sizeof *from);
	int *to = calloc(n, sizeof *to);
	pid_t *pids = calloc(n, sizeof *pids);
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s.%d", out, i);
		to[i] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (to[i] < 0)
			return 104;
		from[i].events = POLLIN;
		from[i].fd = -1; /* poll passes it over */
		pids[i] = straight ? begin_to(argv, to[i]) : begin_piped(argv, &from[i].fd);
	}
	while (!over) {
		if (poll(from, n, -1) < 0)
			continue; /* SIGTERM */
		for (int i = 0; i < n; i++) {
			if (!from[i].revents)
				continue;
			ssize_t got = read(from[i].fd, block, sizeof block);
			if (got <= 0)
				from[i].fd = -1;
			else if (write(to[i], block, got) != got)
				return 105;
		}
	}
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGTERM);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 100;
	int n = atoi(argv[1]), left = n;
	pid_t *pids = calloc(n, sizeof *pids);
	struct sigaction sa = {.sa_handler = on_term}; /* without SA_RESTART: wait is interrupted */
	sigaction(SIGTERM, &sa, NULL);
	const char *out = getenv("RAW_OUT");
	if (out)
		return copy(out, getenv("RAW_STRAIGHT") != NULL, n, argv + 2);
	for (int i = 0; i < n; i++)
		pids[i] = begin(argv + 2);
	for (int told = 0; left > 0;) {
		if (over && !told) {
			told = 1;
			for (int i = 0; i < n; i++)
				kill(pids[i], SIGTERM);
		}
		pid_t pid = wait(NULL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return 102;
		if (over) {
			left--;
			continue;
		}
		for (int i = 0; i < n; i++)
			if (pids[i] == pid)
				pids[i] = begin(argv + 2);
	}
	return 0;
}
