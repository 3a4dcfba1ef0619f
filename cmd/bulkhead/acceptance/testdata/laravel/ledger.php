<?php
// What happened to every job, one JSON object per event, in order, in the
// Redis list laravel_database_ledger:
//
//   {"event":"started","id":"Quick-0001","job":"Quick","attempt":1,"pid":4711,"at":1795220000.123}
//
// event: pushed    by push.php
//        started   an attempt begins
//        done      it ended well: exactly one per job that can end well
//        threw     it ended in an exception and will be tried again
//        failed    the job is given up: exactly one per job that cannot end
//                  well; "error" is the exception's class
//
// MaxAttemptsExceededException has two causes. A job over its timeout fails in
// the pid and the attempt that started it, whose worker then kills itself. A
// job with one try whose worker died under it is started once more after
// RETRY_AFTER, by another pid, and fails there at once, without being run.

use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobFailed;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Redis\RedisManager;

class Ledger
{
    public const KEY = 'ledger';

    public static function listen(Dispatcher $events, RedisManager $redis): void
    {
        $write = function (string $event, Job $job, array $more = []) use ($redis) {
            $redis->connection()->rpush(self::KEY, self::line($event, $job->payload()['id_of_test'], $job->attempts(), $more));
        };
        $events->listen(JobProcessing::class, fn ($e) => $write('started', $e->job));
        $events->listen(JobExceptionOccurred::class, function ($e) use ($write) {
            if (! $e->job->hasFailed()) { // else JobFailed has told it
                $write('threw', $e->job, ['error' => class_basename($e->exception)]);
            }
        });
        $events->listen(JobFailed::class, fn ($e) => $write('failed', $e->job, ['error' => class_basename($e->exception)]));
        $events->listen(JobProcessed::class, function ($e) use ($write) {
            if (! $e->job->hasFailed() && ! $e->job->isReleased()) {
                $write('done', $e->job);
            }
        });
    }

    public static function line(string $event, string $id, int $attempt, array $more = []): string
    {
        return json_encode([
            'event' => $event,
            'id' => $id,
            'job' => strtok($id, '-'),
            'attempt' => $attempt,
            'pid' => getmypid(),
            'at' => microtime(true),
        ] + $more);
    }
}
