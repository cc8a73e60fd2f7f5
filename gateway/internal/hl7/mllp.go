package hl7

import (
	"bufio"
	"errors"
	"io"
)

// Bytes that frame a message: <VT> message <FS> <CR>.
const (
	startOfBlock = 0x0b
	endOfBlock   = 0x1c
	carriage     = 0x0d
)

const (
	// keptHead is how much of an oversized message is kept, in bytes: its header
	// is in there, so that the sender learns which message was refused.
	keptHead = 64 << 10
	// maxSkipped is how far an oversized message is read over to its end, and
	// maxJunk how much may come between two frames, in bytes. Beyond them the
	// other side speaks something else, and the connection is closed.
	maxSkipped = 8 << 20
	maxJunk    = 64 << 10
)

// Errors of a frame reader.
var (
	// ErrFrameTooLong: the message was read over, its beginning is given, and the
	// next frame can be read.
	ErrFrameTooLong = errors.New("frame is longer than 256 KiB")
	// ErrEndless: nothing more can be read from this connection.
	ErrEndless = errors.New("no end of a frame in 8 MiB, or no beginning in 64 KiB")
)

// frames reads MLLP frames from a connection, however they are cut into reads.
type frames struct{ r *bufio.Reader }

func newFrames(r io.Reader) *frames { return &frames{bufio.NewReaderSize(r, 16<<10)} }

// begin waits for the beginning of a frame. Whatever comes before it, the CR of
// the last frame to begin with, is passed over.
func (f *frames) begin() error {
	for range maxJunk {
		b, err := f.r.ReadByte()
		if err != nil {
			return err
		}
		if b == startOfBlock {
			return nil
		}
	}
	return ErrEndless
}

// message reads to the end of a frame that has begun. The CR behind <FS> is not
// waited for, because some senders leave it out. A second <VT> begins the frame
// anew: the sender gave up the first. The connection's end inside a frame is
// io.ErrUnexpectedEOF, and such a message was not received.
func (f *frames) message() ([]byte, error) {
	var out []byte
	tooLong := false
	for skipped := 0; ; {
		part, err := f.r.ReadSlice(endOfBlock)
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] == startOfBlock {
				out, tooLong, part = out[:0], false, part[i+1:]
				break
			}
		}
		switch {
		case tooLong:
			skipped += len(part)
		case len(out)+len(part) > MaxMessage:
			out, tooLong, skipped = append(out, part...)[:keptHead], true, len(out)+len(part)
		default:
			out = append(out, part...)
		}
		switch {
		case ended && tooLong:
			return out, ErrFrameTooLong
		case ended:
			return out, nil
		case skipped > maxSkipped:
			return out, ErrEndless
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// frame wraps a message for the wire.
func frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(out, startOfBlock)
	out = append(out, message...)
	return append(out, endOfBlock, carriage)
}
