package aliyun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Name is the carrier's name in settings, rows and metrics.
const Name = "aliyun"

// beijing is the zone the service writes times in, without saying so.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// Carrier sends through Alibaba Cloud. Make one with New.
type Carrier struct {
	o        Options
	endpoint string
	client   *http.Client
	networks []netip.Prefix
}

// New makes the carrier; it refuses settings that Check finds wrong.
func New(o Options) (*Carrier, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("carrier aliyun: %w", err)
	}
	o = o.withDefaults()
	networks, err := o.networks()
	if err != nil {
		return nil, fmt.Errorf("carrier aliyun: %w", err)
	}
	client := &http.Client{
		Transport:     o.Transport,
		Timeout:       time.Duration(o.TimeoutSeconds) * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Carrier{o: o, endpoint: strings.TrimSuffix(o.Endpoint, "/"), client: client, networks: networks}, nil
}

// Name gives the carrier's name.
func (c *Carrier) Name() string { return Name }

// Capabilities: templates and the 【signature】 everywhere, links nowhere (a
// variable may not carry one), replies from the mainland alone.
func (c *Carrier) Capabilities(country texting.Country) texting.Capabilities {
	return texting.Capabilities{Inbound: c.o.Replies && country == "CN", SignatureRequired: true, TemplateRequired: true}
}

// Send orders a text from its registered template. The service knows no
// idempotence: a text sent twice is sent twice.
func (c *Carrier) Send(ctx context.Context, m texting.Message) (texting.Sent, error) {
	code := c.template(m.Purpose, m.Language)
	if code == "" {
		return texting.Sent{}, &texting.SendError{Class: texting.ClassHalt, Code: "no_template", Operator: surveys.Text{
			ZH: "没有为“" + string(m.Purpose) + "”设置短信模板", EN: "no template is set for " + string(m.Purpose)}}
	}
	parameters := []parameter{
		{"PhoneNumbers", localNumber(m.To)}, {"SignName", c.o.SignName}, {"TemplateCode", code}, {"OutId", m.ID.String()},
	}
	if len(m.Variables) > 0 {
		values := make(map[string]string, len(m.Variables))
		for _, v := range m.Variables {
			values[v.Name] = string(v.Value)
		}
		raw, err := json.Marshal(values)
		if err != nil {
			return texting.Sent{}, &texting.SendError{Class: texting.ClassFinal, Code: "variables", Err: errors.New("encode the variables")}
		}
		parameters = append(parameters, parameter{"TemplateParam", string(raw)})
	}
	if c.o.Extension != "" {
		parameters = append(parameters, parameter{"SmsUpExtendCode", c.o.Extension})
	}
	r, err := c.call(ctx, "SendSms", parameters)
	if err != nil {
		return texting.Sent{}, lost(err)
	}
	var body struct{ Code, BizId string } //nolint:revive // the service's own name
	if json.Unmarshal(r.body, &body) != nil {
		return texting.Sent{}, classify(r, "")
	}
	if r.status != http.StatusOK || body.Code != "OK" {
		return texting.Sent{}, classify(r, readCode(body.Code))
	}
	return texting.Sent{ProviderID: body.BizId, Status: texting.StatusQueued}, nil
}

func (c *Carrier) template(p texting.Purpose, language string) string {
	if code := c.o.Templates[p][language]; code != "" {
		return code
	}
	return c.o.Templates[p]["zh"]
}

// localNumber is a number as the service wants it: eleven digits on the
// mainland, country and number without a plus elsewhere.
func localNumber(n texting.Number) string {
	digits := strings.TrimPrefix(n.E164(), "+")
	if national, ok := strings.CutPrefix(digits, "86"); ok && len(national) == 11 {
		return national
	}
	return digits
}

// internationalNumber is a number of the service in E.164 form.
func internationalNumber(text string) (texting.Number, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "+"), "00")
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return texting.Number{}, false
	}
	if len(digits) == 11 && digits[0] == '1' && !strings.HasPrefix(strings.TrimSpace(text), "+") {
		digits = "86" + digits
	}
	return texting.NumberOf("+" + digits), true
}

const (
	// findDays is how far back the service's list goes.
	findDays = 30
	// pageSize is the list's largest page, and maxPages bounds a day: a number
	// gets fifty texts a day at the most.
	pageSize = 50
	maxPages = 4
)

// Find looks a text up in the service's list by number, day and our own id. The
// list does not say the service's id, so Sent has none: status reports carry
// ours. A text appears in the list seconds after it was taken; a caller that
// asks at once may hear "not found" too early.
func (c *Carrier) Find(ctx context.Context, m texting.Message, since time.Time) (texting.Sent, bool, error) {
	today := c.o.Now().In(beijing)
	first := since.In(beijing)
	if oldest := today.AddDate(0, 0, -findDays+1); first.Before(oldest) {
		first = oldest
	}
	for day := first; day.Format("20060102") <= today.Format("20060102"); day = day.AddDate(0, 0, 1) {
		for page := 1; page <= maxPages; page++ {
			rows, err := c.sentOn(ctx, m.To, day, page)
			if err != nil {
				return texting.Sent{}, false, err
			}
			for _, row := range rows {
				if row.OutId == m.ID.String() {
					return texting.Sent{Status: row.status()}, true, nil
				}
			}
			if len(rows) < pageSize {
				break
			}
		}
	}
	return texting.Sent{}, false, nil
}

// detail is one row of the service's list of texts.
type detail struct {
	OutId      string //nolint:revive // the service's own name
	SendStatus int
}

func (d detail) status() texting.Status {
	switch d.SendStatus {
	case 2:
		return texting.StatusUndelivered
	case 3:
		return texting.StatusDelivered
	}
	return texting.StatusSent // 1: waiting for the phone's word
}

// sentOn reads a page of what was sent to a number on a day.
func (c *Carrier) sentOn(ctx context.Context, to texting.Number, day time.Time, page int) ([]detail, error) {
	r, err := c.call(ctx, "QuerySendDetails", []parameter{
		{"PhoneNumber", localNumber(to)}, {"SendDate", day.Format("20060102")}, {"PageSize", strconv.Itoa(pageSize)}, {"CurrentPage", strconv.Itoa(page)},
	})
	if err != nil {
		return nil, fmt.Errorf("ask for texts that were sent: %w", err)
	}
	var body struct {
		Code              string
		SmsSendDetailDTOs struct{ SmsSendDetailDTO []detail }
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return nil, errors.New("ask for texts that were sent: the answer is not understood")
	}
	if r.status != http.StatusOK || body.Code != "OK" {
		return nil, fmt.Errorf("ask for texts that were sent: %w", classify(r, readCode(body.Code)))
	}
	return body.SmsSendDetailDTOs.SmsSendDetailDTO, nil
}
