// Package kmsg reads the kernel's log for one thing: which processes the kernel
// killed for want of memory, and why.
//
// It owns two formats: that of a record of /dev/kmsg ([ParseRecord],
// Documentation/ABI/testing/dev-kmsg) and the words in which mm/oom_kill.c and
// mm/memcontrol.c tell of a kill, from Linux 4.18 to today ([Decoder]). It opens
// nothing, knows no clock, and never fails: what it does not know it passes over,
// and what a line does not say stays unset.
//
// A kill is told in many records:
//
//	php invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
//	CPU: 1 UID: 0 PID: 4711 Comm: php Not tainted 6.12.43 #1
//	memory: usage 51200kB, limit 51200kB, failcnt 20
//	Tasks state (memory values in pages):
//	[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
//	[   4711]     0  4711    51234    12000    11000     1000         0   151552        0             0 php
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/x,task_memcg=/x,task=php,pid=4711,uid=0
//	Memory cgroup out of memory: Killed process 4711 (php) total-vm:204936kB, anon-rss:44000kB, file-rss:4000kB, shmem-rss:0kB, UID:0 pgtables:148kB oom_score_adj:0
//	Tasks in /x are going to be killed due to memory.oom.group set
//	Memory cgroup out of memory: Killed process 4712 (sh) ...
//
// The kernel does one at a time (oom_lock), so they are not mixed with those of
// another, only with other news. All but the line of the kill may be missing: the
// kernel tells of ten kills in five seconds at length, of the others in a line.
//
// Start reading at decoder.go ([Decoder.Feed]).
package kmsg
