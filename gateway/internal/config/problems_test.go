package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemsOfSettings(t *testing.T) {
	for _, tt := range []struct {
		name, yaml string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments only", "# nothing\n", nil},
		{"document marks", "---\nnode: n2\n...\n", nil},
		{
			"unknown, repeated and wrong, all at once",
			"node: n1\nnod: n2\ntablet:\n  prompt_secs: 5\n  thanks_seconds: soon\nnode: n3\nboard: {coalesce_ms: 1.5, min_answers: 3}\nlog: plain\nfoo: 1\n",
			[]string{
				`settings.yaml:2: nod: is not a key here; did you mean node?`,
				`settings.yaml:4: tablet.prompt_secs: is not a key here; known are idle_reset_seconds, thanks_seconds, prompt_seconds`,
				`settings.yaml:5: tablet.thanks_seconds: is text, want a whole number`,
				`settings.yaml:6: node: is written twice, first on line 1`,
				`settings.yaml:7: board.coalesce_ms: is a number that does not fit, want a whole number`,
				`settings.yaml:7: board.min_answers: is 3, want 10 to 1000 answers`,
				`settings.yaml:8: log: is text, want keys with values`,
				`settings.yaml:9: foo: is not a key here; known are ` + strings.Join(fieldsOfConfig(), ", "),
			},
		},
		{"steps smaller than the least answers", "board:\n  batch_step: 9\n", []string{
			`settings.yaml:2: board.batch_step: is 9, less than min_answers, 10: two figures apart would tell of fewer answers than one may`,
		}},
		{"the least answers raised above the steps", "board:\n  min_answers: 20\n", []string{
			`settings.yaml:1: board.batch_step: is 10, less than min_answers, 20: two figures apart would tell of fewer answers than one may`,
		}},
		{"steps as large as the least answers", "board: {min_answers: 20, batch_step: 20}\n", nil},
		{"empty value", "data_dir:\n", []string{`settings.yaml:1: data_dir: is empty, want text; write "" for none`}},
		{"text without quotes", "node: 12\n", []string{`settings.yaml:1: node: is a number, want text; put it in quotes`}},
		{"not a list", "allowed_origins: https://a.example\n", []string{`settings.yaml:1: allowed_origins: is text, want a list`}},
		{"a list at the top", "- a\n- b\n", []string{`settings.yaml:1: is a list, want keys with values`}},
		{"anchors", "node: &a n1\nzone: *a\n", []string{
			`settings.yaml:1: node: uses an anchor, an alias or a tag; write the value itself`,
			`settings.yaml:2: zone: uses an anchor, an alias or a tag; write the value itself`,
		}},
		{"two documents", "node: n1\n---\nnode: n2\n", []string{`settings.yaml:3: holds a second document (after ---); keep one a file`}},
		{"secrets", "phone_key: abc\nmetrics:\n  token: abc\n  access: token\nredis_password: x\naccounts: {password: y}\n", []string{
			`settings.yaml:1: phone_key: is a secret, which does not belong in a file like this: set QINGFENG_PHONE_KEY or QINGFENG_PHONE_KEY_FILE`,
			`settings.yaml:3: metrics.token: is a secret, which does not belong in a file like this: set QINGFENG_METRICS_TOKEN or QINGFENG_METRICS_TOKEN_FILE`,
			`settings.yaml:4: metrics.access: is token: set QINGFENG_METRICS_TOKEN or QINGFENG_METRICS_TOKEN_FILE to at least 16 characters`,
			`settings.yaml:5: redis_password: is a secret, which does not belong in a file like this: set QINGFENG_REDIS_PASSWORD or QINGFENG_REDIS_PASSWORD_FILE`,
			`settings.yaml:6: accounts.password: is a secret, which does not belong in a file like this; secrets come from QINGFENG_* variables or from files those name`,
		}},
		{"plain HTTP on the network", "listen: {http: \"0.0.0.0:80\"}\n", []string{
			"settings.yaml:1: listen.http: 0.0.0.0:80 is reachable from the network, and tablets need HTTPS there (their keys and offline storage work " +
				"only in a secure context); run `gateway cert` to make a certificate and name it under listen.tls, or listen on 127.0.0.1",
		}},
		{"HTTPS on the network", "listen:\n  http: \":8443\"\n  tls: {certificate: a.crt, key: a.key}\n", nil},
		{"half a pair", "listen:\n  tls:\n    key: a.key\n", []string{`settings.yaml:2: listen.tls: needs both certificate and key, or neither`}},
		{"address without port", "listen: {http: localhost}\n", []string{`settings.yaml:1: listen.http: "localhost" is not host:port, for example "127.0.0.1:8080"`}},
		{"loopback by other names", "listen: {http: \"localhost:0\"}\n", nil},
		{"loopback in IPv6", "listen: {http: \"[::1]:8080\"}\n", nil},
		{"origins", "public_url: http://qf.example\nallowed_origins:\n  - \"*\"\n  - https://a.example/x\n  - https://A.example\n  - https://a.example:443\n  - https://ok.example:8443\n", []string{
			`settings.yaml:1: public_url: begins with http://, and browsers give tablets what they need only over https:// (or on the machine itself)`,
			`settings.yaml:3: allowed_origins[0]: is not an origin such as https://qingfeng.hospital.example`,
			`settings.yaml:4: allowed_origins[1]: is not an origin such as https://qingfeng.hospital.example: nothing may follow the host and port`,
			`settings.yaml:5: allowed_origins[2]: must be written in lower case, as browsers send it`,
			`settings.yaml:6: allowed_origins[3]: must leave out the port 443, as browsers do`,
		}},
		{"proxies", "trusted_proxies: [10.0.0.0/8, proxy, \"::/0\"]\n", []string{
			`settings.yaml:1: trusted_proxies[1]: "proxy" is not an address such as "10.0.0.5" or a network such as "10.0.0.0/24"`,
			`settings.yaml:1: trusted_proxies[2]: "::/0" is every address there is; name the one that is meant`,
		}},
		{"PostgreSQL", "store: postgres://db/qf\n", []string{
			`settings.yaml:1: store: names PostgreSQL, which this version cannot use yet: it keeps its facts in SQLite; name a file, or leave it empty`,
		}},
		{"store that is no file", "store: file:x.db?mode=memory\n", []string{
			`settings.yaml:1: store: is not the path of a file; name one, or leave it empty for data_dir/qingfeng.db`,
		}},
		{"password in the Redis URL", "redis: redis://:hunter2@127.0.0.1:6379\n", []string{
			`settings.yaml:1: redis: holds a password, which does not belong in a file: set QINGFENG_REDIS_PASSWORD or QINGFENG_REDIS_PASSWORD_FILE, or the whole URL as QINGFENG_REDIS`,
		}},
		{"zone and words", "zone: Asia/Beijing\nlog: {level: loud, format: xml}\nmetrics: {access: everyone}\nnode: N1\n", []string{
			`settings.yaml:1: zone: "Asia/Beijing" is not a zone such as "Asia/Shanghai"`,
			`settings.yaml:2: log.level: "loud" is not debug, info, warn or error`,
			`settings.yaml:2: log.format: "xml" is not text or json`,
			`settings.yaml:3: metrics.access: "everyone" is not loopback or token`,
			`settings.yaml:4: node: "N1" is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)`,
		}},
		{"hours", "gaming:\n  open_from: \"21:00\"\n  open_to: \"7:00\"\n", []string{`settings.yaml:3: gaming.open_to: "7:00" is not a time of day such as "21:00"`}},
		{"hours backwards", "gaming:\n  open_from: \"21:00\"\n  open_to: \"07:00\"\n", []string{
			`settings.yaml:3: gaming.open_to: 07:00 is before open_from, 21:00 (the same time twice means always open)`,
		}},
		{"files that are not there", "hospital: h.yaml\nquestionnaires:\n  lobby: q/l.yaml\n", []string{
			`settings.yaml:1: hospital: names h.yaml, which does not exist`,
			`settings.yaml:3: questionnaires.lobby: names q/l.yaml, which does not exist`,
		}},
		{"not YAML", "node: [n1\nzone: x\n", []string{`settings.yaml:2: is not YAML: ',' or ']' must be specified`}},
		{"no turn for window systems", "limits: {window_requests_per_second: 0}\n", []string{
			`settings.yaml:1: limits.window_requests_per_second: is 0, want 1 to 100000 requests`,
		}},
		{"rate above burst", "limits: {requests_per_second: 50, request_burst: 10}\n", []string{
			`settings.yaml:1: limits.request_burst: is 10, less than requests_per_second, 50: the rate could never be reached`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, map[string]string{"settings.yaml": tt.yaml}, noEnv)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func fieldsOfConfig() []string {
	return []string{
		"listen", "public_url", "allowed_origins", "trusted_proxies", "data_dir", "store", "redis", "node", "zone", "hospital", "roles",
		"calendar", "nine_rules", "messages", "questionnaires", "tablet", "gaming", "accounts", "enrolment", "board", "callbacks", "followup", "intake", "carriers", "limits", "log", "metrics",
	}
}

func TestProblemsOfEveryNamedFileComeTogether(t *testing.T) {
	got := problemsOf(t, map[string]string{
		"settings.yaml": "hospital: h.yaml\nroles: r.yaml\ncalendar: c.yaml\nnine_rules: n.yaml\nquestionnaires: {window: w.yaml}\nnode: \"\"\n",
		"h.yaml":        "name: {zh: 医院, en: Hospital}\nreporting_phones: [{label: {zh: 电, en: T}, number: \"12345\"}]\ndepartments:\n  - {id: a, name: {zh: 院, en: H}, level: hospital}\n  - {id: b, name: {zh: 办, en: O}, level: conduct_office, parent: a}\nwindows:\n  - {id: w1, name: {zh: 窗}, kind: till, department: zz}\n",
		"r.yaml":        "roles:\n  - {id: admin, name: {zh: 管, en: A}, permissions: [accounts.manage, board.look, accounts.manage]}\n",
		"c.yaml":        "years:\n  - year: 2026\n    source: s\n    holidays: [{name: {zh: 节, en: F}, from: \"2026-13-01\", to: \"2026-01-01\"}]\n",
		"n.yaml":        "rules:\n  - {zh: 一, en: One}\n  - {zh: 二}\n",
		"w.yaml":        "id: window\nrevision: 0\ntitle: {zh: 评, en: R}\nitems:\n  - id: grade\n    kind: grade\n    text: {zh: 问, en: Q}\n    options: [{id: \"1\", text: {zh: 差, en: bad}}]\n",
	}, noEnv)
	want := []string{
		`settings.yaml:6: node: "" is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)`,
		`h.yaml:7: windows[0].name.en: is empty: every name is given in Chinese (zh) and English (en)`,
		`h.yaml:7: windows[0].department: "zz" is not the id of a department`,
		`h.yaml:7: windows[0].kind: "till" is not a kind of window; known are registration, settlement, admission, discharge, pharmacy`,
		`r.yaml:2: roles[0].permissions[1]: "board.look" is not a permission; known are ` + strings.Join(Permissions(), ", "),
		`r.yaml:2: roles[0].permissions[2]: "accounts.manage" is used twice, first as roles[0].permissions[0] on line 2`,
		`c.yaml:4: years[0].holidays[0].from: "2026-13-01" is not a date such as "2026-10-01"`,
		`n.yaml:1: rules: has 2 rules, want the nine`,
		`n.yaml:3: rules[1].en: is empty: every name is given in Chinese (zh) and English (en)`,
		`w.yaml:2: revision: must be 1 or more`,
		`w.yaml:8: items[0].options: has 1 grades, want five, worst (id "1") to best (id "5")`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// frame is a hospital without a fault, into which a test puts its own lines.
const frame = `name: {zh: 医院, en: Hospital}
reporting_phones: [{label: {zh: 电话, en: Phone}, number: "12345"}]
departments:
  - {id: top, name: {zh: 院, en: H}, level: hospital}
  - {id: office, name: {zh: 办, en: O}, level: conduct_office, parent: top}
  - {id: affairs, name: {zh: 处, en: A}, level: functional, parent: office}
`

func TestProblemsOfAHospital(t *testing.T) {
	const place = "lobbies: [{id: hall, name: {zh: 厅, en: L}, department: affairs}]\n"
	for _, tt := range []struct {
		name, yaml string
		want       []string
	}{
		{"none", frame + place, nil},
		{"empty", "", []string{
			`name.zh: is empty: every name is given in Chinese (zh) and English (en)`,
			`name.en: is empty: every name is given in Chinese (zh) and English (en)`,
			`reporting_phones: is empty: patients must be shown at least one number to report to`,
			`departments: has 0 units of level hospital, want exactly one`,
			`departments: has 0 units of level conduct_office, want exactly one`,
			`windows: is empty, and so are wards and lobbies: there is no place to ask a patient at`,
		}},
		{"circle, dangling and upside down", frame + `  - {id: x, name: {zh: 甲, en: X}, level: clinical, parent: y}
  - {id: y, name: {zh: 乙, en: Y}, level: clinical, parent: x}
  - {id: z, name: {zh: 丙, en: Z}, level: clinical, parent: nowhere}
  - {id: u, name: {zh: 丁, en: U}, level: functional, parent: z}
  - {id: v, name: {zh: 戊, en: V}, level: clinical}
  - {id: x, name: {zh: 己, en: X2}, level: individual, parent: office}
  - {id: w, name: {zh: 庚, en: W}, level: wing, parent: office}
` + place, []string{
			`7: departments[3].parent: leads in a circle back to "x"`,
			`8: departments[4].parent: leads in a circle back to "y"`,
			`9: departments[5].parent: "nowhere" is not the id of a department`,
			`10: departments[6].parent: "z" is of level clinical, which is not above functional`,
			`11: departments[7].parent: is missing: every unit but the hospital names the unit above it`,
			`12: departments[8].id: "x" is used twice, first as departments[3].id on line 7`,
			`12: departments[8].level: individual is the level of staff; list people under staff`,
			`13: departments[9].level: "wing" is not a level; known are hospital, conduct_office, functional, clinical`,
		}},
		{"places", frame + `windows:
  - {id: w1, name: {zh: 窗, en: W}, kind: pharmacy, department: affairs}
  - {id: w1, name: {zh: 窗, en: W}, kind: Pharmacy, department: affairs}
wards:
  - id: w1
    name: {zh: 区, en: Ward}
    department: affairs
    beds: ["01", "01", 2, "床"]
  - {id: Ward, name: {zh: 区, en: Ward}, beds: []}
`, []string{
			`9: windows[1].id: "w1" is used twice, first as windows[0].id on line 8`,
			`9: windows[1].kind: "Pharmacy" is not a kind of window; known are registration, settlement, admission, discharge, pharmacy`,
			`11: wards[0].id: "w1" is used twice, first as windows[0].id on line 8`,
			`14: wards[0].beds[2]: is a number, want text; put it in quotes`,
			`14: wards[0].beds[1]: "01" is used twice, first as wards[0].beds[0] on line 14`,
			`14: wards[0].beds[3]: "床" is not a bed (1 to 12 letters, digits, + or -)`,
			`15: wards[1].id: "Ward" is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)`,
			`15: wards[1].department: is missing`,
			`15: wards[1].beds: is empty: a ward has beds`,
		}},
		{"staff", frame + place + `staff:
  - {number: "1", name: {zh: 甲, en: A}, title: {zh: 医师, en: Physician}, department: affairs}
  - {number: 2, name: {zh: 乙, en: B}, title: {zh: 医师, en: Physician}, department: affairs}
  - {number: "1", name: {zh: "丙\u0007", en: C}, title: {zh: 医师}, department: ward}
  - {number: "工1", name: 丁, title: {zh: 医师, en: Physician, fr: Médecin}, department: top}
`, []string{
			`10: staff[1].number: is a number, want text; put it in quotes`,
			`11: staff[2].number: "1" is used twice, first as staff[0].number on line 9`,
			`11: staff[2].name.zh: has a control character or is not UTF-8`,
			`11: staff[2].title.en: is empty: every name is given in Chinese (zh) and English (en)`,
			`11: staff[2].department: "ward" is not the id of a department`,
			`12: staff[3].name: is text, want keys with values`,
			`12: staff[3].title.fr: is not a key here; known are zh, en`,
			`12: staff[3].number: "工1" is not a work number (1 to 20 letters, digits or -)`,
		}},
		{"phone", strings.Replace(frame, `"12345"`, "call us", 1) + place, []string{
			`2: reporting_phones[0].number: "call us" is not a phone number (3 to 20 digits, with spaces, hyphens or a leading +)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, map[string]string{"settings.yaml": "hospital: h.yaml\n", "h.yaml": tt.yaml}, noEnv)
			if diff := cmp.Diff(tt.want, cut(got, "h.yaml:")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// cut takes the file's name off each problem.
func cut(problems []string, prefix string) []string {
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(p, prefix), " "))
	}
	return out
}

func TestProblemsOfACalendar(t *testing.T) {
	got := problemsOf(t, map[string]string{"settings.yaml": "calendar: c.yaml\n", "c.yaml": `years:
  - year: 2026
    source: ""
    holidays:
      - {name: {zh: 元旦, en: New Year}, from: "2026-01-01", to: "2026-01-03"}
      - {name: {zh: 重, en: Twice}, from: "2026-01-03", to: "2026-01-04"}
      - {name: {zh: 反, en: Back}, from: "2026-05-05", to: "2026-05-01"}
      - {name: {zh: 长, en: Long}, from: "2026-07-01", to: "2026-07-31"}
      - {name: {zh: 前, en: Before}, from: "2025-12-31", to: "2025-12-31"}
    make_up: ["2026-01-04", "2026-01-05", "2025-11-01", "2026-01-10", "2026-02-30"]
  - year: 2026
    source: s
    holidays: []
  - {year: 26, source: s, holidays: [{name: {zh: 节, en: F}, from: "x", to: "y"}]}
`}, noEnv)
	want := []string{
		`3: years[0].source: is empty: name the notice the days are from`,
		`6: years[0].holidays[1]: 2026-01-03 is named already, on line 5`,
		`7: years[0].holidays[2].to: 2026-05-01 is before from, 2026-05-05`,
		`8: years[0].holidays[3].to: makes the holiday longer than 15 days`,
		`10: years[0].make_up[0]: 2026-01-04 is named already, on line 6`,
		`10: years[0].make_up[1]: 2026-01-05 is a Monday; make-up days are Saturdays and Sundays`,
		`10: years[0].make_up[2]: 2025-11-01 is outside 2026`,
		`10: years[0].make_up[4]: "2026-02-30" is not a date such as "2026-10-01"`,
		`11: years[1].year: 2026 is listed twice`,
		`13: years[1].holidays: is empty: a year without its holidays is better left out, which is warned of`,
		`14: years[2].year: is 26, want a year from 2000 to 2200`,
		`14: years[2].holidays[0].from: "x" is not a date such as "2000-10-01"`,
		`14: years[2].holidays[0].to: "y" is not a date such as "2000-10-01"`,
	}
	if diff := cmp.Diff(want, cut(got, "c.yaml:")); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsOfRoles(t *testing.T) {
	got := problemsOf(t, map[string]string{"settings.yaml": "roles: r.yaml\n", "r.yaml": `roles:
  - {id: head, name: {zh: 主任, en: Head}, permissions: [accounts.manage], own_department: "yes"}
  - {id: head, name: {zh: 主任, en: Head}, permissions: [], own_department: true}
`}, noEnv)
	want := []string{
		`2: roles[0].own_department: is text, want true or false`,
		`3: roles[1].id: "head" is used twice, first as roles[0].id on line 2`,
	}
	if diff := cmp.Diff(want, cut(got, "r.yaml:")); diff != "" {
		t.Error(diff)
	}
	got = problemsOf(t, map[string]string{"settings.yaml": "roles: r.yaml\n", "r.yaml": `roles:
  - {id: head, name: {zh: 主任, en: Head}, permissions: [accounts.manage], own_department: true}
`}, noEnv)
	want = []string{`1: roles: no role holds accounts.manage for the whole hospital, so nobody could give anybody an account`}
	if diff := cmp.Diff(want, cut(got, "r.yaml:")); diff != "" {
		t.Error(diff)
	}
}

func TestTwoQuestionnairesMayNotShareARevision(t *testing.T) {
	const q = "id: ask\nrevision: 1\ntitle: {zh: 评, en: T}\nitems:\n  - id: grade\n    kind: grade\n    text: {zh: 问, en: Q}\n    options:\n" +
		"      - {id: \"1\", text: {zh: 一, en: a}}\n      - {id: \"2\", text: {zh: 二, en: b}}\n      - {id: \"3\", text: {zh: 三, en: c}}\n" +
		"      - {id: \"4\", text: {zh: 四, en: d}}\n      - {id: \"5\", text: {zh: 五, en: e}}\n"
	files := map[string]string{"settings.yaml": "questionnaires:\n  window: a.yaml\n  bedside: b.yaml\n  lobby: a.yaml\n", "a.yaml": q, "b.yaml": q}
	if got := problemsOf(t, files, noEnv); got != nil {
		t.Errorf("the same questionnaire at three places is refused: %q", got)
	}
	files["b.yaml"] = strings.Replace(q, "en: Q", "en: Other", 1)
	want := []string{
		`settings.yaml:3: questionnaires.bedside: has the id and revision of questionnaires.window but other content; give it its own id or the next revision`,
	}
	if diff := cmp.Diff(want, problemsOf(t, files, noEnv)); diff != "" {
		t.Error(diff)
	}
}
