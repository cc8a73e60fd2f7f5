package live

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"time"

	"qingfeng/surveys"
)

// maxInstance bounds the name a page gives its own load, in bytes.
const maxInstance = 64

// known is what the server remembers of a device between its connections.
type known struct {
	instance string
	socket   *socket // nil: not connected
	since    int64   // Unix milliseconds, as seen
	seen     int64
	// judging: its two sessions are being told apart.
	judging bool
	// shared: its key is shared and the store does not know it yet.
	shared  bool
	revoked bool
	queued  int64
	queueOK bool

	bucket bucket // of its facts
	asides bucket // of its frames that are none
	judge  judge
}

// devices are the enrolled devices that said hello, and the sessions they have.
type devices struct {
	door  *door
	store DeviceStore

	mu     sync.Mutex
	known  map[surveys.DeviceID]*known
	probes uint64
	watch  []chan<- struct{}
	gone   map[surveys.DeviceID]time.Time // seen since the last touch, not connected now
}

func newDevices(d *door, store DeviceStore) *devices {
	return &devices{door: d, store: store, known: map[surveys.DeviceID]*known{}, gone: map[surveys.DeviceID]time.Time{}}
}

// signedText is what a device signs: the strings as they were sent.
func signedText(origin, deviceID, nonce string) string {
	return "qingfeng device v1\n" + origin + "\n" + deviceID + "\n" + nonce
}

// verify reports whether signature, r‖s in base64url, is publicKey's over text.
func verify(publicKey []byte, text, signature string) bool {
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || len(sig) != 64 {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), publicKey)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

// greeting is a hello that was found to be true.
type greeting struct {
	device surveys.Device
	hello  *inFrame
	// offset is the server's clock minus the device's.
	offset time.Duration
	now    time.Time
}

// hello checks a device's first frame. The code is 0 when it is who it says.
func (d *devices) hello(v *visitor, f *inFrame) (greeting, int) {
	now := d.door.opt.Now()
	clientTime, err := time.Parse(time.RFC3339, f.ClientTime)
	id, bad := surveys.ParseFactID(f.DeviceID)
	if f.Type != typeHello || err != nil || bad != nil || f.Instance == "" || len(f.Instance) > maxInstance {
		return greeting{}, CloseBadFrame
	}
	device, err := d.store.FindDevice(d.door.ctx, id)
	switch {
	case errors.Is(err, d.door.opt.NotFound):
		return greeting{}, CloseNotEnrolled
	case err != nil:
		d.door.log.ErrorContext(d.door.ctx, "a device cannot connect: its record cannot be read", "device", id, "error", err)
		return greeting{}, CloseTooMany
	case !verify(device.PublicKey, signedText(v.origin, f.DeviceID, v.nonce), f.Signature):
		return greeting{}, CloseNotEnrolled
	case !device.RevokedAt.IsZero():
		return greeting{}, CloseRevoked
	case !device.SharedKeyAt.IsZero():
		return greeting{}, CloseSharedKey
	}
	return greeting{device: device, hello: f, offset: now.Sub(clientTime), now: now}, 0
}

// admit makes v the device's one session, or gives the code to close it with.
// It may take timing.probe, while an older session is asked whether it lives.
// ready runs under the lock, so that nothing is sent to the session before it.
func (d *devices) admit(v *visitor, g *greeting, ready func(k *known)) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[g.device.ID]
	if k == nil {
		k = &known{queueOK: true}
		d.known[g.device.ID] = k
	}
	switch {
	case k.revoked:
		return CloseRevoked
	case k.judging:
		return CloseTooMany
	case k.shared:
		return d.markShared(k, g.device.ID)
	}
	if old := k.socket; old != nil && k.instance != g.hello.Instance && !old.closing() {
		k.judging = true
		alive := d.ask(old)
		code := 0
		if alive {
			old.close(CloseSharedKey)
			k.shared = true
			code = d.markShared(k, g.device.ID)
		}
		k.judging = false
		switch {
		case code != 0:
			return code
		case k.revoked:
			return CloseRevoked
		}
	}
	if k.socket != nil {
		k.socket.close(CloseGoingAway)
	}
	k.socket, k.instance = v.socket, strings.Clone(g.hello.Instance)
	k.since, k.seen = g.now.UnixMilli(), g.now.UnixMilli()
	k.queued, k.queueOK = g.hello.Queued, g.hello.QueueOK
	delete(d.gone, g.device.ID)
	ready(k)
	d.changedLocked()
	return 0
}

// ask pings an old session, without the lock while it waits.
func (d *devices) ask(old *socket) bool {
	d.probes++
	payload := "probe " + strconv.FormatUint(d.probes, 10)
	d.mu.Unlock()
	defer d.mu.Lock()
	return old.alive(payload)
}

