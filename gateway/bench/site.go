package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"qingfeng/configs"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys/sqlstore"
)

// settings lift the bounds that hold a single device or address back: the
// generator is a whole hospital behind one address.
const settings = `limits: {requests_per_second: 100000, request_burst: 1000000, facts_per_second: 1000000, fact_burst: 1000000, sockets: 100000}
`

// startTimeout bounds how long a process may take until it answers.
const startTimeout = time.Minute

// site is a hospital: a data directory, a Redis, and a gateway that runs or
// not.
type site struct {
	dir     string
	address string
	redis   *redisServer
	env     []string // more of the gateway's environment
	gateway *process
}

// newSite makes an empty one with a Redis that runs.
func (b *bench) newSite(ctx context.Context) (*site, error) {
	dir, err := os.MkdirTemp(b.dir, "site-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.settingsFile(), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	s.redis, err = startRedis(ctx, filepath.Join(dir, "redis"))
	return s, err
}

func (s *site) settingsFile() string { return filepath.Join(s.dir, "settings.yaml") }

func (s *site) url() string { return "http://" + s.address }

func (s *site) server() tabletclient.Server { return tabletclient.Server{URL: s.url()} }

// environment is how the gateway is told where everything is.
func (s *site) environment() map[string]string {
	return map[string]string{
		"QINGFENG_CONFIG": s.settingsFile(), "QINGFENG_LISTEN": s.address, "QINGFENG_MLLP": "off",
		"QINGFENG_DATA_DIR": filepath.Join(s.dir, "data"), "QINGFENG_REDIS": s.redis.url(),
	}
}

func (s *site) config() (*config.Config, error) {
	env := s.environment()
	return config.Load(s.settingsFile(), func(name string) string { return env[name] }, configs.Files)
}

// withStore opens the store, beside a running gateway or without one.
func (s *site) withStore(ctx context.Context, fn func(cfg *config.Config, store *sqlstore.Store) error) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	key, err := cfg.PhoneKey()
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{
		Path: cfg.StorePath(), Zone: cfg.Location(), PhoneKey: key, Calendar: cfg.Workdays(), Place: cfg.Organisation().Place,
	})
	if err != nil {
		return err
	}
	return errors.Join(fn(cfg, store), store.Close())
}

// start starts the gateway and waits until /readyz answers 200; took is the
// time from the start of the process until then.
func (s *site) start(ctx context.Context, b *bench) (took time.Duration, err error) {
	env := os.Environ()
	for name, value := range s.environment() {
		env = append(env, name+"="+value)
	}
	s.gateway, took, err = startProcess(ctx, s.url()+"/readyz", append(env, s.env...), b.gateway, "serve")
	return took, err
}

// stop ends the gateway in order.
func (s *site) stop() {
	if s.gateway != nil {
		s.gateway.stop(os.Interrupt)
		s.gateway = nil
	}
}

// close ends everything and removes what was written.
func (s *site) close() {
	s.stop()
	if s.redis != nil {
		s.redis.kill()
	}
	_ = os.RemoveAll(s.dir) // what stays goes with the run's own directory
}

// process is another program of this run.
type process struct {
	cmd   *exec.Cmd
	out   *tail
	ended chan struct{}
}

// startProcess starts a program and waits until url answers 200.
func startProcess(ctx context.Context, url string, env []string, name string, args ...string) (*process, time.Duration, error) {
	p := &process{cmd: exec.Command(name, args...), out: &tail{}, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.out, p.out
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", filepath.Base(name), err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	for time.Since(began) < startTimeout && ctx.Err() == nil {
		if ready(url) {
			return p, time.Since(began), nil
		}
		select {
		case <-p.ended:
			return nil, 0, fmt.Errorf("%s ended before it was ready:\n%s", filepath.Base(name), p.out)
		case <-time.After(500 * time.Microsecond):
		}
	}
	p.stop(os.Kill)
	return nil, 0, errors.Join(fmt.Errorf("%s was not ready after %s:\n%s", filepath.Base(name), startTimeout, p.out), ctx.Err())
}

var probe = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func ready(url string) bool {
	response, err := probe.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

func (p *process) stop(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal) // one that has ended already is fine
	select {
	case <-p.ended:
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail keeps the end of what a program writes.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const maxTail = 4096

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxTail; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// String implements fmt.Stringer.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// freeAddress gives a loopback address nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// metrics reads the sum of each metric at a /metrics.
func metrics(ctx context.Context, url string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	values := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		var value float64
		if _, err := fmt.Sscanf(text, "%g", &value); err == nil && !strings.HasPrefix(name, "#") {
			values[name] += value
		}
	}
	return values, nil
}
