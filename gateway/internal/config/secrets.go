package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// PhoneKeySize is the length of the phone key in bytes (AES-256).
const PhoneKeySize = 32

// leastToken is the shortest metrics token, in characters: what a password
// manager makes, and no word of a language.
const leastToken = 16

// secrets are what may not stand in a settings file.
type secrets struct {
	phoneKey      []byte // nil: see PhoneKey
	redisPassword string
	metricsToken  string
	carriers      carrierSecrets
}

// noMLLP in QINGFENG_MLLP, or in the file, takes no HL7 messages.
const noMLLP = "off"

// environment puts QINGFENG_* variables over the file's settings, and reads the
// secrets, each from its variable or from the file that variable_FILE names.
func (l *loader) environment(c *Config) {
	l.fromEnvironment = map[string]string{}
	for _, v := range []struct {
		name, key string
		setting   *string
	}{
		{"QINGFENG_LISTEN", "listen.http", &c.Listen.Address},
		{"QINGFENG_DATA_DIR", "data_dir", &c.DataDir},
		{"QINGFENG_STORE", "store", &c.Store},
		{"QINGFENG_REDIS", "redis", &c.Redis},
		{"QINGFENG_PUBLIC_URL", "public_url", &c.PublicURL},
		{"QINGFENG_MLLP", "intake.mllp.address", &c.Intake.MLLP.Address},
	} {
		if value := l.getenv(v.name); value != "" {
			*v.setting = value
			l.fromEnvironment[v.key] = v.name
		}
	}
	if c.Intake.MLLP.Address == noMLLP {
		c.Intake.MLLP.Address = "" // an empty variable counts as none
	}
	s := &secrets{}
	c.loaded.secrets = s
	if text, name := l.secret("QINGFENG_PHONE_KEY"); text != "" {
		key, err := parseKey(text)
		if err != nil {
			l.badVariable(name, "%s", err)
		}
		s.phoneKey = key
	}
	s.redisPassword, _ = l.secret("QINGFENG_REDIS_PASSWORD")
	s.metricsToken, _ = l.secret("QINGFENG_METRICS_TOKEN")
	l.carrierSecrets(&s.carriers)
}

// secret gives a secret and the variable it came from; "" when neither the
// variable nor its _FILE twin is set, or when there is a problem.
func (l *loader) secret(name string) (text, from string) {
	value, file := l.getenv(name), l.getenv(name+"_FILE")
	switch {
	case value != "" && file != "":
		l.badVariable(name, "is set, and %s_FILE too; set one of them", name)
		return "", ""
	case file == "":
		return strings.TrimSpace(value), name
	}
	data, err := readSecretFile(file)
	if err != nil {
		l.badVariable(name+"_FILE", "names %s, which %s", file, err)
		return "", ""
	}
	text = strings.TrimSpace(string(data))
	if text == "" {
		l.badVariable(name+"_FILE", "names %s, which is empty", file)
	}
	return text, name + "_FILE"
}

// readSecretFile reads a file that only its owner and group may read. Its
// errors are the end of a sentence about the file and never repeat the content.
func readSecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, readError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a file")
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, fmt.Errorf("others may read or change (mode %04o); run chmod 600 on it", mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, 4097))
	if err != nil {
		return nil, readError(err)
	}
	if len(data) > 4096 {
		return nil, errors.New("is larger than 4096 bytes, so it is not the secret")
	}
	return data, nil
}

// parseKey reads 32 bytes in base64, standard or URL-safe, with or without
// padding. Its errors do not repeat the text.
func parseKey(text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	key, err := base64.RawStdEncoding.DecodeString(plain)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not base64; want %d random bytes, as `openssl rand -base64 %d` prints them", PhoneKeySize, PhoneKeySize)
	case len(key) != PhoneKeySize:
		return nil, fmt.Errorf("holds %d bytes, want %d, as `openssl rand -base64 %d` prints them", len(key), PhoneKeySize, PhoneKeySize)
	case bytes.Equal(key, make([]byte, PhoneKeySize)):
		return nil, errors.New("is all zeros, which is no key")
	}
	return key, nil
}

// secretInFile explains that a key of the settings file is a secret; "" when it
// is none.
func secretInFile(path string) string {
	variable := ""
	switch leaf := path[strings.LastIndexByte(path, '.')+1:]; {
	case path == "metrics.token" || leaf == "metrics_token":
		variable = "QINGFENG_METRICS_TOKEN"
	case leaf == "phone_key":
		variable = "QINGFENG_PHONE_KEY"
	case leaf == "redis_password" || strings.HasPrefix(path, "redis.") && leaf == "password":
		variable = "QINGFENG_REDIS_PASSWORD"
	case path == "carriers.twilio.auth_token":
		variable = "QINGFENG_TWILIO_AUTH_TOKEN"
	case path == "carriers.aliyun.access_key_secret":
		variable = "QINGFENG_ALIYUN_ACCESS_KEY_SECRET"
	case path == "carriers.generic.password":
		variable = "QINGFENG_GENERIC_PASSWORD"
	case path == "carriers.generic.secret":
		variable = "QINGFENG_GENERIC_SECRET"
	case leaf == "password" || leaf == "secret" || leaf == "token":
		return "is a secret, which does not belong in a file like this; secrets come from QINGFENG_* variables or from files those name"
	default:
		return ""
	}
	return "is a secret, which does not belong in a file like this: set " + variable + " or " + variable + "_FILE"
}
