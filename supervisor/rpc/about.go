package rpc

import (
	"context"

	"bulkhead/supervisor/xmlrpc"
)

func getAPIVersion(context.Context, *Interface, arguments) (any, error) { return apiVersion, nil }

func getSupervisorVersion(_ context.Context, i *Interface, _ arguments) (any, error) {
	return i.super.About().Version, nil
}

func getIdentification(_ context.Context, i *Interface, _ arguments) (any, error) {
	return i.super.About().Identifier, nil
}

func getState(_ context.Context, i *Interface, _ arguments) (any, error) {
	s := i.super.About().State
	return xmlrpc.Struct{{Name: "statecode", Value: int(s)}, {Name: "statename", Value: s.String()}}, nil
}

func getPID(_ context.Context, i *Interface, _ arguments) (any, error) {
	return i.super.About().PID, nil
}

func shutdown(ctx context.Context, i *Interface, _ arguments) (any, error) {
	return done(i.super.Shutdown(ctx))
}

func restart(ctx context.Context, i *Interface, _ arguments) (any, error) {
	return done(i.super.Restart(ctx))
}

// done is the answer of what returns nothing but true.
func done(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return true, nil
}

// sendRemoteCommEvent answers at any time, as it does in supervisord.
func sendRemoteCommEvent(ctx context.Context, i *Interface, a arguments) (any, error) {
	return done(i.super.Post(ctx, a.text(0), a.text(1)))
}