// markShared tells the store, without the lock. While that fails the device
// stays shared in memory, and its next try tells the store again.
func (d *devices) markShared(k *known, id surveys.DeviceID) int {
	k.judging = true
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(d.door.ctx, d.door.opt.timing.setAside)
	err := d.store.MarkSharedKey(ctx, id, d.door.opt.Now())
	cancel()
	d.mu.Lock()
	k.judging = false
	k.shared = err != nil
	if err != nil {
		d.door.log.ErrorContext(d.door.ctx, "two sessions share a device's key, and the store could not be told", "device", id, "error", err)
	} else {
		d.door.log.WarnContext(d.door.ctx, "two sessions share a device's key; both are stopped until an administrator clears it", "device", id)
	}
	d.changedLocked()
	return CloseSharedKey
}

// ended forgets a session, unless another has taken its place.
func (d *devices) ended(id surveys.DeviceID, s *socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[id]
	if k == nil || k.socket != s {
		return
	}
	k.socket = nil
	now := d.door.opt.Now()
	k.seen = now.UnixMilli()
	d.gone[id] = now
	d.changedLocked()
}

// revoke closes a device's session with 4403 and refuses it from now on.
func (d *devices) revoke(id surveys.DeviceID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[id]
	if k == nil {
		k = &known{}
		d.known[id] = k
	}
	k.revoked = true
	k.seen = d.door.opt.Now().UnixMilli()
	if k.socket != nil {
		k.socket.close(CloseRevoked)
	}
	d.changedLocked()
}

// disconnect sends a device's session away, to come back at once.
func (d *devices) disconnect(id surveys.DeviceID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.known[id]; k != nil && k.socket != nil {
		k.socket.close(CloseGoingAway)
	}
}

// status keeps what a device says of its own queue.
func (d *devices) status(k *known, queued int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := k.queueOK != ok
	k.queued, k.queueOK = queued, ok
	if changed {
		d.changedLocked()
	}
}

// online gives the connected devices.
func (d *devices) online() map[surveys.DeviceID]OnlineState {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[surveys.DeviceID]OnlineState, len(d.known))
	for id, k := range d.known {
		if k.socket != nil {
			out[id] = OnlineState{Since: time.UnixMilli(k.since).UTC(), Queued: k.queued, QueueOK: k.queueOK}
		}
	}
	return out
}

// notify signals ch, without waiting for it, when a device comes, goes or turns
// faulty.
func (d *devices) notify(ch chan<- struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch = append(d.watch, ch)
}

func (d *devices) changed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changedLocked()
}

func (d *devices) changedLocked() {
	for _, ch := range d.watch {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// keep runs until ctx ends: it tells the store once a minute who was seen,
// sends those away who were revoked by another process, and forgets devices that
// have long been away.
func (d *devices) keep(ctx context.Context) {
	tick := time.NewTicker(d.door.opt.timing.touch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.touch(ctx)
			d.recheck(ctx)
		}
	}
}

// recheck closes the sessions of devices that the store no longer lets in: a
// command beside the gateway may have revoked them.
func (d *devices) recheck(ctx context.Context) {
	if len(d.online()) == 0 {
		return
	}
	began := d.door.opt.Now().UnixMilli()
	all, err := d.store.Devices(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.door.log.WarnContext(ctx, "whether connected devices were revoked could not be checked; the next minute tries again", "error", err)
		}
		return
	}
	in := make(map[surveys.DeviceID]*surveys.Device, len(all))
	for i := range all {
		in[all[i].ID] = &all[i]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, k := range d.known {
		if k.socket == nil || k.since >= began {
			continue // what came since was checked by its hello
		}
		switch device := in[id]; {
		case device == nil:
			k.socket.close(CloseNotEnrolled)
		case !device.RevokedAt.IsZero():
			k.revoked = true
			k.socket.close(CloseRevoked)
		case !device.SharedKeyAt.IsZero():
			k.socket.close(CloseSharedKey)
		}
	}
}

func (d *devices) touch(ctx context.Context) {
	now := d.door.opt.Now()
	seen := map[surveys.DeviceID]time.Time{}
	d.mu.Lock()
	for id, at := range d.gone {
		seen[id] = at
	}
	clear(d.gone)
	for id, k := range d.known {
		switch {
		case k.socket != nil:
			seen[id] = now
		case now.Sub(time.UnixMilli(k.seen)) > d.door.opt.timing.remember && !k.judging:
			delete(d.known, id)
		}
	}
	d.mu.Unlock()
	if len(seen) == 0 {
		return
	}
	if err := d.store.TouchDevices(ctx, seen); err != nil && ctx.Err() == nil {
		d.door.log.WarnContext(ctx, "when devices were last seen could not be stored; the next minute tries again", "error", err)
	}
}

// OnlineState is what is known of a connected device.
type OnlineState struct {
	Since time.Time
	// Queued is how many facts the device said it still holds, and QueueOK
	// whether it can hold more.
	Queued  int64
	QueueOK bool
}
