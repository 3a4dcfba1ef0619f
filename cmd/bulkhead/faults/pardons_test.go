package faults_test

import "regexp"

// losing are the points whose fault costs the very line that was being written.
var losing = map[string]bool{
	"write chat.log":  true,
	"create chat.log": true,
	"write note.log":  true,
}

// untidy are the points whose fault may leave the directory in which the
// control socket was made: empty or with a dead socket, for root's eyes only.
var untidy = regexp.MustCompile(`^((unlink|rmdir|open) \.sH(/s)?|open)$`)

// spoken are what faults are told as where Go's library has no error of its own
// for them.
var spoken = []struct {
	points *regexp.Regexp
	words  string
}{
	{regexp.MustCompile(`^watch .* by Go's epoll$`), "file type does not support deadline"},
}

// pardon excuses the points that match whole from being reported.
type pardon struct {
	points *regexp.Regexp
	atEnd  bool // only where the supervisor is ending: the log may have been closed
	why    string
}

func pardonOf(points string, atEnd bool, why string) pardon {
	return pardon{regexp.MustCompile("^(" + points + ")$"), atEnd, why}
}

// pardons are all there are. Whatever else the test looks at holds for them too.
var pardons = []pardon{
	pardonOf("(write|create|rename to|open) main.log(.N)?", true, "the log itself: what comes after its last line is told nowhere"),
	pardonOf("write socket stream", false, "the client sees its connection end"),
	pardonOf("recvmsg socket datagram", false, "nothing was taken: the next call gets the datagram"),
	pardonOf("pidfd_open", false, "it goes on by pid and start time, as before Linux 5.3"),
	pardonOf(`watch (\[pidfd\]|cgroup run/cgroup.events) by epoll`, false, "is looked at every 50 ms instead"),
	pardonOf("watch pipe by Go's epoll", false, "poll(2) waits for the exec instead"),
	pardonOf("dup /dev/null", false, "children are forked instead"),
	pardonOf("open cgroup tree/keeper/cgroup.procs", false, "who may be in there already is moved into it once more"),
	pardonOf("(open to write|write) cgroup run/cgroup.kill", false, "opened and written again when it is needed"),
	pardonOf("rmdir cgroup .*", false, "tried again"),
	pardonOf("open cgroup (run|program)/cgroup.events", false, "looked at again until it can be told"),
	pardonOf("open chat.log", false, "a reader that looks again"),
	pardonOf(untidy.String()+"|unlink b.sock.lock", false, "left at the start, and only untidy"),
	pardonOf("(sendmsg|recvmsg|watch)? ?socket (unix )?seqpacket( by Go's epoll)?", false, "the keeper is asked again"),
	pardonOf("getsockopt 17 of socket seqpacket", false, "who the keeper is cannot be told: it is asked again"),
	pardonOf("kill", false, "to ourselves, so that the signals before it are handed on: the upgrade is refused, and asked for again"),
	pardonOf("watch socket (listening|datagram) by Go's epoll", false, "a descriptor that an upgrade hands on and that is only duplicated"),
	pardonOf("open b.toml", false, "the sum by which a change of the config is told, not the config"),
	pardonOf("unlink b.(notify.)?sock", false, "a dead socket is removed at the next start"),
	pardonOf("splice output FIFO", false, "the chunk goes through memory instead of through the books"),
	pardonOf("(ftruncate|pwrite64) state/lock", false, "the pid for a second supervisor's message: that finds it in /proc/locks too"),
	pardonOf("punch b.d/books", false, "only gives memory back"),
	pardonOf("pwrite64 b.d/books", false, "the intent is not noted: it matters only if the supervisor dies in the very write that follows"),
	pardonOf("open cgroup (tree|programs|program|supervisor)/cgroup.(controllers|subtree_control|procs)", false, "what there is to enable or to move: nothing where this test runs"),
	pardonOf("open cgroup run/cgroup.procs|dup cgroup (run|program)|open cgroup (run|program)", false, "most are readings, which are repeated; of the others every look above holds"),
	pardonOf("open /proc/N/stat", false, "the start time is not known: the boot, the cgroup and the pid remain"),
}

// pardoned says why a point needs no report.
func pardoned(point string, late bool) (why string, ok bool) {
	for _, p := range pardons {
		if (late || !p.atEnd) && p.points.MatchString(point) {
			return p.why, true
		}
	}
	return "", false
}
