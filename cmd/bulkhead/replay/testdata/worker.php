<?php
// A queue worker: it takes jobs from the list "jobs" in Redis and says in the ledger what
// became of them. A job is "ID MILLISECONDS", the time it takes. SIGTERM lets it finish the
// job in hand; SIGUSR2 has it take none until SIGCONT, as Laravel's. Like that it prints a
// line of every job that is done.
//
// usage: worker.php NAME SOCKET LEDGER LEAK     LEAK: bytes it keeps of every job, 0 none

[, $name, $socket, $ledger, $leak] = $argv;
$stop = $paused = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop) { $stop = true; });
pcntl_signal(SIGUSR2, function () use (&$paused) { $paused = true; });
pcntl_signal(SIGCONT, function () use (&$paused) { $paused = false; });
file_put_contents('/proc/self/comm', $name); // as the kernel names whom it kills

function say(string $line): void
{
    global $ledger;
    file_put_contents($ledger, sprintf("%s %d %d\n", $line, getmypid(), microtime(true) * 1000), FILE_APPEND);
}

function work(float $seconds): void
{
    $end = microtime(true) + $seconds;
    while (($left = $end - microtime(true)) > 0) {
        usleep((int) ($left * 1e6)); // a signal ends it early
    }
}

say("up $name");
$redis = null;
$kept = [];
while (! $stop) {
    if ($paused) {
        work(0.2);
        continue;
    }
    try {
        if (! $redis) {
            $redis = new Redis();
            $redis->connect($socket);
        }
        $taken = $redis->blPop(['jobs'], 2);
    } catch (RedisException) { // it is down, or loads its data
        $redis = null;
        work(0.5);
        continue;
    }
    if (! $taken) {
        continue;
    }
    [$id, $ms] = explode(' ', $taken[1]);
    say("took $id");
    if ($leak > 0) {
        $kept[] = str_repeat('x', (int) $leak);
    }
    work($ms / 1000);
    say("done $id");
    echo "done $id\n";
}
say("end $name");
