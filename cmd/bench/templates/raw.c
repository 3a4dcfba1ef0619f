/*
 * The reference: what N starts cost without a supervisor. It starts N children
 * by posix_spawn(3), which is a vfork in glibc, starts one again that ends, and
 * at SIGTERM ends them all.
 *
 *	raw N COMMAND [ARGUMENT ...]
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

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

int main(int argc, char **argv)
{
	if (argc < 3)
		return 100;
	int n = atoi(argv[1]), left = n;
	pid_t *pids = calloc(n, sizeof *pids);
	struct sigaction sa = {.sa_handler = on_term}; /* without SA_RESTART: wait is interrupted */
	sigaction(SIGTERM, &sa, NULL);
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
