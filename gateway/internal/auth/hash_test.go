package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/argon2"
)

// quick are parameters for tests: the form is the same, the work is not.
func quick() argonParams { return argonParams{memory: 64, iterations: 1, lanes: 1} }

func TestHashVerifies(t *testing.T) {
	h := newHasher(quick())
	hash, err := h.Hash(t.Context(), "清风徐来水波不兴ab12")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(t.Context(), "清风徐来水波不兴ab12")
	if err != nil {
		t.Fatal(err)
	}
	if hash == again {
		t.Error("two hashes of one password are equal, want another salt each time")
	}
	for _, tt := range []struct {
		name, password string
		want           bool
	}{
		{"the same", "清风徐来水波不兴ab12", true},
		{"full-width letters", "清风徐来水波不兴ａｂ１２", true},
		{"another", "清风徐来水波不兴ab13", false},
		{"empty", "", false},
		{"with something after it", "清风徐来水波不兴ab12 ", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.Verify(t.Context(), tt.password, hash)
			if err != nil || got != tt.want {
				t.Errorf("Verify = %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestHasherUsesTheOWASPParameters(t *testing.T) {
	h := NewHasher()
	hash, err := h.Hash(t.Context(), "a password of length")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(hash, want) {
		t.Errorf("hash begins %q, want %q", hash[:len(want)], want)
	}
	if h.Outdated(hash) {
		t.Error("today's hash is called outdated")
	}
	weaker, err := newHasher(quick()).Hash(t.Context(), "a password of length")
	if err != nil {
		t.Fatal(err)
	}
	if !h.Outdated(weaker) {
		t.Error("a hash of weaker parameters is not called outdated")
	}
	if ok, err := h.Verify(t.Context(), "a password of length", weaker); !ok || err != nil {
		t.Errorf("Verify of an older hash = %v, %v, want it to be read with its own parameters", ok, err)
	}
}

func TestVerifyReadsThePHCForm(t *testing.T) {
	key := argon2.IDKey([]byte("password"), []byte("somesalt"), 2, 64, 1, 24)
	hash := "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$" + base64.RawStdEncoding.EncodeToString(key)
	if ok, err := newHasher(quick()).Verify(t.Context(), "password", hash); !ok || err != nil {
		t.Errorf("Verify = %v, %v, want salt, parameters and key read from their places", ok, err)
	}
}

func TestVerifyRefusesOtherForms(t *testing.T) {
	h := newHasher(quick())
	for _, hash := range []string{
		"", "plain", "$2a$10$abcdefghijklmnopqrstuv",
		"$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$Boqpf33TNo1KBqFXcSbRR1yn/m5SNxXS",
		"$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHQ$Boqpf33TNo1KBqFXcSbRR1yn/m5SNxXS",
		"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$Boqpf33TNo1KBqFXcSbRR1yn/m5SNxXS",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$Boqpf33TNo1KBqFXcSbRR1yn/m5SNxXS",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=64,t=1,p=1$!!$Boqpf33TNo1KBqFXcSbRR1yn/m5SNxXS",
	} {
		if ok, err := h.Verify(t.Context(), "x", hash); ok || !errors.Is(err, errHashFormat) {
			t.Errorf("Verify against %q = %v, %v, want errHashFormat", hash, ok, err)
		}
	}
}

func TestHasherBoundsWhatAFloodHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(quick())
		for range hashSlots { // every slot is taken
			h.slots <- struct{}{}
			h.waiting.Add(1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, hashWaiting)
		for range hashWaiting {
			go func() { _, err := h.Hash(ctx, "x"); results <- err }()
		}
		synctest.Wait()
		if _, err := h.Hash(ctx, "one too many"); !errors.Is(err, ErrBusy) {
			t.Errorf("with %d waiting Hash gives %v, want ErrBusy", hashWaiting, err)
		}
		cancel()
		for range hashWaiting {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("a waiting Hash gives %v after its request ended, want context.Canceled", err)
			}
		}
		if n := h.waiting.Load(); n != hashSlots {
			t.Errorf("%d are counted as waiting, want %d", n, hashSlots)
		}
	})
}

func TestHashOfNobodyIsComparedLikeAnyOther(t *testing.T) {
	h := NewHasherWith(64, 1)
	nobody := h.HashOfNobody()
	if h.Outdated(nobody) {
		t.Errorf("%s has not today's parameters: comparing with it takes another time", nobody)
	}
	if ok, err := h.Verify(t.Context(), "", nobody); ok || err != nil {
		t.Errorf("Verify = %v, %v; want that it does not match, and no error", ok, err)
	}
	if nobody == h.HashOfNobody() {
		t.Error("two hashes of nobody are the same")
	}
}
