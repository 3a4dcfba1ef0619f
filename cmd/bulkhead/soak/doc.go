// Package soak puts a running bulkhead through what it must survive: while its
// programs are under load, orders are given, logs rotate and workers run out of
// memory, the supervisor is killed and upgraded again and again, at random moments.
//
// It is tests only. What it compares with is nothing that bulkhead says of itself:
// each chatter (chatter_test.go) keeps its own record of the lines that it wrote, the
// census (census_test.go) counts processes in /proc, the queue's ledger knows what
// became of each job.
//
// TestChatterThroughKillsAndUpgrades runs anywhere; TestKernelSoak, with Laravel
// workers, needs a cgroup v2 with the memory controller: make soak.
//
// A run is a plan (plan_test.go), made from a seed alone. The environment:
//
//	BULKHEAD_SOAK_SEED      the seed, printed by every run; default: another one each time
//	BULKHEAD_SOAK_KILLS     how many times the supervisor is killed
//	BULKHEAD_SOAK_UPGRADES  how many times it is upgraded
//
// Start reading at soak.run in soak_test.go.
package soak
