package surveys

import "fmt"

// Fen is an amount of money in hundredths of a yuan.
type Fen int64

// String gives yuan with two decimals, such as "0.45".
func (f Fen) String() string {
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	return fmt.Sprintf("%s%d.%02d", sign, f/100, f%100)
}
