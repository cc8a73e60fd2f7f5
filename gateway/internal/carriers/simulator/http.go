package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Prefix is where Handler serves: the list, and everything below it.
const Prefix = "/api/v1/phones"

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
	// maxReply bounds a reply, in characters: fifteen segments, more than phones
	// let one type.
	maxReply = 1000
	// pollTime is how long an answer to "what is new" may wait: less than the
	// timeouts of servers and proxies.
	pollTime = 10 * time.Second
	// shownInList bounds the last text as the list shows it, in characters.
	shownInList = 60
)

// Handler answers the phones' page. It shows patients' numbers and texts, so
// every request is first put to allow, which has to know where it comes from or
// who is signed in; nil allows nobody. A request of another site's page is
// refused before that.
//
// GET  Prefix?after=REVISION&boot=BOOT: the phones, at once when there is something newer, otherwise within 10 s
// POST Prefix {"number"}: puts a phone on the desk; {"id"}
// GET  Prefix/{phone}: its thread
// POST Prefix/{phone}/replies {"id","text"}: 202 {"status"}
// POST Prefix/{phone}/failure {"failure"}: 204
func (c *Carrier) Handler(allow func(*http.Request) bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix, c.serveList)
	mux.HandleFunc("POST "+Prefix, c.servePut)
	mux.HandleFunc("GET "+Prefix+"/{phone}", c.serveThread)
	mux.HandleFunc("POST "+Prefix+"/{phone}/replies", c.serveReply)
	mux.HandleFunc("POST "+Prefix+"/{phone}/failure", c.serveFailure)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if allow == nil || !allow(r) {
			refuse(w, http.StatusForbidden, "forbidden", "模拟手机只能在本机打开，或由已登录的管理员打开", "the simulated phones open on this machine alone, or to a signed-in administrator")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
	return http.NewCrossOriginProtection().Handler(guarded)
}

// Local reports whether a request was made on this machine, to this machine, by
// nobody else's page: the peer is loopback, no proxy passed it on, and the name
// it asked for is loopback's, so that a name which somebody pointed at 127.0.0.1
// does not count. It is an allow for Handler on a gateway that listens on
// loopback only.
func Local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

type listBody struct {
	Boot     string      `json:"boot"` // another one: everything begins anew
	Revision int64       `json:"revision"`
	URL      bool        `json:"url"`
	Zone     string      `json:"zone"` // IANA name of the zone the page shows times in
	Phones   []phoneBody `json:"phones"`
}

type phoneBody struct {
	ID       int64     `json:"id"`
	Number   string    `json:"number"`
	Failure  Failure   `json:"failure"`
	Revision int64     `json:"revision"`
	Received int64     `json:"received"`
	Last     *lastBody `json:"last,omitempty"`
}

type lastBody struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	At   string `json:"at"`
}

type threadBody struct {
	phoneBody
	Dropped int         `json:"dropped"`
	Entries []entryBody `json:"entries"`
}

