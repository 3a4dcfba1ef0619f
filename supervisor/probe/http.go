package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
)

const (
	bodyMost   = 64 << 10 // bytes of a body that are waited for
	headerMost = 64 << 10
)

// client asks anew each time: a connection that was kept says nothing of whether
// another is taken. It asks the program itself, past every proxy, and whether it
// answers, not who it is: the certificate of a local server is for its public name.
var client = &http.Client{
	Transport: &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerMost,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// HTTP gets a URL. Well is a status of 200 to 399 and a body that comes to its
// end, or to 64 KiB. A redirect is not followed: it is an answer.
func HTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return inShort(ctx, err)
	}
	req.Header.Set("User-Agent", "bulkhead-health")
	resp, err := client.Do(req)
	if err != nil {
		return inShort(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, bodyMost)); err != nil {
		return inShort(ctx, err)
	}
	return nil
}
