package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the Sentinel of StartWatched calls its master.
const MasterName = "scores"

// Watched is a master with one replica, and the Sentinel that makes the replica
// master within a few seconds of the master's death.
type Watched struct{ Master, Replica, Sentinel *Server }

// StartWatched starts the three and returns when the Sentinel could fail over.
func StartWatched(tb testing.TB) *Watched {
	tb.Helper()
	w := &Watched{Master: StartTCP(tb, "--repl-diskless-sync-delay", "0")}
	w.Replica = StartTCP(tb, "--replicaof", "127.0.0.1", Port(tb, w.Master.Address))
	replica := dial(tb, w.Replica)
	Until(tb, "the replica follows", func() bool {
		return strings.Contains(replica.Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
	// Only now: the Sentinel asks the master for its replicas every 10 s.
	address := FreeAddress(tb)
	dir := tb.TempDir()
	file := filepath.Join(dir, "sentinel.conf") // it writes into it
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\nsentinel monitor %s 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds %[2]s 500\nsentinel failover-timeout %[2]s 3000\n", Port(tb, address), MasterName, Port(tb, w.Master.Address))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatalf("write the Sentinel's settings: %v", err)
	}
	w.Sentinel = &Server{URL: "redis://" + address, Network: "tcp", Address: address}
	w.Sentinel.launch(tb, []string{file, "--sentinel", "--dir", dir})
	sentinel := dial(tb, w.Sentinel)
	Until(tb, "the Sentinel has asked the replica", func() bool { // one it has not asked is not chosen
		replicas, err := sentinel.Do(context.Background(), "SENTINEL", "REPLICAS", MasterName).Result()
		return err == nil && strings.Contains(fmt.Sprint(replicas), "master-link-status:ok")
	})
	return w
}

// slots is how many a cluster has.
const slots = 16384

// StartCluster starts a cluster of three masters, each with a third of the
// slots, and returns when all agree.
func StartCluster(tb testing.TB) []*Server {
	tb.Helper()
	const masters = 3
	ctx := context.Background()
	var servers []*Server
	var clients []*redis.Client
	for range masters {
		bus := Port(tb, FreeAddress(tb))
		s := StartTCP(tb, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus)
		c := dial(tb, s)
		servers, clients = append(servers, s), append(clients, c)
		if err := clients[0].Do(ctx, "CLUSTER", "MEET", "127.0.0.1", Port(tb, s.Address), bus).Err(); err != nil {
			tb.Fatalf("make the cluster's nodes meet: %v", err)
		}
	}
	for i, c := range clients {
		if err := c.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
			tb.Fatalf("give a cluster's node its slots: %v", err)
		}
	}
	Until(tb, "the cluster's nodes agree", func() bool {
		for _, c := range clients {
			info := c.ClusterInfo(ctx).Val()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", masters)) {
				return false
			}
		}
		return true
	})
	return servers
}

// dial gives a client of the server itself, until the test ends.
func dial(tb testing.TB, s *Server) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Address, Network: s.Network})
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
