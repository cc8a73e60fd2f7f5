package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// pages are the addresses of the screens and the files they are.
func pages() map[string]string {
	return map[string]string{
		"/tablet": "tablet.html", "/board": "board.html", "/desk": "desk.html", "/operator": "operator.html",
		"/s/{token}": "phonepage.html", "/code": "phonepage.html",
	}
}

// screens are the user interface's files, read once: they are embedded and a
// few hundred kilobytes.
type screens struct {
	built bool
	files map[string]screenFile // by path without a leading slash
}

type screenFile struct {
	content      []byte
	kind         string // Content-Type
	cacheControl string
	etag         string
}

const (
	cacheNever     = "no-store"                            // pages: tomorrow's may need other assets
	cacheAsk       = "no-cache"                            // kept, and asked about each time
	cacheImmutable = "public, max-age=31536000, immutable" // named by their content
)

// hashedName is how the bundler names files by their content.
const hashedName = `^assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`

func newScreens(files fs.FS) (*screens, error) {
	s := &screens{files: map[string]screenFile{}}
	hashed := regexp.MustCompile(hashedName)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		f := screenFile{content: content, kind: contentType(name), cacheControl: cacheAsk, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
		switch {
		case path.Ext(name) == ".html":
			f.cacheControl = cacheNever
		case hashed.MatchString(name):
			f.cacheControl = cacheImmutable
		}
		s.files[name] = f
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the screens' files: %w", err)
	}
	_, s.built = s.files["tablet.html"]
	return s, nil
}

// contentType names the type of the files a build makes. It does not ask the
// machine, whose list may lack some.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func (s *Server) registerScreens(mux *http.ServeMux) {
	for address, file := range pages() {
		mux.Handle("GET "+address, s.fixed("GET "+address, func(w http.ResponseWriter, r *http.Request) { s.page(w, r, file) }))
	}
	mux.Handle("GET /{$}", s.fixed("GET /", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/desk", http.StatusSeeOther)
	}))
	mux.Handle("/", s.fixed("static", s.static))
}

func (s *Server) page(w http.ResponseWriter, r *http.Request, name string) {
	file, ok := s.files.files[name]
	if !ok {
		serveNote(w, http.StatusServiceUnavailable, notBuilt)
		return
	}
	serveFile(w, r, file)
}

// static serves the other files of the build; pages have their own addresses.
func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	file, ok := s.files.files[name]
	if !ok || path.Ext(name) == ".html" {
		serveNote(w, http.StatusNotFound, notHere)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, methodNotAllowed(), "")
		return
	}
	if strings.HasSuffix(name, "-sw.js") || name == "sw.js" {
		// The worker stands at the root and serves its page alone.
		w.Header().Set("Service-Worker-Allowed", "/")
	}
	serveFile(w, r, file)
}

func serveFile(w http.ResponseWriter, r *http.Request, f screenFile) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", f.cacheControl)
	if f.cacheControl != cacheNever {
		w.Header().Set("ETag", f.etag)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}

// Pages of their own: no script, no style, nothing to load.
const (
	notHere = `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>404 · 清风</title></head>
<body><h1>404</h1><p>没有这个页面。<br><span lang="en">There is no such page.</span></p>
<p><a href="/desk">/desk</a> · <a href="/board">/board</a> · <a href="/tablet">/tablet</a> · <a href="/operator">/operator</a></p></body></html>
`
	notBuilt = `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>503 · 清风</title></head>
<body><h1>503</h1><p>本程序未包含界面文件。请在源代码目录执行 <code>make ui</code> 后重新编译，或直接执行 <code>make run</code>。</p>
<p lang="en">This program was built without its screens. Run <code>make ui</code> in the source and build again, or simply <code>make run</code>.</p></body></html>
`
)

func serveNote(w http.ResponseWriter, status int, page string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(page)) //nolint:errcheck // the client is gone; there is nobody to tell
}
