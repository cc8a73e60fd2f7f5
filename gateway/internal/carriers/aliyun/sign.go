package aliyun

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// algorithm is the signature's name: version 3 of the request structure and
// signature of Alibaba Cloud's OpenAPI.
const algorithm = "ACS3-HMAC-SHA256"

// hashOf is the lower-case hexadecimal SHA-256 of a body.
func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// authorization signs a request: the Authorization header for a method, path,
// query and headers, of which host, content-type and every x-acs-* are signed.
// header's names may be written in any case. host is beside them because
// net/http keeps it beside them.
func authorization(method, path, query, host string, header http.Header, bodyHash, keyID, keySecret string) string {
	names, canonical := canonicalHeaders(host, header)
	request := strings.Join([]string{method, path, query, canonical, names, bodyHash}, "\n")
	mac := hmac.New(sha256.New, []byte(keySecret))
	mac.Write([]byte(algorithm + "\n" + hashOf([]byte(request))))
	return algorithm + " Credential=" + keyID + ",SignedHeaders=" + names + ",Signature=" + hex.EncodeToString(mac.Sum(nil))
}

// canonicalHeaders gives the signed headers' names, joined by semicolons, and
// the lines they are signed in, each ended by a line feed.
func canonicalHeaders(host string, header http.Header) (names, lines string) {
	values := map[string][]string{"host": {strings.TrimSpace(host)}}
	for name, list := range header {
		name = strings.ToLower(name)
		if name == "content-type" || strings.HasPrefix(name, "x-acs-") {
			for _, v := range list {
				values[name] = append(values[name], strings.TrimSpace(v))
			}
		}
	}
	sorted := make([]string, 0, len(values))
	for name := range values {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var b strings.Builder
	for _, name := range sorted {
		slices.Sort(values[name])
		b.WriteString(name + ":" + strings.Join(values[name], ",") + "\n")
	}
	return strings.Join(sorted, ";"), b.String()
}

// parameter is one query parameter.
type parameter struct{ name, value string }

// canonicalQuery is the query as it is signed and sent: sorted by name, each
// name and value encoded as RFC 3986 has it.
func canonicalQuery(parameters []parameter) string {
	sorted := slices.Clone(parameters)
	slices.SortStableFunc(sorted, func(a, b parameter) int { return cmp.Compare(a.name, b.name) })
	var b strings.Builder
	for i, p := range sorted {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(encode(p.name))
		b.WriteByte('=')
		b.WriteString(encode(p.value))
	}
	return b.String()
}

// encode percent-encodes everything but RFC 3986's unreserved characters.
func encode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
