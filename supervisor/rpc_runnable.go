package supervisor

import (
	"context"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/rpc"
)

// Runnable is [runnable] in XML-RPC's faults.
func (w wireSide) Runnable(_ context.Context, name string) error {
	v, err := w.view(name)
	if err != nil {
		return err
	}
	switch f, why := runnable(v.inst); f {
	case control.NoFile:
		return &rpc.Fault{Code: rpc.NoFile, Detail: why}
	case control.NotExecutable:
		return &rpc.Fault{Code: rpc.NotExecutable, Detail: why}
	}
	return nil
}
