package twilio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"qingfeng/surveys/texting"
)

// TestFaults breaks the connection at every step. A text that Twilio may have
// taken is ambiguous, one it cannot have taken comes later, and none is sent
// twice.
func TestFaults(t *testing.T) {
	// take reads the whole request, as a Twilio would that has taken the text.
	take := func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		class  texting.Class
	}{
		{"silent until we give up", func(_ http.ResponseWriter, r *http.Request) {
			take(r)
			<-r.Context().Done()
		}, texting.ClassAmbiguous},
		{"reset after accepting", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = connection.(*net.TCPConn).SetLinger(0)
				_ = connection.Close()
			}
		}, texting.ClassAmbiguous},
		{"closed after accepting", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			panic(http.ErrAbortHandler)
		}, texting.ClassAmbiguous},
		{"500 after accepting", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			w.WriteHeader(500)
		}, texting.ClassAmbiguous},
		{"taken, and the answer breaks off", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, answer)
		}, texting.ClassAmbiguous},
		{"taken, and the answer never ends", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			w.WriteHeader(201)
			page := make([]byte, 1<<20)
			for range maxAnswer>>20 + 1 {
				_, _ = w.Write(page)
			}
		}, texting.ClassAmbiguous},
		{"no HTTP at all", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(connection, "220 mail.example ESMTP\r\n")
				_ = connection.Close()
			}
		}, texting.ClassAmbiguous},
		{"refused, and the answer breaks off", func(w http.ResponseWriter, r *http.Request) {
			take(r)
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"code":21211`)
		}, texting.ClassFinal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sends atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sends.Add(1)
				tt.answer(w, r)
			}))
			defer s.Close()
			c := newCarrier(t, func(o *Options) { o.BaseURL, o.Timeout = s.URL, 250*time.Millisecond })
			sent, err := c.Send(t.Context(), message())
			checkSent(t, sent, err, texting.Sent{}, tt.class, "")
			if sends.Load() != 1 {
				t.Errorf("it was sent %d times", sends.Load())
			}
		})
	}
}

func TestNothingWritten(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	var sends atomic.Int32
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sends.Add(1) }))
	defer stranger.Close()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name, url string
		ctx       context.Context
	}{
		{"connection refused", "http://" + closed.Addr().String(), t.Context()},
		{"a certificate nobody knows", stranger.URL, t.Context()},
		{"given up before it began", stranger.URL, ended},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCarrier(t, func(o *Options) { o.BaseURL = tt.url })
			sent, err := c.Send(tt.ctx, message())
			checkSent(t, sent, err, texting.Sent{}, texting.ClassLater, "")
			if sends.Load() != 0 {
				t.Error("it was sent")
			}
		})
	}
}

// A connection that is ready is where certainty ends: whoever gives up on a
// silent handshake gives up before it.
func TestSilentHandshake(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := newCarrier(t, func(o *Options) { o.BaseURL, o.Timeout = "https://"+silent.Addr().String(), 100*time.Millisecond })
	sent, err := c.Send(t.Context(), message())
	checkSent(t, sent, err, texting.Sent{}, texting.ClassLater, "")
}

func TestSendHonoursItsContext(t *testing.T) {
	reached := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(reached)
		<-r.Context().Done()
	}))
	defer s.Close()
	c := newCarrier(t, func(o *Options) { o.BaseURL, o.Timeout = s.URL, 20*time.Second })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	sent, err := c.Send(ctx, message())
	checkSent(t, sent, err, texting.Sent{}, texting.ClassAmbiguous, "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is %v, want context.Canceled", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the text went elsewhere") }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		sent, err := newCarrier(t, func(o *Options) { o.BaseURL = s.URL }).Send(t.Context(), message())
		checkSent(t, sent, err, texting.Sent{}, texting.ClassLater, "")
		s.Close()
	}
}

// Bodies of refusals are closed, or every refusal would cost a connection.
func TestRefusalsKeepTheConnection(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, quoting(21211)+"   ")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := newCarrier(t, func(o *Options) { o.BaseURL = s.URL })
	for range 20 {
		_, _ = c.Send(t.Context(), message())
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("20 refusals took %d connections, want 1", got)
	}
}
