package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qingfeng/configs"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys/sqlstore"
)

// The proofs run the real program as a process of its own, because a process
// is what gets killed. This file starts, stops and asks it.

// patience is how long a proof waits for what has to come.
const patience = 60 * time.Second

// program is the gateway as it is shipped, built once for all proofs.
var program = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "gateway")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return binary, nil
})

// scratch outlives a single test.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "qingfeng-proof-"); err != nil {
			fmt.Fprintln(os.Stderr, "make a directory:", err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

// settings lift the bounds that hold a single device or address back: the
// proofs do the work of a hospital from one machine.
const settings = `limits: {requests_per_second: 100000, request_burst: 1000000, facts_per_second: 1000000, fact_burst: 1000000}
`

// site is a hospital's data directory and address, whether its gateway runs or
// not.
type site struct {
	t       *testing.T
	dir     string
	address string
	env     map[string]string
	preload []string // of LD_PRELOAD and what it reads
}

// newSite makes an empty one. more is added to its settings.
func newSite(t *testing.T, more string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), address: freeAddress(t)}
	file := filepath.Join(s.dir, "settings.yaml")
	if err := os.WriteFile(file, []byte(settings+more), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = map[string]string{
		"QINGFENG_CONFIG": file, "QINGFENG_LISTEN": s.address, "QINGFENG_MLLP": "127.0.0.1:0", "QINGFENG_DATA_DIR": filepath.Join(s.dir, "data"), "QINGFENG_REDIS": "embedded",
	}
	return s
}

// freeAddress gives an address below those the system hands to outgoing
// connections, so that it is still free when a killed gateway comes back.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(15000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("found no free address in 100 tries")
	return ""
}

func (s *site) getenv(name string) string { return s.env[name] }

func (s *site) url() string { return "http://" + s.address }

func (s *site) server() tabletclient.Server { return tabletclient.Server{URL: s.url()} }

func (s *site) config() *config.Config {
	s.t.Helper()
	cfg, err := config.Load(s.env["QINGFENG_CONFIG"], s.getenv, configs.Files)
	if err != nil {
		s.t.Fatalf("load settings: %v", err)
	}
	return cfg
}

// withStore opens the store, beside a running gateway or without one.
func (s *site) withStore(fn func(ctx context.Context, store *sqlstore.Store)) {
	s.t.Helper()
	store, err := openStore(s.t.Context(), s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			s.t.Errorf("close store: %v", err)
		}
	}()
	fn(s.t.Context(), store)
}

// command runs one of the program's commands and gives what it printed.
func (s *site) command(args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	args = append([]string{"--config", s.env["QINGFENG_CONFIG"]}, args...)
	if code := run(s.t.Context(), args, world{stdin: strings.NewReader(""), stdout: &out, stderr: &out, getenv: s.getenv}); code != exitOK {
		s.t.Errorf("gateway %v: exit code %d\n%s", args[2:], code, out.String())
	}
	return out.String()
}

// verify proves that `gateway verify` finds nothing wrong.
func (s *site) verify() {
	s.t.Helper()
	if out := s.command("verify"); !strings.Contains(out, "nothing wrong") {
		s.t.Errorf("gateway verify found something:\n%s", out)
	}
}

// life is one run of the gateway, from its start to its end.
type life struct {
	*site
	cmd      *exec.Cmd
	password string // the one-time one; "" after the first life
	ended    chan struct{}
	out      safeBuffer // both outputs
}

// safeBuffer is a buffer that is written and read at the same time.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var oneTimePassword = regexp.MustCompile(`admin  (\S+)`)

// start starts the gateway and waits until it says that it is ready.
func (s *site) start() *life {
	s.t.Helper()
	binary, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	l := &life{site: s, cmd: exec.Command(binary, "serve"), ended: make(chan struct{})}
	l.cmd.Env = append(os.Environ(), s.preload...)
	for name, value := range s.env {
		l.cmd.Env = append(l.cmd.Env, name+"="+value)
	}
	l.cmd.Stderr = &l.out
	stdout, err := l.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		s.t.Fatalf("start the gateway: %v", err)
	}
	s.t.Cleanup(l.kill)
	ready := make(chan struct{})
	go l.read(stdout, ready)
	select {
	case <-ready:
	case <-l.ended:
		s.t.Fatalf("the gateway ended before it was ready:\n%s", l.out.String())
	case <-time.After(patience):
		s.t.Fatalf("the gateway is not ready after %s:\n%s", patience, l.out.String())
	}
	if found := oneTimePassword.FindStringSubmatch(l.out.String()); found != nil {
		l.password = found[1]
	}
	return l
}

// read takes the gateway's output until it ends.
func (l *life) read(stdout io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(&l.out, lines.Text())
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "ready") {
			close(ready)
		}
	}
	_ = l.cmd.Wait()
	close(l.ended)
}

// kill is kill -9.
func (l *life) kill() {
	_ = l.cmd.Process.Kill()
	<-l.ended
}

// stop asks the gateway to end, as a service manager does, and proves that it
// does so in order.
func (l *life) stop() {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		l.t.Errorf("send SIGTERM: %v", err)
	}
	select {
	case <-l.ended:
	case <-time.After(patience):
		l.t.Fatalf("the gateway still runs %s after SIGTERM:\n%s", patience, l.out.String())
	}
	if code := l.cmd.ProcessState.ExitCode(); code != 0 {
		l.t.Errorf("the gateway exited with %d after SIGTERM:\n%s", code, l.out.String())
	}
}

// get asks for a page; a gateway that does not answer is an error.
func (l *life) get(path string) (status int, body string, err error) {
	response, err := http.Get(l.url() + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// await waits until a page answers with a status and a text.
func (l *life) await(path string, status int, text string) string {
	l.t.Helper()
	var got int
	var body string
	var err error
	eventually(l.t, fmt.Sprintf("%s answers %d with %q", path, status, text), func() bool {
		got, body, err = l.get(path)
		return err == nil && got == status && strings.Contains(body, text)
	}, func() string { return fmt.Sprintf("%d %s %v", got, body, err) })
	return body
}

// metric reads one figure of /metrics.
func (l *life) metric(name string) int64 {
	l.t.Helper()
	_, body, err := l.get("/metrics")
	if err != nil {
		l.t.Fatalf("read metrics: %v", err)
	}
	for line := range strings.Lines(body) {
		var value float64
		if n, _ := fmt.Sscanf(line, name+" %g", &value); n == 1 {
			return int64(value)
		}
	}
	l.t.Fatalf("/metrics has no %s", name)
	return 0
}

// eventually waits until a condition holds; last tells how it stood when it
// never did.
func eventually(t *testing.T, what string, holds func() bool, last ...func() string) {
	t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			for _, tell := range last {
				t.Log("at the end:", tell())
			}
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// within bounds a wait by ctx.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errors.New("took too long"))
	t.Cleanup(cancel)
	return ctx
}

// seeded gives randomness whose seed is printed, so that a failure can be
// looked into.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
