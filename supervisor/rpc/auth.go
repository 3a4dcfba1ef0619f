package rpc

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// Guard lets through to next who knows the user and the password, which may be {SHA} and the
// hex of its SHA-1. Without a user it lets everybody through, whatever they say of
// themselves: listeners of old send an empty name and password to open servers.
func Guard(user, password string, next http.Handler) http.Handler {
	if user == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		if !ok || !same(u, user) || !matches(p, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="default"`)
			w.Header().Set("Connection", "close")
			refuse(w, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// matches compares a password with the one that is configured.
func matches(said, stored string) bool {
	hash, hashed := strings.CutPrefix(stored, "{SHA}")
	if !hashed {
		return same(said, stored)
	}
	sum := sha1.Sum([]byte(said)) // supervisord's; whoever reads the config file finds nothing better there
	return same(hex.EncodeToString(sum[:]), strings.ToLower(hash))
}

// same takes as long for a wrong word as for one that is nearly right.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
