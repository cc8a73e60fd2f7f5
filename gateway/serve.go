package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/tlscert"
)

const (
	// headerTimeout bounds how long a client may take over its request's
	// headers: without it slow ones hold connections for ever.
	headerTimeout = 5 * time.Second
	// readTimeout and writeTimeout bound a whole request and its answer.
	// Websockets leave the server before they matter.
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
	keepTimeout  = 2 * time.Minute
	maxHeader    = 16 << 10
	// stopTimeout is how long a stop may take: queued acknowledgements leave,
	// the store closes.
	stopTimeout = 15 * time.Second
	// garbagePercent lets the heap grow to five times what is live before a
	// collection: with a live heap of some tens of megabytes memory is cheap
	// and pauses show in the slowest acknowledgements.
	garbagePercent = 400
	memoryLimit    = 2 << 30
)

type serveCommand struct{}

// Run starts the gateway and serves until ctx ends.
func (serveCommand) Run(ctx context.Context, line *commands, w world) error {
	calmCollector(w)
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, w, func(url string, s *system) error {
		return announce(w, cfg, url, s.hl7Address, s.oneTimePassword, s.trial)
	})
}

// calmCollector sets how often garbage is collected, unless the environment
// says it. It comes first of all: reading the settings makes some garbage too.
func calmCollector(w world) {
	if w.getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if w.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// serve opens everything, calls ready with the address to open, and serves
// until ctx ends or the server fails. ready announces the gateway, may start
// more work of its own, and returns at once.
func serve(ctx context.Context, cfg *config.Config, w world, ready func(url string, s *system) error) error {
	listener, err := listen(cfg)
	if err != nil {
		return err
	}
	url := publicURL(cfg, listener.Addr())
	system, err := open(ctx, cfg, url, newLogger(cfg, w.stderr))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: system.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: keepTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: quietServerLog(system.log),
	}
	failed := make(chan error, 1)
	go func() {
		if cfg.Listen.TLS.Enabled() {
			failed <- server.ServeTLS(listener, cfg.Listen.TLS.Certificate, cfg.Listen.TLS.Key)
			return
		}
		failed <- server.Serve(listener)
	}()
	if err = ready(url, system); err == nil {
		select {
		case <-ctx.Done():
			system.log.Info("stopping")
		case err = <-failed:
			err = fmt.Errorf("serve: %w", err)
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, system.close(stopping), server.Shutdown(stopping))
}

// listen takes the address before anything is opened: a second gateway on the
// same machine ends here.
func listen(cfg *config.Config) (net.Listener, error) {
	if cfg.Listen.TLS.Enabled() {
		if _, err := tlscert.CheckPair(tlscert.Pair(cfg.Listen.TLS), time.Now()); err != nil {
			return nil, usageError{fmt.Errorf("listen.tls: %w", err)}
		}
	}
	listener, err := net.Listen("tcp", cfg.Listen.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Listen.Address, err)
	}
	return listener, nil
}

// publicURL is the address people open: the configured one, or where the
// gateway really listens.
func publicURL(cfg *config.Config, addr net.Addr) string {
	if cfg.PublicURL != "" {
		return strings.TrimSuffix(cfg.PublicURL, "/")
	}
	if cfg.Listen.TLS.Enabled() {
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// announce prints what to open, where HL7 messages are taken ("" for nowhere),
// how to sign in the first time ("" when that is past), and what of this set-up
// is for trial alone ("" for nothing).
func announce(w world, cfg *config.Config, url, mllp, password, trial string) error {
	org := cfg.Organisation()
	fmt.Fprintf(w.stdout, "\n  清风 Qingfeng · %s %s\n\n", org.Name.ZH, org.Name.EN)
	for _, page := range []struct{ path, zh, en string }{
		{"/tablet", "评价平板", "a patient's tablet"},
		{"/board", "看板", "the live board"},
		{"/desk", "工作台", "the desk: approve tablets, call-backs, accounts"},
		{"/operator", "窗口", "one button to ask for a rating"},
		{"/code", "取码评价", "a survey by the code of a text"},
		{"/phone", "模拟手机", "the simulated phones of discharged patients"},
	} {
		if page.path == "/phone" && !slices.Contains(cfg.Carriers.InUse(), config.CarrierSimulator) {
			continue
		}
		fmt.Fprintf(w.stdout, "  %s%-10s %s · %s\n", url, page.path, page.zh, page.en)
	}
	if mllp != "" {
		fmt.Fprintf(w.stdout, "  %-31s %s · %s\n", mllp, "HL7 消息", "HL7 v2 messages over MLLP")
	}
	if password != "" {
		fmt.Fprintf(w.stdout, "\n  登录 · sign in (shown once):  admin  %s\n", password)
	}
	if trial != "" {
		fmt.Fprintf(w.stdout, "\n  %s\n", trial)
	}
	_, err := fmt.Fprintf(w.stdout, "\n  ready · Ctrl-C stops\n")
	return err
}
