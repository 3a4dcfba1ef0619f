package conf

import (
	"strings"
	"testing"
)

func TestKnownWorker(t *testing.T) {
	for line, want := range map[string]struct {
		preset string
		memory Bytes
	}{
		"php artisan queue:work redis":                                      {"laravel", 0},
		"php artisan queue:work --memory=128":                               {"laravel", 128 << 20},
		"php8.3 -d memory_limit=1G artisan queue:work --memory 64":          {"laravel", 64 << 20},
		"php artisan horizon":                                               {"horizon", 0},
		"php bin/console messenger:consume async --memory-limit=128M":       {"symfony-messenger", 128 << 20},
		"php bin/console messenger:consume async --memory-limit=rather-not": {"symfony-messenger", 0},
		"php artisan queue:workers":                                         {},
		"php-fpm: pool www":                                                 {},
		"":                                                                  {},
	} {
		preset, memory, ok := KnownWorker(strings.Fields(line))
		if preset != want.preset || memory != want.memory || ok != (want.preset != "") {
			t.Errorf("KnownWorker(%q) = %q, %v, %v; want %q, %v", line, preset, memory, ok, want.preset, want.memory)
		}
	}
}
