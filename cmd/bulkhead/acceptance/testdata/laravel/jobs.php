<?php
// The jobs. Each takes its id first, then the numbers that push.php is given.

namespace App\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Queue\InteractsWithQueue;

abstract class Base implements ShouldQueue
{
    use InteractsWithQueue;
    use Queueable;

    public function __construct(public string $id)
    {
    }
}

/** Ends well after $ms milliseconds. */
class Quick extends Base
{
    public function __construct(string $id, public int $ms = 5)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        usleep($this->ms * 1000);
    }
}

/** Ends well after $s seconds of waiting, in which signals are handled. */
class Slow extends Base
{
    public function __construct(string $id, public int $s = 5)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        // A signal cuts usleep short: watch the clock.
        for ($end = microtime(true) + $this->s; microtime(true) < $end;) {
            usleep(50000);
        }
    }
}

/** Keeps $mb megabytes of PHP's heap for ever: --memory sees them. */
class LeakPhp extends Base
{
    private static array $kept = [];

    public function __construct(string $id, public int $mb = 10)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        self::$kept[] = str_repeat('x', $this->mb << 20);
    }
}

/** Keeps $mb megabytes outside PHP's heap for ever: only the kernel sees them. */
class LeakNative extends Base
{
    public function __construct(string $id, public int $mb = 10)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        $libc = \FFI::cdef('void *malloc(size_t); void *memset(void *, int, size_t);', 'libc.so.6');
        $libc->memset($libc->malloc($this->mb << 20), 0xAA, $this->mb << 20);
    }
}

/** Grows by a megabyte every $us microseconds until something stops it. */
class Balloon extends Base
{
    public int $tries = 1;

    public function __construct(string $id, public int $us = 2000)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        for ($air = [];; usleep($this->us)) {
            $air[] = str_repeat('x', 1 << 20);
        }
    }
}

/** Runs a child process that takes $mb megabytes, for $s seconds. */
class ChildHog extends Base
{
    public function __construct(string $id, public int $mb = 50, public int $s = 1)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        $code = sprintf('$x = str_repeat("x", %d << 20); sleep(%d);', $this->mb, $this->s);
        $child = proc_open([PHP_BINARY, '-n', '-d', 'memory_limit=-1', '-r', $code], [], $pipes);
        $status = proc_close($child);
        if ($status !== 0) {
            throw new \RuntimeException("the child ended with status $status");
        }
    }
}

/**
 * Reads $mb megabytes of the file CACHE_FILE: page cache, which the kernel can
 * take back, and nothing else. (A file in a tmpfs would be shared memory.)
 */
class CacheReader extends Base
{
    public function __construct(string $id, public int $mb = 100)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        $file = fopen(getenv('CACHE_FILE') ?: '', 'r');
        for ($read = 0; $read < $this->mb << 20; $read += strlen($chunk)) {
            $chunk = fread($file, 1 << 20);
            if ($chunk === false || $chunk === '') {
                throw new \RuntimeException(sprintf('%s is shorter than %d MB', getenv('CACHE_FILE'), $this->mb));
            }
        }
        fclose($file);
    }
}

/** Fails for good at the first try. */
class Fails extends Base
{
    public int $tries = 1;

    public function handle()
    {
        throw new \RuntimeException('boom');
    }
}

/** Throws until its try number $at, in which it ends well. */
class FailsThenRetries extends Base
{
    public int $tries = 5;

    public function __construct(string $id, public int $at = 2)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        if ($this->attempts() < $this->at) {
            throw new \RuntimeException('try me again');
        }
    }
}

/** Waits for ever; after $timeout seconds its worker kills itself. */
class TimesOut extends Base
{
    public int $tries = 1;

    public function __construct(string $id, public int $timeout = 2)
    {
        parent::__construct($id);
    }

    public function handle()
    {
        while (true) {
            sleep(60);
        }
    }
}
