package doctor

import (
	"strings"
	"testing"
	"unicode"
)

func TestProgramOf(t *testing.T) {
	for line, want := range map[string]string{
		"/usr/sbin/mysqld":                       "mysqld",
		"-bash":                                  "bash",
		"unzip|-o|a.zip":                         "unzip",
		"php|artisan|queue:work|redis|--sleep=1": "php artisan queue:work",
		"/usr/bin/php8.3|-d|memory_limit=1G|/srv/app/artisan|--env=x|queue:work": "php8.3 artisan queue:work",
		"php|bin/console|messenger:consume|async":                                "php console messenger:consume",
		"php|artisan":           "php artisan",
		"php|-r|sleep(9);":      "php -r",
		"php|import.php|9":      "php import.php",
		"php":                   "php",
		"php-fpm: pool www":     "php-fpm: pool www",
		"php-fpm: pool www||||": "php-fpm: pool www",
		"php-fpm8.2: master process (/etc/php/8.2/fpm/php-fpm.conf)": "php-fpm8.2: master process",
		"nginx: worker process":                               "nginx: worker process",
		"nginx: master process /usr/sbin/nginx -g daemon on":  "nginx: master process",
		"postgres: 16/main: checkpointer ":                    "postgres",
		"postgres: app db 10.0.0.7(5431) idle in transaction": "postgres",
		"sshd: root@pts/0":                                    "sshd",
		"redis-server *:6379":                                 "redis-server",
		"/usr/bin/redis-server 127.0.0.1:7000 [cluster]":      "redis-server",
		"redis-rdb-bgsave *:6379":                             "redis-rdb-bgsave",
		"/usr/bin/python3|/usr/bin/supervisord|-n":            "supervisord",
		"/usr/bin/python3 /usr/bin/supervisord -n":            "supervisord",
		"python3|-m|http.server|80":                           "python3 http.server",
		"python3.12|-u|-c|import x":                           "python3.12 -c",
		"python3|manage.py|runserver":                         "python3 manage.py runserver",
		"python3|-m":                                          "python3",
		"sh|-c|php artisan queue:work":                        "sh -c",
		"bash|./deploy.sh|now":                                "bash deploy.sh",
		"node|--max-old-space-size=4096|/srv/app.js":          "node app.js",
		"java|-Xmx4g|-cp|a.jar:b.jar|org.x.Main|go":           "java org.x.Main",
		"java|-jar|/opt/x.jar":                                "java x.jar",
		"gpg-agent|--homedir|x":                               "gpg-agent",
		"":                                                    "comm",
		" ":                                                   "comm",
		"\x1b[2J":                                             "?[2J",
		"a\xffb":                                              "a?b",
		strings.Repeat("x", 99):                               strings.Repeat("x", nameMost-1) + "…",
	} {
		if got := programOf(strings.Split(line, "|"), "comm"); got != want {
			t.Errorf("programOf(%q) = %q, want %q", line, got, want)
		}
	}
	if got := programOf(nil, "kworker\n"); got != "kworker?" {
		t.Errorf("a process without a command line is %q", got)
	}
}

func FuzzProgramOf(f *testing.F) {
	f.Add("php\x00artisan\x00queue:work", "php")
	f.Add("php-fpm: pool www\x00\x00", "php-fpm")
	f.Add(" \t:", "")
	f.Add("redis-server *:6379", "x")
	f.Fuzz(func(t *testing.T, cmdline, comm string) {
		argv := strings.Split(cmdline, "\x00")
		name := programOf(argv, comm)
		if len([]rune(name)) > nameMost || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("programOf(%q, %q) = %q", argv, comm, name)
		}
		p := Process{Program: name, Argv: argv}
		isWorker(p)
		isSupervisord(&p)
		configOf(&p)
		roleOf(name)
	})
}
