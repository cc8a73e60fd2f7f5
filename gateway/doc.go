// Command gateway is Qingfeng's one binary: it serves the screens, keeps the
// store, and feeds the scores. Package main wires and nothing else; what it
// wires lives in gateway/internal and in the domain packages.
package main
