package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddress gives the address limits count by. X-Forwarded-For is believed
// only from a trusted proxy, and then only as far as the last hop that is not
// one itself: whatever a client writes further left is its own invention. The
// zero Addr means it could not be told.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	if !inside(addr, trusted) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return addr
		}
		addr = hop.Unmap()
		if !inside(addr, trusted) {
			return addr
		}
	}
	return addr
}

func inside(addr netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// overTLS reports whether the client's own connection is encrypted, as seen
// here or as a trusted proxy says.
func overTLS(r *http.Request, trusted []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && inside(peer.Addr().Unmap(), trusted) && r.Header.Get("X-Forwarded-Proto") == "https"
}
