package config

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qingfeng/configs"
)

func TestEnvironmentOverridesTheFile(t *testing.T) {
	dir := write(t, map[string]string{"settings.yaml": "data_dir: /from/file\nstore: /from/file/s.db\n"})
	c, err := Load(filepath.Join(dir, "settings.yaml"), env(map[string]string{
		"QINGFENG_LISTEN":     "127.0.0.1:9000",
		"QINGFENG_DATA_DIR":   "/from/environment",
		"QINGFENG_STORE":      "/from/environment/s.db",
		"QINGFENG_REDIS":      "redis://u:p4ss@10.0.0.9:6380/2",
		"QINGFENG_PUBLIC_URL": "https://qf.example/",
		"QINGFENG_MLLP":       "off",
	}), configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Listen.Address, c.DataDir, c.StorePath(), c.RedisTarget().String(), c.Origin(), c.Intake.MLLP.Address}
	want := []string{"127.0.0.1:9000", "/from/environment", "/from/environment/s.db", "redis 10.0.0.9:6380", "https://qf.example", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if single := c.RedisTarget().Single; single.Password != "p4ss" || single.Username != "u" || single.DB != 2 {
		t.Errorf("redis is read as user %q, database %d", single.Username, single.DB)
	}
}

func TestProblemsNameTheVariable(t *testing.T) {
	got := problemsOf(t, map[string]string{"settings.yaml": "node: n1\n"}, env(map[string]string{
		"QINGFENG_LISTEN":           "0.0.0.0:80000",
		"QINGFENG_STORE":            "postgresql://db",
		"QINGFENG_REDIS":            "redis://:hunter2@[",
		"QINGFENG_PHONE_KEY":        "hunter2!",
		"QINGFENG_REDIS_PASSWORD":   "hunter2",
		"QINGFENG_METRICS_TOKEN":    "hunter2",
		"QINGFENG_DATA_DIR":         " ",
		"QINGFENG_PUBLIC_URL":       "qf.example",
		"QINGFENG_PHONE_KEY_FILE":   "",
		"QINGFENG_NOBODY_KNOWS_IT":  "x",
		"QINGFENG_REDIS_UNRELATED":  "x",
		"QINGFENG_METRICS_TOKEN_XY": "x",
	}))
	want := []string{
		`environment: QINGFENG_PHONE_KEY: is not base64; want 32 random bytes, as ` + "`openssl rand -base64 32`" + ` prints them`,
		`environment: QINGFENG_LISTEN: "0.0.0.0:80000" is not host:port, for example "127.0.0.1:8080"`,
		`environment: QINGFENG_PUBLIC_URL: is not an origin such as https://qingfeng.hospital.example`,
		`environment: QINGFENG_DATA_DIR: is empty; name a directory, for example "./data"`,
		`environment: QINGFENG_STORE: names PostgreSQL, which this version cannot use yet: it keeps its facts in SQLite; name a file, or leave it empty`,
		`environment: QINGFENG_REDIS: is not a URL`,
		`environment: QINGFENG_METRICS_TOKEN: is set, but metrics.access is loopback and asks for none; set metrics.access to token`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(strings.Join(got, "\n"), "hunter2") {
		t.Errorf("a problem repeats a secret: %q", got)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	key := bytes.Repeat([]byte{7}, PhoneKeySize)
	dir := write(t, map[string]string{
		"settings.yaml": "redis: redis+sentinel://s1:26379?master_name=qf\nmetrics: {access: token}\n",
		"key":           base64.RawURLEncoding.EncodeToString(key) + "\n",
		"redis":         "from-a-file\n",
		"token":         "a-token-of-good-length",
	})
	c, err := Load(filepath.Join(dir, "settings.yaml"), env(map[string]string{
		"QINGFENG_PHONE_KEY_FILE":      filepath.Join(dir, "key"),
		"QINGFENG_REDIS_PASSWORD_FILE": filepath.Join(dir, "redis"),
		"QINGFENG_METRICS_TOKEN_FILE":  filepath.Join(dir, "token"),
	}), configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.MetricsBearer(); got != "a-token-of-good-length" {
		t.Errorf("metrics token is %q", got)
	}
	if got := c.RedisTarget().Sentinel.Password; got != "from-a-file" {
		t.Errorf("redis password is %q", got)
	}
	got, err := c.PhoneKey()
	if err != nil || !bytes.Equal(got, key) {
		t.Errorf("phone key is %x, %v", got, err)
	}
	c.DataDir = filepath.Join(dir, "data")
	if _, err := os.Stat(c.DataDir); err == nil {
		t.Error("a key from the environment still made a data directory")
	}
}

func TestSecretFilesOthersMayReadAreRefused(t *testing.T) {
	dir := write(t, map[string]string{"settings.yaml": "node: n1\n", "key": "x", "empty": " \n"})
	for _, tt := range []struct {
		name, file string
		mode       os.FileMode
		want       string
	}{
		{"world-readable", "key", 0o644, "others may read or change (mode 0644); run chmod 600 on it"},
		{"group-writable", "key", 0o660, "others may read or change (mode 0660); run chmod 600 on it"},
		{"group-readable, as a mounted secret is", "key", 0o440, "is not base64"},
		{"empty", "empty", 0o600, "is empty"},
		{"missing", "none", 0, "does not exist"},
		{"a directory", ".", 0, "is not a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.file)
			if tt.mode != 0 {
				if err := os.Chmod(path, tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load("", env(map[string]string{"QINGFENG_PHONE_KEY_FILE": path}), configs.Files)
			if err == nil || !strings.Contains(err.Error(), "QINGFENG_PHONE_KEY_FILE: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one about %q", err, tt.want)
			}
		})
	}
}

func TestOneSecretFromTwoPlacesIsRefused(t *testing.T) {
	_, err := Load("", env(map[string]string{"QINGFENG_METRICS_TOKEN": "a", "QINGFENG_METRICS_TOKEN_FILE": "b"}), configs.Files)
	const want = "environment: QINGFENG_METRICS_TOKEN: is set, and QINGFENG_METRICS_TOKEN_FILE too; set one of them"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
}

func TestPrintingAConfigPrintsNoSecret(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("this-is-the-phone-key-32-bytes!!"))
	c, err := Load("", env(map[string]string{
		"QINGFENG_REDIS": "redis://10.0.0.9:6380", "QINGFENG_REDIS_PASSWORD": "hunter2", "QINGFENG_PHONE_KEY": key,
	}), configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("loaded", "config", c, "redis", c.RedisTarget())
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", c)
	text := fmt.Sprintf("%v %+v %#v %s %v", c, *c, c, c.RedisTarget(), c.RedisTarget()) + log.String()
	for _, secret := range []string{"hunter2", key, "this-is-the-phone-key", fmt.Sprint([]byte("this-is-the")), "0x74, 0x68, 0x69"} {
		if strings.Contains(text, strings.Trim(secret, "[]")) {
			t.Errorf("the printed Config shows %q", secret)
		}
	}
}

func TestRedisSettings(t *testing.T) {
	for _, tt := range []struct{ setting, want, problem string }{
		{"embedded", "embedded", ""},
		{"redis://127.0.0.1:6379/1", "redis 127.0.0.1:6379", ""},
		{"rediss://cache.example", "redis cache.example:6379", ""},
		{"redis+sentinel://s1:26379?master_name=qf&addr=s2:26379", "redis sentinel s1:26379,s2:26379 master qf", ""},
		{"redis+cluster://c1:7000?addr=c2:7000", "redis cluster c1:7000,c2:7000", ""},
		{"rediss+cluster://c1:7000", "redis cluster c1:7000", ""},
		{"redis+sentinel://s1:26379", "", "the sentinel URL must name its master: add ?master_name=…"},
		{"redis+ring://s1", "", `knows redis+sentinel and redis+cluster, not "redis+ring"`},
		{"redis://h:1/notanumber", "", `invalid database number: "notanumber"`},
		{"redis://h:1?no_such_option=1", "", "unexpected option: no_such_option"},
		{"", "", `must be "embedded" or a URL that begins with redis://, rediss://, redis+sentinel:// or redis+cluster:// and names a host`},
		{"127.0.0.1:6379", "", "is not a URL"},
		{"http://127.0.0.1", "", `must be "embedded" or a URL that begins with redis://, rediss://, redis+sentinel:// or redis+cluster:// and names a host`},
	} {
		got, err := parseRedis(tt.setting)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if problem != tt.problem || err == nil && got.String() != tt.want {
			t.Errorf("%q is %q, problem %q; want %q, %q", tt.setting, got, problem, tt.want, tt.problem)
		}
		if err == nil && got.Embedded() != (tt.want == "embedded") {
			t.Errorf("%q: Embedded is %v", tt.setting, got.Embedded())
		}
	}
}

func TestPasswordForAnEmbeddedRedisIsRefused(t *testing.T) {
	_, err := Load("", env(map[string]string{"QINGFENG_REDIS_PASSWORD": "x"}), configs.Files)
	const want = `environment: QINGFENG_REDIS_PASSWORD: is set, but redis is "embedded" and has no password`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		own    string
		all    []string
	}{
		{"default", func(*Config) {}, "http://127.0.0.1:8080",
			[]string{"http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"}},
		{"every address with a certificate", func(c *Config) { c.Listen = Listen{":443", TLS{"a", "b"}} }, "https://localhost",
			[]string{"https://localhost", "https://127.0.0.1", "https://[::1]"}},
		{"behind a proxy", func(c *Config) {
			c.PublicURL, c.AllowedOrigins = "https://qf.example/", []string{"https://qf.example", "https://old.example"}
		}, "https://qf.example", []string{"https://qf.example", "https://old.example"}},
		{"an address of the network", func(c *Config) { c.Listen = Listen{"10.1.2.3:8443", TLS{"a", "b"}} }, "https://10.1.2.3:8443",
			[]string{"https://10.1.2.3:8443"}},
		{"IPv6", func(c *Config) { c.Listen = Listen{"[fd00::5]:443", TLS{"a", "b"}} }, "https://[fd00::5]", []string{"https://[fd00::5]"}},
	} {
		c := Default()
		tt.change(c)
		if got := c.Origin(); got != tt.own {
			t.Errorf("%s: origin is %q, want %q", tt.name, got, tt.own)
		}
		if diff := cmp.Diff(tt.all, c.Origins()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestProxiesAreParsed(t *testing.T) {
	dir := write(t, map[string]string{"settings.yaml": "trusted_proxies: [10.1.2.3/8, \"::1\", 192.168.0.7]\n"})
	c, err := Load(filepath.Join(dir, "settings.yaml"), noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.168.0.7/32")}
	if diff := cmp.Diff(want, c.Proxies(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
}
