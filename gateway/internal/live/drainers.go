package live

import "sync/atomic"

// restingDrainers is how many drainers wait for work; more come and go with it.
const restingDrainers = 32

// drainers write to sockets, each to one at a time. Some stay when their work is
// done: a new goroutine would have to let its stack grow for the first frame it
// writes, which costs more than the frame. One that hangs on a slow screen holds
// nobody up, since another is started when none rests.
type drainers struct {
	work    chan *socket // unbuffered: taken by a resting drainer or by none
	resting atomic.Int32
	over    <-chan struct{} // closed when the resting shall end
}

func newDrainers(over <-chan struct{}) *drainers {
	return &drainers{work: make(chan *socket), over: over}
}

// drain has somebody drain s. It never blocks.
func (d *drainers) drain(s *socket) {
	select {
	case d.work <- s:
	default:
		go d.run(s)
	}
}

func (d *drainers) run(s *socket) {
	for {
		s.drain()
		if d.resting.Add(1) > restingDrainers {
			d.resting.Add(-1)
			return
		}
		select {
		case s = <-d.work:
			d.resting.Add(-1)
		case <-d.over:
			return
		}
	}
}
