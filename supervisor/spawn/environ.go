package spawn

import (
	"maps"
	"slices"
	"strings"
)

// Environ puts an environment together: base (KEY=value, as os.Environ), then
// each part over what came before. A key keeps its first place; new keys of a
// part come sorted; of entries twice in base the last counts, those without a
// key are dropped.
//
// The order that users know from supervisord: the supervisor's own
// environment, [UserEnv], the env_file, [InstanceEnv], the config's.
func Environ(base []string, parts ...map[string]string) []string {
	at := make(map[string]int, len(base))
	env := make([]string, 0, len(base)+8)
	set := func(key, entry string) {
		if i, ok := at[key]; ok {
			env[i] = entry
			return
		}
		at[key] = len(env)
		env = append(env, entry)
	}
	for _, entry := range base {
		if key, _, ok := strings.Cut(entry, "="); ok && key != "" {
			set(key, entry)
		}
	}
	for _, part := range parts {
		for _, key := range slices.Sorted(maps.Keys(part)) {
			set(key, key+"="+part[key])
		}
	}
	return env
}

// Lookup returns a function that finds a key's value in an environment.
func Lookup(env []string) func(key string) (string, bool) {
	return func(key string) (string, bool) {
		for _, entry := range slices.Backward(env) {
			if k, v, ok := strings.Cut(entry, "="); ok && k == key {
				return v, true
			}
		}
		return "", false
	}
}

// UserEnv is what a login as the user would set. supervisord sets none of it
// and leaves HOME=/root to a www-data worker.
func UserEnv(name, home string) map[string]string {
	return map[string]string{"HOME": home, "USER": name, "LOGNAME": name}
}

// InstanceEnv tells a child who it is, by supervisord's names.
func InstanceEnv(process, group string) map[string]string {
	return map[string]string{
		"SUPERVISOR_ENABLED":      "1",
		"SUPERVISOR_PROCESS_NAME": process,
		"SUPERVISOR_GROUP_NAME":   group,
	}
}
