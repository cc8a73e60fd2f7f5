package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"qingfeng/surveys"
)

const (
	// receiptLife is how long a receipt is told again to a page that repeats its
	// save because the answer got lost.
	receiptLife = 30 * time.Minute
	// maxReceipts bounds those remembered, about 150 bytes each.
	maxReceipts = 1000
)

// receipts remembers, in memory alone, which receipt code a save was given: the
// store has only its hash. Nothing in it leads to a survey.
type receipts struct {
	mu    sync.Mutex
	kept  map[[32]byte]receipt
	order [][32]byte // oldest first
}

type receipt struct {
	code  string
	until time.Time
}

func newReceipts() *receipts { return &receipts{kept: make(map[[32]byte]receipt)} }

func receiptKey(token [32]byte, save surveys.FactID) [32]byte {
	return sha256.Sum256(append(token[:], save[:]...))
}

// take gives the save's receipt code: the one it had, or a fresh one.
func (r *receipts) take(token [32]byte, save surveys.FactID, now time.Time) (code string, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 && (len(r.order) >= maxReceipts || !now.Before(r.kept[r.order[0]].until)) {
		delete(r.kept, r.order[0])
		r.order = r.order[1:]
	}
	key := receiptKey(token, save)
	if known, ok := r.kept[key]; ok {
		return known.code, false
	}
	code = newReceiptCode()
	r.kept[key] = receipt{code, now.Add(receiptLife)}
	r.order = append(r.order, key)
	return code, true
}

// forget drops a code that was told to nobody.
func (r *receipts) forget(token [32]byte, save surveys.FactID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := receiptKey(token, save)
	delete(r.kept, key)
	r.order = slices.DeleteFunc(r.order, func(k [32]byte) bool { return k == key })
}

// receiptCodes is how many codes of 16 digits there are.
var receiptCodes = new(big.Int).Exp(big.NewInt(10), big.NewInt(16), nil)

// newReceiptCode draws 16 digits evenly.
func newReceiptCode() string {
	n, err := rand.Int(rand.Reader, receiptCodes)
	if err != nil {
		panic("crypto/rand never fails: " + err.Error())
	}
	return fmt.Sprintf("%016d", n)
}
