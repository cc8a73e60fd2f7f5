package live_test

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"

	"qingfeng/gateway/internal/live"
)

func TestSameOrigin(t *testing.T) {
	allow := live.SameOrigin("https://qingfeng.hospital.example", "http://127.0.0.1:8080", "https://127.0.0.1:443")
	for _, tt := range []struct {
		name, host, origin string
		tls, want          bool
	}{
		{"the public one", "10.20.0.5:8080", "https://qingfeng.hospital.example", false, true},
		{"its host over plain HTTP", "qingfeng.hospital.example", "http://qingfeng.hospital.example", false, false},
		{"loopback", "127.0.0.1:8080", "http://127.0.0.1:8080", false, true},
		{"loopback by name", "localhost:8080", "http://localhost:8080", false, true},
		{"loopback over IPv6", "[::1]:8080", "http://[::1]:8080", false, true},
		{"loopback on the scheme's own port", "localhost", "https://localhost", false, true},
		{"another port of loopback", "127.0.0.1:8081", "http://127.0.0.1:8081", false, false},
		{"a name that points at the gateway's address", "evil.example:8080", "http://evil.example:8080", false, false},
		{"another site", "127.0.0.1:8080", "https://evil.example", false, false},
		{"a name of the certificate", "10.20.0.5:8443", "https://10.20.0.5:8443", true, true},
		{"another site over TLS", "10.20.0.5:8443", "https://evil.example", true, false},
		{"another scheme", "10.20.0.5:8443", "http://10.20.0.5:8443", true, false},
		{"no origin", "", "null", true, false},
	} {
		r := httptest.NewRequest("GET", "/ws/device", nil)
		if r.Host = tt.host; tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := allow(r, tt.origin); got != tt.want {
			t.Errorf("%s: allowed %v, want %v", tt.name, got, tt.want)
		}
	}
}
