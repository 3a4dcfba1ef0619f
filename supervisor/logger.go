package supervisor

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

// newLogger writes the supervisor's own log: to its file, rotated as the
// programs' are, or to standard error.
func newLogger(c conf.Supervisor, set *logs.Set) (*zap.Logger, func(), error) {
	level, err := zapcore.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot use log level %q: %v", c.LogLevel, err)
	}
	out, end := zapcore.Lock(os.Stderr), func() {}
	if c.LogFile != "" && c.LogFile != "-" {
		sink, err := set.Open(logs.Target{Path: c.LogFile, MaxBytes: int64(c.LogFileMaxBytes), Backups: c.LogFileBackups})
		if err != nil {
			return nil, nil, err
		}
		out, end = zapcore.AddSync(sink), func() { sink.Close() }
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	enc.EncodeLevel = zapcore.CapitalLevelEncoder
	enc.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(enc), out, level)), end, nil
}
