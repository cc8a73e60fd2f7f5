// Package registers holds the conduct office's registers as values: today the
// call-backs (回访) that low ratings open. It has no I/O, clock or logging;
// storing a register is the store's work, and time comes in as an argument.
package registers
