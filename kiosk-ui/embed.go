// Package kioskui carries the built screens inside the binary. It holds no
// logic; what serves them is gateway/internal/httpapi.
package kioskui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Screens is the built user interface: tablet.html, board.html, desk.html,
// operator.html and their assets. It is empty but for .gitkeep in a build
// without Node.
func Screens() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("kiosk-ui/dist is embedded: " + err.Error())
	}
	return sub
}
