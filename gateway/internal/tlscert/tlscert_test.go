package tlscert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// now is a moment at which everything is made. Handshakes take it for the
// present.
var now = time.Date(2026, 11, 21, 10, 42, 0, 0, time.UTC)

// made is an authority and a server certificate in a fresh directory.
type made struct{ authority, server Pair }

func paths(dir, name string) Pair {
	return Pair{Certificate: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
}

func makeBoth(tb testing.TB, domains, hosts []string) made {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "tls")
	m := made{paths(dir, "authority"), paths(dir, "server")}
	if _, err := MakeAuthority(m.authority, Authority{Name: "清风医院", Domains: domains, Now: now}); err != nil {
		tb.Fatal(err)
	}
	if _, err := MakeServer(m.authority, m.server, Server{Hosts: hosts, Now: now}); err != nil {
		tb.Fatal(err)
	}
	return m
}

// shake serves HTTPS with the pair and asks for a page as host, trusting the
// authority alone, at the moment at.
func shake(tb testing.TB, m made, host string, at time.Time) error {
	tb.Helper()
	pair, err := tls.LoadX509KeyPair(m.server.Certificate, m.server.Key)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "清风") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	text, err := os.ReadFile(m.authority.Certificate)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		tb.Fatalf("the authority cannot be trusted: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host, Time: func() time.Time { return at }, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
		DisableKeepAlives: true,
	}}
	response, err := client.Get("https://" + net.JoinHostPort(host, "443"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && string(body) != "清风" {
		tb.Errorf("the page says %q", body)
	}
	return err
}

func TestHandshakeWithTheAuthorityAsRoot(t *testing.T) {
	m := makeBoth(t, nil, []string{"qingfeng.hospital.example", "*.wards.example", "10.1.2.3", "fd00::5", "localhost"})
	for _, tt := range []struct {
		host string
		at   time.Time
		want string
	}{
		{"qingfeng.hospital.example", now, ""},
		{"a.wards.example", now, ""},
		{"10.1.2.3", now, ""},
		{"fd00::5", now, ""},
		{"localhost", now, ""},
		{"qingfeng.hospital.example", now.Add(-30 * time.Minute), ""}, // a tablet whose clock is behind
		{"qingfeng.hospital.example", now.Add(396 * 24 * time.Hour), ""},
		{"qingfeng.hospital.example", now.Add(398 * 24 * time.Hour), "expired"},
		{"other.example", now, "not other.example"},
		{"10.1.2.4", now, "not 10.1.2.4"},
	} {
		err := shake(t, m, tt.host, tt.at)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("handshake as %s: %v, want %q", tt.host, err, tt.want)
		}
	}
}

