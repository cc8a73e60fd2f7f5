package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// deskClient does at the desk what a person does there, over the same HTTP.
type deskClient struct {
	url  string
	http *http.Client
}

func newDeskClient(url string) *deskClient {
	jar, _ := cookiejar.New(nil) // fails only for options it is not given
	return &deskClient{url: url, http: &http.Client{Jar: jar, Timeout: 15 * time.Second}}
}

// call sends body as JSON and reads the answer into out, which may be nil.
func (d *deskClient) call(ctx context.Context, method, path, bearer string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("prepare %s: %w", path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", d.url)
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := d.http.Do(request)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

// signInFirst signs in with the one-time password and sets a lasting one,
// which it gives.
func (d *deskClient) signInFirst(ctx context.Context, oneTime string) (string, error) {
	if err := d.call(ctx, "POST", "/api/v1/session", "", map[string]string{"username": "admin", "password": oneTime}, nil); err != nil {
		return "", err
	}
	lasting := lastingPassword()
	return lasting, d.call(ctx, "POST", "/api/v1/session/password", "", map[string]string{"current": oneTime, "new": lasting}, nil)
}

// createToken makes a bearer token for window systems.
func (d *deskClient) createToken(ctx context.Context, label string) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	err := d.call(ctx, "POST", "/api/v1/tokens", "", map[string]any{"label": label, "windows": []string{}}, &made)
	return made.Token, err
}

// enrolTablet pairs a tablet without a screen and approves it for a window.
func (d *deskClient) enrolTablet(ctx context.Context, window surveys.Place) (tabletclient.Identity, error) {
	enrolment, err := tabletclient.Enrol(ctx, tabletclient.Server{URL: d.url}, surveys.DeviceWindowTablet)
	if err != nil {
		return tabletclient.Identity{}, err
	}
	approval := map[string]any{
		"code": enrolment.Code, "kind": surveys.DeviceWindowTablet, "place": window.ID, "name": window.Name.ZH + "平板", "mirrored": false,
	}
	if err := d.call(ctx, "POST", "/api/v1/enrolments/approve", "", approval, nil); err != nil {
		return tabletclient.Identity{}, err
	}
	return enrolment.Wait(ctx)
}

// reportTransaction tells the gateway of a finished transaction.
func (d *deskClient) reportTransaction(ctx context.Context, token string, window surveys.PlaceID, body any) error {
	return d.call(ctx, "POST", "/api/v1/windows/"+string(window)+"/transactions", token, body, nil)
}
