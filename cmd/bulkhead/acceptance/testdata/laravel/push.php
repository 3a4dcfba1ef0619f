<?php
// Fills the queue:
//
//   php push.php [--queue=NAME] [--shuffle=SEED] CLASS:COUNT[,ARGUMENT...] ...
//
// Jobs get the ids CLASS-0001, CLASS-0002, … over all calls on one Redis.
// With --shuffle the jobs of all classes are mixed, the same way for the same
// seed; without, they are pushed in the order given.

$app = require __DIR__.'/bootstrap.php';

$queue = 'default';
$seed = null;
$jobs = [];
foreach (array_slice($argv, 1) as $argument) {
    if (str_starts_with($argument, '--queue=')) {
        $queue = substr($argument, strlen('--queue='));
    } elseif (str_starts_with($argument, '--shuffle=')) {
        $seed = (int) substr($argument, strlen('--shuffle='));
    } elseif (preg_match('/^([A-Za-z]+):(\d+)((?:,\d+)*)$/', $argument, $m) && is_subclass_of("App\\Jobs\\$m[1]", App\Jobs\Base::class)) {
        $numbers = array_map('intval', array_filter(explode(',', $m[3]), 'strlen'));
        for ($i = 0; $i < $m[2]; $i++) {
            $id = sprintf('%s-%04d', $m[1], $app['redis']->connection()->incr("pushed:$m[1]"));
            $jobs[] = new ("App\\Jobs\\$m[1]")($id, ...array_values($numbers));
        }
    } else {
        fwrite(STDERR, "cannot push \"$argument\": want CLASS:COUNT[,ARGUMENT...] with a class of jobs.php\n");
        exit(2);
    }
}
if ($seed !== null) {
    mt_srand($seed);
    shuffle($jobs);
}

// The id goes into the payload too: the ledger reads it there, without
// unserializing the job.
Illuminate\Queue\Queue::createPayloadUsing(fn ($connection, $queue, $payload) => ['id_of_test' => $payload['data']['command']->id]);
foreach (array_chunk($jobs, 200) as $chunk) {
    $app['redis']->connection()->rpush(Ledger::KEY, ...array_map(fn ($job) => Ledger::line('pushed', $job->id, 0), $chunk));
    $app['queue']->connection()->bulk($chunk, '', $queue);
}
printf("pushed %d jobs, %d in the queue\n", count($jobs), $app['queue']->connection()->size($queue));
