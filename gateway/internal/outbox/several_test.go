package outbox_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/analytics/redisstream"
	"qingfeng/analytics/redisstream/redistest"
	"qingfeng/gateway/internal/outbox"
	"qingfeng/surveys"
)

// TestSentinelFailsOverRealRedis kills the master while events are being
// relayed. The replica that takes its place may lack what the master had just
// acknowledged; the counts are right all the same.
func TestSentinelFailsOverRealRedis(t *testing.T) {
	w := redistest.StartWatched(t)
	client := redisstream.NewSentinelClient(&redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: []string{w.Sentinel.Address},
	})
	t.Cleanup(func() { _ = client.Close() })
	random := rand.New(rand.NewPCG(31, 1))
	st := newStore()
	r := startOn(t, client, st)
	for range 20 {
		st.record(taps(random, 50)...)
	}
	r.settled(t)
	before := r.Status().Rebuilds
	for range 20 {
		st.record(taps(random, 50)...)
	}
	w.Master.Kill()
	st.record(taps(random, 500)...)
	redistest.Until(t, "the loss is noticed", func() bool { return r.Status().LastError != "" })
	r.settled(t)
	st.record(taps(random, 500)...)
	r.settled(t)
	r.exact(t)

	replica := open(t, w.Replica.URL)
	if role, err := replica.Do(t.Context(), "ROLE").Slice(); err != nil || len(role) == 0 || role[0] != "master" {
		t.Errorf("the replica's role is %v, %v; want master", role, err)
	}
	if state, err := redisstream.ReadState(t.Context(), replica, "n1"); err != nil || state.Watermark != 3000 {
		t.Errorf("on the new master the state is %+v, %v; want all 3000 events", state, err)
	}
	t.Logf("rebuilt %d times over the fail-over", r.Status().Rebuilds-before)
}

// TestClusterRealRedis lets three nodes relay into one cluster, each with its
// keys on one of the masters, and the boards follow all of them.
func TestClusterRealRedis(t *testing.T) {
	servers := redistest.StartCluster(t)
	dial := func() redis.UniversalClient {
		c := redisstream.NewClusterClient(&redis.ClusterOptions{Addrs: []string{servers[0].Address}}) // it finds the others
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	scores := follow(t, dial())
	nodes := []string{"n1", "n2", "n3"}
	stores, rigs := map[string]*store{}, map[string]*rig{}
	for i, node := range nodes {
		st := newStore()
		st.id = "store-" + node
		st.record(taps(rand.New(rand.NewPCG(32, uint64(i))), 300)...) // rebuilt at the start
		stores[node], rigs[node] = st, startOn(t, dial(), st, func(o *outbox.Options) { o.Node = node })
	}
	for round := range uint64(10) { // and then relayed
		for i, node := range nodes {
			stores[node].record(taps(rand.New(rand.NewPCG(40+round, uint64(i))), 70)...)
		}
	}
	want := analytics.NewCounts()
	for _, node := range nodes {
		rigs[node].settled(t)
		rigs[node].exact(t)
		for _, e := range stores[node].facts {
			want.AddEvent(&e, 1)
		}
	}
	offset := func(n int64) func() bool {
		return func() bool { p := scores.Position(); return p.Offset == n && !p.Behind }
	}
	redistest.Until(t, "the boards have it all", offset(3000))
	opt := analytics.BoardOptions{From: today.AddDays(-3), To: today, Today: today, Hour: 23, Audience: analytics.AudienceOffice}
	got, _ := scores.Board(opt)
	if d := cmp.Diff(analytics.BuildBoard(&surveys.Organisation{}, want, opt), got); d != "" {
		t.Errorf("board (-recounted +followed):\n%s", d)
	}
	used := map[string]bool{}
	for _, node := range nodes {
		on := mastersOf(t, servers, node)
		if len(on) != 1 {
			t.Fatalf("the keys of %s lie on the masters %v, want one", node, on)
		}
		used[on[0]] = true
	}
	if len(used) < 2 {
		t.Error("all nodes lie on one master: this shows nothing of a cluster")
	}

	// A node that gets another name takes its counts along, to another master.
	rigs["n2"].stop()
	renamed := startOn(t, dial(), stores["n2"], func(o *outbox.Options) {
		o.Node, o.Now = "n4", func() time.Time { return noon.Add(time.Minute) }
	})
	stores["n2"].record(taps(rand.New(rand.NewPCG(33, 1)), 30)...)
	renamed.settled(t)
	renamed.exact(t)
	redistest.Until(t, "the boards count the renamed node once", offset(3030))
}

// follow starts a copy of all counts, until the test ends.
func follow(t *testing.T, c redis.UniversalClient) *redisstream.Scores {
	t.Helper()
	scores := redisstream.NewScores(c, redisstream.ScoresOptions{
		Organisation: &surveys.Organisation{}, Zone: time.UTC, Now: func() time.Time { return noon },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = scores.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return scores
}

// mastersOf gives the addresses of the masters that hold keys of a node.
func mastersOf(t *testing.T, servers []*redistest.Server, node string) (on []string) {
	t.Helper()
	for _, s := range servers {
		keys, err := open(t, s.URL).Keys(t.Context(), "*{"+node+"}*").Result()
		if err != nil {
			t.Fatalf("list the keys of a master: %v", err)
		}
		if len(keys) > 0 {
			on = append(on, s.Address)
		}
	}
	return on
}
