package httpapi

import (
	"bufio"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/auth"
)

// fill puts something in the places of a route's address.
func fill(path string) string {
	return strings.NewReplacer("{window}", "settlement-1", "{id}", "999999", "{enrolment_id}", "019367c5-8b1e-7d3a-9c5e-0123456789ab").Replace(path)
}

func TestEveryRouteAsksForWhatItsRowSays(t *testing.T) {
	w := newWorld(t)
	people := map[string]*client{}
	person := func(role string) *client {
		if people[role] == nil {
			name := "p" + string(rune('a'+len(people)))
			people[role] = w.person(name, "cardiology", role)
		}
		return people[role]
	}
	for _, rt := range routes() {
		if rt.method == http.MethodDelete {
			continue // it would end the sessions of the others
		}
		t.Run(rt.method+" "+rt.path, func(t *testing.T) {
			target := fill(rt.path)
			bare := w.anybody().do(rt.method, target, map[string]any{})
			switch rt.access {
			case signedIn, permitted:
				bare.problem(http.StatusUnauthorized, "not_signed_in")
			case bearer, windowToken:
				bare.problem(http.StatusUnauthorized, "bad_token")
			case open:
				if bare.Code == http.StatusNotFound || bare.Code >= 500 {
					t.Errorf("an open route answers %d", bare.Code)
				}
			}
			if rt.access != permitted || rt.permission == "" {
				return
			}
			person("none").do(rt.method, target, map[string]any{}).problem(http.StatusForbidden, "forbidden")
			person("all but "+string(rt.permission)).do(rt.method, target, map[string]any{}).problem(http.StatusForbidden, "forbidden")
			allowed := person(string(rt.permission)).do(rt.method, target, map[string]any{})
			if allowed.Code == http.StatusForbidden || allowed.Code == http.StatusUnauthorized || allowed.Code >= 500 {
				t.Errorf("with %s it answers %d %s", rt.permission, allowed.Code, allowed.Body)
			}
			head := person("head").do(rt.method, target, map[string]any{})
			if !rt.scoped && head.Code != http.StatusForbidden {
				t.Errorf("it knows no departments, and answers a department's head %d", head.Code)
			}
		})
	}
}

func TestAPasswordToBeChangedOpensTheSessionAlone(t *testing.T) {
	w := newWorld(t)
	a := w.account("new", "", "all")
	a.MustChangePassword = true
	if _, err := w.store.UpdateAccount(t.Context(), a, "test", auditor()); err != nil {
		t.Fatal(err)
	}
	c := w.anybody()
	c.post("/api/v1/session", map[string]string{"username": "new", "password": password}).want(http.StatusOK)
	for _, rt := range routes() {
		if rt.access == permitted {
			c.do(rt.method, fill(rt.path), map[string]any{}).problem(http.StatusForbidden, "password_change_required")
		}
	}
	c.get("/api/v1/session").want(http.StatusOK)
	c.post("/api/v1/session/password", map[string]string{"current": password, "new": "another long password"}).want(http.StatusNoContent)
	c.get("/api/v1/devices").want(http.StatusOK)
}

var documented = regexp.MustCompile("`(GET|POST|PATCH|PUT|DELETE) (/api/v1/[^`? ]+)[^`]*`(?:, `(/[a-z-]+)`)?")

// TestTheTableIsTheDocuments compares the routes with docs/protocol.md, both
// ways.
func TestTheTableIsTheDocuments(t *testing.T) {
	file, err := os.Open("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	doc := map[string]string{} // endpoint → permission cell, "" outside the table
	for scan := bufio.NewScanner(file); scan.Scan(); {
		line := scan.Text()
		cell := ""
		if cells := strings.Split(strings.ReplaceAll(line, `\|`, " "), "|"); strings.HasPrefix(line, "| `") && len(cells) > 3 {
			cell = strings.Trim(cells[2], " `")
			line = cells[1]
		}
		for _, m := range documented.FindAllStringSubmatch(line, -1) {
			add := func(path string) {
				if key := m[1] + " " + path; doc[key] == "" {
					doc[key] = cell
				}
			}
			add(m[2])
			if m[3] != "" { // "`POST /a/b`, `/c`" also means POST /a/c
				add(m[2][:strings.LastIndex(m[2], "/")] + m[3])
			}
		}
	}
	table := map[string]string{}
	for _, rt := range routes() {
		key, cell := rt.method+" "+rt.path, string(rt.permission)
		switch {
		case rt.access == open && rt.path == "/api/v1/session":
			cell = "–"
		case rt.access == signedIn, rt.access == permitted && rt.permission == "":
			cell = "signed in"
		case rt.path == "/api/v1/enrolments/approve":
		case rt.access != permitted:
			cell = ""
		}
		if _, twice := table[key]; twice {
			t.Errorf("%s stands in the table twice", key)
		}
		table[key] = cell
	}
	if diff := cmp.Diff(doc, table); diff != "" {
		t.Errorf("docs/protocol.md (-) and the table of routes (+) differ:\n%s", diff)
	}
}

func TestNoOtherAddressOfTheAPIExists(t *testing.T) {
	w := newWorld(t)
	c := w.person("officer", "", "all")
	for _, target := range []string{"/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/users", "/api/v2/session", "/api/v1/session/", "/api/v1/callbacks/1", "/ws/", "/ws/other"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			r := c.do(method, target, nil)
			if r.Code != http.StatusNotFound && r.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %d, want 404", method, target, r.Code)
			}
		}
	}
	r := c.do(http.MethodPut, "/api/v1/session", map[string]any{})
	r.problem(http.StatusMethodNotAllowed, "method_not_allowed")
	if got, want := r.Header().Get("Allow"), "DELETE, GET, POST"; got != want {
		t.Errorf("Allow = %q, want %q", got, want)
	}
}

func TestEveryPermissionIsAskedForSomewhere(t *testing.T) {
	used := map[auth.Permission]bool{}
	for _, rt := range routes() {
		if rt.permission != "" {
			used[rt.permission] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(auth.Permissions())), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("permissions there are (-) and asked for (+) differ:\n%s", diff)
	}
}
