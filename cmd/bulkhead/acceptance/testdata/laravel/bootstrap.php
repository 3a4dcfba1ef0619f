<?php
// The container a queue worker needs, and nothing else. Returns it.

use Illuminate\Bus\Dispatcher as Bus;
use Illuminate\Cache\CacheManager;
use Illuminate\Container\Container;
use Illuminate\Contracts\Bus\Dispatcher as BusContract;
use Illuminate\Contracts\Container\Container as ContainerContract;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Events\Dispatcher as EventsContract;
use Illuminate\Contracts\Queue\Factory as QueueContract;
use Illuminate\Events\Dispatcher as Events;
use Illuminate\Queue\Capsule\Manager as Queue;
use Illuminate\Queue\Events\Looping;
use Illuminate\Queue\Failed\NullFailedJobProvider;
use Illuminate\Redis\RedisManager;
use Illuminate\Support\Facades\Facade;

// Laravel 8 on PHP 8.2 is full of deprecations; on standard output they would
// stand between the worker's own lines.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
ini_set('display_errors', 'stderr');
ini_set('memory_limit', getenv('PHP_MEMORY_LIMIT') ?: '-1');

// Found by include_path in /usr/share/php. One package does not load another.
foreach (['Queue', 'Events', 'Bus', 'Cache', 'Redis', 'Config', 'Console'] as $component) {
    require_once "Illuminate/$component/autoload.php";
}
require_once __DIR__.'/jobs.php';
require_once __DIR__.'/ledger.php';

/** What the worker asks of Illuminate\Foundation\Application. */
class App extends Container
{
    public function isDownForMaintenance(): bool
    {
        return false;
    }

    public function runningUnitTests(): bool
    {
        return false;
    }

    public function environment(...$names): string
    {
        return 'production';
    }
}

/** Errors go to standard error, as to a log. */
class StderrHandler implements ExceptionHandler
{
    public function report(Throwable $e)
    {
        fwrite(STDERR, sprintf("[%s] production.ERROR: %s: %s\n", date('Y-m-d H:i:s'), get_class($e), $e->getMessage()));
    }

    public function shouldReport(Throwable $e)
    {
        return true;
    }

    public function render($request, Throwable $e)
    {
    }

    public function renderForConsole($output, Throwable $e)
    {
        $output->writeln((string) $e);
    }
}

$app = new App;
Container::setInstance($app);
Facade::setFacadeApplication($app);
$app->instance('app', $app);
// CallQueuedHandler asks for the contract: without the alias every job fails.
$app->instance(Container::class, $app);
$app->alias(Container::class, ContainerContract::class);
$app->singleton('events', fn ($app) => new Events($app));
$app->alias('events', EventsContract::class);
$app->singleton(ExceptionHandler::class, fn () => new StderrHandler);
$app->singleton(BusContract::class, fn ($app) => new Bus($app, fn () => $app['queue']->connection()));
$app->alias(BusContract::class, Bus::class);
// Failed jobs are in the ledger.
$app->singleton('queue.failer', fn () => new NullFailedJobProvider);

$queue = new Queue($app); // makes 'config', whose dotted keys are flat
$queue->addConnection([
    'driver' => 'redis',
    'connection' => 'default',
    'queue' => 'default',
    'retry_after' => (int) (getenv('RETRY_AFTER') ?: 90),
    'block_for' => null,
], 'redis');
$app->instance('queue', $queue->getQueueManager());
$app->alias('queue', QueueContract::class);

$socket = getenv('REDIS_SOCKET');
$redis = $socket
    ? ['host' => $socket, 'port' => 0]
    : ['host' => '127.0.0.1', 'port' => (int) (getenv('REDIS_PORT') ?: 6379)];
$app->singleton('redis', fn ($app) => new RedisManager($app, 'phpredis', [
    'options' => ['prefix' => 'laravel_database_'],
    'default' => $redis + ['database' => 0],
]));

$config = $app['config'];
$config['queue.default'] = 'redis';
$config['cache.default'] = 'redis';
$config['cache.stores.redis'] = ['driver' => 'redis', 'connection' => 'default'];
$config['cache.prefix'] = 'laravel_cache';
$app->singleton('cache', fn ($app) => new CacheManager($app));
$app->singleton('cache.store', fn ($app) => $app['cache']->driver());

Ledger::listen($app['events'], $app['redis']);

// Ready means: booted, connected, about to ask for the first job.
$app['events']->listen(Looping::class, function () {
    static $told = false;
    $socket = getenv('NOTIFY_SOCKET');
    if ($told || ! $socket) {
        return;
    }
    $told = true;
    // systemd's protocol: one datagram; a leading @ is an abstract name.
    $address = $socket[0] === '@' ? "\0".substr($socket, 1) : $socket;
    if ($to = @stream_socket_client('udg://'.$address)) {
        fwrite($to, "READY=1\n");
        fclose($to);
    }
});

return $app;
