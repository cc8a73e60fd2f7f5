package sqlstore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"qingfeng/surveys/sqlstore/storetest"
)

func TestStoreIDStaysAndIsItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	ids := make([]string, 8)
	var asking sync.WaitGroup
	for i := range ids {
		asking.Go(func() { ids[i], _ = s.StoreID(t.Context()) })
	}
	asking.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != 32 {
			t.Fatalf("asked at once, the ids are %q", ids)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := storetest.Open(t, path).StoreID(t.Context()); err != nil || again != ids[0] {
		t.Errorf("opened again it is %q (%v), want %q", again, err, ids[0])
	}
	if other, err := storetest.New(t).StoreID(t.Context()); err != nil || other == ids[0] {
		t.Errorf("another store's is %q too (%v)", other, err)
	}
}
