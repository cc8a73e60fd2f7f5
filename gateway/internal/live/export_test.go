package live

import "time"

// Times are the protocol's times that tests shorten; zero keeps one.
type Times struct {
	Hello, Ping, Silence, Probe, Closing, Touch, SelfTestOver time.Duration
}

// SetTimes makes a service made with o run on other times.
func SetTimes(o *DoorOptions, t Times) {
	timing := defaultTiming()
	for _, set := range []struct {
		to   *time.Duration
		from time.Duration
	}{
		{&timing.hello, t.Hello}, {&timing.ping, t.Ping}, {&timing.silence, t.Silence}, {&timing.probe, t.Probe},
		{&timing.closing, t.Closing}, {&timing.touch, t.Touch}, {&timing.selfTestOver, t.SelfTestOver},
	} {
		if set.from != 0 {
			*set.to = set.from
		}
	}
	o.timing = &timing
}