type entryBody struct {
	Number int64  `json:"number"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
	At     string `json:"at"`
	Status string `json:"status"`
	Tries  int    `json:"tries,omitempty"`
}

// wireLayout is the time's form on the wire: RFC 3339 in UTC with milliseconds.
const wireLayout = "2006-01-02T15:04:05.000Z"

func wireTime(t time.Time) string { return t.UTC().Format(wireLayout) }

func (ph *phone) body() phoneBody {
	b := phoneBody{ID: ph.id, Number: ph.number.E164(), Failure: ph.failure, Revision: ph.revision, Received: ph.received}
	if n := len(ph.entries); n > 0 {
		e := ph.entries[n-1]
		b.Last = &lastBody{e.kind, firstCharacters(string(e.body), shownInList), wireTime(e.at)}
	}
	return b
}

func firstCharacters(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func (c *Carrier) serveList(w http.ResponseWriter, r *http.Request) {
	if after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64); err == nil && r.URL.Query().Get("boot") == c.boot {
		c.waitFor(r.Context(), after)
	}
	c.phones.mu.Lock()
	body := listBody{Boot: c.boot, Revision: c.phones.revision, URL: c.o.URL, Zone: c.o.Zone.String(), Phones: []phoneBody{}}
	for _, ph := range c.phones.list() {
		body.Phones = append(body.Phones, ph.body())
	}
	c.phones.mu.Unlock()
	answer(w, http.StatusOK, body)
}

// waitFor returns once there is something newer, or after pollTime.
func (c *Carrier) waitFor(ctx context.Context, after int64) {
	now, later := c.phones.since(after)
	if now {
		return
	}
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	select {
	case <-later:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *Carrier) serveThread(w http.ResponseWriter, r *http.Request) {
	c.phones.mu.Lock()
	ph := c.phones.byID(phoneOf(r))
	var body threadBody
	if ph != nil {
		body = threadBody{phoneBody: ph.body(), Dropped: ph.dropped, Entries: []entryBody{}}
		for _, e := range ph.entries {
			body.Entries = append(body.Entries, entryBody{e.number, e.kind, string(e.body), wireTime(e.at), e.status, e.tries})
		}
	}
	c.phones.mu.Unlock()
	if ph == nil {
		fail(w, errNoPhone)
		return
	}
	answer(w, http.StatusOK, body)
}

func (c *Carrier) servePut(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Number string `json:"number"`
	}
	if !decode(w, r, &body) {
		return
	}
	number, err := readNumber(body.Number)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusCreated, map[string]int64{"id": c.phones.put(number)})
}

// readNumber takes E.164 form with spaces and dashes in it; a bare mainland
// mobile number gets its +86.
func readNumber(text string) (texting.Number, error) {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(digits) == 11 && digits[0] == '1' {
		digits = "+86" + digits
	}
	if len(digits) < 8 || len(digits) > 16 || digits[0] != '+' || digits[1] == '0' || strings.Trim(digits[1:], "0123456789") != "" {
		return texting.Number{}, errNotNumber
	}
	return texting.NumberOf(digits), nil
}

func (c *Carrier) serveReply(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID   surveys.FactID `json:"id"`
		Text string         `json:"text"`
	}
	if !decode(w, r, &body) {
		return
	}
	switch {
	case strings.TrimSpace(body.Text) == "" || body.ID.IsZero():
		fail(w, errEmpty)
		return
	case utf8.RuneCountInString(body.Text) > maxReply:
		fail(w, errTooLong)
		return
	}
	if err := c.Reply(phoneOf(r), body.ID, surveys.Secret(body.Text)); err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"status": replySending})
}

func (c *Carrier) serveFailure(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Failure Failure `json:"failure"`
	}
	if !decode(w, r, &body) {
		return
	}
	if !body.Failure.Valid() {
		refuse(w, http.StatusUnprocessableEntity, "invalid_field", "failure：没有这种故障", "failure: there is no such failure")
		return
	}
	if err := c.phones.fail(phoneOf(r), body.Failure); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// phoneOf is the phone the address names; 0 is none.
func phoneOf(r *http.Request) int64 {
	id, err := strconv.ParseInt(r.PathValue("phone"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// decode reads one JSON object, or answers what is wrong with it.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "not_json", "请求头 Content-Type 必须是 application/json", "Content-Type must be application/json")
		return false
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", "请求内容过大或不完整", "the body is larger than 64 KiB or broke off")
		return false
	}
	if !utf8.Valid(raw) || json.Unmarshal(raw, into) != nil {
		refuse(w, http.StatusBadRequest, "bad_json", "请求内容不是有效的 JSON", "the body is not valid JSON")
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic("simulator: plain values always encode: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw) //nolint:errcheck // the client is gone; there is nobody to tell
}

func refuse(w http.ResponseWriter, status int, code, zh, en string) {
	answer(w, status, map[string]string{"code": code, "message": zh + " / " + en})
}

func fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errNoPhone):
		refuse(w, http.StatusNotFound, "not_found", "没有这部手机", "there is no such phone")
	case errors.Is(err, errEmpty):
		refuse(w, http.StatusUnprocessableEntity, "invalid_field", "text：不能为空，且须带编号", "text: must not be empty, and the reply needs its id")
	case errors.Is(err, errTooLong):
		refuse(w, http.StatusUnprocessableEntity, "invalid_field", "text：最多 1000 个字", "text: at most 1000 characters")
	case errors.Is(err, errNotNumber):
		refuse(w, http.StatusUnprocessableEntity, "invalid_field", "number：须为 +86… 形式的号码", "number: must be of the form +86…")
	default:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "busy", "系统繁忙，请稍后再试", "busy, try again")
	}
}
