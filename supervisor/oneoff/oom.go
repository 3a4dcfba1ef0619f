package oneoff

import (
	"fmt"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

// oomText says of a command whose cgroup has these counters that the kernel has
// killed it, or a part of it, for want of memory; "" when it has not.
func oomText(label string, limits conf.Limits, c cgroup.Counts, peak int64) string {
	if c.OOMKill == 0 && c.OOMGroupKill == 0 {
		return ""
	}
	limit, most := "no memory_max", fmt.Sprintf("peak %v", conf.Bytes(peak))
	if limits.MemoryMax != conf.Unlimited {
		limit = fmt.Sprintf("memory_max %v", limits.MemoryMax)
	}
	if c.OOM > 0 {
		return fmt.Sprintf("%s: killed by the kernel: out of memory in its own compartment: %s was hit, %s", label, limit, most)
	}
	return fmt.Sprintf("%s: killed by the kernel: out of memory on the host or in a cgroup above, not in its own compartment: %s, %s", label, limit, most)
}
