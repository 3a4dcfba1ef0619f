// Package conf turns TOML, or a supervisord.conf, into a validated, immutable
// configuration and compares two of them.
//
// It owns what a legal configuration is: the keys (reference.go), their units
// (units.go), presets (presets.go), defaults (defaults.go), supervisord's
// expansions (expand.go), the rules (validate.go), the budget (budget.go) and
// what a reload changes (diff.go). It never starts, signals or limits
// anything, never logs, and knows no other package of bulkhead.
//
// Its one invariant: a Config that Read returned can be run as it is. No field
// after it means "unset"; everything wrong with all files was reported at once
// in a *Problems.
//
// Start reading at Read in read.go, then decode.go (TOML to raw.go's structs)
// and resolve.go (raw structs to Config). ini_read.go makes raw structs of a
// supervisord.conf, import.go writes them as TOML.
package conf