func TestAnAuthorityMayBeLimited(t *testing.T) {
	for _, tt := range []struct {
		name    string
		domains []string
		hosts   []string
		host    string
		want    string
	}{
		{"inside", []string{"hospital.example", "10.0.0.0/8"}, []string{"qf.hospital.example", "10.1.2.3"}, "10.1.2.3", ""},
		{"another name", []string{"hospital.example", "10.0.0.0/8"}, []string{"bank.example"}, "bank.example", "not permitted"},
		{"another address", []string{"hospital.example", "10.0.0.0/8"}, []string{"192.168.1.1"}, "192.168.1.1", "not permitted"},
		{"an address where only names are allowed", []string{"hospital.example"}, []string{"10.1.2.3"}, "10.1.2.3", "is excluded"},
		{"a name where only an address is allowed", []string{"10.1.2.3"}, []string{"bank.example"}, "bank.example", "is excluded"},
		{"the one address", []string{"10.1.2.3"}, []string{"10.1.2.3"}, "10.1.2.3", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := shake(t, makeBoth(t, tt.domains, tt.hosts), tt.host, now)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("handshake: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWhatIsMade(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example", "10.1.2.3"})
	for path, want := range map[string]fs.FileMode{
		m.authority.Key: 0o600, m.server.Key: 0o600, m.authority.Certificate: 0o644, m.server.Certificate: 0o644,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", filepath.Base(path), got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(m.server.Key))
	if err != nil || len(entries) != 4 {
		t.Errorf("the directory holds %v, %v; want four files", entries, err)
	}
	authority, _, err := load(m.authority)
	if err != nil {
		t.Fatal(err)
	}
	server, key, err := load(m.server)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := key.(*ecdsa.PrivateKey); !ok || k.Curve != elliptic.P256() {
		t.Errorf("the server's key is %T", key)
	}
	got := []string{server.NotAfter.Sub(now).String(), authority.NotAfter.Sub(now).String(), server.Subject.CommonName, authority.Subject.CommonName}
	want := []string{"9528h0m0s", "87600h0m0s", "qf.example", "清风医院 Qingfeng CA 2026"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if server.IsCA || !authority.IsCA || server.SerialNumber.Cmp(authority.SerialNumber) == 0 {
		t.Error("the server's certificate could sign others, or shares its number with the authority")
	}
	info, err := CheckPair(m.server, now)
	if err != nil || len(info.Warnings) > 0 {
		t.Errorf("a fresh pair has error %v, warnings %q", err, info.Warnings)
	}
	if diff := cmp.Diff([]string{"qf.example", "10.1.2.3"}, info.Names); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsOverwrittenUnasked(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example"})
	before := contents(t, m)
	_, authorityErr := MakeAuthority(m.authority, Authority{Name: "清风医院", Now: now})
	_, serverErr := MakeServer(m.authority, m.server, Server{Hosts: []string{"qf.example"}, Now: now})
	_, importErr := Import(m.server, m.authority, now, false)
	for _, err := range []error{authorityErr, serverErr, importErr} {
		if !errors.Is(err, ErrExists) {
			t.Errorf("error is %v, want ErrExists", err)
		}
	}
	if diff := cmp.Diff(before, contents(t, m)); diff != "" {
		t.Errorf("a file changed: %s", diff)
	}
	// A certificate alone is in the way too, and then no key is left behind.
	half := paths(t.TempDir(), "half")
	if err := os.WriteFile(half.Certificate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePair(half, []byte("c"), []byte("k"), false); !errors.Is(err, ErrExists) {
		t.Errorf("error is %v, want ErrExists", err)
	}
	if _, err := os.Stat(half.Key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a pair was written: %v", err)
	}
	if _, err := MakeServer(m.authority, m.server, Server{Hosts: []string{"new.example"}, Now: now, Force: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := CheckPair(m.server, now); err != nil || info.Names[0] != "new.example" {
		t.Errorf("with force the pair is for %q, %v", info.Names, err)
	}
}

func contents(tb testing.TB, m made) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for _, path := range []string{m.authority.Certificate, m.authority.Key, m.server.Certificate, m.server.Key} {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		out[path] = string(text)
	}
	return out
}

func TestRefusedRequests(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example"})
	fresh := paths(t.TempDir(), "fresh")
	server := func(authority Pair, to Pair, at time.Time, hosts ...string) error {
		_, err := MakeServer(authority, to, Server{Hosts: hosts, Now: at})
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no hosts", server(m.authority, fresh, now), "at least one name or address"},
		{"a URL", server(m.authority, fresh, now, "https://qf.example"), "is not a host name"},
		{"a port", server(m.authority, fresh, now, "qf.example:8443"), "is not a host name"},
		{"a mistyped address", server(m.authority, fresh, now, "10.1.2.300"), "is not a host name"},
		{"every address", server(m.authority, fresh, now, "0.0.0.0"), "browsers can reach"},
		{"signed by a server", server(m.server, fresh, now, "qf.example"), "is not an authority"},
		{"an authority of the past", server(m.authority, fresh, now.Add(AuthorityLife+time.Hour), "qf.example"), "expired on 2036-11-18"},
		{"no authority", server(fresh, m.server, now, "qf.example"), "no such file"},
		{"one file for both", server(m.authority, Pair{fresh.Key, fresh.Key}, now, "qf.example"), "file of their own"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want one about %q", tt.name, tt.err, tt.want)
		}
	}
	if _, err := MakeAuthority(fresh, Authority{Name: " ", Now: now}); err == nil {
		t.Error("an authority without a name was made")
	}
	if err := os.Chmod(m.authority.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server(m.authority, fresh, now, "qf.example"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("an authority's key that everybody may read gave %v", err)
	}
	if _, err := os.Stat(fresh.Certificate); err == nil {
		t.Error("something was written")
	}
}

func TestAServerNeverOutlivesItsAuthority(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example"})
	late := paths(t.TempDir(), "late")
	c, err := MakeServer(m.authority, late, Server{Hosts: []string{"qf.example"}, Now: now.Add(AuthorityLife - 24*time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(AuthorityLife); !c.NotAfter.Equal(want) {
		t.Errorf("it ends on %s, want %s", c.NotAfter, want)
	}
}

// selfSigned writes a pair made elsewhere, changed by change, with its key in
// the older SEC 1 form.
func selfSigned(tb testing.TB, dir string, change func(*x509.Certificate)) Pair {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(90 * 24 * time.Hour), DNSNames: []string{"qf.example"}, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	pair := paths(dir, "own")
	write(tb, pair.Certificate, "Bag Attributes\n"+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o600)
	write(tb, pair.Key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})), 0o600)
	return pair
}

func write(tb testing.TB, path, text string, mode fs.FileMode) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
}

func TestCheckPairAndImport(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*x509.Certificate)
		damage  func(Pair) error
		at      time.Time
		warning string
		want    string
	}{
		{"good", nil, nil, now, "", ""},
		{"soon over", nil, nil, now.Add(70 * 24 * time.Hour), "expires on 2027-02-19, in 20 days", ""},
		{"over", nil, nil, now.Add(91 * 24 * time.Hour), "", "expired on 2027-02-19"},
		{"not yet", nil, nil, now.Add(-time.Hour), "", "machine's clock"},
		{"too long", func(c *x509.Certificate) { c.NotAfter = now.Add(800 * 24 * time.Hour) }, nil, now, "398 days", ""},
		{"no names", func(c *x509.Certificate) { c.DNSNames = nil }, nil, now, "", "names no host"},
		{"for clients", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, nil, now, "", "not for servers"},
		{"an authority", func(c *x509.Certificate) { c.IsCA = true }, nil, now, "", "an authority's"},
		{"another's key", nil, func(p Pair) error {
			return os.Rename(selfSigned(t, t.TempDir(), func(*x509.Certificate) {}).Key, p.Key)
		}, now, "", "not a certificate and its key"},
		{"a protected key", nil, func(p Pair) error {
			return os.WriteFile(p.Key, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), 0o600)
		}, now, "", "pass phrase"},
		{"PKCS #12", nil, func(p Pair) error { return os.WriteFile(p.Certificate, []byte{0x30, 0x82, 1, 2}, 0o600) }, now, "", "convert it to PEM"},
		{"empty", nil, func(p Pair) error { return os.WriteFile(p.Certificate, nil, 0o600) }, now, "", "no CERTIFICATE"},
		{"missing", nil, func(p Pair) error { return os.Remove(p.Key) }, now, "", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change == nil {
				tt.change = func(*x509.Certificate) {}
			}
			dir := t.TempDir()
			pair := selfSigned(t, dir, tt.change)
			if tt.damage != nil {
				if err := tt.damage(pair); err != nil {
					t.Fatal(err)
				}
			}
			info, err := CheckPair(pair, tt.at)
			to := paths(filepath.Join(dir, "imported"), "server")
			_, importErr := Import(pair, to, tt.at, false)
			for _, err := range []error{err, importErr} {
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error is %v, want one about %q", err, tt.want)
				}
			}
			if warnings := strings.Join(info.Warnings, "\n"); (warnings == "") != (tt.warning == "") || !strings.Contains(warnings, tt.warning) {
				t.Errorf("warnings are %q, want one about %q", warnings, tt.warning)
			}
			_, statErr := os.Stat(to.Key)
			if (statErr == nil) != (tt.want == "") {
				t.Errorf("the imported key: %v", statErr)
			}
			if tt.want != "" {
				return
			}
			if _, err := CheckPair(to, tt.at); err != nil {
				t.Errorf("the imported pair: %v", err)
			}
		})
	}
}

func TestCheckPairRefusesAKeyOthersMayRead(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example"})
	if err := os.Chmod(m.server.Key, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckPair(m.server, now); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("error is %v, want one about chmod 600", err)
	}
}

func TestImportKeepsTheChainAndNothingElse(t *testing.T) {
	m := makeBoth(t, nil, []string{"qf.example"})
	to := paths(filepath.Join(t.TempDir(), "imported"), "server")
	text, err := os.ReadFile(m.server.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	write(t, m.server.Certificate, "notes of the authority\n"+string(text), 0o644)
	if _, err := Import(m.server, to, now, false); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to.Certificate)
	if err != nil || string(got) != string(text) {
		t.Errorf("imported certificate differs, or %v", err)
	}
	if n := strings.Count(string(got), "BEGIN CERTIFICATE"); n != 2 {
		t.Errorf("the chain has %d certificates, want 2", n)
	}
	if err := shake(t, made{m.authority, to}, "qf.example", now); err != nil {
		t.Errorf("handshake with the imported pair: %v", err)
	}
}
