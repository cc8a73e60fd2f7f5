package tlscert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	// AuthorityLife is how long a local authority lives: ten years, so that
	// tablets are told to trust it once in their own life.
	AuthorityLife = 10 * 365 * 24 * time.Hour
	// ServerLife is how long a server certificate lives: 397 days, the most
	// that browsers accept.
	ServerLife = 397 * 24 * time.Hour
	// backdate lets a tablet whose clock is behind accept a new certificate.
	backdate = time.Hour
)

// Pair names the two PEM files of a certificate.
type Pair struct {
	Certificate string
	Key         string
}

// Authority says what kind of authority to make.
type Authority struct {
	// Name is the hospital's, shown where a tablet lists its authorities.
	Name string
	// Domains, when given, are all the authority may ever sign for: names
	// (with everything below them), IP addresses and networks. Without them it
	// could sign for any site, and its key is worth as much as that.
	Domains []string
	// Now is the moment from which it is valid.
	Now time.Time
	// Force allows existing files to be replaced.
	Force bool
}

// Server says what kind of server certificate to make.
type Server struct {
	// Hosts are the names and IP addresses under which browsers reach the
	// gateway; at least one.
	Hosts []string
	Now   time.Time
	Force bool
}

// ErrExists is returned instead of overwriting a file.
var ErrExists = errors.New("the file exists already; it is not overwritten without force")

// MakeAuthority makes a local authority and writes it to the pair. Its key
// signs certificates that every tablet will trust: keep it off the gateway
// once the server certificate is made.
func MakeAuthority(to Pair, a Authority) (*x509.Certificate, error) {
	if strings.TrimSpace(a.Name) == "" {
		return nil, errors.New("make authority: it needs a name")
	}
	if err := free(to, a.Force); err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{a.Name}, CommonName: a.Name + " Qingfeng CA " + a.Now.UTC().Format("2006")},
		NotBefore:             a.Now.Add(-backdate).UTC(),
		NotAfter:              a.Now.Add(AuthorityLife).UTC(),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	if err := constrain(template, a.Domains); err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	certificate, err := issue(to, template, nil, nil, a.Force)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	return certificate, nil
}

// constrain limits an authority to domains.
func constrain(template *x509.Certificate, domains []string) error {
	for _, d := range domains {
		if prefix, err := netip.ParsePrefix(d); err == nil {
			_, network, err := net.ParseCIDR(prefix.Masked().String())
			if err != nil {
				return fmt.Errorf("%q is not a network", d)
			}
			template.PermittedIPRanges = append(template.PermittedIPRanges, network)
			continue
		}
		host, err := parseHost(d)
		if err != nil {
			return err
		}
		if host.ip == nil {
			template.PermittedDNSDomains = append(template.PermittedDNSDomains, strings.TrimPrefix(host.name, "*."))
			continue
		}
		bits := 8 * len(host.ip)
		template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{IP: host.ip, Mask: net.CIDRMask(bits, bits)})
	}
	template.PermittedDNSDomainsCritical = len(domains) > 0
	// A list of one kind leaves the other kind free; close it.
	if len(template.PermittedDNSDomains) == 0 && len(template.PermittedIPRanges) > 0 {
		template.ExcludedDNSDomains = []string{""}
	}
	if len(template.PermittedIPRanges) == 0 && len(template.PermittedDNSDomains) > 0 {
		template.ExcludedIPRanges = []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		}
	}
	return nil
}

// MakeServer makes a server certificate for the hosts, signed by the authority,
// and writes it to the pair: the server's certificate first, the authority's
// after it.
func MakeServer(authority, to Pair, s Server) (*x509.Certificate, error) {
	if err := checkKeyMode(authority.Key); err != nil {
		return nil, fmt.Errorf("make server certificate: read authority: %w", err)
	}
	parent, signer, err := load(authority)
	if err != nil {
		return nil, fmt.Errorf("make server certificate: read authority: %w", err)
	}
	key, ok := signer.(*ecdsa.PrivateKey)
	if !ok || !parent.IsCA {
		return nil, fmt.Errorf("make server certificate: %s is not an authority made here", authority.Certificate)
	}
	if s.Now.After(parent.NotAfter) {
		return nil, fmt.Errorf("make server certificate: the authority expired on %s", parent.NotAfter.Format(time.DateOnly))
	}
	if err := free(to, s.Force); err != nil {
		return nil, fmt.Errorf("make server certificate: %w", err)
	}
	template := &x509.Certificate{
		NotBefore:             s.Now.Add(-backdate).UTC(),
		NotAfter:              s.Now.Add(ServerLife).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(parent.NotAfter) {
		template.NotAfter = parent.NotAfter
	}
	if err := addHosts(template, s.Hosts); err != nil {
		return nil, fmt.Errorf("make server certificate: %w", err)
	}
	certificate, err := issue(to, template, parent, key, s.Force)
	if err != nil {
		return nil, fmt.Errorf("make server certificate: %w", err)
	}
	return certificate, nil
}

// issue makes a key, has the template signed by the parent (or by itself when
// there is none), and writes both files.
func issue(to Pair, template, parent *x509.Certificate, signer *ecdsa.PrivateKey, force bool) (*x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	self := parent == nil
	if self {
		parent, signer = template, key
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		id := sha256.Sum256(public)
		template.SubjectKeyId = id[:20]
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if !self {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: parent.Raw})...)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	if err := writePair(to, chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), force); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// host is a DNS name or an IP address of a certificate.
type host struct {
	name string
	ip   net.IP
}

func addHosts(template *x509.Certificate, hosts []string) error {
	if len(hosts) == 0 {
		return errors.New("it needs at least one name or address under which browsers reach the gateway")
	}
	for _, text := range hosts {
		h, err := parseHost(text)
		if err != nil {
			return err
		}
		if h.ip != nil {
			template.IPAddresses = append(template.IPAddresses, h.ip)
		} else {
			template.DNSNames = append(template.DNSNames, h.name)
		}
		if template.Subject.CommonName == "" {
			template.Subject.CommonName = text
		}
	}
	return nil
}

// parseHost reads a DNS name, "*." before it allowed, or an IP address.
func parseHost(text string) (host, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" || addr.IsUnspecified() {
			return host{}, fmt.Errorf("%q is not an address browsers can reach", text)
		}
		return host{ip: net.IP(addr.Unmap().AsSlice())}, nil
	}
	name := strings.ToLower(text)
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	for _, label := range labels {
		if !validLabel(label) {
			return host{}, fmt.Errorf("%q is not a host name or an IP address (no scheme, port or path)", text)
		}
	}
	if len(name) > 253 || strings.Trim(name, "0123456789.") == "" {
		return host{}, fmt.Errorf("%q is not a host name or an IP address", text)
	}
	return host{name: name}, nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// free reports whether both files may be written.
func free(to Pair, force bool) error {
	if to.Certificate == "" || to.Key == "" || to.Certificate == to.Key {
		return errors.New("the certificate and the key each need a file of their own")
	}
	if force {
		return nil
	}
	for _, path := range []string{to.Certificate, to.Key} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s: %w", path, ErrExists)
		}
	}
	return nil
}
