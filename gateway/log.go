package main

import (
	"bytes"
	"io"
	"log"
	"log/slog"

	"qingfeng/gateway/internal/config"
)

// newLogger makes the program's logger. Personal text redacts itself
// (surveys.Secret); the logger adds a second wall and drops the attributes that
// could only be personal.
func newLogger(cfg *config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Log.SlogLevel(), ReplaceAttr: redact}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case "phone", "comment", "callback_phone", "body", "password", "token", "secret", "authorization", "cookie":
		a.Value = slog.StringValue("[redacted]")
	}
	return a
}

// quietServerLog hands net/http's own lines (a client that broke off, a failed
// handshake) to the logger at debug: they are the network's weather.
func quietServerLog(to *slog.Logger) *log.Logger {
	return log.New(lineWriter{to}, "", 0)
}

type lineWriter struct{ to *slog.Logger }

// Write implements io.Writer.
func (w lineWriter) Write(line []byte) (int, error) {
	w.to.Debug("http server", "line", string(bytes.TrimSpace(line)))
	return len(line), nil
}
