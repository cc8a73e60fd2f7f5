package tlscert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// expiryWarning is how long before its end a certificate is warned of:
	// long enough for a hospital's purchasing.
	expiryWarning = 30 * 24 * time.Hour
	// browserLife is the longest life browsers accept of a server certificate.
	browserLife = 398 * 24 * time.Hour
	// maxPEM bounds a file that is read as PEM, in bytes.
	maxPEM = 1 << 20
)

// Info is what a pair turned out to be.
type Info struct {
	Names    []string // DNS names and IP addresses browsers may use
	NotAfter time.Time
	// Warnings are for a person: the pair works, but not well or not for long.
	Warnings []string
}

// CheckPair reads a pair and reports an error when it cannot serve HTTPS at the
// moment now: files missing or unreadable, a key others may read, a key of
// another certificate, a certificate expired, not yet valid, without names, or
// not for servers.
func CheckPair(pair Pair, now time.Time) (Info, error) {
	if err := checkKeyMode(pair.Key); err != nil {
		return Info{}, err
	}
	certificate, _, err := load(pair)
	if err != nil {
		return Info{}, err
	}
	return judge(certificate, now)
}

func judge(c *x509.Certificate, now time.Time) (Info, error) {
	info := Info{NotAfter: c.NotAfter}
	info.Names = append(info.Names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		info.Names = append(info.Names, ip.String())
	}
	switch {
	case now.Before(c.NotBefore):
		return info, fmt.Errorf("the certificate is not valid before %s; is the machine's clock right?", c.NotBefore.Format(time.RFC3339))
	case now.After(c.NotAfter):
		return info, fmt.Errorf("the certificate expired on %s; make or get a new one", c.NotAfter.Format(time.DateOnly))
	case len(info.Names) == 0:
		return info, errors.New("the certificate names no host (subject alternative name), and browsers look nowhere else")
	case len(c.ExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny):
		return info, errors.New("the certificate is not for servers (extended key usage)")
	case c.IsCA:
		return info, errors.New("the certificate is an authority's, not a server's")
	}
	if left := c.NotAfter.Sub(now); left < expiryWarning {
		info.Warnings = append(info.Warnings, fmt.Sprintf("the certificate expires on %s, in %d days; tablets stop connecting then",
			c.NotAfter.Format(time.DateOnly), int(left.Hours()/24)))
	}
	if c.NotAfter.Sub(c.NotBefore) > browserLife {
		info.Warnings = append(info.Warnings, "the certificate lives longer than 398 days, which some browsers refuse")
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		info.Warnings = append(info.Warnings, fmt.Sprintf("the certificate's RSA key has %d bits, and browsers want 2048", key.N.BitLen()))
	}
	return info, nil
}

// Import checks the hospital's own pair and copies it to the pair to, so that
// the gateway has its own files with the right modes. The certificate's file
// may hold its chain after it, and keeps it.
func Import(from, to Pair, now time.Time, force bool) (Info, error) {
	certificate, _, err := load(from)
	if err != nil {
		return Info{}, fmt.Errorf("import certificate: %w", err)
	}
	info, err := judge(certificate, now)
	if err != nil {
		return info, fmt.Errorf("import certificate: %w", err)
	}
	if err := free(to, force); err != nil {
		return info, fmt.Errorf("import certificate: %w", err)
	}
	chain, err := readPEM(from.Certificate, "CERTIFICATE")
	if err != nil {
		return info, fmt.Errorf("import certificate: %w", err)
	}
	key, err := readPEM(from.Key, "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")
	if err != nil {
		return info, fmt.Errorf("import certificate: %w", err)
	}
	if err := writePair(to, chain, key, force); err != nil {
		return info, fmt.Errorf("import certificate: %w", err)
	}
	return info, nil
}

// load reads a pair and sees that the key is the certificate's.
func load(pair Pair) (*x509.Certificate, crypto.PrivateKey, error) {
	chain, err := readPEM(pair.Certificate, "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	key, err := readPEM(pair.Key, "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")
	if err != nil {
		return nil, nil, err
	}
	both, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s and %s are not a certificate and its key: %w", pair.Certificate, pair.Key, err)
	}
	switch both.PrivateKey.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
	default:
		return nil, nil, fmt.Errorf("%s is a kind of key this gateway cannot use", pair.Key)
	}
	certificate, err := x509.ParseCertificate(both.Certificate[0])
	if err != nil {
		return nil, nil, fmt.Errorf("%s cannot be read: %w", pair.Certificate, err)
	}
	return certificate, both.PrivateKey, nil
}

// readPEM gives the blocks of the types from a PEM file, and nothing else of
// what stands in it.
func readPEM(path string, types ...string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var out bytes.Buffer
	encrypted := false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			encrypted = true
			continue
		}
		if slices.Contains(types, block.Type) {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
		}
	}
	switch {
	case out.Len() > 0:
		return out.Bytes(), nil
	case encrypted:
		return nil, fmt.Errorf("%s is protected by a pass phrase; store it without one, readable by the gateway alone", path)
	case bytes.HasPrefix(data, []byte{0x30}):
		return nil, fmt.Errorf("%s is DER or PKCS #12; convert it to PEM with openssl", path)
	}
	return nil, fmt.Errorf("%s holds no %s in PEM", path, types[0])
}

// checkKeyMode refuses a key that others may read or change.
func checkKeyMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return fmt.Errorf("others may read or change %s (mode %04o); run chmod 600 on it", path, mode)
	}
	return nil
}
